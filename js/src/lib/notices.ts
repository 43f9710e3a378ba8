/** Notifications as the kernel tells of them, and in words. Pure. */
import { age, count, text, toNumber } from "./format";
import type { Row } from "./rows";

export type Kind = "info" | "success" | "warning" | "error";
/** Whether its alert can be acknowledged, and how far that is; null where it tells of none. */
export type Acknowledge = "open" | "pending" | "synced" | "denied" | null;

export interface Notice {
  /** The kernel's name for it, unique in one connection. */
  name: string;
  text: string;
  title: string;
  kind: Kind;
  /** It says that something goes on, and will say how it ended. */
  pending: boolean;
  ended: "dismissed" | "acknowledged" | null;
  /** Kernel ms. */
  created: number;
  changed: number;
  /** Ms; null until it is dismissed. */
  duration: number | null;
  group: string | null;
  count: number;
  action: string | null;
  acknowledge: Acknowledge;
  problem: string | null;
  /** Old news: for the list only. */
  quiet: boolean;
}

export interface Look {
  word: string;
  tone: "wait" | "good" | "warn" | "bad";
  path: string;
}

const INFO = "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M7.1 4.2h1.8V6H7.1zm0 3h1.8v4.6H7.1z";
const CHECK = "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M7 11 3.9 7.9 5 6.8l2 2 4-4 1.1 1.1z";
const TRIANGLE = "M8 1.6 15.4 14.4H.6zm-.85 4.6v4h1.7v-4zm0 5v1.7h1.7v-1.7z";
const OCTAGON = "M5.2 1.3h5.6l3.9 3.9v5.6l-3.9 3.9H5.2l-3.9-3.9V5.2zM7.1 4v5h1.8V4zm0 6.2V12h1.8v-1.8z";
const RING = "M8 2.5a5.5 5.5 0 1 0 5.5 5.5H12A4 4 0 1 1 8 4z";

export const LOOKS: Record<Kind | "pending", Look> = {
  info: { word: "Info", tone: "wait", path: INFO },
  success: { word: "Done", tone: "good", path: CHECK },
  warning: { word: "Warning", tone: "warn", path: TRIANGLE },
  error: { word: "Error", tone: "bad", path: OCTAGON },
  pending: { word: "Working", tone: "wait", path: RING },
};

/** As long as a text may be in a toast or the list. */
export const LONGEST_TEXT = 480;
const LONGEST_TITLE = 120;
/** A year from the epoch in which a time is believable; beyond that it is a dash. */
const FARTHEST = 8.64e15;

export function lookOf(notice: Pick<Notice, "kind" | "pending">): Look {
  return LOOKS[notice.pending ? "pending" : notice.kind];
}

const KINDS: ReadonlySet<unknown> = new Set<Kind>(["info", "success", "warning", "error"]);
const ACKNOWLEDGE: ReadonlySet<unknown> = new Set(["open", "pending", "synced", "denied"]);

const line = (value: unknown, longest: number): string =>
  typeof value === "string" && value.trim() !== "" ? text(value, longest) : "";
const time = (value: unknown): number => {
  const number = toNumber(value);
  return number !== null && Math.abs(number) <= FARTHEST ? number : 0;
};

/** Read a row; nothing in it is trusted. */
export function readNotice(name: string, row: Row): Notice {
  const state = row.state;
  const acknowledge = (ACKNOWLEDGE.has(row.acknowledge) ? row.acknowledge : null) as Acknowledge;
  const duration = toNumber(row.duration);
  return {
    name,
    text: text(row.text, LONGEST_TEXT),
    title: line(row.title, LONGEST_TITLE),
    kind: (KINDS.has(row.type) ? row.type : "info") as Kind,
    pending: state === "pending",
    ended: state === "dismissed" || state === "acknowledged" ? state : null,
    created: time(row.created),
    changed: time(row.changed),
    duration: duration !== null && duration > 0 ? duration : null,
    group: line(row.group, LONGEST_TITLE) || null,
    count: Math.max(1, Math.floor(toNumber(row.count) ?? 1)),
    action: line(row.action, 40) || null,
    acknowledge,
    problem: line(row.problem, LONGEST_TEXT) || null,
    quiet: row.quiet === true,
  };
}

/** How long ago: now, 12 s ago, 3 min ago. A time yet to come is now. */
export function ago(at: number, now: number): string {
  if (!Number.isFinite(at) || !Number.isFinite(now) || at <= 0) return "—";
  const passed = now - at;
  return passed < 3_000 ? "now" : `${age(passed)} ago`;
}

/** "5 payments confirmed" from "{count} payments confirmed"; "5 payments" from "payments". */
export function groupWords(group: string, total: number): string {
  const said = group.includes("{count}") ? group : `{count} × ${group}`;
  return said.replaceAll("{count}", count(total));
}

/** What became of it, for the list. */
export function stateWords(notice: Notice): string {
  if (notice.acknowledge === "pending") return "Acknowledging…";
  if (notice.ended === "acknowledged") return "Acknowledged";
  if (notice.ended === "dismissed") return "Dismissed";
  if (notice.pending) return "In progress";
  return "";
}

/** Whether somebody still has to look at it. */
export function isUnread(notice: Notice, readUntil: number): boolean {
  return notice.ended === null && notice.changed > readUntil;
}

/** The newest first, at most so many. */
export function newestFirst(notices: Iterable<Notice>, most: number): Notice[] {
  return [...notices]
    .sort((a, b) => b.changed - a.changed || b.created - a.created || (a.name < b.name ? 1 : -1))
    .slice(0, Math.max(0, most));
}

/** What a screen reader is told. */
export function spoken(notice: Notice): string {
  const said = [lookOf(notice).word, notice.title, notice.text].filter(Boolean).join(": ");
  const times = notice.count > 1 ? `, ${count(notice.count)} times` : "";
  return `${said}${times}${notice.problem ? `. ${notice.problem}` : ""}`;
}
