import { describe, expect, it } from "vitest";
import { PATIENCE_MS, PAUSE_MS, reloadAt } from "./revival";

describe("a page that has lost its kernel", () => {
  it("waits for the server before anything else", () => {
    expect(reloadAt({ answeringSince: null, reloadedAt: null })).toBeNull();
    expect(reloadAt({ answeringSince: null, reloadedAt: 5 })).toBeNull();
  });

  it("gives the old kernel time to come back", () => {
    expect(reloadAt({ answeringSince: 1_000, reloadedAt: null })).toBe(1_000 + PATIENCE_MS);
  });

  it("does not reload again and again where that helps nothing", () => {
    expect(reloadAt({ answeringSince: 1_000, reloadedAt: 500 })).toBe(500 + PAUSE_MS);
    expect(reloadAt({ answeringSince: 500_000, reloadedAt: 500 })).toBe(500_000 + PATIENCE_MS);
  });
});
