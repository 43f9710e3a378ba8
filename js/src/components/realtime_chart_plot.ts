/** The plot: uPlot kept in step with a scene, its crosshair and its brush. */
import uPlot from "uplot";
import { axisMoments, axisValues } from "../lib/chart_format";
import { make } from "../lib/dom";
import { barPaths, hatched, lonely, paintBands, paintFront, type Scene } from "./realtime_chart_paint";

export interface PlotCallbacks {
  /** A stretch was brushed, in ms. */
  onRange(range: [number, number]): void;
  onReset(): void;
  /** The crosshair stands at a pixel of the plot; null for nowhere. */
  onHover(left: number | null): void;
  onResize(): void;
}

export interface Plot {
  /** What is focused and named. */
  element: HTMLElement;
  /** How many points there is room for. */
  readonly room: number;
  draw(scene: Scene): void;
  /** ms at a pixel of the plot. */
  momentAt(left: number): number;
  /** The pixel of the plot's box and of this element at which a moment is. */
  placeOf(moment: number): { left: number; offset: number; width: number };
  /** Set the crosshair to a moment; null for nowhere. */
  point(moment: number | null): void;
  /** Show a stretch as brushed without choosing it; null for none. */
  brush(range: readonly [number, number] | null): void;
  picture(): HTMLCanvasElement | null;
}

/** Steps of an axis of what has no halves. */
const WHOLE = Array.from({ length: 15 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();
/** A drag shorter than this is a click. */
const LEAST_DRAG = 6;

export function chartPlot(callbacks: PlotCallbacks, signal: AbortSignal): Plot {
  const element = make("div", "lw-plot", { tabindex: 0, role: "img" });
  let width = 0;
  let height = 0;
  let plot: uPlot | null = null;
  let shape = "";
  let scene: Scene | null = null;
  let brushed = false;
  const measure = new ResizeObserver((entries) => {
    const box = entries.at(-1)?.contentRect;
    if (!box) return;
    width = Math.floor(box.width);
    height = Math.floor(box.height);
    callbacks.onResize();
  });
  measure.observe(element);
  signal.addEventListener(
    "abort",
    () => {
      measure.disconnect();
      plot?.destroy();
      plot = null;
    },
    { once: true },
  );

  const now = (): Scene => scene as Scene;

  function build(first: Scene): uPlot {
    const { kind, looks, paints, table } = first;
    const bars = kind === "bar" || kind === "stacked";
    const font = `${paints.size}px ${paints.family}`;
    const axis = (extra: uPlot.Axis): uPlot.Axis => ({
      font,
      stroke: paints.muted,
      ticks: { show: false },
      grid: { stroke: paints.line, width: 1 },
      ...extra,
    });
    const made = new uPlot(
      {
        width,
        height,
        ms: 1,
        legend: { show: false },
        // On the right half of a time fits beyond the plot: the last one may stand at its edge.
        padding: [paints.size * 0.8, paints.size * 1.6, 0, 0],
        scales: { x: { time: true, auto: false }, y: { auto: false } },
        axes: [
          axis({
            size: paints.size * 2,
            gap: paints.size * 0.5,
            space: paints.size * 6.5,
            values: (_, times, __, ___, step) => axisMoments(times, step),
            grid: { show: false },
          }),
          axis({
            gap: paints.size * 0.5,
            space: paints.size * 3,
            ...(first.whole ? { incrs: WHOLE } : {}),
            size: (_, labels) =>
              paints.size * (1.4 + 0.58 * Math.max(2, ...(labels ?? []).map((label) => label.length))),
            values: (_, values) => axisValues(values, now().unit),
          }),
        ],
        series: [
          {},
          ...looks.map((look, index): uPlot.Series => {
            const line: uPlot.Series = {
              stroke: look.color,
              width: bars ? 0 : paints.size / 6,
              dash: look.dash,
              points: {
                show: false,
                size: paints.size * 0.5,
                fill: look.color,
                filter: (_, at) => lonely(now().table.ys[at - 1] ?? []),
              },
            };
            if (bars) {
              line.paths = barPaths(now, looks.length);
              let fill: string | CanvasPattern | null = null;
              line.fill = (u) => {
                fill ??= hatched(u.ctx, look, paints.surface);
                return fill as string;
              };
              line.points = { show: false };
            } else if (kind === "step") {
              const steps = uPlot.paths.stepped?.({ align: 1 });
              if (steps) line.paths = steps;
            }
            if (kind === "area") line.fill = `${look.color}${index === 0 ? "2e" : "24"}`;
            return line;
          }),
        ],
        cursor: {
          y: false,
          x: true,
          points: bars ? { show: false } : { size: paints.size * 0.65, width: 1.5 },
          drag: { x: true, y: false, setScale: false },
          bind: {
            dblclick: () => () => {
              callbacks.onReset();
              return null;
            },
          },
        },
        hooks: {
          drawClear: [(u) => paintBands(u, now())],
          draw: [(u) => paintFront(u, now())],
          setCursor: [
            (u) => {
              const { left } = u.cursor;
              callbacks.onHover(left === undefined || left < 0 ? null : left);
            },
          ],
          setSelect: [
            (u) => {
              const { left, width: wide } = u.select;
              if (wide === 0) return;
              const range: [number, number] = [u.posToVal(left, "x"), u.posToVal(left + wide, "x")];
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              if (wide >= LEAST_DRAG && range[0] < range[1]) callbacks.onRange(range);
            },
          ],
        },
      },
      data(table),
      element,
    );
    made.setScale("x", { min: first.axis[0], max: first.axis[1] });
    made.setScale("y", { min: first.values[0], max: first.values[1] });
    return made;
  }

  function data(table: Scene["table"]): uPlot.AlignedData {
    return [table.xs, ...table.ys] as uPlot.AlignedData;
  }

  return {
    element,
    get room() {
      return Math.max(60, width - 60);
    },
    draw(next) {
      const before = scene;
      scene = next;
      if (width < 40 || height < 40) return;
      const { paints, looks, kind, whole } = next;
      const now = JSON.stringify([paints, looks, kind, whole]);
      if (now !== shape || !plot) {
        shape = now;
        plot?.destroy();
        plot = build(next);
        return;
      }
      const u = plot;
      u.batch(() => {
        if (u.width !== width || u.height !== height) u.setSize({ width, height });
        if (before?.table !== next.table) u.setData(data(next.table), false);
        u.setScale("x", { min: next.axis[0], max: next.axis[1] });
        u.setScale("y", { min: next.values[0], max: next.values[1] });
        // What lies in front may have changed where the scales have not.
        u.redraw(true, false);
      });
    },
    momentAt: (left) => plot?.posToVal(left, "x") ?? Number.NaN,
    placeOf(moment) {
      if (!plot) return { left: -1, offset: 0, width: 0 };
      return {
        left: plot.valToPos(moment, "x"),
        offset: plot.bbox.left / devicePixelRatio,
        width: plot.bbox.width / devicePixelRatio,
      };
    },
    point(moment) {
      if (!plot) return;
      const left = moment === null ? -10 : plot.valToPos(moment, "x");
      plot.setCursor({ left, top: moment === null ? -10 : plot.bbox.height / devicePixelRatio / 2 });
    },
    brush(range) {
      // A brush that a pointer holds is uPlot's.
      if (!plot || (range === null && !brushed)) return;
      brushed = range !== null;
      const [left, right] = range ? range.map((at) => plot?.valToPos(at, "x") ?? 0) : [0, 0];
      const tall = range ? plot.bbox.height / devicePixelRatio : 0;
      const wide = Math.abs((right ?? 0) - (left ?? 0));
      plot.setSelect({ left: Math.min(left ?? 0, right ?? 0), top: 0, width: wide, height: tall }, false);
    },
    picture: () => plot?.ctx.canvas ?? null,
  };
}
