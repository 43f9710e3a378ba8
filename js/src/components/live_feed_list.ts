/**
 * The list of items, the newest on top: virtual rows, one that has the focus, one that is selected, a range that is
 * marked. At the top it follows; anywhere else, and while the focus is in it, what is seen stays where it is.
 */
import { type Activity, inOrder, newerThan, olderThan } from "../lib/activity";
import { type Anchor, AT_TOP, anchorAt, keptAt, revealed } from "../lib/anchor";
import { make } from "../lib/dom";
import { virtualList } from "../lib/virtual_list";
import { type FeedRow, feedRow } from "./live_feed_row";

export interface FeedListCallbacks {
  onSelect(key: string | null): void;
  onCopy(event: ClipboardEvent): void;
  /** Rows came into sight, or the focus moved: paint. */
  onMoved(): void;
}

export interface FeedListState {
  /** Older first, as they are kept. */
  items: readonly Activity[];
  selected: string | null;
  now: number;
  arrived: ReadonlySet<Activity>;
}

export interface FeedList {
  element: HTMLElement;
  draw(state: FeedListState): void;
  tick(now: number): void;
  /** Read the row height from the style sheet again. */
  measure(): void;
  /** To the newest, and follow. */
  toTop(): void;
  /** How many items came above what is seen, since it was left behind. */
  readonly unseen: number;
  /** The marked range, the newest first; empty where fewer than two are. */
  marked(): Activity[];
}

let lists = 0;

export function feedList(callbacks: FeedListCallbacks, signal: AbortSignal): FeedList {
  const prefix = `lw-feed-${++lists}-`;
  const canvas = make("div", "lw-feed-canvas", { role: "feed", "aria-label": "Activity, newest first" });
  const element = make("div", "lw-feed-list", { tabindex: -1 }, canvas);
  const list = virtualList(element, canvas, 34, callbacks.onMoved, signal);
  const rows = new Map<string, FeedRow>();
  const spare: FeedRow[] = [];
  let state: FeedListState = { items: [], selected: null, now: 0, arrived: new Set() };
  let made = 0;
  let anchor: Anchor<Activity> | null = null;
  /** The place of an item that the list does not reach down to yet: a long log comes back in parts. */
  let awaited: { item: Activity; hidden: number } | null = null;
  let drawnTop = 0;
  /** The newest item when the list stopped following; null while it follows. */
  let left: Activity | null = null;
  let cursor: Activity | null = null;
  /** Where a range begins that Shift has drawn; it ends at the cursor. */
  let pivot: Activity | null = null;

  // Kept the oldest first, shown the newest first.
  const view = {
    get length() {
      return state.items.length;
    },
    at: (index: number): Activity | undefined => state.items[state.items.length - 1 - index],
  };
  const place = (item: Activity): number => newerThan(state.items, item);
  const hasFocus = (): boolean => canvas.contains(document.activeElement);

  function moveTo(index: number, extend: boolean): void {
    const item = view.at(Math.max(0, Math.min(view.length - 1, index)));
    if (!item) return;
    pivot = extend ? (pivot ?? cursor ?? item) : null;
    cursor = item;
    list.scrollTo(revealed(place(item), element.scrollTop, list.rowHeight, element.clientHeight));
    anchor = anchorAt(view, element.scrollTop, list.rowHeight);
    draw();
    rows.get(item.key)?.element.focus({ preventScroll: true });
    callbacks.onMoved();
  }

  function toggle(item: Activity): void {
    cursor = item;
    pivot = null;
    callbacks.onSelect(state.selected === item.key ? null : item.key);
  }

  const itemOf = (target: EventTarget | null): Activity | undefined => {
    const key = (target as Element | null)?.closest?.<HTMLElement>("[data-key]")?.dataset.key;
    const index = key === undefined ? -1 : state.items.findIndex((item) => item.key === key);
    return state.items[index];
  };

  canvas.addEventListener(
    "keydown",
    (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const at = cursor ? place(cursor) : 0;
      const page = Math.max(1, Math.floor(element.clientHeight / list.rowHeight) - 1);
      const steps: Record<string, () => void> = {
        ArrowDown: () => moveTo(at + 1, event.shiftKey),
        ArrowUp: () => moveTo(at - 1, event.shiftKey),
        PageDown: () => moveTo(at + page, event.shiftKey),
        PageUp: () => moveTo(at - page, event.shiftKey),
        Home: () => moveTo(0, event.shiftKey),
        End: () => moveTo(view.length - 1, event.shiftKey),
        Enter: () => cursor && toggle(cursor),
        " ": () => cursor && toggle(cursor),
        Escape: () => {
          pivot = null;
          callbacks.onSelect(null);
          callbacks.onMoved();
        },
      };
      const step = steps[event.key];
      if (!step) return;
      // JupyterLab moves between cells with the same keys.
      event.preventDefault();
      event.stopPropagation();
      step();
    },
    { signal },
  );
  canvas.addEventListener(
    "focusin",
    (event) => {
      cursor = itemOf(event.target) ?? cursor;
      callbacks.onMoved();
    },
    { signal },
  );
  canvas.addEventListener("focusout", () => callbacks.onMoved(), { signal });
  canvas.addEventListener(
    "click",
    (event) => {
      const item = itemOf(event.target);
      // Someone who marks text to copy it selects no item.
      if (!item || window.getSelection()?.toString()) return;
      if (event.shiftKey && cursor) moveTo(place(item), true);
      else toggle(item);
    },
    { signal },
  );
  // With Shift the browser would mark text from the last click to this one.
  canvas.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault(), { signal });
  element.addEventListener(
    "copy",
    (event) => {
      if (!window.getSelection()?.toString()) callbacks.onCopy(event);
    },
    { signal },
  );

  // Whoever scrolls by himself is waited for no longer.
  for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    element.addEventListener(kind, () => (awaited = null), { signal, passive: true });
  }

  /** What is seen stays where it is, whatever comes above it; at the top the newest is seen. */
  function keepPlace(): void {
    const { length } = state.items;
    if (!awaited && anchor && drawnTop > AT_TOP && length > 0 && place(anchor.item) >= length) {
      awaited = { item: anchor.item, hidden: drawnTop - anchor.index * list.rowHeight };
    }
    if (awaited && place(awaited.item) < length) {
      list.scrollTo(place(awaited.item) * list.rowHeight + awaited.hidden);
      awaited = null;
    } else if (anchor && (element.scrollTop > AT_TOP || hasFocus())) {
      list.scrollTo(keptAt(anchor, place, element.scrollTop, list.rowHeight));
    }
  }

  function draw(): void {
    const { items, selected, now, arrived } = state;
    list.setLength(items.length);
    keepPlace();
    const [first, last] = list.range();
    const wanted: number[] = [];
    for (let index = Math.max(0, first); index <= Math.min(last, items.length - 1); index++)
      wanted.push(index);
    const focused = hasFocus();
    if (cursor && items[olderThan(items, cursor)] !== cursor) {
      // Its item is gone, or was said anew: the one in its place takes over.
      cursor = view.at(Math.min(place(cursor), items.length - 1)) ?? null;
      pivot = null;
    }
    const active = cursor ? place(cursor) : -1;
    // The one with the focus must stay, or the keyboard would lose its place.
    if (active >= 0 && active < (wanted[0] ?? 0)) wanted.unshift(active);
    else if (active > (wanted[wanted.length - 1] ?? -1)) wanted.push(active);
    const keys = new Set(wanted.map((index) => view.at(index)?.key));
    for (const [key, row] of rows) {
      if (keys.has(key)) continue;
      rows.delete(key);
      spare.push(row);
    }
    const [from, to] = pivot && cursor ? [place(pivot), active].sort((a, b) => a - b) : [1, 0];
    const stop =
      active >= 0 ? active : (wanted.find((index) => index * list.rowHeight >= element.scrollTop) ?? 0);
    let next: Element | null = null;
    for (const index of wanted.reverse()) {
      const item = view.at(index) as Activity;
      let row = rows.get(item.key);
      const fresh = !row;
      if (!row) {
        row = spare.pop() ?? feedRow(`${prefix}${++made}`);
        row.adopt(item.key);
        rows.set(item.key, row);
      }
      row.draw(item, now);
      row.place(index, items.length, index * list.rowHeight, {
        selected: item.key === selected,
        marked: index >= (from as number) && index <= (to as number),
        active: index === stop,
      });
      // In the order in which they are read; the one with the focus is never moved, it would lose it.
      if (
        row.element.parentNode !== canvas ||
        (row.element.nextSibling !== next && row.element !== document.activeElement)
      ) {
        canvas.insertBefore(row.element, next);
      }
      next = row.element;
      if (fresh && arrived.has(item)) row.arrive();
    }
    for (const row of spare.splice(0)) row.element.remove();
    if (focused && !hasFocus() && cursor) rows.get(cursor.key)?.element.focus({ preventScroll: true });
    list.drawn();
    remember();
  }

  function remember(): void {
    drawnTop = element.scrollTop;
    anchor = anchorAt(view, drawnTop, list.rowHeight);
    if (drawnTop <= AT_TOP && !hasFocus()) left = null;
    else left ??= view.at(0) ?? null;
    // What was scrolled past has been seen.
    if (left && anchor && inOrder(anchor.item, left) > 0) left = anchor.item;
  }

  return {
    element,
    draw(next) {
      // The newest so far, before the new ones are in: what stands above it from now on is unseen.
      const newest = view.at(0) ?? null;
      const follows = element.scrollTop <= AT_TOP && !hasFocus();
      if (!follows) left ??= newest;
      state = next;
      draw();
    },
    tick(now) {
      state = { ...state, now };
      for (const row of rows.values()) row.tick(now);
    },
    measure() {
      const style = getComputedStyle(element);
      const lines = Number.parseFloat(style.getPropertyValue("--lw-row-em")) || 2.6;
      const height = Math.round((Number.parseFloat(style.fontSize) || 13) * lines);
      if (height === list.rowHeight) return;
      element.style.setProperty("--lw-row-height", `${height}px`);
      list.setRowHeight(height);
      if (anchor) list.scrollTo(anchor.index * height);
      callbacks.onMoved();
    },
    toTop() {
      cursor = null;
      pivot = null;
      anchor = null;
      awaited = null;
      left = null;
      if (hasFocus()) element.focus({ preventScroll: true });
      list.scrollTo(0);
      callbacks.onMoved();
    },
    get unseen() {
      return left ? newerThan(state.items, left) : 0;
    },
    marked() {
      if (!pivot || !cursor) return [];
      const [from, to] = [place(pivot), place(cursor)].sort((a, b) => a - b) as [number, number];
      const found: Activity[] = [];
      for (let index = from; index <= to; index++) {
        const item = view.at(index);
        if (item) found.push(item);
      }
      return found.length > 1 ? found : [];
    },
  };
}
