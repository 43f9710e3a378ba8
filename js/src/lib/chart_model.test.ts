import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChartModel, unpack } from "./chart_model";
import type { Row } from "./rows";

const EMPTY = { kind: null, at: null, until: null, name: null, tone: null, v: null };
const bucket = (values: number[]): Row => ({ ...EMPTY, kind: "b", v: JSON.stringify(values) });
const series = (slot: number, name: string): Row => ({ ...EMPTY, kind: "s", at: slot, until: 0, name });
const mark = (at: number, name: string): Row => ({ ...EMPTY, kind: "a", at, name, tone: "warn" });

function shown(model: ChartModel, first: number) {
  const buckets = [...model.buckets()].filter((n) => n >= first).sort((a, b) => a - b);
  return { buckets: buckets.map((n) => [n, [...model.at(n)]]), series: model.series, marks: model.marks };
}

describe("a bucket's values", () => {
  it("are read by series", () => {
    expect([...unpack("[1,20,3,4.5]")]).toEqual([
      [1, 20],
      [3, 4.5],
    ]);
  });
  it.each([null, 7, "", "[1", "{}", "[1]", '["a",1]', "[1,null]", '[1,"x"]', "[1.5,2]"])(
    "are none where they are %j",
    (packed) => expect(unpack(packed as never).size).toBe(0),
  );
  it("are large numbers too, which come as text", () => {
    expect(unpack('[1,"9007199254740993"]').get(1)).toBe(2 ** 53);
  });
});

describe("the model", () => {
  const keys = fc.oneof(
    fc.integer({ min: 0, max: 9 }).map((n) => `b${n}`),
    fc.integer({ min: 0, max: 3 }).map((n) => `s${n}`),
    fc.constantFrom("ax", "ay"),
  );
  const values = fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 2, maxLength: 6 });
  const change = fc.record({
    key: keys,
    gone: fc.boolean(),
    values: values,
    /** The message that would have told of it is lost: the next one tells of it too. */
    lost: fc.boolean(),
    /** It comes again. */
    again: fc.boolean(),
    /** Everything is sent anew. */
    whole: fc.boolean(),
  });

  it("ends as the rows are, whatever was lost, joined or repeated on the way", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.integer({ min: 0, max: 9 }), (changes, first) => {
        const rows = new Map<string, Row>();
        const model = new ChartModel();
        let untold: Set<string> | null = new Set();
        for (const { key, gone, values: numbers, lost, again, whole } of changes) {
          if (gone) rows.delete(key);
          else if (key[0] === "b") rows.set(key, bucket(numbers));
          else if (key[0] === "s") rows.set(key, series(numbers[0] ?? 0, `series ${numbers[1]}`));
          else rows.set(key, mark(numbers[0] ?? 0, "mark"));
          if (whole) untold = null;
          untold?.add(key);
          if (lost) continue;
          model.apply(rows, untold, first);
          if (again) model.apply(rows, untold, first);
          untold = new Set();
        }
        model.apply(rows, untold, first);
        const fresh = new ChartModel();
        fresh.apply(rows, null, first);
        expect(shown(model, first)).toEqual(shown(fresh, first));
      }),
    );
  });

  it("keeps what has passed for who looks at it, until it is told to forget", () => {
    const model = new ChartModel();
    const rows = new Map([["b1", bucket([1, 5])] as const, ["b8", bucket([1, 6])] as const]);
    model.apply(rows, null, 0);
    rows.delete("b1");
    model.apply(rows, new Set(["b1"]), 2);
    expect(model.at(1).get(1)).toBe(5);
    model.forget(2);
    expect(model.size).toBe(1);
    rows.delete("b8");
    model.apply(rows, new Set(["b8"]), 2);
    expect(model.size).toBe(0);
  });

  it("lists series by their colours, the others last, and marks by time", () => {
    const model = new ChartModel();
    model.apply(
      new Map([
        ["s3", series(-1, "Other")],
        ["s2", series(1, "b")],
        ["s1", series(0, "a")],
        ["ax", mark(9, "late")],
        ["ay", mark(4, "early")],
      ]),
      null,
      0,
    );
    expect(model.series.map(({ name }) => name)).toEqual(["a", "b", "Other"]);
    expect(model.marks.map(({ text }) => text)).toEqual(["early", "late"]);
  });

  it("is not changed by nothing", () => {
    const model = new ChartModel();
    model.apply(new Map(), new Set(), 0);
    expect(model.version).toBe(0);
  });
});
