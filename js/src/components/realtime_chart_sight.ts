/** What of a chart is seen at a moment: its axis, its table, its bands. Between the model and the plot. */
import { chartValue } from "../lib/chart_format";
import { type ChartFacts, shownOf } from "../lib/chart_meta";
import type { ChartModel, ChartSeries } from "../lib/chart_model";
import { isDark, lookOf, type SeriesLook } from "../lib/chart_palette";
import { type ChartTable, chartTable, niceRange, valueAt } from "../lib/chart_table";
import type { RealtimeChartOptions } from "./realtime_chart";
import type { LegendEntry } from "./realtime_chart_legend";
import type { Band, Paints, Scene } from "./realtime_chart_paint";

export interface SightRequest {
  facts: ChartFacts;
  options: RealtimeChartOptions;
  /** Kernel ms: now, up to which the rows are right, and where the axis was paused. */
  now: number;
  known: number;
  frozen: number | null;
  paints: Paints;
  room: number;
}

export interface Sight {
  facts: ChartFacts;
  axis: readonly [number, number];
  /** The bucket that is not over, and the last one that is and is known. */
  current: number;
  latest: number;
  complete: number | null;
  shown: readonly { series: ChartSeries; look: SeriesLook }[];
  bars: boolean;
  scene: Scene;
  unit: string;
}

export interface Sights {
  /** What lies before this bucket has never come. */
  holdFrom(bucket: number): void;
  look(request: SightRequest): Sight;
  /** All series with their values in a bucket. */
  entries(sight: Sight, bucket: number): LegendEntry[];
  /** A series' value in a bucket. */
  value(sight: Sight, series: ChartSeries, bucket: number): number | null;
}

/** A threshold so many times above what there is does not press that flat: it is told at the edge. */
const REACH = 3;

export function sights(model: ChartModel): Sights {
  let held = Number.NEGATIVE_INFINITY;
  let key = "";
  let table: ChartTable | null = null;
  let values: [number, number] = [0, 1];

  function axisOf({ facts, options, now, known, frozen }: SightRequest): [number, number] {
    if (options.range) return [options.range[0], options.range[1]];
    // Where nothing is heard any more, what is known stays in sight.
    const end = frozen ?? Math.min(now, known + facts.span / 2);
    return [end - facts.span, end];
  }

  function value(sight: Sight, series: ChartSeries, bucket: number): number | null {
    return valueAt(model.at(bucket), series, bucket, {
      every: sight.facts.every,
      known: sight.scene.known,
      complete: sight.complete,
      zero: sight.facts.measures.map(({ zero }) => zero),
    });
  }

  return {
    holdFrom(bucket) {
      held = bucket;
    },
    look(request) {
      const { facts, options, now, known, paints, room } = request;
      const axis = axisOf(request);
      const { every } = facts;
      const current = Math.floor(now / every);
      const first = Math.min(Math.floor(axis[0] / every), current - facts.buckets);
      if (first > held) {
        model.forget(first);
        held = first;
      }
      const complete = Math.max(facts.from ?? Number.NEGATIVE_INFINITY, held * every);
      const shown = shownOf(model.series, options.visible).map((series) => ({
        series,
        look: lookOf(series.slot, series.measure, paints.dark, paints.size / 6),
      }));
      const kind = options.kind;
      const from = Math.floor(axis[0] / every) - 1;
      const to = Math.floor(axis[1] / every);
      const last = Math.min(Math.floor(known / every), current);
      const asked = [model.version, from, to, current, last, complete, room, kind, options.visible].join();
      if (asked !== key || !table) {
        key = asked;
        table = chartTable(model, {
          kind,
          every,
          from,
          to,
          current,
          known,
          complete,
          series: shown.map(({ series }) => series),
          zero: facts.measures.map(({ zero }) => zero),
          room,
        });
      }
      values = rangeOf(table, facts);
      const bands: Band[] = [];
      const begin = options.range || request.frozen !== null ? complete : (facts.from ?? axis[0]);
      if (begin > axis[0]) bands.push({ from: axis[0], to: Math.min(begin, axis[1]) });
      if (known < now && known < axis[1]) bands.push({ from: Math.max(known, axis[0]), to: axis[1] });
      const whole = facts.measures.every((measure) => measure.whole);
      return {
        facts,
        axis,
        current,
        latest: Math.min(current, last, Math.floor(axis[1] / every)) - 1,
        complete,
        shown,
        bars: kind === "bar" || kind === "stacked",
        unit: options.unit,
        scene: {
          kind,
          table,
          looks: shown.map(({ look }) => look),
          unit: options.unit,
          whole,
          axis,
          values,
          every,
          known,
          bands,
          thresholds: facts.thresholds,
          marks: model.marks,
          paints,
        },
      };
    },
    entries(sight, bucket) {
      const shown = new Set(sight.shown.map(({ series }) => series.number));
      return model.series.map((series) => ({
        series,
        look: lookOf(series.slot, series.measure, sight.scene.paints.dark, sight.scene.paints.size / 6),
        value: chartValue(
          value(sight, series, bucket),
          sight.unit,
          sight.facts.measures[series.measure]?.whole,
        ),
        shown: shown.has(series.number),
      }));
    },
    value,
  };
}

function rangeOf(table: ChartTable, facts: ChartFacts): [number, number] {
  let least = 0;
  let most = 0;
  const see = (value: number | null | undefined): void => {
    if (value == null) return;
    if (value < least) least = value;
    if (value > most) most = value;
  };
  for (const column of table.ys) for (const value of column) see(value);
  for (const value of table.tail?.ys ?? []) see(value);
  for (const { value } of facts.thresholds) {
    if (value <= most * REACH || most === 0) see(value);
  }
  const whole = facts.measures.every((measure) => measure.whole);
  const [low, high] = niceRange(least, most * 1.04);
  return [low, whole ? Math.max(high, low + 4) : high];
}

/** Read the host's colours and letters; costs a layout, so it is done when they may have changed. */
export function readPaints(root: HTMLElement): Paints {
  const style = getComputedStyle(root);
  const variable = (name: string, otherwise: string): string => {
    const found = style.getPropertyValue(name).trim();
    return found || otherwise;
  };
  const surface = style.backgroundColor || "#ffffff";
  const dark = isDark(surface, root.dataset.lwTheme === "dark");
  const text = style.color || (dark ? "#e8eaee" : "#1b1f26");
  const size = Math.max(11, Math.round((Number.parseFloat(style.fontSize) || 13) * 0.92));
  const tones = { good: "good", warn: "warn", bad: "bad", neutral: "muted" };
  return {
    dark,
    surface,
    text,
    muted: variable("--lw-muted", dark ? "#a2abb8" : "#59616e"),
    line: variable("--lw-chart-grid", dark ? "#2a2f37" : "#e9ebef"),
    tones: Object.fromEntries(
      Object.entries(tones).map(([tone, name]) => [tone, variable(`--lw-${name}`, text)]),
    ),
    size,
    family: style.fontFamily || "sans-serif",
  };
}
