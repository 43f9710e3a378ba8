/** What the page asks of the kernel: each command gets an answer, if only that there was none. */
import type { Answer, Json, ToKernel, Trouble } from "./protocol";

export const COMMAND_MS = 10_000;

export class CommandError extends Error implements Trouble {
  override name = "CommandError";
  constructor(
    readonly kind: string,
    message: string,
    readonly advice: string,
  ) {
    super(message);
  }
}

interface Pending {
  resolve: (value: Json) => void;
  reject: (error: CommandError) => void;
  cancel: () => void;
}

const closed = (): CommandError =>
  new CommandError("Closed", "The kernel has closed this widget.", "Run the cell again.");

export class Commands {
  readonly #pending = new Map<string, Pending>();
  #count = 0;
  #closed = false;

  constructor(
    readonly client: string,
    readonly send: (message: ToKernel) => void,
    readonly later: (call: () => void, milliseconds: number) => () => void,
  ) {}

  /** `busy` is asked when the time is up: a busy kernel carries it out later, and the words must say so. */
  run(feed: string, name: string, args: Json, busy: () => boolean): Promise<Json> {
    if (this.#closed) return Promise.reject(closed());
    const id = `${this.client.slice(0, 8)}-${++this.#count}`;
    return new Promise((resolve, reject) => {
      const cancel = this.later(() => {
        this.#pending.delete(id);
        reject(
          busy()
            ? new CommandError(
                "KernelBusy",
                "The kernel is busy with a cell.",
                "It is carried out when the cell ends.",
              )
            : new CommandError(
                "Timeout",
                "The kernel did not answer.",
                "Check that it runs, then try again.",
              ),
        );
      }, COMMAND_MS);
      this.#pending.set(id, { resolve, reject, cancel });
      this.send({ t: "cmd", client: this.client, id, feed, name, args });
    });
  }

  answer(message: Answer): void {
    const pending = message.client === this.client ? this.#pending.get(message.id) : undefined;
    if (!pending) return;
    this.#pending.delete(message.id);
    pending.cancel();
    if (message.ok) pending.resolve(message.value);
    else pending.reject(new CommandError(message.error.kind, message.error.message, message.error.advice));
  }

  close(): void {
    this.#closed = true;
    for (const { reject, cancel } of this.#pending.values()) {
      cancel();
      reject(closed());
    }
    this.#pending.clear();
  }
}
