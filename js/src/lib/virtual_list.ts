/**
 * Rows of one height in a scroller, only those in sight as elements. The reckoning is virtua's core (6 kB; the
 * other kept-up candidate, TanStack's, is 33 kB of a 40 kB budget). Its core is published as unstable and
 * untyped: the version is pinned, and this is the only file that knows it.
 */
import {
  ACTION_ITEMS_LENGTH_CHANGE,
  createContainerDriver,
  createListLayout,
  createVirtualStore,
  UPDATE_VIRTUAL_STATE,
} from "virtua/unstable_core";

interface Store {
  $dispose(): void;
  $getRange(buffer?: number): [number, number];
  $subscribe(target: number, call: () => void): () => void;
  $update(action: number, value: number, shift?: boolean): void;
}
interface Driver {
  $observe(container: HTMLElement, viewport?: HTMLElement): void;
  $dispose(): void;
  $effect(): void;
}
// The published types of the core are empty: these are its signatures as of the pinned version.
const listLayout = createListLayout as (length: number, size: number) => unknown;
const virtualStore = createVirtualStore as (layout: unknown) => Store;
const containerDriver = createContainerDriver as (
  store: Store,
  layout: unknown,
  horizontal: boolean,
) => Driver;

export interface VirtualList {
  /** The indexes in sight, first and last included; first > last when there are none. */
  range(): [number, number];
  setLength(length: number): void;
  /**
   * Scroll at once: `range` knows it before the browser's own event comes, so that rows which move because others
   * came above them are never blank for a frame. Returns where it is now, which is less where the rows end before.
   */
  scrollTo(top: number): number;
  /** Another height of the rows: everything is reckoned anew. */
  setRowHeight(height: number): void;
  /** To be called after the rows in sight were drawn. */
  drawn(): void;
  readonly rowHeight: number;
}

export function virtualList(
  scroller: HTMLElement,
  canvas: HTMLElement,
  rowHeight: number,
  moved: () => void,
  signal: AbortSignal,
): VirtualList {
  let length = 0;
  let height = rowHeight;
  let store: Store;
  let driver: Driver;
  let dispose = (): void => undefined;
  const start = (): void => {
    dispose();
    const layout = listLayout(length, height);
    store = virtualStore(layout);
    driver = containerDriver(store, layout, false);
    const unsubscribe = store.$subscribe(UPDATE_VIRTUAL_STATE, moved);
    driver.$observe(canvas, scroller);
    dispose = () => {
      unsubscribe();
      driver.$dispose();
      store.$dispose();
    };
  };
  start();
  signal.addEventListener("abort", () => dispose(), { once: true });
  const size = (): void => {
    canvas.style.height = `${length * height}px`;
  };
  return {
    range: () => store.$getRange(height * 6),
    setLength(next) {
      if (next === length) return;
      length = next;
      store.$update(ACTION_ITEMS_LENGTH_CHANGE, next);
      size();
    },
    scrollTo(top) {
      const wanted = Math.max(0, Math.round(top));
      if (scroller.scrollTop !== wanted) {
        scroller.scrollTop = wanted;
        // The driver reads the place from the element; the browser's own event, a frame later, then changes nothing.
        scroller.dispatchEvent(new Event("scroll"));
      }
      return scroller.scrollTop;
    },
    setRowHeight(next) {
      if (next === height || next <= 0) return;
      height = next;
      start();
      size();
    },
    drawn: () => driver.$effect(),
    get rowHeight() {
      return height;
    },
  };
}
