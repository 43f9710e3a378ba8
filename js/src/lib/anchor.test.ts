import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Anchor, AT_TOP, anchorAt, keptAt, revealed } from "./anchor";

const HEIGHT = 34;
const VIEWPORT = 340;

/** A list as the feed keeps it: newer rows have larger numbers and stand above; drawn and scrolled as the feed does. */
class Model {
  items: number[] = [];
  scrollTop = 0;
  anchor: Anchor<number> | null = null;

  get view() {
    const items = this.items;
    return { length: items.length, at: (index: number) => items[items.length - 1 - index] };
  }
  place = (item: number): number => this.items.filter((other) => other > item).length;
  clamp = (top: number): number =>
    Math.max(0, Math.min(top, Math.max(0, this.items.length * HEIGHT - VIEWPORT)));

  draw(): void {
    if (this.anchor && this.scrollTop > AT_TOP) {
      this.scrollTop = this.clamp(keptAt(this.anchor, this.place, this.scrollTop, HEIGHT));
    } else this.scrollTop = this.clamp(this.scrollTop);
    this.anchor = anchorAt(this.view, this.scrollTop, HEIGHT);
  }
  /** Where an item's top edge is on the screen. */
  pixel(item: number): number {
    return this.place(item) * HEIGHT - this.scrollTop;
  }
}

const operations = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("arrive" as const), amount: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ kind: fc.constant("late" as const), amount: fc.integer({ min: 0, max: 1000 }) }),
    fc.record({ kind: fc.constant("forget" as const), amount: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant("drop" as const), amount: fc.integer({ min: 0, max: 1000 }) }),
    fc.record({ kind: fc.constant("scroll" as const), amount: fc.integer({ min: -2000, max: 4000 }) }),
  ),
  { maxLength: 60 },
);

describe("a place in a list", () => {
  it("stays at its pixel through any arrivals, late ones, losses and scrolls; at the top it follows", () => {
    fc.assert(
      fc.property(operations, fc.integer({ min: 0, max: 200 }), (steps, start) => {
        const model = new Model();
        let next = 1;
        for (let index = 0; index < start; index++) model.items.push(next++);
        model.draw();
        for (const { kind, amount } of steps) {
          if (kind === "scroll") {
            model.scrollTop = model.clamp(model.scrollTop + amount);
            model.draw();
            continue;
          }
          const first = model.anchor?.item;
          const follows = model.scrollTop <= AT_TOP;
          const before = first === undefined ? 0 : model.pixel(first);
          if (kind === "arrive") for (let index = 0; index < amount; index++) model.items.push(next++);
          if (kind === "late") {
            const at = amount % (model.items.length + 1);
            const between = ((model.items[at - 1] ?? 0) + (model.items[at] ?? next)) / 2;
            if (!model.items.includes(between)) model.items.splice(at, 0, between);
            next += 1;
          }
          if (kind === "forget") model.items.splice(0, amount);
          if (kind === "drop") model.items.splice(amount % (model.items.length || 1), 1);
          model.draw();
          if (first === undefined) continue;
          if (follows) expect(model.scrollTop).toBeLessThanOrEqual(AT_TOP);
          else if (model.items.includes(first)) {
            // Unless the list ends before: then there is nothing below to fill the view with.
            const wanted = model.place(first) * HEIGHT - before;
            if (model.clamp(wanted) === wanted) expect(model.pixel(first)).toBe(before);
            else expect(model.scrollTop).toBe(model.clamp(wanted));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("keeps what was scrolled between two draws", () => {
    const anchor = { item: 5, index: 2 };
    expect(keptAt(anchor, () => 6, 100, 10)).toBe(140);
    expect(keptAt(anchor, () => 0, 5, 10)).toBe(0);
  });

  it("is none in an empty list, and the last row beyond the end", () => {
    expect(anchorAt([], 50, 10)).toBeNull();
    expect(anchorAt([7, 8], 5_000, 10)).toEqual({ item: 8, index: 1 });
  });

  it("is moved as little as can be to show a row", () => {
    expect(revealed(0, 100, 10, 50)).toBe(0);
    expect(revealed(12, 100, 10, 50)).toBe(100);
    expect(revealed(20, 100, 10, 50)).toBe(160);
  });
});
