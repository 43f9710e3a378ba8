/** How tiles stand in rows so that no place stays empty. Pure. */

export interface TileGrid {
  columns: number;
  /** Columns that the last of the plain tiles takes. */
  last: number;
  /** Columns that the wide tile takes; 0 without one. */
  wide: number;
}

/** Lay out plain tiles, and one wide one if there is, in at most so many columns. */
export function tileGrid(plain: number, wide: boolean, most: number): TileGrid {
  const limit = Math.max(1, Math.min(most, plain + (wide ? 2 : 0)));
  if (wide && limit > 1) {
    const cells = plain + 2;
    const rows = Math.ceil(cells / limit);
    const columns = Math.max(2, Math.ceil(cells / rows));
    const taken = 2 + rows * columns - cells;
    if (taken <= columns) return { columns, last: 1, wide: taken };
  }
  const rows = Math.max(1, Math.ceil(plain / limit));
  const columns = Math.max(1, Math.ceil(plain / rows));
  return { columns, last: plain === 0 ? 1 : 1 + rows * columns - plain, wide: wide ? columns : 0 };
}
