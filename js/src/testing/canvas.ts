/** A canvas that happy-dom lacks: it takes every stroke and remembers what was written. For tests only. */
import { vi } from "vitest";

export interface FakeCanvas {
  /** The texts drawn since the last look. */
  words(): string[];
  /** The names of the calls since the last look. */
  calls(): string[];
}

export function fakeCanvas(): FakeCanvas {
  let words: string[] = [];
  let calls: string[] = [];
  class Path {
    rect(): void {}
    moveTo(): void {}
    lineTo(): void {}
    arc(): void {}
    closePath(): void {}
    addPath(): void {}
  }
  vi.stubGlobal("Path2D", Path);
  vi.stubGlobal("devicePixelRatio", 1);
  const contexts = new WeakMap<HTMLCanvasElement, unknown>();
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(function (this: HTMLCanvasElement) {
    const found = contexts.get(this);
    if (found) return found as never;
    const state: Record<string | symbol, unknown> = { canvas: this };
    const context = new Proxy(state, {
      get(_, name) {
        if (name in state) return state[name];
        return (...args: unknown[]) => {
          calls.push(String(name));
          if (name === "fillText") words.push(String(args[0]));
          if (name === "measureText") return { width: String(args[0]).length * 7 };
          return null;
        };
      },
      set(_, name, value) {
        state[name] = value;
        return true;
      },
    });
    contexts.set(this, context);
    return context as never;
  } as never);
  const take = (from: string[], clear: () => void): string[] => {
    clear();
    return from;
  };
  return {
    words: () =>
      take(words, () => {
        words = [];
      }),
    calls: () =>
      take(calls, () => {
        calls = [];
      }),
  };
}
