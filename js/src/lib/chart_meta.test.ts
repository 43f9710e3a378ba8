import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chartFacts, shownOf, span, toggled } from "./chart_meta";
import type { Meta } from "./protocol";

const META: Meta = { state: "live", since: 0, rows: 0, partial: false, version: 1, masked: true };

describe("what the kernel says", () => {
  it("is read", () => {
    const facts = chartFacts({
      ...META,
      every: 5000,
      buckets: 180,
      measures: [{ text: "count", zero: true, whole: true }],
      thresholds: [{ value: 3, label: "Few", tone: "bad" }],
      others: 2,
      from: 1e12,
    });
    expect(facts).toMatchObject({ span: 900_000, others: 2, from: 1e12 });
    expect(facts?.measures).toEqual([{ text: "count", zero: true, whole: true }]);
    expect(facts?.thresholds).toHaveLength(1);
  });
  it("may be nothing, or nonsense", () => {
    expect(chartFacts(null)).toBeNull();
    expect(chartFacts(META)).toBeNull();
    expect(chartFacts({ ...META, every: "5", buckets: 3 })).toBeNull();
    const facts = chartFacts({
      ...META,
      every: 1,
      buckets: 3,
      measures: [null, 4, {}],
      thresholds: [{ value: "x" }],
    });
    expect(facts).toMatchObject({ measures: [{ text: "", zero: false }], thresholds: [], from: null });
  });
});

describe("which series are shown", () => {
  const series = [{ name: "a" }, { name: "b" }, { name: "c" }];
  const names = series.map(({ name }) => name);
  it("is said by name; all where none is known", () => {
    expect(shownOf(series, ["b"])).toEqual([{ name: "b" }]);
    expect(shownOf(series, [])).toEqual(series);
    expect(shownOf(series, ["gone"])).toEqual(series);
  });
  it("changes with each click, and is never none", () => {
    expect(toggled(names, [], "b", false)).toEqual(["a", "c"]);
    expect(toggled(names, ["a", "c"], "b", false)).toEqual([]);
    expect(toggled(names, ["a"], "a", false)).toEqual([]);
    expect(toggled(names, [], "b", true)).toEqual(["b"]);
    expect(toggled(names, ["b"], "b", true)).toEqual([]);
  });
  it("is as before after two clicks on one of several", () => {
    fc.assert(
      fc.property(fc.subarray(names), fc.constantFrom(...names), (visible, name) => {
        const shown = shownOf(series, visible);
        fc.pre(!(shown.length === 1 && shown[0]?.name === name));
        const twice = toggled(names, toggled(names, visible, name, false), name, false);
        expect(shownOf(series, twice)).toEqual(shown);
      }),
    );
  });
});

it.each([
  [500, "500 ms"],
  [5000, "5 s"],
  [900_000, "15 min"],
  [5_400_000, "1.5 h"],
  [86_400_000, "1 d"],
])("%d ms are %s", (milliseconds, words) => expect(span(milliseconds)).toBe(words));
