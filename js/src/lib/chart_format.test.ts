import { describe, expect, it } from "vitest";
import { axisMoments, axisValues, chartValue, stretch } from "./chart_format";

describe("a value", () => {
  it.each([
    [12, "", true, "12"],
    [1234, "", true, "1,234"],
    [12.345, "", false, "12.3"],
    [0.1234, "", false, "0.123"],
    [4.5, "USD", false, "$4.50"],
    [83.25, "s", false, "83.3 s"],
    [40, "%", false, "40%"],
    [2.5e8, "", false, "250M"],
    [null, "USD", false, "—"],
    [Number.NaN, "", false, "—"],
    [Number.POSITIVE_INFINITY, "", false, "—"],
  ])("%d %s is said as %s", (value, unit, whole, words) => {
    expect(chartValue(value, unit as string, whole as boolean)).toBe(words);
  });
});

describe("the numbers of an axis", () => {
  it("have as many places as their steps need", () => {
    expect(axisValues([0, 0.5, 1], "")).toEqual(["0.0", "0.5", "1.0"]);
    expect(axisValues([0, 10, 20], "")).toEqual(["0", "10", "20"]);
    expect(axisValues([0, 100, 200], "USD")).toEqual(["$0", "$100", "$200"]);
    expect(axisValues([0, 50_000], "USD")).toEqual(["$0", "$50K"]);
    expect(axisValues([0, 50], "%")).toEqual(["0%", "50%"]);
  });
  it("are none where there are none", () => expect(axisValues([], "")).toEqual([]));
});

describe("moments", () => {
  const noon = new Date(2026, 10, 22, 12, 5, 30).getTime();
  it("are as fine as their steps", () => {
    expect(axisMoments([noon], 5000)).toEqual(["12:05:30"]);
    expect(axisMoments([noon], 60_000)).toEqual(["12:05"]);
    expect(axisMoments([new Date(2026, 10, 22).getTime()], 3_600_000)[0]).toMatch(/22/);
  });
  it("that are none are said as nothing", () => {
    expect(axisMoments([Number.NaN, 1e20], 1000)).toEqual(["", ""]);
    expect(stretch(Number.NaN, 1)).toBe("—");
  });
  it("make a stretch", () => {
    const now = Math.floor(Date.now() / 60_000) * 60_000;
    expect(stretch(now, now + 60_000)).toMatch(/^\d\d:\d\d – \d\d:\d\d$/);
    expect(stretch(now, now + 5000)).toMatch(/^\d\d:\d\d:\d\d – \d\d:\d\d:\d\d$/);
  });
});
