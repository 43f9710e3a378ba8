/**
 * A kernel in a worker, so that what it does costs the page nothing: feeds with rows, snapshots in parts, patches at
 * the pace that the real one takes from the page's paints, a beat a second.
 */
import type { Frame, Meta, ToKernel } from "../src/lib/protocol";
import type { Cell, Row } from "../src/lib/rows";
import { type Changes, changesOf } from "./counters_changes";

/** Rows in one part of a snapshot, and the pace: as in `core/frame.py` and `core/link.py`. */
const CHUNK = 1_000;
const TICK_MS = 50;
const SLOWEST_TICK_MS = 1_000;

export type ToWorker =
  | { say: "offer"; feed: string; component: string; rows: [string, Row][]; meta: Meta; most: number }
  /** So many changes a second on each feed; `hasten` times as fast, in as many messages, for a number of changes. */
  | { say: "traffic"; rate: number; hasten: number; changes: number }
  | { say: "heard"; message: ToKernel };
export type FromWorker =
  | { say: "tick"; content: unknown; buffers: ArrayBuffer[] }
  | { say: "changed"; changes: number; ticks: number };

class KernelFeed {
  readonly rows: Map<string, Row>;
  version = 1;
  /** Rows of the snapshot that is under way, and where it is. */
  snapshot: [string, Row][] | null = null;
  part = 0;
  wanted = false;
  readonly changes: Changes;

  constructor(
    component: string,
    rows: [string, Row][],
    readonly meta: Meta,
    most: number,
  ) {
    this.rows = new Map(rows);
    this.changes = changesOf(component, this.rows, most);
  }
}

const feeds = new Map<string, KernelFeed>();
let client = "";
let number = 0;
let acked = 0;
let pace = TICK_MS;
let sentAt = 0;
let beat = 0;
let beatAt = 0;
let traffic = { rate: 0, hasten: 1, left: 0 };
let owed = 0;
let reckonedAt = 0;
let changes = 0;
let ticks = 0;

function encode(items: [string, Row][], gone: string[]): ArrayBuffer {
  const cols: Record<string, Cell[]> = {};
  const names = new Set(items.flatMap(([, row]) => Object.keys(row)));
  for (const name of names) cols[name] = items.map(([, row]) => row[name] ?? null);
  return new TextEncoder().encode(JSON.stringify({ key: items.map(([key]) => key), cols, gone })).buffer;
}

/** The next frame of a feed; null where there is nothing to say. */
function frameOf(name: string, feed: KernelFeed, share: number, buffers: ArrayBuffer[]): Frame | null {
  const meta = { ...feed.meta, rows: feed.rows.size, version: feed.version };
  if (feed.snapshot) {
    const parts = Math.max(1, Math.ceil(feed.snapshot.length / CHUNK));
    const part = feed.part++;
    const buf = buffers.push(encode(feed.snapshot.slice(part * CHUNK, part * CHUNK + CHUNK), [])) - 1;
    if (feed.part === parts) feed.snapshot = null;
    return { feed: name, kind: "snap", base: null, version: feed.version, buf, part, parts, meta };
  }
  if (share === 0) return null;
  const { put, gone } = feed.changes(share);
  feed.version += 1;
  const buf = buffers.push(encode(put, gone)) - 1;
  return {
    feed: name,
    kind: "patch",
    base: number - 1,
    version: feed.version,
    buf,
    part: 0,
    parts: 1,
    meta: { ...meta, version: feed.version },
  };
}

function tick(): void {
  const now = performance.now();
  if (client === "" || acked < number || now < sentAt + pace / traffic.hasten) return;
  const passed = Math.min(1, (now - reckonedAt) / 1000);
  reckonedAt = now;
  owed += traffic.left > 0 ? traffic.rate * traffic.hasten * passed : 0;
  const share = Math.min(
    traffic.left,
    Math.floor(owed),
    Math.ceil((traffic.rate * Math.max(pace, 50)) / 1000),
  );
  owed = Math.min(owed - share, traffic.rate);
  const buffers: ArrayBuffer[] = [];
  number += 1;
  const frames = [...feeds]
    .filter(([, feed]) => feed.wanted)
    .map(([name, feed]) => frameOf(name, feed, share, buffers))
    .filter((frame) => frame !== null);
  const beats = now - beatAt > 1_000;
  if (frames.length === 0 && !beats) {
    number -= 1;
    return;
  }
  traffic.left -= share;
  changes += share;
  ticks += 1;
  sentAt = now;
  if (beats) beatAt = now;
  if (frames.length === 0) number -= 1;
  post(
    {
      t: "tick",
      v: 1,
      epoch: "counters",
      at: Date.now(),
      to: frames.length > 0 ? [{ client, n: number, base: number - 1, frames }] : [],
      beat: beats ? { k: ++beat, busy_ms: 0, ages: {}, ask: false } : null,
    },
    buffers,
  );
}

function post(content: unknown, buffers: ArrayBuffer[]): void {
  (self as unknown as Worker).postMessage({ say: "tick", content, buffers } satisfies FromWorker, buffers);
  (self as unknown as Worker).postMessage({ say: "changed", changes, ticks } satisfies FromWorker);
}

function hear(message: ToKernel): void {
  if (message.t === "hello") {
    client = message.client;
    const wanted = new Map(message.feeds.map(({ feed, have }) => [feed, have]));
    for (const [name, feed] of feeds) {
      const begins = wanted.has(name) && wanted.get(name) === null;
      feed.wanted = wanted.has(name);
      if (!begins || feed.snapshot) continue;
      feed.snapshot = [...feed.rows];
      feed.part = 0;
    }
    // What was on its way is asked for again where it was lost.
    acked = number;
  }
  if (message.t === "ack" && "n" in message) {
    acked = Math.max(acked, message.n);
    pace = Math.max(TICK_MS, Math.min(SLOWEST_TICK_MS, 2 * message.paint_ms));
  }
  tick();
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.say === "offer")
    feeds.set(data.feed, new KernelFeed(data.component, data.rows, data.meta, data.most));
  else if (data.say === "heard") hear(data.message);
  else {
    traffic = { rate: data.rate, hasten: data.hasten, left: data.changes };
    reckonedAt = performance.now();
    owed = 0;
    changes = 0;
    ticks = 0;
  }
};
setInterval(tick, 4);
