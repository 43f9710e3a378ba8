/** The chips with counts that filter by status. A chip that was seen stays: the row of chips must not jump. */
import { type Call, isStatus, lookOf, STATUS_ORDER } from "../lib/calls";
import { icon, make, setText, show } from "../lib/dom";
import { count } from "../lib/format";

export interface CallFilters {
  element: HTMLElement;
  draw(calls: Iterable<Call>, picked: readonly string[]): void;
}

const ALWAYS = new Set(["ringing", "in-progress"]);
/** Statuses that we do not know get chips too, but not without end. */
const MOST_UNKNOWN = 6;

export function callFilters(onPick: (picked: string[]) => void, signal: AbortSignal): CallFilters {
  const element = make("div", "lw-filters", { role: "group", "aria-label": "Filter by status" });
  const chips = new Map<string, { button: HTMLButtonElement; number: HTMLElement }>();
  let picked: readonly string[] = [];
  let unknown = 0;

  function chip(status: string): { button: HTMLButtonElement; number: HTMLElement } {
    const look = lookOf(status);
    const number = make("span", "lw-filter-count");
    const button = make(
      "button",
      "lw-filter",
      { type: "button" },
      icon(look.path),
      make("span", "lw-filter-label", { dir: "auto" }, look.label.slice(0, 40)),
      number,
    );
    button.dataset.tone = look.tone;
    button.addEventListener(
      "click",
      () =>
        onPick(picked.includes(status) ? picked.filter((other) => other !== status) : [...picked, status]),
      { signal },
    );
    const made = { button, number };
    chips.set(status, made);
    return made;
  }

  for (const status of STATUS_ORDER) element.append(chip(status).button);

  return {
    element,
    draw(calls, next) {
      picked = next;
      const counts = new Map<string, number>();
      for (const { status } of calls) counts.set(status, (counts.get(status) ?? 0) + 1);
      for (const status of [...counts.keys(), ...picked]) {
        if (chips.has(status) || isStatus(status) || unknown >= MOST_UNKNOWN) continue;
        unknown += 1;
        element.append(chip(status).button);
      }
      for (const [status, { button, number }] of chips) {
        const here = counts.get(status) ?? 0;
        const pressed = picked.includes(status);
        setText(number, count(here));
        const state = String(pressed);
        if (button.getAttribute("aria-pressed") !== state) button.setAttribute("aria-pressed", state);
        button.classList.toggle("lw-zero", here === 0);
        if (here > 0 || pressed || ALWAYS.has(status)) show(button, true);
        else if (!button.dataset.seen) show(button, false);
        if (here > 0) button.dataset.seen = "1";
      }
    },
  };
}
