/** One call as a row of the grid. The same elements make the wide row and the two lines of a narrow one. */
import { type Call, callDuration, callValue, lookOf } from "../lib/calls";
import { icon, make, setAttributes, setIcon, setText } from "../lib/dom";
import { duration, fullMoment, moment, money, text } from "../lib/format";

/** Seconds before the end of its stay in which an ended call fades. */
const FADE_MS = 4_000;

export interface RowContext {
  now: number;
  money: boolean;
  linger: number | null;
  currency: string;
}

export interface CallRow {
  element: HTMLElement;
  /** Begin to show another call; nothing of the one before stays. */
  adopt(key: string): void;
  draw(call: Call, context: RowContext): void;
  /** What the passing of time alone changes. */
  tick(call: Call, context: RowContext): void;
  place(index: number, top: number, selected: boolean, active: boolean): void;
  arrive(): void;
}

export const COLUMNS = [
  { field: "status", label: "Status", end: false },
  { field: "caller", label: "Caller", end: false },
  { field: "campaign", label: "Campaign", end: false },
  { field: "buyer", label: "Buyer", end: false },
  { field: "agent", label: "Agent", end: false },
  { field: "created_at", label: "Started", end: true },
  { field: "duration", label: "Duration", end: true },
  { field: "value", label: "Bid / revenue", end: true },
] as const;

/** Play the change once more. Two names for one animation: restarting one by its own name would cost a layout. */
function flash(element: HTMLElement): void {
  const again = element.classList.contains("lw-changed");
  element.classList.toggle("lw-changed", !again);
  element.classList.toggle("lw-changed-again", again);
}

export function callRow(id: string): CallRow {
  const cell = (name: string, index: number, ...children: Node[]): HTMLElement =>
    make("div", `lw-cell lw-${name}`, { role: "gridcell", "aria-colindex": index, dir: "auto" }, ...children);
  const shape = icon("");
  const label = make("span", "lw-chip-label");
  const chip = make("span", "lw-chip", {}, shape, label);
  const place = make("span", "lw-sub");
  const callerText = make("span", "lw-tabular");
  const kind = make("span", "lw-kind");
  const amount = make("span", "lw-amount");
  const cells = {
    status: cell("status", 1, chip),
    caller: cell("caller", 2, callerText, place),
    campaign: cell("campaign", 3),
    buyer: cell("buyer", 4),
    agent: cell("agent", 5),
    started: cell("started", 6),
    duration: cell("duration", 7),
    value: cell("value", 8, kind, amount),
  };
  const element = make("div", "lw-row", { role: "row", id }, ...Object.values(cells));
  element.addEventListener("animationend", (event) => {
    if (event.target === element) element.classList.remove("lw-arrived");
  });
  let drawn: Call | null = null;

  const tick = (call: Call, context: RowContext): void => {
    setText(cells.duration, duration(callDuration(call, context.now)));
    const left =
      call.ended && context.linger !== null
        ? call.lingerFrom + context.linger * 1000 - context.now
        : Number.POSITIVE_INFINITY;
    element.classList.toggle("lw-leaving", left < FADE_MS);
  };

  return {
    element,
    tick,
    adopt(key) {
      drawn = null;
      element.dataset.key = key;
      element.classList.remove("lw-arrived");
      for (const flashed of [chip, amount]) flashed.classList.remove("lw-changed", "lw-changed-again");
    },
    draw(call, context) {
      if (drawn === call) {
        tick(call, context);
        return;
      }
      const { row } = call;
      const look = lookOf(call.status);
      const changed = drawn !== null && drawn.status !== call.status;
      setIcon(shape, look.path);
      setText(label, look.label);
      chip.dataset.tone = look.tone;
      const raw = typeof row.status_raw === "string" ? row.status_raw : "";
      setAttributes(chip, { title: raw && raw !== call.status ? text(raw) : null });
      setText(callerText, text(row.caller));
      setText(place, row.caller_state ? text(row.caller_state, 24) : "");
      for (const name of ["campaign", "buyer", "agent"] as const) {
        const value = text(row[name]);
        if (setText(cells[name], value)) cells[name].title = value;
      }
      setText(cells.started, moment(call.createdAt, context.now));
      cells.started.title = fullMoment(call.createdAt);
      const value = callValue(call);
      const before = amount.textContent;
      setText(amount, money(value.amount, context.currency));
      setText(kind, value.amount === null || value.kind === "revenue" ? "" : "bid");
      element.classList.toggle("lw-ended", call.ended);
      element.classList.toggle("lw-waiting", call.connectedAt === null);
      element.classList.toggle("lw-converted", row.is_converted === true);
      element.classList.toggle("lw-duplicate", row.is_duplicate === true);
      if (changed) flash(chip);
      if (drawn !== null && value.kind === "revenue" && before !== amount.textContent) flash(amount);
      drawn = call;
      tick(call, context);
    },
    place(index, top, selected, active) {
      element.style.transform = `translateY(${top}px)`;
      setAttributes(element, { "aria-rowindex": index + 2, "aria-selected": selected ? "true" : "false" });
      element.classList.toggle("lw-active", active);
    },
    arrive() {
      element.classList.add("lw-arrived");
    },
  };
}
