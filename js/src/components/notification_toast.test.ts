import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkStatus } from "../lib/exchange";
import type { Meta } from "../lib/protocol";
import type { Row } from "../lib/rows";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import { type NotificationToastOptions, notificationToast } from "./notification_toast";
import type { View } from "./shell";

const NOW = Date.UTC(2026, 10, 22, 12);
const LINK: LinkStatus = { state: "live", heardAt: NOW, skew: 0, slack: 0, busyMs: 0, ages: {} };
const META: Meta = {
  state: "live",
  since: NOW,
  rows: 0,
  partial: false,
  version: 1,
  masked: true,
  connection: "c1",
};
const OPTIONS: NotificationToastOptions = {
  title: "Notifications",
  theme: "light",
  size: "auto",
  corner: "bottom-right",
  most: 3,
  duration: 0,
  history: true,
  last: 50,
  readUntil: 0,
};
const row = (text: string, parts: Row = {}): Row => ({
  text,
  title: "",
  type: "info",
  state: "shown",
  created: NOW,
  changed: NOW,
  duration: 5000,
  group: null,
  count: 1,
  action: null,
  acknowledge: null,
  problem: null,
  source: null,
  quiet: false,
  ...parts,
});

let browser: FakeBrowser;
const views: { view: View<NotificationToastOptions>; control: AbortController; root: HTMLElement }[] = [];
let answers: { resolve: (value: unknown) => void; reject: (error: unknown) => void }[] = [];
const onDeed = vi.fn(
  (_deed: string, _args: unknown) =>
    new Promise<unknown>((resolve, reject) => {
      answers.push({ resolve, reject });
    }),
);
const onRead = vi.fn();

function open(options: Partial<NotificationToastOptions> = {}) {
  const root = document.createElement("section");
  document.body.append(root);
  root.getClientRects = () => [{}] as never;
  const control = new AbortController();
  const view = notificationToast(root, { onRead, onDeed, onPainted: () => undefined }, control.signal);
  view.setOptions({ ...OPTIONS, ...options });
  view.setLink(LINK);
  const made = { view, control, root };
  views.push(made);
  browser.frames();
  return made;
}
/** Tell a view all there is; the first time it is history. */
function tell(
  to: { view: View<NotificationToastOptions> },
  rows: Record<string, Row>,
  meta: Partial<Meta> = {},
) {
  to.view.setFeed({
    rows: new Map(Object.entries(rows)),
    changed: null,
    meta: { ...META, ...meta },
    vouched: true,
  });
  browser.frames();
}
const dock = (): HTMLElement | null => document.querySelector<HTMLElement>(".lw-toasts");
const cards = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>(".lw-toast:not(.lw-leaving)")];
const texts = (): string[] => cards().map((card) => card.querySelector(".lw-toast-text")?.textContent ?? "");
const pass = (milliseconds: number): void => {
  vi.advanceTimersByTime(milliseconds);
  browser.frames();
};
const button = (card: HTMLElement | undefined, words: string): HTMLButtonElement =>
  [...(card?.querySelectorAll("button") ?? [])].find(
    ({ textContent }) => textContent === words,
  ) as HTMLButtonElement;
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  browser.frames();
};

beforeEach(() => {
  vi.useFakeTimers({
    now: NOW,
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  browser = fakeBrowser();
  answers = [];
  onDeed.mockClear();
  onRead.mockClear();
});
afterEach(() => {
  for (const { control } of views.splice(0)) control.abort();
  document.body.replaceChildren();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("toasts", () => {
  it("come up at the corner of the page, in words and a shape, and go after their time", () => {
    const view = open();
    tell(view, {});
    tell(view, { n1: row("Payment confirmed", { type: "success", title: "Payments" }) });
    expect(dock()?.parentElement?.parentElement).toBe(document.body);
    expect(dock()?.dataset.corner).toBe("bottom-right");
    const [card] = cards();
    expect(card?.textContent).toContain("DonePaymentsPayment confirmed");
    expect(card?.querySelector("svg path")?.getAttribute("d")).toBeTruthy();
    pass(4_900);
    expect(texts()).toEqual(["Payment confirmed"]);
    pass(200);
    expect(texts()).toEqual([]);
  });

  it("are read out politely, warnings and errors at once", () => {
    const view = open();
    tell(view, {});
    tell(view, { a: row("Saved"), e: row("Lost", { type: "error" }) });
    expect(dock()?.querySelector('[aria-live="polite"]')?.textContent?.trim()).toBe("Info: Saved");
    expect(dock()?.querySelector('[aria-live="assertive"]')?.textContent?.trim()).toBe("Error: Lost");
    const before = dock()?.querySelector('[aria-live="polite"]')?.textContent;
    tell(view, { a: row("Saved", { changed: NOW + 1, count: 2 }), e: row("Lost", { type: "error" }) });
    tell(view, {
      a: row("Saved", { changed: NOW + 2, count: 2, quiet: false }),
      e: row("Lost", { type: "error" }),
    });
    expect(dock()?.querySelector('[aria-live="polite"]')?.textContent).not.toBe(before);
  });

  it("wait while somebody points at them, and while the page is hidden", () => {
    const view = open();
    tell(view, {});
    tell(view, { a: row("a") });
    pass(4_000);
    dock()?.dispatchEvent(new Event("pointerenter"));
    pass(60_000);
    expect(texts()).toEqual(["a"]);
    expect(dock()?.classList.contains("lw-held")).toBe(true);
    dock()?.dispatchEvent(new Event("pointerleave"));
    const hidden = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    pass(60_000);
    expect(texts()).toEqual(["a"]);
    hidden.mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    pass(1_100);
    expect(texts()).toEqual([]);
  });

  it("are closed by their button and by Escape, and the kernel is told", async () => {
    const view = open();
    tell(view, {});
    tell(view, { a: row("a", { type: "error" }), b: row("b", { type: "error" }) });
    const [first, second] = cards();
    first?.querySelector<HTMLButtonElement>(".lw-toast-close")?.click();
    browser.frames();
    expect(texts()).toEqual(["b"]);
    expect(onDeed).toHaveBeenCalledWith("dismiss", { ids: ["a"] });
    second?.querySelector<HTMLElement>(".lw-toast-close")?.focus();
    second
      ?.querySelector(".lw-toast-close")
      ?.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    browser.frames();
    expect(texts()).toEqual([]);
    expect(onDeed).toHaveBeenLastCalledWith("dismiss", { ids: ["b"] });
    for (const { reject } of answers) reject(new Error("no kernel"));
    await settle();
  });

  it("wait for who has come to them by keyboard, not for the focus that a click leaves behind", () => {
    const view = open();
    tell(view, {});
    tell(view, { a: row("a"), b: row("b") });
    const close = cards()[0]?.querySelector<HTMLElement>(".lw-toast-close") as HTMLElement;
    const visible = vi.spyOn(close, "matches").mockReturnValue(false);
    close.dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
    expect(dock()?.classList.contains("lw-held")).toBe(false);
    visible.mockReturnValue(true);
    close.dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
    pass(60_000);
    expect(texts()).toEqual(["a", "b"]);
    close.dispatchEvent(new FocusEvent("focusout", { bubbles: true }));
    pass(5_100);
    expect(texts()).toEqual([]);
  });

  it("give the focus back to where it was", () => {
    const view = open();
    const before = document.createElement("input");
    document.body.append(before);
    tell(view, {});
    tell(view, { a: row("a", { type: "error" }), b: row("b", { type: "error" }) });
    before.focus();
    const close = cards()[0]?.querySelector<HTMLElement>(".lw-toast-close");
    close?.dispatchEvent(new FocusEvent("focusin", { bubbles: true, relatedTarget: before }));
    close?.focus();
    close?.click();
    browser.frames();
    expect(document.activeElement).toBe(cards()[0]?.querySelector(".lw-toast-close"));
    (document.activeElement as HTMLElement).click();
    browser.frames();
    expect(document.activeElement).toBe(before);
  });

  it("of a promise turn into what came of it, in place", () => {
    const view = open();
    tell(view, {});
    tell(view, { p: row("Saving…", { state: "pending", duration: null }) });
    const [card] = cards();
    expect(card?.dataset.kind).toBe("pending");
    pass(100_000);
    tell(view, { p: row("Saved", { type: "success", changed: NOW + 100_000 }) });
    expect(cards()).toEqual([card]);
    expect(card?.textContent).toContain("DoneSaved");
    pass(5_100);
    expect(texts()).toEqual([]);
  });

  it("beyond a few are counted; the list opens, or all of them where there is none", () => {
    const view = open();
    const many = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`n${n}`, row(`text ${n}`)]));
    tell(view, {});
    tell(view, many);
    const more = dock()?.querySelector<HTMLButtonElement>(".lw-toast-more");
    expect(texts()).toEqual(["text 3", "text 4", "text 5"]);
    expect(more?.textContent).toBe("+2 more");
    more?.click();
    browser.frames();
    expect(view.root.querySelector<HTMLElement>(".lw-told-panel")?.hidden).toBe(false);
    view.view.setOptions({ ...OPTIONS, history: false });
    more?.click();
    browser.frames();
    expect(texts()).toHaveLength(5);
    expect(more?.textContent).toBe("Show fewer");
  });

  it("of one group are one card with their number", () => {
    const view = open();
    tell(view, {});
    const group = "{count} payments confirmed";
    tell(view, {
      a: row("of 90", { group }),
      b: row("of 91", { group }),
      c: row("of 92", { group, count: 3 }),
    });
    expect(cards()).toHaveLength(1);
    expect(cards()[0]?.textContent).toContain("5 payments confirmedof 92");
    cards()[0]?.querySelector<HTMLButtonElement>(".lw-toast-close")?.click();
    expect(onDeed).toHaveBeenCalledWith("dismiss", { ids: ["c", "b", "a"] });
  });

  it("show text as text", () => {
    const view = open();
    tell(view, {});
    tell(view, { x: row('<img src=x onerror="window.hacked=1">', { title: "<b>x</b>", type: "error" }) });
    expect(document.querySelector("img, b")).toBeNull();
    expect(texts()).toEqual(['<img src=x onerror="window.hacked=1">']);
  });
});

describe("several views on a page", () => {
  it("of one connection show a notification once, and the dock goes with the last of them", () => {
    const one = open();
    const two = open();
    for (const view of [one, two]) {
      tell(view, {});
      tell(view, { e: row("Lost", { type: "error" }) });
    }
    expect(document.querySelectorAll(".lw-toasts")).toHaveLength(1);
    expect(texts()).toEqual(["Lost"]);
    one.control.abort();
    browser.frames();
    expect(texts()).toEqual(["Lost"]);
    tell(two, { e: row("Lost again", { type: "error", changed: NOW + 1 }) });
    expect(texts()).toEqual(["Lost again"]);
    two.control.abort();
    expect(dock()).toBeNull();
    expect(document.querySelector(".lw-toast-host")).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("of two connections keep theirs apart", () => {
    const one = open();
    const two = open();
    tell(one, {});
    tell(two, {}, { connection: "c2" });
    tell(one, { n1: row("mine", { type: "error" }) });
    tell(two, { n1: row("theirs", { type: "error" }) }, { connection: "c2" });
    expect(texts()).toEqual(["mine", "theirs"]);
    one.control.abort();
    browser.frames();
    expect(texts()).toEqual(["theirs"]);
  });
});

describe("an alert", () => {
  const alert = (parts: Row = {}): Row =>
    row("Cap reached", { type: "error", duration: null, acknowledge: "open", source: "alerts", ...parts });

  it("is acknowledged once, however often it is clicked", async () => {
    const view = open();
    tell(view, {});
    tell(view, { a: alert() });
    const acknowledge = button(cards()[0], "Acknowledge");
    acknowledge.click();
    acknowledge.click();
    browser.frames();
    acknowledge.click();
    expect(onDeed.mock.calls.filter(([deed]) => deed === "acknowledge")).toEqual([
      ["acknowledge", { ids: ["a"] }],
    ]);
    expect(acknowledge.textContent).toBe("Acknowledging…");
    expect(acknowledge.getAttribute("aria-disabled")).toBe("true");
    answers[0]?.resolve(null);
    await settle();
    tell(view, { a: alert({ state: "acknowledged", acknowledge: "pending", changed: NOW + 1 }) });
    expect(button(cards()[0], "Acknowledging…")).toBeTruthy();
    tell(view, { a: alert({ state: "acknowledged", acknowledge: "synced", changed: NOW + 2 }) });
    expect(cards()[0]?.textContent).toContain("Acknowledged");
    pass(2_000);
    expect(texts()).toEqual([]);
  });

  it("comes back with the reason when the database refuses", () => {
    const view = open();
    tell(view, {});
    tell(view, { a: alert() });
    tell(view, { a: alert({ state: "acknowledged", acknowledge: "pending", changed: NOW + 1 }) });
    tell(view, { a: alert({ problem: "The write breaks the rule.", changed: NOW + 2 }) });
    expect(cards()[0]?.textContent).toContain("The write breaks the rule.");
    expect(button(cards()[0], "Acknowledge").getAttribute("aria-disabled")).toBeNull();
  });

  it("says why the kernel did not do it", async () => {
    const view = open();
    tell(view, {});
    tell(view, { a: alert() });
    button(cards()[0], "Acknowledge").click();
    answers[0]?.reject({ message: "There is no connection.", advice: "Try again." });
    await settle();
    expect(cards()[0]?.querySelector(".lw-toast-reason")?.textContent).toBe(
      "There is no connection. Try again.",
    );
    expect(button(cards()[0], "Acknowledge").getAttribute("aria-disabled")).toBeNull();
  });

  it("of who may not is disabled, and says why", () => {
    const view = open();
    tell(view, {});
    tell(view, { a: alert({ acknowledge: "denied", problem: "This key may not write." }) });
    const acknowledge = button(cards()[0], "Acknowledge");
    expect(acknowledge.getAttribute("aria-disabled")).toBe("true");
    const reason = document.getElementById(acknowledge.getAttribute("aria-describedby") ?? "");
    expect(reason?.textContent).toBe("This key may not write.");
    acknowledge.click();
    expect(onDeed).not.toHaveBeenCalled();
  });

  it("with a button asks the kernel for its deed", () => {
    const view = open();
    tell(view, {});
    tell(view, { a: row("Disputed", { action: "Look at it" }) });
    button(cards()[0], "Look at it").click();
    expect(onDeed).toHaveBeenCalledWith("act", { ids: ["a"] });
  });
});

describe("the list", () => {
  const bell = (root: HTMLElement): HTMLButtonElement => root.querySelector(".lw-bell") as HTMLButtonElement;
  const badge = (root: HTMLElement): string => root.querySelector(".lw-bell-badge")?.textContent ?? "";

  it("of a page that opens later holds what was told before, without its toasts", () => {
    const view = open();
    tell(view, {
      old: row("Long ago", { changed: NOW - 60_000 }),
      gone: row("Dismissed", { state: "dismissed" }),
      stood: row("Stood before", {
        type: "warning",
        acknowledge: "open",
        quiet: true,
        changed: NOW - 90_000,
      }),
    });
    expect(texts()).toEqual([]);
    expect(badge(view.root)).toBe("2 unread");
    bell(view.root).click();
    browser.frames();
    const items = [...view.root.querySelectorAll(".lw-told")].map((item) => item.textContent);
    expect(items).toHaveLength(3);
    expect(items[0]).toContain("Dismissed");
    expect(items[2]).toContain("Stood before");
    expect(view.root.querySelector(".lw-told-time")?.textContent).toBe("now");
  });

  it("is read when it is opened; Escape closes it", () => {
    const view = open();
    tell(view, { a: row("a") });
    expect(badge(view.root)).toBe("1 unread");
    bell(view.root).click();
    expect(onRead).toHaveBeenCalledWith(NOW / 1000);
    view.view.setOptions({ ...OPTIONS, readUntil: NOW / 1000 });
    browser.frames();
    expect(badge(view.root)).toBe("none unread");
    expect(view.root.querySelector(".lw-told-new")).toBeTruthy();
    expect(bell(view.root).getAttribute("aria-expanded")).toBe("true");
    bell(view.root).dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    browser.frames();
    expect(view.root.querySelector<HTMLElement>(".lw-told-panel")?.hidden).toBe(true);
  });

  it("counts the time that has passed, with no message", () => {
    const view = open();
    tell(view, { a: row("a", { changed: NOW - 10_000 }) });
    bell(view.root).click();
    browser.frames();
    expect(view.root.querySelector(".lw-told-time")?.textContent).toBe("10 s ago");
    pass(5_010);
    expect(view.root.querySelector(".lw-told-time")?.textContent).toBe("15 s ago");
  });

  it("acknowledges and dismisses, one or all", async () => {
    const view = open();
    tell(view, { a: row("a", { type: "error", acknowledge: "open" }) });
    bell(view.root).click();
    browser.frames();
    view.root.querySelector<HTMLButtonElement>(".lw-told-button")?.click();
    browser.frames();
    view.root.querySelector<HTMLButtonElement>(".lw-told-button")?.click();
    expect(onDeed.mock.calls).toEqual([["acknowledge", { ids: ["a"] }]]);
    answers[0]?.reject({ message: "No.", advice: "" });
    await settle();
    expect(view.root.querySelector(".lw-told-reason")?.textContent).toBe("No.");
    view.root.querySelector<HTMLButtonElement>(".lw-told-clear")?.click();
    expect(onDeed).toHaveBeenLastCalledWith("clear", null);
  });

  it("says what is wrong, and that it is empty", () => {
    const view = open();
    bell(view.root).click();
    tell(view, {});
    expect(view.root.querySelector(".lw-told-empty")?.textContent).toContain("Nothing was told yet");
    view.view.setLink({ ...LINK, state: "gone", heardAt: NOW - 9_000 });
    browser.frames();
    expect(view.root.querySelector(".lw-mark-word")?.textContent).toBe("Kernel gone");
    expect(view.root.querySelector(".lw-told-trouble")?.textContent).toContain("Kernel gone");
    view.view.setOptions({ ...OPTIONS, history: false });
    browser.frames();
    expect(view.root.querySelector<HTMLElement>(".lw-bell-strip")?.hidden).toBe(true);
  });
});
