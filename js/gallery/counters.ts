/**
 * The real hub and adapters in a plain page, for Chromium's own counters: mounted and unmounted many times, under
 * traffic, scrolled. What the scenes draw is what a kernel in a worker tells. `window.counters` is for who counts.
 */
import type { Model, RenderProps } from "../src/lib/afm";
import type { HubExports } from "../src/lib/exchange";
import type { Meta, ToKernel } from "../src/lib/protocol";
import type { Row } from "../src/lib/rows";
import activeUsers from "../src/widgets/active_users";
import callDuration from "../src/widgets/call_duration";
import callTracker from "../src/widgets/call_tracker";
import campaignMetrics from "../src/widgets/campaign_metrics";
import hub from "../src/widgets/hub";
import liveBidding from "../src/widgets/live_bidding";
import liveFeed from "../src/widgets/live_feed";
import notificationToast from "../src/widgets/notification_toast";
import onlineStatus from "../src/widgets/online_status";
import realtimeChart from "../src/widgets/realtime_chart";
import * as activeUsersScene from "./active_users";
import * as callDurationScene from "./call_duration";
import * as callTrackerScene from "./call_tracker";
import * as campaignMetricsScene from "./campaign_metrics";
import type { FromWorker, ToWorker } from "./counters_kernel";
import * as fixtures from "./fixtures";
import * as liveBiddingScene from "./live_bidding";
import * as liveFeedScene from "./live_feed";
import * as notificationToastScene from "./notification_toast";
import * as realtimeChartScene from "./realtime_chart";
import type { Stage } from "./stage";

interface Part {
  widget: { render(props: RenderProps): void };
  scene?: { scene(stage: Stage): void };
  traits?: Record<string, unknown>;
  /** What scrolls in it. */
  scroller?: string;
}

const PARTS: Record<string, Part> = {
  active_users: { widget: activeUsers, scene: activeUsersScene },
  call_duration: { widget: callDuration, scene: callDurationScene },
  call_tracker: {
    widget: callTracker,
    scene: callTrackerScene,
    traits: { linger: null, shown_status: [] },
    scroller: ".lw-grid",
  },
  campaign_metrics: { widget: campaignMetrics, scene: campaignMetricsScene },
  live_bidding: { widget: liveBidding, scene: liveBiddingScene },
  live_feed: { widget: liveFeed, scene: liveFeedScene, scroller: ".lw-feed-list" },
  notification_toast: { widget: notificationToast, scene: notificationToastScene },
  online_status: { widget: onlineStatus },
  realtime_chart: { widget: realtimeChart, scene: realtimeChartScene },
};

/** A model as a widget manager has it. */
class PageModel implements Model {
  readonly #listeners = new Map<string, Set<(...args: never[]) => void>>();

  constructor(
    readonly state: Record<string, unknown>,
    readonly sent: (content: ToKernel) => void = () => undefined,
  ) {}

  get(name: string): unknown {
    return this.state[name];
  }
  set(name: string, value: unknown): void {
    this.state[name] = value;
    this.fire(`change:${name}`);
  }
  save_changes(): void {}
  send(content: unknown): void {
    this.sent(content as ToKernel);
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
}

const worker = new Worker("counters_kernel.js");
const tell = (message: ToWorker): void => worker.postMessage(message);
const hubModel = new PageModel({}, (message) => tell({ say: "heard", message }));
const exports: HubExports = hub.initialize({ model: hubModel, signal: new AbortController().signal });
const models = new Map<string, PageModel>();
const shown = new Map<string, { root: HTMLElement; life: AbortController }>();
let changed = { changes: 0, ticks: 0 };

worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
  if (data.say === "changed") changed = { changes: data.changes, ticks: data.ticks };
  else
    hubModel.fire(
      "msg:custom",
      data.content,
      data.buffers.map((buffer) => new DataView(buffer)),
    );
};

/** What a scene shows, taken from it. */
function drawn(part: Part, query: URLSearchParams): [Map<string, Row>, Meta] {
  const life = new AbortController();
  const root = document.createElement("section");
  let told: [Map<string, Row>, Meta] | null = null;
  part.scene?.scene({
    query,
    theme: "light",
    size: "auto",
    state: "live",
    height: 420,
    signal: life.signal,
    place: () => root,
    told: (rows, meta) => {
      told = [new Map(rows), meta];
    },
  });
  life.abort();
  const tables = { live: 4, stale: 0, loading: 0, error: 0 };
  return (
    told ?? [
      new Map(),
      fixtures.meta("live", { connection: fixtures.connection("live"), tables, lagging: [] }),
    ]
  );
}

/** Have the kernel offer a component's feed, with so many rows; a feed of that name from before is no more. */
function offer(name: string, query: string, most: number): PageModel {
  const part = PARTS[name] as Part;
  const feed = `${name}-${models.size + 1}`;
  const [rows, meta] = drawn(part, new URLSearchParams(query));
  tell({ say: "offer", feed, component: name, rows: [...rows], meta, most: Math.max(most, rows.size) });
  const model = new PageModel({ hub: "hub", feed, title: name, height: 420, ...part.traits });
  models.set(feed, model);
  return model;
}

/** What was offered last. */
const offered = (name: string): PageModel =>
  [...models].filter(([feed]) => feed.startsWith(name)).at(-1)?.[1] as PageModel;

function mount(name: string, model: PageModel): { root: HTMLElement; life: AbortController } {
  const life = new AbortController();
  const root = document.createElement("div");
  // One view's layout is no other's.
  root.style.contain = "layout";
  document.body.append(root);
  (PARTS[name] as Part).widget.render({
    model,
    el: root,
    signal: life.signal,
    host: { getWidget: () => Promise.resolve({ exports }) },
  });
  return { root, life };
}

function unmount({ root, life }: { root: HTMLElement; life: AbortController }): void {
  life.abort();
  root.remove();
}

const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
const isLive = (root: HTMLElement): boolean =>
  root.querySelector<HTMLElement>("[data-state]")?.dataset.state === "live";

async function until(condition: () => boolean, milliseconds: number, what: string): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Waited in vain for ${what}`);
    await frame();
  }
}

const counters = {
  names: Object.keys(PARTS),

  /** Have the kernel offer what a component's scene shows by this query; of what grows, so many rows stay. */
  offer(name: string, query = "", most = 0): void {
    offer(name, query, most);
  },

  /** Show what was offered last for a component, and wait until it is live. */
  async show(name: string): Promise<void> {
    const view = mount(name, offered(name));
    shown.set(name, view);
    view.root.scrollIntoView();
    await until(() => isLive(view.root), 60_000, `${name} to be live`);
    await frame();
  },

  hide(name: string): void {
    const view = shown.get(name);
    if (view) unmount(view);
    shown.delete(name);
  },

  /** Mount and unmount views of what is shown, so many at once; this share is painted, the others go before. */
  async mounts(name: string, times: number, atOnce: number, painted = 1): Promise<void> {
    const model = offered(name);
    for (let done = 0; done < times; done += atOnce) {
      const views = Array.from({ length: atOnce }, () => mount(name, model));
      for (const view of views.splice(Math.ceil(atOnce * painted))) unmount(view);
      await until(() => views.every(({ root }) => isLive(root)), 20_000, `${name} to be drawn`);
      for (const view of views) unmount(view);
    }
  },

  /** So many changes a second on each feed that is shown, until so many were told. */
  async traffic(rate: number, changes: number, hasten = 1): Promise<{ changes: number; ticks: number }> {
    changed = { changes: 0, ticks: 0 };
    tell({ say: "traffic", rate, changes, hasten });
    await until(() => changed.changes >= changes, 3_600_000, "all changes");
    await frame();
    return changed;
  },

  /** Scroll for so many ms, so many pixels a frame, there and back; gives the frames a second. */
  async scroll(name: string, milliseconds: number, step: number): Promise<number> {
    const { scroller = "" } = PARTS[name] as Part;
    const element = shown.get(name)?.root.querySelector(scroller);
    if (!element) throw new Error(`${name} has nothing that scrolls`);
    const start = await frame();
    let now = start;
    let frames = 0;
    let way = step;
    while (now < start + milliseconds) {
      const before = element.scrollTop;
      element.scrollTop += way;
      if (element.scrollTop === before) way = -way;
      now = await frame();
      frames += 1;
    }
    return (frames * 1000) / (now - start);
  },

  /** The frames a second of a page that does nothing. */
  async idle(milliseconds: number): Promise<number> {
    const start = await frame();
    let now = start;
    let frames = 0;
    while (now < start + milliseconds) {
      now = await frame();
      frames += 1;
    }
    return (frames * 1000) / (now - start);
  },
};

declare global {
  interface Window {
    counters: typeof counters;
  }
}
window.counters = counters;
