/** An amount that is changed in place: steps, direct entry, save and cancel. Enter saves, Escape cancels. */
import {
  answered,
  CLOSED,
  cancel,
  clickId,
  type Draft,
  isSame,
  refused,
  save,
  step,
  stepOf,
  type,
} from "../lib/bid_edit";
import { type BidField, LEAST_MODIFIER, MOST_MODIFIER, PLACES, type Terms } from "../lib/bid_terms";
import { amount, fixed, negative, percent, trimmed, typed } from "../lib/decimal";
import { icon, make, setAttributes, setText, show } from "../lib/dom";
import type { Trouble } from "../lib/protocol";

const MINUS = "M3 7.2h10v1.6H3z";
const PLUS = "M7.2 3h1.6v4.2H13v1.6H8.8V13H7.2V8.8H3V7.2h4.2z";
const CHECK = "m6.4 12.2-3.9-3.8 1.2-1.2 2.7 2.6 5.9-6 1.2 1.2z";
const CROSS = "m4.1 3 3.9 3.9L11.9 3 13 4.1 9.1 8l3.9 3.9-1.1 1.1L8 9.1 4.1 13 3 11.9 6.9 8 3 4.1z";

export interface AmountState {
  terms: Terms;
  currency: string;
  /** What one press adds. */
  step: string;
  /** Why it cannot be changed; null where it can. */
  refusal: string | null;
  /** Shown only: no field at all. */
  plain: boolean;
  /** The name of the row, for who cannot see it. */
  of: string;
}

export interface AmountField {
  element: HTMLElement;
  draw(state: AmountState): void;
  /** Whether somebody is about to change it. */
  readonly busy: boolean;
  /** Begin to type this. */
  begin(text: string): void;
  /** The row holds what this click has sent. */
  taken(click: string): void;
}

export interface AmountCallbacks {
  /** Send a change; rejects with a `Trouble`. */
  onSave(field: BidField, value: string, seen: string | null, click: string): Promise<unknown>;
  /** A draft was begun or ended. */
  onBusy(): void;
}

export function amountField(field: BidField, callbacks: AmountCallbacks, signal: AbortSignal): AmountField {
  const label = field === "bid" ? "Base bid" : "Modifier";
  // Unlike that of any other view on the page, which has a script of its own.
  const id = `lw-bid-amount-${clickId()}`;
  const less = make("button", "lw-step", { type: "button", tabindex: -1, "aria-label": "Less" }, icon(MINUS));
  const more = make("button", "lw-step", { type: "button", tabindex: -1, "aria-label": "More" }, icon(PLUS));
  const input = make("input", "lw-bid-amount-input lw-tabular", {
    type: "text",
    role: "spinbutton",
    inputmode: "decimal",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": id,
  });
  const unit = make("span", "lw-bid-amount-unit", { "aria-hidden": "true" }, field === "modifier" ? "%" : "");
  const ok = make("button", "lw-bid-amount-save", { type: "button" }, icon(CHECK));
  const no = make("button", "lw-bid-amount-cancel", { type: "button" }, icon(CROSS));
  const ends = make("span", "lw-bid-amount-ends", { hidden: true }, ok, no);
  const box = make("span", "lw-bid-amount-box", {}, less, input, unit, more);
  const words = make("span", "lw-bid-amount-words", { id, role: "alert", dir: "auto" });
  const text = make("span", "lw-bid-amount-plain lw-tabular", { hidden: true });
  const element = make(
    "div",
    "lw-bid-amount",
    {},
    make("span", "lw-bid-amount-line", {}, box, ends),
    words,
    text,
  );
  let draft: Draft = CLOSED;
  let state: AmountState | null = null;

  const now = (terms: Terms): string | null => (field === "bid" ? terms.base : terms.modifier);
  const written = (value: string): string => (field === "bid" ? fixed(value, PLACES) : trimmed(value));
  const spoken = (value: string | null, currency: string): string =>
    field === "bid" ? amount(value, currency) : percent(value);

  function become(next: Draft): void {
    const was = draft.state === "closed";
    draft = next;
    paint();
    if (was !== (draft.state === "closed")) callbacks.onBusy();
  }

  function paint(): void {
    if (!state) return;
    const { terms, currency, refusal, plain, of } = state;
    const value = now(terms);
    show(text, plain);
    show(element.firstElementChild as HTMLElement, !plain);
    show(words, !plain && draft.words !== null);
    if (plain) {
      setText(text, spoken(value, currency));
      return;
    }
    const shown = draft.state === "closed" ? (value === null ? "" : written(value)) : draft.text;
    if (input.value !== shown) input.value = shown;
    const sending = draft.state === "sending";
    const open = draft.state !== "closed";
    element.dataset.draft = draft.state;
    const off = refusal !== null || value === null;
    for (const button of [less, more]) button.disabled = off || sending;
    const valued = draft.state === "closed" ? value : typed(draft.text);
    setAttributes(input, {
      readonly: off || sending,
      "aria-disabled": off ? "true" : null,
      "aria-busy": sending ? "true" : null,
      "aria-label": `${label} of ${of}`,
      "aria-invalid": draft.words !== null ? "true" : null,
      "aria-valuenow": draft.state === "invalid" ? null : valued,
      "aria-valuetext": draft.state === "invalid" ? draft.text : spoken(valued, currency),
      "aria-valuemin": field === "bid" ? (terms.least ?? "0") : LEAST_MODIFIER,
      "aria-valuemax": field === "bid" ? terms.most : MOST_MODIFIER,
      title: refusal ?? null,
    });
    show(ends, open);
    ok.disabled = sending || off || draft.state === "invalid";
    no.disabled = sending;
    setAttributes(ok, { "aria-label": `Save ${label.toLowerCase()} of ${of}`, title: "Save (Enter)" });
    setAttributes(no, { "aria-label": `Cancel ${label.toLowerCase()} of ${of}`, title: "Cancel (Escape)" });
    setText(words, draft.words ?? "");
  }

  function send(): void {
    if (!state || state.refusal !== null) return;
    if (draft.state !== "closed" && isSame(draft, now(state.terms)) && draft.click === null) {
      become(CLOSED);
      return;
    }
    const next = save(draft, clickId);
    const click = next.click;
    if (next === draft || click === null) return;
    become(next);
    callbacks.onSave(field, fixed(typed(next.text), PLACES), next.seen, click).then(
      () => become(answered(draft, click)),
      (trouble: Trouble) => become(refused(draft, click, trouble)),
    );
  }

  function press(by: string): void {
    if (state && state.refusal === null && now(state.terms) !== null)
      become(step(draft, by, field, state.terms));
  }
  const size = (): string => (field === "bid" ? (state?.step ?? "1") : "1");
  less.addEventListener("click", () => press(negative(size())), { signal });
  more.addEventListener("click", () => press(size()), { signal });
  ok.addEventListener("click", send, { signal });
  no.addEventListener(
    "click",
    () => {
      become(cancel(draft));
      input.focus();
    },
    { signal },
  );
  input.addEventListener(
    "input",
    () => {
      if (state && !input.readOnly) become(type(draft, input.value, field, state.terms));
    },
    { signal },
  );
  input.addEventListener("focus", () => !input.readOnly && input.select(), { signal });
  element.addEventListener(
    "keydown",
    (event) => {
      const by = event.target === input ? stepOf(event.key, size()) : null;
      if (by !== null) press(by);
      else if (event.key === "Enter" && event.target === input) send();
      else if (event.key === "Escape" && draft.state !== "closed") {
        become(cancel(draft));
        input.focus();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );

  return {
    element,
    draw(next) {
      state = next;
      // What is being typed is judged by the limits as they are now.
      if (draft.state === "valid" || draft.state === "invalid")
        draft = type(draft, draft.text, field, next.terms);
      paint();
    },
    get busy() {
      return draft.state !== "closed";
    },
    begin(begun) {
      if (!state || state.plain) return;
      become(type(draft, begun, field, state.terms));
      input.focus();
    },
    taken(click) {
      if (draft.click === click && draft.state !== "closed") become(answered(draft, click));
    },
  };
}
