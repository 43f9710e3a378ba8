/** Drawn data for the gallery: the same calls at each load, so that pictures can be compared. */
import type { LinkStatus } from "../src/lib/exchange";
import type { Meta } from "../src/lib/protocol";
import type { Row } from "../src/lib/rows";

export const NOW = Date.now();

const CAMPAIGNS = [
  "Medicare Advantage — Florida",
  "Auto Insurance Q4",
  "Solar Southwest",
  "Debt Relief Inbound",
  "Home Warranty",
];
const BUYERS = ["Northwind Health", "Acme Insurance Group", "Brightside Solar", "Clearpath Financial", ""];
const AGENTS = ["Ana Ruiz", "Marcus Webb", "Priya Nair", "Tom Okafor", "Yuki Tanaka", ""];
const STATES = ["FL", "TX", "CA", "NY", "AZ"];
const STATUSES = [
  "in-progress",
  "ringing",
  "in-progress",
  "in-progress",
  "queued",
  "in-progress",
  "completed",
  "ringing",
  "in-progress",
  "no-answer",
  "in-progress",
  "initiated",
  "in-progress",
  "busy",
  "in-progress",
  "failed",
  "canceled",
];
const ENDED = new Set(["completed", "no-answer", "busy", "failed", "canceled"]);

export function calls(total: number): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (let index = 0; index < total; index++) {
    const status = STATUSES[(index * 7) % STATUSES.length] as string;
    const ended = ENDED.has(status);
    const created = NOW - (8 + index * 17 + ((index * 31) % 23)) * 1000;
    const talks = status === "in-progress" || status === "completed";
    const connected = talks ? created + (4 + (index % 9)) * 1000 : null;
    const revenue = status === "completed" ? 38.5 + ((index * 13) % 90) : null;
    rows.set(`call-${index}`, {
      status,
      status_raw: status,
      caller: `+1 ••• ••• ${String((index * 7919) % 10_000).padStart(4, "0")}`,
      caller_state: STATES[index % STATES.length] as string,
      campaign: CAMPAIGNS[index % CAMPAIGNS.length] as string,
      publisher: "Clickwell",
      buyer: status === "queued" ? "" : (BUYERS[index % BUYERS.length] as string),
      target: "",
      agent: talks ? (AGENTS[index % AGENTS.length] as string) : "",
      created_at: new Date(created).toISOString(),
      connected_at: connected ? new Date(connected).toISOString() : null,
      ended_at: ended ? new Date(NOW - (2 + (index % 20)) * 1000).toISOString() : null,
      connected_seconds: status === "completed" ? 90 + index * 7 : null,
      bid: 12 + ((index * 17) % 60) + 0.5,
      revenue,
      is_converted: revenue !== null && index % 2 === 0,
      is_duplicate: false,
      version: 1,
    });
  }
  return rows;
}

export function hostile(): Map<string, Row> {
  const texts = [
    '<img src=x onerror="window.hacked=1">',
    "<script>window.hacked=1</script>",
    "שלום עולם مرحبا بالعالم",
    "\u202Eevil\u202C reversed",
    "👩‍👩‍👧‍👦 family 🇺🇳",
    "x".repeat(10_000),
    "",
    "line\nbreak\ttab",
    "null",
  ];
  const rows = new Map<string, Row>();
  texts.forEach((words, index) => {
    rows.set(`<b id=${index}>`, {
      status: index % 2 ? words : "in-progress",
      status_raw: words,
      caller: words,
      caller_state: words,
      campaign: words,
      buyer: words,
      agent: words,
      created_at:
        index === 2 ? "9999-12-31 23:59:59+00" : index === 3 ? "infinity" : "0001-01-01 00:00:00+00",
      connected_at: index === 4 ? words : new Date(NOW - 60_000).toISOString(),
      ended_at: null,
      connected_seconds: null,
      bid: index === 0 ? "90071992547409931234" : index === 1 ? "NaN" : 4.5,
      revenue: null,
    });
  });
  return rows;
}

export function meta(state: Meta["state"], extra: Partial<Meta> = {}): Meta {
  return { state, since: NOW - 12_000, rows: 0, partial: false, version: 1, masked: true, ...extra };
}

export function link(state: LinkStatus["state"]): LinkStatus {
  const quiet = state === "gone" || state === "server-gone";
  return {
    state,
    heardAt: state === "none" ? null : NOW - (quiet ? 34_000 : 400),
    skew: 0,
    slack: 0,
    busyMs: state === "busy" ? 23_000 : 0,
    ages: {},
  };
}

export function connection(state: string, extra: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    state,
    since: NOW - 60_000,
    attempt: 0,
    retry_at: null,
    error: null,
    latency_ms: 48,
    legs: { realtime: 800, rest: 12_000 },
    ...extra,
  };
}
