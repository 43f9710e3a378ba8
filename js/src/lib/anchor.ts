/**
 * A place in a list that stays where it is on the screen while rows come and go around it. Pure: indexes and pixels
 * go in and come out. Rows are of one height and in a strict order, so the place of one that is gone is known too.
 */

/** The first row in sight, and by how many pixels it reaches above the edge. */
export interface Anchor<Item> {
  item: Item;
  /** From 0 up to less than the height of a row. */
  hidden: number;
}

/** Less than this many pixels from the top is at the top. */
export const AT_TOP = 2;

/** Take down which row is first in sight; null in an empty list. */
export function anchorAt<Item>(
  items: { length: number; at(index: number): Item | undefined },
  scrollTop: number,
  rowHeight: number,
): Anchor<Item> | null {
  const index = Math.max(0, Math.min(items.length - 1, Math.floor(scrollTop / rowHeight)));
  const item = items.at(index);
  if (items.length === 0 || item === undefined) return null;
  return { item, hidden: Math.max(0, scrollTop - index * rowHeight) };
}

/** Where to scroll so that the anchored row stands where it stood; `place` gives a row's index, or where it would be. */
export function scrollTopOf<Item>(
  anchor: Anchor<Item>,
  place: (item: Item) => number,
  rowHeight: number,
): number {
  return place(anchor.item) * rowHeight + anchor.hidden;
}

/** Where to scroll so that a row is whole in sight, moving as little as can be. */
export function revealed(index: number, scrollTop: number, rowHeight: number, height: number): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  return Math.max(scrollTop, top + rowHeight - height);
}
