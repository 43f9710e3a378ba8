import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkStatus } from "../lib/exchange";
import type { Meta } from "../lib/protocol";
import type { Row } from "../lib/rows";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import { type FakeCanvas, fakeCanvas } from "../testing/canvas";
import { type RealtimeChartOptions, realtimeChart } from "./realtime_chart";
import { lonely } from "./realtime_chart_paint";
import { pictureName } from "./realtime_chart_picture";
import type { View } from "./shell";

const EVERY = 5000;
const BUCKETS = 12;
/** Half way through a bucket. */
const NOW = Math.floor(Date.UTC(2026, 10, 22, 12) / EVERY) * EVERY + 2500;
const CURRENT = Math.floor(NOW / EVERY);
const LIVE: LinkStatus = { state: "live", heardAt: NOW, skew: 0, slack: 0, busyMs: 0, ages: {} };
const META: Meta = {
  state: "live",
  since: NOW - 60_000,
  rows: 3,
  partial: false,
  version: 1,
  masked: true,
  every: EVERY,
  buckets: BUCKETS,
  measures: [{ text: "count", zero: true, whole: true }],
  thresholds: [{ value: 6, label: "Too many", tone: "bad" }],
  others: 0,
  from: null,
};
const OPTIONS: RealtimeChartOptions = {
  title: "Calls by status",
  theme: "light",
  size: "auto",
  kind: "line",
  unit: "",
  height: 320,
  range: null,
  visible: [],
  paused: false,
};
const EMPTY = { kind: null, at: null, until: null, name: null, tone: null, v: null };
const series = (slot: number, name: string): Row => ({ ...EMPTY, kind: "s", at: slot, until: 0, name });
const bucket = (...values: number[]): Row => ({ ...EMPTY, kind: "b", v: JSON.stringify(values) });

let browser: FakeBrowser;
let canvas: FakeCanvas;
let root: HTMLElement;
let control: AbortController;
let view: View<RealtimeChartOptions>;
let options: RealtimeChartOptions;
let rows: Map<string, Row>;
let time: number;
const callbacks = { onRange: vi.fn(), onVisible: vi.fn(), onPaused: vi.fn(), onPainted: vi.fn() };

function text(selector: string): string {
  return root.querySelector(selector)?.textContent ?? "";
}
const legend = (): string[] =>
  [...root.querySelectorAll(".lw-legend-entry")].map((entry) => entry.textContent ?? "");

function feed(changed: string[] | null = null, meta: Meta = META): void {
  view.setFeed({ rows, meta, changed: changed && new Set(changed), vouched: true });
  browser.frames();
}
function set(change: Partial<RealtimeChartOptions>): void {
  options = { ...options, ...change };
  view.setOptions(options);
  browser.frames();
}
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  browser.frames();
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  browser = fakeBrowser({ width: 800, height: 240 });
  canvas = fakeCanvas();
  for (const call of Object.values(callbacks)) call.mockClear();
  root = document.createElement("section");
  document.body.append(root);
  control = new AbortController();
  time = NOW;
  options = OPTIONS;
  rows = new Map([
    ["s0", series(0, "ringing")],
    ["s1", series(1, "busy")],
    ["s2", series(-1, "Other")],
    [`b${CURRENT - 3}`, bucket(0, 4, 1, 2)],
    [`b${CURRENT - 1}`, bucket(0, 7)],
    [`b${CURRENT}`, bucket(0, 1, 2, 3)],
  ]);
  view = realtimeChart(root, callbacks, control.signal, () => time);
  view.setLink(LIVE);
  view.setOptions(options);
});
afterEach(() => {
  control.abort();
  root.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the legend", () => {
  it("has the value of the last bucket that is over", () => {
    feed();
    expect(legend()).toEqual(["ringing7", "busy0", "Other0"]);
    expect(text(".lw-mark-word")).toBe("Live");
  });

  it("shows and hides a series by a button, and says so", () => {
    feed();
    root.querySelectorAll<HTMLButtonElement>(".lw-legend-entry")[1]?.click();
    expect(callbacks.onVisible).toHaveBeenLastCalledWith(["ringing", "Other"]);
    set({ visible: ["ringing", "Other"] });
    const pressed = [...root.querySelectorAll(".lw-legend-entry")].map((one) =>
      one.getAttribute("aria-pressed"),
    );
    expect(pressed).toEqual(["true", "false", "true"]);
    expect(text(".lw-foot")).toContain("2 of 3 series");
  });

  it("follows the values that come", () => {
    feed();
    rows.set(`b${CURRENT - 1}`, bucket(0, 8, 1, 1));
    feed([`b${CURRENT - 1}`]);
    expect(legend()).toEqual(["ringing8", "busy1", "Other0"]);
    rows.delete("s2");
    feed(["s2"]);
    expect(legend()).toEqual(["ringing8", "busy1"]);
  });

  it("has a dash where the measure of nothing is unknown", () => {
    feed(null, { ...META, measures: [{ text: "mean(x)", zero: false, whole: false }] });
    expect(legend()[1]).toBe("busy—");
  });
});

describe("the plot", () => {
  it("writes thresholds, numbers and moments", () => {
    feed();
    return settle().then(() => {
      const words = canvas.words();
      expect(words).toContain("Too many 6");
      expect(words).toContain("0");
      expect(words.some((word) => /^\d\d:\d\d(:\d\d)?$/.test(word))).toBe(true);
    });
  });

  it("tells a threshold that is far above at the edge", async () => {
    feed(null, { ...META, thresholds: [{ value: 600, label: "Most", tone: "warn" }] });
    await settle();
    expect(canvas.words()).toContain("↑ Most 600");
  });

  it("glides by itself, and stands still while it is paused, zoomed or out of sight", async () => {
    feed();
    await settle();
    const glide = (): boolean => {
      canvas.calls();
      vi.advanceTimersByTime(250);
      browser.frames();
      return canvas.calls().includes("clearRect");
    };
    time += 250;
    expect(glide()).toBe(true);
    set({ paused: true });
    await settle();
    expect(glide()).toBe(false);
    expect(text(".lw-aside")).toBe("Paused");
    set({ paused: false, range: [NOW - 30_000, NOW - 10_000] });
    await settle();
    expect(glide()).toBe(false);
    set({ range: null });
    await settle();
    expect(glide()).toBe(true);
    browser.sight(root, false);
    vi.advanceTimersByTime(250);
    browser.frames();
    expect(glide()).toBe(false);
  });

  it("takes its time where the page takes long to draw, but not after a choice", async () => {
    feed();
    await settle();
    const draws = (): number => canvas.calls().filter((name) => name === "clearRect").length;
    const change = (value: number): void => {
      rows.set(`b${CURRENT - 1}`, bucket(0, value));
      feed([`b${CURRENT - 1}`]);
    };
    // What the browser does after the script took 60 ms.
    vi.spyOn(performance, "now").mockImplementation(() => time);
    draws();
    time += 2000;
    change(1);
    await settle();
    time += 60;
    vi.advanceTimersByTime(1);
    expect(draws()).toBe(1);
    time += 60;
    change(2);
    change(3);
    await settle();
    expect(draws()).toBe(0);
    expect(legend()[0]).toBe("ringing3");
    set({ kind: "area" });
    await settle();
    expect(draws()).toBeGreaterThan(0);
    vi.advanceTimersByTime(1);
    change(4);
    time += 600;
    vi.advanceTimersByTime(600);
    await settle();
    expect(draws()).toBeGreaterThan(0);
  });

  it("drops what has passed by itself, without a message", () => {
    feed();
    time += (BUCKETS + 3) * EVERY;
    view.setLink({ ...LIVE, heardAt: time });
    browser.frames();
    expect(text(".lw-empty-title")).toBe("Nothing in the last 1 min");
  });

  it("keeps what is looked at while it is paused", () => {
    feed();
    set({ paused: true });
    time += (BUCKETS + 3) * EVERY;
    view.setLink({ ...LIVE, heardAt: time });
    browser.frames();
    expect(legend()[0]).toBe("ringing7");
    set({ paused: false });
    expect(text(".lw-empty-title")).toBe("Nothing in the last 1 min");
  });

  it("is told in numbers to who cannot see it", () => {
    feed();
    expect(root.querySelector(".lw-plot")?.getAttribute("aria-label")).toContain("Line chart, 3 series");
    const rows = [...root.querySelectorAll("tbody tr")].map((row) =>
      [...row.children].map((cell) => cell.textContent),
    );
    expect(rows[0]?.slice(0, 4)).toEqual(["ringing", "7", "0", "7"]);
  });
});

describe("reading and choosing", () => {
  const press = (key: string, more: KeyboardEventInit = {}): void => {
    root
      .querySelector(".lw-plot")
      ?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
    browser.frames();
  };

  it("by keys reads the bucket, and says it", async () => {
    feed();
    await settle();
    press("ArrowLeft");
    press("ArrowLeft");
    expect(text('[role="status"]')).toContain("ringing 4, busy 2, Other 0");
    expect(text(".lw-readout-list")).toContain("ringing4");
    press("Escape");
    expect(root.querySelector<HTMLElement>(".lw-readout")?.hidden).toBe(true);
  });

  it("by keys picks a stretch of time", async () => {
    feed();
    await settle();
    press("ArrowLeft");
    press("ArrowLeft", { shiftKey: true });
    press("ArrowLeft", { shiftKey: true });
    press("Enter");
    const [range] = callbacks.onRange.mock.calls.at(-1) as [[number, number]];
    expect(range[1] - range[0]).toBe(2 * EVERY);
  });

  it("tells the stretch, and leads back to now", () => {
    feed();
    set({ range: [NOW - 30_000, NOW - 10_000] });
    expect(text(".lw-aside")).toMatch(/\d\d:\d\d:\d\d – \d\d:\d\d:\d\d/);
    root.querySelector<HTMLButtonElement>('[aria-label="Back to now"]')?.click();
    expect(callbacks.onRange).toHaveBeenLastCalledWith(null);
  });

  it("pauses and goes on", () => {
    feed();
    root.querySelector<HTMLButtonElement>('[aria-label="Pause"]')?.click();
    expect(callbacks.onPaused).toHaveBeenLastCalledWith(true);
    set({ paused: true });
    root.querySelector<HTMLButtonElement>('[aria-label="Go on"]')?.click();
    expect(callbacks.onPaused).toHaveBeenLastCalledWith(false);
  });
});

describe("what is not known", () => {
  it("is no 0: after the stream was lost there are dashes, and the legend has what was known last", async () => {
    time += 10 * EVERY;
    view.setLink({ ...LIVE, heardAt: time });
    feed(null, { ...META, state: "stale", since: NOW });
    expect(text(".lw-mark-word")).toBe("Stale");
    expect(legend()).toEqual(["ringing7", "busy0", "Other0"]);
    await settle();
    const keys = { key: "End", bubbles: true, cancelable: true };
    root.querySelector(".lw-plot")?.dispatchEvent(new KeyboardEvent("keydown", keys));
    browser.frames();
    expect(text(".lw-readout-note")).toBe("Not known");
    expect(text(".lw-readout-list")).toBe("ringing—busy—Other—");
    expect(root.classList.contains("lw-doubtful")).toBe(true);
  });

  it("is said where older rows are not loaded", () => {
    feed(null, { ...META, from: NOW - 4 * EVERY });
    expect(text(".lw-foot")).toContain("Older rows are not loaded");
  });

  it("may be everything: no rows, no facts, an error before the first row", () => {
    rows.clear();
    feed();
    expect(text(".lw-empty-title")).toBe("Nothing in the last 1 min");
    const error = { kind: "Forbidden", message: "No rights.", advice: "Ask for them." };
    feed(null, { state: "error", since: NOW, rows: 0, partial: false, version: 0, masked: true, error });
    expect(text(".lw-empty-title")).toBe("No rights.");
  });
});

it("hostile names are text", () => {
  rows.set("s0", series(0, '<img src=x onerror="window.hacked=1">'));
  rows.set("s1", { ...EMPTY, kind: "s", at: null, until: null, name: null });
  feed();
  expect(root.querySelector("img")).toBeNull();
  expect(legend()[0]).toContain("<img src=x");
});

it("every kind is drawn, in light and dark, and nothing is left", async () => {
  feed();
  for (const kind of ["line", "area", "step", "bar", "stacked"] as const) {
    set({ kind, theme: kind === "step" ? "dark" : "light" });
    await settle();
    expect(canvas.calls()).toContain("clearRect");
    expect(root.querySelectorAll("canvas")).toHaveLength(1);
  }
  control.abort();
  expect(root.querySelectorAll("canvas")).toHaveLength(0);
  expect(vi.getTimerCount()).toBe(0);
});

it("points without neighbours are found", () => {
  expect(lonely([1, null, 2, 3, null, null, 4])).toEqual([0, 6]);
});

it("a picture is named after the chart", () => {
  const at = new Date(2026, 10, 22, 9, 5).getTime();
  expect(pictureName("Calls by státus / día", at)).toBe("calls-by-status-dia-2026-11-22-0905.png");
  expect(pictureName("שלום", at)).toBe("chart-2026-11-22-0905.png");
});
