/** Tiles of figures as people read them: values by unit, differences in words, targets with a state. Pure. */
import { count, DASH, duration, LONGEST, money, text, toNumber } from "./format";
import type { Row, Rows } from "./rows";
import { readPoints } from "./sparkline";

export type TargetState = "green" | "amber" | "red";

export interface Tile {
  key: string;
  row: Row;
  order: number;
  label: string;
  unit: string;
  value: number | null;
  part: number | null;
  whole: number | null;
  formula: string;
  target: number | null;
  state: TargetState | null;
  delta: number | null;
  relative: number | null;
  /** Whether more is better; null for a figure of which nobody can say. */
  better: boolean | null;
  points: (number | null)[];
}

export interface Cap {
  key: string;
  label: string;
  kind: string;
  used: number;
  cap: number;
  /** Of the cap, from 0 to 1 and above; 1 for a cap of 0. */
  share: number;
  state: TargetState;
  capped: boolean;
}

const STATES: ReadonlySet<unknown> = new Set(["green", "amber", "red"]);

function stateOf(value: unknown): TargetState | null {
  return STATES.has(value) ? (value as TargetState) : null;
}

export function readTile(key: string, row: Row): Tile {
  return {
    key,
    row,
    order: toNumber(row.order) ?? 0,
    label: text(row.label, 60),
    unit: String(row.unit ?? ""),
    value: toNumber(row.value),
    part: toNumber(row.part),
    whole: toNumber(row.whole),
    formula: row.formula ? text(row.formula) : "",
    target: toNumber(row.target),
    state: stateOf(row.state),
    delta: toNumber(row.delta),
    relative: toNumber(row.relative),
    better: typeof row.better === "boolean" ? row.better : null,
    points: readPoints(row.spark),
  };
}

export function readCap(key: string, row: Row): Cap {
  const used = toNumber(row.value) ?? 0;
  const cap = toNumber(row.cap) ?? 0;
  return {
    key,
    label: text(row.label, LONGEST),
    kind: String(row.unit ?? ""),
    used,
    cap,
    share: cap > 0 ? used / cap : 1,
    state: stateOf(row.state) ?? "green",
    capped: row.capped === true,
  };
}

/** The tiles in their order, and the caps with the fullest first. */
export function readBoard(rows: Rows, before: ReadonlyMap<string, Tile>): { tiles: Tile[]; caps: Cap[] } {
  const tiles: Tile[] = [];
  const caps: Cap[] = [];
  for (const [key, row] of rows) {
    if (row.kind === "cap") caps.push(readCap(key, row));
    else {
      const known = before.get(key);
      tiles.push(known?.row === row ? known : readTile(key, row));
    }
  }
  tiles.sort((one, other) => one.order - other.order);
  caps.sort((one, other) => other.share - one.share || (one.label < other.label ? -1 : 1));
  return { tiles, caps };
}

const shares = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const exactShares = new Intl.NumberFormat(undefined, {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const points = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 4 });
const wholeMoneys = new Map<string, Intl.NumberFormat>();

function wholeMoney(value: number, currency: string): string {
  let format = wholeMoneys.get(currency);
  if (!format) {
    try {
      format = new Intl.NumberFormat(undefined, {
        style: "currency",
        currency,
        currencyDisplay: "narrowSymbol",
        maximumFractionDigits: 0,
      });
    } catch {
      return count(Math.round(value));
    }
    wholeMoneys.set(currency, format);
  }
  return format.format(value);
}

/** A figure as it stands on a tile. A share always has its decimal: digits that come and go would jump. */
export function figure(value: number | null, unit: string, currency: string): string {
  // Nobody has called, talked or paid so much: such a number is a fault, and longer than the tile.
  if (value === null || !Number.isFinite(value) || Math.abs(value) >= 1e15) return DASH;
  switch (unit) {
    case "share":
      return Math.abs(value) < 1e6 ? exactShares.format(value) : DASH;
    case "seconds":
      return duration(value * 1000);
    case "money":
      // Cents of thousands are noise from across a room; the tile's title has them.
      return Math.abs(value) >= 10_000 && Math.abs(value) < 1e8
        ? wholeMoney(value, currency)
        : money(value, currency);
    case "money a call":
      return money(value, currency);
    default:
      return Math.abs(value) < 1e7 ? count(value) : compact.format(value);
  }
}

/** The figure with all that is known of it. */
export function exactFigure(value: number | null, unit: string, currency: string): string {
  return unit === "money"
    ? money(value, currency)
    : unit === "calls"
      ? count(value)
      : figure(value, unit, currency);
}

/** What stands above and below, such as "3 of 4 calls". */
export function parts({ key, part, whole }: Tile): string {
  switch (key) {
    case "live":
      return part === null ? "" : `${count(part)} talking`;
    case "connect_rate":
      return part === null || whole === null ? "" : `${count(part)} of ${count(whole)} calls`;
    case "conversion":
      return part === null || whole === null ? "" : `${count(part)} of ${count(whole)} connected`;
    case "acl":
      return whole === null ? "" : `${count(whole)} connected`;
    case "rpc":
      return whole === null ? "" : `of ${count(whole)} calls`;
    default:
      return "";
  }
}

export interface Change {
  /** Up, down or level: the arrow's direction. */
  way: "up" | "down" | "level";
  /** Whether that is good; null for a figure of which nobody can say. */
  good: boolean | null;
  /** With its sign: "+12 %", "−3.1 pts". */
  short: string;
  /** For a screen reader: "up 12 % on the window before, which is better". */
  words: string;
}

/** How a figure differs from the window before; null where that is not known. Shares differ by points. */
export function change(tile: Tile, currency: string, before = "the window before"): Change | null {
  const { delta, relative, unit, better } = tile;
  if (delta === null) return null;
  const way = delta > 0 ? "up" : delta < 0 ? "down" : "level";
  const size =
    unit === "share"
      ? `${points.format(Math.abs(delta) * 100)} pts`
      : relative !== null && Math.abs(relative) < 100
        ? shares.format(Math.abs(relative))
        : figure(Math.abs(delta), unit, currency);
  if (way === "level") return { way, good: null, short: "no change", words: `as in ${before}` };
  if (size === DASH) return null;
  const good = better === null ? null : (way === "up") === better;
  const judged = good === null ? "" : good ? ", which is better" : ", which is worse";
  return {
    way,
    good,
    short: `${way === "up" ? "+" : "−"}${size}`,
    words: `${way} ${size} on ${before}${judged}`,
  };
}

export const STATE_WORDS: Record<TargetState, string> = {
  green: "On target",
  amber: "Just below",
  red: "Off target",
};

/** What the state is called where less is better: then just above is near. */
export function stateWord(state: TargetState, better: boolean | null): string {
  return state === "amber" && better === false ? "Just above" : STATE_WORDS[state];
}

const CAP_WORDS: Record<string, string> = { concurrency: "at once", daily: "today" };

export function capKind(kind: string): string {
  return CAP_WORDS[kind] ?? kind;
}

export function capState(cap: Cap): string {
  if (cap.state === "red") return "Reached";
  return cap.state === "amber" ? "Nearly full" : "Free";
}

/** A window's length in words: "1 h", "15 min". */
export function windowWords(seconds: unknown): string {
  const length = toNumber(seconds);
  if (length === null || length <= 0) return "";
  if (length % 86_400 === 0) return length === 86_400 ? "24 h" : `${count(length / 86_400)} d`;
  if (length % 3600 === 0) return `${count(length / 3600)} h`;
  return length % 60 === 0 ? `${count(length / 60)} min` : `${count(length)} s`;
}
