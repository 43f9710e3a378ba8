/** Timers of live calls: which are shown, in what order, how grave, and what they come to. Pure. */
import { text, toTime } from "./format";
import type { Row, Rows } from "./rows";

export interface LiveCall {
  key: string;
  status: string;
  caller: string;
  campaign: string;
  buyer: string;
  agent: string;
  connectedAt: number | null;
  /** Since when it rings, or waits. */
  waitsSince: number | null;
}

/** `waiting` is not talking yet. */
export type Grade = "waiting" | "good" | "warn" | "critical";

export interface Limits {
  /** In ms; 0 for never. */
  warn: number;
  critical: number;
  /** Calls that wait are shown too. */
  waiting: boolean;
  /** Calls shown one by one. */
  most: number;
}

export interface Timer {
  call: LiveCall;
  /** In ms; null when it is not known since when. */
  lasts: number | null;
  grade: Grade;
  /** Share of the critical duration, 0 to 1. */
  part: number;
}

export interface Durations {
  timers: Timer[];
  /** Calls that are not shown one by one. */
  more: number;
  talking: number;
  waiting: number;
  /** Of those that talk, in ms; null when there are none. */
  longest: number | null;
  average: number | null;
  warn: number;
  critical: number;
}

export function readLiveCall(key: string, row: Row): LiveCall {
  const line = (value: unknown): string =>
    value === null || value === undefined || value === "" ? "" : text(value, 120);
  return {
    key,
    status: line(row.status),
    caller: line(row.caller),
    campaign: line(row.campaign),
    buyer: line(row.buyer),
    agent: line(row.agent),
    connectedAt: toTime(row.connected_at),
    waitsSince: toTime(row.ringing_at) ?? toTime(row.created_at),
  };
}

export function readLiveCalls(rows: Rows): LiveCall[] {
  return Array.from(rows, ([key, row]) => readLiveCall(key, row));
}

/** A call talks once it was connected, or says that it does. */
export const talks = (call: LiveCall): boolean => call.connectedAt !== null || call.status === "in-progress";

export function gradeOf(lasts: number | null, talking: boolean, { warn, critical }: Limits): Grade {
  if (!talking) return "waiting";
  if (lasts === null) return "good";
  if (critical > 0 && lasts >= critical) return "critical";
  return warn > 0 && lasts >= warn ? "warn" : "good";
}

/** What bars are measured against, in ms: the critical duration, or the longest call where there is none. */
export function fullBar({ warn, critical }: Limits, longest: number | null): number {
  return critical || Math.max(warn * 2, longest ?? 0) || 1;
}

export function durations(calls: readonly LiveCall[], now: number, limits: Limits): Durations {
  const found: Timer[] = [];
  const lengths: number[] = [];
  const result: Durations = {
    timers: [],
    more: 0,
    talking: 0,
    waiting: 0,
    longest: null,
    average: null,
    warn: 0,
    critical: 0,
  };
  for (const call of calls) {
    const talking = talks(call);
    const from = call.connectedAt ?? (talking ? null : call.waitsSince);
    // A clock that is ahead of ours must not make a call shorter than nothing.
    const lasts = from === null ? null : Math.max(0, now - from);
    const grade = gradeOf(lasts, talking, limits);
    if (talking) {
      result.talking += 1;
      if (lasts !== null) lengths.push(lasts);
      if (grade === "warn" || grade === "critical") result[grade] += 1;
    } else result.waiting += 1;
    if (talking || limits.waiting) found.push({ call, lasts, grade, part: 0 });
  }
  if (lengths.length > 0) {
    result.longest = lengths.reduce((most, one) => Math.max(most, one));
    result.average = lengths.reduce((sum, one) => sum + one, 0) / lengths.length;
  }
  // Those of an unknown length come last; equal ones by key, so that rows never swap at random.
  found.sort((a, b) => (b.lasts ?? -1) - (a.lasts ?? -1) || (a.call.key < b.call.key ? -1 : 1));
  const full = fullBar(limits, result.longest);
  result.timers = found.slice(0, limits.most);
  for (const timer of result.timers) timer.part = Math.min(1, (timer.lasts ?? 0) / full);
  result.more = found.length - result.timers.length;
  return result;
}
