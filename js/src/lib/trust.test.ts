/** Clock, pulse, health and the overview: what may be believed, and what is said of it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KernelClock } from "./clock";
import { overview } from "./connection";
import type { LinkStatus } from "./exchange";
import { type HealthFacts, health, knownUntil, LOOKS } from "./health";
import type { Meta } from "./protocol";
import {
  ANSWER_MS,
  BUSY_SILENT_MS,
  judge,
  LATE_MS,
  ON_THE_WAY_MS,
  type PulseFacts,
  SILENT_MS,
  UNANSWERED_BUSY_MS,
  UNANSWERED_MS,
} from "./pulse";

const NOW = 1_000_000;

describe("the kernel's clock", () => {
  it("is right within the shortest time that a message took", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e7, max: 1e7 }),
        fc.array(fc.nat(3_000), { minLength: 1, maxLength: 16 }),
        (skew, delays) => {
          const clock = new KernelClock();
          for (const [index, delay] of delays.entries())
            clock.heard(NOW + index * 2_000 + skew, NOW + index * 2_000 + delay);
          expect(clock.skew).toBe(skew - Math.min(...delays));
        },
      ),
    );
  });

  it("forgets", () => {
    const clock = new KernelClock();
    clock.heard(Number.NaN, 5);
    expect(clock.skew).toBe(0);
    clock.heard(10, 5);
    clock.forget();
    expect(clock.skew).toBe(0);
  });
});

describe("the pulse", () => {
  const facts = (change: Partial<PulseFacts>): PulseFacts => ({
    heardAt: NOW - 100,
    askedAt: NOW - 60_000,
    stalled: 0,
    slack: 0,
    busyMs: 0,
    server: "unknown",
    kernel: "unknown",
    inquiry: "unasked",
    closed: false,
    ...change,
  });
  const state = (change: Partial<PulseFacts>): string => judge(facts(change), NOW).state;

  it("tells live, busy, gone, never there, server gone and closed apart", () => {
    expect(state({})).toBe("live");
    expect(state({ busyMs: 5_000 })).toBe("busy");
    expect(state({ heardAt: NOW - SILENT_MS - 1 })).toBe("gone");
    expect(state({ heardAt: NOW - SILENT_MS - 1, busyMs: 5_000 })).toBe("busy");
    expect(state({ heardAt: NOW - BUSY_SILENT_MS - 1, busyMs: 5_000 })).toBe("gone");
    expect(state({ heardAt: null })).toBe("none");
    expect(state({ heardAt: null, askedAt: NOW - 1_000 })).toBe("waiting");
    expect(state({ heardAt: null, server: "disconnected" })).toBe("server-gone");
    expect(state({ heardAt: NOW - LATE_MS - 1, server: "connecting" })).toBe("server-gone");
    expect(state({ heardAt: NOW - 100, server: "connecting" })).toBe("live");
    expect(state({ kernel: "dead" })).toBe("gone");
    expect(state({ closed: true })).toBe("closed");
  });

  const silent = (change: Partial<PulseFacts>): string => state({ heardAt: NOW - SILENT_MS - 1, ...change });
  const asked = (change: Partial<PulseFacts>): string => state({ askedAt: NOW - ANSWER_MS - 1, ...change });

  it("believes the server's answer more than the host's memory, and both more than the last beat", () => {
    expect(silent({ kernel: "busy" })).toBe("busy");
    expect(silent({ kernel: "busy", heardAt: NOW - 600_000 })).toBe("busy");
    expect(silent({ kernel: "busy", inquiry: "idle" })).toBe("gone");
    expect(silent({ kernel: "idle", inquiry: "busy" })).toBe("busy");
    expect(silent({ kernel: "idle", busyMs: 5_000 })).toBe("gone");
    expect(silent({ inquiry: "dead" })).toBe("gone");
    expect(silent({ inquiry: "unreached" })).toBe("server-gone");
    expect(silent({ inquiry: "unreached", kernel: "busy" })).toBe("server-gone");
    // What it has said is on its way, for a while.
    expect(silent({ inquiry: "late" })).toBe("waiting");
    expect(silent({ inquiry: "late", heardAt: NOW - ON_THE_WAY_MS - 1 })).toBe("gone");
    // Neither the kernel nor the server has answered so far.
    const unanswered = { inquiry: "asking" as const, heardAt: NOW - UNANSWERED_MS - 1 };
    expect(silent({ inquiry: "asking" })).toBe("live");
    expect(silent(unanswered)).toBe("server-gone");
    // A running cell explains why the kernel says nothing, and for a while why the server takes its time.
    expect(silent({ ...unanswered, kernel: "busy" })).toBe("busy");
    expect(silent({ ...unanswered, kernel: "busy", heardAt: NOW - UNANSWERED_BUSY_MS - 1 })).toBe(
      "server-gone",
    );
    expect(state({ heardAt: NOW - LATE_MS - 1, inquiry: "asking" })).toBe("live");
  });

  it("gives a question its time, and says of a kernel that was never heard that there is none", () => {
    expect(asked({ heardAt: null })).toBe("none");
    expect(asked({ heardAt: NOW - 60_000 })).toBe("gone");
    expect(asked({ heardAt: null, kernel: "busy" })).toBe("busy");
    expect(state({ heardAt: null, askedAt: NOW - 2_000, kernel: "busy" })).toBe("busy");
    expect(state({ heardAt: null, askedAt: NOW - 2_000, kernel: "absent" })).toBe("none");
    expect(state({ heardAt: NOW - 2_000, kernel: "absent" })).toBe("gone");
  });

  it("does not count the time in which the page itself stood still", () => {
    expect(silent({ stalled: 60_000 })).toBe("live");
    expect(silent({ stalled: 1, heardAt: NOW - 60_000 })).toBe("gone");
  });

  it("never says live after silence", () => {
    fc.assert(
      fc.property(
        fc.record({
          heardAt: fc.option(fc.integer({ min: 0, max: NOW })),
          askedAt: fc.option(fc.integer({ min: 0, max: NOW })),
          stalled: fc.nat(3_000),
          slack: fc.nat(5_000),
          busyMs: fc.nat(60_000),
          server: fc.constantFrom(
            "connected" as const,
            "connecting" as const,
            "disconnected" as const,
            "unknown" as const,
          ),
          kernel: fc.constantFrom("idle", "busy", "dead", "absent", "unknown"),
          inquiry: fc.constantFrom(
            "unasked",
            "asking",
            "unreached",
            "late",
            "idle",
            "busy",
            "dead",
            "absent",
            "unknown",
          ),
          closed: fc.boolean(),
        }),
        (some) => {
          const { state: said } = judge(some, NOW);
          const heard = NOW - (some.heardAt ?? 0) - some.stalled;
          if (said === "live") expect(heard).toBeLessThanOrEqual(UNANSWERED_MS + some.slack);
          const told = [some.kernel, some.inquiry].includes("busy");
          if (said === "busy" && !told) expect(heard).toBeLessThanOrEqual(BUSY_SILENT_MS + some.slack);
          if (some.kernel === "dead" && !some.closed) expect(said).toBe("gone");
        },
      ),
    );
  });
});

const link = (state: LinkStatus["state"], change: Partial<LinkStatus> = {}): LinkStatus => ({
  state,
  heardAt: NOW - 100,
  skew: 0,
  slack: 0,
  busyMs: 0,
  ages: {},
  ...change,
});
const meta = (state: Meta["state"], extra: Partial<Meta> = {}): Meta => ({
  state,
  since: NOW - 12_000,
  rows: 1,
  partial: false,
  version: 1,
  masked: true,
  ...extra,
});
const facts = (change: Partial<HealthFacts>): HealthFacts => ({
  link: link("live"),
  meta: meta("live"),
  vouched: true,
  since: NOW,
  lost: null,
  ...change,
});

describe("health", () => {
  it("is live only when link, data and rows are", () => {
    expect(health(facts({}), NOW).state).toBe("live");
    expect(health(facts({ vouched: false }), NOW).state).toBe("catching-up");
    expect(health(facts({ meta: meta("stale") }), NOW)).toMatchObject({ state: "stale", doubtful: true });
    expect(health(facts({ meta: null }), NOW).state).toBe("loading");
    for (const state of ["gone", "none", "server-gone", "closed", "waiting", "busy"] as const) {
      expect(health(facts({ link: link(state) }), NOW).word).not.toBe("Live");
    }
  });

  it("does not vouch for what it shows while the kernel is busy and says nothing", () => {
    expect(health(facts({ link: link("busy") }), NOW)).toMatchObject({
      state: "busy",
      doubtful: false,
      banner: null,
    });
    const silent = facts({ link: link("busy", { heardAt: NOW - 7_000, skew: 500 }) });
    expect(health(silent, NOW)).toMatchObject({
      state: "busy",
      doubtful: true,
      banner: "Kernel busy. Last heard from 7 s ago.",
    });
    expect(knownUntil(silent, NOW)).toBe(NOW - 6_500);
    expect(
      health(facts({ link: link("busy", { heardAt: null }), meta: null, vouched: false }), NOW),
    ).toMatchObject({
      word: "Kernel busy",
      doubtful: true,
      banner: "Kernel busy.",
    });
  });

  it("says how long it is stale, by the kernel's clock", () => {
    const stale = facts({
      link: link("live", { skew: -5_000 }),
      meta: meta("stale", { since: NOW - 17_000 }),
    });
    expect(health(stale, NOW).banner).toBe("Stale since 12 s — reconnecting");
  });

  it("passes on what went wrong and what to do", () => {
    const error = { kind: "Forbidden", message: "No right.", advice: "Ask for it." };
    expect(health(facts({ meta: meta("error", { error }) }), NOW)).toMatchObject({
      banner: "No right.",
      advice: "Ask for it.",
    });
  });

  it("is quiet about a missing hub, then honest", () => {
    expect(health(facts({ link: null, meta: null }), NOW + 1_000).state).toBe("connecting");
    expect(health(facts({ link: null, meta: null }), NOW + 3_000)).toMatchObject({
      state: "none",
      word: "No kernel",
    });
  });

  it("has a look for each state, with a word and a shape of its own kind", () => {
    for (const look of Object.values(LOOKS)) {
      expect(look.word).not.toBe("");
      expect(look.path).not.toBe("");
    }
  });

  it("stops the timers where knowledge ends", () => {
    expect(knownUntil(facts({}), NOW)).toBe(NOW);
    expect(knownUntil(facts({ meta: meta("stale") }), NOW)).toBe(NOW - 12_000);
    expect(knownUntil(facts({ link: link("gone", { heardAt: NOW - 34_000, skew: 500 }) }), NOW)).toBe(
      NOW - 33_500,
    );
  });
});

describe("the overview", () => {
  const upstream = (state: string, extra: Record<string, unknown> = {}): Record<string, unknown> => ({
    connection: {
      state,
      since: NOW,
      attempt: 3,
      retry_at: NOW + 4_200,
      error: null,
      latency_ms: 48,
      legs: { rest: 3_000, realtime: null },
      ...extra,
    },
    tables: { live: 2, stale: 0, loading: 0, error: 0 },
    lagging: [],
  });
  const said = (change: Partial<HealthFacts>, offline = false) => overview(facts(change), offline, NOW);

  it("has a word for each state", () => {
    const word = (state: string): string => said({ meta: meta("live", upstream(state)) }).word;
    expect(["connecting", "catching-up", "live", "reconnecting", "refused", "closed"].map(word)).toEqual([
      "Connecting",
      "Catching up",
      "Live",
      "Reconnecting",
      "Refused",
      "Closed",
    ]);
    const live = meta("live", upstream("live"));
    expect(said({ meta: live, link: link("busy", { busyMs: 9_000 }) })).toMatchObject({
      word: "Kernel busy",
      note: "9 s",
    });
    expect(said({ meta: live, link: link("gone") }).word).toBe("Kernel gone");
    expect(said({ meta: live, link: link("server-gone") }).word).toBe("Server gone");
    expect(said({ meta: live, link: link("server-gone") }, true).word).toBe("Offline");
    expect(said({ meta: null, link: link("none") }).word).toBe("No kernel");
    expect(
      said({
        meta: meta("live", { ...upstream("live"), tables: { live: 1, stale: 1, loading: 0, error: 0 } }),
      }),
    ).toMatchObject({
      word: "Stale",
      note: "1 table",
    });
  });

  it("counts down to the next attempt and offers to retry", () => {
    expect(said({ meta: meta("live", upstream("reconnecting")) })).toMatchObject({
      note: "attempt 3, in 5 s",
      canRetry: true,
    });
    expect(said({ meta: meta("live", upstream("reconnecting", { retry_at: NOW - 1 })) })).toMatchObject({
      note: "attempt 3, now",
      canRetry: false,
    });
  });

  it("claims nothing of Supabase when the kernel is silent", () => {
    const legs = said({ meta: meta("live", upstream("live")), link: link("gone") }).legs;
    expect(legs.map(({ name, word }) => [name, word])).toEqual([
      ["Browser ↔ kernel", "Kernel gone"],
      ["Kernel ↔ Supabase", "Unknown"],
    ]);
  });

  it("survives a meta of any shape", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("connection", "tables", "lagging", "error"), fc.anything()),
        (extra) => {
          expect(typeof said({ meta: meta("live", extra as Partial<Meta>) }).word).toBe("string");
        },
      ),
    );
  });
});
