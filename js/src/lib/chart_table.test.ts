import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChartModel, type ChartSeries } from "./chart_model";
import { chartTable, niceRange, type TableRequest } from "./chart_table";
import type { Row } from "./rows";

const line = (number: number): ChartSeries => ({ number, slot: number, measure: 0, name: `s${number}` });

function modelOf(buckets: Record<number, Record<number, number>>): ChartModel {
  const model = new ChartModel();
  const rows = new Map<string, Row>();
  for (const [bucket, values] of Object.entries(buckets)) {
    const packed = Object.entries(values).flatMap(([number, value]) => [Number(number), value]);
    rows.set(`b${bucket}`, { kind: "b", v: JSON.stringify(packed) });
  }
  model.apply(rows, null, 0);
  return model;
}

const ASKED: TableRequest = {
  kind: "line",
  every: 10,
  from: 0,
  to: 4,
  current: 4,
  known: 45,
  complete: null,
  series: [line(0), line(1)],
  zero: [true],
  room: 100,
};

describe("the columns", () => {
  const model = modelOf({ 0: { 0: 3 }, 1: { 0: 4, 1: 1 }, 3: { 1: 2 }, 4: { 0: 9 } });

  it("have 0 where nothing came, and stand in the middle of their bucket", () => {
    const table = chartTable(model, ASKED);
    expect(table.xs).toEqual([5, 15, 25, 35]);
    expect(table.ys).toEqual([
      [3, 4, 0, 0],
      [0, 1, 0, 2],
    ]);
  });

  it("have nothing where the measure of nothing is not 0", () => {
    expect(chartTable(model, { ...ASKED, zero: [false] }).ys[1]).toEqual([null, 1, null, 2]);
  });

  it("have nothing after the rows were last right, nor before they are complete", () => {
    expect(chartTable(model, { ...ASKED, known: 12 }).ys[1]).toEqual([0, 1, null, 2]);
    expect(chartTable(model, { ...ASKED, complete: 25 }).ys[1]).toEqual([null, 1, null, 2]);
  });

  it("end before the bucket that is not over, which lines are told apart", () => {
    const { tail, xs } = chartTable(model, ASKED);
    expect(xs.at(-1)).toBe(35);
    expect(tail).toEqual({ start: 40, ys: [9, 0] });
    const bars = chartTable(model, { ...ASKED, kind: "bar" });
    expect(bars.tail).toBeNull();
    expect(bars.ys[0]).toEqual([3, 4, 0, 0, 9]);
  });

  it("begin each step at its bucket, and end the last one", () => {
    const table = chartTable(model, { ...ASKED, kind: "step" });
    expect(table.xs).toEqual([0, 10, 20, 30, 40]);
    expect(table.ys[1]).toEqual([0, 1, 0, 2, 2]);
  });

  it("stand on each other in a stack, what is below 0 downwards", () => {
    const stacked = chartTable(modelOf({ 0: { 0: 3, 1: 2 }, 1: { 0: -1, 1: -4 }, 2: { 0: -1, 1: 5 } }), {
      ...ASKED,
      kind: "stacked",
      to: 2,
    });
    expect(stacked.ys).toEqual([
      [3, -1, -1],
      [5, -5, 5],
    ]);
    expect(stacked.bases).toEqual([
      [0, 0, 0],
      [3, -1, 0],
    ]);
  });
});

describe("more buckets than pixels", () => {
  const cells = fc.array(fc.option(fc.integer({ min: -50, max: 50 }), { nil: null }), {
    minLength: 1,
    maxLength: 300,
  });

  it("keep every extreme, in its order, and need no more points than there is room for", () => {
    fc.assert(
      fc.property(
        cells,
        fc.integer({ min: 5, max: 60 }),
        fc.integer({ min: 0, max: 1000 }),
        (values, room, from) => {
          const model = modelOf(
            Object.fromEntries(
              values.flatMap((value, i) => (value === null ? [] : [[from + i, { 0: value }]])),
            ),
          );
          const asked = {
            ...ASKED,
            series: [line(0)],
            zero: [false],
            room,
            from,
            to: from + values.length - 1,
          };
          const table = chartTable(model, { ...asked, current: from + values.length, known: 1e9 });
          const present = values.filter((value) => value !== null);
          const drawn = (table.ys[0] ?? []).filter((value) => value !== null);
          expect(table.xs.length).toBeLessThanOrEqual(2 * room + 4);
          expect(table.xs).toEqual([...table.xs].sort((a, b) => a - b));
          if (present.length === 0) expect(drawn).toEqual([]);
          else {
            expect(Math.min(...drawn)).toBe(Math.min(...present));
            expect(Math.max(...drawn)).toBe(Math.max(...present));
          }
          for (const value of drawn) expect(present).toContain(value);
        },
      ),
    );
  });

  it("are put together in the same way while the axis moves", () => {
    const model = modelOf(
      Object.fromEntries(Array.from({ length: 100 }, (_, i) => [i, { 0: (i * 37) % 11 }])),
    );
    const at = (from: number) =>
      chartTable(model, {
        ...ASKED,
        series: [line(0)],
        room: 10,
        from,
        to: from + 39,
        current: 99,
        known: 1e9,
      });
    const early = at(10);
    const late = at(13);
    const places = new Map(early.xs.map((x, i) => [x, early.ys[0]?.[i]]));
    // All but what comes in at either end.
    const same = late.xs.map((x, i) => [places.get(x), late.ys[0]?.[i]]).slice(2, -8);
    expect(same.length).toBeGreaterThan(8);
    for (const [before, after] of same) expect(after).toBe(before);
  });

  it("show of bars the highest, and of stacks those of one moment", () => {
    const model = modelOf({ 0: { 0: 1, 1: 9 }, 1: { 0: 5, 1: 1 }, 2: { 0: 2 }, 3: { 0: 3 } });
    const asked = { ...ASKED, to: 3, current: 9, known: 99, room: 2 };
    expect(chartTable(model, { ...asked, kind: "bar" }).ys).toEqual([
      [5, 3],
      [9, 0],
    ]);
    expect(chartTable(model, { ...asked, kind: "stacked" }).ys).toEqual([
      [1, 3],
      [10, 3],
    ]);
  });
});

describe("the range of an axis", () => {
  it("holds all there is, and 0", () => {
    const number = fc.double({ min: -1e9, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(number, number, (a, b) => {
        const [low, high] = niceRange(Math.min(a, b), Math.max(a, b));
        const slack = 1e-8 * (high - low);
        expect(low - slack).toBeLessThanOrEqual(Math.min(a, b, 0));
        expect(high + slack).toBeGreaterThanOrEqual(Math.max(a, b, 0));
        expect(high).toBeGreaterThan(low);
      }),
    );
  });
  it.each([
    [0, 0, 0, 1],
    [0, 31, 0, 35],
    [-3, 7, -4, 8],
    [0, Number.POSITIVE_INFINITY, 0, 1],
  ])("%d to %d is %d to %d", (least, most, low, high) => {
    expect(niceRange(least, most)).toEqual([low, high]);
  });
});
