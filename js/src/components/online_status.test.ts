import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkStatus } from "../lib/exchange";
import type { Meta } from "../lib/protocol";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import { type OnlineStatusOptions, onlineStatus } from "./online_status";
import type { View } from "./shell";

const NOW = Date.UTC(2026, 10, 22, 12);
const LINK: LinkStatus = { state: "live", heardAt: NOW, skew: 0, slack: 0, busyMs: 0, ages: {} };
let browser: FakeBrowser;
let root: HTMLElement;
let control: AbortController;
let view: View<OnlineStatusOptions>;
let time: number;
let answer: { resolve: () => void; reject: (error: unknown) => void };
const onRetry = vi.fn(
  () =>
    new Promise<void>((resolve, reject) => {
      answer = { resolve, reject };
    }),
);

const tell = (state: string, extra: Record<string, unknown> = {}, rest: Partial<Meta> = {}): void => {
  const connection = {
    state,
    since: NOW,
    attempt: 3,
    retry_at: NOW + 9_000,
    error: null,
    latency_ms: 48,
    legs: { realtime: 800, rest: null },
    ...extra,
  };
  const tables = { live: 2, stale: 0, loading: 0, error: 0 };
  const meta: Meta = {
    state: "live",
    since: NOW,
    rows: 0,
    partial: false,
    version: 1,
    masked: false,
    connection,
    tables,
    lagging: [],
    ...rest,
  };
  view.setFeed({ rows: new Map(), changed: null, meta, vouched: true });
  browser.frames();
};
const text = (selector: string): string => root.querySelector(selector)?.textContent ?? "";
const button = (selector: string): HTMLButtonElement => root.querySelector(selector) as HTMLButtonElement;

beforeEach(() => {
  vi.useFakeTimers({
    now: NOW,
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  browser = fakeBrowser();
  time = NOW;
  control = new AbortController();
  root = document.createElement("div");
  document.body.append(root);
  view = onlineStatus(root, { onRetry, onPainted: () => undefined }, control.signal, () => time);
  view.setOptions({ theme: "dark", size: "auto", compact: false });
  view.setLink(LINK);
  browser.frames();
});
afterEach(() => {
  control.abort();
  root.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("shows one word and the latency, and tells a screen reader the word only", () => {
  tell("live");
  expect(text(".lw-pill-word")).toBe("Live");
  expect(text(".lw-pill-note")).toBe("48 ms");
  expect(text('[role="status"]')).toBe("Connection: Live");
  expect(button(".lw-retry").hidden).toBe(true);
});

it("counts down to the next attempt, with no message", () => {
  tell("reconnecting");
  expect(text(".lw-pill-note")).toBe("attempt 3, in 9 s");
  time += 2_000;
  view.setLink({ ...LINK, heardAt: time });
  vi.advanceTimersByTime(1_100);
  browser.frames();
  expect(text(".lw-pill-note")).toBe("attempt 3, in 7 s");
  expect(text('[role="status"]')).toBe("Connection: Reconnecting");
});

it("retries now, once, and says when that failed", async () => {
  tell("reconnecting");
  button(".lw-pill-main").click();
  button(".lw-retry").click();
  browser.frames();
  expect(button(".lw-retry").disabled).toBe(true);
  button(".lw-retry").click();
  expect(onRetry).toHaveBeenCalledTimes(1);
  answer.reject({ message: "The kernel did not answer.", advice: "Try again." });
  await vi.waitFor(() => {
    browser.frames();
    expect(text(".lw-trouble")).toBe("The kernel did not answer. Try again.");
  });
  expect(button(".lw-retry").disabled).toBe(false);
});

it("opens and closes its legs, by keyboard too", () => {
  tell("live", {}, { lagging: ["bids", "<b>x</b>"], tables: { live: 1, stale: 2, loading: 0, error: 0 } });
  const main = button(".lw-pill-main");
  expect(root.querySelector<HTMLElement>(".lw-panel")?.hidden).toBe(true);
  main.click();
  browser.frames();
  expect(main.getAttribute("aria-expanded")).toBe("true");
  expect(document.getElementById(main.getAttribute("aria-controls") ?? "")?.hidden).toBe(false);
  expect(text(".lw-legs")).toContain("Browser ↔ kernelConnected");
  expect(text(".lw-legs")).not.toContain("slow link");
  view.setLink({ ...LINK, slack: 700 });
  browser.frames();
  expect(text(".lw-legs")).toContain("ago, slow link");
  expect(root.dataset.slack).toBe("700");
  expect(text(".lw-tables")).toBe("Tables: 1 live, 2 stale. Lagging: bids, <b>x</b>.");
  main.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  browser.frames();
  expect(main.getAttribute("aria-expanded")).toBe("false");
});

describe("a kernel that is not there", () => {
  it("is gone, busy or out of reach, never live", () => {
    tell("live");
    for (const [state, word] of [
      ["gone", "Kernel gone"],
      ["busy", "Kernel busy"],
      ["server-gone", "Server gone"],
      ["none", "No kernel"],
      ["waiting", "Catching up"],
    ] as const) {
      view.setLink({ ...LINK, state, busyMs: state === "busy" ? 9_000 : 0 });
      browser.frames();
      expect(text(".lw-pill-word")).toBe(word);
    }
  });
});

it("leaves nothing behind", () => {
  control.abort();
  expect(vi.getTimerCount()).toBe(0);
});
