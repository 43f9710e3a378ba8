/** What stands above the feed: a chip for each kind, find, pause, copy. */
import { icon, make, setIcon, setText, show } from "../lib/dom";
import { count } from "../lib/format";

export interface FeedToolsCallbacks {
  onPick(kinds: string[]): void;
  onSearch(search: string): void;
  onPause(paused: boolean): void;
  onCopy(): void;
}

export interface FeedToolsState {
  /** The tables that are followed. */
  tables: readonly string[];
  /** Items by table. */
  counts: ReadonlyMap<string, number>;
  picked: readonly string[];
  search: string;
  paused: boolean;
  /** How many would be copied, and what they are. */
  copies: { number: number; words: string };
}

export interface FeedTools {
  elements: HTMLElement[];
  draw(state: FeedToolsState): void;
}

const PAUSE = "M4 3h2.8v10H4zm5.2 0H12v10H9.2z";
const PLAY = "M4.5 2.5 13 8l-8.5 5.5z";
const COPY =
  "M5.5 1.5H13c.6 0 1 .4 1 1V10c0 .6-.4 1-1 1h-1.5V9.5h1V3H6v1H4.5V2.5c0-.6.4-1 1-1M3 5h6.5c.6 0 1 .4 1 1v7.5c0 .6-.4 1-1 1H3c-.6 0-1-.4-1-1V6c0-.6.4-1 1-1m.5 1.5V13H9V6.5z";
/** Chips, at most: a table has any name, and a reader no patience. */
const MOST = 20;

export function feedTools(callbacks: FeedToolsCallbacks, signal: AbortSignal): FeedTools {
  const chips = make("div", "lw-feed-chips", { role: "group", "aria-label": "Show kinds" });
  const made = new Map<string, { button: HTMLButtonElement; number: HTMLElement }>();
  const search = make("input", "lw-feed-search", {
    type: "search",
    placeholder: "Find",
    "aria-label": "Find in the feed",
    autocomplete: "off",
    spellcheck: "false",
  });
  const pauseIcon = icon(PAUSE);
  const pauseWord = make("span", "lw-feed-button-word");
  const pause = make("button", "lw-feed-button lw-feed-pause", { type: "button" }, pauseIcon, pauseWord);
  const copyWord = make("span", "lw-feed-button-word", {}, "Copy");
  const copy = make("button", "lw-feed-button lw-feed-copy", { type: "button" }, icon(COPY), copyWord);
  let picked: readonly string[] = [];
  let paused = false;
  search.addEventListener("input", () => callbacks.onSearch(search.value), { signal });
  search.addEventListener("keydown", (event) => event.key === "Escape" && event.stopPropagation(), {
    signal,
  });
  pause.addEventListener("click", () => callbacks.onPause(!paused), { signal });
  copy.addEventListener("click", () => callbacks.onCopy(), { signal });

  function chip(kind: string): void {
    const number = make("span", "lw-feed-chip-count");
    const label = make("span", "lw-feed-chip-label", { dir: "auto" }, kind.slice(0, 60));
    const button = make("button", "lw-feed-chip", { type: "button" }, label, number);
    button.addEventListener(
      "click",
      () =>
        callbacks.onPick(
          picked.includes(kind) ? picked.filter((other) => other !== kind) : [...picked, kind],
        ),
      { signal },
    );
    made.set(kind, { button, number });
    chips.append(button);
  }

  return {
    elements: [chips, make("div", "lw-feed-finders", {}, search, pause, copy)],
    draw(state) {
      picked = state.picked;
      paused = state.paused;
      for (const kind of [...state.tables, ...state.counts.keys(), ...picked]) {
        if (!made.has(kind) && made.size < MOST) chip(kind);
      }
      for (const [kind, { button, number }] of made) {
        const here = state.counts.get(kind);
        const pressed = picked.includes(kind);
        setText(number, kind.includes("/") && here === undefined ? "" : count(here ?? 0));
        if (button.getAttribute("aria-pressed") !== String(pressed)) {
          button.setAttribute("aria-pressed", String(pressed));
        }
        show(button, pressed || here !== undefined || state.tables.includes(kind));
      }
      // A single kind is no choice.
      show(chips, made.size > 1 || picked.length > 0);
      if (search.value !== state.search && document.activeElement !== search) search.value = state.search;
      setIcon(pauseIcon, paused ? PLAY : PAUSE);
      setText(pauseWord, paused ? "Resume" : "Pause");
      pause.setAttribute("aria-pressed", String(paused));
      pause.title = paused ? "Show what came meanwhile, and follow" : "Hold the list; the feed goes on";
      const words =
        state.copies.number > 0 ? `Copy ${state.copies.words} for a spreadsheet` : "Nothing to copy";
      copy.title = words;
      copy.setAttribute("aria-label", words);
      copy.disabled = state.copies.number === 0;
    },
  };
}
