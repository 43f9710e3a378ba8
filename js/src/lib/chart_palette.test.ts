import { describe, expect, it } from "vitest";
import { DARK, isDark, LIGHT, linear, lookOf, luminance } from "./chart_palette";

type Matrix = readonly (readonly [number, number, number])[];

/** What eyes see that lack one kind of cone (Machado, Oliveira and Fernandes 2009, severity 1). */
const EYES: Record<string, Matrix> = {
  all: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const times = (matrix: Matrix, vector: readonly number[]): number[] =>
  matrix.map((row) => row.reduce((sum, part, i) => sum + part * (vector[i] ?? 0), 0));

/** Ottosson's Oklab: distances in it are as large as they look. */
function oklab(color: string, eyes: Matrix): number[] {
  const seen = times(eyes, linear(color) ?? []).map((part) => Math.min(1, Math.max(0, part)));
  const cones = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    seen,
  ).map(Math.cbrt);
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    cones,
  );
}

const distance = (a: string, b: string, eyes: Matrix): number =>
  Math.hypot(...oklab(a, eyes).map((part, i) => part - (oklab(b, eyes)[i] ?? 0)));

describe.each([
  ["light", LIGHT, "#ffffff"],
  ["dark", DARK, "#15181d"],
] as const)("the colours on %s", (_, colors, background) => {
  it.each(Object.entries(EYES))("are told apart by eyes with %s", (__, eyes) => {
    for (const [i, one] of colors.entries()) {
      for (const other of colors.slice(i + 1)) expect(distance(one, other, eyes)).toBeGreaterThan(0.095);
    }
  });
  it("stand out from it", () => {
    const behind = luminance(linear(background) ?? []);
    for (const color of colors) {
      const [low, high] = [behind, luminance(linear(color) ?? [])].sort((a, b) => a - b) as [number, number];
      expect((high + 0.05) / (low + 0.05)).toBeGreaterThanOrEqual(3);
    }
  });
});

describe("the look of a series", () => {
  it("is another for each of 32, without colours for each of four neighbours", () => {
    const looks = Array.from({ length: 32 }, (_, slot) => lookOf(slot, 0, false));
    expect(new Set(looks.map(({ color, hatch }) => `${color} ${hatch}`)).size).toBe(32);
    for (let slot = 0; slot < 4; slot++) expect(looks[slot]?.hatch).toBe(slot);
  });
  it("is grey and plain for the others", () => {
    expect(lookOf(-1, 0, true)).toEqual({ color: "#8b95a5", dash: [], hatch: 0 });
  });
});

it("a background is dark or not", () => {
  expect(isDark("#15181d", false)).toBe(true);
  expect(isDark("rgb(255, 255, 255)", true)).toBe(false);
  expect(isDark("transparent", true)).toBe(true);
  expect(linear("blue")).toBeNull();
});
