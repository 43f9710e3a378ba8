/** The pill that says whether anything on this page can be believed, and why not. Never sees a model. */

import { everySecond } from "../lib/clock";
import { type Leg, type Overview, overview, readUpstream } from "../lib/connection";
import { icon, make, painter, setIcon, setText, show } from "../lib/dom";
import { keepFacts } from "../lib/facts";
import { count, text } from "../lib/format";
import type { Trouble } from "../lib/protocol";
import { applyLooks, watchTheme } from "../lib/theme";
import type { View } from "./shell";

export interface OnlineStatusOptions {
  theme: string;
  size: string;
  compact: boolean;
}

export interface OnlineStatusCallbacks {
  onRetry(): Promise<unknown>;
  onPainted(milliseconds: number): void;
}

const CHEVRON = "M8 11 2.9 5.9 4 4.8l4 4 4-4 1.1 1.1z";
/** Names of lagging tables that are worth reading. */
const MOST_NAMES = 5;
let panels = 0;

export function onlineStatus(
  root: HTMLElement,
  callbacks: OnlineStatusCallbacks,
  signal: AbortSignal,
  clock: () => number = () => Date.now(),
): View<OnlineStatusOptions> {
  const kept = keepFacts(() => paint(), clock);
  const { facts } = kept;
  let options: OnlineStatusOptions = { theme: "auto", size: "auto", compact: false };
  let open = false;
  let retrying = false;
  let refusal = "";

  const shape = icon("");
  const word = make("span", "lw-pill-word");
  const note = make("span", "lw-pill-note");
  const panelId = `lw-status-${++panels}`;
  const toggle = make(
    "button",
    "lw-pill-main",
    { type: "button", "aria-expanded": "false", "aria-controls": panelId },
    make("span", "lw-quiet", {}, "Connection: "),
    shape,
    word,
    note,
    make("span", "lw-chevron", {}, icon(CHEVRON)),
  );
  const retry = make("button", "lw-retry", { type: "button", hidden: true }, "Retry now");
  const pill = make("div", "lw-pill", {}, toggle, retry);
  const legs = make("div", "lw-legs", { role: "list" });
  const tables = make("p", "lw-tables");
  const trouble = make("p", "lw-trouble", { dir: "auto" });
  const panel = make("div", "lw-panel", { id: panelId, hidden: true }, legs, tables, trouble);
  // The countdown changes each second: a screen reader is told the word only.
  const announce = make("div", "lw-quiet", { role: "status", "aria-live": "polite" });
  root.classList.add("lw", "lw-online-status");
  root.replaceChildren(pill, panel, announce);

  toggle.addEventListener(
    "click",
    () => {
      open = !open;
      paint();
    },
    { signal },
  );
  root.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || !open) return;
      open = false;
      toggle.focus();
      paint();
    },
    { signal },
  );
  retry.addEventListener(
    "click",
    () => {
      retrying = true;
      refusal = "";
      paint();
      callbacks
        .onRetry()
        .catch((error: Partial<Trouble>) => {
          refusal = `${error.message ?? "The kernel did not answer."} ${error.advice ?? ""}`.trim();
        })
        .finally(() => {
          retrying = false;
          paint();
        });
    },
    { signal },
  );

  function drawLegs(list: readonly Leg[]): void {
    while (legs.childElementCount < list.length) {
      legs.append(
        make(
          "div",
          "lw-leg",
          { role: "listitem" },
          make("span"),
          make("span", "", {}, make("b"), make("span")),
        ),
      );
    }
    while (legs.childElementCount > list.length) legs.lastElementChild?.remove();
    for (const [index, leg] of list.entries()) {
      const row = legs.children[index] as HTMLElement;
      const [name, value] = row.children;
      row.dataset.tone = leg.tone;
      row.classList.toggle("lw-subleg", leg.word === "");
      if (name) setText(name, leg.name);
      if (value?.children[0]) setText(value.children[0], leg.word);
      if (value?.children[1]) setText(value.children[1], leg.detail);
    }
  }

  function tableWords(): string {
    const upstream = readUpstream(facts.meta);
    const reached = facts.link?.state === "live" || facts.link?.state === "busy";
    if (!upstream || !reached) return "";
    const { live, stale, loading, error } = upstream.tables;
    const parts = [
      [live, "live"],
      [loading, "loading"],
      [stale, "stale"],
      [error, "failed"],
    ] as const;
    const said = parts.filter(([number]) => number > 0).map(([number, name]) => `${count(number)} ${name}`);
    const names = upstream.lagging.slice(0, MOST_NAMES).map((name) => text(name, 40));
    const more = upstream.lagging.length - names.length;
    const lagging = names.length
      ? ` Lagging: ${names.join(", ")}${more > 0 ? ` and ${count(more)} more` : ""}.`
      : "";
    return said.length ? `Tables: ${said.join(", ")}.${lagging}` : lagging.trim();
  }

  function drawTrouble(view: Overview): void {
    const words = refusal || (view.trouble ? `${view.trouble.message} ${view.trouble.advice}`.trim() : "");
    setText(trouble, words ? text(words, 600) : "");
    show(trouble, words !== "");
  }

  function draw(): void {
    const view = overview(facts, navigator.onLine === false, clock());
    root.dataset.state = view.state;
    root.dataset.slack = String(Math.round(facts.link?.slack ?? 0));
    pill.dataset.tone = view.tone;
    panel.dataset.tone = view.tone;
    setIcon(shape, view.path);
    setText(word, view.word);
    setText(note, options.compact && view.state === "live" ? "" : view.note);
    show(note, note.textContent !== "");
    show(retry, view.canRetry || retrying);
    retry.disabled = retrying;
    setText(retry, retrying ? "Retrying…" : "Retry now");
    toggle.setAttribute("aria-expanded", String(open));
    show(panel, open);
    root.classList.toggle("lw-compact", options.compact);
    if (open) {
      drawLegs(view.legs);
      const said = tableWords();
      setText(tables, said);
      show(tables, said !== "");
      drawTrouble(view);
    }
    setText(announce, `Connection: ${view.word}`);
  }
  const paint = painter(draw, (milliseconds) => callbacks.onPainted(milliseconds), signal);

  everySecond(paint, signal);
  window.addEventListener("online", paint, { signal });
  window.addEventListener("offline", paint, { signal });
  watchTheme(() => applyLooks(root, options), signal);

  return {
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
