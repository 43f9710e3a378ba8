/** What a chart knows: values by bucket of time and series, the legend and the marks. Pure. */
import type { Row, Rows } from "./rows";

/** One line of the chart. */
export interface ChartSeries {
  /** Names it in the buckets. */
  number: number;
  /** Its colour and pattern; -1 for all others together. */
  slot: number;
  /** The place of its measure in the meta. */
  measure: number;
  name: string;
}

/** A moment with a word to it. */
export interface ChartMark {
  key: string;
  /** Kernel ms. */
  at: number;
  text: string;
  tone: string;
}

/** The values of one bucket by the numbers of the series. */
export type Values = ReadonlyMap<number, number>;

const NOTHING: Values = new Map();

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}

/** Read `[1,20,3,4.5]`; what does not fit is left out. */
export function unpack(packed: unknown): Values {
  if (typeof packed !== "string") return NOTHING;
  let parts: unknown;
  try {
    parts = JSON.parse(packed);
  } catch {
    return NOTHING;
  }
  if (!Array.isArray(parts)) return NOTHING;
  const values = new Map<number, number>();
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const value = Number(parts[index + 1]);
    if (isWhole(parts[index]) && parts[index + 1] !== null && Number.isFinite(value)) {
      values.set(parts[index], value);
    }
  }
  return values;
}

export class ChartModel {
  /** Raised with everything that changes what is shown. */
  version = 0;
  series: ChartSeries[] = [];
  marks: ChartMark[] = [];
  readonly #buckets = new Map<number, Values>();
  readonly #series = new Map<string, ChartSeries>();
  readonly #marks = new Map<string, ChartMark>();

  get size(): number {
    return this.#buckets.size;
  }

  /** The values of a bucket; empty where nothing is known. */
  at(bucket: number): Values {
    return this.#buckets.get(bucket) ?? NOTHING;
  }

  /** The numbers of the buckets that hold something, in no order. */
  buckets(): Iterable<number> {
    return this.#buckets.keys();
  }

  /**
   * Take the feed's rows.
   *
   * @param changed The keys that changed; null when these are all, and what was known besides is not right any more.
   * @param first The oldest bucket of the kernel's window. What leaves the feed before it has passed in time and is
   * kept for a reader who looks at it, until `forget`; what leaves it later is empty now.
   */
  apply(rows: Rows, changed: ReadonlySet<string> | null, first: number): void {
    if (changed?.size === 0) return;
    if (changed === null) {
      this.#buckets.clear();
      this.#series.clear();
      this.#marks.clear();
    }
    for (const key of changed ?? rows.keys()) {
      const row = rows.get(key);
      if (key[0] === "b") this.#bucket(key, row, first);
      else if (key[0] === "s") this.#line(key, row);
      else if (key[0] === "a") this.#mark(key, row);
    }
    this.series = [...this.#series.values()].sort(
      (a, b) => Number(a.slot < 0) - Number(b.slot < 0) || a.slot - b.slot || a.measure - b.measure,
    );
    this.marks = [...this.#marks.values()].sort((a, b) => a.at - b.at);
    this.version += 1;
  }

  /** Drop what lies before a bucket; once a bucket is often enough. */
  forget(first: number): void {
    for (const bucket of this.#buckets.keys()) if (bucket < first) this.#buckets.delete(bucket);
  }

  #bucket(key: string, row: Row | undefined, first: number): void {
    const bucket = Number(key.slice(1));
    if (row) {
      const values = unpack(row.v);
      if (Number.isSafeInteger(bucket) && values.size > 0) this.#buckets.set(bucket, values);
    } else if (bucket >= first) this.#buckets.delete(bucket);
  }

  #line(key: string, row: Row | undefined): void {
    if (!row) this.#series.delete(key);
    else
      this.#series.set(key, {
        number: Number(key.slice(1)),
        slot: isWhole(row.at) ? row.at : -1,
        measure: isWhole(row.until) ? row.until : 0,
        name: String(row.name ?? ""),
      });
  }

  #mark(key: string, row: Row | undefined): void {
    if (typeof row?.at !== "number") this.#marks.delete(key);
    else
      this.#marks.set(key, {
        key,
        at: row.at,
        text: String(row.name ?? ""),
        tone: String(row.tone ?? "neutral"),
      });
  }
}
