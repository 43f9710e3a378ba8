/** Whether somebody can see it: the page, an element on it, and the moment a page comes back from sleep. */

/** Tell whenever `element` comes into sight or leaves it; a hidden page shows nothing. Starts with the first measure. */
export function watchSight(element: Element, seen: (visible: boolean) => void, signal: AbortSignal): void {
  let inSight = false;
  let told: boolean | null = null;
  const tell = (): void => {
    const visible = inSight && document.visibilityState !== "hidden";
    if (visible !== told) {
      told = visible;
      seen(visible);
    }
  };
  const observer = new IntersectionObserver(
    (entries) => {
      inSight = entries.at(-1)?.isIntersecting ?? false;
      tell();
    },
    // A view just below the edge is made ready before it is scrolled to.
    { rootMargin: "120px" },
  );
  observer.observe(element);
  document.addEventListener("visibilitychange", tell, { signal });
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
}

/** Tell whether the page can be seen, wherever in it the view is. Starts at once. */
export function watchPage(seen: (visible: boolean) => void, signal: AbortSignal): void {
  const tell = (): void => seen(document.visibilityState !== "hidden");
  document.addEventListener("visibilitychange", tell, { signal });
  tell();
}

/** A visible page whose timers stood still this long was asleep or frozen. */
export const ASLEEP_MS = 8_000;

/** Call `woke` when the page was asleep: what was sent meanwhile may be lost. */
export function watchSleep(woke: () => void, signal: AbortSignal): void {
  let last = performance.now();
  const timer = window.setInterval(() => {
    const now = performance.now();
    // Timers of a hidden page are throttled to once a minute: that is no sleep.
    if (now - last > ASLEEP_MS && document.visibilityState !== "hidden") woke();
    last = now;
  }, 1_000);
  signal.addEventListener("abort", () => window.clearInterval(timer), { once: true });
  document.addEventListener("resume", () => woke(), { signal });
  window.addEventListener("pageshow", (event) => event.persisted && woke(), { signal });
  window.addEventListener("online", () => woke(), { signal });
}
