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
import { everySecond } from "../lib/clock";
import { make, painter, setText, show } from "../lib/dom";
import type { LinkStatus } from "../lib/exchange";
import type { FeedUpdate } from "../lib/feed";
import { count } from "../lib/format";
import { type HealthFacts, health, knownUntil } from "../lib/health";
import type { Meta, Trouble } from "../lib/protocol";
import { applyTheme, watchTheme } from "../lib/theme";
import { callFilters } from "./call_filters";
import { callGrid } from "./call_grid";
import { COLUMNS, type RowContext } from "./call_row";
import { stateMark } from "./state_mark";

export interface CallTrackerOptions {
  title: string;
  /** Seconds an ended call stays; null for ever. */
  linger: number | null;
  money: boolean;
  size: string;
  theme: string;
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

export interface CallTracker {
  setOptions(options: CallTrackerOptions): void;
  setFeed(update: FeedUpdate): void;
  setLink(link: LinkStatus): void;
  /** The hub was not found. */
  setLost(trouble: Trouble): void;
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
): CallTracker {
  let options = DEFAULTS;
  const facts: HealthFacts = { link: null, meta: null, vouched: false, since: clock(), lost: null };
  const calls = new Map<string, Call>();
  let onBoard: Call[] = [];
  let list: Call[] = [];
  let arrived = new Set<string>();
  let started = 0;
  let ended = 0;
  let dirty = true;
  /** Sorting may wait: it never takes more than a tenth of the time. */
  let sortedAt = 0;
  let sortCost = 0;

  const title = make("h3", "lw-title", { dir: "auto" });
  const live = make("span", "lw-live-count");
  const mark = stateMark();
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
  const tools = make("div", "lw-tools", {}, filters.element, finders);
  const bannerText = make("strong", "lw-banner-text");
  const bannerAdvice = make("span", "lw-banner-advice", { dir: "auto" });
  const banner = make("div", "lw-banner", { hidden: true }, bannerText, bannerAdvice);
  const grid = callGrid(
    { onSelect: select, onSort: (sort) => callbacks.onSort(sortText(sort)), onMoved: () => paint() },
    signal,
  );
  const emptyTitle = make("strong", "lw-empty-title");
  const emptyText = make("span", "lw-empty-text");
  const skeleton = make("div", "lw-skeleton", { "aria-hidden": "true" });
  for (let index = 0; index < 6; index++) skeleton.append(make("i"));
  const empty = make("div", "lw-empty", { hidden: true }, emptyTitle, emptyText);
  const foot = make("div", "lw-foot");
  const announce = make("div", "lw-quiet", { role: "status", "aria-live": "polite" });
  const body = make("div", "lw-body", {}, grid.element, skeleton, empty);
  root.classList.add("lw", "lw-call-tracker");
  root.setAttribute("role", "region");
  // JupyterLab has shortcuts on bare letters and arrows; in here they belong to the list.
  root.dataset.lmSuppressShortcuts = "true";
  root.replaceChildren(
    make("header", "lw-header", {}, make("div", "lw-headline", {}, title, live, mark.element), tools),
    banner,
    body,
    foot,
    announce,
  );

  function select(key: string | null): void {
    callbacks.onSelect(key);
  }
  search.addEventListener("input", () => callbacks.onSearch(search.value), { signal });
  search.addEventListener("keydown", (event) => event.key === "Escape" && event.stopPropagation(), {
    signal,
  });
  order.addEventListener("change", () => callbacks.onSort(order.value), { signal });

  const kernelNow = (): number => knownUntil(facts, clock());
  const context = (): RowContext => ({
    now: kernelNow(),
    money: options.money,
    linger: options.linger,
    currency: typeof facts.meta?.currency === "string" ? facts.meta.currency : "USD",
  });

  /** Which calls are on the board, which of them are listed, and in what order. */
  function arrange(now: number): void {
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
    const known = calls.size > 0 || (facts.vouched && facts.meta?.state === "live");
    const liveCalls = onBoard.reduce((sum, call) => sum + (call.ended ? 0 : 1), 0);
    setText(title, options.title);
    show(title, options.title !== "");
    root.setAttribute("aria-label", options.title || "Calls");
    setText(live, known ? `${count(liveCalls)} live` : "");
    show(tools, known);
    filters.draw(onBoard, options.shownStatus);
    if (search.value !== options.search && document.activeElement !== search) search.value = options.search;
    finders.classList.toggle("lw-used", options.search !== "");
    const sort = parseSort(options.sort).field;
    const value = COLUMNS.map(({ field, end }) => ({ field, value: `${end ? "-" : ""}${field}` })).find(
      ({ field }) => field === sort,
    )?.value;
    if (value && order.value !== value) order.value = value;
  }

  function drawState(): void {
    const now = clock();
    const verdict = health(facts, now);
    mark.show(verdict);
    root.dataset.state = verdict.state;
    const holds = calls.size > 0;
    root.classList.toggle("lw-doubtful", verdict.doubtful && holds);
    // Without rows the middle of the board says it; twice would be noise.
    show(banner, verdict.banner !== null && holds);
    banner.dataset.tone = verdict.tone;
    if (verdict.banner) setText(bannerText, verdict.banner);
    setText(bannerAdvice, verdict.advice ?? "");
    const waits = ["connecting", "loading", "catching-up"].includes(verdict.state) && !holds;
    show(skeleton, waits);
    show(grid.element, list.length > 0);
    show(empty, list.length === 0 && !waits);
    if (!empty.hidden) {
      const [head, advice] = emptyWords(verdict.banner, verdict.advice);
      empty.dataset.tone = verdict.banner === null ? "calm" : verdict.tone;
      setText(emptyTitle, head);
      setText(emptyText, advice);
    }
    setText(foot, footWords(facts.meta));
    show(foot, foot.textContent !== "");
  }

  function emptyWords(trouble: string | null, advice: string | null): [string, string] {
    if (calls.size === 0 && trouble) return [trouble, advice ?? ""];
    if (onBoard.length > 0) return ["No call matches", "Clear the search or the filter to see all calls."];
    return ["No calls right now", "New calls appear here as they come in."];
  }

  function footWords(meta: Meta | null): string {
    const words: string[] = [];
    if (list.length < onBoard.length) words.push(`${count(list.length)} of ${count(onBoard.length)} calls`);
    if (meta?.partial) words.push("Not all rows are loaded");
    if (meta?.masked && calls.size > 0) words.push("Numbers are masked");
    return words.join(" · ");
  }

  function draw(): void {
    const rows = context();
    if (dirty) arrange(rows.now);
    drawHeader();
    drawState();
    if (list.length > 0 || !grid.element.hidden) {
      grid.draw({
        calls: list,
        sort: parseSort(options.sort),
        selected: options.selected,
        context: rows,
        arrived,
      });
    }
    arrived = new Set();
  }
  const paint = painter(draw, (milliseconds) => callbacks.onPainted(milliseconds), signal);

  /** Something in the rows changed: sort again, but not at any price. */
  let resort = 0;
  function rearrange(): void {
    dirty = true;
    const wait = sortCost > 4 ? sortedAt + sortCost * 10 - performance.now() : 0;
    if (wait <= 0) paint();
    else if (resort === 0) {
      resort = window.setTimeout(() => {
        resort = 0;
        paint();
      }, wait);
    }
  }

  everySecond(() => {
    const now = kernelNow();
    const leaves = onBoard.some((call) => call.ended && !isShown(call, options.linger, now));
    if (leaves || parseSort(options.sort).field === "duration") rearrange();
    else grid.tick(context());
    drawState();
  }, signal);
  const announcer = window.setInterval(() => {
    if (started + ended === 0) return;
    const liveCalls = onBoard.filter((call) => !call.ended).length;
    setText(announce, `${count(started)} calls started, ${count(ended)} ended. ${count(liveCalls)} live.`);
    started = 0;
    ended = 0;
  }, ANNOUNCE_MS);
  const measure = new ResizeObserver(() => grid.measure());
  measure.observe(root);
  watchTheme(() => applyTheme(root, options.theme), signal);
  signal.addEventListener(
    "abort",
    () => {
      window.clearInterval(announcer);
      window.clearTimeout(resort);
      measure.disconnect();
    },
    { once: true },
  );

  return {
    setOptions(next) {
      options = next;
      applyTheme(root, options.theme);
      root.dataset.size = options.size === "wall" ? "wall" : "auto";
      root.classList.toggle("lw-no-money", !options.money);
      root.style.setProperty("--lw-height", `${Math.max(120, options.height)}px`);
      dirty = true;
      paint();
      grid.measure();
    },
    setFeed({ rows, changed, meta, vouched }) {
      const now = kernelNow();
      facts.meta = meta;
      facts.vouched = vouched;
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
      else paint();
    },
    setLink(link) {
      facts.link = link;
      paint();
    },
    setLost(trouble) {
      facts.lost = trouble;
      paint();
    },
  };
}
