/** A small kernel after `livewidgets/core`: feeds with versions, one client, credit left out. For tests only. */
import type { Frame, Hello, Meta, Slice, Tick, ToKernel } from "../lib/protocol";
import type { Cell } from "../lib/rows";

export interface Sent {
  tick: Tick;
  buffers: DataView[];
}

interface Point {
  number: number;
  version: number;
}

interface Shown {
  anchor: Point | null;
  sent: Point | null;
  snapshot: { version: number; items: [string, Cell][]; part: number } | null;
}

export function encode(items: [string, Cell][], gone: string[] = []): DataView {
  const document = { key: items.map(([key]) => key), cols: { value: items.map(([, value]) => value) }, gone };
  return new DataView(new TextEncoder().encode(JSON.stringify(document)).buffer);
}

/** One feed: its rows, when each changed, and every state it was ever in. */
export class KernelFeed {
  version = 0;
  readonly rows = new Map<string, Cell>();
  readonly #changed = new Map<string, number>();
  readonly history = new Map<number, Record<string, Cell>>([[0, {}]]);

  put(key: string, value: Cell): void {
    this.rows.set(key, value);
    this.#mark(key);
  }

  remove(key: string): void {
    if (this.rows.delete(key)) this.#mark(key);
  }

  #mark(key: string): void {
    this.version += 1;
    this.#changed.set(key, this.version);
    this.history.set(this.version, Object.fromEntries(this.rows));
  }

  since(version: number): { items: [string, Cell][]; gone: string[] } {
    const keys = [...this.#changed].filter(([, changed]) => changed > version).map(([key]) => key);
    return {
      items: keys.filter((key) => this.rows.has(key)).map((key) => [key, this.rows.get(key) ?? null]),
      gone: keys.filter((key) => !this.rows.has(key)),
    };
  }
}

export class Kernel {
  readonly feeds = new Map<string, KernelFeed>();
  readonly #shown = new Map<string, Shown>();
  readonly #flights = new Map<number, Map<string, { version: number; last: boolean }>>();
  #number = 0;
  #at = 1_000;

  constructor(
    readonly client: string,
    public epoch: string,
    readonly chunk: number,
    names: string[],
  ) {
    for (const name of names) this.feeds.set(name, new KernelFeed());
  }

  /** The kernel was restarted: another epoch, the numbers from the start, the rows as they are. */
  restart(epoch: string): void {
    this.epoch = epoch;
    this.#number = 0;
    this.#shown.clear();
    this.#flights.clear();
  }

  hear(message: ToKernel): void {
    if (message.t === "hello") this.#hello(message);
    else if (message.t === "ack" && "n" in message && message.epoch === this.epoch) this.#ack(message.n);
  }

  #hello(message: Hello): void {
    const wanted = new Map(message.feeds.map(({ feed, have }) => [feed, have]));
    for (const name of this.#shown.keys()) if (!wanted.has(name)) this.#shown.delete(name);
    for (const [name, have] of wanted) {
      const shown = this.#shown.get(name) ?? { anchor: null, sent: null, snapshot: null };
      const mark = have === null ? undefined : this.#flights.get(have)?.get(name);
      if (have !== null && mark?.last) shown.anchor = { number: have, version: mark.version };
      const resumes = message.epoch === this.epoch && have !== null && shown.anchor?.number === have;
      this.#shown.set(
        name,
        resumes ? { ...shown, sent: shown.anchor } : { anchor: null, sent: null, snapshot: null },
      );
    }
  }

  #ack(number: number): void {
    const flight = this.#flights.get(number);
    if (!flight) return;
    this.#flights.delete(number);
    for (const [name, mark] of flight) {
      const shown = this.#shown.get(name);
      if (!shown || !mark.last) continue;
      if (!shown.anchor || number > shown.anchor.number) shown.anchor = { number, version: mark.version };
    }
    for (const hole of [...this.#flights.keys()].filter((other) => other < number)) {
      for (const [name] of this.#flights.get(hole) ?? []) this.#doubt(this.#shown.get(name));
      this.#flights.delete(hole);
    }
  }

  #doubt(shown: Shown | undefined): void {
    if (!shown) return;
    shown.sent = shown.anchor;
    shown.snapshot = null;
  }

  /** Acks are overdue: send again what is not known to have arrived. */
  repeat(): void {
    for (const shown of this.#shown.values()) this.#doubt(shown);
  }

  /** The next message, or null when there is nothing to tell. */
  tick(): Sent | null {
    const frames: Frame[] = [];
    const buffers: DataView[] = [];
    const marks = new Map<string, { version: number; last: boolean }>();
    const number = this.#number + 1;
    for (const [name, shown] of this.#shown) {
      const feed = this.feeds.get(name);
      if (!feed) continue;
      if (shown.sent && shown.sent.version === feed.version) continue;
      const meta: Meta = {
        state: "live",
        since: 0,
        rows: feed.rows.size,
        partial: false,
        version: feed.version,
        masked: true,
      };
      if (shown.sent) {
        const { items, gone } = feed.since(shown.sent.version);
        frames.push({
          feed: name,
          kind: "patch",
          base: shown.sent.number,
          version: feed.version,
          buf: buffers.push(encode(items, gone)) - 1,
          part: 0,
          parts: 1,
          meta,
        });
        shown.sent = { number, version: feed.version };
        marks.set(name, { version: feed.version, last: true });
        continue;
      }
      shown.snapshot ??= { version: feed.version, items: [...feed.rows], part: 0 };
      const { version, items, part } = shown.snapshot;
      const parts = Math.max(1, Math.ceil(items.length / this.chunk));
      const last = part + 1 === parts;
      frames.push({
        feed: name,
        kind: "snap",
        base: null,
        version,
        buf: buffers.push(encode(items.slice(part * this.chunk, (part + 1) * this.chunk))) - 1,
        part,
        parts,
        meta,
      });
      marks.set(name, { version, last });
      if (last) {
        shown.sent = { number, version };
        shown.snapshot = null;
      } else shown.snapshot.part += 1;
    }
    if (frames.length === 0) return null;
    this.#number = number;
    this.#flights.set(number, marks);
    const quiet = [...this.#shown].filter(([name, { sent }]) => !marks.has(name) && sent !== null);
    const slice: Slice = {
      client: this.client,
      n: number,
      base: quiet.length ? Math.max(...quiet.map(([, { sent }]) => sent?.number ?? 0)) : number - 1,
      frames,
    };
    this.#at += 50;
    return { tick: { t: "tick", v: 1, epoch: this.epoch, at: this.#at, to: [slice] }, buffers };
  }
}
