/** The board of calls. It sees rows, meta, the link's status and its options; never a model. */

import {
  type Call,
  comparator,
  isShown,
  matches,
  parseSort,
  readCall,
  searchWords,
  sortText,
} from "../lib/calls";
import { make, setText, show } from "../lib/dom";
import { isVouched } from "../lib/facts";
import type { FeedUpdate } from "../lib/feed";
import { count } from "../lib/format";
import type { Meta } from "../lib/protocol";
import { AT_ONCE, inSlices, STEP, sorted } from "../lib/slices";
import { callFilters } from "./call_filters";
import { callGrid } from "./call_grid";
import { COLUMNS, type RowContext } from "./call_row";
import { type ShellOptions, shell, type View } from "./shell";

export interface CallTrackerOptions extends ShellOptions {
  /** Seconds an ended call stays; null for ever. */
  linger: number | null;
  money: boolean;
  selected: string | null;
  search: string;
  sort: string;
  shownStatus: readonly string[];
  height: number;
}

export interface CallTrackerCallbacks {
  onSelect(key: string | null): void;
  onSearch(search: string): void;
  onSort(sort: string): void;
  onShownStatus(statuses: string[]): void;
  /** How long a paint took, in ms. */
  onPainted(milliseconds: number): void;
}

const DEFAULTS: CallTrackerOptions = {
  title: "",
  linger: 30,
  money: true,
  size: "auto",
  theme: "auto",
  selected: null,
  search: "",
  sort: "-created_at",
  shownStatus: [],
  height: 420,
};
/** A screen reader hears a summary, not every call. */
const ANNOUNCE_MS = 10_000;

export function callTracker(
  root: HTMLElement,
  callbacks: CallTrackerCallbacks,
  signal: AbortSignal,
  clock: () => number = () => Date.now(),
): View<CallTrackerOptions> {
  let options = DEFAULTS;
  let calls = new Map<string, Call>();
  let onBoard: Call[] = [];
  let list: Call[] = [];
  let arrived = new Set<string>();
  let started = 0;
  let ended = 0;
  let dirty = true;
  /** Sorting may wait: it never takes more than a tenth of the time. */
  let sortedAt = 0;
  let sortCost = 0;

  const filters = callFilters((picked) => callbacks.onShownStatus(picked), signal);
  const search = make("input", "lw-search", {
    type: "search",
    placeholder: "Find a call",
    "aria-label": "Find a call",
    autocomplete: "off",
    spellcheck: "false",
  });
  const order = make("select", "lw-order", { "aria-label": "Sort by" });
  for (const { field, label, end } of COLUMNS) {
    order.append(make("option", "", { value: `${end ? "-" : ""}${field}` }, label));
  }
  const finders = make("div", "lw-finders", {}, search, order);
  const grid = callGrid(
    { onSelect: select, onSort: (sort) => callbacks.onSort(sortText(sort)), onMoved: () => frame.paint() },
    signal,
  );
  const frame = shell(
    root,
    {
      name: "call-tracker",
      label: "Calls",
      arrange,
      holds: () => list.length > 0,
      known: () => calls.size > 0,
      empty: () =>
        onBoard.length > 0
          ? ["No call matches", "Clear the search or the filter to see all calls."]
          : ["No calls right now", "New calls appear here as they come in."],
      draw,
      tick,
      foot: footWords,
    },
    (milliseconds) => callbacks.onPainted(milliseconds),
    signal,
    clock,
  );
  frame.tools.append(filters.element, finders);
  frame.content.append(grid.element);

  function select(key: string | null): void {
    callbacks.onSelect(key);
  }
  search.addEventListener("input", () => callbacks.onSearch(search.value), { signal });
  search.addEventListener("keydown", (event) => event.key === "Escape" && event.stopPropagation(), {
    signal,
  });
  order.addEventListener("change", () => callbacks.onSort(order.value), { signal });

  const context = (): RowContext => ({
    now: frame.now(),
    money: options.money,
    linger: options.linger,
    currency: typeof frame.facts.meta?.currency === "string" ? frame.facts.meta.currency : "USD",
  });

  /** Which calls are on the board, which of them are listed, and in what order. */
  function arrange(): void {
    if (!dirty || (resort !== 0 && performance.now() < sortedAt + sortCost * 10)) return;
    window.clearTimeout(resort);
    resort = 0;
    const now = frame.now();
    const start = performance.now();
    onBoard = [];
    for (const call of calls.values()) if (isShown(call, options.linger, now)) onBoard.push(call);
    const words = searchWords(options.search);
    const picked = new Set(options.shownStatus);
    list = onBoard
      .filter((call) => (picked.size === 0 || picked.has(call.status)) && matches(call, words))
      .sort(comparator(parseSort(options.sort), now));
    sortedAt = performance.now();
    sortCost = sortedAt - start;
    dirty = false;
  }

  function drawHeader(): void {
    // No rows and no word that there are none: then a zero would be a lie.
    const known = calls.size > 0 || isVouched(frame.facts);
    const liveCalls = onBoard.reduce((sum, call) => sum + (call.ended ? 0 : 1), 0);
    setText(frame.aside, known ? `${count(liveCalls)} live` : "");
    show(frame.tools, known);
    filters.draw(onBoard, options.shownStatus);
    if (search.value !== options.search && document.activeElement !== search) search.value = options.search;
    finders.classList.toggle("lw-used", options.search !== "");
    const sort = parseSort(options.sort).field;
    const value = COLUMNS.map(({ field, end }) => ({ field, value: `${end ? "-" : ""}${field}` })).find(
      ({ field }) => field === sort,
    )?.value;
    if (value && order.value !== value) order.value = value;
  }

  function footWords(meta: Meta | null): string {
    const words: string[] = [];
    if (list.length < onBoard.length) words.push(`${count(list.length)} of ${count(onBoard.length)} calls`);
    if (meta?.partial) words.push("Not all rows are loaded");
    if (meta?.masked && calls.size > 0) words.push("Numbers are masked");
    return words.join(" · ");
  }

  function draw(): void {
    drawHeader();
    if (list.length > 0) {
      grid.draw({
        calls: list,
        sort: parseSort(options.sort),
        selected: options.selected,
        context: context(),
        arrived,
      });
    }
    arrived = new Set();
  }

  /** Something in the rows changed: sort again, but not at any price. */
  let resort = 0;
  function rearrange(): void {
    dirty = true;
    const wait = sortCost > 4 ? sortedAt + sortCost * 10 - performance.now() : 0;
    if (wait <= 0) frame.paint();
    else resort ||= window.setTimeout(frame.paint, wait);
  }

  function tick(): void {
    const now = frame.now();
    const leaves = onBoard.some((call) => call.ended && !isShown(call, options.linger, now));
    if (leaves || parseSort(options.sort).field === "duration") rearrange();
    else grid.tick(context());
  }
  function take(update: FeedUpdate): void {
    const { rows, changed } = update;
    const now = frame.now();
    // What a first snapshot brings was there before: only what comes later arrives.
    const settled = calls.size > 0;
    if (changed === null) for (const key of calls.keys()) if (!rows.has(key)) calls.delete(key);
    for (const key of changed ?? rows.keys()) {
      const row = rows.get(key);
      const before = calls.get(key);
      if (!row) {
        calls.delete(key);
        continue;
      }
      if (before?.row === row) continue;
      const call = readCall(key, row, now, before);
      calls.set(key, call);
      if (!before && (settled || changed !== null) && !call.ended) {
        arrived.add(key);
        started += 1;
      }
      if (before && !before.ended && call.ended) ended += 1;
    }
    if (changed === null || changed.size > 0) rearrange();
    frame.setFeed(update);
  }

  /** Many calls are read in slices; what was shown stays until they are, and what comes meanwhile comes after them. */
  let reading: { life: AbortController; late: Set<string>; update: FeedUpdate } | null = null;
  function read(update: FeedUpdate): void {
    reading?.life.abort();
    const mine = { life: new AbortController(), late: new Set<string>(), update };
    reading = mine;
    function* work(): Generator<undefined, void> {
      const now = frame.now();
      const all: Call[] = [];
      for (const [key, row] of update.rows) {
        const before = calls.get(key);
        if (all.push(before?.row === row ? before : readCall(key, row, now, before)) % STEP === 0) yield;
      }
      // Kept in the order in which they are listed: then sorting them again costs next to nothing.
      const next = new Map<string, Call>();
      for (const call of yield* sorted(all, comparator(parseSort(options.sort), now))) {
        if (next.set(call.key, call).size % STEP === 0) yield;
      }
      for (const [key, call] of calls.size > 0 ? next : []) {
        const before = calls.get(key);
        if (!before && !call.ended) {
          arrived.add(key);
          started += 1;
        } else if (before && !before.ended && call.ended) ended += 1;
      }
      calls = next;
      reading = null;
      rearrange();
      take({ ...mine.update, changed: mine.late });
    }
    inSlices(work(), mine.life.signal);
  }

  const announcer = window.setInterval(() => {
    if (started + ended === 0) return;
    const liveCalls = onBoard.filter((call) => !call.ended).length;
    frame.announce(`${count(started)} calls started, ${count(ended)} ended. ${count(liveCalls)} live.`);
    started = 0;
    ended = 0;
  }, ANNOUNCE_MS);
  const measure = new ResizeObserver(() => grid.measure());
  measure.observe(root);
  signal.addEventListener(
    "abort",
    () => {
      window.clearInterval(announcer);
      window.clearTimeout(resort);
      reading?.life.abort();
      measure.disconnect();
    },
    { once: true },
  );

  return {
    setOptions(next) {
      options = next;
      root.classList.toggle("lw-no-money", !options.money);
      root.style.setProperty("--lw-height", `${Math.max(120, options.height)}px`);
      dirty = true;
      // What the reader has asked for does not wait.
      window.clearTimeout(resort);
      resort = 0;
      frame.setOptions(options);
      grid.measure();
    },
    setFeed(update) {
      if (update.changed === null && update.rows.size > AT_ONCE) read(update);
      else if (reading && update.changed !== null) {
        for (const key of update.changed) reading.late.add(key);
        reading.update = update;
      } else {
        reading?.life.abort();
        reading = null;
        take(update);
      }
    },
    setLink: frame.setLink,
    setLost: frame.setLost,
  };
}
