import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  capKind,
  capState,
  change,
  exactFigure,
  figure,
  parts,
  readBoard,
  readCap,
  readTile,
  stateWord,
  windowWords,
} from "./campaign_metrics";
import type { Row } from "./rows";

const tile = (key: string, row: Row) => readTile(key, { unit: "calls", ...row });

describe("figure", () => {
  it("is written by its unit", () => {
    expect(figure(1284, "calls", "USD")).toBe("1,284");
    expect(figure(0.5, "share", "USD")).toBe("50.0%");
    expect(figure(214, "seconds", "USD")).toBe("3:34");
    expect(figure(7113.42, "money", "USD")).toBe("$7,113.42");
    expect(figure(18_432.5, "money", "USD")).toBe("$18,433");
    expect(figure(18_432.5, "money", "nonsense")).toBe("18,433");
    expect(figure(14.355, "money a call", "EUR")).toBe("€14.36");
    expect(figure(123_456_789, "calls", "USD")).toBe("123.5M");
    expect(exactFigure(18_432.5, "money", "USD")).toBe("$18,432.50");
    expect(exactFigure(123_456_789, "calls", "USD")).toBe("123,456,789");
    expect(exactFigure(0.5, "share", "USD")).toBe("50.0%");
  });
  it("is a dash where it is none, and never longer than a tile", () => {
    expect(figure(null, "share", "USD")).toBe("—");
    expect(figure(1e300, "money", "USD")).toBe("—");
    const unit = fc.constantFrom("calls", "share", "seconds", "money", "money a call", "?");
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.constant(null)), unit, (value, of) => {
        expect(figure(value, of, "USD").length).toBeLessThan(20);
      }),
    );
  });
});

describe("change", () => {
  it("says how far, whither, and whether that is good", () => {
    expect(change(tile("incoming", { delta: 96, relative: 0.0808, better: true }), "USD")).toEqual({
      way: "up",
      good: true,
      short: "+8.1%",
      words: "up 8.1% on the window before, which is better",
    });
    expect(change(tile("missed", { delta: -3, relative: -0.5, better: false }), "USD")).toMatchObject({
      way: "down",
      good: true,
      short: "−50%",
    });
    expect(
      change(tile("payout", { delta: 3, relative: null, better: null }), "USD", "the 1 h before"),
    ).toMatchObject({
      good: null,
      short: "+3",
      words: "up 3 on the 1 h before",
    });
    expect(
      change(tile("margin", { unit: "share", delta: -0.012, relative: -0.03, better: true }), "USD"),
    ).toMatchObject({
      good: false,
      short: "−1.2 pts",
    });
    expect(change(tile("rpc", { delta: 0, relative: 0, better: true }), "USD")).toMatchObject({
      way: "level",
      good: null,
      short: "no change",
    });
  });
  it("is nothing where nothing is known", () => {
    expect(change(tile("incoming", { delta: null }), "USD")).toBeNull();
    expect(change(tile("incoming", { delta: 1e300, relative: null }), "USD")).toBeNull();
  });
});

describe("words", () => {
  it("state the denominator", () => {
    expect(parts(tile("connect_rate", { part: 3, whole: 4 }))).toBe("3 of 4 calls");
    expect(parts(tile("conversion", { part: 1, whole: 3 }))).toBe("1 of 3 connected");
    expect(parts(tile("acl", { whole: 3 }))).toBe("3 connected");
    expect(parts(tile("rpc", { whole: 1284 }))).toBe("of 1,284 calls");
    expect(parts(tile("live", { part: 2 }))).toBe("2 talking");
    for (const key of ["connect_rate", "conversion", "acl", "rpc", "live", "revenue"]) {
      expect(parts(tile(key, {}))).toBe("");
    }
  });
  it("name states, caps and windows", () => {
    expect(stateWord("amber", true)).toBe("Just below");
    expect(stateWord("amber", false)).toBe("Just above");
    expect(stateWord("red", false)).toBe("Off target");
    expect([capKind("daily"), capKind("concurrency"), capKind("weekly")]).toEqual([
      "today",
      "at once",
      "weekly",
    ]);
    expect(["red", "amber", "green"].map((state) => capState(readCap("a", { state })))).toEqual([
      "Reached",
      "Nearly full",
      "Free",
    ]);
    expect([3600, 900, 45, 86_400, 172_800, 0, "x"].map(windowWords)).toEqual([
      "1 h",
      "15 min",
      "45 s",
      "24 h",
      "2 d",
      "",
      "",
    ]);
  });
});

describe("readBoard", () => {
  it("puts tiles in their order and the fullest cap first", () => {
    const rows = new Map<string, Row>([
      ["b", { kind: "tile", order: 1, label: "B" }],
      ["a", { kind: "tile", order: 0, label: "A" }],
      ["cap:1", { kind: "cap", label: "x", value: 1, cap: 10 }],
      ["cap:2", { kind: "cap", label: "y", value: 0, cap: 0 }],
      ["cap:3", { kind: "cap", label: "b", value: 1, cap: 10 }],
    ]);
    const { tiles, caps } = readBoard(rows, new Map());
    expect(tiles.map(({ key }) => key)).toEqual(["a", "b"]);
    expect(caps.map(({ key }) => key)).toEqual(["cap:2", "cap:3", "cap:1"]);
    const known = new Map(tiles.map((one) => [one.key, one]));
    expect(readBoard(rows, known).tiles[0]).toBe(tiles[0]);
  });
  it("takes whatever a cell holds", () => {
    const cell = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null));
    const columns = ["kind", "order", "label", "unit", "value", "state", "delta", "spark", "cap", "better"];
    const row = fc.record(Object.fromEntries(columns.map((name) => [name, cell])));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), (rows) => {
        const { tiles } = readBoard(
          new Map(rows.map((one, index) => [String(index), one as Row])),
          new Map(),
        );
        for (const one of tiles) {
          expect(one.value === null || Number.isFinite(one.value)).toBe(true);
          expect([null, "green", "amber", "red"]).toContain(one.state);
        }
      }),
    );
  });
});
