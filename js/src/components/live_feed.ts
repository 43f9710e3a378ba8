/** The feed of what happens. It sees rows, meta, the link's status and its options; never a model. */

import { type Activity, ActivityList, accepts, cellsOf, newerThan } from "../lib/activity";
import { copyText } from "../lib/clipboard";
import { icon, make, setText, show } from "../lib/dom";
import { isVouched } from "../lib/facts";
import type { FeedUpdate } from "../lib/feed";
import { count } from "../lib/format";
import type { Meta, Trouble } from "../lib/protocol";
import { AT_ONCE, inSlices } from "../lib/slices";
import { tabSeparated } from "../lib/tsv";
import { feedList } from "./live_feed_list";
import { feedTools } from "./live_feed_tools";
import { type ShellOptions, shell, type View } from "./shell";

export interface LiveFeedOptions extends ShellOptions {
  selected: string | null;
  shownKinds: readonly string[];
  search: string;
  paused: boolean;
  height: number;
}

export interface LiveFeedCallbacks {
  onSelect(key: string | null): void;
  onShownKinds(kinds: string[]): void;
  onSearch(search: string): void;
  onPaused(paused: boolean): void;
  /** How long a paint took, in ms. */
  onPainted(milliseconds: number): void;
}

const DEFAULTS: LiveFeedOptions = {
  title: "",
  theme: "auto",
  size: "auto",
  selected: null,
  shownKinds: [],
  search: "",
  paused: false,
  height: 420,
};
/** A screen reader hears how many, not every item. */
const ANNOUNCE_MS = 10_000;
/** More lights than this at once show nothing. */
const MOST_LIGHTS = 12;
const UP = "M8 3.5 12.5 8l-1 1L8.7 6.3V13H7.3V6.3L4.5 9l-1-1z";

export function liveFeed(
  root: HTMLElement,
  callbacks: LiveFeedCallbacks,
  signal: AbortSignal,
  clock: () => number = () => Date.now(),
): View<LiveFeedOptions> {
  let options = DEFAULTS;
  const log = new ActivityList();
  /** All items as they were when the list was paused, and those of them that are shown; null while it is not. */
  let held: Activity[] | null = null;
  let heldShown: Activity[] = [];
  let arrived = new Set<Activity>();
  let came = 0;

  const tools = feedTools(
    {
      onPick: callbacks.onShownKinds,
      onSearch: callbacks.onSearch,
      onPause: callbacks.onPaused,
      onCopy: () => void copy(),
    },
    signal,
  );
  const list = feedList(
    {
      onSelect: callbacks.onSelect,
      onCopy(event) {
        const [items] = copied();
        if (items.length === 0) return;
        event.clipboardData?.setData("text/plain", tabSeparated(items.map(cellsOf)));
        event.preventDefault();
        frame.announce(`${count(items.length)} items copied.`);
      },
      onMoved: () => frame.paint(),
    },
    signal,
  );
  const moreText = make("span", "lw-tabular");
  const more = make("button", "lw-feed-more", { type: "button", hidden: true }, icon(UP), moreText);
  const frame = shell(
    root,
    {
      name: "live-feed",
      label: "Activity",
      skeleton: 8,
      holds: () => items().length > 0,
      known: () => log.all.length > 0,
      empty: () =>
        log.all.length > 0
          ? ["Nothing matches", "Clear the search or the filter to see all that happened."]
          : ["Nothing has happened yet", "What changes appears here, the newest on top."],
      draw,
      tick: () => list.tick(kernelNow()),
      foot,
    },
    callbacks.onPainted,
    signal,
    clock,
  );
  frame.tools.append(...tools.elements);
  frame.content.append(list.element, more);
  more.addEventListener(
    "click",
    () => {
      if (options.paused) callbacks.onPaused(false);
      list.toTop();
    },
    { signal },
  );

  /** What happened grows older whether or not the rows can be vouched for. */
  const kernelNow = (): number => clock() + (frame.facts.link?.skew ?? 0);
  const items = (): Activity[] => (held ? heldShown : log.shown);
  const filter = () => ({
    kinds: new Set(options.shownKinds),
    words: options.search.toLowerCase().split(/\s+/).filter(Boolean),
  });

  /** Hold what is there when it is paused; let go when it is not. */
  function hold(): void {
    if (!options.paused) held = null;
    else if (!held && log.all.length > 0) held = log.all.slice();
    const accepted = filter();
    heldShown = held ? held.filter((item) => accepts(accepted, item)) : [];
  }

  /** What would be copied, the newest first, and in words. */
  function copied(): [Activity[], string] {
    const marked = list.marked();
    if (marked.length > 0) return [marked, `${count(marked.length)} marked items`];
    const selected =
      options.selected === null ? undefined : items().find(({ key }) => key === options.selected);
    if (selected) return [[selected], "the selected item"];
    const all = items();
    return [all.slice().reverse(), `all ${count(all.length)} items shown`];
  }

  async function copy(): Promise<void> {
    const [chosen] = copied();
    const done = await copyText(tabSeparated(chosen.map(cellsOf)));
    frame.announce(
      done
        ? `${count(chosen.length)} items copied.`
        : "The browser does not let this page copy: mark the items, then press Ctrl+C.",
    );
  }

  function draw(): void {
    const shown = items();
    const known = log.all.length > 0 || isVouched(frame.facts);
    setText(frame.aside, known && options.paused ? "Paused" : "");
    show(frame.tools, known);
    list.draw({ items: shown, selected: options.selected, now: kernelNow(), arrived });
    arrived = new Set();
    const waiting = held ? newerThan(log.shown, held[held.length - 1] ?? null) : list.unseen;
    setText(moreText, `${count(waiting)} new`);
    more.setAttribute("aria-label", `${count(waiting)} new items: show them`);
    show(more, waiting > 0);
    const marked = list.marked().length;
    tools.draw({
      tables: textsOf(frame.facts.meta?.tables),
      counts: log.counts,
      picked: options.shownKinds,
      search: options.search,
      paused: options.paused,
      copies: {
        number: shown.length,
        words:
          marked > 0
            ? `${count(marked)} marked items`
            : options.selected !== null
              ? "the selected item"
              : `all ${count(shown.length)} items shown`,
      },
    });
  }

  function foot(meta: Meta | null): string {
    const words: string[] = [];
    const total = typeof meta?.total === "number" ? meta.total : 0;
    const shown = items().length;
    if (shown < log.all.length && !held) words.push(`${count(shown)} of ${count(log.all.length)} items`);
    if (total > log.all.length && log.all.length > 0)
      words.push(`The newest ${count(log.all.length)} of ${count(total)}`);
    for (const { table, message } of failing(meta)) words.push(`${table}: ${message}`);
    if (meta?.masked && log.all.length > 0) words.push("Numbers are masked");
    return words.join(" · ");
  }

  function take(update: FeedUpdate): void {
    // What a first snapshot brings was there before: only what comes later arrives.
    const settled = log.all.length > 0 && update.changed !== null;
    const newest = log.all[log.all.length - 1];
    const added = update.changed?.size === 0 ? [] : log.apply(update.rows, update.changed);
    if (settled && newest) {
      // Older ones may be told later: of a table that was read late, or of a long log in turns.
      const fresh = added.slice(added.length - newerThan(added, newest));
      came += fresh.length;
      if (!held) for (const item of fresh.slice(-MOST_LIGHTS)) arrived.add(item);
    }
    if (options.paused && !held) hold();
    frame.setFeed(update);
  }

  /** A long log is read in slices; what was shown stays until it is read, and what comes meanwhile comes after it. */
  let reading: { life: AbortController; late: Set<string>; update: FeedUpdate } | null = null;
  function read(update: FeedUpdate): void {
    reading?.life.abort();
    const mine = { life: new AbortController(), late: new Set<string>(), update };
    reading = mine;
    function* work(): Generator<undefined, void> {
      yield* log.renew(update.rows);
      reading = null;
      take({ ...mine.update, changed: mine.late });
    }
    inSlices(work(), mine.life.signal);
  }

  const announcer = window.setInterval(() => {
    if (came > 0 && !options.paused) frame.announce(`${count(came)} new items.`);
    came = 0;
  }, ANNOUNCE_MS);
  const measure = new ResizeObserver(() => list.measure());
  measure.observe(root);
  signal.addEventListener(
    "abort",
    () => {
      window.clearInterval(announcer);
      reading?.life.abort();
      measure.disconnect();
    },
    { once: true },
  );

  return {
    setOptions(next) {
      const refilter =
        next.search !== options.search || next.shownKinds.join("\n") !== options.shownKinds.join("\n");
      const turned = next.paused !== options.paused;
      options = next;
      root.style.setProperty("--lw-height", `${Math.max(120, options.height)}px`);
      if (refilter) log.setFilter(filter());
      if (refilter || turned) hold();
      frame.setOptions(options);
      list.measure();
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

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** The tables that cannot be read, and why. */
function failing(meta: Meta | null): (Trouble & { table: string })[] {
  return Array.isArray(meta?.failing) ? meta.failing.filter((one) => typeof one?.message === "string") : [];
}
