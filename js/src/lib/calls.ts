/** Calls in the business's words: statuses, what counts as live, durations, what is shown and in what order. */
import { DASH, toNumber, toTime } from "./format";
import type { Row } from "./rows";

export type Tone = "waiting" | "calling" | "ringing" | "talking" | "good" | "neutral" | "warn" | "bad";

export interface StatusLook {
  label: string;
  tone: Tone;
  /** Shape beside the colour, so that colour is never the only sign. 16 by 16. */
  path: string;
  ended: boolean;
}

/** Twilio's terms, in the order of a call's life. */
export const STATUSES = {
  queued: {
    label: "Queued",
    tone: "waiting",
    ended: false,
    path: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3m-.75 2v3.3l2.6 1.9.9-1.2-2-1.5V5z",
  },
  initiated: {
    label: "Initiated",
    tone: "calling",
    ended: false,
    path: "M5.2 3.2v1.6h4.9l-7 7 1.1 1.1 7-7v4.9h1.6V3.2z",
  },
  ringing: {
    label: "Ringing",
    tone: "ringing",
    ended: false,
    path: "M8 1.2c-.6 0-1 .4-1 1v.4A4.2 4.2 0 0 0 3.8 6.7v2.6L2.5 11v.8h11V11l-1.3-1.7V6.7A4.2 4.2 0 0 0 9 2.6v-.4c0-.6-.4-1-1-1M6.3 12.8a1.7 1.7 0 0 0 3.4 0z",
  },
  "in-progress": {
    label: "In progress",
    tone: "talking",
    ended: false,
    path: "M2 6.5h1.6v3H2zm3.2-3h1.6v9H5.2zm3.2 2h1.6v5H8.4zm3.2-3h1.6v11h-1.6z",
  },
  completed: {
    label: "Completed",
    tone: "good",
    ended: true,
    path: "M6.3 12.6 2.2 8.5l1.2-1.2 2.9 2.9 6.3-6.3 1.2 1.2z",
  },
  busy: {
    label: "Busy",
    tone: "warn",
    ended: true,
    path: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M4.5 7.2h7v1.6h-7z",
  },
  "no-answer": {
    label: "No answer",
    tone: "warn",
    ended: true,
    path: "M2.3 3.4 8 9.1l4.6-4.6V8h1.4V2.2H8.2v1.4h3.4L8 7.1 3.3 2.4zM2 12h12v1.5H2z",
  },
  canceled: {
    label: "Canceled",
    tone: "neutral",
    ended: true,
    path: "m4 2.9 4 4 4-4L13.1 4l-4 4 4 4-1.1 1.1-4-4-4 4L2.9 12l4-4-4-4z",
  },
  failed: {
    label: "Failed",
    tone: "bad",
    ended: true,
    path: "M8 1.3 15 14H1zM7.2 6v4h1.6V6zm0 5v1.5h1.6V11z",
  },
} as const satisfies Record<string, StatusLook>;

export type Status = keyof typeof STATUSES;
export const STATUS_ORDER = Object.keys(STATUSES) as Status[];

const UNKNOWN_PATH =
  "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13m0 2.3c1.5 0 2.6.9 2.6 2.3 0 1.8-1.9 1.9-1.9 3.2H7.3c0-2.1 1.8-2.2 1.8-3.2 0-.5-.4-.8-1-.8s-1.1.4-1.1 1H5.4c0-1.5 1.1-2.5 2.6-2.5m-.9 6.6h1.7v1.7H7.1z";

export function isStatus(value: string): value is Status {
  return Object.hasOwn(STATUSES, value);
}

/** How a status is drawn; one that we do not know keeps its own word, and ends nothing. */
export function lookOf(status: string): StatusLook {
  if (isStatus(status)) return STATUSES[status];
  const label = status.replace(/[-_]+/g, " ").trim();
  return { label: label || DASH, tone: "neutral", path: UNKNOWN_PATH, ended: false };
}

export interface Call {
  key: string;
  row: Row;
  status: string;
  createdAt: number | null;
  connectedAt: number | null;
  endedAt: number | null;
  ended: boolean;
  /** From when an ended call lingers: since its end was seen here, or since its end where it had ended before. */
  lingerFrom: number;
  /** Lower case, for the search. */
  haystack: string;
}

const SEARCHED = [
  "caller",
  "caller_state",
  "campaign",
  "publisher",
  "buyer",
  "target",
  "agent",
  "status_raw",
] as const;

/** Read a row. `seenAt` is the kernel time of reading, for an end without a time. */
export function readCall(key: string, row: Row, seenAt: number, before?: Call): Call {
  const status = typeof row.status === "string" ? row.status : "";
  const stated = toTime(row.ended_at);
  const ended = stated !== null || lookOf(status).ended;
  // The database's clock need not be the kernel's: an end that was watched counts from the watching.
  const lingerFrom = before?.ended ? before.lingerFrom : before ? seenAt : Math.min(stated ?? seenAt, seenAt);
  return {
    key,
    row,
    status,
    createdAt: toTime(row.created_at),
    connectedAt: toTime(row.connected_at),
    endedAt: ended ? (stated ?? (before?.ended ? before.endedAt : seenAt)) : null,
    ended,
    lingerFrom,
    haystack:
      `${lookOf(status).label}\n${SEARCHED.map((name) => String(row[name] ?? "").slice(0, 500)).join("\n")}\n${key}`.toLowerCase(),
  };
}

/** How long it talks or talked; before that, how long it waits. In ms; null when unknown. */
export function callDuration(call: Call, now: number): number | null {
  if (call.ended) {
    const seconds = toNumber(call.row.connected_seconds);
    if (seconds !== null && call.connectedAt !== null) return seconds * 1000;
    const from = call.connectedAt ?? call.createdAt;
    return from === null || call.endedAt === null ? null : Math.max(0, call.endedAt - from);
  }
  const from = call.connectedAt ?? call.createdAt;
  return from === null ? null : Math.max(0, now - from);
}

/** What the call is worth: its revenue once there is some, before that the winning bid; nothing when it came to nothing. */
export function callValue(call: Call): { amount: number | null; kind: "revenue" | "bid" } {
  const revenue = toNumber(call.row.revenue);
  if (revenue) return { amount: revenue, kind: "revenue" };
  if (!call.ended) return { amount: toNumber(call.row.bid), kind: "bid" };
  if (call.status !== "completed") return { amount: null, kind: "revenue" };
  return revenue === null
    ? { amount: toNumber(call.row.bid), kind: "bid" }
    : { amount: revenue, kind: "revenue" };
}

/** Whether a call is on the board: it lives, or it ended not longer than `linger` seconds ago; null lingers for ever. */
export function isShown(call: Call, linger: number | null, now: number): boolean {
  if (!call.ended || linger === null) return true;
  return now < call.lingerFrom + linger * 1000;
}

export function matches(call: Call, words: readonly string[]): boolean {
  return words.every((word) => call.haystack.includes(word));
}

export const searchWords = (search: string): string[] => search.toLowerCase().split(/\s+/).filter(Boolean);

export type SortField =
  | "status"
  | "caller"
  | "campaign"
  | "buyer"
  | "agent"
  | "created_at"
  | "duration"
  | "value";

export interface Sort {
  field: SortField;
  descending: boolean;
}

const FIELDS: Record<string, SortField> = {
  status: "status",
  caller: "caller",
  campaign: "campaign",
  buyer: "buyer",
  agent: "agent",
  created_at: "created_at",
  duration: "duration",
  connected_seconds: "duration",
  value: "value",
  bid: "value",
  revenue: "value",
};

/** "-created_at" and its like; anything unknown is the newest first. */
export function parseSort(sort: string): Sort {
  const descending = sort.startsWith("-");
  const name = descending ? sort.slice(1) : sort;
  const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
  return field ? { field, descending } : { field: "created_at", descending: true };
}

export const sortText = ({ field, descending }: Sort): string => `${descending ? "-" : ""}${field}`;

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function rank(status: string): number {
  const index = (STATUS_ORDER as string[]).indexOf(status);
  return index < 0 ? STATUS_ORDER.length : index;
}

/** Order calls. Missing values come last either way; equal ones by time, then key, so that rows never swap at random. */
export function comparator(sort: Sort, now: number): (a: Call, b: Call) => number {
  const { field, descending } = sort;
  const value = (call: Call): number | string | null => {
    switch (field) {
      case "status":
        return rank(call.status);
      case "created_at":
        return call.createdAt;
      case "duration":
        return callDuration(call, now);
      case "value":
        return callValue(call).amount;
      default: {
        const cell = call.row[field];
        return cell === null || cell === undefined || cell === "" ? null : String(cell);
      }
    }
  };
  const sign = descending ? -1 : 1;
  return (a, b) => {
    const left = value(a);
    const right = value(b);
    if (left === null || right === null) {
      if (left !== right) return left === null ? 1 : -1;
    } else if (typeof left === "number" && typeof right === "number") {
      if (left !== right) return sign * (left - right);
    } else {
      const order = collator.compare(String(left), String(right));
      if (order !== 0) return sign * order;
    }
    return (b.createdAt ?? 0) - (a.createdAt ?? 0) || (a.key < b.key ? -1 : 1);
  };
}
