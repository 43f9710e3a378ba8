/** One live call: who, how long, a bar against the critical duration, and a word where it is long. */
import { icon, make, setAttributes, setIcon, setText, show } from "../lib/dom";
import type { Grade, Timer } from "../lib/durations";
import { DASH, duration } from "../lib/format";

/** Each grade has a shape and a word: colour is never the only sign. */
export const GRADES: Record<Grade, { tone: string; word: string; path: string }> = {
  waiting: {
    tone: "ringing",
    word: "ringing",
    path: "M8 1.2c-.6 0-1 .4-1 1v.4A4.2 4.2 0 0 0 3.8 6.7v2.6L2.5 11v.8h11V11l-1.3-1.7V6.7A4.2 4.2 0 0 0 9 2.6v-.4c0-.6-.4-1-1-1M6.3 12.8a1.7 1.7 0 0 0 3.4 0z",
  },
  good: {
    tone: "talking",
    word: "",
    path: "M2 6.5h1.6v3H2zm3.2-3h1.6v9H5.2zm3.2 2h1.6v5H8.4zm3.2-3h1.6v11h-1.6z",
  },
  warn: {
    tone: "warn",
    word: "long",
    path: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3m-.75 2v3.3l2.6 1.9.9-1.2-2-1.5V5z",
  },
  critical: { tone: "bad", word: "too long", path: "M8 1.3 15 14H1zM7.2 6v4h1.6V6zm0 5v1.5h1.6V11z" },
};

export interface DurationRow {
  element: HTMLElement;
  draw(timer: Timer, selected: boolean, active: boolean): void;
}

/** The two names of a call, the nearest to the talk first. */
export function namesOf({ call }: Timer): [string, string] {
  const names = [call.agent, call.buyer, call.campaign].filter((name) => name !== "");
  return [names[0] ?? (call.caller || DASH), names.length > 1 ? names.slice(1).join(" · ") : ""];
}

export function durationRow(id: string, key: string): DurationRow {
  const shape = icon("");
  const name = make("span", "lw-dur-name", { dir: "auto" });
  const more = make("span", "lw-dur-more", { dir: "auto" });
  const caller = make("span", "lw-dur-caller lw-tabular", { dir: "auto" });
  const word = make("span", "lw-dur-word");
  const time = make("span", "lw-dur-time lw-tabular");
  const bar = make("i", "lw-dur-fill");
  const element = make(
    "div",
    "lw-dur-row",
    { role: "option", id, "data-key": key },
    make("span", "lw-dur-sign", {}, shape),
    make("span", "lw-dur-who", {}, name, more),
    caller,
    word,
    time,
    make("span", "lw-dur-bar", { "aria-hidden": "true" }, bar),
  );
  return {
    element,
    draw(timer, selected, active) {
      const { tone, word: said, path } = GRADES[timer.grade];
      const [first, rest] = namesOf(timer);
      element.dataset.tone = tone;
      element.dataset.grade = timer.grade;
      setIcon(shape, path);
      setText(name, first);
      name.title = first;
      setText(more, rest);
      more.title = rest;
      setText(caller, first === timer.call.caller ? "" : timer.call.caller);
      setText(word, timer.grade === "waiting" ? timer.call.status.replace(/-/g, " ") || said : said);
      show(word, word.textContent !== "");
      setText(time, duration(timer.lasts));
      bar.style.transform = `scaleX(${timer.part.toFixed(4)})`;
      setAttributes(element, { "aria-selected": selected ? "true" : "false" });
      element.classList.toggle("lw-active", active);
    },
  };
}
