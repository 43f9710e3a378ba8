/** Long work in slices, each in a task of its own: the page stays at hand meanwhile. */

/** How long one slice lasts at least; one step more ends it. */
const SLICE_MS = 8;
/** So many rows are read at once: they take less than a frame. */
export const AT_ONCE = 5_000;
/** Rows of one step. */
export const STEP = 500;

/** Take steps until the work is done or nobody wants it any more. The first slice is taken at once. */
export function inSlices(work: Iterator<unknown>, signal: AbortSignal): void {
  let timer = 0;
  const stop = (): void => window.clearTimeout(timer);
  const turn = (): void => {
    const end = performance.now() + SLICE_MS;
    do {
      if (signal.aborted) return;
      if (work.next().done) {
        signal.removeEventListener("abort", stop);
        return;
      }
    } while (performance.now() < end);
    timer = window.setTimeout(turn);
  };
  signal.addEventListener("abort", stop, { once: true });
  turn();
}

/** Sort in steps, as `Array.sort` does: what is equal keeps its order. */
export function* sorted<Item>(
  items: readonly Item[],
  compare: (a: Item, b: Item) => number,
): Generator<undefined, Item[]> {
  let runs: Item[][] = [];
  for (let from = 0; from < items.length; from += STEP) {
    runs.push(items.slice(from, from + STEP).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const next: Item[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      const [left, right] = [runs[index] as Item[], runs[index + 1]];
      next.push(right ? yield* merged(left, right, compare) : left);
    }
    runs = next;
  }
  return runs[0] ?? [];
}

function* merged<Item>(
  left: Item[],
  right: Item[],
  compare: (a: Item, b: Item) => number,
): Generator<undefined, Item[]> {
  const all: Item[] = [];
  let [l, r] = [0, 0];
  while (l < left.length && r < right.length) {
    const [one, other] = [left[l] as Item, right[r] as Item];
    if (compare(one, other) <= 0) {
      all.push(one);
      l += 1;
    } else {
      all.push(other);
      r += 1;
    }
    if (all.length % STEP === 0) yield;
  }
  return all.concat(l < left.length ? left.slice(l) : right.slice(r));
}
