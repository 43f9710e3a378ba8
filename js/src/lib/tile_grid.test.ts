import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tileGrid } from "./tile_grid";

describe("tileGrid", () => {
  it("divides six tiles without a hole", () => {
    expect([1, 2, 3, 4, 5, 6, 12].map((most) => tileGrid(6, false, most).columns)).toEqual([
      1, 2, 3, 3, 3, 6, 6,
    ]);
  });

  it("lets a wide tile take what is left", () => {
    expect(tileGrid(10, true, 6)).toEqual({ columns: 6, last: 1, wide: 2 });
    expect(tileGrid(10, true, 4)).toEqual({ columns: 4, last: 1, wide: 2 });
    expect(tileGrid(7, true, 6)).toEqual({ columns: 5, last: 1, wide: 3 });
  });

  it("gives the wide tile a row of its own where it would not fit", () => {
    expect(tileGrid(5, true, 3)).toEqual({ columns: 3, last: 2, wide: 3 });
    expect(tileGrid(3, true, 1)).toEqual({ columns: 1, last: 1, wide: 1 });
    expect(tileGrid(0, true, 6)).toEqual({ columns: 2, last: 1, wide: 2 });
    expect(tileGrid(0, false, 6)).toEqual({ columns: 1, last: 1, wide: 0 });
  });

  it("fills every place, and keeps to the number of columns", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 8 }),
        (plain, wide, most) => {
          const grid = tileGrid(plain, wide, most);
          const cells = plain - 1 + grid.last + grid.wide;
          expect(grid.columns).toBeLessThanOrEqual(most);
          expect(cells % grid.columns).toBe(0);
          expect(Math.max(grid.last, grid.wide)).toBeLessThanOrEqual(grid.columns);
          expect(grid.wide > 0).toBe(wide);
        },
      ),
    );
  });
});
