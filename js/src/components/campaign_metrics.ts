/** The figures of a campaign as tiles. It sees rows, meta, the link's status and its options; never a model. */
import {
  type Cap,
  capKind,
  capState,
  change,
  exactFigure,
  figure,
  parts,
  readBoard,
  stateWord,
  type TargetState,
  type Tile,
  windowWords,
} from "../lib/campaign_metrics";
import { icon, make, setIcon, setText, show } from "../lib/dom";
import { count } from "../lib/format";
import type { Meta } from "../lib/protocol";
import { courseWords } from "../lib/sparkline";
import { tileGrid } from "../lib/tile_grid";
import { type ShellOptions, shell, type View } from "./shell";
import { type SparklineView, sparkline } from "./sparkline";

export interface CampaignMetricsOptions extends ShellOptions {
  currency: string;
}

const TONES: Record<TargetState, string> = { green: "good", amber: "warn", red: "bad" };
/** A disc with a tick, a triangle, a cross: told apart without colour. */
const SHAPES: Record<TargetState, string> = {
  green: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13m3.6 4.7L7.2 11 4.4 8.3l1.1-1.1 1.7 1.6 3.3-3.7z",
  amber: "M8 2 15 14H1zm-.8 4.5v3.5h1.6V6.5zm0 4.5v1.5h1.6V11z",
  red: "m4.1 3 3.9 3.9L11.9 3 13 4.1 9.1 8l3.9 3.9-1.1 1.1L8 9.1 4.1 13 3 11.9 6.9 8 3 4.1z",
};
const ARROWS = {
  up: "M8 3.5 13 11H3z",
  down: "M8 12.5 3 5h10z",
  level: "M3 6h10v1.4H3zm0 3h10v1.4H3z",
};
const PAUSE = "M4 3h2.8v10H4zm5.2 0H12v10H9.2z";
/** Caps that are drawn; the rest is told as a number. */
const MOST_BARS = 6;
/** The most columns at each width of the style sheet. */
const COLUMNS = [2, 3, 4, 6];

interface CapsMeta {
  order: number;
  loading: boolean;
  zone: string;
  partial: boolean;
  error: { message: string; advice: string } | null;
}

export function campaignMetrics(
  root: HTMLElement,
  callbacks: { onPainted(milliseconds: number): void },
  signal: AbortSignal,
  clock: () => number = () => Date.now(),
): View<CampaignMetricsOptions> {
  let options: CampaignMetricsOptions = { title: "", theme: "auto", size: "auto", currency: "USD" };
  let tiles: Tile[] = [];
  let caps: Cap[] = [];
  const known = new Map<string, Tile>();
  const views = new Map<string, TileView>();
  const bars = capsView();
  const grid = make("div", "lw-tiles", { role: "list" });
  const frame = shell(
    root,
    {
      name: "campaign-metrics",
      label: "Campaign metrics",
      skeleton: 6,
      holds: () => tiles.length > 0 || capsMeta() !== null,
      known: () => tiles.length > 0,
      empty: () => ["No tiles", 'Choose some: tiles=["incoming", "live"].'],
      draw,
      foot: footWords,
    },
    callbacks.onPainted,
    signal,
    clock,
  );
  show(frame.tools, false);
  frame.content.append(grid);

  function capsMeta(): CapsMeta | null {
    const told = frame.facts.meta?.caps;
    return typeof told === "object" && told !== null && tiles.length + caps.length > 0
      ? (told as unknown as CapsMeta)
      : null;
  }

  function draw(): void {
    const span = windowWords(frame.facts.meta?.window);
    setText(frame.aside, tiles.length > 0 && span !== "" ? `last ${span}` : "");
    const before = span === "" ? "the window before" : `the ${span} before`;
    const shown: HTMLElement[] = [];
    for (const tile of tiles) {
      let view = views.get(tile.key);
      if (!view) {
        view = tileView();
        views.set(tile.key, view);
      }
      view.draw(tile, options.currency, before, frame.facts.meta?.compared !== false);
      shown.push(view.element);
    }
    for (const key of views.keys()) if (!known.has(key)) views.delete(key);
    const told = capsMeta();
    if (told !== null) {
      bars.draw(caps, told, MOST_BARS);
      shown.splice(Math.min(Number(told.order) || 0, shown.length), 0, bars.element);
    }
    if (shown.length !== grid.children.length || shown.some((one, index) => grid.children[index] !== one)) {
      grid.replaceChildren(...shown);
    }
    place(shown);
  }

  /** Say for each width how many columns there are, and who takes more than one: which width it is, the style sheet knows. */
  function place(shown: HTMLElement[]): void {
    const plain = shown.filter((one) => one !== bars.element);
    const last = plain[plain.length - 1];
    for (const most of COLUMNS) {
      const { columns, last: rest, wide } = tileGrid(plain.length, plain.length < shown.length, most);
      grid.style.setProperty(`--lw-columns-${most}`, String(columns));
      bars.element.style.setProperty(`--lw-span-${most}`, String(wide));
      for (const one of plain) one.style.setProperty(`--lw-span-${most}`, String(one === last ? rest : 1));
    }
  }

  function footWords(meta: Meta | null): string {
    if (tiles.length === 0) return "";
    const words: string[] = [];
    if (meta?.partial)
      words.push("Not all calls of this window are loaded: the figures are of those that are");
    else if (meta?.compared === false) words.push("The window before is not loaded, so nothing is compared");
    return words.join(" · ");
  }

  return {
    setOptions(next) {
      options = next;
      frame.setOptions(options);
    },
    setFeed(update) {
      ({ tiles, caps } = readBoard(update.rows, known));
      known.clear();
      for (const tile of tiles) known.set(tile.key, tile);
      frame.setFeed(update);
    },
    setLink: frame.setLink,
    setLost: frame.setLost,
  };
}

interface TileView {
  element: HTMLElement;
  draw(tile: Tile, currency: string, before: string, compared: boolean): void;
}

function tileView(): TileView {
  const label = make("span", "lw-tile-label");
  const shape = icon("");
  const word = make("span");
  const state = make("span", "lw-tile-state", { hidden: true }, shape, word);
  const value = make("strong", "lw-tile-value lw-tabular");
  const arrow = icon("");
  const short = make("span", "lw-tabular", { "aria-hidden": "true" });
  const words = make("span", "lw-quiet");
  const delta = make("span", "lw-tile-delta", { hidden: true }, arrow, short, words);
  const part = make("span", "lw-tile-part lw-tabular");
  const target = make("span", "lw-tile-target lw-tabular");
  const spark: SparklineView = sparkline();
  const course = make("span", "lw-quiet");
  const element = make(
    "div",
    "lw-tile",
    { role: "listitem" },
    make("div", "lw-tile-top", {}, label, state),
    make("div", "lw-tile-figure", {}, value, delta),
    make("div", "lw-tile-notes", {}, part, target),
    spark.element,
    course,
  );
  let drawn: Tile | null = null;
  let context = "";
  return {
    element,
    draw(tile, currency, before, compared) {
      const now = `${currency} ${before} ${compared}`;
      if (drawn === tile && context === now) return;
      drawn = tile;
      context = now;
      setText(label, tile.label);
      element.title = tile.formula ? `${tile.label}: ${tile.formula}` : tile.label;
      setText(value, figure(tile.value, tile.unit, currency));
      value.title = exactFigure(tile.value, tile.unit, currency);
      show(state, tile.state !== null);
      element.dataset.tone = tile.state === null ? "" : TONES[tile.state];
      if (tile.state !== null) {
        setIcon(shape, SHAPES[tile.state]);
        setText(word, stateWord(tile.state, tile.better));
      }
      const differs = compared ? change(tile, currency, before) : null;
      show(delta, differs !== null);
      if (differs !== null) {
        setIcon(arrow, ARROWS[differs.way]);
        setText(short, differs.short);
        setText(words, differs.words);
        delta.dataset.tone = differs.good === null ? "neutral" : differs.good ? "good" : "bad";
        delta.title = differs.words;
      }
      setText(part, parts(tile));
      show(part, part.textContent !== "");
      setText(target, tile.target === null ? "" : `Target ${figure(tile.target, tile.unit, currency)}`);
      spark.element.style.visibility = tile.points.length > 1 ? "" : "hidden";
      spark.draw(tile.points);
      const inWords = courseWords(tile.points, (one) => figure(one, tile.unit, currency));
      setText(course, inWords && `Course: ${inWords}`);
    },
  };
}

function capsView(): { element: HTMLElement; draw(caps: Cap[], meta: CapsMeta, most: number): void } {
  const list = make("ul", "lw-caps");
  const words = make("p", "lw-caps-words", { dir: "auto" });
  const more = make("span", "lw-caps-more lw-tabular");
  const reached = make("span", "lw-tile-state", { hidden: true, "data-tone": "bad" });
  const shape = icon(SHAPES.red);
  const word = make("span", "lw-tabular");
  reached.append(shape, word);
  const label = make("span", "lw-tile-label", {}, "Caps");
  const element = make(
    "div",
    "lw-tile lw-tile-caps",
    { role: "listitem" },
    make("div", "lw-tile-top", {}, label, reached),
    words,
    list,
    more,
  );
  const lines = new Map<string, CapView>();
  return {
    element,
    draw(caps, meta, most) {
      const full = caps.filter((cap) => cap.state === "red").length;
      show(reached, full > 0);
      setText(word, `${count(full)} reached`);
      element.title = `Calls since midnight in ${meta.zone}, and calls that talk at once`;
      show(words, caps.length === 0);
      setText(
        words,
        meta.error
          ? `${meta.error.message} ${meta.error.advice}`
          : meta.loading
            ? "Reading the caps …"
            : "No caps are set.",
      );
      const shown = caps.slice(0, most);
      const nodes = shown.map((cap) => {
        let line = lines.get(cap.key);
        if (!line) {
          line = capView();
          lines.set(cap.key, line);
        }
        line.draw(cap);
        return line.element;
      });
      for (const key of lines.keys()) if (!shown.some((cap) => cap.key === key)) lines.delete(key);
      if (nodes.length !== list.children.length || nodes.some((one, index) => list.children[index] !== one)) {
        list.replaceChildren(...nodes);
      }
      const rest = [
        caps.length > shown.length ? `${count(caps.length - shown.length)} more` : "",
        meta.partial && caps.length > 0 ? "not all calls of today are loaded" : "",
      ].filter(Boolean);
      setText(more, rest.join(" · "));
      show(more, rest.length > 0);
    },
  };
}

interface CapView {
  element: HTMLElement;
  draw(cap: Cap): void;
}

function capView(): CapView {
  const name = make("span", "lw-cap-name", { dir: "auto" });
  const kind = make("span", "lw-cap-kind");
  const used = make("span", "lw-cap-used lw-tabular");
  const shape = icon("");
  const word = make("span");
  const state = make("span", "lw-cap-state", {}, shape, word);
  const fill = make("i");
  const element = make(
    "li",
    "lw-cap",
    {},
    make("span", "lw-cap-head", {}, name, kind),
    make("span", "lw-cap-end", {}, state, used),
    make("span", "lw-cap-bar", { "aria-hidden": "true" }, fill),
  );
  return {
    element,
    draw(cap) {
      setText(name, cap.label);
      name.title = cap.label;
      setText(kind, capKind(cap.kind));
      setText(used, `${figure(cap.used, "calls", "")} / ${figure(cap.cap, "calls", "")}`);
      // A target that has been full takes calls again only when there is some room.
      const paused = cap.capped && cap.state !== "red";
      element.dataset.tone = paused ? "neutral" : TONES[cap.state];
      setIcon(shape, paused ? PAUSE : SHAPES[cap.state]);
      setText(word, paused ? "Paused" : capState(cap));
      // That there is room, the bar says; a reader who cannot see it is told.
      state.className = cap.state === "green" && !paused ? "lw-quiet" : "lw-cap-state";
      fill.style.inlineSize = `${Math.min(100, Math.max(0, cap.share * 100))}%`;
    },
  };
}
