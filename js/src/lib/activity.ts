/** The items of a feed: read from rows, in order, filtered; each update costs what changed, not what is there. */
import { moment, toNumber } from "./format";
import type { Row, Rows } from "./rows";
import { STEP, sorted } from "./slices";

export interface Activity {
  key: string;
  id: number;
  /** Kernel ms. */
  at: number;
  table: string;
  event: string;
  icon: string;
  tone: string;
  text: string;
  /** The key of the row that it tells of. */
  rowKey: string;
  /** Lower case, made at the first search. */
  haystack?: string;
}

export interface ActivityFilter {
  /** Tables, or `table/event`; empty for all. */
  kinds: ReadonlySet<string>;
  /** All of them must be in it. */
  words: readonly string[];
}

/** One line, not too long. Nearly all is: of 100,000 rows each must cost as good as nothing. */
function line(value: unknown, longest = 300): string {
  if (typeof value === "string" && value.length <= longest && !/\s\s|[^\S ]|^ | $/.test(value)) return value;
  return String(value ?? "")
    .slice(0, longest * 2)
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, longest);
}

export function readActivity(key: string, row: Row): Activity {
  const at = toNumber(row.at);
  return {
    key,
    id: toNumber(key) ?? 0,
    at: at !== null && Math.abs(at) <= 8.64e15 ? at : 0,
    table: line(row.table, 60),
    event: line(row.event, 20),
    icon: String(row.icon ?? ""),
    tone: String(row.tone ?? ""),
    text: line(row.text),
    rowKey: line(row.key),
  };
}

/** Older first; equal times by their ids. */
export const inOrder = (a: Activity, b: Activity): number =>
  a.at - b.at || a.id - b.id || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/** How many of the items are older than this one: its index, or where it would be. */
export function olderThan(items: readonly Activity[], item: Activity): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (inOrder(items[middle] as Activity, item) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many of the items are newer than this one; all of them where there is none. */
export function newerThan(items: readonly Activity[], item: Activity | null): number {
  if (!item) return items.length;
  const index = olderThan(items, item);
  const same = items[index];
  return items.length - index - (same && inOrder(same, item) === 0 ? 1 : 0);
}

export function accepts({ kinds, words }: ActivityFilter, item: Activity): boolean {
  if (kinds.size > 0 && !kinds.has(item.table) && !kinds.has(`${item.table}/${item.event}`)) return false;
  if (words.length === 0) return true;
  item.haystack ??= `${item.text}\n${item.table}\n${item.event}\n${item.rowKey}`.toLowerCase();
  const { haystack } = item;
  return words.every((word) => haystack.includes(word));
}

export class ActivityList {
  /** Both older first. */
  all: Activity[] = [];
  shown: Activity[] = [];
  /** Items by table. */
  readonly counts = new Map<string, number>();
  #byKey = new Map<string, Activity>();
  #filter: ActivityFilter = { kinds: new Set(), words: [] };

  get(key: string): Activity | undefined {
    return this.#byKey.get(key);
  }

  setFilter(filter: ActivityFilter): void {
    this.#filter = filter;
    this.shown = this.#filtered(this.all);
  }

  /** Take what changed; null for all. Returns the items that are new. */
  apply(rows: Rows, changed: ReadonlySet<string> | null): Activity[] {
    const gone = new Set<Activity>();
    const added: Activity[] = [];
    if (changed === null)
      for (const [key, item] of this.#byKey) if (!rows.has(key)) this.#forget(key, item, gone);
    for (const key of changed ?? rows.keys()) {
      const row = rows.get(key);
      const before = this.#byKey.get(key);
      if (!row) {
        if (before) this.#forget(key, before, gone);
        continue;
      }
      const item = readActivity(key, row);
      if (before) this.#forget(key, before, gone);
      this.#byKey.set(key, item);
      this.counts.set(item.table, (this.counts.get(item.table) ?? 0) + 1);
      added.push(item);
    }
    added.sort(inOrder);
    this.all = merged(without(this.all, gone), added);
    this.shown = merged(without(this.shown, gone), this.#filtered(added));
    return added;
  }

  /**
   * Take all rows, in steps; nothing is different before the last one. What changes in the rows meanwhile is to be
   * taken by `apply` afterwards.
   */
  *renew(rows: Rows): Generator<undefined, void> {
    const byKey = new Map<string, Activity>();
    const counts = new Map<string, number>();
    const all: Activity[] = [];
    let last: Activity | null = null;
    let ordered = true;
    for (const [key, row] of rows) {
      const item = readActivity(key, row);
      byKey.set(key, item);
      counts.set(item.table, (counts.get(item.table) ?? 0) + 1);
      ordered &&= last === null || inOrder(last, item) < 0;
      last = item;
      if (all.push(item) % STEP === 0) yield;
    }
    this.all = ordered ? all : yield* sorted(all, inOrder);
    this.#byKey = byKey;
    this.counts.clear();
    for (const [table, count] of counts) this.counts.set(table, count);
    this.shown = this.#filtered(this.all);
  }

  #forget(key: string, item: Activity, gone: Set<Activity>): void {
    this.#byKey.delete(key);
    gone.add(item);
    const left = (this.counts.get(item.table) ?? 1) - 1;
    if (left > 0) this.counts.set(item.table, left);
    else this.counts.delete(item.table);
  }

  #filtered(items: readonly Activity[]): Activity[] {
    return items.filter((item) => accepts(this.#filter, item));
  }
}

/** Take items away. Mostly these are the oldest ones. */
function without(items: Activity[], gone: ReadonlySet<Activity>): Activity[] {
  if (gone.size === 0) return items;
  let first = 0;
  while (first < items.length && gone.has(items[first] as Activity)) first += 1;
  if (first > 0) items.splice(0, first);
  return first === gone.size ? items : items.filter((item) => !gone.has(item));
}

/** Add items that are in order among themselves. Mostly these are newer than all. */
function merged(items: Activity[], added: readonly Activity[]): Activity[] {
  const [first] = added;
  const last = items[items.length - 1];
  if (!first) return items;
  if (!last || inOrder(last, first) < 0) {
    for (const item of added) items.push(item);
    return items;
  }
  return items.concat(added).sort(inOrder);
}

/** What is copied of an item: when, table, event, row, sentence. */
export function cellsOf(item: Activity): string[] {
  const when = item.at === 0 ? "" : new Date(item.at).toISOString();
  return [when, item.table, item.event, item.rowKey, item.text];
}

/** How long ago, in one word: now, 12 s, 3 min; a day where that is clearer. */
export function since(at: number, now: number, age: (milliseconds: number) => string): string {
  if (at === 0) return "—";
  const passed = now - at;
  if (passed < 1_500) return passed < -5_000 ? moment(at, now) : "now";
  return passed > 7 * 86_400_000 ? moment(at, now) : age(passed);
}
