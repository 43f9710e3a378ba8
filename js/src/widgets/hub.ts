/** The one line between this page and its kernel. It has no view; components use its exports. */
import type { InitializeProps, Model } from "../lib/afm";
import { listen } from "../lib/afm";
import { Exchange, type HubExports, type Surroundings } from "../lib/exchange";
import type { PulseFacts } from "../lib/pulse";
import { pageTheme, watchTheme } from "../lib/theme";
import { watchSleep } from "../lib/visibility";

/** One page is one client. `crypto.randomUUID` is missing on plain http, `getRandomValues` is not. */
function newClient(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** A kernel's states, as JupyterLab names them, in which the one that we spoke with is no more. */
const DEAD = new Set(["dead", "restarting", "autorestarting", "terminating"]);

/** What the host shows of its own connection; JupyterLab and Voila do, others may not. */
function serverOf(model: Model): Pick<PulseFacts, "server" | "kernelDead"> {
  const manager = model.widget_manager as
    | { kernel?: { connectionStatus?: string; status?: string } | null }
    | undefined;
  try {
    const { connectionStatus, status } = manager?.kernel ?? {};
    const known =
      connectionStatus === "connected" ||
      connectionStatus === "connecting" ||
      connectionStatus === "disconnected";
    return { server: known ? connectionStatus : "unknown", kernelDead: DEAD.has(status ?? "") };
  } catch {
    return { server: "unknown", kernelDead: false };
  }
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
      search: location.search,
      tz: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC",
      theme: pageTheme(),
      visible: document.visibilityState !== "hidden",
    }),
    server: () => serverOf(model),
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
  const timer = window.setInterval(() => exchange.check(), 500);
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
