/** The adapters of LiveFeed and CallDuration: traits in, choices out. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Model } from "../lib/afm";
import type { ViewRequest } from "../lib/exchange";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import callDuration from "./call_duration";
import liveFeed from "./live_feed";

const META = { state: "live", since: 0, rows: 1, partial: false, version: 1, masked: true } as const;

let browser: FakeBrowser;
let control: AbortController;
let state: Record<string, unknown>;
let saved: Record<string, unknown>[];
let request: ViewRequest;
const changed = new Map<string, () => void>();
const el = document.createElement("div");

const model = {
  get: (name: string) => state[name],
  set(name: string, value: unknown) {
    state[name] = value;
    changed.get(`change:${name}`)?.();
  },
  save_changes: () => saved.push({ ...state }),
  on: (event: string, call: () => void) => changed.set(event, call),
  off: (event: string) => changed.delete(event),
} as never as Model;

async function mount(widget: typeof liveFeed, traits: Record<string, unknown>): Promise<void> {
  state = { hub: "anywidget:h", feed: "f", theme: "light", size: "auto", ...traits };
  const exports = {
    open(wanted: ViewRequest) {
      request = wanted;
      return { show: () => undefined, painted: () => undefined };
    },
  };
  widget.render({
    model,
    el,
    signal: control.signal,
    host: { getWidget: () => Promise.resolve({ exports }) },
  } as never);
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  request.onLink?.({ state: "live", heardAt: Date.now(), skew: 0, slack: 0, busyMs: 0, ages: {} });
}
function feed(row: Record<string, string | number | null>): void {
  request.onFrame({ rows: new Map([["7", row]]), changed: null, meta: META, vouched: true });
  browser.frames();
}
const text = (selector: string): string => el.querySelector(selector)?.textContent ?? "";
const click = (selector: string): void => {
  el.querySelector<HTMLElement>(selector)?.click();
  browser.frames();
};

beforeEach(() => {
  browser = fakeBrowser();
  control = new AbortController();
  saved = [];
  document.body.append(el);
});
afterEach(() => {
  control.abort();
  expect(changed.size).toBe(0);
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

it("LiveFeed shows what its traits say, and writes what the reader does", async () => {
  await mount(liveFeed, {
    title: "Now",
    height: 300,
    shown_kinds: [],
    search: "",
    paused: false,
    selected: null,
  });
  feed({
    at: Date.now(),
    table: "calls",
    event: "insert",
    icon: "call",
    tone: "good",
    text: "It came",
    key: "k",
  });
  expect(text(".lw-title")).toBe("Now");
  expect(el.querySelector<HTMLElement>(".lw-live-feed")?.style.getPropertyValue("--lw-height")).toBe("300px");
  expect(text(".lw-feed-text")).toBe("It came");
  click(".lw-feed-row");
  expect(saved.at(-1)).toMatchObject({ selected: "7" });
  click(".lw-feed-pause");
  expect(saved.at(-1)).toMatchObject({ paused: true });
  expect(text(".lw-feed-pause")).toBe("Resume");
  model.set("shown_kinds", ["bids"]);
  browser.frames();
  expect(text(".lw-empty-title")).toBe("Nothing matches");
  click('.lw-feed-chip[aria-pressed="true"]');
  expect(saved.at(-1)).toMatchObject({ shown_kinds: [] });
});

it("CallDuration shows what its traits say, and writes the choice", async () => {
  await mount(callDuration, {
    title: "",
    warn: 10,
    critical: 0,
    limit: 3,
    waiting: false,
    compact: false,
    selected: null,
  });
  feed({ status: "in-progress", agent: "Ana", connected_at: new Date(Date.now() - 60_000).toISOString() });
  expect(text(".lw-dur-name")).toBe("Ana");
  expect(text(".lw-dur-word")).toBe("long");
  click(".lw-dur-row");
  expect(saved.at(-1)).toMatchObject({ selected: "7" });
  expect(el.querySelector('[aria-selected="true"]')).not.toBeNull();
  model.set("compact", true);
  browser.frames();
  expect(el.querySelectorAll(".lw-dur-row")).toHaveLength(0);
});
