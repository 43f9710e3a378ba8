/**
 * A place in a list that stays where it is on the screen while rows come and go around it. Pure: indexes and pixels
 * go in and come out. Rows are of one height and in a strict order, so the place of one that is gone is known too.
 */

/** The first row in sight, as it was drawn last. */
export interface Anchor<Item> {
  item: Item;
  index: number;
}

/** Up to so many pixels from the top is at the top. */
export const AT_TOP = 2;

/** Take down which row is first in sight; null in an empty list. */
export function anchorAt<Item>(
  items: { length: number; at(index: number): Item | undefined },
  scrollTop: number,
  rowHeight: number,
): Anchor<Item> | null {
  const index = Math.max(0, Math.min(items.length - 1, Math.floor(scrollTop / rowHeight)));
  const item = items.at(index);
  return item === undefined ? null : { item, index };
}

/**
 * Where to scroll so that the anchored row stands where it stood. What a reader has scrolled since it was drawn
 * stays scrolled. `place` gives a row's index as of now, or where it would be.
 */
export function keptAt<Item>(
  anchor: Anchor<Item>,
  place: (item: Item) => number,
  scrollTop: number,
  rowHeight: number,
): number {
  return Math.max(0, scrollTop + (place(anchor.item) - anchor.index) * rowHeight);
}

/** Where to scroll so that a row is whole in sight, moving as little as can be. */
export function revealed(index: number, scrollTop: number, rowHeight: number, height: number): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  return Math.max(scrollTop, top + rowHeight - height);
}
