/** The whole way from the browser over the kernel to Supabase in one word, and its legs for those who ask. */
import { age, count, latency, toNumber } from "./format";
import { type Health, type HealthFacts, health, LOOKS } from "./health";
import type { Trouble } from "./protocol";

/** The upstream as the kernel's meta tells it. */
export interface Upstream {
  state: "connecting" | "catching-up" | "live" | "reconnecting" | "refused" | "closed";
  /** Kernel ms. */
  since: number;
  attempt: number;
  /** Kernel ms of the next attempt. */
  retryAt: number | null;
  error: Trouble | null;
  latencyMs: number | null;
  /** Age in ms of each leg's last proof of life. */
  legs: Record<string, number | null>;
  tables: { live: number; stale: number; loading: number; error: number };
  lagging: string[];
}

const STATES = new Set(["connecting", "catching-up", "live", "reconnecting", "refused", "closed"]);

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function troubleOf(value: unknown): Trouble | null {
  const { kind, message, advice } = record(value);
  return typeof message === "string"
    ? { kind: String(kind ?? ""), message, advice: String(advice ?? "") }
    : null;
}

/** Read the meta of a status feed; null when it tells of no connection. */
export function readUpstream(meta: unknown): Upstream | null {
  const whole = record(meta);
  const connection = record(whole.connection);
  if (typeof connection.state !== "string" || !STATES.has(connection.state)) return null;
  const tables = record(whole.tables);
  const number = (name: string): number => toNumber(tables[name]) ?? 0;
  const legs: Record<string, number | null> = {};
  for (const [name, value] of Object.entries(record(connection.legs))) legs[name] = toNumber(value);
  return {
    state: connection.state as Upstream["state"],
    since: toNumber(connection.since) ?? 0,
    attempt: toNumber(connection.attempt) ?? 0,
    retryAt: toNumber(connection.retry_at),
    error: troubleOf(connection.error),
    latencyMs: toNumber(connection.latency_ms),
    legs,
    tables: {
      live: number("live"),
      stale: number("stale"),
      loading: number("loading"),
      error: number("error"),
    },
    lagging: Array.isArray(whole.lagging) ? whole.lagging.map(String) : [],
  };
}

export type Verdict =
  | "connecting"
  | "catching-up"
  | "live"
  | "busy"
  | "reconnecting"
  | "stale"
  | "offline"
  | "refused"
  | "closed"
  | "gone"
  | "server-gone"
  | "none";

export interface Leg {
  name: string;
  tone: Health["tone"];
  word: string;
  detail: string;
}

export interface Overview {
  state: Verdict;
  word: string;
  tone: Health["tone"];
  path: string;
  /** Beside the word: latency, attempt and countdown, what is lagging. */
  note: string;
  canRetry: boolean;
  legs: Leg[];
  trouble: Trouble | null;
}

const OFFLINE_PATH =
  "M2.1 1 1 2.1l2.9 2.9a8 8 0 0 0-2.7 1.7l1.1 1.1A6.5 6.5 0 0 1 5.1 6.1l1.3 1.3a5 5 0 0 0-2 1.3l1.1 1.1A3.4 3.4 0 0 1 8 8.9l5.9 6 1.1-1.1zM8 12a1.3 1.3 0 1 0 0 2.6A1.3 1.3 0 0 0 8 12m0-7.9a8 8 0 0 0-1.6.2l1.4 1.4a6.5 6.5 0 0 1 5.4 2.1l1.1-1.1A8 8 0 0 0 8 4.1";
const LOCK_PATH =
  "M8 1.5A3.5 3.5 0 0 0 4.5 5v1.5H3.5v8h9v-8h-1V5A3.5 3.5 0 0 0 8 1.5M8 3a2 2 0 0 1 2 2v1.5H6V5a2 2 0 0 1 2-2";

const UPSTREAM_LOOKS: Record<Upstream["state"], Pick<Overview, "word" | "tone" | "path">> = {
  connecting: LOOKS.connecting,
  "catching-up": LOOKS["catching-up"],
  live: LOOKS.live,
  reconnecting: { word: "Reconnecting", tone: "warn", path: LOOKS.connecting.path },
  refused: { word: "Refused", tone: "bad", path: LOCK_PATH },
  closed: LOOKS.closed,
};

function plural(number: number, one: string): string {
  return `${count(number)} ${one}${number === 1 ? "" : "s"}`;
}

/** Of a link on which messages come later than this a word is said. */
const SLOW_MS = 250;

function browserLeg(verdict: Health, facts: HealthFacts, now: number): Leg {
  const { link } = facts;
  const slow = (link?.slack ?? 0) > SLOW_MS ? ", slow link" : "";
  const heard = link?.heardAt == null ? "no message yet" : `heard ${age(now - link.heardAt)} ago${slow}`;
  const reached = ["live", "busy", "stale", "loading", "error", "catching-up"].includes(verdict.state);
  const busy = link?.state === "busy";
  return {
    name: "Browser ↔ kernel",
    tone: busy ? "warn" : reached ? "good" : verdict.tone,
    word: busy ? "Kernel busy" : reached ? "Connected" : verdict.word,
    detail: busy && link ? `cell running for ${age(link.busyMs)}` : heard,
  };
}

const LEG_NAMES: Record<string, string> = { realtime: "Realtime stream", rest: "REST" };

function upstreamLegs(upstream: Upstream, trusted: boolean): Leg[] {
  const look = UPSTREAM_LOOKS[upstream.state];
  const legs: Leg[] = [
    {
      name: "Kernel ↔ Supabase",
      tone: trusted ? look.tone : "off",
      word: trusted ? (upstream.state === "live" ? "Connected" : look.word) : "Unknown",
      detail:
        trusted && upstream.state === "live" && upstream.latencyMs !== null
          ? `${latency(upstream.latencyMs)} round trip`
          : "",
    },
  ];
  for (const [name, value] of trusted ? Object.entries(upstream.legs) : []) {
    legs.push({
      name: LEG_NAMES[name] ?? name,
      tone: "off",
      word: "",
      detail: value === null ? "not used yet" : `answered ${age(value)} ago`,
    });
  }
  return legs;
}

/** Judge everything at once. `offline`: the browser says that it has no network. */
export function overview(facts: HealthFacts, offline: boolean, now: number): Overview {
  const verdict = health(facts, now);
  const upstream = readUpstream(facts.meta);
  const kernelNow = now + (facts.link?.skew ?? 0);
  const reached = facts.link?.state === "live" || facts.link?.state === "busy";
  const legs = [browserLeg(verdict, facts, now), ...(upstream ? upstreamLegs(upstream, reached) : [])];
  const answer = (
    state: Verdict,
    look: Pick<Overview, "word" | "tone" | "path">,
    note = "",
    canRetry = false,
    trouble: Trouble | null = null,
  ): Overview => ({
    state,
    word: look.word,
    tone: look.tone,
    path: look.path,
    note,
    canRetry,
    legs,
    trouble,
  });

  const heard = facts.link?.heardAt == null ? "" : `${age(now - facts.link.heardAt)} ago`;
  switch (verdict.state) {
    case "gone":
    case "server-gone":
    case "none":
    case "closed": {
      const trouble = { kind: verdict.state, message: verdict.banner ?? "", advice: verdict.advice ?? "" };
      // Without a network nothing better can be said of what lies behind it.
      if (offline && verdict.state !== "closed") {
        return answer("offline", { word: "Offline", tone: "bad", path: OFFLINE_PATH }, heard, false, {
          kind: "Offline",
          message: "This browser has no network.",
          advice: "It goes on by itself when the network is back.",
        });
      }
      return answer(verdict.state, verdict, heard, false, trouble);
    }
    case "connecting":
      return answer("connecting", verdict);
    default:
  }
  // A cell that holds even the interpreter: nothing is known of what lies behind it.
  if (verdict.state === "busy" && verdict.doubtful) return answer("busy", LOOKS.busy, heard);
  if (!reached || !upstream)
    return answer(
      upstream ? "catching-up" : "connecting",
      upstream ? LOOKS["catching-up"] : LOOKS.connecting,
    );
  const look = UPSTREAM_LOOKS[upstream.state];
  if (upstream.state === "reconnecting") {
    const left =
      upstream.retryAt === null ? null : Math.max(0, Math.ceil((upstream.retryAt - kernelNow) / 1000));
    const when = left === null || left === 0 ? "now" : `in ${left} s`;
    return answer(
      "reconnecting",
      look,
      `attempt ${count(Math.max(1, upstream.attempt))}, ${when}`,
      (left ?? 0) > 0,
      upstream.error,
    );
  }
  if (upstream.state !== "live") {
    return answer(upstream.state, look, "", upstream.state === "refused", upstream.error);
  }
  const { stale, error, loading } = upstream.tables;
  if (stale + error > 0)
    return answer("stale", LOOKS.stale, plural(stale + error, "table"), false, upstream.error);
  if (facts.link?.state === "busy") return answer("busy", LOOKS.busy, age(facts.link.busyMs));
  if (loading > 0) return answer("catching-up", LOOKS["catching-up"], plural(loading, "table"));
  return answer("live", LOOKS.live, upstream.latencyMs === null ? "" : latency(upstream.latencyMs));
}
