import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decode, merge, type Row, RowsError } from "./rows";

const bytes = (value: unknown): DataView =>
  new DataView(new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)).buffer);

describe("decode", () => {
  it("reads columns, whatever stands before them in the memory", () => {
    const plain = new TextEncoder().encode('xx{"key":["é"],"cols":{"n":["9007199254740993"]},"gone":[]}');
    expect(decode(new DataView(plain.buffer, 2))).toEqual({
      key: ["é"],
      cols: { n: ["9007199254740993"] },
      gone: [],
    });
  });

  it("refuses what is no set of columns", () => {
    for (const bad of [
      "",
      "{",
      { key: [1] },
      { key: "ab" },
      { key: ["a"], cols: { x: [] } },
      { key: [], cols: {}, gone: [null] },
    ]) {
      expect(() => decode(bytes(bad))).toThrow(RowsError);
    }
    expect(() => decode(new Uint8Array([0xff, 0xfe]))).toThrow(RowsError);
  });

  it("never throws anything else", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          decode(bytes(JSON.stringify(value)));
        } catch (error) {
          expect(error).toBeInstanceOf(RowsError);
        }
      }),
    );
  });
});

describe("merge", () => {
  it("puts, replaces and removes by key, and can be repeated", () => {
    const rows = new Map<string, Row>([
      ["a", { n: 1 }],
      ["b", { n: 2 }],
    ]);
    const columns = { key: ["b", "c"], cols: { n: [3, 4] }, gone: ["a", "x"] };
    expect([...merge(rows, columns)].sort()).toEqual(["a", "b", "c"]);
    merge(rows, columns);
    expect([...rows]).toEqual([
      ["b", { n: 3 }],
      ["c", { n: 4 }],
    ]);
  });

  it("stays within its bound", () => {
    const rows = new Map<string, Row>();
    merge(rows, { key: ["a", "b", "c"], cols: { n: [1, 2, 3] }, gone: [] }, 2);
    merge(rows, { key: ["a"], cols: { n: [9] }, gone: [] }, 2);
    expect([...rows]).toEqual([
      ["a", { n: 9 }],
      ["b", { n: 2 }],
    ]);
  });

  it("holds no objects", () => {
    const rows = new Map<string, Row>();
    merge(rows, { key: ["a"], cols: { n: [{ evil: 1 } as never] }, gone: [] });
    expect(rows.get("a")).toEqual({ n: null });
  });
});
