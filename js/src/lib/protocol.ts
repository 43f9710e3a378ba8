/** The words of the link between kernel and page, protocol 1. Types only; `link.ts` holds the rules. */

export const PROTOCOL = 1;

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** What went wrong, in the kernel's words: what, and what to do. */
export interface Trouble {
  kind: string;
  message: string;
  advice: string;
}

/** The state of one feed's data in the kernel; replaced whole. */
export interface Meta {
  state: "loading" | "live" | "stale" | "error" | "closed";
  /** Kernel time in ms since when it is in this state. */
  since: number;
  rows: number;
  /** The table holds less than what the query would return. */
  partial: boolean;
  version: number;
  error?: Trouble | null;
  masked: boolean;
  [extra: string]: unknown;
}

export interface Frame {
  feed: string;
  kind: "snap" | "patch";
  /** A patch holds everything that changed since this message; null in a snapshot. */
  base: number | null;
  version: number;
  /** Index into the message's buffers; null when only the meta changed. */
  buf: number | null;
  part: number;
  parts: number;
  meta?: Meta | null;
}

/** The part of a tick that is for one client. */
export interface Slice {
  client: string;
  n: number;
  base?: number | null;
  frames: Frame[];
}

export interface Beat {
  k: number;
  /** How long the kernel's main thread has not answered; 0 when it is free. */
  busy_ms: number;
  /** For each feed the time in ms since its upstream was last known to be right. */
  ages?: Record<string, number | null>;
  /** Whether the page should answer; true where it is not said. */
  ask?: boolean;
  [extra: string]: unknown;
}

export interface Tick {
  t: "tick";
  v: number;
  epoch: string;
  /** The kernel's clock in ms. */
  at: number;
  to: Slice[];
  beat?: Beat | null;
}

export type Answer =
  | { t: "ans"; client: string; id: string; ok: true; value: Json }
  | { t: "ans"; client: string; id: string; ok: false; error: Trouble };

export type FromKernel = Tick | Answer;

export interface Hello {
  t: "hello";
  v: number;
  client: string;
  epoch: string | null;
  feeds: { feed: string; have: number | null }[];
  search: string;
  tz: string;
  theme: "light" | "dark";
  visible: boolean;
  now: number;
}

export type ToKernel =
  | Hello
  | { t: "ack"; client: string; epoch: string; n: number; paint_ms: number }
  | { t: "ack"; client: string; epoch: string; beat: number }
  | { t: "cmd"; client: string; id: string; feed: string; name: string; args: Json }
  | { t: "bye"; client: string };

/** Tell a message of ours from anything else; whatever does not fit is ignored. */
export function parse(content: unknown): FromKernel | null {
  if (typeof content !== "object" || content === null) return null;
  const message = content as Partial<Tick> & Partial<Answer>;
  if (message.t === "tick") {
    return typeof message.epoch === "string" && Array.isArray(message.to) && message.v === PROTOCOL
      ? (message as Tick)
      : null;
  }
  if (message.t === "ans") return typeof message.id === "string" ? (message as Answer) : null;
  return null;
}
