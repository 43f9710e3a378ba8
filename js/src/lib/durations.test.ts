import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { durations, fullBar, gradeOf, type Limits, readLiveCall, readLiveCalls } from "./durations";
import type { Row } from "./rows";

const NOW = Date.UTC(2026, 10, 22, 12);
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();
const LIMITS: Limits = { warn: 180_000, critical: 600_000, waiting: false, most: 8 };
const talk = (seconds: number): Row => ({
  status: "in-progress",
  connected_at: ago(seconds),
  created_at: ago(seconds + 9),
});
const ring = (seconds: number): Row => ({
  status: "ringing",
  ringing_at: ago(seconds),
  created_at: ago(seconds + 5),
});
const read = (...rows: Row[]) => readLiveCalls(new Map(rows.map((row, index) => [`c${index}`, row])));

describe("durations", () => {
  it("are of those that talk, the longest first, with the average", () => {
    const told = durations(read(talk(60), talk(700), talk(200), ring(90)), NOW, LIMITS);
    expect(told.timers.map(({ call, lasts, grade }) => [call.key, lasts, grade])).toEqual([
      ["c1", 700_000, "critical"],
      ["c2", 200_000, "warn"],
      ["c0", 60_000, "good"],
    ]);
    expect(told).toMatchObject({
      talking: 3,
      waiting: 1,
      longest: 700_000,
      average: 320_000,
      warn: 1,
      critical: 1,
      more: 0,
    });
    expect(told.timers.map(({ part }) => Number(part.toFixed(2)))).toEqual([1, 0.33, 0.1]);
  });

  it("show those that wait where that is asked for, in a grade of their own, outside of the figures", () => {
    const told = durations(read(talk(60), ring(900)), NOW, { ...LIMITS, waiting: true });
    expect(told.timers.map(({ call, grade }) => [call.key, grade])).toEqual([
      ["c1", "waiting"],
      ["c0", "good"],
    ]);
    expect(told).toMatchObject({ longest: 60_000, average: 60_000, critical: 0 });
  });

  it("have no thresholds where these are 0, and bars against the longest", () => {
    expect(gradeOf(1e9, true, { ...LIMITS, warn: 0, critical: 0 })).toBe("good");
    expect(gradeOf(1e9, true, { ...LIMITS, critical: 0 })).toBe("warn");
    expect(fullBar({ ...LIMITS, critical: 0 }, 900_000)).toBe(900_000);
    expect(fullBar({ ...LIMITS, warn: 0, critical: 0 }, null)).toBe(1);
  });

  it("of calls whose answer is in the future are nothing, of those that have no time a dash", () => {
    const told = durations(
      read(talk(-30), { status: "in-progress" }, { status: "odd", connected_at: "infinity" }),
      NOW,
      LIMITS,
    );
    expect(told.timers.map(({ call, lasts }) => [call.key, lasts])).toEqual([
      ["c0", 0],
      ["c1", null],
    ]);
    expect(told).toMatchObject({ talking: 2, waiting: 1 });
  });

  const rows = fc.array(
    fc.record({
      status: fc.constantFrom("in-progress", "ringing", "odd", null),
      connected_at: fc.oneof(fc.constant(null), fc.integer({ min: -50, max: 5000 }).map(ago), fc.string()),
      created_at: fc.oneof(fc.constant(null), fc.integer({ min: -50, max: 5000 }).map(ago)),
    }),
    { maxLength: 40 },
  );
  it("count every call once, in a strict order", () => {
    fc.assert(
      fc.property(rows, fc.boolean(), fc.integer({ min: 0, max: 10 }), (given, waiting, most) => {
        const calls = read(...(given as Row[]));
        const told = durations(calls, NOW, { ...LIMITS, waiting, most });
        expect(told.talking + told.waiting).toBe(calls.length);
        expect(told.timers.length + told.more).toBe(waiting ? calls.length : told.talking);
        expect(told.timers.length).toBeLessThanOrEqual(most);
        expect(told.longest ?? 0).toBeGreaterThanOrEqual(told.average ?? 0);
        const lasts = told.timers.map((timer) => timer.lasts ?? -1);
        expect(lasts).toEqual([...lasts].sort((a, b) => b - a));
        for (const { part } of told.timers) expect(part >= 0 && part <= 1).toBe(true);
        // A second later every one is a second longer and nothing has changed its place.
        const later = durations(calls, NOW + 60_000, { ...LIMITS, waiting, most: 1000 }).timers.map(
          ({ call }) => call.key,
        );
        const positive = told.timers.filter((timer) => (timer.lasts ?? 0) > 0).map(({ call }) => call.key);
        expect(later.filter((key) => positive.includes(key))).toEqual(positive);
      }),
    );
  });

  it("read any row", () => {
    const call = readLiveCall("k", {
      caller: null,
      campaign: "x".repeat(10_000),
      agent: Number.NaN,
      status: true,
    });
    expect(call.caller).toBe("");
    expect(call.campaign.length).toBe(120);
    expect(call.waitsSince).toBeNull();
  });
});
