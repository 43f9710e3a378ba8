/**
 * What the notebook's own page knows of server and kernel, where it shows it: JupyterLab, Notebook and Voila do.
 * Nothing here is promised by a widget manager, so each part is looked for and nothing depends on it.
 */
import type { Inquiry, KernelWord, ServerWord } from "./pulse";

/** What is used of `@jupyterlab/services`' `Kernel.IKernelConnection`. */
interface KernelConnection {
  id?: unknown;
  status?: unknown;
  connectionStatus?: unknown;
  statusChanged?: Signal;
  connectionStatusChanged?: Signal;
  serverSettings?: { baseUrl?: unknown };
  reconnect?: () => Promise<unknown>;
}

interface Signal {
  connect(slot: (sender: unknown, value: unknown) => void): unknown;
  disconnect(slot: (sender: unknown, value: unknown) => void): unknown;
}

export interface Host {
  words(): { server: ServerWord; kernel: KernelWord };
  /**
   * Ask the server about the kernel; null where the host shows no way to. `heard`: the kernel's time, in ms, when the
   * page heard it last.
   */
  inquire(heard: number): Promise<Exclude<Inquiry, "unasked" | "asking">> | null;
  /** Have the host try its connection again now, instead of when its own patience says so. */
  reconnect(): void;
}

/** How long the server may take to answer. */
export const INQUIRY_MS = 3_000;
/** The server hears the kernel a little sooner than the page does. */
const SOONER_MS = 300;

/** A kernel's states, as JupyterLab names them, in which the one that we spoke with is no more. */
const DEAD = new Set(["dead", "restarting", "autorestarting", "terminating"]);
const CONNECTIONS: ReadonlySet<unknown> = new Set(["connected", "connecting", "disconnected"]);

function kernelWord(status: unknown): KernelWord {
  if (typeof status !== "string") return "unknown";
  if (DEAD.has(status)) return "dead";
  if (status === "busy" || status === "idle") return status;
  return "unknown";
}

/**
 * Watch what the host says. `changed` is told each word of it at once: a restart passes within milliseconds.
 * `find` gives the kernel's connection as it is now, for a notebook may take another kernel: null where there is none,
 * undefined where the host does not show it.
 */
export function watchHost(
  find: () => unknown,
  changed: (words: { server: ServerWord; kernel: KernelWord }) => void,
  signal: AbortSignal,
): Host {
  let watched: KernelConnection | null | undefined;
  let lastActive: number | null = null;
  const words = (): { server: ServerWord; kernel: KernelWord } => {
    const kernel = look();
    const connection = kernel?.connectionStatus;
    return {
      server: CONNECTIONS.has(connection) ? (connection as ServerWord) : "unknown",
      kernel: kernel === null ? "absent" : kernelWord(kernel?.status),
    };
  };
  const onStatus = (_sender: unknown, status: unknown): void =>
    changed({ ...words(), kernel: kernelWord(status) });
  const onConnection = (): void => changed(words());
  const leave = (): void => {
    try {
      watched?.statusChanged?.disconnect(onStatus);
      watched?.connectionStatusChanged?.disconnect(onConnection);
    } catch {
      // A host that forgets its listeners by itself.
    }
    watched = undefined;
  };
  function look(): KernelConnection | null | undefined {
    try {
      const found = find();
      const kernel = (typeof found === "object" ? found : undefined) as KernelConnection | null | undefined;
      if (kernel !== watched && !signal.aborted) {
        leave();
        watched = kernel;
        kernel?.statusChanged?.connect(onStatus);
        kernel?.connectionStatusChanged?.connect(onConnection);
      }
      return kernel;
    } catch {
      return undefined;
    }
  }
  signal.addEventListener("abort", leave, { once: true });
  look();
  return {
    words,
    inquire(heard) {
      const kernel = look();
      const base = kernel?.serverSettings?.baseUrl;
      const id = kernel?.id;
      if (typeof base !== "string" || typeof id !== "string") return null;
      return inquire(base, id).then(({ word, active }) => {
        // What has not moved since the last question was another's: it is not on its way to this page.
        const isNews = active !== null && active > heard + SOONER_MS && active !== lastActive;
        lastActive = active;
        return isNews && word === "idle" ? "late" : word;
      });
    },
    reconnect() {
      try {
        void look()
          ?.reconnect?.()
          .catch(() => undefined);
      } catch {
        // Then its own patience has to do.
      }
    },
  };
}

interface Answer {
  word: "unreached" | KernelWord;
  /** When the server heard the kernel last; null where it does not say. */
  active: number | null;
}

/** Jupyter Server's REST interface: the state of one kernel. */
async function inquire(base: string, id: string): Promise<Answer> {
  const only = (word: Answer["word"]): Answer => ({ word, active: null });
  try {
    const response = await fetch(
      new URL(`api/kernels/${encodeURIComponent(id)}`, new URL(base, location.href)),
      {
        cache: "no-store",
        credentials: "same-origin",
        signal: AbortSignal.timeout(INQUIRY_MS),
      },
    );
    const text = (await response.text()).slice(0, 10_000);
    // Another 404 (a gateway's, a host without this interface) says nothing about the kernel.
    if (response.status === 404 && text.includes(id)) return only("dead");
    if (response.status >= 500) return only("unreached");
    if (!response.ok) return only("unknown");
    const said = JSON.parse(text) as { execution_state?: unknown; last_activity?: unknown };
    const active = typeof said.last_activity === "string" ? Date.parse(said.last_activity) : Number.NaN;
    return { word: kernelWord(said.execution_state), active: Number.isFinite(active) ? active : null };
  } catch (error) {
    return only(error instanceof SyntaxError ? "unknown" : "unreached");
  }
}
