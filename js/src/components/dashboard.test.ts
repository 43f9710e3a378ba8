import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkStatus } from "../lib/exchange";
import { PATIENCE_MS } from "../lib/revival";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import { type DashboardSurroundings, dashboard } from "./dashboard";
import type { ShellOptions, View } from "./shell";

const NOW = Date.UTC(2026, 10, 22, 12);
const OPTIONS: ShellOptions = { title: "Call center", theme: "auto", size: "auto" };
let browser: FakeBrowser;
let root: HTMLElement;
let control: AbortController;
let view: View<ShellOptions>;
let time: number;
let answering: boolean;
let around: DashboardSurroundings & { reload: ReturnType<typeof vi.fn> };

const find = (selector: string): HTMLElement => root.querySelector(selector) as HTMLElement;
const link = (state: LinkStatus["state"]): void =>
  view.setLink({ state, heardAt: NOW, skew: 0, slack: 0, busyMs: 0, ages: {} });

function draw(changes: Partial<DashboardSurroundings> = {}): void {
  let reloaded: number | null = null;
  around = {
    whole: true,
    search: "",
    answers: () => Promise.resolve(answering),
    reload: vi.fn(),
    reloadedAt: () => reloaded,
    noteReload: (at) => {
      reloaded = at;
    },
    ...changes,
  } as typeof around;
  view = dashboard(
    root,
    around,
    () => undefined,
    control.signal,
    () => time,
  );
  view.setOptions(OPTIONS);
  link("live");
  browser.frames();
}

/** Let seconds pass, each with its paint and what was answered. */
async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    time += 1_000;
    await vi.advanceTimersByTimeAsync(1_000);
    browser.frames();
    await Promise.resolve();
  }
}

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  browser = fakeBrowser();
  root = document.createElement("div");
  document.body.append(root);
  control = new AbortController();
  time = NOW;
  answering = true;
});

afterEach(() => {
  control.abort();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  document.body.replaceChildren();
  for (const name of ["lwTheme", "lwWall"]) delete document.documentElement.dataset[name];
});

describe("the head of a dashboard", () => {
  it("takes theme and wall from the address, and from its buttons", () => {
    draw({ search: "?theme=dark&wall=1&campaign=7" });
    expect(document.documentElement.dataset.lwTheme).toBe("dark");
    expect(root.dataset.size).toBe("wall");
    const [theme, wall] = root.querySelectorAll<HTMLElement>(".lw-tool");
    expect(theme?.getAttribute("aria-label")).toBe("Light colours");
    theme?.click();
    wall?.click();
    expect(document.documentElement.dataset.lwTheme).toBe("light");
    expect(document.documentElement.dataset.lwWall).toBeUndefined();
  });

  it("leaves the theme of a notebook's page alone", () => {
    draw({ whole: false, search: "?theme=dark" });
    expect(document.documentElement.dataset.lwTheme).toBeUndefined();
    expect(find(".lw-tool").hidden).toBe(true);
  });

  it("says that the kernel is gone, and starts anew when it will not come back", async () => {
    draw();
    expect(find(".lw-alarm").hidden).toBe(true);
    link("gone");
    await pass(2);
    expect(find(".lw-alarm").hidden).toBe(false);
    expect(find(".lw-alarm").textContent).toContain("Kernel gone");
    expect(find(".lw-alarm").textContent).toMatch(/reloaded by itself in \d+ s/);
    await pass(PATIENCE_MS / 1000 - 4);
    expect(around.reload).not.toHaveBeenCalled();
    await pass(5);
    expect(around.reload).toHaveBeenCalledTimes(1);
  });

  it("does not reload into a server that does not answer", async () => {
    answering = false;
    draw();
    link("server-gone");
    await pass(200);
    expect(around.reload).not.toHaveBeenCalled();
    expect(find(".lw-alarm").textContent).toContain("server is not reached");
    find(".lw-reload").click();
    expect(around.reload).toHaveBeenCalledTimes(1);
  });

  it("forgets its alarm when the kernel is back", async () => {
    draw();
    link("server-gone");
    await pass(20);
    link("live");
    await pass(60);
    expect(find(".lw-alarm").hidden).toBe(true);
    expect(around.reload).not.toHaveBeenCalled();
  });

  it("never reloads a notebook", async () => {
    draw({ whole: false });
    link("gone");
    await pass(200);
    expect(around.reload).not.toHaveBeenCalled();
    expect(find(".lw-reload").hidden).toBe(true);
    expect(find(".lw-alarm").textContent).toContain("Run the cell again");
  });
});
