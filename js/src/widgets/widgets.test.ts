/** The bundles' adapters together, as anywidget runs them: one hub, views of two models, one kernel. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Model } from "../lib/afm";
import type { HubExports } from "../lib/exchange";
import type { ToKernel } from "../lib/protocol";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import callTracker from "./call_tracker";
import hub from "./hub";
import onlineStatus from "./online_status";

class FakeModel implements Model {
  readonly sent: ToKernel[] = [];
  readonly saved: Record<string, unknown>[] = [];
  readonly #listeners = new Map<string, Set<(...args: never[]) => void>>();

  constructor(readonly state: Record<string, unknown> = {}) {}

  get(name: string): unknown {
    return this.state[name];
  }
  set(name: string, value: unknown): void {
    this.state[name] = value;
    this.fire(`change:${name}`);
  }
  save_changes(): void {
    this.saved.push({ ...this.state });
  }
  send(content: unknown): void {
    this.sent.push(structuredClone(content) as ToKernel);
  }
  on(event: string, callback: (...args: never[]) => void): void {
    this.#listeners.set(event, (this.#listeners.get(event) ?? new Set()).add(callback));
  }
  off(event: string, callback?: ((...args: never[]) => void) | null): void {
    if (callback) this.#listeners.get(event)?.delete(callback);
  }
  fire(event: string, ...args: unknown[]): void {
    for (const callback of [...(this.#listeners.get(event) ?? [])])
      (callback as (...all: unknown[]) => void)(...args);
  }
  get listeners(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }
}

const TRAITS = {
  hub: "anywidget:h",
  feed: "call-tracker-1",
  title: "Calls",
  linger: 30,
  money: true,
  size: "auto",
  theme: "auto",
  selected: null,
  search: "",
  sort: "-created_at",
  shown_status: [],
  height: 420,
};

let browser: FakeBrowser;
let hubModel: FakeModel;
let life: AbortController;
const views: AbortController[] = [];
let exports: HubExports;

function mount(
  widget: { render: (props: never) => void },
  model: FakeModel,
  find = () => Promise.resolve({ exports }),
) {
  const el = document.createElement("div");
  document.body.append(el);
  const control = new AbortController();
  views.push(control);
  widget.render({ model, el, signal: control.signal, host: { getWidget: find } } as never);
  return { el, control, text: (selector: string): string => el.querySelector(selector)?.textContent ?? "" };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  browser.frames();
}

function kernelSays(frames: object[], document: object = {}): void {
  const client = exports.client;
  const n = 1 + hubModel.sent.filter((message) => message.t === "ack").length;
  const buffer = new DataView(new TextEncoder().encode(JSON.stringify(document)).buffer);
  hubModel.fire(
    "msg:custom",
    { t: "tick", v: 1, epoch: "e", at: Date.now(), to: [{ client, n, base: n - 1, frames }] },
    [buffer],
  );
  browser.frames();
}
const META = { state: "live", since: 0, rows: 1, partial: false, version: 1, masked: true };
const snap = (feed: string) => ({
  feed,
  kind: "snap",
  base: null,
  version: 1,
  buf: 0,
  part: 0,
  parts: 1,
  meta: META,
});
const ROWS = { key: ["k"], cols: { status: ["ringing"], caller: ["+1 ••• ••• 1234"] }, gone: [] };

beforeEach(() => {
  browser = fakeBrowser();
  hubModel = new FakeModel();
  life = new AbortController();
  exports = hub.initialize({ model: hubModel, signal: life.signal });
});
afterEach(() => {
  for (const view of views.splice(0)) view.abort();
  life.abort();
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

describe("the hub", () => {
  it("is started without waiting, and says nothing before a view is seen", async () => {
    expect(exports.protocol).toBe(1);
    expect(exports.client).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const { el } = mount(callTracker, new FakeModel({ ...TRAITS }));
    await settle();
    expect(hubModel.sent).toEqual([]);
    browser.sight(el, true);
    browser.frames();
    expect(hubModel.sent).toMatchObject([
      { t: "hello", client: exports.client, feeds: [{ feed: "call-tracker-1", have: null }] },
    ]);
  });

  it("lets go of everything when the kernel closes it", async () => {
    const { el, text } = mount(callTracker, new FakeModel({ ...TRAITS }));
    await settle();
    browser.sight(el, true);
    kernelSays([snap("call-tracker-1")], ROWS);
    life.abort();
    browser.frames();
    expect(hubModel.listeners).toBe(0);
    expect(text(".lw-mark-word")).toBe("Closed");
  });
});

describe("views", () => {
  it("of one model both work, and each ends alone", async () => {
    const model = new FakeModel({ ...TRAITS });
    const one = mount(callTracker, model);
    const two = mount(callTracker, model);
    await settle();
    browser.sight(one.el, true);
    browser.sight(two.el, true);
    kernelSays([snap("call-tracker-1")], ROWS);
    expect(one.text(".lw-canvas .lw-caller")).toBe("+1 ••• ••• 1234");
    expect(two.text(".lw-canvas .lw-caller")).toBe("+1 ••• ••• 1234");
    one.control.abort();
    model.set("title", "Renamed");
    browser.frames();
    expect(one.text(".lw-title")).toBe("Calls");
    expect(two.text(".lw-title")).toBe("Renamed");
    two.control.abort();
    expect(model.listeners).toBe(0);
  });

  it("write what the user picks", async () => {
    const model = new FakeModel({ ...TRAITS });
    const { el } = mount(callTracker, model);
    await settle();
    browser.sight(el, true);
    kernelSays([snap("call-tracker-1")], ROWS);
    el.querySelector<HTMLElement>('[data-key="k"]')?.click();
    expect(model.saved.at(-1)?.selected).toBe("k");
    el.querySelector<HTMLElement>(".lw-filter:not([hidden])")?.click();
    expect(model.saved.at(-1)?.shown_status).toHaveLength(1);
  });

  it("out of sight cost nothing", async () => {
    const { el } = mount(callTracker, new FakeModel({ ...TRAITS }));
    await settle();
    browser.sight(el, true);
    browser.frames();
    hubModel.sent.length = 0;
    browser.sight(el, false);
    browser.frames();
    expect(hubModel.sent).toMatchObject([{ t: "hello", feeds: [] }]);
  });

  it("in a saved notebook are quiet", async () => {
    const waiting = mount(
      callTracker,
      new FakeModel({ ...TRAITS }),
      () => new Promise<never>(() => undefined),
    );
    const refused = mount(onlineStatus, new FakeModel({ feed: "s", hub: "anywidget:x" }), () =>
      Promise.reject(new Error("gone")),
    );
    await settle();
    expect(waiting.text(".lw-mark-word")).toBe("Connecting");
    expect(refused.text(".lw-pill-word")).toBe("No kernel");
  });

  it("draw their own fault", () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const model = new FakeModel();
    model.get = () => {
      throw new Error("<b>broken</b>");
    };
    const { el } = mount(callTracker, model);
    expect(el.querySelector('[role="alert"]')?.textContent).toContain("<b>broken</b>");
  });
});

it("OnlineStatus asks the kernel to retry", async () => {
  const { el, text } = mount(
    onlineStatus,
    new FakeModel({ hub: "anywidget:h", feed: "online-status-1", theme: "auto" }),
  );
  await settle();
  browser.sight(el, true);
  const connection = {
    state: "reconnecting",
    since: 0,
    attempt: 2,
    retry_at: Date.now() + 8_000,
    error: null,
    latency_ms: null,
    legs: {},
  };
  kernelSays([{ ...snap("online-status-1"), meta: { ...META, connection, tables: {}, lagging: [] } }], {
    key: [],
    cols: {},
    gone: [],
  });
  expect(text(".lw-pill-word")).toBe("Reconnecting");
  el.querySelector<HTMLElement>(".lw-retry")?.click();
  const command = hubModel.sent.find((message) => message.t === "cmd");
  expect(command).toMatchObject({ feed: "online-status-1", name: "retry" });
  hubModel.fire(
    "msg:custom",
    { t: "ans", client: exports.client, id: (command as { id: string }).id, ok: true, value: null },
    [],
  );
  await settle();
  expect(text(".lw-retry")).toBe("Retry now");
});
