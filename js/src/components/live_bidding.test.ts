import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkStatus } from "../lib/exchange";
import { wishWall } from "../lib/page_wish";
import type { Meta } from "../lib/protocol";
import type { Cell, Row } from "../lib/rows";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import { type LiveBiddingOptions, liveBidding } from "./live_bidding";
import type { View } from "./shell";

const NOW = Date.UTC(2026, 10, 22, 12);
const LIVE: LinkStatus = { state: "live", heardAt: NOW, skew: 0, slack: 0, busyMs: 0, ages: {} };
const META = {
  state: "live",
  since: NOW,
  rows: 2,
  partial: false,
  version: 1,
  masked: false,
  rated: false,
  denied: null,
};
const OPTIONS: LiveBiddingOptions = {
  title: "Bids",
  theme: "light",
  size: "auto",
  step: "0.50",
  currency: "USD",
  editable: true,
  height: 420,
  selected: null,
  search: "",
  sort: "name",
};
const row = (name: string, more: Record<string, Cell> = {}): Row => ({
  name,
  buyer: "Acme",
  status: "active",
  bid: "22.00",
  base: "20.00",
  modifier: "10",
  least: "10.00",
  most: "30.00",
  modified: "22.00",
  won: "19.00",
  won_at: new Date(NOW - 30_000).toISOString(),
  trend: "18,19",
  edit_state: null,
  ...more,
});
const edit = (state: string, more: Record<string, Cell> = {}): Record<string, Cell> => ({
  edit_state: state,
  edit_id: "e1",
  edit_field: "bid",
  edit_mine: "21.00",
  edit_before: "20.00",
  edit_theirs: null,
  ...more,
});

let browser: FakeBrowser;
let root: HTMLElement;
let control: AbortController;
let view: View<LiveBiddingOptions>;
let options: LiveBiddingOptions;
let rows: Map<string, Row>;
const callbacks = {
  onSelect: vi.fn(),
  onSearch: vi.fn(),
  onSort: vi.fn(),
  onCommand: vi.fn(),
  onPainted: vi.fn(),
};

function set(change: Partial<LiveBiddingOptions>): void {
  options = { ...options, ...change };
  view.setOptions(options);
  browser.frames();
}
function feed(change: [string, Row][], meta: Record<string, unknown> = {}): void {
  for (const [key, one] of change) rows.set(key, one);
  const changed = new Set(change.map(([key]) => key));
  view.setFeed({ rows, meta: { ...META, ...meta } as never as Meta, changed, vouched: true });
  browser.frames();
}
const all = (selector: string): HTMLElement[] => [...root.querySelectorAll<HTMLElement>(selector)];
const seen = (selector: string): string[] =>
  all(selector)
    .filter((one) => one.closest("[hidden]") === null)
    .map((one) => one.textContent ?? "");
const input = (index = 0): HTMLInputElement => all("input[role=spinbutton]")[index] as HTMLInputElement;
function write(text: string, index = 0): void {
  input(index).value = text;
  input(index).dispatchEvent(new Event("input", { bubbles: true }));
}
function press(key: string, index = 0): boolean {
  return input(index).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}
const button = (words: string): HTMLButtonElement =>
  all("button").find(
    (one) => one.textContent === words && one.closest("[hidden]") === null,
  ) as HTMLButtonElement;
const settled = async (): Promise<void> => {
  await Promise.resolve();
  await Promise.resolve();
  browser.frames();
};

beforeEach(() => {
  browser = fakeBrowser();
  vi.clearAllMocks();
  callbacks.onCommand.mockResolvedValue(null);
  control = new AbortController();
  root = document.createElement("section");
  document.body.append(root);
  rows = new Map();
  options = OPTIONS;
  view = liveBidding(root, callbacks, control.signal, () => NOW);
  view.setOptions(options);
  view.setLink(LIVE);
});
afterEach(() => {
  control.abort();
  root.remove();
  vi.unstubAllGlobals();
});

describe("liveBidding", () => {
  beforeEach(() =>
    feed([
      ["a", row("North")],
      ["b", row("South", { bid: "40.00", base: "36.00", modified: "40", most: "50" })],
    ]),
  );

  it("shows what each target bids", () => {
    expect(seen(".lw-bid-name")).toEqual(["North", "South"]);
    expect(seen(".lw-bid-value")).toEqual(["$22.00", "$40.00"]);
    expect(seen(".lw-bid-range")).toEqual(["$10.00 – $30.00", "$10.00 – $50.00"]);
    expect(seen(".lw-bid-wins")[0]).toBe("$19.0030 s ago");
    expect(root.querySelector("[role=table]")?.getAttribute("aria-rowcount")).toBe("3");
    expect(root.querySelector(".lw-aside")?.textContent).toBe("2 targets");
  });

  it("is a spin button with its limits", () => {
    expect(input().getAttribute("aria-label")).toBe("Base bid of North");
    expect(["now", "min", "max", "text"].map((name) => input().getAttribute(`aria-value${name}`))).toEqual([
      "20.00",
      "10.00",
      "30.00",
      "$20.00",
    ]);
    expect(input(1).value).toBe("10");
  });

  it("steps by keys and buttons, saves by Enter, once", async () => {
    expect(press("ArrowUp")).toBe(false);
    expect(input().value).toBe("20.50");
    all(".lw-step")[1]?.click();
    expect(input().value).toBe("21.00");
    press("ArrowDown");
    expect(callbacks.onCommand).not.toHaveBeenCalled();
    press("Enter");
    press("Enter");
    all(".lw-bid-amount-save")[0]?.click();
    expect(callbacks.onCommand).toHaveBeenCalledTimes(1);
    expect(callbacks.onCommand.mock.calls[0]).toEqual([
      "set",
      { id: expect.stringMatching(/^[0-9a-f]{32}$/), key: "a", field: "bid", value: "20.50", seen: "20.00" },
    ]);
    expect(input().getAttribute("aria-busy")).toBe("true");
    await settled();
    expect(input().getAttribute("aria-busy")).toBeNull();
    expect(all(".lw-bid-amount-ends")[0]?.hidden).toBe(true);
  });

  it("says what is wrong and sends nothing of it", () => {
    write("31");
    press("Enter");
    expect(callbacks.onCommand).not.toHaveBeenCalled();
    expect(input().getAttribute("aria-invalid")).toBe("true");
    expect(seen(".lw-bid-amount-words")).toEqual(["Above the maximum of 30.00."]);
    expect(all(".lw-bid-amount-save")[0]?.hasAttribute("disabled")).toBe(true);
    press("Escape");
    expect(input().value).toBe("20.00");
    expect(seen(".lw-bid-amount-words")).toEqual([]);
    write("20.0");
    press("Enter");
    expect(callbacks.onCommand).not.toHaveBeenCalled();
  });

  it("keeps what was typed when the kernel refuses it", async () => {
    callbacks.onCommand.mockRejectedValueOnce({
      kind: "NotConnectedError",
      message: "No connection.",
      advice: "Later.",
    });
    write("25");
    press("Enter");
    await settled();
    expect(input().value).toBe("25");
    expect(seen(".lw-bid-amount-words")).toEqual(["No connection. Later."]);
    press("Enter");
    await settled();
    const [first, second] = callbacks.onCommand.mock.calls.map(([, args]) => (args as { id: string }).id);
    expect(first).not.toBe(second);
  });

  it("says the same click again where none answered, and ends where the row holds it", async () => {
    callbacks.onCommand.mockRejectedValueOnce({ kind: "Timeout", message: "No answer.", advice: "" });
    write("25");
    press("Enter");
    await settled();
    press("Enter");
    const ids = callbacks.onCommand.mock.calls.map(([, args]) => (args as { id: string }).id);
    expect(ids[0]).toBe(ids[1]);
    feed([["a", row("North", { ...edit("pending"), edit_id: ids[0] as string, base: "25.00" })]]);
    expect(all(".lw-bid-amount-ends")[0]?.hidden).toBe(true);
    expect(input().value).toBe("25.00");
  });

  it("keeps what is typed while others change the bid, and says from what it was begun", () => {
    write("25");
    feed([["a", row("North", { base: "28.00" })]]);
    expect(input().value).toBe("25");
    press("Enter");
    expect(callbacks.onCommand.mock.calls[0]?.[1]).toMatchObject({ value: "25.00", seen: "20.00" });
  });

  it("shows a change on its way, and takes it back", async () => {
    feed([["a", row("North", edit("pending"))]]);
    expect(seen(".lw-bid-state")).toEqual(["Saving …"]);
    expect(root.querySelector(".lw-quiet[role=status]")?.textContent).toBe("");
    feed([["a", row("North", edit("synced", { edit_can_undo: true }))]]);
    expect(seen(".lw-bid-state")).toEqual(["Saved"]);
    expect(root.querySelector(".lw-quiet[role=status]")?.textContent).toBe("North: Saved.");
    const undo = button("Undo");
    undo.click();
    undo.click();
    expect(callbacks.onCommand).toHaveBeenCalledTimes(1);
    expect(callbacks.onCommand.mock.calls[0]).toEqual(["undo", { id: expect.any(String), key: "a" }]);
    await settled();
  });

  it("shows a refusal with its reason, to be edited again", () => {
    feed([
      ["a", row("North", edit("rejected", { edit_message: "It breaks a rule.", edit_advice: "Keep it." }))],
    ]);
    expect(seen(".lw-bid-note")[0]).toContain("Not saved$21.00: It breaks a rule. Keep it.");
    button("Edit again").click();
    expect(callbacks.onCommand.mock.calls[0]?.[0]).toBe("dismiss");
    expect(input().value).toBe("21.00");
  });

  it("shows both values of a lost race, to choose from", async () => {
    feed([["a", row("North", edit("conflict", { edit_theirs: "24.00", base: "24.00" }))]]);
    expect(seen(".lw-bid-reason")).toEqual(["Yours $21.00 · theirs $24.00"]);
    button("Use mine, $21.00").click();
    expect(callbacks.onCommand.mock.calls[0]).toEqual([
      "resolve",
      { id: expect.any(String), key: "a", choice: "mine" },
    ]);
    await settled();
    button("Keep theirs, $24.00").click();
    expect(callbacks.onCommand.mock.calls[1]?.[1]).toMatchObject({ choice: "theirs" });
  });

  it("offers nothing that is refused, and says why", () => {
    feed([], { denied: { kind: "NoRightsError", message: "This key may not write.", advice: "Sign in." } });
    expect(seen(".lw-bid-refusal")).toEqual(["This key may not write. Sign in."]);
    expect(input().readOnly).toBe(true);
    expect(input().title).toBe("This key may not write. Sign in.");
    expect(press("ArrowUp")).toBe(false);
    expect(input().value).toBe("20.00");
    feed([["a", row("North", { denied: "A policy says no." })]]);
    expect(input(0).title).toBe("A policy says no.");
    expect(input(2).readOnly).toBe(false);
    feed([], { state: "stale" });
    expect(input(2).title).toContain("when the view is live again");
  });

  it("is only shown where it is not to be changed", () => {
    set({ editable: false });
    expect(seen("input[role=spinbutton]")).toEqual([]);
    expect(seen(".lw-bid-amount-plain").slice(0, 2)).toEqual(["$20.00", "+10 %"]);
    set({ editable: true, size: "wall" });
    expect(seen("input[role=spinbutton]")).toEqual([]);
  });

  it("is only shown on a page that becomes one for a wall", async () => {
    wishWall(true);
    await vi.waitFor(() => {
      browser.frames();
      expect(seen("input[role=spinbutton]")).toEqual([]);
    });
    wishWall(false);
    await vi.waitFor(() => {
      browser.frames();
      expect(seen("input[role=spinbutton]")).toHaveLength(4);
    });
  });

  it("marks which way a bid went, not at first", () => {
    expect(seen(".lw-bid-moved")).toHaveLength(0);
    feed([["a", row("North", { bid: "23.00" })]]);
    expect(all(".lw-bid-moved")[0]?.dataset.way).toBe("up");
    expect(all(".lw-bid-moved")[0]?.title).toBe("Raised from 22.00");
    feed([["a", row("North", { bid: "21.00" })]]);
    expect(all(".lw-bid-moved")[0]?.dataset.way).toBe("down");
    expect(root.querySelector<HTMLElement>(".lw-bid-body > .lw-bid")?.dataset.flash).toBe("down-b");
  });

  it("sorts and finds, but moves no row under somebody's hands", () => {
    set({ sort: "-bid" });
    expect(seen(".lw-bid-name")).toEqual(["South", "North"]);
    expect(root.querySelector("[aria-sort=descending]")?.textContent).toBe("Bid");
    button("Bid").click();
    expect(callbacks.onSort).toHaveBeenCalledWith("bid");
    button("Target").click();
    expect(callbacks.onSort).toHaveBeenCalledWith("name");
    input().focus();
    feed([["a", row("North", { bid: "99.00" })]]);
    expect(seen(".lw-bid-name")).toEqual(["South", "North"]);
    expect(document.activeElement).toBe(input());
    input().blur();
    set({ search: "sou" });
    expect(seen(".lw-bid-name")).toEqual(["South"]);
    set({ search: "nobody" });
    expect(seen(".lw-empty-title")).toEqual(["No target matches"]);
  });

  it("lets rows change places once a second at most, and then as they stand", () => {
    const now = vi.spyOn(performance, "now");
    const start = 10_000_000;
    now.mockReturnValue(start);
    set({ sort: "-bid" });
    const order = seen(".lw-bid-name");
    const low = order[0] === "North" ? "a" : "b";
    feed([[low, row(order[0] as string, { bid: "1.00", base: "1.00", modified: "1" })]]);
    expect(seen(".lw-bid-name")).toEqual(order);
    now.mockReturnValue(start + 1_001);
    feed([]);
    expect(seen(".lw-bid-name")).toEqual(order.reverse());
    now.mockRestore();
  });

  it("selects by the name, and again not", () => {
    all(".lw-bid-name")[0]?.click();
    expect(callbacks.onSelect).toHaveBeenLastCalledWith("a");
    set({ selected: "a" });
    expect(root.querySelector(".lw-selected .lw-bid-name")?.getAttribute("aria-pressed")).toBe("true");
    all(".lw-bid-name")[0]?.click();
    expect(callbacks.onSelect).toHaveBeenLastCalledWith(null);
  });

  it("draws a hundred at first and more when asked", () => {
    feed(Array.from({ length: 250 }, (_, index) => [`k${index}`, row(`Target ${index}`)]));
    expect(all(".lw-bid-body > .lw-bid")).toHaveLength(100);
    all(".lw-bid-more")[0]?.click();
    browser.frames();
    expect(all(".lw-bid-body > .lw-bid")).toHaveLength(200);
    rows.clear();
    view.setFeed({ rows, meta: META as never, changed: null, vouched: true });
    browser.frames();
    expect(all(".lw-bid-body > .lw-bid")).toHaveLength(0);
    expect(seen(".lw-empty-title")).toEqual(["No targets"]);
  });

  it("runs nothing that a row holds", () => {
    const hostile = "<img src=x onerror=alert(1)>";
    const words = { buyer: hostile, status: hostile, bid: hostile, base: hostile, denied: hostile };
    feed([
      ["a", row(hostile, { ...words, ...edit("rejected", { edit_message: hostile, edit_mine: hostile }) })],
    ]);
    expect(root.querySelector("img")).toBeNull();
    expect(seen(".lw-bid-value")).toContain("—");
  });
});
