import { describe, expect, it, vi } from "vitest";
import { encode, Kernel } from "../testing/kernel";
import { ManualPage } from "../testing/surroundings";
import { CommandError } from "./commands";
import { CHECK_MS, Exchange, type LinkStatus } from "./exchange";
import type { FeedUpdate } from "./feed";
import type { Tick } from "./protocol";

function beat(at: number, busy_ms = 0, epoch = "e0"): Tick {
  return { t: "tick", v: 1, epoch, at, to: [], beat: { k: 1, busy_ms, ages: { a: 5 } } };
}

function setUp() {
  const page = new ManualPage();
  const exchange = new Exchange("me", page);
  const kernel = new Kernel("e0", 100, ["a", "b"]);
  const talk = (): void => {
    page.pass(20);
    for (let round = 0; round < 20; round++) {
      for (const message of page.sent.splice(0)) kernel.hear(message);
      const sent = kernel.tick();
      if (!sent) return;
      exchange.receive(sent.tick, sent.buffers);
    }
  };
  const look = (feed: string, signal = new AbortController().signal) => {
    const frames: FeedUpdate[] = [];
    const links: LinkStatus[] = [];
    const handle = exchange.open({
      feed,
      view: `v-${feed}`,
      signal,
      onFrame: (update) => frames.push(update),
      onLink: (status) => links.push(status),
    });
    return {
      frames,
      links,
      handle,
      rows: () => Object.fromEntries([...(frames.at(-1)?.rows ?? [])].map(([k, r]) => [k, r.value])),
    };
  };
  /** Let time pass as it does in a page, with its checks. */
  const live = (milliseconds: number): void => {
    for (let passed = 0; passed < milliseconds; passed += CHECK_MS) {
      page.pass(CHECK_MS);
      exchange.check();
    }
  };
  return { page, exchange, kernel, talk, look, live };
}

describe("hello", () => {
  it("is said once for all views of a frame, with the whole state of the page", () => {
    const { page, look } = setUp();
    look("a");
    look("b");
    expect(page.sent).toEqual([]);
    page.pass(20);
    expect(page.take("hello")).toEqual([
      {
        t: "hello",
        v: 1,
        client: "me",
        epoch: null,
        feeds: [
          { feed: "a", have: null },
          { feed: "b", have: null },
        ],
        search: "?campaign=7",
        tz: "Europe/Berlin",
        theme: "light",
        visible: true,
        now: 1_000_016,
      },
    ]);
  });

  it("lists only what can be seen, and what it has", () => {
    const { page, kernel, look, talk } = setUp();
    kernel.feeds.get("a")?.put("k", 1);
    const a = look("a");
    look("b");
    talk();
    a.handle.show(false);
    page.pass(20);
    expect(page.take("hello")[0]?.feeds).toEqual([{ feed: "b", have: 1 }]);
    a.handle.show(true);
    page.pass(20);
    expect(page.take("hello")[0]?.feeds).toEqual([
      { feed: "b", have: 1 },
      { feed: "a", have: null },
    ]);
  });

  it("is said again while nothing comes, with growing pauses, and never by a hidden page", () => {
    const { page, exchange, look } = setUp();
    look("a");
    let hellos = 0;
    const wait = (seconds: number): void => {
      for (let half = 0; half < seconds * 2; half++) {
        page.pass(500);
        exchange.check();
      }
      hellos += page.take("hello").length;
    };
    wait(4);
    expect(hellos).toBe(1);
    wait(3);
    expect(hellos).toBe(2);
    wait(30);
    expect(hellos).toBe(4);
    page.visible = false;
    wait(300);
    expect(hellos).toBe(4);
  });

  it("does not flood a kernel that answers with gaps", () => {
    const { page, exchange, look } = setUp();
    look("a");
    page.pass(20);
    for (let n = 1; n < 60; n++) {
      exchange.receive({
        t: "tick",
        v: 1,
        epoch: "e0",
        at: page.time,
        to: [
          {
            client: "me",
            n: n * 2,
            frames: [{ feed: "a", kind: "patch", base: n, version: n, buf: 0, part: 0, parts: 1 }],
          },
        ],
      });
      page.pass(50);
    }
    expect(page.take("hello").length).toBeLessThanOrEqual(5);
  });

  it("is followed by bye when the last view has gone for good", () => {
    const { page, exchange, look } = setUp();
    const control = new AbortController();
    look("a", control.signal);
    page.pass(20);
    control.abort();
    page.pass(2_000);
    expect(page.sent.at(-1)).toEqual({ t: "bye", client: "me" });
    page.sent.length = 0;
    exchange.receive(beat(page.time));
    expect(page.sent).toEqual([]);
    expect(exchange.status().state).toBe("live");
  });
});

describe("frames", () => {
  it("reach every view of the feed, and a view that comes later", () => {
    const { kernel, look, talk } = setUp();
    kernel.feeds.get("a")?.put("k", 1);
    const first = look("a");
    talk();
    expect(first.rows()).toEqual({ k: 1 });
    expect(first.frames.at(-1)?.changed).toBeNull();
    const second = look("a");
    expect(second.rows()).toEqual({ k: 1 });
    kernel.feeds.get("a")?.put("l", 2);
    talk();
    expect(second.rows()).toEqual({ k: 1, l: 2 });
    expect([...(first.frames.at(-1)?.changed ?? [])]).toEqual(["l"]);
  });

  it("are acked even when a view fails, and reach the others", () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { page, exchange, kernel, look, talk } = setUp();
    exchange.open({
      feed: "a",
      view: "bad",
      signal: new AbortController().signal,
      onFrame: () => {
        throw new Error("a view's fault");
      },
    });
    const good = look("a");
    kernel.feeds.get("a")?.put("k", 1);
    talk();
    expect(good.rows()).toEqual({ k: 1 });
    exchange.receive(beat(page.time));
    expect(page.take("ack")).toEqual([{ t: "ack", client: "me", epoch: "e0", beat: 1 }]);
  });

  it("that cannot be read are asked for again", () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { page, exchange, look } = setUp();
    const view = look("a");
    page.pass(2_000);
    page.sent.length = 0;
    const broken = new DataView(new TextEncoder().encode('{"key":["a"],"cols":{"value":[]}}').buffer);
    const snap = { feed: "a", kind: "snap" as const, base: null, version: 1, buf: 0, part: 0, parts: 1 };
    exchange.receive({ t: "tick", v: 1, epoch: "e0", at: 1, to: [{ client: "me", n: 1, frames: [snap] }] }, [
      broken,
    ]);
    page.pass(20);
    expect(page.take("hello")[0]?.feeds).toEqual([{ feed: "a", have: null }]);
    exchange.receive({ t: "tick", v: 1, epoch: "e0", at: 2, to: [{ client: "me", n: 2, frames: [snap] }] }, [
      encode([["a", 1]]),
    ]);
    expect(view.rows()).toEqual({ a: 1 });
  });

  it("of another kernel replace what the old one said", () => {
    const { kernel, look, talk } = setUp();
    kernel.feeds.get("a")?.put("k", 1);
    const view = look("a");
    talk();
    kernel.feeds.get("a")?.remove("k");
    kernel.restart("e1");
    kernel.hear({
      t: "hello",
      v: 1,
      client: "me",
      epoch: "e0",
      feeds: [{ feed: "a", have: 1 }],
      search: "",
      tz: "",
      theme: "light",
      visible: true,
      now: 0,
    });
    talk();
    expect(view.rows()).toEqual({});
    expect(view.frames.at(-1)?.vouched).toBe(true);
  });

  it("tell how long painting takes", () => {
    const { page, exchange, kernel, look, talk } = setUp();
    const view = look("a");
    talk();
    view.handle.painted(7.24);
    view.handle.painted(3);
    kernel.feeds.get("a")?.put("k", 1);
    const sent = kernel.tick();
    page.sent.length = 0;
    if (sent) exchange.receive(sent.tick, sent.buffers);
    expect(page.take("ack")).toMatchObject([{ n: 2, paint_ms: 7.2 }]);
  });
});

describe("commands", () => {
  it("are answered", async () => {
    const { page, exchange } = setUp();
    const answer = exchange.command("a", "retry", { now: true });
    const [command] = page.take("cmd");
    expect(command).toMatchObject({ t: "cmd", client: "me", feed: "a", name: "retry", args: { now: true } });
    exchange.receive({ t: "ans", client: "me", id: command?.id, ok: true, value: 7 });
    await expect(answer).resolves.toBe(7);
  });

  it("are refused in the kernel's words", async () => {
    const { page, exchange } = setUp();
    const answer = exchange.command("a", "retry", null);
    const [command] = page.take("cmd");
    const error = { kind: "Closed", message: "It is closed.", advice: "Open it." };
    exchange.receive({ t: "ans", client: "me", id: command?.id, ok: false, error });
    await expect(answer).rejects.toMatchObject(error);
  });

  it("end even when nobody answers, and say why", async () => {
    const { page, exchange } = setUp();
    const silent = exchange.command("a", "retry", null);
    const caught = expect(silent).rejects.toMatchObject({ kind: "Timeout" });
    page.pass(11_000);
    await caught;
    const late = exchange.command("a", "retry", null);
    const refused = expect(late).rejects.toBeInstanceOf(CommandError);
    exchange.close();
    await refused;
    await expect(exchange.command("a", "retry", null)).rejects.toMatchObject({ kind: "Closed" });
  });
});

describe("the pulse", () => {
  it("goes from connecting over live to gone, and back", () => {
    const { page, exchange, look, talk, live } = setUp();
    const view = look("a");
    const state = (): string => {
      exchange.check();
      return view.links.at(-1)?.state ?? "";
    };
    expect(state()).toBe("waiting");
    talk();
    expect(state()).toBe("live");
    live(1_500);
    expect(state()).toBe("live");
    live(500);
    expect(state()).toBe("gone");
    exchange.receive(beat(page.time));
    expect(state()).toBe("live");
    exchange.receive(beat(page.time, 9_000));
    expect(state()).toBe("busy");
    exchange.close();
    expect(state()).toBe("closed");
  });

  it("takes the host's word that the kernel restarts, until the line speaks again", () => {
    const { page, exchange, look, talk } = setUp();
    look("a");
    talk();
    page.pass(100);
    // It lasts for milliseconds only.
    exchange.hostSays({ server: "connected", kernel: "dead" });
    expect(exchange.status().state).toBe("gone");
    page.pass(100);
    expect(exchange.status().state).toBe("gone");
    exchange.receive(beat(page.time));
    expect(exchange.status().state).toBe("live");
  });

  it("asks the server about a silent kernel, and tells kernel from server", async () => {
    const { page, exchange, look, talk, live } = setUp();
    look("a");
    talk();
    const state = async (): Promise<string> => {
      await Promise.resolve();
      return exchange.status().state;
    };
    page.answer = "pending";
    live(1_200);
    expect(page.inquiries).toBe(0);
    live(500);
    expect(page.inquiries).toBe(1);
    expect(await state()).toBe("live");
    live(100);
    expect(await state()).toBe("server-gone");
    page.answer = "unreached";
    live(2_000);
    expect(await state()).toBe("server-gone");
    page.answer = "busy";
    live(5_000);
    expect(await state()).toBe("busy");
    page.answer = "idle";
    live(5_000);
    expect(await state()).toBe("gone");
    exchange.receive(beat(page.time));
    expect(await state()).toBe("live");
    const { inquiries } = page;
    live(1_000);
    expect(page.inquiries).toBe(inquiries);
  });

  it("takes no message from before a wake-up for an answer to it, but its rows", () => {
    const { page, exchange, kernel, look, talk } = setUp();
    const view = look("a");
    talk();
    exchange.receive(beat(page.time));
    const written = page.time;
    kernel.feeds.get("a")?.put("k", 1);
    const queued = kernel.tick();
    page.pass(30_000);
    exchange.woke();
    if (queued) exchange.receive({ ...queued.tick, at: written }, queued.buffers);
    expect(view.rows()).toEqual({ k: 1 });
    expect(exchange.status().state).toBe("waiting");
    exchange.receive(beat(page.time));
    expect(exchange.status().state).toBe("live");
  });

  it("is patient on a link on which messages come late, for a while", () => {
    const { page, exchange, look, talk, live } = setUp();
    look("a");
    talk();
    const state = (): string => exchange.status().state;
    exchange.receive(beat(page.time));
    live(3_000);
    expect(state()).toBe("gone");
    expect(exchange.status().slack).toBe(0);
    exchange.receive(beat(page.time - 2_000));
    expect(exchange.status().slack).toBeGreaterThan(1_000);
    live(3_000);
    expect(state()).toBe("live");
    for (let second = 0; second < 120; second++) {
      live(1_000);
      exchange.receive(beat(page.time));
    }
    live(2_000);
    expect(state()).toBe("gone");
  });

  it("does not take a kernel that stood still for a slow link", async () => {
    const { page, exchange, look, talk, live } = setUp();
    look("a");
    talk();
    exchange.receive(beat(page.time));
    page.answer = page.kernel = "busy";
    live(6_000);
    await Promise.resolve();
    expect(exchange.status().state).toBe("busy");
    // A cell has held even the interpreter; what comes now is written now.
    exchange.receive(beat(page.time));
    page.answer = page.kernel = "idle";
    live(1_400);
    await Promise.resolve();
    live(400);
    expect(exchange.status().state).toBe("gone");
  });

  it("asks little, and not while it is hidden", () => {
    const { page, look, talk, live } = setUp();
    look("a");
    talk();
    page.answer = "unreached";
    live(60_000);
    expect(page.inquiries).toBeLessThanOrEqual(14);
    const { inquiries } = page;
    page.visible = false;
    live(60_000);
    expect(page.inquiries).toBe(inquiries);
  });

  it("does not take an answer for the next silence", async () => {
    const { page, exchange, look, talk, live } = setUp();
    look("a");
    talk();
    page.answer = "dead";
    live(1_500);
    exchange.receive(beat(page.time));
    await Promise.resolve();
    expect(exchange.status().state).toBe("live");
  });

  it("has the host connect again once the server answers, and says hello when it has", async () => {
    const { page, exchange, look, talk, live } = setUp();
    look("a");
    talk();
    page.connection = "connecting";
    page.answer = "unreached";
    live(5_000);
    await Promise.resolve();
    expect(exchange.status().state).toBe("server-gone");
    expect(page.reconnects).toBe(0);
    page.connection = "disconnected";
    page.answer = "idle";
    live(6_000);
    await Promise.resolve();
    expect(page.reconnects).toBeGreaterThan(0);
    page.take("hello");
    page.connection = "connected";
    exchange.hostSays(page.host.words());
    expect(page.take("hello")).toHaveLength(1);
    expect(exchange.status().state).toBe("waiting");
  });

  it("does not hold against the kernel what the page itself did not hear", () => {
    const { page, exchange, look, talk, live } = setUp();
    look("a");
    talk();
    live(250);
    page.pass(30_000);
    exchange.check();
    expect(exchange.status().state).toBe("live");
    live(2_000);
    expect(exchange.status().state).toBe("gone");
  });

  it("asks for everything when it is seen again after a silence that it slept through", () => {
    const { page, exchange, look, talk } = setUp();
    look("a");
    talk();
    exchange.check();
    page.visible = false;
    exchange.returned();
    page.pass(600_000);
    exchange.check();
    page.visible = true;
    page.take("hello");
    exchange.returned();
    expect(page.take("hello")).toHaveLength(1);
    expect(exchange.status().state).toBe("waiting");
  });

  it("answers a beat that asks", () => {
    const { page, exchange, look, talk } = setUp();
    look("a");
    talk();
    page.sent.length = 0;
    const quiet = beat(page.time);
    exchange.receive({ ...quiet, beat: { k: 2, busy_ms: 0, ask: false } });
    expect(page.take("ack")).toEqual([]);
    exchange.receive(quiet);
    expect(page.take("ack")).toHaveLength(1);
  });

  it("does not hold a page's own sleep against the kernel", () => {
    const { page, exchange, look, talk } = setUp();
    look("a");
    talk();
    page.pass(60_000);
    exchange.woke();
    expect(exchange.status().state).toBe("waiting");
    expect(page.take("hello")).toHaveLength(1);
  });
});

it("ignores what is not of this protocol", () => {
  const { exchange } = setUp();
  for (const content of [
    null,
    7,
    "tick",
    [],
    { t: "tick" },
    { t: "tick", v: 2, epoch: "e", to: [] },
    { t: "ans" },
  ]) {
    expect(() => exchange.receive(content)).not.toThrow();
  }
});
