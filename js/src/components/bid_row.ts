/** One target on the board of bids: what it bids, its terms to be changed, and what became of the last change. */
import { clickId } from "../lib/bid_edit";
import { bidOf } from "../lib/bid_terms";
import { amount, compare, percent } from "../lib/decimal";
import { icon, make, setAttributes, setIcon, setText, show } from "../lib/dom";
import { age, count, toTime } from "../lib/format";
import { type Bid, type BidChange, changeWords, limitWords, winRate } from "../lib/live_bidding";
import { type AmountCallbacks, type AmountField, amountField } from "./amount_field";
import { sparkline } from "./sparkline";

const UP = "M8 3.5 13 11H3z";
const DOWN = "M8 12.5 3 5h10z";
const CHECK = "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13m3.6 4.7L7.2 11 4.4 8.3l1.1-1.1 1.7 1.6 3.3-3.7z";
const RING = "M8 2.5a5.5 5.5 0 1 0 5.5 5.5H12A4 4 0 1 1 8 4z";
const TRIANGLE = "M8 2 15 14H1zm-.8 4.5v3.5h1.6V6.5zm0 4.5v1.5h1.6V11z";
const FORK = "M4 2h1.6v4.2L8 8.6l2.4-2.4V2H12v4.8L8.8 10v4H7.2v-4L4 6.8z";
const LOOKS = {
  pending: ["wait", RING],
  accepted: ["calling", RING],
  synced: ["good", CHECK],
  rejected: ["bad", TRIANGLE],
  conflict: ["warn", FORK],
} as const;
const STATUS: Record<string, readonly [word: string, tone: string, path: string]> = {
  active: ["Active", "good", "M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8"],
  paused: ["Paused", "neutral", "M4 3h2.8v10H4zm5.2 0H12v10H9.2z"],
  capped: ["Capped", "warn", "M2 3h12v2.2H2zm2 4h8v6H4z"],
};
const OTHER = "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3m0 1.6a3.4 3.4 0 1 1 0 6.8 3.4 3.4 0 0 1 0-6.8";
const shares = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
/** How long "Saved" is said; the undo stays. */
const SAID_MS = 12_000;

/** What all rows have in common. */
export interface BidContext {
  now: number;
  currency: string;
  step: string;
  /** Why nothing can be changed now; null where it can. */
  refusal: string | null;
  /** Only shown: no fields. */
  plain: boolean;
  selected: string | null;
  rated: boolean;
  campaigns: boolean;
}

export interface BidRowCallbacks extends Pick<AmountCallbacks, "onBusy"> {
  onSelect(key: string): void;
  /** Carry out something for a row; rejects with a `Trouble`. */
  onCommand(name: string, key: string, args: Record<string, string | null>): Promise<unknown>;
}

export interface BidRow {
  element: HTMLElement;
  draw(bid: Bid, context: BidContext, index: number): void;
  tick(context: BidContext): void;
  readonly busy: boolean;
}

export function bidRow(callbacks: BidRowCallbacks, signal: AbortSignal): BidRow {
  let bid: Bid | null = null;
  let changedAt = 0;
  let changeSeen = "";
  /** A command of the note is on its way: its buttons wait. */
  let asking = false;

  const name = make("button", "lw-bid-name", { type: "button", dir: "auto" });
  const buyer = make("span", "lw-bid-buyer", { dir: "auto" });
  const statusShape = icon("");
  const statusWord = make("span", "lw-bid-status-word");
  const status = make("span", "lw-bid-status", {}, statusShape, statusWord);
  const value = make("strong", "lw-bid-value lw-tabular");
  const arrow = icon("");
  const moved = make("span", "lw-bid-moved", { hidden: true }, arrow);
  const movedWords = make("span", "lw-quiet");
  const limit = make("span", "lw-bid-limit", { hidden: true });
  const range = make("span", "lw-bid-range lw-tabular");
  const won = make("span", "lw-bid-won lw-tabular");
  const wonAge = make("span", "lw-bid-age lw-tabular");
  const spark = sparkline();
  const rate = make("span", "lw-tabular");
  const requests = make("span", "lw-bid-age lw-tabular");
  const amounts = {
    bid: amountField("bid", { onSave: saver, onBusy: callbacks.onBusy }, signal),
    modifier: amountField("modifier", { onSave: saver, onBusy: callbacks.onBusy }, signal),
  };
  const shape = icon("");
  const word = make("span", "lw-bid-word");
  const undo = make("button", "lw-bid-action", { type: "button" }, "Undo");
  const state = make("span", "lw-bid-state", { hidden: true }, shape, word);
  const reason = make("span", "lw-bid-reason", { dir: "auto" });
  const mine = make("button", "lw-bid-action lw-strong", { type: "button" });
  const theirs = make("button", "lw-bid-action", { type: "button" });
  const again = make("button", "lw-bid-action", { type: "button" }, "Edit again");
  const dismiss = make("button", "lw-bid-action", { type: "button" }, "Dismiss");
  const noteShape = icon("");
  const noteWord = make("strong");
  const buttons = make("span", "lw-bid-buttons", {}, theirs, mine, again, dismiss);
  const note = make("div", "lw-bid-note", { hidden: true }, noteShape, noteWord, reason, buttons);
  const cell = (className: string, label: string, ...children: Node[]): HTMLElement =>
    make("div", `lw-bid-cell ${className}`, { role: "cell", "data-label": label }, ...children);
  const rateCell = cell("lw-bid-rate", "Win rate", rate, requests);
  const noteCell = make("div", "lw-bid-notes", { role: "cell" }, note);
  const element = make(
    "div",
    "lw-bid",
    { role: "row" },
    cell("lw-bid-who", "Target", name, make("span", "lw-bid-names", {}, status, buyer)),
    cell("lw-bid-now", "Bid", make("span", "lw-bid-line", {}, value, moved, movedWords), limit),
    cell("lw-bid-base", "Base bid", amounts.bid.element),
    cell("lw-bid-modifier", "Modifier", amounts.modifier.element),
    cell("lw-bid-limits", "Limits", range),
    cell("lw-bid-last", "Last win", make("span", "lw-bid-wins", {}, won, wonAge), spark.element),
    rateCell,
    cell("lw-bid-last-change", "Last change", state, undo),
    noteCell,
  );

  function saver(
    field: "bid" | "modifier",
    text: string,
    seen: string | null,
    click: string,
  ): Promise<unknown> {
    return callbacks.onCommand("set", bid?.key ?? "", { id: click, field, value: text, seen });
  }
  /** A click on a button of the row: one at a time, each with its own id. */
  function ask(command: string, args: Record<string, string> = {}): void {
    if (asking || !bid) return;
    asking = true;
    drawChange(bid.change);
    const end = (words: string): void => {
      asking = false;
      if (bid) drawChange(bid.change);
      if (words !== "") {
        show(note, true);
        setText(reason, words);
      }
    };
    callbacks.onCommand(command, bid.key, { id: clickId(), ...args }).then(
      () => end(""),
      (trouble: { message?: string; advice?: string }) =>
        end(`${trouble.message ?? ""} ${trouble.advice ?? ""}`.trim()),
    );
  }
  name.addEventListener("click", () => bid && callbacks.onSelect(bid.key), { signal });
  undo.addEventListener("click", () => ask("undo"), { signal });
  mine.addEventListener("click", () => ask("resolve", { choice: "mine" }), { signal });
  theirs.addEventListener("click", () => ask("resolve", { choice: "theirs" }), { signal });
  dismiss.addEventListener("click", () => ask("dismiss"), { signal });
  again.addEventListener(
    "click",
    () => {
      const change = bid?.change;
      if (!change) return;
      const field: AmountField = amounts[change.field];
      ask("dismiss");
      field.begin(change.mine ?? "");
    },
    { signal },
  );

  function drawMove(before: Bid | null, next: Bid): void {
    const way = before === null ? 0 : (compare(next.bid, before.bid) ?? 0);
    if (way === 0 || before === null) return;
    const up = way > 0;
    setIcon(arrow, up ? UP : DOWN);
    show(moved, true);
    moved.dataset.way = up ? "up" : "down";
    const from = amount(before.bid, "");
    moved.title = `${up ? "Raised" : "Lowered"} from ${from}`;
    setText(movedWords, moved.title);
    // Two names of one animation take turns: so it begins anew, without asking the browser to lay out in between.
    element.dataset.flash = `${up ? "up" : "down"}-${element.dataset.flash?.endsWith("-a") ? "b" : "a"}`;
  }

  function drawChange(change: BidChange | null): void {
    const loud = change !== null && (change.state === "rejected" || change.state === "conflict");
    show(state, change !== null && !loud && (change.state !== "synced" || Date.now() - changedAt < SAID_MS));
    show(undo, change?.canUndo === true && latest !== null && !latest.plain);
    undo.disabled = asking || latest?.refusal !== null;
    show(note, loud);
    show(noteCell, loud);
    if (change === null) return;
    const [tone, path] = LOOKS[change.state];
    state.dataset.tone = note.dataset.tone = tone;
    setIcon(shape, path);
    setText(word, changeWords(change));
    const what = (text: string | null): string =>
      change.field === "bid" ? amount(text, latest?.currency ?? "") : percent(text);
    undo.title = change.before === null ? "" : `Back to ${what(change.before)}`;
    if (!loud) return;
    const conflict = change.state === "conflict";
    setIcon(noteShape, path);
    setText(noteWord, changeWords(change));
    setText(
      reason,
      conflict
        ? `Yours ${what(change.mine)} · theirs ${what(change.theirs)}`
        : [change.mine === null ? "" : `${what(change.mine)}:`, change.message, change.advice]
            .filter(Boolean)
            .join(" "),
    );
    for (const button of [mine, theirs, again, dismiss]) button.disabled = asking;
    const locked = change.mine === null || latest === null || latest.refusal !== null || bid?.denied !== null;
    mine.disabled ||= locked;
    show(buttons, latest?.plain === false);
    show(mine, conflict);
    show(theirs, conflict);
    show(again, !conflict && !locked);
    show(dismiss, !conflict);
    setText(mine, `Use mine, ${what(change.mine)}`);
    setText(theirs, `Keep theirs, ${what(change.theirs)}`);
  }

  let latest: BidContext | null = null;
  let at = -1;
  return {
    element,
    get busy() {
      return amounts.bid.busy || amounts.modifier.busy || asking;
    },
    draw(next, context, index) {
      const before = bid;
      if (before === next && latest === context && at === index) {
        this.tick(context);
        return;
      }
      latest = context;
      at = index;
      if (before !== next) {
        drawMove(before, next);
        bid = next;
        const seen = next.change === null ? "" : `${next.change.id} ${next.change.state}`;
        if (seen !== changeSeen) {
          changeSeen = seen;
          // What was there when the view came is no news.
          changedAt = before === null ? 0 : Date.now();
        }
        if (next.change) for (const field of Object.values(amounts)) field.taken(next.change.id);
      }
      setAttributes(element, { "aria-rowindex": index + 2 });
      const selected = context.selected === next.key;
      element.classList.toggle("lw-selected", selected);
      setAttributes(name, { "aria-pressed": selected ? "true" : "false", title: next.name });
      setText(name, next.name);
      setText(buyer, [next.buyer, context.campaigns ? next.campaign : ""].filter(Boolean).join(" · "));
      const [says, tone, path] = STATUS[next.status] ?? [next.status, "neutral", OTHER];
      show(status, next.status !== "");
      status.dataset.tone = tone;
      setIcon(statusShape, path);
      setText(statusWord, says);
      setText(value, amount(next.bid ?? bidOf(next).bid, context.currency));
      const held = limitWords(next);
      show(limit, held !== null);
      if (held) {
        limit.dataset.tone = held.tone;
        setText(limit, held.words);
      }
      setText(
        range,
        next.least === null && next.most === null
          ? "no limits"
          : `${amount(next.least, context.currency)} – ${amount(next.most, context.currency)}`,
      );
      setText(won, amount(next.won, context.currency));
      spark.element.style.visibility = next.trend.length > 1 ? "" : "hidden";
      spark.draw(next.trend, { zero: false });
      show(rateCell, context.rated);
      const share = winRate(next);
      setText(rate, share === null ? "—" : shares.format(share));
      setText(requests, next.requests === null ? "" : `of ${count(next.requests)}`);
      const refusal = context.refusal ?? next.denied;
      const shared = { terms: next, currency: context.currency, step: context.step, refusal, of: next.name };
      for (const field of Object.values(amounts)) field.draw({ ...shared, plain: context.plain });
      drawChange(next.change);
      this.tick(context);
    },
    tick(context) {
      if (!bid) return;
      const time = toTime(bid.wonAt);
      // A win of tomorrow is a fault of a clock.
      const known = bid.won !== null && time !== null && time < context.now + 60_000;
      setText(wonAge, known ? `${age(context.now - time)} ago` : "");
      if (bid.change?.state === "synced" && !state.hidden && Date.now() - changedAt >= SAID_MS)
        show(state, false);
    },
  };
}
