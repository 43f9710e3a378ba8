import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkStatus } from "../lib/exchange";
import type { Meta } from "../lib/protocol";
import type { Row } from "../lib/rows";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import { type CallDurationOptions, callDuration } from "./call_duration";
import type { View } from "./shell";

const NOW = Date.UTC(2026, 10, 22, 12);
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();
const LIVE: LinkStatus = { state: "live", heardAt: NOW, skew: 0, slack: 0, busyMs: 0, ages: {} };
const META: Meta = { state: "live", since: NOW - 5_000, rows: 3, partial: false, version: 1, masked: true };
const OPTIONS: CallDurationOptions = {
  title: "Call duration",
  size: "auto",
  theme: "light",
  warn: 180,
  critical: 600,
  limit: 8,
  waiting: false,
  compact: false,
  selected: null,
};
const talk = (seconds: number, agent = "Ana"): Row => ({
  status: "in-progress",
  caller: "+1 ••• ••• 1111",
  campaign: "Solar",
  buyer: "Acme",
  agent,
  created_at: ago(seconds + 9),
  connected_at: ago(seconds),
});
const ring = (seconds: number): Row => ({
  ...talk(0, ""),
  status: "ringing",
  connected_at: null,
  ringing_at: ago(seconds),
});

let browser: FakeBrowser;
let root: HTMLElement;
let control: AbortController;
let view: View<CallDurationOptions>;
let options: CallDurationOptions;
let time: number;
const callbacks = { onSelect: vi.fn((selected: string | null) => set({ selected })), onPainted: vi.fn() };

const set = (change: Partial<CallDurationOptions>): void => {
  options = { ...options, ...change };
  view.setOptions(options);
  browser.frames();
};
const feed = (rows: Record<string, Row>, meta: Partial<Meta> = {}): void => {
  view.setFeed({
    rows: new Map(Object.entries(rows)),
    changed: null,
    meta: { ...META, ...meta },
    vouched: true,
  });
  browser.frames();
};
const pass = (seconds: number): void => {
  time += seconds * 1000;
  vi.advanceTimersByTime(1100);
};
const rows = (): HTMLElement[] => [...root.querySelectorAll<HTMLElement>(".lw-dur-row")];
const times = (): string[] => rows().map((row) => row.querySelector(".lw-dur-time")?.textContent ?? "");
const keys = (): string[] => rows().map((row) => row.dataset.key ?? "");
const text = (selector: string): string => root.querySelector(selector)?.textContent ?? "";
const press = (key: string): void => {
  root.querySelector(".lw-dur-list")?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  browser.frames();
};

beforeEach(() => {
  vi.useFakeTimers({
    now: NOW,
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  for (const callback of Object.values(callbacks)) callback.mockClear();
  browser = fakeBrowser();
  time = NOW;
  control = new AbortController();
  root = document.createElement("section");
  document.body.append(root);
  view = callDuration(root, callbacks, control.signal, () => time);
  options = OPTIONS;
  view.setOptions(options);
  view.setLink(LIVE);
  browser.frames();
});
afterEach(() => {
  control.abort();
  document.body.replaceChildren();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("timers", () => {
  it("tick by themselves, the longest first, with words and shapes where they are long", () => {
    feed({ a: talk(42), b: talk(598), c: talk(200) });
    expect(keys()).toEqual(["b", "c", "a"]);
    expect(times()).toEqual(["9:58", "3:20", "0:42"]);
    expect(text(".lw-dur-longest .lw-dur-value")).toBe("9:58");
    expect(text(".lw-dur-average .lw-dur-value")).toBe("4:40");
    expect(text(".lw-dur-count .lw-dur-value")).toBe("3");
    expect(rows().map((row) => row.dataset.grade)).toEqual(["warn", "warn", "good"]);
    pass(2);
    expect(times()).toEqual(["10:00", "3:22", "0:44"]);
    expect(
      rows().map((row) => row.querySelector<HTMLElement>(".lw-dur-word:not([hidden])")?.textContent),
    ).toEqual(["too long", "long", undefined]);
    expect(text(".lw-dur-count .lw-dur-note")).toBe("1 too long, 1 long");
    expect(rows()[1]?.querySelector<HTMLElement>(".lw-dur-fill")?.style.transform).toBe("scaleX(0.3367)");
  });

  it("go by the kernel's clock", () => {
    view.setLink({ ...LIVE, skew: 30_000 });
    feed({ a: talk(42) });
    expect(times()).toEqual(["1:12"]);
  });

  it("stop where the rows were known last", () => {
    feed({ a: talk(42) }, { state: "stale", since: NOW - 2_000 });
    pass(60);
    expect(times()).toEqual(["0:40"]);
    expect(root.classList.contains("lw-doubtful")).toBe(true);
    view.setLink({ ...LIVE, state: "gone", heardAt: NOW + 1_000 });
    feed({ a: talk(42) });
    pass(60);
    expect(times()).toEqual(["0:43"]);
  });

  it("are shown up to the limit, the rest is counted", () => {
    feed(Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`c${index}`, talk(index * 3)])));
    expect(rows()).toHaveLength(8);
    expect(text(".lw-dur-rest")).toBe("+12 more");
    set({ limit: 30 });
    expect(rows()).toHaveLength(20);
    expect(root.querySelector<HTMLElement>(".lw-dur-rest")?.hidden).toBe(true);
    set({ compact: true });
    expect(rows()).toHaveLength(0);
    expect(text(".lw-dur-count .lw-dur-value")).toBe("20");
    expect(root.querySelector<HTMLElement>(".lw-dur-rest")?.hidden).toBe(true);
  });

  it("of calls that wait are shown on request", () => {
    feed({ a: talk(42), b: ring(60) });
    expect(keys()).toEqual(["a"]);
    expect(text(".lw-foot")).toContain("1 not connected yet");
    set({ waiting: true });
    expect(keys()).toEqual(["b", "a"]);
    expect(rows()[0]?.dataset.grade).toBe("waiting");
    expect(text(".lw-dur-word")).toBe("ringing");
    expect(text(".lw-dur-longest .lw-dur-value")).toBe("0:42");
  });

  it("leave with their calls, and keep their elements while they stay", () => {
    feed({ a: talk(42), b: talk(50) });
    const [, a] = rows();
    feed({ a: talk(42), c: talk(10) });
    expect(keys()).toEqual(["a", "c"]);
    expect(rows()[0]).toBe(a);
    feed({});
    expect(text(".lw-empty-title")).toBe("No calls right now");
    feed({ b: ring(3) });
    expect(text(".lw-empty-title")).toBe("Nobody is talking");
  });
});

describe("choice, states and text", () => {
  it("selects by keyboard and mouse", () => {
    feed({ a: talk(42), b: talk(50) });
    press("ArrowDown");
    press("ArrowDown");
    press("Enter");
    expect(callbacks.onSelect).toHaveBeenLastCalledWith("a");
    expect(rows().map((row) => row.getAttribute("aria-selected"))).toEqual(["false", "true"]);
    const list = root.querySelector(".lw-dur-list");
    expect(list?.getAttribute("aria-activedescendant")).toBe(rows()[1]?.id);
    press("Home");
    rows()[0]?.click();
    expect(callbacks.onSelect).toHaveBeenLastCalledWith("b");
    press("Escape");
    expect(callbacks.onSelect).toHaveBeenLastCalledWith(null);
  });

  it("says once that a call has become too long", () => {
    feed({ a: talk(700), b: talk(599) });
    expect(text(".lw-quiet")).toBe("");
    pass(1);
    expect(text(".lw-quiet")).toBe("A call has lasted 10:00.");
    pass(5);
    expect(text(".lw-quiet")).toBe("A call has lasted 10:00.");
  });

  it("draws each state", () => {
    expect(root.dataset.state).toBe("loading");
    feed({}, { state: "error", error: { kind: "x", message: "It broke.", advice: "Mend it." } });
    expect(text(".lw-empty")).toBe("It broke.Mend it.");
    feed({ a: talk(3) }, { partial: true });
    expect(text(".lw-foot")).toBe("Not all rows are loaded · Numbers are masked");
  });

  it("shows hostile rows as text or a dash", () => {
    const bad = [
      "<img src=x onerror=alert(1)>",
      "\u202eevil",
      "x".repeat(10_000),
      "",
      null,
      2 ** 70,
      Number.NaN,
    ];
    const odd = (words: Row[string]): Row => ({
      status: words,
      caller: words,
      campaign: words,
      buyer: words,
      agent: words,
      connected_at: typeof words === "string" ? ago(5) : words,
      created_at: "9999-12-31 23:59:59+00",
    });
    feed(Object.fromEntries(bad.map((words, index) => [`<b>${index}`, odd(words as never)])));
    set({ waiting: true });
    expect(rows()).toHaveLength(7);
    expect(root.querySelectorAll("img, b")).toHaveLength(0);
    expect(text(".lw-dur-list")).toContain("<img src=x onerror=alert(1)>");
    for (const time of times()) expect(time).toMatch(/^(0:00|0:05|—|\d+ d \d\d:\d\d)$/);
  });

  it("leaves nothing", () => {
    feed({ a: talk(3) });
    control.abort();
    expect(vi.getTimerCount()).toBe(0);
  });
});
