/** Who is here: faces in a row, how many, and the list of them all. It never sees a model, and loads no picture. */

import { everySecond } from "../lib/clock";
import { icon, make, painter, setAttributes, setText, show } from "../lib/dom";
import { isVouched, keepFacts } from "../lib/facts";
import { age, count, fullMoment, text } from "../lib/format";
import { type Health, health, knownUntil } from "../lib/health";
import {
  comings,
  faces,
  headcount,
  initials,
  type Person,
  readPeople,
  shadesOf,
  spokenPeople,
  stayed,
} from "../lib/people";
import { applyLooks, watchTheme } from "../lib/theme";
import type { ShellOptions, View } from "./shell";
import { stateMark } from "./state_mark";

export interface ActiveUsersOptions extends ShellOptions {
  most: number;
  compact: boolean;
}

export interface ActiveUsersCallbacks {
  onPainted(milliseconds: number): void;
}

const CHEVRON = "M8 11 2.9 5.9 4 4.8l4 4 4-4 1.1 1.1z";
const DEFAULTS: ActiveUsersOptions = { title: "", theme: "auto", size: "auto", most: 5, compact: false };
/** Who comes and goes is told to a screen reader together. */
const ANNOUNCE_MS = 5_000;
/** People of whom the list shows an entry each. */
const LISTED = 200;
let lists = 0;

interface Entry {
  element: HTMLElement;
  draw(person: Person, shade: number): void;
  tick(now: number): void;
}

function face(className: string): { element: HTMLElement; draw(person: Person, shade: number): void } {
  const letters = make("span", "lw-face-letters", { dir: "auto" });
  const element = make("span", className, { "aria-hidden": "true" }, letters);
  return {
    element,
    draw(person, shade) {
      setText(letters, initials(person.name));
      element.dataset.shade = String(shade);
      element.classList.toggle("lw-face-me", person.isMe);
      const words = person.isMe ? `${person.name} (you)` : person.name;
      element.title = person.doing ? `${words}: ${person.doing}` : words;
    },
  };
}

function entry(): Entry {
  const portrait = face("lw-face");
  const name = make("strong", "lw-person-name", { dir: "auto" });
  const you = make("span", "lw-person-you", {}, "you");
  const tabs = make("span", "lw-person-tabs");
  const doing = make("span", "lw-person-doing", { dir: "auto" });
  const time = make("time", "lw-person-time");
  const element = make(
    "li",
    "lw-person",
    {},
    portrait.element,
    make("div", "lw-person-words", {}, make("div", "lw-person-head", {}, name, you, tabs), doing),
    time,
  );
  let shown: Person | null = null;
  return {
    element,
    draw(person, shade) {
      shown = person;
      portrait.draw(person, shade);
      setText(name, person.name);
      show(you, person.isMe);
      setText(tabs, person.count > 1 ? `in ${count(person.count)} tabs` : "");
      show(tabs, person.count > 1);
      setText(doing, person.doing);
      show(doing, person.doing !== "");
      time.title = fullMoment(person.since);
    },
    tick(now) {
      if (shown) setText(time, stayed(shown, now));
    },
  };
}

/** Keep as many children as there are people, each with its own person. */
function reconcile<Item extends { element: HTMLElement }>(
  parent: HTMLElement,
  drawn: Map<string, Item>,
  people: readonly Person[],
  make: () => Item,
  draw: (item: Item, person: Person) => void,
): void {
  const wanted = new Set(people.map(({ id }) => id));
  for (const [id, item] of drawn) {
    if (wanted.has(id)) continue;
    item.element.remove();
    drawn.delete(id);
  }
  for (const [index, person] of people.entries()) {
    let item = drawn.get(person.id);
    if (!item) {
      item = make();
      drawn.set(person.id, item);
    }
    draw(item, person);
    const at = parent.children[index];
    if (at !== item.element) parent.insertBefore(item.element, at ?? null);
  }
}

export function activeUsers(
  root: HTMLElement,
  callbacks: ActiveUsersCallbacks,
  signal: AbortSignal,
  clock: () => number = () => Date.now(),
): View<ActiveUsersOptions> {
  const kept = keepFacts(() => paint(), clock);
  const { facts } = kept;
  let options = DEFAULTS;
  let people: Person[] = [];
  let told: Person[] | null = null;
  let shades = new Map<string, number>();
  let open = false;
  const drawnFaces = new Map<string, ReturnType<typeof face>>();
  const drawnEntries = new Map<string, Entry>();

  const title = make("span", "lw-people-title", { dir: "auto" });
  const row = make("span", "lw-faces");
  const more = make("span", "lw-face lw-face-more", { "aria-hidden": "true" });
  const waiting = make("span", "lw-faces lw-faces-waiting", { "aria-hidden": "true" });
  for (let index = 0; index < 3; index++) waiting.append(make("i", "lw-face"));
  const words = make("span", "lw-people-words", { "aria-hidden": "true" });
  const spoken = make("span", "lw-quiet");
  const chevron = make("span", "lw-people-chevron", {}, icon(CHEVRON));
  const panelId = `lw-people-${++lists}`;
  const toggle = make(
    "button",
    "lw-people-main",
    { type: "button", "aria-expanded": "false", "aria-controls": panelId },
    row,
    more,
    waiting,
    words,
    spoken,
    chevron,
  );
  const mark = stateMark();
  const note = make("span", "lw-people-note");
  const strip = make("div", "lw-people-strip", {}, title, toggle, mark.element, note);
  const list = make("ul", "lw-people-list");
  const foot = make("p", "lw-people-foot", { dir: "auto" });
  const trouble = make("p", "lw-people-trouble", { dir: "auto" });
  const panel = make("div", "lw-people-panel", { id: panelId, hidden: true }, trouble, list, foot);
  const announced = make("div", "lw-quiet", { role: "status", "aria-live": "polite" });
  root.classList.add("lw", "lw-active-users");
  root.setAttribute("role", "region");
  root.dataset.lmSuppressShortcuts = "true";
  root.replaceChildren(strip, panel, announced);

  const now = (): number => knownUntil(facts, clock());
  const total = (): number => Math.max(people.length, Number(facts.meta?.rows) || 0);

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
      event.stopPropagation();
      open = false;
      toggle.focus();
      paint();
    },
    { signal },
  );

  /** How old what is shown is, where it is not of now. */
  function noteWords(verdict: Health): string {
    if (!verdict.doubtful || people.length === 0) return "";
    const passed = clock() + (facts.link?.skew ?? 0) - now();
    return Number.isFinite(passed) && passed >= 1000 ? `as of ${age(passed)} ago` : "";
  }

  function draw(): void {
    const verdict = health(facts, clock());
    const known = people.length > 0 || isVouched(facts);
    const [shown, rest] = faces(people, total(), options.most);
    shades = shadesOf(people, shades);
    root.setAttribute("aria-label", options.title || "Who is here");
    root.dataset.state = verdict.state;
    root.classList.toggle("lw-doubtful", verdict.doubtful && people.length > 0);
    root.classList.toggle("lw-compact", options.compact);
    setText(title, options.title);
    show(title, options.title !== "");
    reconcile(
      row,
      drawnFaces,
      shown,
      () => face("lw-face"),
      (item, person) => item.draw(person, shades.get(person.id) ?? 0),
    );
    setText(more, rest > 0 ? `+${count(rest)}` : "");
    show(more, rest > 0);
    show(row, shown.length > 0);
    show(waiting, !known && (verdict.state === "connecting" || verdict.state === "loading"));
    setText(words, known ? (options.compact ? count(total()) : headcount(people, total())) : "");
    show(words, known && !(options.compact && total() === 0));
    setText(spoken, known ? spokenPeople(people, total()) : `Who is here: ${verdict.word}`);
    mark.show(verdict);
    show(mark.element, verdict.state !== "live");
    setText(note, noteWords(verdict));
    show(note, note.textContent !== "");
    show(chevron, known);
    show(toggle, known || !waiting.hidden);
    toggle.setAttribute("aria-expanded", String(open));
    drawTrouble(verdict, known);
    show(panel, !panel.hidden || open);
    show(list, open && people.length > 0);
    show(foot, open && foot.textContent !== "");
    if (open) drawList();
    show(panel, (open && (people.length > 0 || !foot.hidden)) || !trouble.hidden);
  }

  function drawTrouble(verdict: Health, known: boolean): void {
    // A view that has never shown anybody says at once why; else one asks by opening the list.
    const said =
      verdict.banner !== null && (open || !known) ? `${verdict.banner} ${verdict.advice ?? ""}` : "";
    trouble.dataset.tone = verdict.tone;
    setText(trouble, said ? text(said, 600) : "");
    show(trouble, said !== "");
  }

  function drawList(): void {
    const listed = people.slice(0, LISTED);
    reconcile(list, drawnEntries, listed, entry, (item, person) => {
      item.draw(person, shades.get(person.id) ?? 0);
      item.tick(now());
    });
    const unlisted = total() - listed.length;
    const said = [
      unlisted > 0 ? `and ${count(unlisted)} more` : "",
      total() === 1 && people[0]?.isMe ? "Others show up here when they come." : "",
      people.length === 0 ? "Nobody is here. Who comes shows up here." : "",
    ];
    setText(foot, said.filter(Boolean).join(" · "));
    show(foot, foot.textContent !== "");
  }

  const paint = painter(draw, (milliseconds) => callbacks.onPainted(milliseconds), signal);
  everySecond(() => {
    if (open) for (const item of drawnEntries.values()) item.tick(now());
    if (root.dataset.state !== "live") paint();
    else if (health(facts, clock()).state !== "live") paint();
  }, signal);
  const announcer = window.setInterval(() => {
    // Who was here when one came is no news.
    if (told !== null) {
      const said = comings(told, people);
      if (said) setText(announced, said);
    }
    if (isVouched(facts)) told = people;
  }, ANNOUNCE_MS);
  signal.addEventListener("abort", () => window.clearInterval(announcer), { once: true });
  watchTheme(() => applyLooks(root, options), signal);

  return {
    setOptions(next) {
      options = next;
      applyLooks(root, options);
      paint();
    },
    setFeed(update) {
      const { rows, changed } = update;
      if (changed === null || changed.size > 0) people = readPeople(rows);
      setAttributes(root, { "data-people": people.length });
      kept.setFeed(update);
    },
    setLink: kept.setLink,
    setLost: kept.setLost,
  };
}
