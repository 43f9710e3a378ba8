/** Two whole pages at one kernel, over lines that lose, double, delay, spoil and cut: in the end all are right. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Kernel, type Sent } from "../testing/kernel";
import { ManualPage } from "../testing/surroundings";
import { CHECK_MS, Exchange } from "./exchange";
import type { FeedUpdate } from "./feed";
import type { Tick } from "./protocol";

const FEEDS = ["a", "b", "c"];
type Fate = "arrives" | "lost" | "late" | "twice" | "spoiled";
type Step =
  | { do: "change"; feed: string; key: string; value: number; fates: Fate[] }
  | { do: "remove"; feed: string; key: string; fates: Fate[] }
  | { do: "late" | "hide" | "show" | "freeze" | "open" | "close" | "forget"; page: number; feed: string }
  | { do: "pass"; milliseconds: number }
  | { do: "beat" | "repeat" | "restart" };

/** One page: its views, what it was sent late, and the way of what it says. */
class Tab {
  readonly page = new ManualPage();
  readonly exchange: Exchange;
  readonly late: Sent[] = [];
  readonly #views = new Map<string, { control: AbortController; seen: FeedUpdate | null }>();
  frozen = false;

  constructor(readonly name: string) {
    this.exchange = new Exchange(name, this.page);
    for (const feed of FEEDS.slice(0, 2)) this.open(feed);
  }

  open(feed: string): void {
    if (this.#views.has(feed)) return;
    const view = { control: new AbortController(), seen: null as FeedUpdate | null };
    this.#views.set(feed, view);
    const onFrame = (update: FeedUpdate): void => {
      view.seen = update;
    };
    this.exchange.open({ feed, view: feed, signal: view.control.signal, onFrame });
  }

  close(feed: string): void {
    this.#views.get(feed)?.control.abort();
    this.#views.delete(feed);
  }

  hide(hidden: boolean): void {
    this.page.visible = !hidden;
    this.exchange.returned();
  }

  receive({ tick, buffers }: Sent, fate: Fate): void {
    if (this.frozen || fate === "lost") return;
    if (fate === "late") this.late.push({ tick, buffers });
    else if (fate === "spoiled")
      this.exchange.receive(
        tick,
        buffers.map(() => new DataView(new ArrayBuffer(3))),
      );
    else for (let time = 0; time < (fate === "twice" ? 2 : 1); time++) this.exchange.receive(tick, buffers);
  }

  pass(milliseconds: number): void {
    // Half as often as a page does: it is a long time.
    for (let passed = 0; passed < milliseconds; passed += 2 * CHECK_MS) {
      this.page.pass(2 * CHECK_MS);
      if (!this.frozen) this.exchange.check();
    }
  }

  shown(): [string, FeedUpdate | null][] {
    return [...this.#views].map(([feed, { seen }]) => [feed, seen]);
  }
}

const feed = fc.constantFrom(...FEEDS);
const key = fc.constantFrom("k1", "k2", "k3", "k4", "k5");
const page = fc.nat(1);
const fates = fc.array(
  fc.constantFrom<Fate>("arrives", "arrives", "arrives", "lost", "late", "twice", "spoiled"),
  {
    minLength: 2,
    maxLength: 2,
  },
);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({ do: fc.constant("change" as const), feed, key, value: fc.nat(99), fates }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("remove" as const), feed, key, fates }) },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom<"late" | "hide" | "show" | "freeze" | "open" | "close" | "forget">(
          "late",
          "late",
          "hide",
          "show",
          "freeze",
          "open",
          "close",
          "forget",
        ),
        page,
        feed,
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("pass" as const),
        milliseconds: fc.constantFrom(50, 400, 2_000, 9_000),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constantFrom("beat" as const, "repeat" as const, "restart" as const) }),
    },
  ),
  { maxLength: 80, size: "max" },
);

describe("two pages of one kernel", () => {
  it("never vouch for rows that the kernel did not have, and end equal to it", () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    fc.assert(
      fc.property(steps, fc.constantFrom(1, 2, 100), (story, chunk) => {
        const kernel = new Kernel("e0", chunk, FEEDS);
        const tabs = [new Tab("one"), new Tab("two")] as const;
        let epochs = 0;
        let beats = 0;
        const hear = (): void => {
          for (const tab of tabs) for (const said of tab.page.sent.splice(0)) kernel.hear(said);
        };
        const judge = (): void => {
          for (const tab of tabs) {
            for (const [name, seen] of tab.shown()) {
              if (!seen?.vouched) continue;
              const rows = Object.fromEntries([...seen.rows].map(([k, row]) => [k, row.value]));
              expect([...(kernel.feeds.get(name)?.history.values() ?? [])]).toContainEqual(rows);
            }
          }
        };
        const send = (how: readonly Fate[]): boolean => {
          hear();
          const sent = kernel.tick();
          if (sent) for (const [index, tab] of tabs.entries()) tab.receive(sent, how[index] ?? "arrives");
          return sent !== null;
        };
        const beat = (): void => {
          const tick: Tick = {
            t: "tick",
            v: 1,
            epoch: kernel.epoch,
            at: 1,
            to: [],
            beat: { k: ++beats, busy_ms: 0 },
          };
          for (const tab of tabs) tab.receive({ tick, buffers: [] }, "arrives");
        };
        for (const step of story) {
          switch (step.do) {
            case "change":
              kernel.feeds.get(step.feed)?.put(step.key, step.value);
              send(step.fates);
              break;
            case "remove":
              kernel.feeds.get(step.feed)?.remove(step.key);
              send(step.fates);
              break;
            case "pass":
              for (const tab of tabs) tab.pass(step.milliseconds);
              break;
            case "beat":
              beat();
              break;
            case "repeat":
              kernel.repeat();
              break;
            case "restart":
              for (const tab of tabs) tab.late.length = 0;
              kernel.restart(`e${++epochs}`);
              break;
            default: {
              const tab = tabs[step.page] as Tab;
              if (step.do === "late") for (const sent of tab.late.splice(0, 1)) tab.receive(sent, "arrives");
              else if (step.do === "hide" || step.do === "show") tab.hide(step.do === "hide");
              else if (step.do === "freeze") tab.frozen = !tab.frozen;
              else if (step.do === "open") tab.open(step.feed);
              else if (step.do === "close") tab.close(step.feed);
              else kernel.forget(tab.name);
            }
          }
          judge();
        }
        // Then the lines are good: time passes, beats come, and nobody does anything but by the rules.
        for (const tab of tabs) {
          tab.frozen = false;
          tab.exchange.woke();
          tab.hide(false);
        }
        for (let round = 0; round < 60; round++) {
          for (const tab of tabs) tab.pass(1_000);
          beat();
          while (send([])) judge();
        }
        for (const tab of tabs) {
          expect(tab.exchange.status().state).toBe("live");
          for (const [name, seen] of tab.shown()) {
            expect(seen?.vouched).toBe(true);
            const rows = Object.fromEntries([...(seen?.rows ?? [])].map(([k, row]) => [k, row.value]));
            expect(rows).toEqual(Object.fromEntries(kernel.feeds.get(name)?.rows ?? []));
          }
        }
      }),
      { numRuns: 80 },
    );
  });
});
