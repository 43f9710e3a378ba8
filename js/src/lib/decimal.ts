/** Decimals as text, exact however long: a bid must not become another one by way of a float. Pure. */
import { DASH } from "./format";

/** digits / 10^scale. */
interface Decimal {
  digits: bigint;
  scale: number;
}

const PLAIN = /^[+-]?\d{1,400}(?:\.\d{1,400})?$/;

function read(text: string): Decimal | null {
  if (!PLAIN.test(text)) return null;
  const [whole = "", part = ""] = text.split(".");
  return { digits: BigInt(`${whole.replace("+", "")}${part}`), scale: part.length };
}

/** The text of a decimal, at this scale. */
function write({ digits, scale }: Decimal): string {
  const negative = digits < 0n;
  const text = String(negative ? -digits : digits).padStart(scale + 1, "0");
  const sign = negative ? "-" : "";
  return scale === 0 ? sign + text : `${sign}${text.slice(0, -scale)}.${text.slice(-scale)}`;
}

function at(value: Decimal, scale: number): bigint {
  return value.digits * 10n ** BigInt(scale - value.scale);
}

export function isDecimal(text: unknown): text is string {
  return typeof text === "string" && PLAIN.test(text);
}

/** What a person has typed, as a decimal: spaces and signs of currency go, a comma for a point is one. */
export function typed(text: string): string {
  const bare = text.replace(/[\s$€£%]/g, "").replace(/^\+/, "");
  const comma = /^-?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/.test(bare)
    ? bare.replaceAll(",", "")
    : bare.replace(",", ".");
  return comma.replace(/^(-?)\./, "$10.").replace(/\.$/, "");
}

/** Less, equal or greater; null where one of them is none. */
export function compare(left: string | null, right: string | null): -1 | 0 | 1 | null {
  const one = left === null ? null : read(left);
  const other = right === null ? null : read(right);
  if (!one || !other) return null;
  const scale = Math.max(one.scale, other.scale);
  const [first, second] = [at(one, scale), at(other, scale)];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** The sum, with as many decimals as the longer one has; the left one where the right one is none. */
export function add(left: string, right: string): string {
  const one = read(left);
  const other = read(right);
  if (!one || !other) return left;
  const scale = Math.max(one.scale, other.scale);
  return write({ digits: at(one, scale) + at(other, scale), scale });
}

export function negative(text: string): string {
  return text.startsWith("-") ? text.slice(1) : `-${text}`;
}

/** Times 1 + percent / 100, rounded half up to two decimals; null where one of them is none. */
export function withPercent(text: string | null, percent: string | null): string | null {
  const base = text === null ? null : read(text);
  const share = read(percent ?? "0");
  if (!base || !share) return null;
  const factor = 100n * 10n ** BigInt(share.scale) + share.digits;
  return rounded({ digits: base.digits * factor, scale: base.scale + share.scale + 2 }, 2);
}

/** With so many decimals, rounded half up; as it is where it is none. */
export function fixed(text: string, scale: number): string {
  const value = read(text);
  return value ? rounded(value, scale) : text;
}

function rounded(value: Decimal, scale: number): string {
  if (value.scale <= scale) return write({ digits: at(value, scale), scale });
  const unit = 10n ** BigInt(value.scale - scale);
  const size = value.digits < 0n ? -value.digits : value.digits;
  const up = (size + unit / 2n) / unit;
  return write({ digits: value.digits < 0n ? -up : up, scale });
}

/** Without decimals that say nothing: 12.50 is 12.5, and 10.00 is 10. */
export function trimmed(text: string): string {
  return isDecimal(text) && text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** How many decimals it has that count. */
export function places(text: string): number {
  const [, part = ""] = text.split(".");
  return part.replace(/0+$/, "").length;
}

const formats = new Map<string, Intl.NumberFormat | null>();

/** An amount of money as people read it: every digit of it. */
export function amount(text: unknown, currency: string): string {
  if (!isDecimal(text)) return DASH;
  let format = formats.get(currency);
  if (format === undefined) {
    try {
      format = new Intl.NumberFormat(undefined, {
        style: "currency",
        currency,
        currencyDisplay: "narrowSymbol",
      });
    } catch {
      format = null;
    }
    formats.set(currency, format);
  }
  // Text is formatted exactly; the types know only of numbers.
  return format ? format.format(fixed(text, 2) as unknown as number) : fixed(text, 2);
}

const percents = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2, signDisplay: "exceptZero" });

/** A modifier: "+10 %", "0 %". */
export function percent(text: unknown): string {
  return isDecimal(text) ? `${percents.format(text as unknown as number)} %` : DASH;
}
