/**
 * What all components have around their content: heading, state mark, banner, skeleton, empty words, foot. It knows
 * how live the view is; the component knows what is in it.
 */

import { everySecond } from "../lib/clock";
import { make, painter, setText, show } from "../lib/dom";
import { type Facts, keepFacts } from "../lib/facts";
import { type Health, health, knownUntil } from "../lib/health";
import type { Meta } from "../lib/protocol";
import { applyLooks, watchTheme } from "../lib/theme";
import { stateMark } from "./state_mark";

/** What every component can be told; its own options come on top. */
export interface ShellOptions {
  title: string;
  theme: string;
  size: string;
}

/** What the adapter tells a view. */
export interface View<Options> extends Omit<Facts, "facts"> {
  setOptions(options: Options): void;
}

export interface ShellContent {
  /** The component's class: `call-tracker` for `lw-call-tracker`. */
  name: string;
  /** Names the region where there is no title. */
  label: string;
  /** Lines of the skeleton while the first rows are awaited. */
  skeleton?: number;
  /** Bring what is shown up to date, before it is judged and painted; nothing by default. */
  arrange?(): void;
  /** Whether there is something to show; else the skeleton or the empty words are shown. */
  holds(): boolean;
  /** Whether there is something to be doubted: where nothing was ever known, trouble fills the body. */
  known?(): boolean;
  /** What to say where there is nothing to show and nothing is wrong: heading and advice. */
  empty(): [string, string];
  /** Paint the content; the state has been painted. */
  draw(verdict: Health): void;
  /** Once a second, for what moves with the clock alone; nothing by default. */
  tick?(): void;
  /** Words for the foot; empty for none. */
  foot?(meta: Meta | null): string;
}

export interface Shell extends Facts {
  /** Beside the title, for a count. */
  aside: HTMLElement;
  /** Below the title; hidden by the component as it likes. */
  tools: HTMLElement;
  /** The content. */
  content: HTMLElement;
  /** The kernel's time in ms up to which the rows are known to be right. */
  now(): number;
  /** Ask for a paint in the next frame. */
  paint(): void;
  /** Say something to a screen reader. */
  announce(words: string): void;
  setOptions(options: ShellOptions): void;
}

const WAITING: ReadonlySet<Health["state"]> = new Set(["connecting", "loading", "catching-up"]);

export function shell(
  root: HTMLElement,
  content: ShellContent,
  painted: (milliseconds: number) => void,
  signal: AbortSignal,
  clock: () => number = () => Date.now(),
): Shell {
  const kept = keepFacts(() => paint(), clock);
  const { facts } = kept;
  let options: ShellOptions = { title: "", theme: "auto", size: "auto" };
  const title = make("h2", "lw-title", { dir: "auto" });
  const aside = make("span", "lw-aside");
  const mark = stateMark();
  const tools = make("div", "lw-tools");
  const bannerText = make("strong", "lw-banner-text");
  const bannerAdvice = make("span", "lw-banner-advice", { dir: "auto" });
  const banner = make("div", "lw-banner", { hidden: true }, bannerText, bannerAdvice);
  const area = make("div", "lw-content");
  const skeleton = make("div", "lw-skeleton", { "aria-hidden": "true" });
  for (let index = 0; index < (content.skeleton ?? 6); index++) skeleton.append(make("i"));
  const emptyTitle = make("strong", "lw-empty-title");
  const emptyText = make("span", "lw-empty-text", { dir: "auto" });
  const empty = make("div", "lw-empty", { hidden: true }, emptyTitle, emptyText);
  const foot = make("div", "lw-foot", { hidden: true });
  const spoken = make("div", "lw-quiet", { role: "status", "aria-live": "polite" });
  root.classList.add("lw", "lw-shell", `lw-${content.name}`);
  root.setAttribute("role", "region");
  // JupyterLab has shortcuts on bare letters and arrows; in here they belong to the component.
  root.dataset.lmSuppressShortcuts = "true";
  root.replaceChildren(
    make("header", "lw-header", {}, make("div", "lw-headline", {}, title, aside, mark.element), tools),
    banner,
    make("div", "lw-body", {}, area, skeleton, empty),
    foot,
    spoken,
  );

  function drawState(): Health {
    const verdict = health(facts, clock());
    const holds = content.holds();
    const known = content.known?.() ?? holds;
    mark.show(verdict);
    root.dataset.state = verdict.state;
    root.classList.toggle("lw-doubtful", verdict.doubtful && known);
    // Without rows the middle of the view says it; twice would be noise.
    show(banner, verdict.banner !== null && known);
    banner.dataset.tone = verdict.tone;
    if (verdict.banner) setText(bannerText, verdict.banner);
    setText(bannerAdvice, verdict.advice ?? "");
    const waits = WAITING.has(verdict.state) && !known;
    show(skeleton, waits);
    show(area, holds);
    show(empty, !holds && !waits);
    if (!empty.hidden) {
      const [head, advice] =
        !known && verdict.banner ? [verdict.banner, verdict.advice ?? ""] : content.empty();
      empty.dataset.tone = verdict.banner === null ? "calm" : verdict.tone;
      setText(emptyTitle, head);
      setText(emptyText, advice);
    }
    setText(foot, content.foot?.(facts.meta) ?? "");
    show(foot, foot.textContent !== "");
    return verdict;
  }

  const paint = painter(
    () => {
      setText(title, options.title);
      show(title, options.title !== "");
      root.setAttribute("aria-label", options.title || content.label);
      content.arrange?.();
      content.draw(drawState());
    },
    painted,
    signal,
  );
  everySecond(() => {
    content.tick?.();
    drawState();
  }, signal);
  watchTheme(() => {
    const { size } = root.dataset;
    applyLooks(root, options);
    if (root.dataset.size !== size) paint();
  }, signal);

  return {
    aside,
    tools,
    content: area,
    facts,
    now: () => knownUntil(facts, clock()),
    paint,
    announce: (words) => setText(spoken, words),
    setOptions(next) {
      options = next;
      applyLooks(root, options);
      paint();
    },
    setFeed: kept.setFeed,
    setLink: kept.setLink,
    setLost: kept.setLost,
  };
}
