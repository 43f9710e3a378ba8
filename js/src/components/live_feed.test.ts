import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkStatus } from "../lib/exchange";
import type { Meta } from "../lib/protocol";
import type { Row } from "../lib/rows";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import { type LiveFeedOptions, liveFeed } from "./live_feed";
import type { View } from "./shell";

const NOW = Date.UTC(2026, 10, 22, 12);
const LIVE: LinkStatus = { state: "live", heardAt: NOW, skew: 0, slack: 0, busyMs: 0, ages: {} };
const META: Meta = {
  state: "live",
  since: NOW - 5_000,
  rows: 0,
  partial: false,
  version: 1,
  masked: true,
  tables: ["calls", "bids"],
  total: 3,
};
const OPTIONS: LiveFeedOptions = {
  title: "Activity",
  size: "auto",
  theme: "light",
  selected: null,
  shownKinds: [],
  search: "",
  paused: false,
  height: 420,
};
/** 16 px by 2.6 lines. */
const HEIGHT = 42;

const row = (id: number, table = "calls", text = `item ${id}`): Row => ({
  at: NOW - 1_000_000 + id * 1000,
  table,
  event: "insert",
  icon: "call",
  tone: "good",
  text,
  key: `row-${id}`,
});

let browser: FakeBrowser;
let root: HTMLElement;
let control: AbortController;
let view: View<LiveFeedOptions>;
let options: LiveFeedOptions;
let rows: Map<string, Row>;
let time: number;
const callbacks = {
  onSelect: vi.fn((selected: string | null) => set({ selected })),
  onShownKinds: vi.fn((shownKinds: string[]) => set({ shownKinds })),
  onSearch: vi.fn((search: string) => set({ search })),
  onPaused: vi.fn((paused: boolean) => set({ paused })),
  onPainted: vi.fn(),
};

const set = (change: Partial<LiveFeedOptions>): void => {
  options = { ...options, ...change };
  view.setOptions(options);
  browser.frames();
};
const feed = (changed: string[] | null, meta: Partial<Meta> = {}): void => {
  view.setFeed({ rows, changed: changed && new Set(changed), meta: { ...META, ...meta }, vouched: true });
  browser.frames();
};
const add = (...ids: number[]): void => {
  for (const id of ids) rows.set(String(id), row(id, id % 5 === 0 ? "bids" : "calls"));
};
const arrive = (...ids: number[]): void => {
  add(...ids);
  feed(ids.map(String));
};
const list = (): HTMLElement => root.querySelector(".lw-feed-list") as HTMLElement;
const articles = (): HTMLElement[] => [...root.querySelectorAll<HTMLElement>(".lw-feed-row")];
const texts = (): string[] => articles().map((one) => one.querySelector(".lw-feed-text")?.textContent ?? "");
const text = (selector: string): string => root.querySelector(selector)?.textContent ?? "";
const scroll = (top: number): void => {
  list().scrollTop = top;
  list().dispatchEvent(new Event("scroll"));
  browser.frames();
};
const press = (key: string, more: KeyboardEventInit = {}): void => {
  document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));
  browser.frames();
};
const focused = (): string => (document.activeElement as HTMLElement | null)?.dataset.key ?? "";
/** Where an item stands on the screen. */
const pixel = (key: string): number => {
  const element = root.querySelector<HTMLElement>(`[data-key="${key}"]`);
  return Number(/translateY\((-?\d+)px\)/.exec(element?.style.transform ?? "")?.[1]) - list().scrollTop;
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
  view = liveFeed(root, callbacks, control.signal, () => time);
  options = OPTIONS;
  rows = new Map();
  view.setOptions(options);
  Object.defineProperty(list(), "clientHeight", { value: 360 });
  view.setLink(LIVE);
  browser.frames();
});
afterEach(() => {
  control.abort();
  document.body.replaceChildren();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the feed", () => {
  it("shows the newest on top, as a feed whose articles know their place", () => {
    add(1, 2, 3);
    feed(null);
    expect(texts()).toEqual(["item 3", "item 2", "item 1"]);
    expect(root.querySelector('[role="feed"]')?.getAttribute("aria-label")).toBe("Activity, newest first");
    expect(
      articles().map((one) => [one.getAttribute("aria-posinset"), one.getAttribute("aria-setsize")]),
    ).toEqual([
      ["1", "3"],
      ["2", "3"],
      ["3", "3"],
    ]);
    expect(articles().map((one) => one.tabIndex)).toEqual([0, -1, -1]);
    expect(text(".lw-feed-when")).toBe("17 min");
  });

  it("says how long ago by itself, also while nothing can be vouched for", () => {
    rows.set("1", { ...row(1), at: NOW - 5_000 });
    feed(null, { state: "stale", since: NOW - 4_000 });
    expect(text(".lw-feed-when")).toBe("5 s");
    time += 60_000;
    vi.advanceTimersByTime(1100);
    expect(text(".lw-feed-when")).toBe("65 s");
    expect(root.classList.contains("lw-doubtful")).toBe(true);
  });

  it("draws only what is in sight of 20,000 items", () => {
    add(...Array.from({ length: 20_000 }, (_, index) => index + 1));
    feed(null);
    expect(articles().length).toBeLessThan(40);
    scroll(10_000 * HEIGHT);
    expect(articles().length).toBeLessThan(40);
    expect(texts()).toContain("item 10000");
  });

  it("reads a long log in slices, shows what was there until then, and misses nothing that comes meanwhile", () => {
    add(1, 2, 3);
    feed(null);
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => {
      now += 5;
      return now;
    });
    rows = new Map();
    add(...Array.from({ length: 20_000 }, (_, index) => index + 1));
    feed(null);
    expect(texts()).toEqual(["item 3", "item 2", "item 1"]);
    rows.delete("20000");
    arrive(20_001);
    feed(["20000"]);
    expect(texts()).toEqual(["item 3", "item 2", "item 1"]);
    vi.advanceTimersByTime(2_000);
    browser.frames();
    expect(texts().slice(0, 2)).toEqual(["item 20001", "item 19999"]);
    expect(articles()[0]?.getAttribute("aria-setsize")).toBe("20000");
  });

  it("reads no further when a newer snapshot or the end comes", () => {
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => {
      now += 5;
      return now;
    });
    add(...Array.from({ length: 20_000 }, (_, index) => index + 1));
    feed(null);
    rows = new Map();
    add(7);
    feed(null);
    vi.advanceTimersByTime(2_000);
    browser.frames();
    expect(texts()).toEqual(["item 7"]);
  });

  it("follows at the top", () => {
    add(...Array.from({ length: 100 }, (_, index) => index + 1));
    feed(null);
    arrive(101, 102);
    expect(list().scrollTop).toBe(0);
    expect(texts()[0]).toBe("item 102");
    expect(root.querySelector<HTMLElement>(".lw-feed-more")?.hidden).toBe(true);
  });

  it("keeps its place below, counts what comes above, and goes there on request", () => {
    add(...Array.from({ length: 100 }, (_, index) => index + 1));
    feed(null);
    scroll(10 * HEIGHT + 7);
    const before = pixel("85");
    arrive(101, 102, 103);
    expect(pixel("85")).toBe(before);
    arrive(...Array.from({ length: 50 }, (_, index) => index + 104));
    expect(pixel("85")).toBe(before);
    expect(text(".lw-feed-more")).toBe("53 new");
    root.querySelector<HTMLElement>(".lw-feed-more")?.click();
    browser.frames();
    expect(texts()[0]).toBe("item 153");
    expect(root.querySelector<HTMLElement>(".lw-feed-more")?.hidden).toBe(true);
    arrive(154);
    expect(texts()[0]).toBe("item 154");
  });

  it("keeps its place while the oldest are forgotten and late ones are put in above", () => {
    add(...Array.from({ length: 100 }, (_, index) => index + 1));
    feed(null);
    scroll(20 * HEIGHT);
    const before = pixel("75");
    rows.delete("1");
    rows.delete("2");
    rows.set("900", { ...row(900), at: (row(95).at as number) + 1 });
    feed(["1", "2", "900"]);
    expect(pixel("75")).toBe(before);
    expect(root.querySelector<HTMLElement>(".lw-feed-more")?.hidden).toBe(true);
  });

  it("finds its place again when a long log comes back in parts, unless the reader went on", () => {
    const back = (): void => {
      rows = new Map([...rows].slice(-20));
      feed(null);
      add(...Array.from({ length: 80 }, (_, index) => index + 1));
      feed(Array.from({ length: 80 }, (_, index) => String(index + 1)));
    };
    add(...Array.from({ length: 100 }, (_, index) => index + 1));
    feed(null);
    scroll(60 * HEIGHT + 5);
    const before = pixel("35");
    back();
    expect(pixel("35")).toBe(before);
    rows = new Map([...rows].sort((a, b) => Number(a[0]) - Number(b[0])));
    rows = new Map([...rows].slice(-20));
    feed(null);
    list().dispatchEvent(new Event("wheel"));
    scroll(3 * HEIGHT);
    add(...Array.from({ length: 80 }, (_, index) => index + 1));
    feed(Array.from({ length: 80 }, (_, index) => String(index + 1)));
    expect(list().scrollTop).toBe(3 * HEIGHT);
  });

  it("holds while it is paused, and counts", () => {
    add(1, 2, 3);
    feed(null);
    root.querySelector<HTMLElement>(".lw-feed-pause")?.click();
    expect(callbacks.onPaused).toHaveBeenCalledWith(true);
    browser.frames();
    arrive(4, 5);
    rows.delete("1");
    feed(["1"]);
    expect(texts()).toEqual(["item 3", "item 2", "item 1"]);
    expect(text(".lw-aside")).toBe("Paused");
    expect(text(".lw-feed-more")).toBe("2 new");
    expect(text(".lw-feed-pause")).toBe("Resume");
    set({ shownKinds: ["bids"] });
    expect(texts()).toEqual([]);
    expect(text(".lw-feed-more")).toBe("1 new");
    set({ shownKinds: [] });
    root.querySelector<HTMLElement>(".lw-feed-more")?.click();
    browser.frames();
    expect(texts()).toEqual(["item 5", "item 4", "item 3", "item 2"]);
  });

  it("that begins paused shows what was there, and no more", () => {
    set({ paused: true });
    add(1, 2);
    feed(null);
    arrive(3);
    expect(texts()).toEqual(["item 2", "item 1"]);
    expect(text(".lw-feed-more")).toBe("1 new");
  });

  it("filters by kind and by words", () => {
    add(1, 4, 5, 10);
    feed(null);
    const chips = (): string[] =>
      [...root.querySelectorAll<HTMLElement>(".lw-feed-chip:not([hidden])")].map(
        (one) => one.textContent ?? "",
      );
    expect(chips()).toEqual(["calls2", "bids2"]);
    root.querySelectorAll<HTMLElement>(".lw-feed-chip")[1]?.click();
    expect(callbacks.onShownKinds).toHaveBeenCalledWith(["bids"]);
    expect(texts()).toEqual(["item 10", "item 5"]);
    expect(text(".lw-foot")).toBe("2 of 4 items · Numbers are masked");
    set({ shownKinds: ["calls/insert"], search: "ITEM 4" });
    expect(texts()).toEqual(["item 4"]);
    expect(chips()).toEqual(["calls2", "bids2", "calls/insert"]);
    set({ search: "nothing" });
    expect(text(".lw-empty-title")).toBe("Nothing matches");
  });
});

describe("keyboard and choice", () => {
  beforeEach(() => {
    add(...Array.from({ length: 100 }, (_, index) => index + 1));
    feed(null);
    articles()[0]?.focus();
    browser.frames();
  });

  it("moves one focus through the list, also out of sight", () => {
    press("ArrowDown");
    expect(focused()).toBe("99");
    press("End");
    expect(focused()).toBe("1");
    expect(list().scrollTop).toBe(100 * HEIGHT - 360);
    press("PageUp");
    expect(focused()).toBe("8");
    press("Home");
    expect(focused()).toBe("100");
    expect(articles().filter((one) => one.tabIndex === 0)).toHaveLength(1);
  });

  it("stays on its item while others come, and passes on when it is gone", () => {
    press("ArrowDown");
    arrive(101, 102);
    expect(focused()).toBe("99");
    expect(text(".lw-feed-more")).toBe("2 new");
    scroll(60 * HEIGHT);
    expect(focused()).toBe("99");
    rows.delete("99");
    feed(["99"]);
    expect(focused()).toBe("98");
  });

  it("selects, and lets go", () => {
    press("ArrowDown");
    press("Enter");
    expect(callbacks.onSelect).toHaveBeenLastCalledWith("99");
    expect(root.querySelector('[aria-current="true"]')?.getAttribute("data-key")).toBe("99");
    press("Escape");
    expect(callbacks.onSelect).toHaveBeenLastCalledWith(null);
    articles()[3]?.click();
    expect(callbacks.onSelect).toHaveBeenLastCalledWith("97");
    articles()[3]?.click();
    expect(callbacks.onSelect).toHaveBeenLastCalledWith(null);
  });

  it("copies all that is shown, the selected one, or the marked range", () => {
    const copied = (): string[] => {
      const event = new Event("copy", { bubbles: true, cancelable: true }) as Event & {
        clipboardData: unknown;
      };
      const setData = vi.fn();
      event.clipboardData = { setData };
      articles()[0]?.dispatchEvent(event);
      expect(event.defaultPrevented).toBe(true);
      return String(setData.mock.calls[0]?.[1]).split("\n");
    };
    expect(copied()).toHaveLength(100);
    set({ selected: "42" });
    expect(copied()).toEqual([
      `${new Date(row(42).at as number).toISOString()}\tcalls\tinsert\trow-42\titem 42`,
    ]);
    press("ArrowDown", { shiftKey: true });
    press("ArrowDown", { shiftKey: true });
    expect(copied().map((line) => line.split("\t")[4])).toEqual(["item 100", "item 99", "item 98"]);
    expect(root.querySelectorAll(".lw-marked")).toHaveLength(3);
    expect(root.querySelector(".lw-feed-copy")?.getAttribute("aria-label")).toBe(
      "Copy 3 marked items for a spreadsheet",
    );
    press("ArrowDown");
    expect(root.querySelectorAll(".lw-marked")).toHaveLength(0);
  });

  it("copies by the button, and says so", async () => {
    const writeText = vi.fn(() => Promise.resolve());
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    set({ search: "item 10" });
    root.querySelector<HTMLElement>(".lw-feed-copy")?.click();
    await vi.waitFor(() => expect(text(".lw-quiet")).toBe("2 items copied."));
    expect(String(writeText.mock.calls[0])).toContain("item 100");
  });
});

describe("states", () => {
  it("are drawn on purpose", () => {
    expect(root.dataset.state).toBe("loading");
    feed(null);
    expect(text(".lw-empty-title")).toBe("Nothing has happened yet");
    add(1);
    feed(["1"], { failing: [{ table: "payments", message: "The role may not read it." }], total: 500 });
    expect(text(".lw-foot")).toBe(
      "The newest 1 of 500 · payments: The role may not read it. · Numbers are masked",
    );
    feed([], { state: "error", error: { kind: "x", message: "It broke.", advice: "Mend it." } });
    expect(text(".lw-banner")).toContain("It broke.");
    expect(texts()).toEqual(["item 1"]);
  });

  it("tell a screen reader how many came, not each", () => {
    add(1);
    feed(null);
    arrive(2, 3);
    vi.advanceTimersByTime(10_100);
    expect(text(".lw-quiet")).toBe("2 new items.");
  });

  it("show hostile text as text", () => {
    const bad = [
      '<img src=x onerror="window.hacked=1">',
      "<script>window.hacked=1</script>",
      "\u202eevil",
      "x".repeat(10_000),
      "",
      null,
    ];
    bad.forEach((words, index) => {
      rows.set(String(index), {
        at: words,
        table: words,
        event: words,
        icon: words ?? "__proto__",
        tone: words,
        text: words,
        key: words,
      });
    });
    rows.set("constructor", { at: 9e99, text: Number.NaN });
    feed(null, { tables: ["<b>", 5, null], failing: "x" });
    expect(articles()).toHaveLength(7);
    expect(root.querySelectorAll("img, script, b")).toHaveLength(0);
    expect((window as never as { hacked?: number }).hacked).toBeUndefined();
    expect(texts()).toContain('<img src=x onerror="window.hacked=1">');
  });

  it("leave nothing", () => {
    control.abort();
    feed(null);
    add(1);
    feed(["1"]);
    expect(articles()).toHaveLength(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
