/** The kernel's clock as the page sees it, and how many seconds that is from the page's own. */

const SAMPLES = 16;

export class KernelClock {
  readonly #offsets: number[] = [];

  /** A message written at `at` (kernel ms) was received at `now` (page ms). */
  heard(at: number, now: number): void {
    if (!Number.isFinite(at)) return;
    this.#offsets.push(at - now);
    if (this.#offsets.length > SAMPLES) this.#offsets.shift();
  }

  /**
   * Kernel time minus page time in ms. A message is never received before it was written, so each sample is
   * too small by its time on the way; the largest is the nearest to the truth.
   */
  get skew(): number {
    return this.#offsets.length ? Math.max(...this.#offsets) : 0;
  }

  /** Another kernel, perhaps another machine. */
  forget(): void {
    this.#offsets.length = 0;
  }
}

/** Call `tick` once a second, on the second; ends with the signal. */
export function everySecond(tick: () => void, signal: AbortSignal): void {
  let timer = 0;
  const again = (): void => {
    timer = window.setTimeout(
      () => {
        tick();
        again();
      },
      1000 - (Date.now() % 1000) + 5,
    );
  };
  again();
  signal.addEventListener("abort", () => window.clearTimeout(timer), { once: true });
}
