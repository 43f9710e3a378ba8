import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { courseWords, readPoints, sparkline } from "./sparkline";

describe("readPoints", () => {
  it("reads numbers, and gaps where there are none", () => {
    expect(readPoints("1,,2.5,x,-3,NaN,Infinity")).toEqual([1, null, 2.5, null, -3, null, null]);
    expect(readPoints("")).toEqual([]);
    expect(readPoints(null)).toEqual([]);
    expect(readPoints("1,2,3", 2)).toEqual([1, 2]);
  });
});

describe("sparkline", () => {
  it("goes from the bottom left to the top right", () => {
    const { line, area, dot } = sparkline([0, 1], 100, 20, { pad: 0 });
    expect(line).toBe("M0 20L100 0");
    expect(area).toBe("M0 20L100 0V20H0Z");
    expect(dot).toBe("M100 0h0");
  });
  it("leaves gaps as gaps, and a number alone is a dot", () => {
    const { line, area } = sparkline([1, 1, null, 1, null, 1, 1], 60, 10, { pad: 0 });
    expect(line).toBe("M0 0L10 0M30 0h0M50 0L60 0");
    expect(area.match(/Z/g)).toHaveLength(2);
  });
  it("begins at zero, unless the course is what counts", () => {
    expect(sparkline([10, 11], 10, 10, { pad: 0 }).line).toBe("M0 0.91L10 0");
    expect(sparkline([10, 11], 10, 10, { pad: 0, zero: false }).line).toBe("M0 10L10 0");
    expect(sparkline([5, 5], 10, 10, { pad: 0, zero: false }).line).toBe("M0 5L10 5");
    expect(sparkline([0, 0], 10, 10, { pad: 0 }).line).toBe("M0 10L10 10");
  });
  it("draws nothing of nothing", () => {
    expect(sparkline([], 10, 10)).toEqual({ line: "", area: "", dot: "" });
    expect(sparkline([null, null], 10, 10).line).toBe("");
  });
  it("stays in its box, whatever comes", () => {
    const point = fc.oneof(fc.constant(null), fc.double(), fc.integer());
    fc.assert(
      fc.property(fc.array(point, { maxLength: 40 }), fc.boolean(), (points, zero) => {
        const { line } = sparkline(points, 100, 20, { zero });
        for (const [, x, y] of line.matchAll(/[ML](\S+?) (\S+?)(?=[MLh]|$)/g)) {
          expect(Number(x)).toBeGreaterThanOrEqual(2);
          expect(Number(x)).toBeLessThanOrEqual(98);
          expect(Number(y)).toBeGreaterThanOrEqual(2);
          expect(Number(y)).toBeLessThanOrEqual(18);
        }
      }),
    );
  });
});

describe("courseWords", () => {
  it("says between what", () => {
    expect(courseWords([3, null, 1], String)).toBe("between 1 and 3");
    expect(courseWords([3], String)).toBe("");
  });
});
