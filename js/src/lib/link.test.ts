import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Kernel, type Sent } from "../testing/kernel";
import { classify, type FeedState, FRAME_TABLE, type FrameEvent, Link, type Order } from "./link";
import type { Frame, Tick } from "./protocol";
import { type Columns, decode, merge, type Row } from "./rows";

const frame = (change: Partial<Frame>): Frame => ({
  feed: "a",
  kind: "patch",
  base: null,
  version: 1,
  buf: 0,
  part: 0,
  parts: 1,
  ...change,
});
const tick = (n: number, frames: Frame[], change: Partial<Tick> & { base?: number } = {}): Tick => ({
  t: "tick",
  v: 1,
  epoch: "e1",
  at: n,
  to: [{ client: "me", n, base: change.base ?? n - 1, frames }],
  ...change,
});
const kinds = (orders: Order[]): string[] => orders.map((order) => order.do);
const snap = frame({ kind: "snap" });

function synced(): Link {
  const link = new Link("me");
  link.want("a");
  link.receive(tick(1, [snap]));
  return link;
}

describe("the table", () => {
  const states: FeedState[] = [
    { kind: "void" },
    { kind: "building", version: 7, parts: 3, next: 1 },
    { kind: "synced", have: 4, upto: 5 },
  ];
  const frames: Frame[] = [
    frame({ kind: "snap" }),
    frame({ kind: "snap", parts: 3, part: 0 }),
    frame({ kind: "snap", parts: 3, part: 1, version: 7 }),
    frame({ kind: "snap", parts: 3, part: 2, version: 7 }),
    frame({ base: 5 }),
    frame({ base: 6 }),
    frame({ buf: null }),
  ];

  it("has a verdict for every state and event", () => {
    const events = new Set(Object.values(FRAME_TABLE).flatMap((row) => Object.keys(row)));
    expect(Object.keys(FRAME_TABLE).sort()).toEqual(["building", "synced", "void"]);
    for (const row of Object.values(FRAME_TABLE)) expect(Object.keys(row).sort()).toEqual([...events].sort());
  });

  it("never applies to a feed that is not in a state for it", () => {
    for (const state of states) {
      for (const candidate of frames) {
        const verdict = FRAME_TABLE[state.kind][classify(state, candidate, 10)];
        if (verdict === "patch") expect(state.kind).toBe("synced");
        if (verdict === "extend") expect(state.kind).toBe("building");
      }
    }
  });

  it("names every event", () => {
    const named = new Set<FrameEvent>();
    for (const state of states) for (const candidate of frames) named.add(classify(state, candidate, 10));
    expect([...named].sort()).toEqual(Object.keys(FRAME_TABLE.void).sort());
  });
});

describe("one message after the other", () => {
  it("takes a snapshot, then patches", () => {
    const link = synced();
    expect(kinds(link.receive(tick(2, [frame({ base: 1 })])))).toEqual(["patch", "ack"]);
    expect(link.wanted()).toEqual([{ feed: "a", have: 2 }]);
  });

  it("acks what was for it, and nothing else", () => {
    const link = synced();
    expect(link.receive({ ...tick(2, []), to: [{ client: "other", n: 9, frames: [snap] }] })).toEqual([]);
  });

  it("ignores a repetition", () => {
    const link = synced();
    link.receive(tick(2, [frame({ base: 1 })]));
    expect(link.receive(tick(2, [frame({ base: 1 })]))).toEqual([]);
    expect(link.receive(tick(1, [snap]))).toEqual([]);
  });

  it("asks again after a gap that the next frame does not cover", () => {
    const link = synced();
    expect(kinds(link.receive(tick(3, [frame({ base: 2 })])))).toEqual(["void", "ack", "hello"]);
    expect(link.wanted()).toEqual([{ feed: "a", have: null }]);
  });

  it("goes on after a gap that the next frame covers", () => {
    const link = synced();
    expect(kinds(link.receive(tick(4, [frame({ base: 1 })])))).toEqual(["patch", "ack"]);
  });

  it("does not trust a feed that may have been in the lost message", () => {
    const link = synced();
    link.want("b");
    link.receive(tick(2, [frame({ feed: "b", kind: "snap" })]));
    // Message 3 is lost. Message 4 says that feed a has not changed since 3: what 3 said of it is unknown.
    expect(kinds(link.receive(tick(4, [frame({ feed: "b", base: 2 })], { base: 3 })))).toEqual([
      "patch",
      "void",
      "ack",
      "hello",
    ]);
  });

  it("trusts a feed of which nothing was said since a message that it had", () => {
    const link = synced();
    link.want("b");
    link.receive(tick(2, [frame({ feed: "b", kind: "snap" })]));
    expect(kinds(link.receive(tick(4, [frame({ feed: "b", base: 2 })], { base: 1 })))).toEqual([
      "patch",
      "ack",
    ]);
    expect(link.wanted()).toEqual([
      { feed: "a", have: 1 },
      { feed: "b", have: 4 },
    ]);
  });

  it("shows a snapshot in parts only when it is whole", () => {
    const link = new Link("me");
    link.want("a");
    const part = (index: number): Frame => frame({ kind: "snap", part: index, parts: 3, version: 9 });
    expect(kinds(link.receive(tick(1, [part(0)])))).toEqual(["restart", "begin", "ack"]);
    expect(kinds(link.receive(tick(2, [part(1)])))).toEqual(["extend", "ack"]);
    expect(kinds(link.receive(tick(3, [part(2)])))).toEqual(["extend", "swap", "ack"]);
  });

  it("drops a snapshot that has lost a part", () => {
    const link = new Link("me");
    link.want("a");
    const part = (index: number): Frame => frame({ kind: "snap", part: index, parts: 3, version: 9 });
    link.receive(tick(1, [part(0)]));
    expect(kinds(link.receive(tick(3, [part(2)])))).toEqual(["void", "ack", "hello"]);
  });

  it("starts anew with another kernel", () => {
    const link = synced();
    expect(kinds(link.receive(tick(1, [], { epoch: "e2" })))).toEqual(["restart", "hello", "ack"]);
    expect(link.waiting()).toBe(true);
  });

  it("notices that the kernel counts anew", () => {
    const link = synced();
    link.receive(tick(50, [frame({ base: 1 })]));
    const orders = kinds(link.receive(tick(1, [snap], { at: 60 })));
    expect(orders).toContain("swap");
    expect(orders).toContain("hello");
    expect(link.last).toBe(1);
  });

  it("takes the meta of a feed that has no rows yet, and asks nothing", () => {
    const link = new Link("me");
    link.want("a");
    const meta = { state: "loading" as const, since: 0, rows: 0, partial: false, version: 0, masked: true };
    expect(kinds(link.receive(tick(1, [frame({ buf: null, meta })])))).toEqual(["restart", "meta", "ack"]);
  });

  it("answers a beat", () => {
    const link = synced();
    expect(link.receive({ ...tick(9, []), to: [], beat: { k: 4, busy_ms: 0 } })).toEqual([
      { do: "beat", beat: { k: 4, busy_ms: 0 } },
      { do: "ack-beat", beat: 4 },
    ]);
  });
});

/** A page made of the link and the rows, with nothing around it. */
class Page {
  readonly link = new Link("me");
  readonly rows = new Map<string, Map<string, Row>>();
  readonly versions = new Map<string, number>();
  readonly #building = new Map<string, Map<string, Row>>();
  hello = true;

  receive({ tick, buffers }: Sent): number | null {
    let acked: number | null = null;
    const read = (index: number | null): Columns | null =>
      index === null ? null : decode(buffers[index] as DataView);
    for (const order of this.link.receive(tick)) {
      if (order.do === "hello" || order.do === "restart") this.hello = true;
      else if (order.do === "ack") acked = order.n;
      else if (order.do === "begin") {
        const rows = new Map<string, Row>();
        const columns = read(order.buf);
        if (columns) merge(rows, columns);
        this.#building.set(order.feed, rows);
      } else if (order.do === "extend") {
        const columns = read(order.buf);
        if (columns) merge(this.#building.get(order.feed) as Map<string, Row>, columns);
      } else if (order.do === "swap") {
        this.rows.set(order.feed, this.#building.get(order.feed) as Map<string, Row>);
        this.versions.set(order.feed, order.version);
      } else if (order.do === "patch") {
        const columns = read(order.buf);
        if (columns) merge(this.rows.get(order.feed) as Map<string, Row>, columns);
        this.versions.set(order.feed, order.version);
      }
    }
    return acked;
  }

  state(feed: string): Record<string, unknown> {
    return Object.fromEntries([...(this.rows.get(feed) ?? [])].map(([key, row]) => [key, row.value]));
  }
}

const FEEDS = ["a", "b"];
type Step =
  | { do: "put"; feed: string; key: string; value: number }
  | { do: "remove"; feed: string; key: string }
  | { do: "tick" | "hello" | "repeat" | "restart" }
  | { do: "deliver" | "lose" | "double"; at: number }
  | { do: "ack" | "lose-ack"; at: number }
  | { do: "want" | "drop"; feed: string }
  /** A change and its message, which arrives, is lost, or comes later. */
  | { do: "send"; feed: string; key: string; value: number; fate: "arrives" | "lost" | "late" };

const feed = fc.constantFrom(...FEEDS);
const key = fc.constantFrom("k1", "k2", "k3", "k4", "k5");
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 25,
      arbitrary: fc.record({
        do: fc.constant("send" as const),
        feed,
        key,
        value: fc.nat(99),
        fate: fc.constantFrom("arrives" as const, "arrives" as const, "lost" as const, "late" as const),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant("put" as const), feed, key, value: fc.nat(99) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), feed, key }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("tick" as const) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("deliver" as const), at: fc.nat(3) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom("lose" as const, "double" as const), at: fc.nat(3) }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("ack" as const), at: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("lose-ack" as const), at: fc.nat(2) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("hello" as const, "repeat" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("want" as const, "drop" as const), feed }) },
  ),
  // Without a size the stories would have ten steps, in which hardly anything can go wrong.
  { maxLength: 120, size: "max" },
);

describe("any order, loss and repetition", () => {
  it("never shows rows that the kernel never had, and ends equal to the kernel", () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(1, 2, 100), (story, chunk) => {
        const kernel = new Kernel("e0", chunk, FEEDS);
        const page = new Page();
        const onTheWay: Sent[] = [];
        const acks: number[] = [];
        let epochs = 0;
        const sayHello = (): void => {
          page.hello = false;
          kernel.hear({
            t: "hello",
            v: 1,
            client: "me",
            epoch: page.link.epoch,
            feeds: page.link.wanted(),
            search: "",
            tz: "UTC",
            theme: "light",
            visible: true,
            now: 0,
          });
        };
        const hearAck = (n: number): void =>
          kernel.hear({ t: "ack", client: "me", epoch: page.link.epoch ?? "", n, paint_ms: 0 });
        const deliver = (sent: Sent): void => {
          // A comm of a kernel that is gone delivers nothing any more.
          if (sent.tick.epoch !== kernel.epoch) return;
          const acked = page.receive(sent);
          if (acked !== null) acks.push(acked);
          for (const name of FEEDS) {
            if (page.link.state(name).kind !== "synced") continue;
            const version = page.versions.get(name) as number;
            expect(page.state(name)).toEqual(kernel.feeds.get(name)?.history.get(version));
          }
        };
        for (const name of FEEDS) page.link.want(name);
        sayHello();
        for (const step of story) {
          switch (step.do) {
            case "put":
              kernel.feeds.get(step.feed)?.put(step.key, step.value);
              break;
            case "remove":
              kernel.feeds.get(step.feed)?.remove(step.key);
              break;
            case "send": {
              kernel.feeds.get(step.feed)?.put(step.key, step.value);
              const sent = kernel.tick();
              if (sent && step.fate === "arrives") deliver(sent);
              if (sent && step.fate === "late") onTheWay.push(sent);
              break;
            }
            case "tick": {
              const sent = kernel.tick();
              if (sent) onTheWay.push(sent);
              break;
            }
            case "deliver":
            case "lose": {
              const [sent] = onTheWay.splice(step.at % Math.max(1, onTheWay.length), 1);
              if (sent && step.do === "deliver") deliver(sent);
              break;
            }
            case "double": {
              const sent = onTheWay[step.at % Math.max(1, onTheWay.length)];
              if (sent) deliver(sent);
              break;
            }
            case "ack":
            case "lose-ack": {
              const [n] = acks.splice(step.at % Math.max(1, acks.length), 1);
              if (n !== undefined && step.do === "ack") hearAck(n);
              break;
            }
            case "hello":
              sayHello();
              break;
            case "repeat":
              kernel.repeat();
              break;
            case "restart":
              onTheWay.length = 0;
              acks.length = 0;
              kernel.restart(`e${++epochs}`);
              break;
            case "want":
              page.link.want(step.feed);
              sayHello();
              break;
            case "drop":
              page.link.drop(step.feed);
              sayHello();
              break;
          }
        }
        // Then all is quiet, and nothing is lost any more: hello, acks, repetition, as often as it takes.
        for (const name of FEEDS) page.link.want(name);
        for (const n of acks.splice(0)) hearAck(n);
        kernel.repeat();
        sayHello();
        for (let round = 0; round < 40; round++) {
          const sent = kernel.tick();
          if (sent) deliver(sent);
          for (const n of acks.splice(0)) hearAck(n);
          if (page.hello) sayHello();
          else if (!sent) break;
        }
        for (const name of FEEDS) {
          expect(page.link.state(name).kind).toBe("synced");
          expect(page.state(name)).toEqual(Object.fromEntries(kernel.feeds.get(name)?.rows ?? []));
        }
      }),
      { numRuns: 400 },
    );
  });
});
