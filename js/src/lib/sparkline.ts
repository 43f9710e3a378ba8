/** A small line of a few numbers as the path of an SVG; a number that is missing is a gap. Pure. */

export interface Sparkline {
  /** The path of the line; empty where there are no numbers. */
  line: string;
  /** The path of the area below it. */
  area: string;
  /** The path of a dot on the newest number: a line of no length, to be drawn with round ends. */
  dot: string;
}

/** Numbers with commas between, as the kernel sends them; what is none is a gap. */
export function readPoints(text: unknown, most = 500): (number | null)[] {
  if (typeof text !== "string" || text === "") return [];
  return text
    .split(",", most)
    .map((part) => (part.trim() === "" || !Number.isFinite(Number(part)) ? null : Number(part)));
}

/**
 * Draw numbers into a box, from the left to the right, the largest at the top.
 *
 * A course that stays above 0 begins at 0 with `zero`: then the height is the number. All equal numbers lie in the
 * middle, or at the bottom where they are 0.
 */
export function sparkline(
  points: readonly (number | null)[],
  width: number,
  height: number,
  { zero = true, pad = 2 } = {},
): Sparkline {
  const numbers = points.filter((point): point is number => point !== null && Number.isFinite(point));
  if (numbers.length === 0) return { line: "", area: "", dot: "" };
  let low = Math.min(...numbers);
  let high = Math.max(...numbers);
  if (zero) {
    low = Math.min(low, 0);
    high = Math.max(high, 0);
  }
  const span = high - low;
  const room = Math.max(height - 2 * pad, 0);
  const step = points.length > 1 ? (width - 2 * pad) / (points.length - 1) : 0;
  const x = (index: number): string => fixed(pad + index * step);
  const y = (value: number): string =>
    // Halves first: the difference of two huge numbers is no number any more.
    fixed(height - pad - room * share(value, low, high, span));
  const runs: string[][] = [];
  let run: string[] | null = null;
  let dot = "";
  points.forEach((point, index) => {
    if (point === null || !Number.isFinite(point)) {
      run = null;
      return;
    }
    if (run === null) {
      run = [];
      runs.push(run);
    }
    run.push(`${x(index)} ${y(point)}`);
    dot = `M${x(index)} ${y(point)}h0`;
  });
  const bottom = fixed(height - pad);
  return {
    // A number alone between gaps is a dot: a line to where it is already.
    line: runs.map((places) => `M${places.join("L")}${places.length === 1 ? "h0" : ""}`).join(""),
    area: runs
      .filter((places) => places.length > 1)
      .map((places) => `M${places.join("L")}V${bottom}H${places[0]?.split(" ")[0]}Z`)
      .join(""),
    dot,
  };
}

function share(value: number, low: number, high: number, span: number): number {
  if (span === 0) return value === 0 ? 0 : 0.5;
  return Number.isFinite(span) ? (value - low) / span : (value / 2 - low / 2) / (high / 2 - low / 2);
}

function fixed(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** The course in words, for who cannot see it. */
export function courseWords(points: readonly (number | null)[], format: (value: number) => string): string {
  const numbers = points.filter((point): point is number => point !== null);
  if (numbers.length < 2) return "";
  return `between ${format(Math.min(...numbers))} and ${format(Math.max(...numbers))}`;
}
