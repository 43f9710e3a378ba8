import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  changeWords,
  comparator,
  FIELDS,
  limitWords,
  matches,
  parseSort,
  readBid,
  searchWords,
  sortText,
  winRate,
} from "./live_bidding";
import type { Row } from "./rows";

const bid = (key: string, row: Row = {}) => readBid(key, { name: key, ...row });

describe("readBid", () => {
  it("keeps amounts as text and drops what is none", () => {
    const read = bid("a", {
      base: "90071992547409931234.55",
      modifier: 10,
      least: "x",
      most: null,
      edit_state: "pending",
      edit_mine: "1",
    });
    expect([read.base, read.modifier, read.least, read.most]).toEqual([
      "90071992547409931234.55",
      "10",
      null,
      null,
    ]);
    expect(read.change).toMatchObject({
      state: "pending",
      field: "bid",
      mine: "1",
      canUndo: false,
      isUndo: false,
    });
    expect(bid("a", { edit_state: "nonsense" }).change).toBeNull();
  });
  it("takes whatever a cell holds", () => {
    const cell = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null));
    const names = [
      "name",
      "buyer",
      "status",
      "bid",
      "base",
      "trend",
      "edit_state",
      "edit_field",
      "edit_message",
      "denied",
    ];
    fc.assert(
      fc.property(fc.record(Object.fromEntries(names.map((name) => [name, cell]))), (row) => {
        const read = readBid("k", row as Row);
        expect(read.name).not.toBe("");
        expect(read.bid === null || /^[+-]?\d+(\.\d+)?$/.test(read.bid)).toBe(true);
      }),
    );
  });
});

describe("order", () => {
  it("is by size, however long, and what is not known comes last", () => {
    const bids = [
      bid("a", { bid: "9.5" }),
      bid("b", { bid: "90071992547409931235" }),
      bid("c"),
      bid("d", { bid: "90071992547409931234.99" }),
    ];
    const keys = (sort: string): string =>
      [...bids]
        .sort(comparator(parseSort(sort)))
        .map(({ key }) => key)
        .join("");
    expect(keys("-bid")).toBe("bdac");
    expect(keys("bid")).toBe("adbc");
    expect(keys("-name")).toBe("dcba");
  });
  it("by rate and status", () => {
    const bids = [
      bid("a", { requests: 10, wins: 5, status: "paused" }),
      bid("b", { requests: 4, wins: 3, status: "active" }),
      bid("c", { requests: 0, wins: 0 }),
    ];
    const keys = (sort: string): string =>
      [...bids]
        .sort(comparator(parseSort(sort)))
        .map(({ key }) => key)
        .join("");
    expect(keys("-rate")).toBe("bac");
    expect(keys("rate")).toBe("abc");
    expect(keys("status")).toBe("cba");
    expect(winRate(bids[1] as never)).toBe(0.75);
  });
  it("is the same whichever way the rows come", () => {
    const row = fc.record({ bid: fc.constantFrom("1", "1.0", "2", null), name: fc.constantFrom("x", "y") });
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 12 }),
        fc.constantFrom(...FIELDS),
        fc.boolean(),
        (rows, field, down) => {
          const bids = rows.map((one, index) => readBid(`k${index}`, one));
          const order = comparator({ field, down });
          const keys = (list: typeof bids): string[] => [...list].sort(order).map(({ key }) => key);
          expect(keys(bids)).toEqual(keys([...bids].reverse()));
        },
      ),
    );
  });
  it("is read and written", () => {
    for (const text of ["-bid", "name", "-rate"]) expect(sortText(parseSort(text))).toBe(text);
    expect(sortText(parseSort("nonsense"))).toBe("-bid");
  });
});

describe("words", () => {
  it("find by every word", () => {
    const one = bid("North", { buyer: "Acme", campaign: "Solar" });
    expect(matches(one, searchWords("acme NOR"))).toBe(true);
    expect(matches(one, searchWords("acme x"))).toBe(false);
  });
  it("say what became of a change", () => {
    const words = (state: string, undo = false) =>
      changeWords(bid("a", { edit_state: state, edit_is_undo: undo }).change as never);
    expect(["pending", "accepted", "synced", "rejected", "conflict"].map((state) => words(state))).toEqual([
      "Saving …",
      "Saved, not seen yet",
      "Saved",
      "Not saved",
      "Changed by somebody else",
    ]);
    expect(["pending", "accepted", "synced"].map((state) => words(state, true))).toEqual([
      "Taking back …",
      "Taken back, not seen yet",
      "Taken back",
    ]);
  });
  it("say where a limit holds", () => {
    expect(limitWords(bid("a", { modified: "9", least: "10", most: "30" }))?.words).toBe("Below minimum");
    expect(limitWords(bid("a", { modified: "31", least: "10", most: "30" }))?.words).toBe("Held at maximum");
    expect(limitWords(bid("a", { modified: "30", least: "10", most: "30" }))).toBeNull();
    expect(limitWords(bid("a", { modified: "30" }))).toBeNull();
  });
});
