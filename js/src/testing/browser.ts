/** What happy-dom lacks: layout. Every element measures as told, and sight is given by hand. For tests only. */
import { vi } from "vitest";

export interface FakeBrowser {
  /** Let a view come into sight or leave it. */
  sight(element: Element, visible: boolean): void;
  /** Run the frames that are due. */
  frames(): void;
}

export function fakeBrowser({ width = 900, height = 360 } = {}): FakeBrowser {
  const watched = new Map<Element, (visible: boolean) => void>();
  let due: FrameRequestCallback[] = [];
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(readonly callback: ResizeObserverCallback) {}
      observe(target: Element): void {
        const contentRect = { width, height } as DOMRectReadOnly;
        // As in a browser: never within the call, but before the next paint.
        due.unshift(() => this.callback([{ target, contentRect } as ResizeObserverEntry], this as never));
      }
      unobserve(): void {}
      disconnect(): void {}
    },
  );
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      #targets: Element[] = [];
      constructor(readonly callback: IntersectionObserverCallback) {}
      observe(target: Element): void {
        this.#targets.push(target);
        watched.set(target, (isIntersecting) =>
          this.callback([{ isIntersecting, target } as IntersectionObserverEntry], this as never),
        );
      }
      disconnect(): void {
        for (const target of this.#targets) watched.delete(target);
      }
    },
  );
  const canceled = new Set<number>();
  let frames = 0;
  vi.stubGlobal("requestAnimationFrame", (callback: FrameRequestCallback): number => {
    const handle = ++frames;
    due.push((time) => canceled.has(handle) || callback(time));
    return handle;
  });
  vi.stubGlobal("cancelAnimationFrame", (handle: number) => canceled.add(handle));
  return {
    sight: (element, visible) => watched.get(element)?.(visible),
    frames() {
      for (let round = 0; round < 5 && due.length > 0; round++) {
        const now = due;
        due = [];
        for (const callback of now) callback(performance.now());
      }
    },
  };
}
