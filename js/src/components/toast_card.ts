/** One toast, or one group of them, as a card. It knows its words and buttons; where and when it is shown is the dock's. */
import { icon, make, setAttributes, setIcon, setText, show } from "../lib/dom";
import { count } from "../lib/format";
import { groupWords, lookOf, type Notice } from "../lib/notices";
import type { Card, Toast } from "../lib/toasts";

export const CROSS = "m4.1 3 3.9 3.9L11.9 3 13 4.1 9.1 8l3.9 3.9-1.1 1.1L8 9.1 4.1 13 3 11.9 6.9 8 3 4.1z";

export type Deed = "dismiss" | "acknowledge" | "act";

export interface CardContext {
  /** Ids of toasts for which the kernel is asked something now. */
  busy: ReadonlySet<string>;
  /** Why the kernel did not do what it was asked for, by toast. */
  refused: ReadonlyMap<string, string>;
}

export interface ToastCard {
  element: HTMLElement;
  draw(card: Card, context: CardContext): void;
  /** The buttons, for the focus to move to. */
  close: HTMLButtonElement;
}

/** What the button that acknowledges says, and whether it can be pressed; null for none. */
export function acknowledgeButton(
  notice: Notice,
  busy: boolean,
): { label: string; disabled: boolean; reason: string } | null {
  switch (notice.acknowledge) {
    case "open":
      return { label: busy ? "Acknowledging…" : "Acknowledge", disabled: busy, reason: "" };
    case "pending":
      return { label: "Acknowledging…", disabled: true, reason: "" };
    case "denied":
      return { label: "Acknowledge", disabled: true, reason: notice.problem ?? "You may not." };
    default:
      return null;
  }
}

export function toastCard(id: string, onDeed: (deed: Deed, toasts: readonly Toast[]) => void): ToastCard {
  const shape = icon("");
  const kind = make("span", "lw-toast-kind");
  const title = make("strong", "lw-toast-title", { dir: "auto" });
  const times = make("span", "lw-toast-times");
  const text = make("p", "lw-toast-text", { dir: "auto" });
  const reason = make("p", "lw-toast-reason", { id: `${id}-reason`, dir: "auto" });
  const acknowledge = make("button", "lw-toast-button", { type: "button" });
  const action = make("button", "lw-toast-button", { type: "button", dir: "auto" });
  const buttons = make("div", "lw-toast-buttons", {}, acknowledge, action);
  const close = make("button", "lw-toast-close", { type: "button" }, icon(CROSS));
  const line = make("i", "lw-toast-line", { "aria-hidden": "true" });
  const element = make(
    "li",
    "lw-toast",
    { tabindex: "-1" },
    shape,
    make(
      "div",
      "lw-toast-body",
      {},
      make("div", "lw-toast-head", {}, kind, title, times),
      text,
      reason,
      buttons,
    ),
    close,
    line,
  );
  let toasts: readonly Toast[] = [];
  let lineOf = "";
  close.addEventListener("click", () => onDeed("dismiss", toasts));
  acknowledge.addEventListener("click", () => onDeed("acknowledge", toasts));
  action.addEventListener("click", () => onDeed("act", toasts));

  function drawButtons(notice: Notice, context: CardContext, toast: Toast): void {
    const busy = context.busy.has(toast.id);
    const refused = context.refused.get(toast.id) ?? "";
    const wish = toasts.length === 1 ? acknowledgeButton(notice, busy) : null;
    show(acknowledge, wish !== null);
    if (wish) {
      setText(acknowledge, wish.label);
      // Not `disabled`: it keeps the focus, and its reason can be heard.
      setAttributes(acknowledge, {
        "aria-disabled": wish.disabled ? "true" : null,
        "aria-describedby": wish.reason ? `${id}-reason` : null,
      });
    }
    const acts = toasts.length === 1 && notice.action !== null && notice.ended === null;
    show(action, acts);
    setText(action, notice.action ?? "");
    setAttributes(action, { "aria-disabled": busy ? "true" : null });
    show(buttons, wish !== null || acts);
    setText(reason, refused || notice.problem || "");
    show(reason, reason.textContent !== "");
  }

  return {
    element,
    close,
    draw(card, context) {
      toasts = card.toasts;
      const toast = card.toasts[0];
      if (!toast) return;
      const { notice } = toast;
      const acknowledged = notice.ended === "acknowledged" && notice.acknowledge === "synced";
      const look = acknowledged ? lookOf({ kind: "success", pending: false }) : lookOf(notice);
      const total = card.toasts.reduce((sum, one) => sum + one.notice.count, 0);
      const isGroup = card.toasts.length > 1 && notice.group !== null;
      element.dataset.tone = look.tone;
      element.dataset.kind = notice.pending ? "pending" : notice.kind;
      setIcon(shape, look.path);
      setText(kind, acknowledged ? "Acknowledged" : look.word);
      setText(title, isGroup ? groupWords(notice.group ?? "", total) : notice.title);
      show(title, title.textContent !== "");
      setText(times, !isGroup && notice.count > 1 ? `×${count(notice.count)}` : "");
      show(times, times.textContent !== "");
      setText(text, notice.text);
      drawButtons(notice, context, toast);
      const words = isGroup ? title.textContent : notice.title || notice.text.slice(0, 60);
      setAttributes(close, { "aria-label": `Dismiss: ${words}` });
      // The line runs by itself; it is set anew where the toast was said anew, or another one was.
      const run = `${toast.id} ${toast.said} ${toast.total}`;
      show(line, toast.total > 0);
      if (run === lineOf) return;
      lineOf = run;
      line.style.animation = "none";
      line.style.setProperty("--lw-total", `${toast.total}ms`);
      line.style.setProperty("--lw-passed", `${toast.left - toast.total}ms`);
      void line.offsetWidth;
      line.style.animation = "";
    },
  };
}
