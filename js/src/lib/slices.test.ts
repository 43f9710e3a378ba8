import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { inSlices, STEP, sorted } from "./slices";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function run<Value>(work: Generator<undefined, Value>): Value {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

it("sorts as an array does, and keeps the order of what is equal", () => {
  const items = fc.array(fc.record({ rank: fc.integer({ min: 0, max: 9 }), id: fc.nat() }), {
    maxLength: 5 * STEP,
    size: "max",
  });
  fc.assert(
    fc.property(items, (all) => {
      const compare = (a: { rank: number }, b: { rank: number }): number => a.rank - b.rank;
      expect(run(sorted(all, compare))).toEqual(all.slice().sort(compare));
    }),
    { numRuns: 40 },
  );
});

it("works on until all is done, not in one task", () => {
  let steps = 0;
  function* work(): Generator<undefined, void> {
    for (; steps < 10; steps++) yield;
  }
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    now += 5;
    return now;
  });
  inSlices(work(), new AbortController().signal);
  expect(steps).toBeLessThan(10);
  vi.runAllTimers();
  expect(steps).toBe(10);
});

it("stops when nobody wants it any more", () => {
  let steps = 0;
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    now += 5;
    return now;
  });
  function* work(): Generator<undefined, void> {
    for (;;) {
      steps += 1;
      yield;
    }
  }
  const life = new AbortController();
  inSlices(work(), life.signal);
  const before = steps;
  expect(before).toBeGreaterThan(0);
  life.abort();
  vi.runAllTimers();
  expect(steps).toBe(before);
});
