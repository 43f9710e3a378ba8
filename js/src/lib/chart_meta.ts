/** What the kernel says about a chart's rows, read with care. Pure. */
import type { Meta } from "./protocol";

export interface Measure {
  text: string;
  /** Nothing is 0. */
  zero: boolean;
  /** There are no halves of it. */
  whole: boolean;
}

export interface ChartFacts {
  /** The length of a bucket in ms, and how many the window has. */
  every: number;
  buckets: number;
  span: number;
  measures: Measure[];
  thresholds: { value: number; label: string; tone: string }[];
  /** How many groups are drawn as one. */
  others: number;
  /** From when on the rows are complete, in kernel ms; null for all of them. */
  from: number | null;
}

function positive(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null;
}

function records(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "object" && one !== null) : [];
}

/** Null where it says nothing of the kind: a feed that was closed, an error before the first row. */
export function chartFacts(meta: Meta | null): ChartFacts | null {
  const every = positive(meta?.every);
  const buckets = positive(meta?.buckets);
  if (!meta || every === null || buckets === null) return null;
  return {
    every,
    buckets,
    span: every * buckets,
    measures: records(meta.measures).map(({ text, zero, whole }) => ({
      text: String(text ?? ""),
      zero: zero === true,
      whole: whole === true,
    })),
    thresholds: records(meta.thresholds).flatMap(({ value, label, tone }) =>
      typeof value === "number" && Number.isFinite(value)
        ? [{ value, label: String(label ?? ""), tone: String(tone ?? "warn") }]
        : [],
    ),
    others: positive(meta.others) ?? 0,
    from: positive(meta.from),
  };
}

/** Which series are shown: those named, or all where none of them is. */
export function shownOf<Named extends { name: string }>(
  series: readonly Named[],
  visible: readonly string[],
): Named[] {
  const wanted = new Set(visible);
  const found = series.filter(({ name }) => wanted.has(name));
  return found.length > 0 ? found : [...series];
}

/** The names to show after a click on one: it is shown or hidden, or shown alone. Empty for all. */
export function toggled(
  names: readonly string[],
  visible: readonly string[],
  name: string,
  alone: boolean,
): string[] {
  const shown = new Set(
    shownOf(
      names.map((one) => ({ name: one })),
      visible,
    ).map((one) => one.name),
  );
  if (alone) return shown.size === 1 && shown.has(name) ? [] : [name];
  if (!shown.delete(name)) shown.add(name);
  return shown.size === 0 || shown.size === names.length ? [] : names.filter((one) => shown.has(one));
}

/** How long in words: 500 ms, 5 s, 15 min, 2 h, 1 d. */
export function span(milliseconds: number): string {
  const units: [number, string][] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1000, "s"],
  ];
  const [size, word] = units.find(([length]) => milliseconds >= length) ?? [1, "ms"];
  return `${Math.round((10 * milliseconds) / size) / 10} ${word}`;
}
