/**
 * Which toasts are on a page and for how long. One toast is a state machine, see `TRANSITIONS`; `Toasts` is all of them.
 * Time is an argument; nothing in here has a timer or sees the DOM.
 *
 * | state   | on the page | what it means                                                        |
 * | ------- | ----------- | -------------------------------------------------------------------- |
 * | running | yes         | its time runs out                                                    |
 * | held    | yes         | its time stands still: somebody points at it, or the page is hidden  |
 * | lasting | yes         | it stays until it is closed: an error, something that goes on        |
 * | over    | no          | it is in the list only                                               |
 */
import type { Notice } from "./notices";

export type ToastState = "running" | "held" | "lasting" | "over";
/** `brief` and `last`: said, or said anew, with an end of its own or without. `end`: the kernel has ended it. */
export type ToastEvent = "brief" | "last" | "hold" | "release" | "run-out" | "close" | "end";

/** Every state and every event: what comes next. */
export const TRANSITIONS: Record<ToastState, Record<ToastEvent, ToastState>> = {
  running: {
    brief: "running",
    last: "lasting",
    hold: "held",
    release: "running",
    "run-out": "over",
    close: "over",
    end: "over",
  },
  held: {
    brief: "held",
    last: "lasting",
    hold: "held",
    release: "running",
    // Its time stands still.
    "run-out": "held",
    close: "over",
    end: "over",
  },
  lasting: {
    brief: "running",
    last: "lasting",
    hold: "lasting",
    release: "lasting",
    "run-out": "lasting",
    close: "over",
    end: "over",
  },
  over: {
    brief: "running",
    last: "lasting",
    hold: "over",
    release: "over",
    "run-out": "over",
    close: "over",
    end: "over",
  },
};

/** How long "Acknowledged" is to be read. */
export const FAREWELL_MS = 1_800;
/** What came while the page was not looking is shown in full, if it is not older than this. */
export const MISSED_MS = 10 * 60_000;
/** More than this on one page at once is a flood: the oldest of those that go by themselves are let go. */
export const MOST_KEPT = 200;

export interface Toast {
  /** Unique on the page. */
  readonly id: string;
  readonly connection: string;
  notice: Notice;
  state: ToastState;
  /** Ms that it still has, of so many; both 0 where it has no end. */
  left: number;
  total: number;
  /** Counts the times that it was said: a change begins its line of time anew. */
  said: number;
  /** Its place among the others. */
  order: number;
}

/** What is drawn as one: a toast, or several of a group. */
export interface Card {
  id: string;
  /** The newest first. */
  toasts: Toast[];
  order: number;
}

export interface Layout {
  /** The oldest first. */
  cards: Card[];
  /** Notifications that are on the page and not shown. */
  more: number;
}

export function step(state: ToastState, event: ToastEvent): ToastState {
  return TRANSITIONS[state][event];
}

export function isOn(toast: Toast): boolean {
  return toast.state !== "over";
}

/** Whether it goes by itself, and after how many ms; null where it stays. */
export function lasts(notice: Notice, duration: number): number | null {
  if (notice.acknowledge === "synced") return FAREWELL_MS;
  if (notice.pending || notice.acknowledge === "pending" || notice.kind === "error") return null;
  if (notice.duration === null) return null;
  return duration > 0 ? duration : notice.duration;
}

function hasEnded(notice: Notice): boolean {
  return notice.ended === "dismissed" || (notice.ended === "acknowledged" && notice.acknowledge === null);
}

export class Toasts {
  readonly #toasts = new Map<string, Toast>();
  /** When each was heard last: what is told twice is not said twice. */
  readonly #heard = new Map<string, Notice>();
  /** Connections that this page knows, and the kernel time at which it began to. */
  readonly #known = new Set<string>();
  readonly #held = new Set<string>();
  #order = 0;
  /** Ms that brief toasts stay instead of what each says; 0 for what each says. */
  duration = 0;

  get(id: string): Toast | undefined {
    return this.#toasts.get(id);
  }

  /** Those on the page, in the order in which they came. */
  on(): Toast[] {
    return [...this.#toasts.values()].filter(isOn).sort((a, b) => a.order - b.order);
  }

  get held(): boolean {
    return this.#held.size > 0;
  }

  /**
   * Take all that a connection's kernel tells; returns what is to be read out, newly said.
   * `kernelNow`: the kernel's time in ms. The first time it is history: only what is open and young enough comes up.
   */
  sync(connection: string, notices: ReadonlyMap<string, Notice>, kernelNow: number): Notice[] {
    const isHistory = !this.#known.has(connection);
    this.#known.add(connection);
    const said: Notice[] = [];
    for (const notice of notices.values()) {
      const id = `${connection}:${notice.name}`;
      if (this.#take(id, connection, notice, kernelNow, isHistory)) said.push(notice);
    }
    // What the kernel has forgotten is no more.
    for (const id of [...this.#heard.keys()]) {
      if (id.startsWith(`${connection}:`) && !notices.has(id.slice(connection.length + 1))) this.#forget(id);
    }
    this.#bound();
    return said;
  }

  #take(id: string, connection: string, notice: Notice, kernelNow: number, isHistory: boolean): boolean {
    const before = this.#heard.get(id);
    if (before && before.changed > notice.changed) return false; // told late, by another view
    this.#heard.set(id, notice);
    const toast = this.#toasts.get(id);
    const on = toast !== undefined && isOn(toast);
    if (toast) toast.notice = notice;
    if (hasEnded(notice)) {
      if (toast) this.#happen(toast, "end");
      return false;
    }
    const time = lasts(notice, this.duration);
    if (on && toast) {
      // Said anew, it has its whole time again; what only may be done with it changes nothing.
      const anew = before !== undefined && before.changed < notice.changed;
      if (anew || (time === null) !== (toast.total === 0)) this.#say(toast, time, time);
      const settled = before?.pending === true && !notice.pending;
      return settled || (before !== undefined && notice.count > before.count) || isReturned(before, notice);
    }
    if (before) {
      // It was here and went: only what is news brings it back.
      const news =
        notice.count > before.count || (before.pending && !notice.pending) || isReturned(before, notice);
      if (!news || notice.ended !== null) return false;
      this.#raise(id, connection, notice, time, time);
      return true;
    }
    if (notice.quiet || notice.ended !== null) return false;
    const passed = Math.max(0, kernelNow - notice.changed);
    if (time !== null && passed >= (isHistory ? time : Math.max(time, MISSED_MS))) return false;
    this.#raise(id, connection, notice, time, time === null ? null : isHistory ? time - passed : time);
    return true;
  }

  #raise(id: string, connection: string, notice: Notice, total: number | null, left: number | null): void {
    const said = this.#toasts.get(id)?.said ?? 0;
    const toast: Toast = {
      id,
      connection,
      notice,
      state: "over",
      left: 0,
      total: 0,
      said,
      order: ++this.#order,
    };
    this.#toasts.set(id, toast);
    this.#say(toast, total, left);
  }

  #say(toast: Toast, total: number | null, left: number | null): void {
    toast.total = total ?? 0;
    toast.left = left ?? 0;
    toast.said += 1;
    this.#happen(toast, total === null ? "last" : "brief");
    if (this.held) this.#happen(toast, "hold");
  }

  #happen(toast: Toast, event: ToastEvent): void {
    toast.state = step(toast.state, event);
  }

  #forget(id: string): void {
    this.#heard.delete(id);
    this.#toasts.delete(id);
  }

  #bound(): void {
    for (const toast of [...this.#toasts.values()]) if (!isOn(toast)) this.#toasts.delete(toast.id);
    const on = this.on();
    for (const toast of on.filter((one) => one.total > 0).slice(0, Math.max(0, on.length - MOST_KEPT)))
      this.#toasts.delete(toast.id);
  }

  /** Let time pass; true when something has run out. */
  advance(milliseconds: number): boolean {
    let changed = false;
    for (const toast of this.#toasts.values()) {
      if (toast.state !== "running") continue;
      toast.left -= Math.max(0, milliseconds);
      if (toast.left > 0) continue;
      this.#happen(toast, "run-out");
      changed = true;
    }
    return changed;
  }

  /** Ms until the next one runs out; null when none will. */
  next(): number | null {
    let least: number | null = null;
    for (const toast of this.#toasts.values()) {
      if (toast.state === "running") least = Math.min(least ?? Number.POSITIVE_INFINITY, toast.left);
    }
    return least;
  }

  /** Stop time, for a reason; it goes on when no reason is left. */
  hold(reason: string): void {
    this.#held.add(reason);
    for (const toast of this.#toasts.values()) this.#happen(toast, "hold");
  }

  release(reason: string): void {
    this.#held.delete(reason);
    if (!this.held) for (const toast of this.#toasts.values()) this.#happen(toast, "release");
  }

  /** The reader takes some away. */
  close(ids: Iterable<string>): void {
    for (const id of ids) {
      const toast = this.#toasts.get(id);
      if (toast) this.#happen(toast, "close");
    }
  }

  /** Nobody follows a connection any more. */
  drop(connection: string): void {
    this.#known.delete(connection);
    for (const id of [...this.#heard.keys()]) if (id.startsWith(`${connection}:`)) this.#forget(id);
  }
}

/** Its alert could not be acknowledged, so it is there again. */
function isReturned(before: Notice | undefined, notice: Notice): boolean {
  return before?.ended === "acknowledged" && notice.ended === null;
}

/** Those that are drawn as one: of one group, where nothing has to be done with each. */
function cardId(toast: Toast): string {
  const { notice } = toast;
  const alone =
    notice.pending || notice.kind === "error" || notice.acknowledge !== null || notice.action !== null;
  return notice.group === null || alone
    ? toast.id
    : `group:${toast.connection}:${notice.kind}:${notice.group}`;
}

/**
 * What is drawn: at most so many cards. Errors come first, but leave a place of several: the newest of the others is
 * seen too. While somebody points at some (`frozen`), those stay where they are, and others come
 * at the far end only: nothing may move under a finger.
 */
export function layout(
  toasts: readonly Toast[],
  most: number,
  frozen: ReadonlySet<string> | null = null,
): Layout {
  const byId = new Map<string, Card>();
  for (const toast of toasts) {
    const id = cardId(toast);
    const card = byId.get(id);
    if (card) {
      card.toasts.unshift(toast);
      card.order = toast.order;
    } else byId.set(id, { id, toasts: [toast], order: toast.order });
  }
  const all = [...byId.values()].sort((a, b) => b.order - a.order);
  const kept = frozen === null ? [] : all.filter((card) => frozen.has(card.id));
  const may = all.filter((card) => !kept.includes(card));
  const urgent = may.filter((card) => card.toasts[0]?.notice.kind === "error");
  const others = may.filter((card) => card.toasts[0]?.notice.kind !== "error");
  const places = Math.max(frozen === null ? 1 : 0, most - kept.length);
  const first = urgent.slice(0, others.length > 0 ? Math.max(Math.min(1, places), places - 1) : places);
  const come = [...first, ...others.slice(0, places - first.length)];
  const byAge = (a: Card, b: Card): number => a.order - b.order;
  const cards = [...come.sort(byAge), ...kept.sort(byAge)];
  const shown = new Set(cards);
  const more = all.filter((card) => !shown.has(card)).reduce((sum, card) => sum + card.toasts.length, 0);
  return { cards, more };
}
