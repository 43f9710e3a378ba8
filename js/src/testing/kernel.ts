/** A small kernel after `livewidgets/core`: feeds with versions, any number of pages, credit left out. For tests only. */
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

/** What is known of one page. */
interface Client {
  number: number;
  shown: Map<string, Shown>;
  flights: Map<number, Map<string, { version: number; last: boolean }>>;
}

export class Kernel {
  readonly feeds = new Map<string, KernelFeed>();
  readonly #clients = new Map<string, Client>();
  /** A page that was forgotten and comes back must not take new numbers for old ones. */
  #number = 0;
  #at = 1_000;

  constructor(
    public epoch: string,
    readonly chunk: number,
    names: string[],
  ) {
    for (const name of names) this.feeds.set(name, new KernelFeed());
  }

  /** The kernel was restarted: another epoch, the numbers from the start, the rows as they are. */
  restart(epoch: string): void {
    this.epoch = epoch;
    this.#clients.clear();
    this.#number = 0;
  }

  hear(message: ToKernel): void {
    if (message.t === "hello") this.#hello(message);
    const client = this.#clients.get(message.client);
    if (!client) return;
    if (message.t === "bye") this.forget(message.client);
    if (message.t === "ack" && "n" in message && message.epoch === this.epoch) this.#ack(client, message.n);
  }

  /** There are too many pages. */
  forget(name: string): void {
    this.#number = Math.max(this.#number, this.#clients.get(name)?.number ?? 0);
    this.#clients.delete(name);
  }

  #hello(message: Hello): void {
    const client = this.#clients.get(message.client) ?? {
      number: this.#number,
      shown: new Map<string, Shown>(),
      flights: new Map(),
    };
    this.#clients.set(message.client, client);
    const wanted = new Map(message.feeds.map(({ feed, have }) => [feed, have]));
    for (const name of client.shown.keys()) if (!wanted.has(name)) client.shown.delete(name);
    for (const [name, have] of wanted) {
      const shown = client.shown.get(name) ?? { anchor: null, sent: null, snapshot: null };
      const mark = have === null ? undefined : client.flights.get(have)?.get(name);
      if (have !== null && mark?.last) shown.anchor = { number: have, version: mark.version };
      const resumes = message.epoch === this.epoch && have !== null && shown.anchor?.number === have;
      client.shown.set(
        name,
        resumes ? { ...shown, sent: shown.anchor } : { anchor: null, sent: null, snapshot: null },
      );
    }
  }

  #ack({ flights, shown: all }: Client, number: number): void {
    const flight = flights.get(number);
    if (!flight) return;
    flights.delete(number);
    for (const [name, mark] of flight) {
      const shown = all.get(name);
      if (!shown || !mark.last) continue;
      if (!shown.anchor || number > shown.anchor.number) shown.anchor = { number, version: mark.version };
    }
    for (const hole of [...flights.keys()].filter((other) => other < number)) {
      for (const [name] of flights.get(hole) ?? []) this.#doubt(all.get(name));
      flights.delete(hole);
    }
  }

  #doubt(shown: Shown | undefined): void {
    if (!shown) return;
    shown.sent = shown.anchor;
    shown.snapshot = null;
  }

  /** Acks are overdue: send again what is not known to have arrived. */
  repeat(): void {
    for (const { shown: all } of this.#clients.values()) for (const shown of all.values()) this.#doubt(shown);
  }

  /** The next message, or null when there is nothing to tell. */
  tick(): Sent | null {
    const buffers: DataView[] = [];
    const to: Slice[] = [];
    for (const [name, client] of this.#clients) {
      const slice = this.#slice(name, client, buffers);
      if (slice) to.push(slice);
    }
    if (to.length === 0) return null;
    this.#at += 50;
    return { tick: { t: "tick", v: 1, epoch: this.epoch, at: this.#at, to }, buffers };
  }

  #slice(name: string, client: Client, buffers: DataView[]): Slice | null {
    const frames: Frame[] = [];
    const marks = new Map<string, { version: number; last: boolean }>();
    const number = client.number + 1;
    for (const [feedName, shown] of client.shown) {
      const feed = this.feeds.get(feedName);
      if (!feed || shown.sent?.version === feed.version) continue;
      const [frame, last] = frameOf(feedName, feed, shown, number, this.chunk, buffers);
      frames.push(frame);
      marks.set(feedName, { version: frame.version, last });
    }
    if (frames.length === 0) return null;
    client.number = number;
    client.flights.set(number, marks);
    const quiet = [...client.shown].filter(([feed, { sent }]) => !marks.has(feed) && sent !== null);
    const base = quiet.length ? Math.max(...quiet.map(([, { sent }]) => sent?.number ?? 0)) : number - 1;
    return { client: name, n: number, base, frames };
  }
}

/** The next frame of a feed, and whether it makes the page's rows whole. */
function frameOf(
  name: string,
  feed: KernelFeed,
  shown: Shown,
  number: number,
  chunk: number,
  buffers: DataView[],
): [Frame, boolean] {
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
    const { version } = feed;
    const base = shown.sent.number;
    const buf = buffers.push(encode(items, gone)) - 1;
    shown.sent = { number, version };
    return [{ feed: name, kind: "patch", base, version, buf, part: 0, parts: 1, meta }, true];
  }
  shown.snapshot ??= { version: feed.version, items: [...feed.rows], part: 0 };
  const { version, items, part } = shown.snapshot;
  const parts = Math.max(1, Math.ceil(items.length / chunk));
  const buf = buffers.push(encode(items.slice(part * chunk, (part + 1) * chunk))) - 1;
  const last = part + 1 === parts;
  if (last) {
    shown.sent = { number, version };
    shown.snapshot = null;
  } else shown.snapshot.part += 1;
  return [{ feed: name, kind: "snap", base: null, version, buf, part, parts, meta }, last];
}
