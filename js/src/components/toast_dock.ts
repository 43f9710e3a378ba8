/**
 * The corner of the page where toasts come up. One a page, whoever made it: each view's script is a module of its own, so
 * the dock is found by a symbol on the window. It is taken away with the last view. Its parts are driven by `Toasts`.
 */
import { make, setText, show } from "../lib/dom";
import { count } from "../lib/format";
import { type Notice, spoken } from "../lib/notices";
import { applyLooks, watchTheme } from "../lib/theme";
import { type Card, layout, type Toast, Toasts } from "../lib/toasts";
import { type Deed, type ToastCard, toastCard } from "./toast_card";

export interface DockOptions {
  corner: string;
  most: number;
  /** Ms that brief toasts stay; 0 for what each says. */
  duration: number;
  theme: string;
  size: string;
}

/** A view that brings notifications. */
export interface Member {
  options: DockOptions;
  /** Whether it has a list that can be opened. */
  hasList(): boolean;
  openList(): void;
  /** Ask the kernel; rejects with a `Trouble`. */
  ask(deed: Deed, names: string[]): Promise<unknown>;
}

export interface Membership {
  update(connection: string, notices: ReadonlyMap<string, Notice>, kernelNow: number): void;
  changed(): void;
  leave(): void;
}

interface Dock {
  join(member: Member, styles: Node): Membership;
}

interface Seat {
  member: Member;
  connection: string | null;
  notices: ReadonlyMap<string, Notice>;
  kernelNow: number;
}

/** The number is raised when a dock of one version could not serve views of the other. */
const DOCK = Symbol.for("livewidgets.toasts.1");
type Page = Window & { [DOCK]?: Dock };

const LEAVE_MS = 200;
/** Several that come at once are read out together. */
const SPOKEN_AT_ONCE = 3;
const DEFAULTS: DockOptions = { corner: "bottom-right", most: 4, duration: 0, theme: "auto", size: "auto" };

/** The page's dock; it is made where there is none. */
export function joinDock(member: Member, styles: Node): Membership {
  const page = window as Page;
  page[DOCK] ??= makeDock(() => {
    delete page[DOCK];
  });
  return page[DOCK].join(member, styles);
}

function makeDock(gone: () => void): Dock {
  const life = new AbortController();
  const { signal } = life;
  const seats: Seat[] = [];
  const toasts = new Toasts();
  const drawn = new Map<string, ToastCard>();
  const busy = new Set<string>();
  const refused = new Map<string, string>();
  let timer = 0;
  let frame = 0;
  let ranAt = performance.now();
  let expanded = false;
  let before: Element | null = null;
  /** Why time stands still. */
  const reasons = new Set<string>();

  const list = make("ol", "lw-toast-list");
  const more = make("button", "lw-toast-more", { type: "button", hidden: true });
  const polite = make("div", "lw-quiet", { role: "status", "aria-live": "polite" });
  const assertive = make("div", "lw-quiet", { role: "alert", "aria-live": "assertive" });
  const root = make(
    "div",
    "lw lw-toasts",
    { role: "region", "aria-label": "New notifications" },
    list,
    more,
    polite,
    assertive,
  );
  // JupyterLab has shortcuts on bare letters; in here they are the buttons'.
  root.dataset.lmSuppressShortcuts = "true";
  const host = make("div", "lw-toast-host");

  const options = (): DockOptions => seats[0]?.member.options ?? DEFAULTS;
  const leaderOf = (connection: string): Seat | undefined =>
    seats.find((seat) => seat.connection === connection);

  // Time

  function run(): void {
    const now = performance.now();
    const changed = toasts.advance(now - ranAt);
    ranAt = now;
    window.clearTimeout(timer);
    const next = toasts.next();
    timer = next === null ? 0 : window.setTimeout(run, Math.max(16, next));
    if (changed) paint();
  }

  function hold(reason: string, held: boolean): void {
    if (reasons.has(reason) === held) return;
    run();
    if (held) {
      reasons.add(reason);
      toasts.hold(reason);
    } else {
      reasons.delete(reason);
      toasts.release(reason);
    }
    root.classList.toggle("lw-held", toasts.held);
    run();
    paint();
  }

  // Deeds

  function ask(deed: Deed, chosen: readonly Toast[]): void {
    const free = chosen.filter((toast) => !busy.has(toast.id));
    if (free.length === 0 || (deed === "acknowledge" && free[0]?.notice.acknowledge !== "open")) return;
    if (deed === "dismiss") dismiss(free);
    else for (const toast of free) void carryOut(deed, toast);
  }

  function dismiss(chosen: readonly Toast[]): void {
    toasts.close(chosen.map(({ id }) => id));
    paint();
    for (const connection of new Set(chosen.map((toast) => toast.connection))) {
      const names = chosen
        .filter((toast) => toast.connection === connection)
        .map(({ notice }) => notice.name);
      // Gone from this page in any case; where the kernel does not hear it, it stays in the list.
      leaderOf(connection)
        ?.member.ask("dismiss", names)
        .catch(() => undefined);
    }
  }

  async function carryOut(deed: Deed, toast: Toast): Promise<void> {
    busy.add(toast.id);
    refused.delete(toast.id);
    paint();
    try {
      await leaderOf(toast.connection)?.member.ask(deed, [toast.notice.name]);
    } catch (error) {
      const { message = "The kernel did not answer.", advice = "" } = error as Record<string, string>;
      refused.set(toast.id, `${message} ${advice}`.trim());
    }
    busy.delete(toast.id);
    paint();
  }

  // Painting

  function paint(): void {
    if (frame !== 0 || signal.aborted) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      draw();
    });
  }

  function draw(): void {
    const inside = !expanded && (reasons.has("pointer") || reasons.has("focus"));
    const most = expanded ? Number.POSITIVE_INFINITY : options().most;
    const { cards, more: hidden } = layout(toasts.on(), most, inside ? new Set(drawn.keys()) : null);
    const wanted = new Set(cards.map(({ id }) => id));
    const focused = focusedCard();
    for (const [id, card] of drawn) if (!wanted.has(id)) remove(id, card);
    for (const [index, card] of cards.entries()) place(card, index);
    if (focused && !wanted.has(focused)) refocus();
    for (const id of refused.keys()) if (!toasts.get(id)) refused.delete(id);
    setText(more, expanded ? "Show fewer" : `+${count(hidden)} more`);
    show(more, hidden > 0 || (expanded && cards.length > options().most));
    if (expanded && cards.length <= options().most) expanded = false;
    root.classList.toggle("lw-expanded", expanded);
  }

  function place(card: Card, index: number): void {
    let found = drawn.get(card.id);
    if (!found) {
      found = toastCard(`lw-toast-${++cardCount}`, ask);
      found.element.dataset.card = card.id;
      drawn.set(card.id, found);
    }
    found.draw(card, { busy, refused });
    const at = [...list.children].filter((child) => !child.classList.contains("lw-leaving"))[index];
    if (at !== found.element) list.insertBefore(found.element, at ?? null);
  }

  function remove(id: string, { element }: ToastCard): void {
    drawn.delete(id);
    if (window.matchMedia?.("(prefers-reduced-motion: reduce)").matches) {
      element.remove();
      return;
    }
    element.classList.add("lw-leaving");
    element.inert = true;
    window.setTimeout(() => element.remove(), LEAVE_MS);
  }

  // Focus: where a card goes that has it, the next one gets it, or what had it before.

  function active(): Element | null {
    return (root.getRootNode() as Document | ShadowRoot).activeElement;
  }
  function focusedCard(): string | null {
    return active()?.closest<HTMLElement>("[data-card]")?.dataset.card ?? null;
  }
  function refocus(): void {
    const next = [...drawn.values()].at(-1);
    if (next) next.close.focus();
    else if (before instanceof HTMLElement && before.isConnected) before.focus();
  }

  function announce(said: readonly Notice[]): void {
    for (const [element, urgent] of [
      [polite, false],
      [assertive, true],
    ] as const) {
      const mine = said.filter(({ kind }) => (kind === "warning" || kind === "error") === urgent);
      if (mine.length === 0) continue;
      const words = mine.slice(-SPOKEN_AT_ONCE).map(spoken);
      const rest = mine.length - words.length;
      const all = rest > 0 ? [...words, `and ${count(rest)} more`] : words;
      // The same words once more would not be heard.
      setText(element, `${all.join(". ")}${element.textContent?.endsWith("\u00a0") ? "" : "\u00a0"}`);
    }
  }

  root.addEventListener("pointerenter", () => hold("pointer", true), { signal });
  root.addEventListener("pointerleave", () => hold("pointer", false), { signal });
  root.addEventListener(
    "focusin",
    (event) => {
      const from = event.relatedTarget;
      if (from instanceof Element && !root.contains(from)) before = from;
      // A click leaves the focus behind, too: that is nobody who reads.
      const target = event.target;
      hold("focus", target instanceof Element && target.matches(":focus-visible"));
    },
    { signal },
  );
  root.addEventListener(
    "focusout",
    (event) => {
      if (!(event.relatedTarget instanceof Node && root.contains(event.relatedTarget))) hold("focus", false);
    },
    { signal },
  );
  root.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape") return;
      const card = toasts.on().length > 0 ? focusedCard() : null;
      const shown = layout(toasts.on(), Number.POSITIVE_INFINITY).cards.find(({ id }) => id === card);
      if (!shown) return;
      event.stopPropagation();
      dismiss(shown.toasts);
    },
    { signal },
  );
  more.addEventListener(
    "click",
    () => {
      const lister = expanded ? undefined : seats.find(({ member }) => member.hasList());
      if (lister) lister.member.openList();
      else expanded = !expanded;
      paint();
    },
    { signal },
  );
  document.addEventListener("visibilitychange", () => hold("hidden", document.visibilityState === "hidden"), {
    signal,
  });
  watchTheme(() => applyLooks(root, options()), signal);
  hold("hidden", document.visibilityState === "hidden");

  function changed(): void {
    const { corner, duration } = options();
    toasts.duration = duration;
    root.dataset.corner = corner;
    applyLooks(root, options());
    paint();
  }

  function take(seat: Seat): void {
    if (seat.connection === null || leaderOf(seat.connection) !== seat) return;
    run();
    announce(toasts.sync(seat.connection, seat.notices, seat.kernelNow));
    run();
    paint();
  }

  function leave(seat: Seat): void {
    const index = seats.indexOf(seat);
    if (index < 0) return;
    seats.splice(index, 1);
    if (seats.length === 0) {
      life.abort();
      window.clearTimeout(timer);
      cancelAnimationFrame(frame);
      host.remove();
      gone();
      return;
    }
    if (seat.connection !== null) {
      const next = leaderOf(seat.connection);
      if (next) take(next);
      else toasts.drop(seat.connection);
    }
    changed();
  }

  return {
    join(member, styles) {
      const seat: Seat = { member, connection: null, notices: new Map(), kernelNow: 0 };
      if (seats.push(seat) === 1) {
        // A page that keeps its styles in shadow trees has none in its body: they come along.
        const inside = styles instanceof ShadowRoot ? withStyles(host, styles) : host;
        inside.append(root);
        document.body.append(host);
      }
      changed();
      return {
        update(connection, notices, kernelNow) {
          if (seat.connection !== null && seat.connection !== connection) {
            const old = seat.connection;
            seat.connection = null;
            if (!leaderOf(old)) toasts.drop(old);
          }
          Object.assign(seat, { connection, notices, kernelNow });
          take(seat);
        },
        changed,
        leave: () => leave(seat),
      };
    },
  };
}

let cardCount = 0;

function withStyles(host: HTMLElement, from: ShadowRoot): ShadowRoot {
  const shadow = host.attachShadow({ mode: "open" });
  shadow.adoptedStyleSheets = [...from.adoptedStyleSheets];
  for (const style of from.querySelectorAll("style, link[rel=stylesheet]"))
    shadow.append(style.cloneNode(true));
  return shadow;
}
