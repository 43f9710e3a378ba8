/** The one line between this page and its kernel. It has no view; components use its exports. */
import type { InitializeProps } from "../lib/afm";
import { listen } from "../lib/afm";
import { CHECK_MS, Exchange, type HubExports, type Surroundings } from "../lib/exchange";
import { watchHost } from "../lib/host";
import { pageTheme, watchTheme } from "../lib/theme";
import { watchSleep } from "../lib/visibility";

/** One page is one client. `crypto.randomUUID` is missing on plain http, `getRandomValues` is not. */
function newClient(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** What a notebook server puts into an address to let people in is not for the notebook's code. */
function withoutSecrets(search: string): string {
  const parameters = new URLSearchParams(search);
  for (const name of ["token", "access_token", "_xsrf"]) parameters.delete(name);
  const rest = parameters.toString();
  return rest && `?${rest}`;
}

function initialize({ model, signal }: InitializeProps): HubExports {
  const around: Surroundings = {
    send: (content) => model.send(content),
    now: () => Date.now(),
    // A hidden page has no frames, but its hello must go out.
    soon: (call) => {
      if (signal.aborted) return;
      const stop = (): void => {
        window.clearTimeout(timer);
        cancelAnimationFrame(frame);
        signal.removeEventListener("abort", stop);
      };
      const go = (): void => {
        stop();
        call();
      };
      const timer = window.setTimeout(go, 100);
      const frame = requestAnimationFrame(go);
      signal.addEventListener("abort", stop);
    },
    later: (call, milliseconds) => {
      if (signal.aborted) return () => undefined;
      const stop = (): void => {
        window.clearTimeout(timer);
        signal.removeEventListener("abort", stop);
      };
      const timer = window.setTimeout(() => {
        stop();
        call();
      }, milliseconds);
      signal.addEventListener("abort", stop);
      return stop;
    },
    page: () => ({
      search: withoutSecrets(location.search),
      tz: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC",
      theme: pageTheme(),
      visible: document.visibilityState !== "hidden",
    }),
    host: watchHost(
      () => (model.widget_manager as { kernel?: unknown } | undefined)?.kernel,
      (words) => exchange.hostSays(words),
      signal,
    ),
  };
  const exchange = new Exchange(newClient(), around);
  listen(
    model,
    "msg:custom",
    (content: unknown, buffers: DataView[]) => exchange.receive(content, buffers),
    signal,
  );
  document.addEventListener("visibilitychange", () => exchange.returned(), { signal });
  window.addEventListener("pagehide", () => exchange.bye(), { signal });
  watchSleep(() => exchange.woke(), signal);
  watchTheme(() => exchange.helloSoon(), signal);
  const timer = window.setInterval(() => exchange.check(), CHECK_MS);
  signal.addEventListener(
    "abort",
    () => {
      window.clearInterval(timer);
      exchange.close();
    },
    { once: true },
  );
  return exchange.exports;
}

export default { initialize };
