import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  age,
  count,
  DASH,
  duration,
  fullMoment,
  latency,
  moment,
  money,
  text,
  toNumber,
  toTime,
} from "./format";

describe("missing and impossible values", () => {
  it("are a dash", () => {
    for (const value of [null, undefined, "", "abc", Number.NaN, Number.POSITIVE_INFINITY, {}, []]) {
      expect(count(value)).toBe(DASH);
      expect(money(value)).toBe(DASH);
      expect(latency(value)).toBe(DASH);
    }
    for (const value of [null, undefined, Number.NaN, Number.NEGATIVE_INFINITY]) {
      expect(duration(value)).toBe(DASH);
      expect(age(value)).toBe(DASH);
      expect(text(value)).toBe(DASH);
    }
    expect(moment(null, 0)).toBe(DASH);
    expect(moment(9e15, 0)).toBe(DASH);
    expect(fullMoment(Number.MAX_VALUE)).toBe(DASH);
  });

  it("never throw", () => {
    fc.assert(
      fc.property(fc.anything(), fc.double(), (value, number) => {
        for (const said of [
          count(value),
          money(value),
          latency(value),
          duration(number),
          age(number),
          moment(toTime(value), number),
        ]) {
          expect(typeof said).toBe("string");
        }
      }),
    );
  });
});

describe("numbers", () => {
  it("beyond 2^53 keep every digit", () => {
    expect(count("9007199254740993").replace(/\D/g, "")).toBe("9007199254740993");
    expect(toNumber("12.50")).toBe(12.5);
    expect(toNumber(" ")).toBeNull();
  });

  it("are money", () => {
    expect(money("12.5")).toContain("12.50");
    expect(money(3, "not a currency")).toBe("3");
    expect(money(2e12).length).toBeLessThan(14);
  });
});

describe("spans", () => {
  it("read like a clock", () => {
    expect([0, 7_900, 754_000, 3_723_000, 97_200_000].map(duration)).toEqual([
      "0:00",
      "0:07",
      "12:34",
      "1:02:03",
      "1 d 03:00",
    ]);
    expect(duration(-5_000)).toBe("0:00");
    expect(duration(1e17)).toBe(DASH);
  });

  it("say how old", () => {
    expect([0, 12_400, 180_000, 7_200_000, 432_000_000].map(age)).toEqual([
      "0 s",
      "12 s",
      "3 min",
      "2 h",
      "5 d",
    ]);
  });
});

describe("timestamps", () => {
  it("are read as the database writes them", () => {
    const noon = Date.UTC(2026, 10, 22, 12, 0, 0, 123);
    for (const written of [
      "2026-11-22T12:00:00.123456+00:00",
      "2026-11-22 12:00:00.123456+00",
      "2026-11-22 13:00:00.123+01",
      "2026-11-22T17:30:00.123+0530",
      "2026-11-22T12:00:00.123Z",
      "2026-11-22 12:00:00.123",
    ]) {
      expect(toTime(written)).toBe(noon);
    }
    expect(toTime("2026-11-22")).toBe(Date.UTC(2026, 10, 22));
  });

  it("are nothing where they are none", () => {
    for (const written of [
      "infinity",
      "-infinity",
      "soon",
      "2026-13-45",
      "0044-03-15 BC",
      "12026-01-01",
      null,
      true,
    ]) {
      expect(toTime(written)).toBeNull();
    }
  });
});

describe("text", () => {
  it("is one line and not longer than helps", () => {
    expect(text("a\n b\t c")).toBe("a b c");
    expect(text("x".repeat(10_000))).toHaveLength(240);
    expect(text("<b>")).toBe("<b>");
  });
});
