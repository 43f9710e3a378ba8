import { afterEach, describe, expect, it, vi } from "vitest";
import { watchHost } from "./host";

type Slot = (sender: unknown, value: unknown) => void;

class Signal {
  readonly slots = new Set<Slot>();
  connect(slot: Slot): void {
    this.slots.add(slot);
  }
  disconnect(slot: Slot): void {
    this.slots.delete(slot);
  }
  emit(value: unknown): void {
    for (const slot of this.slots) slot(this, value);
  }
}

function jupyter(status = "idle") {
  return {
    id: "7f-1",
    status,
    connectionStatus: "connected",
    statusChanged: new Signal(),
    connectionStatusChanged: new Signal(),
    serverSettings: { baseUrl: "http://127.0.0.1:8888/lab/" },
    reconnect: vi.fn(() => Promise.reject(new Error("still away"))),
  };
}

afterEach(() => vi.unstubAllGlobals());

describe("the host", () => {
  it("is told on each word, and left when the hub ends", () => {
    const kernel = jupyter();
    const control = new AbortController();
    const said: unknown[] = [];
    const host = watchHost(
      () => kernel,
      (words) => said.push(words),
      control.signal,
    );
    expect(host.words()).toEqual({ server: "connected", kernel: "idle" });
    kernel.statusChanged.emit("autorestarting");
    kernel.statusChanged.emit("starting");
    kernel.connectionStatus = "connecting";
    kernel.connectionStatusChanged.emit("connecting");
    expect(said).toEqual([
      { server: "connected", kernel: "dead" },
      { server: "connected", kernel: "unknown" },
      { server: "connecting", kernel: "idle" },
    ]);
    control.abort();
    host.words();
    expect(kernel.statusChanged.slots.size + kernel.connectionStatusChanged.slots.size).toBe(0);
  });

  it("may take another kernel, or none", () => {
    let kernel: ReturnType<typeof jupyter> | null = jupyter();
    const first = kernel;
    const host = watchHost(
      () => kernel,
      () => undefined,
      new AbortController().signal,
    );
    kernel = jupyter("busy");
    expect(host.words().kernel).toBe("busy");
    expect(first.statusChanged.slots.size).toBe(0);
    kernel = null;
    expect(host.words()).toEqual({ server: "unknown", kernel: "absent" });
    expect(host.inquire(0)).toBeNull();
  });

  it("may show nothing, or something else than JupyterLab does", () => {
    const throwing = (): never => {
      throw new Error("no such thing");
    };
    const odd = {
      status: 7,
      connectionStatus: {},
      statusChanged: 7,
      serverSettings: null,
      reconnect: throwing,
    };
    for (const find of [() => undefined, () => "kernel", () => ({}), throwing, () => odd]) {
      const host = watchHost(find, () => undefined, new AbortController().signal);
      expect(host.words()).toEqual({ server: "unknown", kernel: "unknown" });
      expect(host.inquire(0)).toBeNull();
      expect(() => host.reconnect()).not.toThrow();
    }
  });

  it("connects again, and nothing is said when that fails", async () => {
    const kernel = jupyter();
    watchHost(
      () => kernel,
      () => undefined,
      new AbortController().signal,
    ).reconnect();
    await Promise.resolve();
    expect(kernel.reconnect).toHaveBeenCalledOnce();
  });

  it.each([
    [200, '{"id":"7f-1","execution_state":"busy"}', "busy"],
    [200, '{"id":"7f-1","execution_state":"idle"}', "idle"],
    [200, '{"id":"7f-1","execution_state":"restarting"}', "dead"],
    [200, "<html>Sign in</html>", "unknown"],
    [404, '{"message":"Kernel does not exist: 7f-1"}', "dead"],
    [404, "no such page", "unknown"],
    [403, "{}", "unknown"],
    [502, "Bad gateway", "unreached"],
  ])("reads the server's answer %s %s as %s", async (status, body, word) => {
    const fetched = vi.fn((_address: URL, _options: unknown) =>
      Promise.resolve(new Response(body, { status })),
    );
    vi.stubGlobal("fetch", fetched);
    const host = watchHost(jupyter, () => undefined, new AbortController().signal);
    await expect(host.inquire(0)).resolves.toBe(word);
    expect(String(fetched.mock.calls[0]?.[0])).toBe("http://127.0.0.1:8888/lab/api/kernels/7f-1");
  });

  it("tells a kernel that has spoken since from a silent one", async () => {
    let active = "2026-01-01T00:00:05.123456Z";
    const heard = Date.parse("2026-01-01T00:00:04.500Z");
    const answer = (state: string) => () =>
      Promise.resolve(new Response(JSON.stringify({ execution_state: state, last_activity: active })));
    vi.stubGlobal("fetch", answer("idle"));
    const host = watchHost(jupyter, () => undefined, new AbortController().signal);
    await expect(host.inquire(heard)).resolves.toBe("late");
    // Nothing has followed: what the server heard was not for this page.
    await expect(host.inquire(heard)).resolves.toBe("idle");
    active = "2026-01-01T00:00:06.2Z";
    await expect(host.inquire(heard)).resolves.toBe("late");
    active = "2026-01-01T00:00:06.3Z";
    await expect(host.inquire(Date.parse(active) - 100)).resolves.toBe("idle");
    active = "2026-01-01T00:00:07.2Z";
    vi.stubGlobal("fetch", answer("busy"));
    await expect(host.inquire(heard)).resolves.toBe("busy");
    active = "yesterday";
    vi.stubGlobal("fetch", answer("idle"));
    await expect(host.inquire(heard)).resolves.toBe("idle");
  });

  it("takes no answer for no server", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    const host = watchHost(jupyter, () => undefined, new AbortController().signal);
    await expect(host.inquire(0)).resolves.toBe("unreached");
  });
});
