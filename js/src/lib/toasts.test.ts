import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Notice } from "./notices";
import {
  FAREWELL_MS,
  isOn,
  layout,
  MISSED_MS,
  MOST_KEPT,
  step,
  type ToastEvent,
  type ToastState,
  Toasts,
  TRANSITIONS,
} from "./toasts";

const NOW = 1_800_000_000_000;
const notice = (name: string, parts: Partial<Notice> = {}): Notice => ({
  name,
  text: `text of ${name}`,
  title: "",
  kind: "info",
  pending: false,
  ended: null,
  created: NOW,
  changed: NOW,
  duration: 5_000,
  group: null,
  count: 1,
  action: null,
  acknowledge: null,
  problem: null,
  quiet: false,
  ...parts,
});
const told = (...notices: Notice[]): Map<string, Notice> => new Map(notices.map((one) => [one.name, one]));
/** A page that is open already. */
const page = (): Toasts => {
  const toasts = new Toasts();
  toasts.sync("c", new Map(), NOW);
  return toasts;
};
const names = (toasts: Toasts): string[] => toasts.on().map(({ notice: { name } }) => name);
const STATES = Object.keys(TRANSITIONS) as ToastState[];
const EVENTS = Object.keys(TRANSITIONS.over) as ToastEvent[];

describe("one toast", () => {
  it("has an answer to every event in every state", () => {
    for (const state of STATES) for (const event of EVENTS) expect(STATES).toContain(step(state, event));
  });

  it("that is over comes back only when it is said anew, and one that lasts goes only when it is closed", () => {
    const from = (state: ToastState): ToastEvent[] => EVENTS.filter((event) => step(state, event) !== state);
    expect(from("over")).toEqual(["brief", "last"]);
    expect(from("lasting")).toEqual(["brief", "close", "end"]);
    expect(from("held")).not.toContain("run-out");
  });
});

describe("toasts", () => {
  it("run out after their time, and stand still while they are held", () => {
    const toasts = page();
    toasts.sync("c", told(notice("a")), NOW);
    expect(toasts.next()).toBe(5_000);
    toasts.advance(3_000);
    toasts.hold("pointer");
    toasts.hold("hidden");
    toasts.advance(60_000);
    toasts.release("pointer");
    toasts.advance(60_000);
    expect(toasts.next()).toBeNull();
    toasts.release("hidden");
    expect(toasts.next()).toBe(2_000);
    expect(toasts.advance(1_999)).toBe(false);
    expect(names(toasts)).toEqual(["a"]);
    expect(toasts.advance(1)).toBe(true);
    expect(names(toasts)).toEqual([]);
  });

  it("that come while time stands still wait too", () => {
    const toasts = page();
    toasts.hold("hidden");
    toasts.sync("c", told(notice("a")), NOW);
    toasts.advance(60_000);
    expect(names(toasts)).toEqual(["a"]);
    toasts.release("hidden");
    expect(toasts.next()).toBe(5_000);
  });

  it("of errors, of what goes on and of those without an end stay until they are closed", () => {
    const toasts = page();
    toasts.sync(
      "c",
      told(notice("e", { kind: "error" }), notice("p", { pending: true }), notice("n", { duration: null })),
      NOW,
    );
    toasts.advance(1e9);
    expect(names(toasts)).toEqual(["e", "p", "n"]);
    toasts.close(["c:e"]);
    expect(names(toasts)).toEqual(["p", "n"]);
    toasts.sync("c", told(notice("n", { duration: null, ended: "dismissed", changed: NOW + 1 })), NOW);
    expect(names(toasts)).toEqual([]);
  });

  it("are not said twice, whatever is told again", () => {
    const toasts = page();
    const rows = told(notice("a"), notice("b", { kind: "error" }));
    expect(toasts.sync("c", rows, NOW)).toHaveLength(2);
    toasts.advance(4_000);
    expect(toasts.sync("c", rows, NOW + 4_000)).toEqual([]);
    expect(toasts.next()).toBe(1_000);
    toasts.advance(1_000);
    toasts.close(["c:b"]);
    expect(toasts.sync("c", rows, NOW + 9_000)).toEqual([]);
    expect(names(toasts)).toEqual([]);
  });

  it("of one key come back with their count, and have their time again", () => {
    const toasts = page();
    toasts.sync("c", told(notice("a")), NOW);
    toasts.advance(4_000);
    expect(toasts.sync("c", told(notice("a", { count: 2, changed: NOW + 4_000 })), NOW)).toHaveLength(1);
    expect(toasts.next()).toBe(5_000);
    toasts.advance(5_000);
    expect(names(toasts)).toEqual([]);
    expect(toasts.sync("c", told(notice("a", { count: 3, changed: NOW + 60_000 })), NOW)).toHaveLength(1);
    expect(toasts.on()[0]?.notice.count).toBe(3);
  });

  it("of a promise become what came of it, in the same place", () => {
    const toasts = page();
    toasts.sync(
      "c",
      told(notice("p", { pending: true, duration: null }), notice("a", { kind: "error" })),
      NOW,
    );
    const done = notice("p", { kind: "success", duration: 5_000, changed: NOW + 1 });
    expect(toasts.sync("c", told(done, notice("a", { kind: "error" })), NOW)).toEqual([done]);
    expect(names(toasts)).toEqual(["p", "a"]);
    expect(toasts.next()).toBe(5_000);
  });

  it("of alerts say that they were acknowledged and go, or come back with the reason", () => {
    const toasts = page();
    const alert = notice("a", { kind: "error", acknowledge: "open" });
    const wait = { ended: "acknowledged", acknowledge: "pending", changed: NOW + 1 } as const;
    toasts.sync("c", told(alert), NOW);
    toasts.sync("c", told({ ...alert, ...wait }), NOW);
    toasts.advance(1e9);
    expect(names(toasts)).toEqual(["a"]);
    const back = { ...alert, problem: "You may not.", changed: NOW + 2 };
    expect(toasts.sync("c", told(back), NOW)).toEqual([back]);
    toasts.sync("c", told({ ...alert, ...wait, changed: NOW + 3 }), NOW);
    toasts.sync("c", told({ ...alert, ...wait, acknowledge: "synced", changed: NOW + 4 }), NOW);
    expect(toasts.next()).toBe(FAREWELL_MS);
    toasts.advance(FAREWELL_MS);
    expect(names(toasts)).toEqual([]);
  });

  it("that were closed before their alert could not be acknowledged come back too", () => {
    const toasts = page();
    const alert = notice("a", { kind: "error", acknowledge: "open" });
    toasts.sync("c", told(alert), NOW);
    toasts.close(["c:a"]);
    toasts.sync(
      "c",
      told({ ...alert, ended: "acknowledged", acknowledge: "pending", changed: NOW + 1 }),
      NOW,
    );
    expect(names(toasts)).toEqual([]);
    toasts.sync("c", told({ ...alert, problem: "No.", changed: NOW + 2 }), NOW);
    expect(names(toasts)).toEqual(["a"]);
  });

  it("of a page that opens later are only those that are open and young enough", () => {
    const toasts = new Toasts();
    const old = NOW - 60_000;
    const said = toasts.sync(
      "c",
      told(
        notice("old", { changed: old }),
        notice("young", { changed: NOW - 2_000 }),
        notice("error", { kind: "error", changed: old }),
        notice("gone", { kind: "error", ended: "dismissed" }),
        notice("done", { ended: "acknowledged", acknowledge: "synced" }),
        notice("stood", { kind: "error", quiet: true }),
      ),
      NOW,
    );
    expect(said.map(({ name }) => name)).toEqual(["young", "error"]);
    expect(toasts.next()).toBe(3_000);
  });

  it("that came while the page did not look are shown in full, but not of long ago", () => {
    const toasts = page();
    toasts.sync("c", told(notice("a"), notice("b", { changed: NOW + 60_000 })), NOW + MISSED_MS);
    expect(names(toasts)).toEqual(["b"]);
    expect(toasts.next()).toBe(5_000);
  });

  it("told late by another view change nothing", () => {
    const toasts = page();
    toasts.sync("c", told(notice("a", { ended: "dismissed", changed: NOW + 9 })), NOW);
    toasts.sync("c", told(notice("a")), NOW);
    expect(names(toasts)).toEqual([]);
  });

  it("of a connection that is not followed any more go, the others stay", () => {
    const toasts = page();
    toasts.sync("d", new Map(), NOW);
    toasts.sync("c", told(notice("n1")), NOW);
    toasts.sync("d", told(notice("n1", { text: "another" })), NOW);
    toasts.drop("c");
    expect(toasts.on().map(({ notice: { text } }) => text)).toEqual(["another"]);
  });

  it("are bounded, whatever comes", () => {
    const toasts = page();
    const flood = Array.from({ length: MOST_KEPT * 3 }, (_, index) => notice(`n${index}`));
    toasts.sync("c", told(notice("e", { kind: "error" }), ...flood), NOW);
    expect(toasts.on()).toHaveLength(MOST_KEPT);
    expect(names(toasts)).toContain("e");
    expect(names(toasts).at(-1)).toBe(`n${MOST_KEPT * 3 - 1}`);
  });

  it("stay as long as the reader's wall says, where it says so", () => {
    const toasts = page();
    toasts.duration = 20_000;
    toasts.sync("c", told(notice("a"), notice("e", { kind: "error" })), NOW);
    expect(toasts.next()).toBe(20_000);
  });
});

describe("the layout", () => {
  const of = (...notices: Notice[]): Toasts => {
    const toasts = page();
    toasts.sync("c", told(...notices), NOW);
    return toasts;
  };
  const shown = (toasts: Toasts, most: number, frozen?: Set<string>): string[] =>
    layout(toasts.on(), most, frozen).cards.map((card) =>
      card.toasts.map(({ notice: { name } }) => name).join("+"),
    );

  it("shows the newest, and says how many more there are", () => {
    const toasts = of(...["a", "b", "c", "d", "e"].map((name) => notice(name)));
    expect(shown(toasts, 3)).toEqual(["c", "d", "e"]);
    expect(layout(toasts.on(), 3).more).toBe(2);
  });

  it("keeps errors in sight of a flood, and the newest beside errors", () => {
    const errors = ["x", "y", "z"].map((name) => notice(name, { kind: "error" }));
    const toasts = of(...errors, ...["a", "b", "c", "d"].map((name) => notice(name)));
    expect(shown(toasts, 3)).toEqual(["y", "z", "d"]);
    expect(shown(toasts, 1)).toEqual(["z"]);
    expect(shown(of(...errors), 2)).toEqual(["y", "z"]);
  });

  it("makes one card of a group, where nothing has to be done with each", () => {
    const group = "{count} payments confirmed";
    const toasts = of(
      notice("a", { group }),
      notice("b", { group }),
      notice("e", { group, kind: "error" }),
      notice("k", { group, acknowledge: "open" }),
      notice("w", { group, kind: "warning" }),
    );
    expect(shown(toasts, 9)).toEqual(["b+a", "e", "k", "w"]);
  });

  it("moves nothing under a finger", () => {
    const toasts = of(notice("a"), notice("b"));
    const frozen = new Set(layout(toasts.on(), 4).cards.map(({ id }) => id));
    toasts.sync("c", told(notice("a"), notice("b"), notice("c")), NOW);
    expect(shown(toasts, 2, frozen)).toEqual(["a", "b"]);
    expect(layout(toasts.on(), 2, frozen).more).toBe(1);
    // Where there is a place, at the end that is far from the corner.
    expect(shown(toasts, 4, frozen)).toEqual(["c", "a", "b"]);
    expect(shown(toasts, 4)).toEqual(["a", "b", "c"]);
  });
});

const kinds = fc.constantFrom("info", "success", "warning", "error") as fc.Arbitrary<Notice["kind"]>;
const notices = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom(..."abcdefghij"),
    kind: kinds,
    pending: fc.boolean(),
    ended: fc.constantFrom(null, null, "dismissed" as const, "acknowledged" as const),
    duration: fc.constantFrom(null, 1_000, 5_000),
    group: fc.constantFrom(null, "g"),
    count: fc.integer({ min: 1, max: 3 }),
    acknowledge: fc.constantFrom(null, "open" as const, "pending" as const, "synced" as const),
    changed: fc.integer({ min: NOW - 8_000, max: NOW + 8_000 }),
    quiet: fc.boolean(),
  }),
  { selector: ({ name }) => name },
);
const deeds = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("sync" as const), rows: notices }),
    fc.record({ do: fc.constant("advance" as const), by: fc.integer({ min: 0, max: 4_000 }) }),
    fc.record({ do: fc.constantFrom("hold" as const, "release" as const), why: fc.constantFrom("p", "h") }),
    fc.record({ do: fc.constant("close" as const), name: fc.constantFrom(..."abcdefghij") }),
  ),
  { maxLength: 40 },
);

describe("whatever happens", () => {
  it("no more cards are shown than may be, and shown and more are all there are", () => {
    fc.assert(
      fc.property(deeds, fc.integer({ min: 1, max: 5 }), (list, most) => {
        const toasts = page();
        for (const deed of list) {
          if (deed.do === "sync")
            toasts.sync("c", told(...deed.rows.map((row) => notice(row.name, row))), NOW);
          else if (deed.do === "advance") toasts.advance(deed.by);
          else if (deed.do === "close") toasts.close([`c:${deed.name}`]);
          else toasts[deed.do](deed.why);
          const on = toasts.on();
          const { cards, more } = layout(on, most);
          expect(cards.length).toBeLessThanOrEqual(most);
          expect(cards.reduce((sum, card) => sum + card.toasts.length, 0) + more).toBe(on.length);
          for (const toast of on) {
            expect(isOn(toast)).toBe(true);
            expect(toast.notice.ended === "dismissed").toBe(false);
            if (toast.state === "running") expect(toasts.held).toBe(false);
            if (toast.total > 0) expect(toast.left).toBeGreaterThan(0);
            expect(toast.left).toBeLessThanOrEqual(toast.total);
          }
        }
      }),
    );
  });

  it("a toast is seen for its whole time, however often it is held", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 900 })), { minLength: 1 }),
        (turns) => {
          const toasts = page();
          toasts.sync("c", told(notice("a", { duration: 3_000 })), NOW);
          let ran = 0;
          for (const [held, by] of turns) {
            if (held) toasts.hold("pointer");
            else toasts.release("pointer");
            toasts.advance(by);
            if (!held) ran += by;
            expect(toasts.on().length === 1).toBe(ran < 3_000);
            if (ran >= 3_000) return;
          }
        },
      ),
    );
  });

  it("the same told again, in whatever order, says nothing and changes nothing", () => {
    fc.assert(
      fc.property(notices, (rows) => {
        const all = told(...rows.map((row) => notice(row.name, row)));
        const toasts = page();
        toasts.sync("c", all, NOW);
        const before = toasts.on().map(({ id, state, left, said }) => [id, state, left, said]);
        expect(toasts.sync("c", new Map([...all].reverse()), NOW)).toEqual([]);
        expect(toasts.on().map(({ id, state, left, said }) => [id, state, left, said])).toEqual(before);
      }),
    );
  });
});
