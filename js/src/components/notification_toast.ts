/** What the user is told: toasts at a corner of the page, and in the view's own place a quiet bell with the list. */

import { everySecond } from "../lib/clock";
import { icon, make, painter, setText, show } from "../lib/dom";
import { keepFacts } from "../lib/facts";
import { count, text } from "../lib/format";
import { health, knownUntil } from "../lib/health";
import { isUnread, type Notice, newestFirst, readNotice } from "../lib/notices";
import type { Json } from "../lib/protocol";
import { applyLooks, watchTheme } from "../lib/theme";
import type { ShellOptions, View } from "./shell";
import { stateMark } from "./state_mark";
import type { Deed } from "./toast_card";
import { type DockOptions, joinDock } from "./toast_dock";
import { toastList } from "./toast_list";

export interface NotificationToastOptions extends ShellOptions {
  corner: string;
  most: number;
  /** Seconds; 0 for what each notification says. */
  duration: number;
  history: boolean;
  last: number;
  /** Seconds since 1970. */
  readUntil: number;
}

export interface NotificationToastCallbacks {
  onRead(until: number): void;
  /** Ask the kernel; rejects with a `Trouble`. */
  onDeed(deed: Deed | "clear", args: Json): Promise<unknown>;
  onPainted(milliseconds: number): void;
}

const BELL =
  "M8 1.2a1.2 1.2 0 0 0-1.2 1.3A4.3 4.3 0 0 0 3.7 6.7v3.1L2.3 12h11.4l-1.4-2.2V6.7a4.3 4.3 0 0 0-3.1-4.2A1.2 1.2 0 0 0 8 1.2M6.3 13a1.7 1.7 0 0 0 3.4 0z";
const CHEVRON = "M8 11 2.9 5.9 4 4.8l4 4 4-4 1.1 1.1z";
const DEFAULTS: NotificationToastOptions = {
  title: "Notifications",
  theme: "auto",
  size: "auto",
  corner: "bottom-right",
  most: 4,
  duration: 0,
  history: true,
  last: 50,
  readUntil: 0,
};
let lists = 0;

export function notificationToast(
  root: HTMLElement,
  callbacks: NotificationToastCallbacks,
  signal: AbortSignal,
  clock: () => number = () => Date.now(),
): View<NotificationToastOptions> {
  const kept = keepFacts(() => paint(), clock);
  const { facts } = kept;
  let options = DEFAULTS;
  let notices = new Map<string, Notice>();
  let open = false;
  /** What was unread when the list was opened stays marked until it is closed. */
  let markedFrom = 0;
  const busy = new Set<string>();
  const refused = new Map<string, string>();

  const word = make("span", "lw-bell-word", { dir: "auto" });
  const badge = make("span", "lw-bell-badge");
  const mark = stateMark();
  const panelId = `lw-told-list-${++lists}`;
  const bell = make(
    "button",
    "lw-bell",
    { type: "button", "aria-expanded": "false", "aria-controls": panelId },
    icon(BELL),
    word,
    badge,
    make("span", "lw-bell-chevron", {}, icon(CHEVRON)),
  );
  const strip = make("div", "lw-bell-strip", {}, bell, mark.element);
  const list = toastList((deed, name) => void ask(deed, name));
  const empty = make("p", "lw-told-empty", { dir: "auto" });
  const trouble = make("p", "lw-told-trouble", { dir: "auto" });
  const words = make("span", "lw-told-words");
  const clear = make("button", "lw-told-clear", { type: "button" }, "Dismiss all");
  const foot = make("div", "lw-told-tools", {}, words, clear);
  const panel = make(
    "div",
    "lw-told-panel",
    { id: panelId, hidden: true },
    trouble,
    list.element,
    empty,
    foot,
  );
  root.classList.add("lw", "lw-notification-toast");
  root.setAttribute("role", "region");
  root.dataset.lmSuppressShortcuts = "true";
  root.replaceChildren(strip, panel);

  const dockOptions = (): DockOptions => ({
    corner: options.corner,
    most: options.most,
    duration: options.duration * 1000,
    theme: options.theme,
    size: options.size,
  });
  const member = {
    options: dockOptions(),
    hasList: () => options.history && root.isConnected && root.getClientRects().length > 0,
    openList: () => {
      toggle(true);
      bell.scrollIntoView({ block: "nearest" });
      bell.focus();
    },
    ask: (deed: Deed, names: string[]) => callbacks.onDeed(deed, { ids: names }),
  };
  const membership = joinDock(member, root.getRootNode());
  signal.addEventListener("abort", () => membership.leave(), { once: true });

  // What the kernel says by itself is of now, however far behind a table of alerts is.
  const now = (): number =>
    facts.link?.state === "live" || facts.link?.state === "busy"
      ? clock() + facts.link.skew
      : knownUntil(facts, clock());

  async function ask(deed: Deed, name: string): Promise<void> {
    if (busy.has(name)) return;
    busy.add(name);
    refused.delete(name);
    paint();
    try {
      await callbacks.onDeed(deed, { ids: [name] });
    } catch (error) {
      const { message = "The kernel did not answer.", advice = "" } = error as Record<string, string>;
      refused.set(name, `${message} ${advice}`.trim());
    }
    busy.delete(name);
    paint();
  }

  function toggle(wish: boolean): void {
    if (wish === open) return;
    open = wish;
    if (open) markedFrom = options.readUntil * 1000;
    read();
    paint();
  }

  /** All that is there has been read: said once, and again when more comes while the list is open. */
  function read(): void {
    const newest = Math.max(0, ...[...notices.values()].map(({ changed }) => changed));
    if (open && newest > options.readUntil * 1000) callbacks.onRead(newest / 1000);
  }

  bell.addEventListener("click", () => toggle(!open), { signal });
  clear.addEventListener(
    "click",
    () =>
      void callbacks.onDeed("clear", null).catch((error) => refused.set("", String(error?.message ?? ""))),
    { signal },
  );
  root.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || !open) return;
      event.stopPropagation();
      toggle(false);
      bell.focus();
    },
    { signal },
  );

  function draw(): void {
    const verdict = health(facts, clock());
    const known = notices.size > 0 || (facts.vouched && facts.meta !== null);
    const unread = [...notices.values()].filter((one) => isUnread(one, options.readUntil * 1000)).length;
    root.setAttribute("aria-label", options.title || "Notifications");
    root.dataset.state = verdict.state;
    show(strip, options.history);
    show(panel, options.history && open);
    setText(word, options.title || "Notifications");
    setText(badge, unread > 0 ? `${count(unread)} unread` : known ? "none unread" : "");
    badge.classList.toggle("lw-some", unread > 0);
    show(badge, badge.textContent !== "");
    bell.setAttribute("aria-expanded", String(open));
    mark.show(verdict);
    show(mark.element, verdict.state !== "live");
    root.classList.toggle("lw-doubtful", verdict.doubtful && notices.size > 0);
    if (open) drawPanel(verdict.banner, verdict.advice, verdict.tone, known);
  }

  function drawPanel(banner: string | null, advice: string | null, tone: string, known: boolean): void {
    const all = newestFirst(notices.values(), options.last);
    list.draw(all, { now: now(), busy, refused, readUntil: markedFrom });
    show(list.element, all.length > 0);
    trouble.dataset.tone = tone;
    setText(trouble, banner ? text(`${banner} ${advice ?? ""}`, 600) : (refused.get("") ?? ""));
    show(trouble, trouble.textContent !== "");
    setText(empty, known ? "Nothing was told yet. What happens shows up here." : "Waiting for the kernel…");
    show(empty, all.length === 0 && (known || banner === null));
    const said = [
      notices.size > all.length ? `The last ${count(all.length)} of ${count(notices.size)}` : "",
      facts.meta?.masked && all.length > 0 ? "Numbers and addresses are masked" : "",
    ];
    setText(words, said.filter(Boolean).join(" · "));
    show(
      clear,
      all.some(({ ended }) => ended === null),
    );
    show(foot, words.textContent !== "" || !clear.hidden);
  }
  const paint = painter(draw, (milliseconds) => callbacks.onPainted(milliseconds), signal);
  everySecond(() => {
    if (open) list.tick(now());
    // The words of a link that is gone count up.
    if (facts.link?.state !== "live" || facts.meta?.state !== "live") paint();
  }, signal);
  watchTheme(() => applyLooks(root, options), signal);

  return {
    setOptions(next) {
      options = next;
      member.options = dockOptions();
      membership.changed();
      applyLooks(root, options);
      paint();
    },
    setFeed(update) {
      const { rows, changed, meta, vouched } = update;
      const before = notices;
      notices = new Map();
      for (const [name, row] of rows) {
        const old = before.get(name);
        notices.set(name, old && changed !== null && !changed.has(name) ? old : readNotice(name, row));
      }
      // Before the first snapshot nothing is known: an empty history would make all of it news.
      const connection = meta?.connection;
      if (typeof connection === "string" && vouched) membership.update(connection, notices, now());
      read();
      kept.setFeed(update);
    },
    setLink: kept.setLink,
    setLost: kept.setLost,
  };
}
