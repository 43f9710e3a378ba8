/** One feed of the hub: its rows, its meta, and the views that look at it. */
import type { Meta } from "./protocol";
import { type Columns, merge, type Row, type Rows } from "./rows";

/** What a view is told after each message that concerned it. */
export interface FeedUpdate {
  rows: Rows;
  meta: Meta | null;
  /** Keys that were added, changed or removed; null when the rows were replaced whole. */
  changed: ReadonlySet<string> | null;
  /** The rows are those of the kernel as of the last message; false until a snapshot has come. */
  vouched: boolean;
}

export class Feed {
  meta: Meta | null = null;
  vouched = false;
  #rows = new Map<string, Row>();
  #building: Map<string, Row> | null = null;
  #changed: Set<string> | null = new Set();
  #touched = false;

  begin(columns: Columns | null): void {
    this.#building = new Map();
    this.extend(columns);
  }

  extend(columns: Columns | null): void {
    if (columns && this.#building) merge(this.#building, columns);
  }

  swap(): void {
    if (this.#building) this.#rows = this.#building;
    this.#building = null;
    this.#changed = null;
    this.vouched = true;
    this.#touched = true;
  }

  patch(columns: Columns | null): void {
    if (!columns) return;
    const changed = merge(this.#rows, columns);
    if (this.#changed) for (const key of changed) this.#changed.add(key);
    this.#touched = true;
  }

  note(meta: Meta): void {
    this.meta = meta;
    this.#touched = true;
  }

  /** What is shown can no longer be vouched for; it stays readable until the next snapshot. */
  void(): void {
    this.#building = null;
    this.#touched ||= this.vouched;
    this.vouched = false;
  }

  /** The whole state, for a view that comes later than the rows. */
  whole(): FeedUpdate {
    return { rows: this.#rows, meta: this.meta, changed: null, vouched: this.vouched };
  }

  /** What happened since the last flush; null when nothing did. */
  flush(): FeedUpdate | null {
    if (!this.#touched) return null;
    const changed = this.#changed;
    this.#changed = new Set();
    this.#touched = false;
    return { rows: this.#rows, meta: this.meta, changed, vouched: this.vouched };
  }
}
