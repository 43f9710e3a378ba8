/** An anywidget module from a view: traits become options, choices become traits, rows come from the hub. */
import type { View } from "../components/shell";
import { listen, type Model, type RenderProps } from "./afm";
import { type Connection, connect, guarded } from "./mount";
import type { Json } from "./protocol";

/** Where a view's choices and wishes go. */
export interface Page {
  /** Write a trait; with `after` only when so many ms have passed without another one (typing). */
  write(name: string, value: unknown, after?: number): void;
  /** Ask the kernel; rejects with a `Trouble`. */
  command(name: string, args: Json): Promise<Json>;
  /** How long a paint took, in ms. */
  painted(milliseconds: number): void;
}

export interface Adapter<Options> {
  /** As a reader calls the component. */
  name: string;
  /** The tag of its root. */
  tag?: "section" | "div";
  /** It is of use out of sight, too: its feed is open while the page can be seen. */
  anywhere?: boolean;
  /** The traits that the options are made of. */
  traits: readonly string[];
  options(model: Model): Options;
  view(root: HTMLElement, page: Page, signal: AbortSignal): View<Options>;
}

export function adapter<Options>(parts: Adapter<Options>): { render: (props: RenderProps) => void } {
  function render(props: RenderProps): void {
    const { model, el, signal } = props;
    const root = document.createElement(parts.tag ?? "section");
    el.replaceChildren(root);
    let connection: Connection | null = null;
    let saving = 0;
    const page: Page = {
      write(name, value, after = 0) {
        model.set(name, value);
        window.clearTimeout(saving);
        if (after > 0) saving = window.setTimeout(() => model.save_changes(), after);
        else model.save_changes();
      },
      command: (name, args) =>
        connection?.hub.command(String(model.get("feed")), name, args) ??
        Promise.reject({
          kind: "NoKernel",
          message: "There is no kernel behind this view.",
          advice: "Run the cell to bring it to life.",
        }),
      painted: (milliseconds) => connection?.view.painted(milliseconds),
    };
    signal.addEventListener("abort", () => window.clearTimeout(saving), { once: true });
    const view = parts.view(root, page, signal);
    const update = (): void => view.setOptions(parts.options(model));
    for (const name of parts.traits) listen(model, `change:${name}`, update, signal);
    update();
    void connect(props, { onFrame: view.setFeed, onLink: view.setLink }, view.setLost, parts.anywhere).then(
      (made) => {
        connection = made;
      },
    );
  }
  return { render: guarded(parts.name, render) };
}

/** A trait as text. */
export function textOf(model: Model, name: string, otherwise = ""): string {
  return String(model.get(name) ?? otherwise);
}

/** A trait as a finite number. */
export function numberOf<Otherwise extends number | null>(
  model: Model,
  name: string,
  otherwise: Otherwise,
): number | Otherwise {
  const value = model.get(name);
  return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
}

/** A trait that is text or None. */
export function choiceOf(model: Model, name: string): string | null {
  const value = model.get(name);
  return typeof value === "string" ? value : null;
}

/** A trait as a list of texts. */
export function textsOf(model: Model, name: string): string[] {
  const value = model.get(name);
  return Array.isArray(value) ? value.map(String) : [];
}

/** The options that all components have. */
export function commonOf(model: Model): { title: string; theme: string; size: string } {
  return {
    title: textOf(model, "title"),
    theme: textOf(model, "theme", "auto"),
    size: textOf(model, "size", "auto"),
  };
}
