/** One word for how far what is shown can be trusted, from the link, the feed's meta and the clock. */
import type { LinkStatus } from "./exchange";
import { age } from "./format";
import type { Meta, Trouble } from "./protocol";
import { SILENT_MS } from "./pulse";

export type HealthState =
  | "connecting"
  | "none"
  | "loading"
  | "live"
  | "busy"
  | "catching-up"
  | "stale"
  | "error"
  | "gone"
  | "server-gone"
  | "closed";

export interface Health {
  state: HealthState;
  word: string;
  tone: "good" | "wait" | "warn" | "bad" | "off";
  path: string;
  /** Shown rows may be wrong: they are dimmed, and the banner says so. */
  doubtful: boolean;
  banner: string | null;
  advice: string | null;
}

export interface HealthFacts {
  /** Null while the hub has not been found. */
  link: LinkStatus | null;
  meta: Meta | null;
  vouched: boolean;
  /** Page ms since when the view looks for its hub. */
  since: number;
  /** The hub was not found, and why. */
  lost?: Trouble | null;
}

/** A page that finds no hub for this long says so. */
export const ABSENT_MS = 3_000;

const DOT = "M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8";
const RING = "M8 2.5a5.5 5.5 0 1 0 5.5 5.5H12A4 4 0 1 1 8 4z";
const PAUSE = "M4 3h2.8v10H4zm5.2 0H12v10H9.2z";
const TRIANGLE = "M8 2 15 14H1zm-.8 4.5v3.5h1.6V6.5zm0 4.5v1.5h1.6V11z";
const CROSS = "m4.1 3 3.9 3.9L11.9 3 13 4.1 9.1 8l3.9 3.9-1.1 1.1L8 9.1 4.1 13 3 11.9 6.9 8 3 4.1z";
const HOLLOW = "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3m0 1.6a3.4 3.4 0 1 1 0 6.8 3.4 3.4 0 0 1 0-6.8";

/** The drawn side of each state; `doubtful` says whether shown rows lose their trust in it. */
export const LOOKS: Record<HealthState, Pick<Health, "word" | "tone" | "path" | "doubtful">> = {
  connecting: { word: "Connecting", tone: "wait", path: RING, doubtful: true },
  none: { word: "No kernel", tone: "off", path: HOLLOW, doubtful: true },
  loading: { word: "Loading", tone: "wait", path: RING, doubtful: false },
  live: { word: "Live", tone: "good", path: DOT, doubtful: false },
  busy: { word: "Kernel busy", tone: "warn", path: PAUSE, doubtful: false },
  "catching-up": { word: "Catching up", tone: "wait", path: RING, doubtful: true },
  stale: { word: "Stale", tone: "warn", path: TRIANGLE, doubtful: true },
  error: { word: "Error", tone: "bad", path: TRIANGLE, doubtful: true },
  gone: { word: "Kernel gone", tone: "bad", path: CROSS, doubtful: true },
  "server-gone": { word: "Server gone", tone: "bad", path: CROSS, doubtful: true },
  closed: { word: "Closed", tone: "off", path: HOLLOW, doubtful: true },
};

function stateOf({ link, meta, vouched, since, lost }: HealthFacts, now: number): HealthState {
  if (!link) return lost || now - since >= ABSENT_MS ? "none" : "connecting";
  switch (link.state) {
    case "none":
    case "gone":
    case "server-gone":
    case "closed":
      return link.state;
    case "waiting":
      return meta ? "catching-up" : "connecting";
    default:
  }
  if (link.state === "busy" && !(meta && vouched)) return "busy";
  if (!meta) return "loading";
  if (meta.state !== "live") return meta.state;
  if (!vouched) return "catching-up";
  return link.state === "busy" ? "busy" : "live";
}

/**
 * The kernel time up to which the rows are known to be right, in ms. Timers must not run on beyond it: a call that
 * nobody watches any more may have ended.
 */
export function knownUntil(facts: HealthFacts, now: number): number {
  const { link, meta } = facts;
  const kernelNow = now + (link?.skew ?? 0);
  const state = stateOf(facts, now);
  if ((state === "stale" || state === "error" || state === "closed") && meta)
    return Math.min(kernelNow, meta.since);
  const silent = state === "gone" || state === "server-gone" || state === "none";
  if ((silent || isSilent(facts, now)) && link?.heardAt != null) {
    return Math.min(kernelNow, link.heardAt + link.skew);
  }
  return kernelNow;
}

/** Whether the kernel says nothing at all: a cell that holds even the interpreter, for it is not said to be gone. */
function isSilent({ link }: HealthFacts, now: number): boolean {
  return link?.state === "busy" && (link.heardAt === null || now - link.heardAt > SILENT_MS);
}

export function health(facts: HealthFacts, now: number): Health {
  const { link, meta, lost } = facts;
  const state = stateOf(facts, now);
  const heard = link?.heardAt == null ? null : age(now - link.heardAt);
  const trouble = meta?.error ?? null;
  const say = (banner: string | null, advice: string | null = null): Health => ({
    state,
    ...LOOKS[state],
    banner,
    advice,
  });
  switch (state) {
    case "stale": {
      const kernelNow = now + (link?.skew ?? 0);
      const staleFor = meta ? age(kernelNow - meta.since) : "";
      // A recording that is over is not waited for.
      if (trouble?.kind === "RecordingError") return say(trouble.message, trouble.advice);
      return say(`Stale since ${staleFor} — reconnecting`, trouble?.message ?? null);
    }
    case "error":
      return say(trouble?.message ?? "The data could not be read.", trouble?.advice ?? null);
    case "gone":
      return say(
        heard ? `Kernel gone. Last heard from ${heard} ago.` : "Kernel gone.",
        "Run the cell again; on a dashboard, reload the page.",
      );
    case "server-gone":
      return say(
        heard
          ? `The notebook server is not reached. Last heard from ${heard} ago.`
          : "The notebook server is not reached.",
        "The page reconnects by itself when the server is back.",
      );
    case "busy": {
      const silent = isSilent(facts, now);
      if (!silent && facts.vouched) return say(null);
      return {
        ...say(
          silent && heard ? `Kernel busy. Last heard from ${heard} ago.` : "Kernel busy.",
          "The view follows when the cell ends.",
        ),
        doubtful: true,
      };
    }
    case "none":
      return say(
        lost?.message ?? "No kernel behind this view.",
        lost?.advice ?? "Run the cell to bring it to life.",
      );
    case "closed":
      return say("This view was closed in the kernel.", "Run the cell again to reopen it.");
    default:
      return say(null);
  }
}
