import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  callDuration,
  callValue,
  comparator,
  isShown,
  lookOf,
  matches,
  parseSort,
  readCall,
  STATUS_ORDER,
  searchWords,
  sortText,
} from "./calls";
import type { Row } from "./rows";

const NOW = Date.UTC(2026, 10, 22, 12);
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString();
const call = (row: Row, key = "k") => readCall(key, row, NOW);

describe("statuses", () => {
  it("are Twilio's, each with a shape and a word of its own", () => {
    expect(STATUS_ORDER).toEqual([
      "queued",
      "initiated",
      "ringing",
      "in-progress",
      "completed",
      "busy",
      "no-answer",
      "canceled",
      "failed",
    ]);
    const looks = STATUS_ORDER.map(lookOf);
    expect(new Set(looks.map(({ path }) => path)).size).toBe(looks.length);
    expect(new Set(looks.map(({ label }) => label)).size).toBe(looks.length);
  });

  it("that are unknown never end a call", () => {
    expect(call({ status: "transferred_to_mars", created_at: at(-9) }).ended).toBe(false);
    expect(lookOf("transferred_to_mars").label).toBe("transferred to mars");
    expect(lookOf("__proto__").ended).toBe(false);
    expect(lookOf("").label).toBe("—");
    expect(call({ status: "whatever", ended_at: at(-1) }).ended).toBe(true);
  });
});

describe("durations", () => {
  it("tick while the call lives, and stand when it ended", () => {
    const live = call({ status: "in-progress", created_at: at(-60), connected_at: at(-40) });
    expect(callDuration(live, NOW)).toBe(40_000);
    expect(callDuration(live, NOW + 5_000)).toBe(45_000);
    expect(callDuration(call({ status: "ringing", created_at: at(-9) }), NOW)).toBe(9_000);
    const ended = call({
      status: "completed",
      created_at: at(-60),
      connected_at: at(-50),
      ended_at: at(-10),
      connected_seconds: 39,
    });
    expect(callDuration(ended, NOW + 99_000)).toBe(39_000);
    expect(callDuration(call({ status: "busy", created_at: at(-9), ended_at: at(-5) }), NOW)).toBe(4_000);
    expect(callDuration(call({ status: "queued" }), NOW)).toBeNull();
    expect(callDuration(call({ status: "queued", created_at: at(60) }), NOW)).toBe(0);
  });
});

describe("the board", () => {
  it("lets an ended call linger, then go", () => {
    const ended = call({ status: "completed", ended_at: at(0) });
    expect(isShown(ended, 30, NOW + 29_000)).toBe(true);
    expect(isShown(ended, 30, NOW + 30_000)).toBe(false);
    expect(isShown(ended, 0, NOW)).toBe(false);
    expect(isShown(ended, null, NOW + 1e12)).toBe(true);
    expect(isShown(call({ status: "ringing" }), 0, NOW + 1e12)).toBe(true);
  });

  it("lets an end without a time linger from when it was seen", () => {
    const first = readCall("k", { status: "completed" }, NOW);
    const second = readCall("k", { status: "completed", revenue: 5 }, NOW + 20_000, first);
    expect(isShown(second, 30, NOW + 31_000)).toBe(false);
  });

  it("values a call by its revenue, before that by its bid, and a lost one not at all", () => {
    expect(callValue(call({ status: "in-progress", bid: 12 }))).toEqual({ amount: 12, kind: "bid" });
    expect(callValue(call({ status: "completed", bid: 12, revenue: "40.5", ended_at: at(0) }))).toEqual({
      amount: 40.5,
      kind: "revenue",
    });
    expect(callValue(call({ status: "failed", bid: 12, ended_at: at(0) })).amount).toBeNull();
  });

  it("is searched by all words", () => {
    const row = call({ status: "in-progress", caller: "+1 ••• ••• 4567", buyer: "Acme Health" });
    expect(matches(row, searchWords("acme 4567"))).toBe(true);
    expect(matches(row, searchWords("progress"))).toBe(true);
    expect(matches(row, searchWords("acme 9999"))).toBe(false);
    expect(matches(row, searchWords("  "))).toBe(true);
  });
});

describe("sorting", () => {
  it("understands its trait, and anything else is the newest first", () => {
    expect(parseSort("-revenue")).toEqual({ field: "value", descending: true });
    expect(parseSort("caller")).toEqual({ field: "caller", descending: false });
    for (const odd of ["", "-", "nonsense", "constructor"])
      expect(sortText(parseSort(odd))).toBe("-created_at");
  });

  it("is a total order whatever the rows hold", () => {
    const cell = fc.option(fc.oneof(fc.string(), fc.integer(), fc.double({ noNaN: true })));
    const row = fc.record({
      status: fc.constantFrom(...STATUS_ORDER, "odd"),
      caller: cell,
      bid: cell,
      created_at: fc.option(fc.constantFrom(at(-9), at(-60), "infinity")),
    });
    const sorts = fc.constantFrom("status", "-caller", "-created_at", "duration", "-value").map(parseSort);
    fc.assert(
      fc.property(fc.array(row, { maxLength: 12 }), sorts, (rows, sort) => {
        const calls = rows.map((some, index) => call(some, `k${index}`));
        const compare = comparator(sort, NOW);
        for (const a of calls)
          for (const b of calls)
            expect(Math.sign(compare(a, b)) + Math.sign(compare(b, a)) === 0 || a === b).toBe(true);
        const sorted = [...calls].sort(compare).map(({ key }) => key);
        expect(
          [...calls]
            .reverse()
            .sort(compare)
            .map(({ key }) => key),
        ).toEqual(sorted);
      }),
    );
  });

  it("puts what is missing last, either way", () => {
    const rows = [
      call({ status: "queued", caller: "" }, "none"),
      call({ status: "queued", caller: "b" }, "b"),
      call({ status: "queued", caller: "a" }, "a"),
    ];
    expect([...rows].sort(comparator(parseSort("caller"), NOW)).map(({ key }) => key)).toEqual([
      "a",
      "b",
      "none",
    ]);
    expect([...rows].sort(comparator(parseSort("-caller"), NOW)).map(({ key }) => key)).toEqual([
      "b",
      "a",
      "none",
    ]);
  });
});
