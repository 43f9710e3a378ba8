/**
 * What the page can tell by itself about the way to its kernel.
 *
 * Beats come every second while somebody can see the page. A late one (1.25 s) makes the page ask the notebook
 * server about the kernel, where the host shows a way to; after 1.6 s it is silence (1.75 s while the server has not
 * answered), and the page says what it is:
 *
 * | first that holds                                                  | state       |
 * | ----------------------------------------------------------------- | ----------- |
 * | the kernel has closed the hub                                     | closed      |
 * | host or server say that the kernel died or restarts               | gone        |
 * | late, and host or page have no connection to the server           | server-gone |
 * | late, and the host has no kernel                                  | gone, none  |
 * | in time, and the last beat said busy                              | busy        |
 * | in time                                                           | live        |
 * | asked (first hello, wake-up) less than 5.5 s ago, host says busy  | busy        |
 * | asked less than 5.5 s ago                                         | waiting     |
 * | the server has not answered, the host says busy, less than 2.75 s | busy        |
 * | the server does not answer either                                 | server-gone |
 * | the server has heard of the kernel what the page has not, for 10 s | waiting    |
 * | server or host say that the kernel is busy                        | busy        |
 * | nobody says anything, and the last beat said busy, for 12 s       | busy        |
 * | it has spoken before                                              | gone        |
 * | it has not                                                        | none        |
 *
 * The time in which the page itself stood still does not count: what it did not read may lie in its queue. On a slow
 * link, where messages have come late before, silence has to last longer.
 */

export const BEAT_MS = 1_000;
/** A beat is late: ask the server. */
export const LATE_MS = 1_250;
/** Kernel gone is to be said within 2 s; the beat before may have come just before the end. */
export const SILENT_MS = 1_600;
/** As long as that the server may take to answer, before it counts as gone too. */
export const UNANSWERED_MS = 1_750;
/** Where the host knows of a running cell that explains the silence, a slow answer is likelier than a cut. */
export const UNANSWERED_BUSY_MS = 2_750;
/** An answer to a hello may take longer than a beat: a page that was hidden gets one every 5 s only. */
export const ANSWER_MS = 5_500;
export const BUSY_SILENT_MS = 12_000;
/** For so long what the kernel has sent may be on its way. */
export const ON_THE_WAY_MS = 10_000;
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

/** The host's word on its connection to the notebook server. */
export type ServerWord = "connected" | "connecting" | "disconnected" | "unknown";
/** The host's word on the kernel; `absent`: the notebook has none. */
export type KernelWord = "idle" | "busy" | "dead" | "absent" | "unknown";
/**
 * What the server said when it was asked during this silence: of the kernel, or nothing at all; `late`: the kernel
 * has spoken since the page heard it, so it is the link that is slow.
 */
export type Inquiry = "unasked" | "asking" | "unreached" | "late" | KernelWord;

export interface PulseFacts {
  /** All in page ms; null where it never happened. */
  heardAt: number | null;
  /** Since when an answer is due: the first hello, or the wake-up. */
  askedAt: number | null;
  /** For how many ms since then the page itself stood still. */
  stalled: number;
  /** How much longer than a beat messages have taken lately: on a slow link a beat waits behind a large one. */
  slack: number;
  busyMs: number;
  server: ServerWord;
  kernel: KernelWord;
  inquiry: Inquiry;
  closed: boolean;
}

export interface Pulse {
  state: PulseState;
  /** Page ms since when the last message is out; null when there was none. */
  heardAt: number | null;
}

/** For how many ms nothing has been heard that should have been; 0 when nothing is expected yet. */
export function silence(facts: Pick<PulseFacts, "heardAt" | "askedAt" | "stalled">, now: number): number {
  const { heardAt, askedAt } = facts;
  const since = awaited(facts) ? askedAt : heardAt;
  return since === null ? 0 : Math.max(0, now - since - facts.stalled);
}

/** Whether a question has been put since the kernel was heard last. */
function awaited({ heardAt, askedAt }: Pick<PulseFacts, "heardAt" | "askedAt">): boolean {
  return askedAt !== null && (heardAt === null || heardAt < askedAt);
}

function verdict(facts: PulseFacts, now: number): PulseState {
  const { heardAt, askedAt, busyMs, server, inquiry } = facts;
  if (facts.closed) return "closed";
  if (facts.kernel === "dead" || inquiry === "dead") return "gone";
  if (heardAt === null && askedAt === null) return "waiting";
  const asked = awaited(facts);
  const silent = silence(facts, now);
  const cut = server === "connecting" || server === "disconnected" || inquiry === "unreached";
  const { slack } = facts;
  if (silent > LATE_MS && cut) return "server-gone";
  if (silent > LATE_MS && facts.kernel === "absent") return heardAt === null ? "none" : "gone";
  // The server's answer is newer than what the host has heard, which may have been lost with a connection.
  const asks = inquiry === "idle" || inquiry === "busy" ? inquiry : facts.kernel;
  const asking = inquiry === "asking";
  if (silent <= (asking ? UNANSWERED_MS : SILENT_MS) + slack && !asked)
    return busyMs >= BUSY_MS ? "busy" : "live";
  if (silent <= ANSWER_MS + slack && asked) return asks === "busy" && silent > BUSY_MS ? "busy" : "waiting";
  if (asking) return asks === "busy" && !asked && silent <= UNANSWERED_BUSY_MS ? "busy" : "server-gone";
  if (inquiry === "late" && silent <= ON_THE_WAY_MS) return "waiting";
  if (asks === "busy") return "busy";
  if (asks === "unknown" && !asked && busyMs >= BUSY_MS && silent <= BUSY_SILENT_MS) return "busy";
  return heardAt === null ? "none" : "gone";
}

export function judge(facts: PulseFacts, now: number): Pulse {
  return { state: verdict(facts, now), heardAt: facts.heardAt };
}
