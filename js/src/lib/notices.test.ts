import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ago, groupWords, isUnread, lookOf, newestFirst, readNotice, spoken, stateWords } from "./notices";
import type { Row } from "./rows";

const NOW = 1_800_000_000_000;
const row: Row = {
  text: "Payment confirmed",
  title: "Payments",
  type: "success",
  state: "shown",
  created: NOW,
  changed: NOW,
  duration: 5000,
  group: null,
  count: 2,
  action: "Look",
  acknowledge: null,
  problem: null,
  source: null,
  quiet: false,
};

describe("a row", () => {
  it("is read", () => {
    expect(readNotice("n1", row)).toEqual({
      name: "n1",
      text: "Payment confirmed",
      title: "Payments",
      kind: "success",
      pending: false,
      ended: null,
      created: NOW,
      changed: NOW,
      duration: 5000,
      group: null,
      count: 2,
      action: "Look",
      acknowledge: null,
      problem: null,
      quiet: false,
    });
  });

  it("of nonsense is a notice all the same", () => {
    const hostile = readNotice("n", {
      text: null,
      title: "x".repeat(10_000),
      type: "fatal",
      state: "<b>",
      created: Number.NaN,
      changed: 1e300,
      duration: -1,
      count: "9007199254740993",
      action: "  ",
      acknowledge: "please",
    });
    expect(hostile).toMatchObject({
      text: "—",
      kind: "info",
      ended: null,
      created: 0,
      changed: 0,
      duration: null,
    });
    expect(hostile.title).toHaveLength(120);
    expect(hostile.action).toBeNull();
    expect(hostile.acknowledge).toBeNull();
    expect(Number.isFinite(hostile.count)).toBe(true);
  });

  it("of whatever is never throws", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(...Object.keys(row)),
          fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null)),
        ),
        (cells) => {
          const notice = readNotice("n", cells);
          spoken(notice);
          stateWords(notice);
          lookOf(notice);
          expect(typeof notice.text).toBe("string");
          expect(notice.count).toBeGreaterThanOrEqual(1);
        },
      ),
    );
  });
});

describe("words", () => {
  it("say how long ago", () => {
    expect(ago(NOW, NOW)).toBe("now");
    expect(ago(NOW + 9e9, NOW)).toBe("now");
    expect(ago(NOW - 12_000, NOW)).toBe("12 s ago");
    expect(ago(0, NOW)).toBe("—");
    expect(ago(Number.NaN, NOW)).toBe("—");
  });

  it("say how many of a group", () => {
    expect(groupWords("{count} payments confirmed", 5)).toBe("5 payments confirmed");
    expect(groupWords("payments", 5)).toBe("5 × payments");
  });

  it("say what became of it", () => {
    const notice = readNotice("n", row);
    expect(stateWords(notice)).toBe("");
    expect(stateWords({ ...notice, pending: true })).toBe("In progress");
    expect(stateWords({ ...notice, ended: "dismissed" })).toBe("Dismissed");
    expect(stateWords({ ...notice, ended: "acknowledged" })).toBe("Acknowledged");
    expect(stateWords({ ...notice, ended: "acknowledged", acknowledge: "pending" })).toBe("Acknowledging…");
    expect(spoken({ ...notice, problem: "You may not." })).toBe(
      "Done: Payments: Payment confirmed, 2 times. You may not.",
    );
    expect(lookOf({ kind: "success", pending: true }).word).toBe("Working");
  });

  it("what was read or has ended is not unread", () => {
    const notice = readNotice("n", row);
    expect(isUnread(notice, 0)).toBe(true);
    expect(isUnread(notice, NOW)).toBe(false);
    expect(isUnread({ ...notice, ended: "dismissed" }, 0)).toBe(false);
  });

  it("the newest come first, and not more than are wanted", () => {
    const all = [1, 3, 2].map((index) => ({ ...readNotice(`n${index}`, row), changed: NOW + index }));
    expect(newestFirst(all, 2).map(({ name }) => name)).toEqual(["n3", "n2"]);
  });
});
