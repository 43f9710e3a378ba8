import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkStatus } from "../lib/exchange";
import type { Meta } from "../lib/protocol";
import type { Row } from "../lib/rows";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import { type CampaignMetricsOptions, campaignMetrics } from "./campaign_metrics";
import type { View } from "./shell";

const NOW = Date.UTC(2026, 10, 22, 12);
const LIVE: LinkStatus = { state: "live", heardAt: NOW, skew: 0, slack: 0, busyMs: 0, ages: {} };
const META = {
  state: "live",
  since: NOW,
  rows: 3,
  partial: false,
  version: 1,
  masked: false,
  window: 3600,
  compared: true,
} as unknown as Meta;
const OPTIONS: CampaignMetricsOptions = { title: "Solar", theme: "light", size: "auto", currency: "USD" };
const tile = (order: number, row: Row): Row => ({ kind: "tile", order, unit: "calls", better: true, ...row });
const ROWS: [string, Row][] = [
  [
    "incoming",
    tile(0, {
      label: "Incoming",
      value: 1284,
      target: 1200,
      state: "green",
      delta: 96,
      relative: 0.08,
      spark: "1,2,3",
    }),
  ],
  ["acl", tile(1, { label: "Average call length", unit: "seconds", value: 214, target: 300, state: "red" })],
];

let browser: FakeBrowser;
let root: HTMLElement;
let control: AbortController;
let view: View<CampaignMetricsOptions>;

function feed(rows: [string, Row][], meta: Partial<Meta> = {}): void {
  view.setFeed({ rows: new Map(rows), meta: { ...META, ...meta } as Meta, changed: null, vouched: true });
  browser.frames();
}
const texts = (selector: string): string[] =>
  [...root.querySelectorAll<HTMLElement>(selector)]
    .filter((one) => !one.hidden)
    .map((one) => one.textContent ?? "");

beforeEach(() => {
  browser = fakeBrowser();
  control = new AbortController();
  root = document.createElement("section");
  document.body.append(root);
  view = campaignMetrics(root, { onPainted: vi.fn() }, control.signal, () => NOW);
  view.setOptions(OPTIONS);
  view.setLink(LIVE);
});
afterEach(() => {
  control.abort();
  root.remove();
  vi.unstubAllGlobals();
});

describe("campaignMetrics", () => {
  it("shows figures with target, state in words, and difference", () => {
    feed(ROWS);
    expect(texts(".lw-tile-label")).toEqual(["Incoming", "Average call length"]);
    expect(texts(".lw-tile-value")).toEqual(["1,284", "3:34"]);
    expect(texts(".lw-tile-state")).toEqual(["On target", "Off target"]);
    expect(texts(".lw-tile-target")).toEqual(["Target 1,200", "Target 5:00"]);
    expect(texts(".lw-tile-delta")).toEqual(["+8%up 8% on the 1 h before, which is better"]);
    expect(root.querySelector(".lw-tile")?.textContent).toContain("Course: between 1 and 3");
    expect(root.querySelector(".lw-aside")?.textContent).toBe("last 1 h");
    expect(root.querySelector("[role=list]")?.children).toHaveLength(2);
  });
  it("keeps its elements while figures change", () => {
    feed(ROWS);
    const before = root.querySelector(".lw-tile-value");
    feed([["incoming", { ...(ROWS[0]?.[1] as Row), value: 1285 }], ...ROWS.slice(1)]);
    expect(root.querySelector(".lw-tile-value")).toBe(before);
    expect(before?.textContent).toBe("1,285");
    feed(ROWS.slice(1));
    expect(texts(".lw-tile-label")).toEqual(["Average call length"]);
  });
  it("says it where rows do not reach back", () => {
    feed(ROWS, { compared: false } as never);
    expect(texts(".lw-tile-delta")).toEqual([]);
    expect(root.querySelector(".lw-foot")?.textContent).toContain("window before is not loaded");
    feed(ROWS, { partial: true, compared: false } as never);
    expect(root.querySelector(".lw-foot")?.textContent).toContain("Not all calls");
  });
  it("shows caps where they belong, the reached ones counted", () => {
    const caps = { order: 1, loading: false, error: null, zone: "UTC", partial: true };
    const rows: [string, Row][] = Array.from({ length: 10 }, (_, index) => [
      `cap:${index}`,
      {
        kind: "cap",
        label: `T${index}`,
        unit: "daily",
        value: 10 - index,
        cap: 10,
        state: index ? "green" : "red",
        capped: index === 2,
      },
    ]);
    feed([...ROWS, ...rows], { caps } as never);
    const tiles = [...root.querySelectorAll(".lw-tile")];
    expect(tiles[1]?.className).toContain("lw-tile-caps");
    expect(texts(".lw-tile-caps .lw-tile-state")).toEqual(["1 reached"]);
    expect(texts(".lw-cap-name")).toHaveLength(6);
    expect(texts(".lw-cap-state")).toEqual(["Reached", "Paused"]);
    expect(root.querySelector(".lw-caps-more")?.textContent).toBe(
      "4 more · not all calls of today are loaded",
    );
    expect(root.querySelector<HTMLElement>(".lw-cap-bar i")?.style.inlineSize).toBe("100%");
    feed(ROWS, { caps } as never);
    expect(texts(".lw-caps-words")).toEqual(["No caps are set."]);
    feed(ROWS, { caps: { ...caps, loading: true } } as never);
    expect(texts(".lw-caps-words")).toEqual(["Reading the caps …"]);
    feed(ROWS, { caps: { ...caps, error: { message: "May not.", advice: "Sign in." } } } as never);
    expect(texts(".lw-caps-words")).toEqual(["May not. Sign in."]);
  });
  it("runs nothing that a label holds", () => {
    feed([["x", tile(0, { label: "<img src=x onerror=alert(1)>", formula: "<b>", value: "<i>" })]]);
    expect(root.querySelector("img, b, .lw-tile i")).toBeNull();
    expect(texts(".lw-tile-value")).toEqual(["—"]);
  });
  it("shows a skeleton while it waits and no zeros", () => {
    feed([], { state: "loading" });
    expect(root.querySelector<HTMLElement>(".lw-skeleton")?.hidden).toBe(false);
    expect(root.querySelector(".lw-aside")?.textContent).toBe("");
  });
});
