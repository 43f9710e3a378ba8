/** Buckets as the columns that a chart draws: gaps, zeros, stacks, and no more points than pixels. Pure. */
import type { ChartModel, ChartSeries, Values } from "./chart_model";

export type ChartKind = "line" | "area" | "step" | "bar" | "stacked";

export interface TableRequest {
  kind: ChartKind;
  /** The length of a bucket in ms. */
  every: number;
  /** The first and the last bucket to be drawn. */
  from: number;
  to: number;
  /** The bucket that is not over yet. */
  current: number;
  /** Kernel ms up to which, and from which on, the rows are known to be right. */
  known: number;
  complete: number | null;
  /** The series to be drawn, in order, and for each measure whether nothing is 0. */
  series: readonly ChartSeries[];
  zero: readonly boolean[];
  /** How many points there is room for. */
  room: number;
}

export type Column = (number | null)[];

export interface ChartTable {
  /** ms: the middle of each bucket, or its start for steps. */
  xs: number[];
  /** One column a series. */
  ys: Column[];
  /** Of a stack, on what each value stands; else empty. */
  bases: Column[];
  /** How many buckets a place holds; above 1 where there is no room for all. */
  per: number;
  /** The bucket that is not over yet, where lines end before it: its start in ms and a value a series. */
  tail: { start: number; ys: Column } | null;
}

/**
 * A series' value in a bucket. Null where nothing is known: after the rows were last right, before they are complete,
 * or where the measure of nothing is not 0.
 */
export function valueAt(
  values: Values,
  series: ChartSeries,
  bucket: number,
  { every, known, complete, zero }: Pick<TableRequest, "every" | "known" | "complete" | "zero">,
): number | null {
  const start = bucket * every;
  const value = values.get(series.number);
  if (value !== undefined) return value;
  if (start > known || (complete !== null && start < complete)) return null;
  return zero[series.measure] ? 0 : null;
}

export function chartTable(model: ChartModel, request: TableRequest): ChartTable {
  const { kind, every, from, to, current, series, room } = request;
  const bars = kind === "bar" || kind === "stacked";
  // A line that falls to what the first second of a bucket has brought would be read as a fall.
  const last = bars ? to : Math.min(to, current - 1);
  const count = Math.max(0, last - from + 1);
  const per = Math.max(1, Math.ceil(count / Math.max(1, room)));
  const shift = kind === "step" ? 0 : every / 2;
  const table: ChartTable = { xs: [], ys: series.map(() => []), bases: [], per, tail: null };
  const read = (bucket: number): Column => {
    const values = model.at(bucket);
    return series.map((one) => valueAt(values, one, bucket, request));
  };
  if (per === 1) {
    for (let bucket = from; bucket <= last; bucket++) push(table, bucket * every + shift, read(bucket));
  } else {
    // Groups begin at whole multiples, so that they stay the same while the axis moves.
    for (let group = Math.floor(from / per); group * per <= last; group++) {
      const rows: Column[] = [];
      for (let bucket = group * per; bucket < (group + 1) * per; bucket++) {
        if (bucket <= last) rows.push(read(bucket));
      }
      const x = group * per * every;
      const span = per * every;
      if (kind === "stacked") push(table, x + span / 2, tallest(rows));
      else if (kind === "bar") push(table, x + span / 2, extremes(rows, series.length)[1]);
      else {
        const [early, late] = ordered(rows, series.length);
        push(table, x + span / 4, early);
        push(table, x + (span * 3) / 4, late);
      }
    }
  }
  if (kind === "stacked") stack(table);
  if (!bars && current >= from && current <= to) {
    table.tail = { start: current * every, ys: read(current) };
    if (kind === "step" && table.xs.length > 0 && current > from) {
      // The last step is as long as the others.
      push(
        table,
        current * every,
        table.ys.map((column) => column.at(-1) ?? null),
      );
    }
  }
  return table;
}

function push(table: ChartTable, x: number, values: Column): void {
  table.xs.push(x);
  for (let index = 0; index < values.length; index++) table.ys[index]?.push(values[index] ?? null);
}

/** The least and the greatest of each series. */
function extremes(rows: readonly Column[], width: number): [Column, Column] {
  const least: Column = Array(width).fill(null);
  const most: Column = Array(width).fill(null);
  for (const row of rows) {
    for (let index = 0; index < width; index++) {
      const value = row[index] ?? null;
      if (value === null) continue;
      const low = least[index] ?? null;
      const high = most[index] ?? null;
      if (low === null || value < low) least[index] = value;
      if (high === null || value > high) most[index] = value;
    }
  }
  return [least, most];
}

/** The least and the greatest of each series, in the order in which they came. */
function ordered(rows: readonly Column[], width: number): [Column, Column] {
  const [early, late] = extremes(rows, width);
  for (let index = 0; index < width; index++) {
    const low = early[index] ?? null;
    const high = late[index] ?? null;
    if (low === null || low === high) continue;
    const lowAt = rows.findIndex((row) => row[index] === low);
    const highAt = rows.findIndex((row) => row[index] === high);
    if (highAt < lowAt) {
      early[index] = high;
      late[index] = low;
    }
  }
  return [early, late];
}

/** The bucket with the greatest sum: stacks of different moments make no stack. */
function tallest(rows: readonly Column[]): Column {
  let best: Column = rows[0] ?? [];
  let height = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    const sum = row.reduce<number>((total, value) => total + Math.abs(value ?? 0), 0);
    if (sum > height && row.some((value) => value !== null)) {
      best = row;
      height = sum;
    }
  }
  return best;
}

/** Put the series on top of each other: what is above 0 upwards, what is below downwards. */
function stack(table: ChartTable): void {
  table.bases = table.ys.map((column) => column.map(() => 0));
  for (let place = 0; place < table.xs.length; place++) {
    let up = 0;
    let down = 0;
    for (let index = 0; index < table.ys.length; index++) {
      const column = table.ys[index] as Column;
      const value = column[place] ?? null;
      if (value === null) continue;
      const base = value < 0 ? down : up;
      (table.bases[index] as Column)[place] = base;
      column[place] = base + value;
      if (value < 0) down += value;
      else up += value;
    }
  }
}

/** A range of whole steps around what is to be seen; 0 is always in it where nothing is below. */
export function niceRange(least: number, most: number, steps = 7): [number, number] {
  let low = Math.min(0, least);
  let high = Math.max(0, most);
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  if (high - low < 1e-12) return low < 0 ? [-1, 0] : [0, 1];
  const rough = (high - low) / steps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  low = Math.floor(low / step + 1e-9) * step;
  high = Math.ceil(high / step - 1e-9) * step;
  return [low, high];
}
