/** Targets and their bids as a board lists them: read, found, sorted. Pure. */
import type { BidField, Terms } from "./bid_terms";
import { compare, isDecimal } from "./decimal";
import { LONGEST, text, toNumber } from "./format";
import type { Cell, Row } from "./rows";
import { readPoints } from "./sparkline";

export type EditState = "pending" | "accepted" | "synced" | "rejected" | "conflict";
const EDIT_STATES: ReadonlySet<unknown> = new Set(["pending", "accepted", "synced", "rejected", "conflict"]);

/** The last change of a row, as the kernel tells it. */
export interface BidChange {
  state: EditState;
  id: string;
  field: BidField;
  mine: string | null;
  before: string | null;
  theirs: string | null;
  message: string;
  advice: string;
  canUndo: boolean;
  isUndo: boolean;
}

export interface Bid extends Terms {
  key: string;
  row: Row;
  name: string;
  buyer: string;
  campaign: string;
  status: string;
  bid: string | null;
  modified: string | null;
  won: string | null;
  wonAt: Cell;
  trend: (number | null)[];
  requests: number | null;
  wins: number | null;
  /** Why this row cannot be changed. */
  denied: string | null;
  change: BidChange | null;
  /** What is searched in, in small letters. */
  words: string;
}

function decimal(value: Cell | undefined): string | null {
  const plain = typeof value === "number" ? String(value) : value;
  return isDecimal(plain) ? plain : null;
}

function change(row: Row): BidChange | null {
  if (!EDIT_STATES.has(row.edit_state)) return null;
  return {
    state: row.edit_state as EditState,
    id: String(row.edit_id ?? ""),
    field: row.edit_field === "modifier" ? "modifier" : "bid",
    mine: decimal(row.edit_mine),
    before: decimal(row.edit_before),
    theirs: decimal(row.edit_theirs),
    message: row.edit_message ? text(row.edit_message) : "",
    advice: row.edit_advice ? text(row.edit_advice) : "",
    canUndo: row.edit_can_undo === true,
    isUndo: row.edit_is_undo === true,
  };
}

export function readBid(key: string, row: Row): Bid {
  const name = text(row.name);
  const buyer = row.buyer ? text(row.buyer) : "";
  const campaign = row.campaign ? text(row.campaign) : "";
  const status = row.status ? text(row.status, 40) : "";
  return {
    key,
    row,
    name,
    buyer,
    campaign,
    status,
    base: decimal(row.base),
    modifier: decimal(row.modifier),
    least: decimal(row.least),
    most: decimal(row.most),
    bid: decimal(row.bid),
    modified: decimal(row.modified),
    won: decimal(row.won),
    wonAt: row.won_at ?? null,
    trend: readPoints(row.trend),
    requests: toNumber(row.requests),
    wins: toNumber(row.wins),
    denied: row.denied ? text(row.denied, LONGEST) : null,
    change: change(row),
    words: `${name} ${buyer} ${campaign} ${status}`.toLowerCase(),
  };
}

/** Of the requests that it bid for, the share that it won. */
export function winRate({ requests, wins }: Bid): number | null {
  return requests && wins !== null ? wins / requests : null;
}

export const FIELDS = ["name", "status", "bid", "base", "modifier", "won", "rate"] as const;
export type SortField = (typeof FIELDS)[number];
export interface Sort {
  field: SortField;
  down: boolean;
}

/** "-bid" is by bid, downwards; what is not understood is the default. */
export function parseSort(words: string): Sort {
  const down = words.startsWith("-");
  const field = (down ? words.slice(1) : words) as SortField;
  return FIELDS.includes(field) ? { field, down } : { field: "bid", down: true };
}

export function sortText({ field, down }: Sort): string {
  return `${down ? "-" : ""}${field}`;
}

/** Amounts by size, however long; what is not known comes last, whichever way. */
export function comparator({ field, down }: Sort): (one: Bid, other: Bid) => number {
  const sign = down ? -1 : 1;
  return (one, other) => sign * order(field, one, other, sign) || byName(one, other);
}

function order(field: SortField, one: Bid, other: Bid, sign: number): number {
  switch (field) {
    case "name":
      return byText(one.name, other.name);
    case "status":
      return byText(one.status, other.status);
    case "rate": {
      const [left, right] = [winRate(one), winRate(other)];
      return left === null || right === null ? missing(left === null, right === null, sign) : left - right;
    }
    default: {
      const [left, right] = [one[field], other[field]];
      return compare(left, right) ?? missing(left === null, right === null, sign);
    }
  }
}

function missing(left: boolean, right: boolean, sign: number): number {
  return left === right ? 0 : left ? sign : -sign;
}

function byText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function byName(one: Bid, other: Bid): number {
  return byText(one.name, other.name) || byText(one.key, other.key);
}

export function searchWords(search: string): string[] {
  return search.toLowerCase().split(/\s+/).filter(Boolean);
}

export function matches(bid: Bid, words: readonly string[]): boolean {
  return words.every((word) => bid.words.includes(word));
}

/** What a change is called in a row; the reason comes beside it. */
export function changeWords({ state, isUndo }: BidChange): string {
  switch (state) {
    case "pending":
      return isUndo ? "Taking back …" : "Saving …";
    case "accepted":
      return isUndo ? "Taken back, not seen yet" : "Saved, not seen yet";
    case "synced":
      return isUndo ? "Taken back" : "Saved";
    case "rejected":
      return "Not saved";
    case "conflict":
      return "Changed by somebody else";
  }
}

/** Whether the bid stands at or outside a limit; null where it does not. */
export function limitWords({
  modified,
  least,
  most,
}: Bid): { words: string; tone: "warn" | "neutral" } | null {
  if (compare(modified, least) === -1) return { words: "Below minimum", tone: "warn" };
  if (compare(modified, most) === 1) return { words: "Held at maximum", tone: "neutral" };
  return null;
}
