import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  answered,
  CLOSED,
  cancel,
  clickId,
  type Draft,
  type DraftEvent,
  type DraftState,
  isSame,
  refused,
  save,
  step,
  stepOf,
  TRANSITIONS,
  type,
} from "./bid_edit";
import { compare } from "./decimal";

const TERMS = { base: "20.00", modifier: "10", least: "10.00", most: "30.00" };
const NO = { kind: "NotConnected", message: "There is no connection.", advice: "Try again." };
const LATE = { kind: "Timeout", message: "No answer.", advice: "" };
let ids = 0;
const makeId = (): string => `click-${++ids}`;
const sent = (): Draft => save(type(CLOSED, "21", "bid", TERMS), makeId);

describe("a draft", () => {
  it("has a next state for every state and event", () => {
    const states: DraftState[] = ["closed", "valid", "invalid", "sending", "refused"];
    const events: DraftEvent[] = ["good", "bad", "save", "cancel", "answered", "refused"];
    expect(Object.keys(TRANSITIONS)).toEqual(states);
    for (const state of states) expect(Object.keys(TRANSITIONS[state])).toEqual(events);
  });
  it("begins with the value that was there", () => {
    const draft = type(CLOSED, "21", "bid", TERMS);
    expect(draft).toEqual({ state: "valid", text: "21", seen: "20.00", click: null, words: null });
    const later = type(draft, "5", "bid", { ...TERMS, base: "25.00" });
    expect(later).toMatchObject({ state: "invalid", seen: "20.00", words: "Below the minimum of 10.00." });
    expect(isSame(type(CLOSED, "20", "bid", TERMS), TERMS.base)).toBe(true);
  });
  it("steps within the limits, and towards them from outside", () => {
    const up = step(CLOSED, "0.50", "bid", TERMS);
    expect(up).toMatchObject({ state: "valid", text: "20.50" });
    expect(step(up, "-1", "bid", TERMS).text).toBe("19.50");
    expect(step(CLOSED, "50", "bid", TERMS).text).toBe("30.00");
    expect(step(CLOSED, "-50", "bid", TERMS)).toMatchObject({ text: "10.00", state: "valid" });
    expect(step(CLOSED, "-1", "bid", { ...TERMS, base: "40" })).toMatchObject({
      text: "39.00",
      state: "invalid",
    });
    expect(step(CLOSED, "1", "modifier", TERMS).text).toBe("11");
    expect(step(type(CLOSED, "x", "bid", TERMS), "1", "bid", TERMS).text).toBe("21.00");
  });
  it("takes the keys of a spin button", () => {
    expect(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "a"].map((key) => stepOf(key, "0.25"))).toEqual([
      "0.25",
      "-0.25",
      "2.50",
      "-2.50",
      null,
    ]);
  });
  it("is sent once, however often it is clicked", () => {
    const draft = sent();
    expect(draft.state).toBe("sending");
    expect(save(draft, makeId)).toBe(draft);
    expect(cancel(draft)).toBe(draft);
    expect(type(draft, "29", "bid", TERMS)).toBe(draft);
    expect(answered(draft, draft.click as string)).toEqual(CLOSED);
    expect(answered(draft, "another")).toBe(draft);
  });
  it("is not sent while something is wrong", () => {
    const draft = type(CLOSED, "99", "bid", TERMS);
    expect(save(draft, makeId)).toBe(draft);
    expect(save(CLOSED, makeId)).toBe(CLOSED);
    expect(cancel(draft)).toBe(CLOSED);
  });
  it("is another click after a refusal, and the same one after no answer", () => {
    const one = sent();
    const no = refused(one, one.click as string, NO);
    expect(no).toMatchObject({
      state: "refused",
      click: null,
      words: "There is no connection. Try again.",
      text: "21",
    });
    expect(save(no, makeId).click).not.toBe(one.click);
    const late = refused(one, one.click as string, LATE);
    expect(save(late, makeId).click).toBe(one.click);
    expect(save(type(late, "21.0", "bid", TERMS), makeId).click).not.toBe(one.click);
    expect(save(type(late, "21", "bid", TERMS), makeId).click).toBe(one.click);
    expect(answered(late, one.click as string)).toEqual(CLOSED);
    expect(refused(one, "another", NO)).toBe(one);
  });
  it("sends only what is right, whatever is done to it", () => {
    const action = fc.oneof(
      fc.tuple(
        fc.constant("type" as const),
        fc.oneof(fc.string(), fc.double().map(String), fc.constantFrom("12", "30.01", "10")),
      ),
      fc.tuple(fc.constant("step" as const), fc.constantFrom("0.50", "-0.50", "5", "-5")),
      fc.tuple(
        fc.constantFrom(
          "save" as const,
          "cancel" as const,
          "answer" as const,
          "refuse" as const,
          "late" as const,
        ),
        fc.constant(""),
      ),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        let draft: Draft = CLOSED;
        const clicks = new Map<string, string>();
        for (const [name, text] of actions) {
          if (name === "type") draft = type(draft, text, "bid", TERMS);
          if (name === "step") draft = step(draft, text, "bid", TERMS);
          if (name === "save") draft = save(draft, makeId);
          if (name === "cancel") draft = cancel(draft);
          if (name === "answer") draft = answered(draft, draft.click ?? "");
          if (name === "refuse") draft = refused(draft, draft.click ?? "", NO);
          if (name === "late") draft = refused(draft, draft.click ?? "", LATE);
          if (draft.state === "sending") {
            const value = draft.text.replace(/^\+/, "").trim();
            expect(compare(value.replace(/\.$/, ""), "10") === -1 || compare(value, "30") === 1).toBe(false);
            // A click has one meaning for ever.
            const known = clicks.get(draft.click as string);
            expect(known === undefined || known === value).toBe(true);
            clicks.set(draft.click as string, value);
          }
          if (draft.state === "closed") expect(draft).toEqual(CLOSED);
        }
      }),
    );
  });
  it("makes ids that differ", () => {
    expect(clickId()).toMatch(/^[0-9a-f]{32}$/);
    expect(clickId()).not.toBe(clickId());
  });
});
