/**
 * The page's side of the link: which message is applied, which is refused, and what is asked for again.
 * No DOM, no clock, no sending: a message goes in, orders come out. The rules:
 *
 * 1. An unknown epoch is another kernel: everything known is dropped, and the page says hello.
 * 2. A number already seen is a repetition and changes nothing, unless the kernel's clock went on: then the
 *    kernel has forgotten this client and counts anew.
 * 3. A snapshot replaces the rows, whole, when its last part has come; its parts come in order.
 * 4. A patch fits when it holds everything since a message this feed is known to be right at (`upto`).
 * 5. A message without a frame for a feed says that nothing changed there since the message's base.
 * 6. Whatever cannot be shown to be right is void, and is asked for by hello. Nothing void is ever patched.
 *
 * ```
 *            snap part 0 of k            last part
 *   void ───────────────────► building ────────────► synced ──┐ patch that fits
 *    ▲  ◄───────────────────────┘   ▲                   │ ▲    │
 *    │      gap, part out of order  └── snap part 0 ────┤ └────┘
 *    └──────────────────────────────────────────────────┘ gap, patch that does not fit
 * ```
 */
import type { Beat, Frame, Meta, Slice, Tick } from "./protocol";

export type FeedState =
  | { kind: "void" }
  | { kind: "building"; version: number; parts: number; next: number }
  /** `have`: the last message applied; `upto`: the last message at which the feed is known to be right. */
  | { kind: "synced"; have: number; upto: number };

/** What the page must do, in this order. */
export type Order =
  /** Start a new set of rows beside the shown one. */
  | { do: "begin"; feed: string; buf: number | null }
  | { do: "extend"; feed: string; buf: number | null }
  /** Show the set of rows that was built. */
  | { do: "swap"; feed: string; version: number }
  | { do: "patch"; feed: string; buf: number | null; version: number }
  | { do: "meta"; feed: string; meta: Meta }
  /** Forget what was being built; what is shown is no longer vouched for. */
  | { do: "void"; feed: string }
  /** Another kernel: forget everything. */
  | { do: "restart"; epoch: string }
  | { do: "ack"; n: number }
  | { do: "ack-beat"; beat: number }
  | { do: "beat"; beat: Beat }
  | { do: "hello" };

const VOID: FeedState = { kind: "void" };

export type FrameEvent =
  | "snap-whole"
  | "snap-first"
  | "snap-next"
  | "snap-astray"
  | "patch-fits"
  | "patch-gap"
  | "meta-only";
export type FrameVerdict = "swap" | "begin" | "extend" | "patch" | "refuse" | "note";

/** Name what a frame is for a feed in this state. */
export function classify(state: FeedState, frame: Frame, n: number): FrameEvent {
  if (frame.kind === "patch") {
    if (frame.buf === null && state.kind !== "synced") return "meta-only";
    const base = frame.base ?? n - 1;
    return state.kind === "synced" && base <= state.upto ? "patch-fits" : "patch-gap";
  }
  if (frame.parts <= 1) return "snap-whole";
  if (frame.part === 0) return "snap-first";
  return state.kind === "building" && state.version === frame.version && state.next === frame.part
    ? "snap-next"
    : "snap-astray";
}

/** Every state against every event: what becomes of the frame. The compiler demands each cell. */
export const FRAME_TABLE: Record<FeedState["kind"], Record<FrameEvent, FrameVerdict>> = {
  void: {
    "snap-whole": "swap",
    "snap-first": "begin",
    "snap-next": "refuse",
    "snap-astray": "refuse",
    "patch-fits": "refuse",
    "patch-gap": "refuse",
    "meta-only": "note",
  },
  building: {
    "snap-whole": "swap",
    "snap-first": "begin",
    "snap-next": "extend",
    "snap-astray": "refuse",
    "patch-fits": "refuse",
    "patch-gap": "refuse",
    "meta-only": "note",
  },
  synced: {
    "snap-whole": "swap",
    "snap-first": "begin",
    "snap-next": "refuse",
    "snap-astray": "refuse",
    "patch-fits": "patch",
    "patch-gap": "refuse",
    "meta-only": "note",
  },
};

export class Link {
  epoch: string | null = null;
  /** The number of the last message of this epoch that was for this client. */
  last: number | null = null;
  #at = Number.NEGATIVE_INFINITY;
  readonly #feeds = new Map<string, FeedState>();

  constructor(readonly client: string) {}

  /** A view is on the screen: from now on this feed is wanted. */
  want(feed: string): void {
    if (!this.#feeds.has(feed)) this.#feeds.set(feed, VOID);
  }

  /** No view of this feed is on the screen any more: the kernel sends nothing for it, so nothing is known. */
  drop(feed: string): void {
    this.#feeds.delete(feed);
  }

  state(feed: string): FeedState {
    return this.#feeds.get(feed) ?? VOID;
  }

  /** The feeds as a hello lists them. */
  wanted(): { feed: string; have: number | null }[] {
    return [...this.#feeds].map(([feed, state]) => ({
      feed,
      have: state.kind === "synced" ? state.have : null,
    }));
  }

  /** Whether anything on the screen waits for a snapshot. */
  waiting(): boolean {
    return [...this.#feeds.values()].some((state) => state.kind !== "synced");
  }

  /** What was received could not be read: the feed is asked for again. */
  spoil(feed: string): void {
    if (this.#feeds.has(feed)) this.#feeds.set(feed, VOID);
  }

  receive(tick: Tick): Order[] {
    const orders: Order[] = [];
    if (tick.epoch !== this.epoch) this.#restart(tick, orders);
    for (const slice of tick.to) {
      if (slice.client === this.client) this.#take(slice, tick.at, orders);
    }
    if (tick.beat) orders.push({ do: "beat", beat: tick.beat });
    if (tick.beat && tick.beat.ask !== false) orders.push({ do: "ack-beat", beat: tick.beat.k });
    return orders;
  }

  #restart(tick: Tick, orders: Order[]): void {
    const first = this.epoch === null;
    this.epoch = tick.epoch;
    this.last = null;
    this.#at = Number.NEGATIVE_INFINITY;
    for (const feed of this.#feeds.keys()) this.#feeds.set(feed, VOID);
    orders.push({ do: "restart", epoch: tick.epoch });
    if (!first) orders.push({ do: "hello" });
  }

  #take(slice: Slice, at: number, orders: Order[]): void {
    const { n } = slice;
    if (this.last !== null && n <= this.last) {
      if (at <= this.#at) return;
      for (const [feed, state] of this.#feeds) {
        if (state.kind !== "void") this.#void(feed, orders);
      }
      orders.push({ do: "hello" });
      this.last = null;
    }
    const held = new Set<string>();
    let gap = false;
    for (const frame of slice.frames) {
      if (!this.#feeds.has(frame.feed)) continue;
      held.add(frame.feed);
      if (!this.#frame(frame, n, orders)) gap = true;
    }
    const base = slice.base ?? n - 1;
    for (const [feed, state] of this.#feeds) {
      if (held.has(feed) || state.kind !== "synced") continue;
      if (base <= state.upto) this.#feeds.set(feed, { ...state, upto: n });
      else {
        this.#void(feed, orders);
        gap = true;
      }
    }
    this.last = n;
    this.#at = at;
    orders.push({ do: "ack", n });
    if (gap) orders.push({ do: "hello" });
  }

  /** Apply one frame; false when the feed must be asked for again. */
  #frame(frame: Frame, n: number, orders: Order[]): boolean {
    const { feed, buf, version } = frame;
    const state = this.state(feed);
    const verdict = FRAME_TABLE[state.kind][classify(state, frame, n)];
    if (frame.meta) orders.push({ do: "meta", feed, meta: frame.meta });
    switch (verdict) {
      case "swap":
        orders.push({ do: "begin", feed, buf }, { do: "swap", feed, version });
        this.#feeds.set(feed, { kind: "synced", have: n, upto: n });
        return true;
      case "begin":
        orders.push({ do: "begin", feed, buf });
        this.#feeds.set(feed, { kind: "building", version, parts: frame.parts, next: 1 });
        return true;
      case "extend":
        orders.push({ do: "extend", feed, buf });
        if (frame.part + 1 < frame.parts) {
          this.#feeds.set(feed, { kind: "building", version, parts: frame.parts, next: frame.part + 1 });
        } else {
          orders.push({ do: "swap", feed, version });
          this.#feeds.set(feed, { kind: "synced", have: n, upto: n });
        }
        return true;
      case "patch":
        orders.push({ do: "patch", feed, buf, version });
        this.#feeds.set(feed, { kind: "synced", have: n, upto: n });
        return true;
      case "note":
        return true;
      case "refuse":
        this.#void(feed, orders);
        return false;
    }
  }

  #void(feed: string, orders: Order[]): void {
    this.#feeds.set(feed, VOID);
    orders.push({ do: "void", feed });
  }
}
