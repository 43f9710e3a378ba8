import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Activity,
  ActivityList,
  accepts,
  cellsOf,
  inOrder,
  newerThan,
  olderThan,
  readActivity,
  since,
} from "./activity";
import { age } from "./format";
import type { Row } from "./rows";
import { tabSeparated } from "./tsv";

const row = (at: number, table = "calls", text = `at ${at}`, event = "insert"): Row => ({
  at,
  table,
  event,
  icon: "call",
  tone: "good",
  text,
  key: "k",
});

describe("the list of items", () => {
  const changes = fc.array(
    fc.record({
      put: fc.array(
        fc.tuple(
          fc.integer({ min: 1, max: 40 }),
          fc.integer({ min: 0, max: 9 }),
          fc.constantFrom("calls", "bids"),
        ),
        { maxLength: 6 },
      ),
      drop: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 }),
      whole: fc.boolean(),
      filter: fc.option(fc.constantFrom("calls", "bids", "at 3")),
    }),
    { maxLength: 30 },
  );

  it("is what sorting and filtering anew would give, whatever changes in whatever order", () => {
    fc.assert(
      fc.property(changes, (steps) => {
        const list = new ActivityList();
        const rows = new Map<string, Row>();
        let filter = { kinds: new Set<string>(), words: [] as string[] };
        for (const { put, drop, whole, filter: wish } of steps) {
          const changed = new Set<string>();
          for (const number of drop) if (rows.delete(String(number))) changed.add(String(number));
          for (const [number, at, table] of put) {
            rows.set(String(number), row(at, table));
            changed.add(String(number));
          }
          if (whole && put.length % 2 === 1) [...list.renew(rows)];
          else list.apply(rows, whole ? null : changed);
          if (wish !== null) {
            filter = wish.startsWith("at")
              ? { kinds: new Set(), words: [wish] }
              : { kinds: new Set([wish]), words: [] };
            list.setFilter(filter);
          }
          const all = [...rows].map(([key, cells]) => readActivity(key, cells)).sort(inOrder);
          const keys = (items: readonly Activity[]) => items.map(({ key, at }) => `${key}:${at}`);
          expect(keys(list.all)).toEqual(keys(all));
          expect(keys(list.shown)).toEqual(keys(all.filter((item) => accepts(filter, item))));
          const counts = new Map<string, number>();
          for (const { table } of all) counts.set(table, (counts.get(table) ?? 0) + 1);
          expect(new Map([...list.counts].sort())).toEqual(new Map([...counts].sort()));
          for (const [index, item] of list.all.entries()) {
            expect(olderThan(list.all, item)).toBe(index);
            expect(newerThan(list.all, item)).toBe(all.length - 1 - index);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("costs what changed: adding to 100,000 items makes no new list", () => {
    const list = new ActivityList();
    const rows = new Map(Array.from({ length: 100_000 }, (_, id) => [String(id + 1), row(id)] as const));
    list.apply(rows, null);
    const { all } = list;
    rows.set("100001", row(200_000));
    rows.delete("1");
    expect(list.apply(rows, new Set(["1", "100001"]))).toHaveLength(1);
    expect(list.all).toBe(all);
    expect(all).toHaveLength(100_000);
    expect(all[0]?.key).toBe("2");
  });

  it("finds by table, by event of a table, and by words in any order", () => {
    const item = readActivity("7", row(1, "orders", "Order 17 was PAID", "update"));
    const by = (kinds: string[], ...words: string[]) => accepts({ kinds: new Set(kinds), words }, item);
    expect(by([])).toBe(true);
    expect(by(["orders"])).toBe(true);
    expect(by(["orders/update"])).toBe(true);
    expect(by(["orders/insert", "calls"])).toBe(false);
    expect(by([], "paid", "17")).toBe(true);
    expect(by([], "paid", "18")).toBe(false);
  });

  it("counts what is newer than an item that is gone, and all where there is none", () => {
    const items = [1, 3, 5].map((at) => readActivity(String(at), row(at)));
    expect(newerThan(items, readActivity("2", row(2)))).toBe(2);
    expect(newerThan(items, null)).toBe(3);
  });

  it("takes any row", () => {
    for (const cell of [
      null,
      true,
      Number.NaN,
      1e300,
      "x".repeat(10_000),
      "<b>",
      "\u202e",
      "90071992547409931234",
    ]) {
      const item = readActivity(String(cell), {
        at: cell,
        table: cell,
        event: cell,
        icon: cell,
        tone: cell,
        text: cell,
        key: cell,
      });
      expect(item.text.length).toBeLessThanOrEqual(300);
      expect(Number.isFinite(item.at)).toBe(true);
      expect(cellsOf(item)).toHaveLength(5);
    }
  });
});

describe("how long ago", () => {
  it("is said in one word", () => {
    const NOW = 1_800_000_000_000;
    const words = [0, 1_000, 12_000, 200_000].map((passed) => since(NOW - passed, NOW, age));
    expect(words).toEqual(["now", "now", "12 s", "3 min"]);
    expect(since(NOW + 2_000, NOW, age)).toBe("now");
    expect(since(0, NOW, age)).toBe("—");
    expect(since(NOW - 30 * 86_400_000, NOW, age)).toMatch(/20\d\d/);
  });
});

describe("tab-separated text", () => {
  it("keeps cells in their cells, and lets no sheet run one", () => {
    expect(
      tabSeparated([
        ["a\tb", "c\nd", " e "],
        ["=1+1", "+1 ••• 4567", "@x", "-2"],
      ]),
    ).toBe("a b\tc d\te\n'=1+1\t'+1 ••• 4567\t'@x\t'-2");
  });

  it("has as many cells and lines as there were, whatever is in them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string(), { minLength: 3, maxLength: 3 }), { minLength: 1 }),
        (rows) => {
          const lines = tabSeparated(rows).split("\n");
          expect(lines).toHaveLength(rows.length);
          for (const line of lines) {
            const cells = line.split("\t");
            expect(cells).toHaveLength(3);
            for (const cell of cells) expect(cell).not.toMatch(/^[=+\-@]/);
          }
        },
      ),
    );
  });
});
