/** Values as people read them. Whatever is missing or not a number is a dash; nothing here throws. */

export const DASH = "—";
/** Longer text helps nobody in a cell, and costs layout. */
export const LONGEST = 240;

const integers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 4 });
const moneys = new Map<string, Intl.NumberFormat>();

/** A number from a cell; integers beyond 2^53 and decimals come as text. */
export function toNumber(value: unknown): number | null {
  const number =
    typeof value === "number"
      ? value
      : typeof value === "string" && value.trim() !== ""
        ? Number(value)
        : Number.NaN;
  return Number.isFinite(number) ? number : null;
}

export function count(value: unknown): string {
  if (typeof value === "string" && /^-?\d{1,400}$/.test(value)) return integers.format(BigInt(value));
  const number = toNumber(value);
  return number === null ? DASH : integers.format(number);
}

export function money(value: unknown, currency = "USD"): string {
  const number = toNumber(value);
  if (number === null) return DASH;
  let format = moneys.get(currency);
  if (!format) {
    try {
      format = new Intl.NumberFormat(undefined, {
        style: "currency",
        currency,
        currencyDisplay: "narrowSymbol",
      });
    } catch {
      return integers.format(number);
    }
    moneys.set(currency, format);
  }
  return Math.abs(number) < 1e8 ? format.format(number) : `${currency} ${compact.format(number)}`;
}

/** 0:07, 12:34, 1:02:03, 4 d 03:00. */
export function duration(milliseconds: number | null | undefined): string {
  if (milliseconds === null || milliseconds === undefined || !Number.isFinite(milliseconds)) return DASH;
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const pad = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  if (hours >= 24) {
    const days = Math.floor(hours / 24);
    return days > 9999 ? DASH : `${days} d ${pad(hours % 24)}:${pad(minutes)}`;
  }
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

/** How old: 0 s, 12 s, 3 min, 2 h, 5 d. */
export function age(milliseconds: number | null | undefined): string {
  if (milliseconds === null || milliseconds === undefined || !Number.isFinite(milliseconds)) return DASH;
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${integers.format(Math.round(seconds / 86_400))} d`;
}

export function latency(milliseconds: unknown): string {
  const number = toNumber(milliseconds);
  if (number === null) return DASH;
  return number < 1000 ? `${Math.round(number)} ms` : `${(number / 1000).toFixed(1)} s`;
}

/** A timestamp as the database writes it, in ms; null for infinity and nonsense. No zone means UTC. */
export function toTime(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "string") return null;
  const match =
    /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i.exec(
      value.trim(),
    );
  if (!match) return null;
  const [, year, month, day, time = "00:00:00", zone = "Z"] = match;
  const offset =
    zone.length === 3 ? `${zone}:00` : zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone;
  const parsed = Date.parse(`${year}-${month}-${day}T${time}${offset.toUpperCase()}`);
  return Number.isNaN(parsed) ? null : parsed;
}

const clockTime = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const dayTime = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** The time of day; the day where it is more than 18 hours from now. */
export function moment(time: number | null, now: number): string {
  if (time === null || Math.abs(time) > 8.64e15) return DASH;
  return (Math.abs(now - time) > 64_800_000 ? dayTime : clockTime).format(time);
}

export function fullMoment(time: number | null): string {
  return time === null || Math.abs(time) > 8.64e15 ? DASH : whole.format(time);
}

/** Text for one line of a cell. */
export function text(value: unknown, longest = LONGEST): string {
  if (value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value)))
    return DASH;
  const line = String(value)
    .slice(0, longest * 4)
    .replace(/\s+/g, " ")
    .trim();
  if (line === "") return DASH;
  return line.length > longest ? `${line.slice(0, longest - 1)}…` : line;
}
