/** Values and moments of a chart in words. */
import { DASH, money, toNumber } from "./format";

const CURRENCY = /^[A-Z]{3}$/;
const precise = new Map<number, Intl.NumberFormat>();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

function decimals(places: number): Intl.NumberFormat {
  let format = precise.get(places);
  if (!format) {
    format = new Intl.NumberFormat(undefined, {
      minimumFractionDigits: places,
      maximumFractionDigits: places,
    });
    precise.set(places, format);
  }
  return format;
}

function placesOf(value: number, whole: boolean): number {
  if (whole || Number.isInteger(value)) return 0;
  const size = Math.abs(value);
  return size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
}

/** A value of a series: `12`, `$4.50`, `3.25 s`, `12%`, `4 calls`. */
export function chartValue(value: number | null | undefined, unit: string, whole = false): string {
  const number = toNumber(value);
  if (number === null) return DASH;
  if (CURRENCY.test(unit)) return money(number, unit);
  const text =
    Math.abs(number) >= 1e7 ? compact.format(number) : decimals(placesOf(number, whole)).format(number);
  return unit === "%" ? `${text}%` : unit === "" ? text : `${text} ${unit.slice(0, 12)}`;
}

/** The numbers beside an axis, all with as many places as their steps need. */
export function axisValues(values: readonly number[], unit: string): string[] {
  const step = Math.abs((values[1] ?? 0) - (values[0] ?? 0));
  const most = Math.max(0, ...values.map(Math.abs));
  const places =
    step > 0 && step < 1 ? Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)) : step % 1 === 0 ? 0 : 1;
  return values.map((value) => {
    if (CURRENCY.test(unit) && (most >= 1000 || places === 0)) return moneyTick(value, unit);
    if (CURRENCY.test(unit)) return money(value, unit);
    const text = most >= 10_000 ? compact.format(value) : decimals(places).format(value);
    return unit === "%" ? `${text}%` : unit === "s" ? `${text} s` : text;
  });
}

function moneyTick(value: number, currency: string): string {
  try {
    return new Intl.NumberFormat(undefined, {
      style: "currency",
      currency,
      currencyDisplay: "narrowSymbol",
      notation: Math.abs(value) >= 10_000 ? "compact" : "standard",
      minimumFractionDigits: 0,
      maximumFractionDigits: Math.abs(value) >= 10_000 ? 1 : 0,
    }).format(value);
  } catch {
    return compact.format(value);
  }
}

const clocks = {
  seconds: new Intl.DateTimeFormat(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }),
  minutes: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
  days: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }),
};

/** The moments below a time axis: as fine as their steps, the day where it changes. */
export function axisMoments(times: readonly number[], step: number): string[] {
  return times.map((time) => {
    if (!Number.isFinite(time) || Math.abs(time) > 8.64e15) return "";
    if (step >= 86_400_000 || new Date(time).getHours() + new Date(time).getMinutes() === 0) {
      if (step >= 3_600_000) return clocks.days.format(time);
    }
    return (step < 60_000 ? clocks.seconds : clocks.minutes).format(time);
  });
}

/** A bucket in words: `14:05:10 – 14:05:15`. */
export function stretch(from: number, to: number): string {
  if (![from, to].every((time) => Number.isFinite(time) && Math.abs(time) <= 8.64e15)) return DASH;
  const format = (to - from) % 60_000 === 0 && from % 60_000 === 0 ? clocks.minutes : clocks.seconds;
  const day = to - from >= 86_400_000 || Math.abs(Date.now() - from) > 64_800_000;
  const head = day ? `${clocks.days.format(from)}, ` : "";
  return `${head}${format.format(from)} – ${format.format(to)}`;
}
