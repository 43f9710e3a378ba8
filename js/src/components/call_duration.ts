/** Timers of the calls of this moment. It sees rows, meta, the link's status and its options; never a model. */

import { icon, make, setAttributes, setIcon, setText, show } from "../lib/dom";
import {
  type Durations,
  durations,
  fullBar,
  gradeOf,
  type Limits,
  type LiveCall,
  readLiveCalls,
} from "../lib/durations";
import { isVouched } from "../lib/facts";
import { count, DASH, duration } from "../lib/format";
import type { Meta } from "../lib/protocol";
import { type DurationRow, durationRow, GRADES } from "./call_duration_row";
import { type ShellOptions, shell, type View } from "./shell";

export interface CallDurationOptions extends ShellOptions {
  /** Seconds; 0 for never. */
  warn: number;
  critical: number;
  limit: number;
  waiting: boolean;
  compact: boolean;
  selected: string | null;
}

export interface CallDurationCallbacks {
  onSelect(key: string | null): void;
  /** How long a paint took, in ms. */
  onPainted(milliseconds: number): void;
}

const DEFAULTS: CallDurationOptions = {
  title: "",
  theme: "auto",
  size: "auto",
  warn: 180,
  critical: 600,
  limit: 8,
  waiting: false,
  compact: false,
  selected: null,
};
/** More rows than this are a list, and there is one for that. */
const MOST = 200;
const NOTHING: Durations = durations([], 0, { warn: 0, critical: 0, waiting: false, most: 0 });
let views = 0;

export function callDuration(
  root: HTMLElement,
  callbacks: CallDurationCallbacks,
  signal: AbortSignal,
  clock: () => number = () => Date.now(),
): View<CallDurationOptions> {
  const prefix = `lw-durations-${++views}-`;
  let options = DEFAULTS;
  let calls: LiveCall[] = [];
  let told: Durations = NOTHING;
  let cursor: string | null = null;
  let made = 0;
  /** Calls that were too long already; null before the first rows, of which nothing is said. */
  let said: Set<string> | null = null;
  const rows = new Map<string, DurationRow>();

  const figure = (name: string, label: string) => {
    const value = make("span", "lw-dur-value lw-tabular");
    const sign = icon("");
    const note = make("span", "lw-dur-note", { dir: "auto" });
    const element = make(
      "div",
      `lw-dur-figure lw-dur-${name}`,
      { role: "group", "aria-label": label },
      make("span", "lw-dur-label", {}, label),
      make("span", "lw-dur-shown", {}, sign, value),
      note,
    );
    return { element, value, sign, note };
  };
  const longest = figure("longest", "Longest");
  const average = figure("average", "Average");
  const number = figure("count", "Talking");
  const figures = make("div", "lw-dur-figures", {}, longest.element, average.element, number.element);
  const list = make("div", "lw-dur-list", {
    role: "listbox",
    tabindex: 0,
    "aria-label": "Live calls, longest first",
  });
  const rest = make("div", "lw-dur-rest lw-tabular", { hidden: true, dir: "auto" });
  const frame = shell(
    root,
    {
      name: "call-duration",
      label: "Call duration",
      skeleton: 4,
      arrange,
      holds: () => told.talking > 0 || told.timers.length > 0,
      known: () => calls.length > 0,
      empty: () =>
        told.waiting > 0
          ? [
              "Nobody is talking",
              `${count(told.waiting)} ${told.waiting === 1 ? "call waits or rings" : "calls wait or ring"}.`,
            ]
          : ["No calls right now", "Timers appear here as calls connect."],
      draw,
      tick() {
        arrange();
        if (told.timers.length > 0 || rows.size > 0) drawTimers();
      },
      foot,
    },
    callbacks.onPainted,
    signal,
    clock,
  );
  frame.content.append(figures, list, rest);

  const limits = (): Limits => ({
    warn: options.warn * 1000,
    critical: options.critical * 1000,
    waiting: options.waiting,
    most: options.compact ? 0 : Math.max(1, Math.min(MOST, options.limit)),
  });

  function arrange(): void {
    told = durations(calls, frame.now(), limits());
  }

  function drawFigures(): void {
    const bounds = limits();
    for (const [{ element, value, sign, note }, lasts] of [
      [longest, told.longest],
      [average, told.average],
    ] as const) {
      const grade = GRADES[gradeOf(lasts, true, bounds)];
      setText(value, duration(lasts));
      element.dataset.tone = grade.word ? grade.tone : "calm";
      setIcon(sign, grade.path);
      sign.classList.toggle("lw-dur-plain", grade.word === "");
      setText(note, grade.word);
    }
    setText(number.value, isVouched(frame.facts) || calls.length > 0 ? count(told.talking) : DASH);
    number.element.dataset.tone = told.critical > 0 ? "bad" : told.warn > 0 ? "warn" : "calm";
    number.sign.classList.add("lw-dur-plain");
    const notes: string[] = [];
    if (told.critical > 0) notes.push(`${count(told.critical)} too long`);
    if (told.warn > 0) notes.push(`${count(told.warn)} long`);
    if (notes.length === 0 && told.waiting > 0) notes.push(`${count(told.waiting)} waiting`);
    setText(number.note, notes.join(", "));
  }

  function drawTimers(): void {
    drawFigures();
    const wanted = new Set(told.timers.map(({ call }) => call.key));
    for (const [key, row] of rows) {
      if (wanted.has(key)) continue;
      row.element.remove();
      rows.delete(key);
    }
    if (cursor !== null && !wanted.has(cursor)) cursor = null;
    let before: Element | null = null;
    for (const timer of told.timers) {
      const { key } = timer.call;
      let row = rows.get(key);
      if (!row) {
        row = durationRow(`${prefix}${++made}`, key);
        rows.set(key, row);
      }
      row.draw(timer, key === options.selected, key === cursor);
      const next: Element | null = before ? before.nextElementSibling : list.firstElementChild;
      if (next !== row.element) list.insertBefore(row.element, next);
      before = row.element;
    }
    setAttributes(list, {
      "aria-activedescendant": cursor === null ? null : (rows.get(cursor)?.element.id ?? null),
    });
    show(list, told.timers.length > 0);
    setText(rest, told.more > 0 && !options.compact ? `+${count(told.more)} more` : "");
    show(rest, rest.textContent !== "");
    announce();
  }

  /** Say once of each call that it has become too long; of many at once only how many. */
  function announce(): void {
    if (!frame.facts.vouched) return;
    const over = told.timers.filter(({ grade }) => grade === "critical");
    const known = said;
    said = new Set(over.map(({ call }) => call.key));
    const fresh = known === null ? [] : over.filter(({ call }) => !known.has(call.key));
    const [one] = fresh;
    if (!one) return;
    frame.announce(
      fresh.length === 1
        ? `A call has lasted ${duration(one.lasts)}.`
        : `${count(fresh.length)} more calls have become too long.`,
    );
  }

  function draw(): void {
    const bounds = limits();
    const full = fullBar(bounds, told.longest);
    root.style.setProperty("--lw-warn-at", `${Math.min(100, (100 * bounds.warn) / full)}%`);
    root.classList.toggle("lw-dur-no-warn", bounds.warn <= 0 || bounds.warn >= full);
    root.classList.toggle("lw-compact", options.compact);
    setText(frame.aside, "");
    drawTimers();
  }

  function foot(meta: Meta | null): string {
    const words: string[] = [];
    if (told.waiting > 0 && !options.waiting && told.talking > 0 && !options.compact) {
      words.push(`${count(told.waiting)} not connected yet`);
    }
    if (meta?.partial) words.push("Not all rows are loaded");
    if (meta?.masked && told.timers.some(({ call }) => call.caller !== "")) words.push("Numbers are masked");
    return words.join(" · ");
  }

  function moveTo(index: number): void {
    const timer = told.timers[Math.max(0, Math.min(told.timers.length - 1, index))];
    if (!timer) return;
    cursor = timer.call.key;
    drawTimers();
    rows.get(cursor)?.element.scrollIntoView?.({ block: "nearest" });
  }

  function toggle(key: string): void {
    cursor = key;
    callbacks.onSelect(options.selected === key ? null : key);
  }

  list.addEventListener(
    "keydown",
    (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const at = told.timers.findIndex(({ call }) => call.key === (cursor ?? options.selected));
      const steps: Record<string, () => void> = {
        ArrowDown: () => moveTo(at + 1),
        ArrowUp: () => moveTo(at < 0 ? 0 : at - 1),
        Home: () => moveTo(0),
        End: () => moveTo(told.timers.length - 1),
        Enter: () => cursor !== null && toggle(cursor),
        " ": () => cursor !== null && toggle(cursor),
        Escape: () => {
          cursor = null;
          callbacks.onSelect(null);
          frame.paint();
        },
      };
      const step = steps[event.key];
      if (!step) return;
      // JupyterLab moves between cells with the same keys.
      event.preventDefault();
      event.stopPropagation();
      step();
    },
    { signal },
  );
  list.addEventListener(
    "click",
    (event) => {
      const key = (event.target as Element).closest<HTMLElement>("[data-key]")?.dataset.key;
      // Someone who marks text to copy it selects no row.
      if (key !== undefined && !window.getSelection()?.toString()) toggle(key);
    },
    { signal },
  );

  return {
    setOptions(next) {
      options = next;
      frame.setOptions(options);
    },
    setFeed(update) {
      if (update.changed === null || update.changed.size > 0) calls = readLiveCalls(update.rows);
      frame.setFeed(update);
    },
    setLink: frame.setLink,
    setLost: frame.setLost,
  };
}
