/** Who is here, in words and colours. Pure. */
import { age, count, text, toNumber } from "./format";
import type { Row, Rows } from "./rows";

export interface Person {
  id: string;
  name: string;
  /** What they do; empty where they do not say. */
  doing: string;
  /** Kernel ms; null where it is not known. */
  since: number | null;
  isMe: boolean;
  /** In how many tabs or programs. */
  count: number;
  /** From a keyed hash, the same for all who look. */
  shade: number;
}

/** Colours of faces that are told apart; neighbours of the hash take the next one that is free. */
export const SHADES = 12;
const LONGEST_NAME = 80;
const NAMELESS = "Somebody";

/** Read a row; what people say of themselves is not trusted. */
export function readPerson(id: string, row: Row): Person {
  const name = text(row.name, LONGEST_NAME);
  const doing = text(row.doing, 160);
  return {
    id,
    name: name === "—" ? NAMELESS : name,
    doing: doing === "—" ? "" : doing,
    since: toNumber(row.since),
    isMe: row.is_me === true,
    count: Math.min(9_999, Math.max(1, Math.floor(toNumber(row.count) ?? 1))),
    shade: Math.abs(Math.floor(toNumber(row.shade) ?? 0)),
  };
}

/** All who are here: oneself first, then those who are here longest. */
export function readPeople(rows: Rows): Person[] {
  return [...rows]
    .map(([id, row]) => readPerson(id, row))
    .sort(
      (a, b) =>
        Number(b.isMe) - Number(a.isMe) ||
        (a.since ?? Number.POSITIVE_INFINITY) - (b.since ?? Number.POSITIVE_INFINITY) ||
        (a.id < b.id ? -1 : 1),
    );
}

let segmenter: Intl.Segmenter | null = null;

/** The first letter of a word as people count letters: an emoji of seven code points is one. */
function firstLetter(word: string): string {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  for (const { segment } of segmenter.segment(word.slice(0, 64))) {
    if (/[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(segment)) return segment;
  }
  return "";
}

/** "Ana Ruiz" gives AR; where there are no letters, a question mark. */
export function initials(name: string): string {
  // An address is known by its first letter: what follows is masked or the same for all.
  const words = name.includes("@") ? [name] : name.split(/[\s._-]+/).filter(Boolean);
  const first = firstLetter(words[0] ?? "");
  const last = words.length > 1 ? firstLetter(words.at(-1) ?? "") : "";
  return `${first}${last}`.toLocaleUpperCase() || "?";
}

/**
 * A colour for each, by the hash; of two that would have the same, the later gets the next free one. Who has one keeps it
 * for as long as they are here, whoever comes or goes.
 */
export function shadesOf(
  people: readonly Person[],
  before: ReadonlyMap<string, number>,
): Map<string, number> {
  const shades = new Map<string, number>();
  const taken = new Set<number>();
  for (const { id } of people) {
    const had = before.get(id);
    if (had === undefined) continue;
    shades.set(id, had);
    taken.add(had);
  }
  for (const { id, shade } of people) {
    if (shades.has(id)) continue;
    let wish = shade % SHADES;
    for (let tries = 0; tries < SHADES && taken.has(wish); tries++) wish = (wish + 1) % SHADES;
    // Where all are taken, the hash decides again.
    if (taken.has(wish)) wish = shade % SHADES;
    shades.set(id, wish);
    taken.add(wish);
  }
  return shades;
}

/** The faces that are shown, and how many more there are. A single one more is shown itself. */
export function faces(people: readonly Person[], total: number, most: number): [readonly Person[], number] {
  const places = Math.max(1, most);
  const shown = people.length === total && total === places + 1 ? people : people.slice(0, places);
  return [shown, Math.max(0, total - shown.length)];
}

/** "Only you", "3 here". */
export function headcount(people: readonly Person[], total: number): string {
  if (total === 0) return "Nobody here";
  if (total === 1 && people[0]?.isMe) return "Only you";
  return `${count(total)} here`;
}

/** "here for 12 min". */
export function stayed(person: Person, now: number): string {
  if (person.since === null || !Number.isFinite(now)) return "";
  const passed = now - person.since;
  // A century is no stay but a wrong clock.
  if (passed > 3.2e12) return "";
  return passed < 5_000 ? "just came" : `here for ${age(passed)}`;
}

/** What a screen reader is told of the faces. */
export function spokenPeople(people: readonly Person[], total: number): string {
  const names = people.slice(0, 5).map((person) => (person.isMe ? `${person.name} (you)` : person.name));
  const more = total - names.length;
  return `${headcount(people, total)}: ${names.join(", ")}${more > 0 ? ` and ${count(more)} more` : ""}`;
}

/** Who came and who went, in one sentence; empty where nobody did. Oneself is no news. */
export function comings(before: readonly Person[], after: readonly Person[]): string {
  const was = new Set(before.map(({ id }) => id));
  const is = new Set(after.map(({ id }) => id));
  const said = (people: Person[], one: string, several: string): string => {
    const names = people.slice(0, 3).map(({ name }) => name);
    const more = people.length - names.length;
    if (names.length === 0) return "";
    const all = `${names.join(", ")}${more > 0 ? ` and ${count(more)} more` : ""}`;
    return `${all} ${people.length === 1 ? one : several}.`;
  };
  return [
    said(
      after.filter((person) => !person.isMe && !was.has(person.id)),
      "is here",
      "are here",
    ),
    said(
      before.filter((person) => !person.isMe && !is.has(person.id)),
      "has left",
      "have left",
    ),
  ]
    .filter(Boolean)
    .join(" ");
}
