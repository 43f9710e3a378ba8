/**
 * What the page can tell by itself about the way to its kernel.
 *
 * Beats come every 2 s. Two of them missed and half a second of grace is silence: 4.5 s. A kernel whose last
 * beat said busy may hold the interpreter and be unable to beat: it is called busy for 12 s, then gone. The
 * notebook's own connection, where the host shows it, is believed at once.
 */

export const BEAT_MS = 2_000;
export const SILENT_MS = 2 * BEAT_MS + 500;
export const BUSY_SILENT_MS = 12_000;
/** A main thread that answers within this is not worth a word. */
export const BUSY_MS = 1_500;

export type PulseState =
  /** Asked, not answered yet; or back from sleep. */
  | "waiting"
  | "live"
  /** Data flow, but the kernel's main thread runs a cell: commands wait. */
  | "busy"
  /** It was there and is silent. */
  | "gone"
  /** It never answered: a saved notebook, or a kernel that cannot be reached. */
  | "none"
  /** The notebook server is not reached. */
  | "server-gone"
  /** The kernel closed it on purpose. */
  | "closed";

export interface PulseFacts {
  /** All in page ms; null where it never happened. */
  heardAt: number | null;
  /** Since when an answer is due: the first hello, or the wake-up. */
  askedAt: number | null;
  busyMs: number;
  /** The host's word on its connection to the server. */
  server: "connected" | "connecting" | "disconnected" | "unknown";
  /** The host's word on the kernel. */
  kernelDead: boolean;
  closed: boolean;
}

export interface Pulse {
  state: PulseState;
  /** Page ms since when the last message is out; null when there was none. */
  heardAt: number | null;
}

export function judge(facts: PulseFacts, now: number): Pulse {
  const { heardAt } = facts;
  const as = (state: PulseState): Pulse => ({ state, heardAt });
  if (facts.closed) return as("closed");
  const silent = heardAt === null ? null : now - heardAt;
  if (facts.askedAt !== null && (heardAt === null || heardAt < facts.askedAt)) {
    if (facts.kernelDead) return as("gone");
    if (now - facts.askedAt < SILENT_MS) return as("waiting");
    if (facts.server === "connecting" || facts.server === "disconnected") return as("server-gone");
    return as(heardAt === null ? "none" : "gone");
  }
  if (silent === null) return as("waiting");
  if (facts.kernelDead) return as("gone");
  if (silent > BEAT_MS + 500 && (facts.server === "connecting" || facts.server === "disconnected")) {
    return as("server-gone");
  }
  const busy = facts.busyMs >= BUSY_MS;
  if (silent > (busy ? BUSY_SILENT_MS : SILENT_MS)) return as("gone");
  return as(busy ? "busy" : "live");
}
