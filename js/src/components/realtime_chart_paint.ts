/** What a chart has on its canvas beside uPlot's axes and lines: bars, bands, thresholds, marks, the open end. */
import type uPlot from "uplot";
import { chartValue } from "../lib/chart_format";
import type { ChartMark } from "../lib/chart_model";
import type { SeriesLook } from "../lib/chart_palette";
import type { ChartKind, ChartTable } from "../lib/chart_table";

/** Colours and letters of the host, read from its styles. */
export interface Paints {
  dark: boolean;
  surface: string;
  text: string;
  muted: string;
  line: string;
  tones: Record<string, string>;
  /** Letters of the axes, in CSS pixels. */
  size: number;
  family: string;
}

export interface Threshold {
  value: number;
  label: string;
  tone: string;
}

/** A stretch of time of which nothing is known. */
export interface Band {
  from: number;
  to: number;
}

/** What is drawn, in one frame. */
export interface Scene {
  kind: ChartKind;
  table: ChartTable;
  looks: readonly SeriesLook[];
  unit: string;
  whole: boolean;
  /** ms. */
  axis: readonly [number, number];
  values: readonly [number, number];
  every: number;
  known: number;
  bands: readonly Band[];
  thresholds: readonly Threshold[];
  marks: readonly ChartMark[];
  paints: Paints;
}

type Fill = string | CanvasPattern;

/** Diagonal lines, so that a filled shape is told from another without its colour. */
export function hatched(context: CanvasRenderingContext2D, look: SeriesLook, surface: string): Fill {
  if (look.hatch === 0) return look.color;
  const side = 8;
  const tile = document.createElement("canvas");
  tile.width = tile.height = side;
  const ink = tile.getContext("2d");
  if (!ink) return look.color;
  ink.fillStyle = look.color;
  ink.fillRect(0, 0, side, side);
  ink.strokeStyle = ink.fillStyle = surface;
  ink.globalAlpha = 0.55;
  ink.lineWidth = 1.6;
  ink.beginPath();
  if (look.hatch === 2) ink.arc(side / 2, side / 2, 1.5, 0, 7);
  else {
    const up = look.hatch === 1;
    for (const shift of [-side, 0, side]) {
      ink.moveTo(shift, up ? side : 0);
      ink.lineTo(shift + side, up ? 0 : side);
    }
  }
  if (look.hatch === 2) ink.fill();
  else ink.stroke();
  return context.createPattern(tile, "repeat") ?? look.color;
}

const striped = new Map<string, Fill>();

function stripes(context: CanvasRenderingContext2D, color: string): Fill {
  const found = striped.get(color);
  if (found) return found;
  const made = makeStripes(context, color);
  // Themes are few; who goes through all colours starts anew.
  if (striped.size > 20) striped.clear();
  striped.set(color, made);
  return made;
}

function makeStripes(context: CanvasRenderingContext2D, color: string): Fill {
  const side = 10;
  const tile = document.createElement("canvas");
  tile.width = tile.height = side;
  const ink = tile.getContext("2d");
  if (!ink) return color;
  ink.strokeStyle = color;
  ink.globalAlpha = 0.35;
  ink.lineWidth = 1.2;
  ink.beginPath();
  for (const shift of [-side, 0, side]) {
    ink.moveTo(shift, side);
    ink.lineTo(shift + side, 0);
  }
  ink.stroke();
  return context.createPattern(tile, "repeat") ?? color;
}

/** Bars beside each other, or on each other. */
export function barPaths(scene: () => Scene, count: number): uPlot.Series.PathBuilder {
  return (u, index, from, to) => {
    const { kind, table, every } = scene();
    const path = new Path2D();
    const column = table.ys[index - 1] ?? [];
    const bases = table.bases[index - 1];
    const slot = Math.abs(u.valToPos(every * table.per, "x", true) - u.valToPos(0, "x", true));
    const gap = slot > 5 ? Math.min(slot * 0.16, 3 * devicePixelRatio) : 0;
    const width = kind === "stacked" ? slot - gap : (slot - gap) / Math.max(1, count);
    const shift = kind === "stacked" ? 0 : width * (index - 1);
    for (let place = from; place <= to; place++) {
      const value = column[place] ?? null;
      const base = bases?.[place] ?? 0;
      if (value === null || value === base) continue;
      // On whole pixels, which are sharp, and much less to draw.
      const middle = u.valToPos(table.xs[place] ?? 0, "x", true);
      const left = Math.round(middle - (slot - gap) / 2 + shift);
      const right = Math.round(middle - (slot - gap) / 2 + shift + width);
      const top = Math.round(u.valToPos(Math.max(value, base), "y", true));
      const bottom = Math.round(u.valToPos(Math.min(value, base), "y", true));
      path.rect(left, top, Math.max(right - left, 1), Math.max(bottom - top, 1));
    }
    return { fill: path, stroke: null, clip: null, band: null, gaps: null, flags: 0 } as never;
  };
}

/** Points that no line leads to or from. */
export function lonely(column: readonly (number | null | undefined)[]): number[] {
  const found: number[] = [];
  for (let place = 0; place < column.length; place++) {
    if (column[place] == null) continue;
    if (column[place - 1] == null && column[place + 1] == null) found.push(place);
  }
  return found;
}

function inside(u: uPlot, paint: (context: CanvasRenderingContext2D) => void): void {
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, width, height);
  u.ctx.clip();
  paint(u.ctx);
  u.ctx.restore();
}

/** Behind everything: the stretches of which nothing is known. */
export function paintBands(u: uPlot, { bands, paints }: Scene): void {
  if (bands.length === 0) return;
  inside(u, (context) => {
    const { top, height } = u.bbox;
    for (const { from, to } of bands) {
      const left = u.valToPos(from, "x", true);
      const right = u.valToPos(to, "x", true);
      context.fillStyle = paints.muted;
      context.globalAlpha = 0.08;
      context.fillRect(left, top, right - left, height);
      context.globalAlpha = 1;
      context.fillStyle = stripes(context, paints.muted);
      context.fillRect(left, top, right - left, height);
    }
  });
}

/** In front: the bucket that is not over, the thresholds, the marks. */
export function paintFront(u: uPlot, scene: Scene): void {
  inside(u, (context) => {
    if (scene.table.tail) paintTail(u, context, scene);
    paintMarks(u, context, scene);
    paintThresholds(u, context, scene);
  });
}

function paintTail(u: uPlot, context: CanvasRenderingContext2D, scene: Scene): void {
  const { table, looks, kind, every, known } = scene;
  const tail = table.tail;
  if (!tail) return;
  const ratio = devicePixelRatio;
  const shift = kind === "step" ? every : every / 2;
  const x = u.valToPos(Math.min(tail.start + shift, Math.max(tail.start, known)), "x", true);
  const end = table.xs.length - 1;
  looks.forEach((look, index) => {
    const value = tail.ys[index] ?? null;
    if (value === null) return;
    const y = u.valToPos(value, "y", true);
    const before = table.ys[index]?.[end] ?? null;
    context.strokeStyle = look.color;
    context.lineWidth = 1.5 * ratio;
    context.setLineDash([1.5 * ratio, 3 * ratio]);
    if (before !== null) {
      context.beginPath();
      context.moveTo(u.valToPos(table.xs[end] ?? 0, "x", true), u.valToPos(before, "y", true));
      if (kind === "step") context.lineTo(u.valToPos(tail.start, "x", true), y);
      context.lineTo(x, y);
      context.stroke();
    }
    context.setLineDash([]);
    context.beginPath();
    context.arc(x, y, 2.5 * ratio, 0, 7);
    context.fillStyle = scene.paints.surface;
    context.fill();
    context.stroke();
  });
}

/** Each tone has a shape of its own. */
function flag(context: CanvasRenderingContext2D, tone: string, x: number, y: number, size: number): void {
  context.beginPath();
  if (tone === "bad") {
    context.moveTo(x, y - size);
    context.lineTo(x + size, y);
    context.lineTo(x, y + size);
    context.lineTo(x - size, y);
  } else if (tone === "warn") {
    context.moveTo(x, y - size);
    context.lineTo(x + size, y + size * 0.8);
    context.lineTo(x - size, y + size * 0.8);
  } else if (tone === "good") context.arc(x, y, size * 0.85, 0, 7);
  else context.rect(x - size * 0.75, y - size * 0.75, size * 1.5, size * 1.5);
  context.closePath();
  context.fill();
}

function paintMarks(u: uPlot, context: CanvasRenderingContext2D, { marks, axis, paints }: Scene): void {
  const ratio = devicePixelRatio;
  const { top, height } = u.bbox;
  const size = paints.size * 0.42 * ratio;
  for (const { at, tone } of marks) {
    if (at < axis[0] || at > axis[1]) continue;
    const x = Math.round(u.valToPos(at, "x", true)) + 0.5;
    context.strokeStyle = context.fillStyle = paints.tones[tone] ?? paints.muted;
    context.globalAlpha = 0.7;
    context.lineWidth = ratio;
    context.setLineDash([2 * ratio, 2 * ratio]);
    context.beginPath();
    context.moveTo(x, top + size * 2);
    context.lineTo(x, top + height);
    context.stroke();
    context.globalAlpha = 1;
    context.setLineDash([]);
    flag(context, tone, x, top + size * 1.1, size);
  }
}

function paintThresholds(u: uPlot, context: CanvasRenderingContext2D, scene: Scene): void {
  const { thresholds, values, paints, unit, whole } = scene;
  const ratio = devicePixelRatio;
  const { left, top, width, height } = u.bbox;
  const font = paints.size * ratio;
  context.font = `600 ${font}px ${paints.family}`;
  context.textAlign = "end";
  context.textBaseline = "middle";
  for (const { value, label, tone } of thresholds) {
    const beyond = value > values[1] ? "↑ " : value < values[0] ? "↓ " : "";
    const words = `${beyond}${label ? `${label} ` : ""}${chartValue(value, unit, whole && Number.isInteger(value))}`;
    const y = Math.round(u.valToPos(value, "y", true)) + 0.5;
    const color = paints.tones[tone] ?? paints.muted;
    context.strokeStyle = color;
    if (beyond === "") {
      context.lineWidth = 1.5 * ratio;
      context.setLineDash(tone === "bad" ? [] : [7 * ratio, 4 * ratio]);
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(left + width, y);
      context.stroke();
      context.setLineDash([]);
    }
    // Above its line where there is room, else below; beyond the edge at the edge.
    const over = y - font * 0.85;
    const place =
      beyond === "↑ "
        ? top + font * 0.9
        : beyond === "↓ "
          ? top + height - font * 0.9
          : over - font / 2 < top
            ? y + font * 0.9
            : over;
    const right = left + width - 5 * ratio;
    const wide = Math.min(context.measureText(words).width, width * 0.8);
    context.fillStyle = paints.surface;
    context.globalAlpha = 0.8;
    context.fillRect(right - wide - 3 * ratio, place - font * 0.6, wide + 6 * ratio, font * 1.2);
    context.globalAlpha = 1;
    context.fillStyle = color;
    context.fillText(words, right, place, width * 0.8);
  }
}
