/** The part of anywidget's interface (AFM) that we use. */
import type { HubExports } from "./exchange";

export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: readonly (ArrayBuffer | ArrayBufferView)[]): void;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback?: ((...args: never[]) => void) | null): void;
  widget_manager?: unknown;
}

export interface Host {
  getWidget(reference: string): Promise<{ exports: HubExports }>;
}

export interface InitializeProps {
  model: Model;
  signal: AbortSignal;
}

export interface RenderProps {
  model: Model;
  el: HTMLElement;
  signal: AbortSignal;
  host: Host;
}

/** Listen to the model until the signal ends. */
export function listen(
  model: Model,
  event: string,
  callback: (...args: never[]) => void,
  signal: AbortSignal,
): void {
  model.on(event, callback);
  signal.addEventListener("abort", () => model.off(event, callback), { once: true });
}
