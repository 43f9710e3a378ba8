/**
 * A change of a bid from the first key to the kernel's answer. What becomes of it after that stands in the row.
 *
 * ::
 *
 *     closed ──good──► valid ──save──► sending ──answered──► closed
 *        └────bad────► invalid            └────refused────► refused ──save──► sending
 *
 * A second click while it is being sent does nothing; one that went without an answer is said again with the same id,
 * which the kernel carries out once.
 */

import { type BidField, problem, type Terms } from "./bid_terms";
import { add, compare, fixed, isDecimal, negative, trimmed, typed } from "./decimal";
import type { Trouble } from "./protocol";

export type DraftState = "closed" | "valid" | "invalid" | "sending" | "refused";
export type DraftEvent = "good" | "bad" | "save" | "cancel" | "answered" | "refused";

/** Every state and every event; an event that means nothing in a state leaves it as it is. */
export const TRANSITIONS: Record<DraftState, Record<DraftEvent, DraftState>> = {
  closed: {
    good: "valid",
    bad: "invalid",
    save: "closed",
    cancel: "closed",
    answered: "closed",
    refused: "closed",
  },
  valid: {
    good: "valid",
    bad: "invalid",
    save: "sending",
    cancel: "closed",
    answered: "valid",
    refused: "valid",
  },
  invalid: {
    good: "valid",
    bad: "invalid",
    save: "invalid",
    cancel: "closed",
    answered: "invalid",
    refused: "invalid",
  },
  sending: {
    good: "sending",
    bad: "sending",
    save: "sending",
    cancel: "sending",
    answered: "closed",
    refused: "refused",
  },
  refused: {
    good: "valid",
    bad: "invalid",
    save: "sending",
    cancel: "closed",
    answered: "closed",
    refused: "refused",
  },
};

export interface Draft {
  readonly state: DraftState;
  /** What stands in the field. */
  readonly text: string;
  /** The value that was there when it was begun: if that has changed, the kernel asks which one it shall be. */
  readonly seen: string | null;
  /** Names the click that sent it. */
  readonly click: string | null;
  /** What is wrong, in words. */
  readonly words: string | null;
}

export const CLOSED: Draft = { state: "closed", text: "", seen: null, click: null, words: null };

/** The id of a click. Not by `randomUUID`, which pages without https do not have. */
export function clickId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

/** Troubles that leave it open whether the kernel has carried it out. */
const UNANSWERED: ReadonlySet<string> = new Set(["Timeout", "KernelBusy", "NoKernel"]);

/** Somebody types, or has pressed a step: `text` as it stands in the field. */
export function type(draft: Draft, text: string, field: BidField, terms: Terms): Draft {
  if (draft.state === "sending") return draft;
  const value = typed(text);
  const words = problem(field, value, terms);
  const now = field === "bid" ? terms.base : terms.modifier;
  return {
    state: TRANSITIONS[draft.state][words === null ? "good" : "bad"],
    text: text.slice(0, 80),
    seen: draft.state === "closed" ? now : draft.seen,
    // Another value is another click.
    click: draft.click !== null && typed(draft.text) === value ? draft.click : null,
    words,
  };
}

/** Add a step to what stands in the field, or to the value where nothing does; never beyond the limits by itself. */
export function step(draft: Draft, by: string, field: BidField, terms: Terms): Draft {
  const now = (field === "bid" ? terms.base : terms.modifier) ?? "0";
  const from = draft.state === "closed" ? now : typed(draft.text);
  let next = add(isDecimal(from) ? from : now, by);
  const up = !by.startsWith("-");
  const [least, most] = field === "bid" ? [terms.least ?? "0", terms.most] : ["-100", "1000"];
  // A step from within stops at the limit; from outside it goes towards it.
  if (up && compare(from, most) !== 1 && compare(next, most) === 1) next = most ?? next;
  if (!up && compare(from, least) !== -1 && compare(next, least) === -1) next = least;
  return type(draft, field === "bid" ? fixed(next, 2) : trimmed(next), field, terms);
}

/** Steps up and down, as keys mean them. */
export function stepOf(key: string, size: string): string | null {
  switch (key) {
    case "ArrowUp":
      return size;
    case "ArrowDown":
      return negative(size);
    case "PageUp":
      return tenfold(size);
    case "PageDown":
      return negative(tenfold(size));
    default:
      return null;
  }
}

function tenfold(size: string): string {
  let sum = size;
  for (let times = 1; times < 10; times++) sum = add(sum, size);
  return sum;
}

/** Send it; the id is made here, so that each click has one. The same draft where there is nothing to send. */
export function save(draft: Draft, makeId: () => string): Draft {
  const state = TRANSITIONS[draft.state].save;
  if (state !== "sending" || draft.state === "sending") return draft;
  return { ...draft, state, click: draft.click ?? makeId(), words: null };
}

/** Whether the draft means the value that is there already. */
export function isSame(draft: Draft, now: string | null): boolean {
  return compare(typed(draft.text), now) === 0;
}

export function cancel(draft: Draft): Draft {
  return draft.state === "sending" ? draft : CLOSED;
}

/** The kernel has answered a click. */
export function answered(draft: Draft, click: string): Draft {
  return draft.click === click ? { ...CLOSED } : draft;
}

/** The kernel has refused a click, or did not answer. */
export function refused(draft: Draft, click: string, trouble: Trouble): Draft {
  if (draft.click !== click || draft.state !== "sending") return draft;
  return {
    ...draft,
    state: TRANSITIONS.sending.refused,
    click: UNANSWERED.has(trouble.kind) ? click : null,
    words: `${trouble.message} ${trouble.advice}`.trim(),
  };
}
