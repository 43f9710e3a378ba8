/** The list of what was told: newest first, each with its time, what became of it, and what can be done. */
import { icon, make, setAttributes, setIcon, setText, show } from "../lib/dom";
import { count, fullMoment } from "../lib/format";
import { ago, lookOf, type Notice, stateWords } from "../lib/notices";
import { acknowledgeButton, CROSS, type Deed } from "./toast_card";

export interface ListContext {
  now: number;
  busy: ReadonlySet<string>;
  refused: ReadonlyMap<string, string>;
  /** What is newer than this was not read before the list was opened (kernel ms). */
  readUntil: number;
}

export interface ToastList {
  element: HTMLElement;
  draw(notices: readonly Notice[], context: ListContext): void;
  /** What the passing of time alone changes. */
  tick(now: number): void;
}

interface Item {
  element: HTMLElement;
  draw(notice: Notice, context: ListContext): void;
  tick(now: number): void;
}

let items = 0;

function listItem(onDeed: (deed: Deed, name: string) => void): Item {
  const id = `lw-told-${++items}`;
  const shape = icon("");
  const kind = make("span", "lw-told-kind");
  const title = make("strong", "lw-told-title", { dir: "auto" });
  const times = make("span", "lw-told-times");
  const text = make("p", "lw-told-text", { dir: "auto" });
  const reason = make("p", "lw-told-reason", { id: `${id}-reason`, dir: "auto" });
  const time = make("time", "lw-told-time");
  const state = make("span", "lw-told-state");
  const acknowledge = make("button", "lw-told-button", { type: "button" });
  const action = make("button", "lw-told-button", { type: "button", dir: "auto" });
  const close = make("button", "lw-told-close", { type: "button" }, icon(CROSS));
  const foot = make("div", "lw-told-foot", {}, state, acknowledge, action);
  const element = make(
    "li",
    "lw-told",
    {},
    shape,
    make(
      "div",
      "lw-told-body",
      {},
      make("div", "lw-told-head", {}, kind, title, times, time),
      text,
      reason,
      foot,
    ),
    close,
  );
  let shown: Notice | null = null;
  const press = (deed: Deed): void => {
    if (shown) onDeed(deed, shown.name);
  };
  acknowledge.addEventListener("click", () => {
    if (acknowledge.getAttribute("aria-disabled") !== "true") press("acknowledge");
  });
  action.addEventListener("click", () => {
    if (action.getAttribute("aria-disabled") !== "true") press("act");
  });
  close.addEventListener("click", () => press("dismiss"));

  const tick = (now: number): void => {
    if (shown) setText(time, ago(shown.changed, now));
  };
  return {
    element,
    tick,
    draw(notice, context) {
      shown = notice;
      const look = lookOf(notice);
      const busy = context.busy.has(notice.name);
      element.dataset.tone = look.tone;
      element.dataset.kind = notice.pending ? "pending" : notice.kind;
      element.classList.toggle("lw-told-ended", notice.ended !== null);
      element.classList.toggle("lw-told-new", notice.ended === null && notice.changed > context.readUntil);
      setIcon(shape, look.path);
      setText(kind, look.word);
      setText(title, notice.title);
      show(title, notice.title !== "");
      setText(times, notice.count > 1 ? `×${count(notice.count)}` : "");
      show(times, notice.count > 1);
      setText(text, notice.text);
      time.title = fullMoment(notice.changed > 0 ? notice.changed : null);
      setText(state, stateWords(notice));
      show(state, state.textContent !== "");
      const wish = notice.acknowledge === "pending" ? null : acknowledgeButton(notice, busy);
      show(acknowledge, wish !== null);
      setText(acknowledge, wish?.label ?? "");
      setAttributes(acknowledge, {
        "aria-disabled": wish?.disabled ? "true" : null,
        "aria-describedby": wish?.reason ? `${id}-reason` : null,
      });
      show(action, notice.action !== null && notice.ended === null);
      setText(action, notice.action ?? "");
      setAttributes(action, { "aria-disabled": busy ? "true" : null });
      show(foot, !state.hidden || !acknowledge.hidden || !action.hidden);
      setText(reason, context.refused.get(notice.name) ?? notice.problem ?? "");
      show(reason, reason.textContent !== "");
      show(close, notice.ended === null);
      setAttributes(close, { "aria-label": `Dismiss: ${notice.title || notice.text.slice(0, 60)}` });
      tick(context.now);
    },
  };
}

export function toastList(onDeed: (deed: Deed, name: string) => void): ToastList {
  const drawn = new Map<string, Item>();
  const element = make("ol", "lw-told-list");
  return {
    element,
    draw(notices, context) {
      const wanted = new Set(notices.map(({ name }) => name));
      for (const [name, item] of drawn) {
        if (wanted.has(name)) continue;
        item.element.remove();
        drawn.delete(name);
      }
      for (const [index, notice] of notices.entries()) {
        let item = drawn.get(notice.name);
        if (!item) {
          item = listItem(onDeed);
          drawn.set(notice.name, item);
        }
        item.draw(notice, context);
        const at = element.children[index];
        if (at !== item.element) element.insertBefore(item.element, at ?? null);
      }
    },
    tick(now) {
      for (const item of drawn.values()) item.tick(now);
    },
  };
}
