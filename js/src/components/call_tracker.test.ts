import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkStatus } from "../lib/exchange";
import type { Meta } from "../lib/protocol";
import type { Row } from "../lib/rows";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import { type CallTrackerOptions, callTracker } from "./call_tracker";
import type { View } from "./shell";

const NOW = Date.UTC(2026, 10, 22, 12);
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();
const LIVE: LinkStatus = { state: "live", heardAt: NOW, skew: 0, slack: 0, busyMs: 0, ages: {} };
const META: Meta = { state: "live", since: NOW - 5_000, rows: 3, partial: false, version: 1, masked: true };
const OPTIONS: CallTrackerOptions = {
  title: "Calls",
  linger: 30,
  money: true,
  size: "auto",
  theme: "light",
  selected: null,
  search: "",
  sort: "-created_at",
  shownStatus: [],
  height: 420,
};
const ROWS: [string, Row][] = [
  [
    "a",
    {
      status: "in-progress",
      caller: "+1 ••• ••• 1111",
      campaign: "Solar",
      buyer: "Acme",
      agent: "Ana",
      created_at: ago(60),
      connected_at: ago(42),
      bid: 12,
    },
  ],
  [
    "b",
    {
      status: "ringing",
      caller: "+1 ••• ••• 2222",
      campaign: "Health",
      buyer: "",
      agent: "",
      created_at: ago(9),
      bid: 30,
    },
  ],
  [
    "c",
    {
      status: "completed",
      caller: "+1 ••• ••• 3333",
      campaign: "Solar",
      buyer: "Acme",
      agent: "Bo",
      created_at: ago(200),
      connected_at: ago(190),
      ended_at: ago(10),
      connected_seconds: 180,
      revenue: 45.5,
    },
  ],
  ["d", { status: "failed", caller: "+1 ••• ••• 4444", created_at: ago(400), ended_at: ago(300) }],
];

let browser: FakeBrowser;
let root: HTMLElement;
let control: AbortController;
let view: View<CallTrackerOptions>;
let options: CallTrackerOptions;
let time: number;
const callbacks = {
  onSelect: vi.fn(),
  onSearch: vi.fn(),
  onSort: vi.fn(),
  onShownStatus: vi.fn(),
  onPainted: vi.fn(),
};

const set = (change: Partial<CallTrackerOptions>): void => {
  options = { ...options, ...change };
  view.setOptions(options);
  browser.frames();
};
const feed = (
  rows: [string, Row][] | Map<string, Row>,
  changed: string[] | null = null,
  meta = META,
): void => {
  view.setFeed({ rows: new Map(rows), changed: changed && new Set(changed), meta, vouched: true });
  browser.frames();
};
const keys = (): string[] =>
  [...root.querySelectorAll<HTMLElement>(".lw-canvas .lw-row")]
    .sort((x, y) => Number(x.getAttribute("aria-rowindex")) - Number(y.getAttribute("aria-rowindex")))
    .map((row) => row.dataset.key ?? "");
const cell = (key: string, name: string): string =>
  root.querySelector(`[data-key="${key}"] .lw-${name}`)?.textContent ?? "";
const press = (key: string): void => {
  root.querySelector(".lw-grid")?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  browser.frames();
};
const text = (selector: string): string => root.querySelector(selector)?.textContent ?? "";

beforeEach(() => {
  vi.useFakeTimers({
    now: NOW,
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  for (const callback of Object.values(callbacks)) callback.mockReset();
  browser = fakeBrowser();
  time = NOW;
  control = new AbortController();
  root = document.createElement("section");
  document.body.append(root);
  view = callTracker(root, callbacks, control.signal, () => time);
  options = OPTIONS;
  view.setLink(LIVE);
  set({});
});
afterEach(() => {
  control.abort();
  root.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the list", () => {
  it("shows live calls and those just ended, the newest first", () => {
    feed(ROWS);
    expect(keys()).toEqual(["b", "a", "c"]);
    expect(text(".lw-aside")).toBe("2 live");
    expect(cell("a", "duration")).toBe("0:42");
    expect(cell("b", "buyer")).toBe("—");
    expect(cell("c", "value")).toContain("45.50");
    expect(cell("b", "value")).toContain("bid");
  });

  it("ticks by itself and lets ended calls go", () => {
    feed(ROWS);
    time += 3_000;
    vi.advanceTimersByTime(1_100);
    expect(cell("a", "duration")).toBe("0:45");
    expect(cell("c", "duration")).toBe("3:00");
    time += 18_000;
    view.setLink({ ...LIVE, heardAt: time });
    vi.advanceTimersByTime(1_000);
    browser.frames();
    expect(keys()).toEqual(["b", "a"]);
  });

  it("filters by search and status, and says so when nothing is left", () => {
    feed(ROWS);
    set({ search: "acme" });
    expect(keys()).toEqual(["a", "c"]);
    expect(text(".lw-foot")).toContain("2 of 3 calls");
    set({ search: "", shownStatus: ["ringing"] });
    expect(keys()).toEqual(["b"]);
    set({ shownStatus: ["busy"] });
    expect(text(".lw-empty-title")).toBe("No call matches");
  });

  it("sorts by header, there and back", () => {
    feed(ROWS);
    const header = root.querySelector<HTMLElement>(".lw-head .lw-caller button");
    header?.click();
    expect(callbacks.onSort).toHaveBeenLastCalledWith("caller");
    set({ sort: "caller" });
    expect(keys()).toEqual(["a", "b", "c"]);
    expect(root.querySelector(".lw-head .lw-caller")?.getAttribute("aria-sort")).toBe("ascending");
    header?.click();
    expect(callbacks.onSort).toHaveBeenLastCalledWith("-caller");
  });

  it("keeps few elements for many rows, and says how many there are", () => {
    const many: [string, Row][] = Array.from({ length: 20_000 }, (_, index) => [
      `k${index}`,
      { status: "ringing", created_at: ago(index) },
    ]);
    feed(many);
    expect(root.querySelectorAll(".lw-canvas .lw-row").length).toBeLessThan(60);
    expect(root.querySelector(".lw-grid")?.getAttribute("aria-rowcount")).toBe("20001");
    expect(text(".lw-aside")).toBe(`${new Intl.NumberFormat().format(20_000)} live`);
  });

  it("reads many in slices, shows what was there until then, and misses nothing that comes meanwhile", () => {
    feed(ROWS.slice(0, 1));
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => {
      now += 5;
      return now;
    });
    const call = (number: number): [string, Row] => [
      `k${number}`,
      { status: "ringing", caller: `${number}`, created_at: ago(30_000 - number) },
    ];
    const rows = new Map(Array.from({ length: 10_000 }, (_, index) => call(index)));
    const tell = (changed: string[] | null): void => {
      view.setFeed({ rows, changed: changed && new Set(changed), meta: META, vouched: true });
      browser.frames();
    };
    tell(null);
    expect(keys()).toEqual(["a"]);
    rows.set(...call(10_000));
    rows.delete("k9998");
    tell(["k10000", "k9998"]);
    expect(keys()).toEqual(["a"]);
    vi.advanceTimersByTime(2_000);
    browser.frames();
    vi.advanceTimersByTime(2_000);
    browser.frames();
    expect(keys().slice(0, 3)).toEqual(["k10000", "k9999", "k9997"]);
    expect(text(".lw-aside")).toBe("10,000 live");
  });

  it("marks what arrives after the first snapshot, not the snapshot", () => {
    feed(ROWS);
    expect(root.querySelectorAll(".lw-arrived")).toHaveLength(0);
    feed([...ROWS, ["e", { status: "ringing", created_at: ago(1) }]], ["e"]);
    expect([...root.querySelectorAll<HTMLElement>(".lw-arrived")].map((row) => row.dataset.key)).toEqual([
      "e",
    ]);
  });

  it("hides money where it is not wanted", () => {
    set({ money: false });
    expect(root.classList.contains("lw-no-money")).toBe(true);
  });
});

describe("chips", () => {
  it("count, and toggle", () => {
    feed(ROWS);
    const chip = (label: string): HTMLElement | undefined =>
      [...root.querySelectorAll<HTMLElement>(".lw-filter")].find((button) =>
        button.textContent?.startsWith(label),
      );
    expect(chip("Ringing")?.textContent).toBe("Ringing1");
    expect(chip("Queued")?.hidden).toBe(true);
    chip("Ringing")?.click();
    expect(callbacks.onShownStatus).toHaveBeenLastCalledWith(["ringing"]);
    set({ shownStatus: ["ringing"] });
    expect(chip("Ringing")?.getAttribute("aria-pressed")).toBe("true");
    chip("Ringing")?.click();
    expect(callbacks.onShownStatus).toHaveBeenLastCalledWith([]);
  });
});

describe("selection", () => {
  it("is by click, and again to undo", () => {
    feed(ROWS);
    root.querySelector<HTMLElement>('[data-key="a"] .lw-campaign')?.click();
    expect(callbacks.onSelect).toHaveBeenLastCalledWith("a");
    set({ selected: "a" });
    expect(root.querySelector('[aria-selected="true"]')?.getAttribute("data-key")).toBe("a");
    root.querySelector<HTMLElement>('[data-key="a"]')?.click();
    expect(callbacks.onSelect).toHaveBeenLastCalledWith(null);
  });

  it("is by keyboard", () => {
    feed(ROWS);
    press("ArrowDown");
    press("ArrowDown");
    const active = root.querySelector(".lw-grid")?.getAttribute("aria-activedescendant");
    expect(document.getElementById(active ?? "")?.dataset.key).toBe("a");
    press("Enter");
    expect(callbacks.onSelect).toHaveBeenLastCalledWith("a");
    press("End");
    press(" ");
    expect(callbacks.onSelect).toHaveBeenLastCalledWith("c");
    press("Escape");
    expect(callbacks.onSelect).toHaveBeenLastCalledWith(null);
  });
});

describe("states", () => {
  const mark = (): string => text(".lw-mark-word");
  it("are drawn: loading, empty, live", () => {
    feed([], null, { ...META, state: "loading" });
    expect(mark()).toBe("Loading");
    expect(root.querySelector<HTMLElement>(".lw-skeleton")?.hidden).toBe(false);
    expect(text(".lw-aside")).toBe("");
    feed([]);
    expect(text(".lw-empty-title")).toBe("No calls right now");
    expect(mark()).toBe("Live");
  });

  it("say of a recording that it is over, and wait for nothing", () => {
    const error = { kind: "RecordingError", message: "The recording is over.", advice: "Replay it again." };
    feed(ROWS, [], { ...META, state: "stale", since: NOW - 12_000, error });
    expect(text(".lw-banner")).toBe("The recording is over.Replay it again.");
  });

  it("are drawn: stale and error, with the rows still readable and the timers stopped", () => {
    feed(ROWS);
    feed(ROWS, [], { ...META, state: "stale", since: NOW - 12_000 });
    expect(text(".lw-banner-text")).toBe("Stale since 12 s — reconnecting");
    expect(root.classList.contains("lw-doubtful")).toBe(true);
    time += 60_000;
    view.setLink({ ...LIVE, heardAt: time });
    vi.advanceTimersByTime(1_100);
    browser.frames();
    expect(keys()).toContain("a");
    expect(cell("a", "duration")).toBe("0:30");
    feed(ROWS, [], {
      ...META,
      state: "error",
      error: { kind: "Forbidden", message: "No right to read calls.", advice: "Sign in." },
    });
    expect(text(".lw-banner")).toBe("No right to read calls.Sign in.");
  });

  it("never say live when the kernel is gone", () => {
    feed(ROWS);
    view.setLink({ ...LIVE, state: "gone", heardAt: NOW - 6_000 });
    browser.frames();
    expect(mark()).toBe("Kernel gone");
    expect(text(".lw-banner-text")).toContain("Last heard from 6 s ago");
  });

  it("are honest in a saved notebook", () => {
    const other = document.createElement("section");
    const lost = callTracker(other, callbacks, control.signal, () => time);
    lost.setOptions(OPTIONS);
    browser.frames();
    expect(other.querySelector(".lw-mark-word")?.textContent).toBe("Connecting");
    time += 3_100;
    vi.advanceTimersByTime(3_100);
    expect(other.querySelector(".lw-empty-title")?.textContent).toBe("No kernel behind this view.");
    expect(other.querySelector(".lw-mark-word")?.textContent).toBe("No kernel");
  });
});

describe("hostile rows", () => {
  const words = [
    "<img src=x onerror=alert(1)>",
    "<script>globalThis.hacked=1</script>",
    "שלום",
    "\u202Eevil",
    "x".repeat(10_000),
    "a\nb",
    "constructor",
    "__proto__",
  ];
  it("are shown as text, in every position", () => {
    const rows = words.map((word, index): [string, Row] => [
      word.slice(0, 200) + index,
      {
        status: word,
        status_raw: word,
        caller: word,
        caller_state: word,
        campaign: word,
        buyer: word,
        agent: word,
        created_at: word,
        connected_at: word,
        bid: word,
        revenue: word,
      },
    ]);
    feed(rows);
    expect(keys()).toHaveLength(words.length);
    expect(root.querySelector("img, script")).toBeNull();
    expect((globalThis as { hacked?: number }).hacked).toBeUndefined();
    expect(root.textContent).toContain("<img src=x onerror=alert(1)>");
    expect(root.textContent?.length).toBeLessThan(20_000);
    expect([...root.querySelectorAll(".lw-amount")].map((amount) => amount.textContent)).toEqual(
      words.map(() => "—"),
    );
  });

  it("may lack everything", () => {
    feed([
      ["x", {}],
      ["y", { status: null, created_at: Number.NaN, bid: Number.POSITIVE_INFINITY }],
      ["z", { status: "ringing", created_at: "9999-12-31 23:59:59+00", bid: "9007199254740993000" }],
    ]);
    expect(keys()).toHaveLength(3);
    expect(cell("x", "duration")).toBe("—");
    expect(cell("z", "duration")).toBe("0:00");
  });
});

it("leaves nothing behind", () => {
  feed(ROWS);
  control.abort();
  expect(vi.getTimerCount()).toBe(0);
});
