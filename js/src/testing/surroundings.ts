/** A page without a page: time stands still until it is moved. For tests only. */
import type { Surroundings } from "../lib/exchange";
import type { Host } from "../lib/host";
import type { ToKernel } from "../lib/protocol";
import type { Inquiry, KernelWord, ServerWord } from "../lib/pulse";

export class ManualPage implements Surroundings {
  time = 1_000_000;
  visible = true;
  /** The host's words, and what the server answers; null where there is no way to ask. */
  kernel: KernelWord = "unknown";
  connection: ServerWord = "unknown";
  answer: Exclude<Inquiry, "unasked" | "asking"> | "pending" | null = null;
  inquiries = 0;
  reconnects = 0;
  readonly sent: ToKernel[] = [];
  #due: { at: number; call: () => void }[] = [];

  send(content: ToKernel): void {
    this.sent.push(structuredClone(content));
  }

  now(): number {
    return this.time;
  }

  soon(call: () => void): void {
    this.later(call, 16);
  }

  later(call: () => void, milliseconds: number): () => void {
    const entry = { at: this.time + milliseconds, call };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((other) => other !== entry);
    };
  }

  page() {
    return { search: "?campaign=7", tz: "Europe/Berlin", theme: "light" as const, visible: this.visible };
  }

  readonly host: Host = {
    words: () => ({ server: this.connection, kernel: this.kernel }),
    inquire: () => {
      if (this.answer === null) return null;
      this.inquiries += 1;
      return this.answer === "pending" ? new Promise(() => undefined) : Promise.resolve(this.answer);
    },
    reconnect: () => {
      this.reconnects += 1;
    },
  };

  /** Let time pass; what falls due is called in order. */
  pass(milliseconds: number): void {
    const until = this.time + milliseconds;
    for (;;) {
      const next = this.#due.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.time = Math.max(this.time, next.at);
      next.call();
    }
    this.time = until;
  }

  take<T extends ToKernel["t"]>(kind: T): Extract<ToKernel, { t: T }>[] {
    const found = this.sent.filter((message) => message.t === kind) as Extract<ToKernel, { t: T }>[];
    this.sent.length = 0;
    return found;
  }
}
