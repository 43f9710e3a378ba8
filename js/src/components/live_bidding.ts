/** The board of bids. It sees rows, meta, the link's status and its options; never a model. */

import { make, setAttributes, setText, show } from "../lib/dom";
import { isVouched } from "../lib/facts";
import { count } from "../lib/format";
import type { Health } from "../lib/health";
import {
  type Bid,
  type BidChange,
  changeWords,
  comparator,
  matches,
  parseSort,
  readBid,
  type SortField,
  searchWords,
  sortText,
} from "../lib/live_bidding";
import type { Json, Trouble } from "../lib/protocol";
import { type BidContext, type BidRow, bidRow } from "./bid_row";
import { type ShellOptions, shell, type View } from "./shell";

export interface LiveBiddingOptions extends ShellOptions {
  step: string;
  currency: string;
  editable: boolean;
  height: number;
  selected: string | null;
  search: string;
  sort: string;
}

export interface LiveBiddingCallbacks {
  onSelect(key: string | null): void;
  onSearch(search: string): void;
  onSort(sort: string): void;
  /** Ask the kernel; rejects with a `Trouble`. */
  onCommand(name: string, args: Json): Promise<Json>;
  onPainted(milliseconds: number): void;
}

const HEADS: readonly [field: SortField | null, label: string, className: string][] = [
  ["name", "Target", "lw-bid-who"],
  ["bid", "Bid", "lw-bid-now"],
  ["base", "Base bid", "lw-bid-base"],
  ["modifier", "Modifier", "lw-bid-modifier"],
  [null, "Limits", "lw-bid-limits"],
  ["won", "Last win", "lw-bid-last"],
  ["rate", "Win rate", "lw-bid-rate"],
  [null, "Last change", "lw-bid-last-change"],
];
/** Rows drawn at first, and with each press on "more": each has a dozen controls. */
const PAGE = 100;

/** Rows change places at most this often. */
const ORDER_MS = 1_000;

export function liveBidding(
  root: HTMLElement,
  callbacks: LiveBiddingCallbacks,
  signal: AbortSignal,
  clock: () => number = () => Date.now(),
): View<LiveBiddingOptions> {
  let options: LiveBiddingOptions = {
    title: "",
    theme: "auto",
    size: "auto",
    step: "0.50",
    currency: "USD",
    editable: true,
    height: 420,
    selected: null,
    search: "",
    sort: "-bid",
  };
  const bids = new Map<string, Bid>();
  const rows = new Map<string, { row: BidRow; end: AbortController }>();
  let list: Bid[] = [];
  let drawn: string[] = [];
  let limit = PAGE;
  let orderedAt = Number.NEGATIVE_INFINITY;
  let dirty = true;
  let context: BidContext | null = null;

  const search = make("input", "lw-bid-search", {
    type: "search",
    placeholder: "Find a target",
    "aria-label": "Find a target",
    autocomplete: "off",
    spellcheck: "false",
  });
  const order = make("select", "lw-bid-order", { "aria-label": "Sort by" });
  const finders = make("div", "lw-bid-finders", {}, search, order);
  const refusal = make("span", "lw-bid-refusal", { dir: "auto", role: "note" });
  const heads = HEADS.map(([field, label, className]) => {
    const cell = make("div", `lw-bid-cell ${className}`, { role: "columnheader" });
    if (field === null) cell.append(label);
    else {
      const button = make("button", "lw-bid-sort", { type: "button" }, label);
      button.addEventListener(
        "click",
        () => {
          const now = parseSort(options.sort);
          callbacks.onSort(sortText({ field, down: now.field === field ? !now.down : field !== "name" }));
        },
        { signal },
      );
      cell.append(button);
      order.append(make("option", "", { value: `${field === "name" ? "" : "-"}${field}` }, label));
    }
    return { field, cell };
  });
  const body = make("div", "lw-bid-body", { role: "rowgroup" });
  const table = make(
    "div",
    "lw-bids",
    { role: "table", "aria-label": "Bids" },
    make(
      "div",
      "lw-bid-heads",
      { role: "rowgroup" },
      make(
        "div",
        "lw-bid lw-bid-head",
        { role: "row", "aria-rowindex": 1 },
        ...heads.map(({ cell }) => cell),
      ),
    ),
    body,
  );
  const more = make("button", "lw-bid-more", { type: "button", hidden: true });
  const scroller = make("div", "lw-bid-scroller", {}, table, more);
  const frame = shell(
    root,
    {
      name: "live-bidding",
      label: "Bids",
      arrange,
      holds: () => list.length > 0,
      known: () => bids.size > 0,
      empty: () =>
        bids.size > 0
          ? ["No target matches", "Clear the search to see all targets."]
          : ["No targets", "Targets appear here as soon as the campaign has some."],
      draw,
      tick,
      foot: () => (list.length < bids.size ? `${count(list.length)} of ${count(bids.size)} targets` : ""),
    },
    callbacks.onPainted,
    signal,
    clock,
  );
  frame.tools.append(refusal, finders);
  frame.content.append(scroller);
  search.addEventListener("input", () => callbacks.onSearch(search.value), { signal });
  search.addEventListener("keydown", (event) => event.key === "Escape" && event.stopPropagation(), {
    signal,
  });
  order.addEventListener("change", () => callbacks.onSort(order.value), { signal });
  more.addEventListener(
    "click",
    () => {
      limit += PAGE;
      frame.paint();
    },
    { signal },
  );

  /**
   * Rows must not move under somebody's hands: while one is being changed, or has the focus, the order stays. Nor do
   * they move more than once a second: nobody can follow that, and the browser lays all of them out anew each time.
   */
  function held(): boolean {
    return (
      performance.now() - orderedAt < ORDER_MS ||
      body.contains(document.activeElement) ||
      [...rows.values()].some(({ row }) => row.busy)
    );
  }

  function arrange(): void {
    if (!dirty) return;
    const words = searchWords(options.search);
    const found = [...bids.values()].filter((bid) => matches(bid, words));
    if (held()) {
      const place = new Map(drawn.map((key, index) => [key, index]));
      const last = drawn.length;
      // A row that is being changed stays, whether the search finds it or not.
      const kept = found.concat(
        [...bids.values()].filter(
          ({ key }) => rows.get(key)?.row.busy && !matches(bids.get(key) as Bid, words),
        ),
      );
      list = kept.sort((one, other) => (place.get(one.key) ?? last) - (place.get(other.key) ?? last));
      return;
    }
    dirty = false;
    list = found.sort(comparator(parseSort(options.sort)));
    if (list.length > 0) orderedAt = performance.now();
  }

  function refusalWords(verdict: Health): string | null {
    const denied = frame.facts.meta?.denied as Partial<Trouble> | null | undefined;
    if (denied?.message) return `${denied.message} ${denied.advice ?? ""}`.trim();
    return verdict.state === "live" || verdict.state === "busy"
      ? null
      : `Bids can be changed when the view is live again.`;
  }

  function draw(verdict: Health): void {
    const known = bids.size > 0 || isVouched(frame.facts);
    setText(frame.aside, known ? `${count(bids.size)} target${bids.size === 1 ? "" : "s"}` : "");
    show(frame.tools, known);
    const plain = !options.editable || root.dataset.size === "wall";
    const denied = (frame.facts.meta?.denied as Partial<Trouble> | null | undefined)?.message;
    show(refusal, !plain && typeof denied === "string");
    if (denied) setText(refusal, refusalWords(verdict) ?? "");
    show(finders, bids.size > 1);
    if (search.value !== options.search && document.activeElement !== search) search.value = options.search;
    const sort = parseSort(options.sort);
    for (const { field, cell } of heads) {
      const by = field === sort.field;
      setAttributes(cell, {
        "aria-sort": by ? (sort.down ? "descending" : "ascending") : field === null ? null : "none",
      });
    }
    const value = `${sort.field === "name" ? "" : "-"}${sort.field}`;
    if (order.value !== value) order.value = value;
    const rated = frame.facts.meta?.rated === true;
    root.classList.toggle("lw-rated", rated);
    root.classList.toggle("lw-plain", plain);
    const next: BidContext = {
      now: frame.now(),
      currency: options.currency,
      step: options.step,
      refusal: refusalWords(verdict),
      plain,
      selected: options.selected,
      rated,
      campaigns: new Set([...bids.values()].map(({ campaign }) => campaign)).size > 1,
    };
    // The same object while it says the same: then rows that have not changed are not drawn again.
    const same = context !== null && isSame(context, next);
    if (same && context !== null) context.now = next.now;
    else context = next;
    drawRows(context ?? next);
  }

  function drawRows(now: BidContext): void {
    const shown = list.slice(0, limit);
    const wanted = new Set(shown.map(({ key }) => key));
    for (const [key, { row, end }] of rows) {
      if (wanted.has(key)) continue;
      end.abort();
      row.element.remove();
      rows.delete(key);
    }
    let at: Element | null = body.firstElementChild;
    shown.forEach((bid, index) => {
      let made = rows.get(bid.key);
      if (!made) {
        const end = new AbortController();
        signal.addEventListener("abort", () => end.abort(), { once: true, signal: end.signal });
        made = { row: bidRow({ onSelect: select, onCommand: command, onBusy: settled }, end.signal), end };
        rows.set(bid.key, made);
      }
      made.row.draw(bid, now, index);
      // Only what stands elsewhere is moved: an element that moves loses its focus.
      if (made.row.element === at) at = at.nextElementSibling;
      else body.insertBefore(made.row.element, at);
    });
    drawn = shown.map(({ key }) => key);
    setAttributes(table, { "aria-rowcount": list.length + 1 });
    show(more, list.length > shown.length);
    setText(
      more,
      `Show ${count(Math.min(PAGE, list.length - shown.length))} more of ${count(list.length - shown.length)}`,
    );
  }

  function select(key: string): void {
    callbacks.onSelect(options.selected === key ? null : key);
  }
  function command(name: string, key: string, args: Record<string, string | null>): Promise<unknown> {
    return callbacks.onCommand(name, { ...args, key });
  }
  function settled(): void {
    frame.paint();
  }
  // Where the order has waited for somebody's hands, it is made when they have gone.
  body.addEventListener(
    "focusout",
    () => window.setTimeout(() => !signal.aborted && dirty && frame.paint()),
    {
      signal,
    },
  );

  function tick(): void {
    if (!context) return;
    context.now = frame.now();
    for (const { row } of rows.values()) row.tick(context);
    if (dirty) frame.paint();
  }

  function announce(bid: Bid, before: BidChange | null): void {
    const { change } = bid;
    if (
      change === null ||
      (before?.id === change.id && before.state === change.state) ||
      change.state === "pending"
    )
      return;
    const why = change.state === "rejected" ? ` ${change.message}` : "";
    frame.announce(`${bid.name}: ${changeWords(change)}.${why}`);
  }

  return {
    setOptions(next) {
      if (next.search !== options.search || next.sort !== options.sort) {
        dirty = true;
        orderedAt = Number.NEGATIVE_INFINITY;
        limit = PAGE;
      }
      options = next;
      root.style.setProperty("--lw-height", `${Math.max(120, options.height)}px`);
      frame.setOptions(options);
    },
    setFeed(update) {
      const { changed } = update;
      if (changed === null) for (const key of bids.keys()) if (!update.rows.has(key)) bids.delete(key);
      for (const key of changed ?? update.rows.keys()) {
        const row = update.rows.get(key);
        const before = bids.get(key);
        if (!row) bids.delete(key);
        else if (before?.row !== row) {
          const bid = readBid(key, row);
          bids.set(key, bid);
          if (before) announce(bid, before.change);
        } else continue;
        dirty = true;
      }
      if (changed === null) dirty = true;
      frame.setFeed(update);
    },
    setLink: frame.setLink,
    setLost: frame.setLost,
  };
}

/** Whether two contexts differ in nothing but the time. */
function isSame(one: BidContext, other: BidContext): boolean {
  return (Object.keys(other) as (keyof BidContext)[]).every(
    (name) => name === "now" || one[name] === other[name],
  );
}
