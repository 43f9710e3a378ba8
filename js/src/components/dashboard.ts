/**
 * The head of a dashboard: its title, the buttons for theme and wall, and what is said when its kernel is gone. Below
 * it other widgets stand in a grid; here is only what concerns the page as a whole.
 */

import { everySecond } from "../lib/clock";
import { icon, make, painter, setIcon, setText, show } from "../lib/dom";
import { keepFacts } from "../lib/facts";
import { health } from "../lib/health";
import { isWall, readAddress, wishedTheme, wishTheme, wishWall } from "../lib/page_wish";
import { reloadAt } from "../lib/revival";
import { applyLooks, pageTheme, watchTheme } from "../lib/theme";
import type { ShellOptions, View } from "./shell";

export interface DashboardSurroundings {
  /** The page belongs to the dashboard alone: it may be reloaded, and its theme is ours to choose. */
  whole: boolean;
  /** The address's query. */
  search: string;
  /** Ask the server for a sign of life; false when it does not answer. */
  answers(): Promise<boolean>;
  reload(): void;
  /** Page ms of the last reload by itself; survives the reload. */
  reloadedAt(): number | null;
  noteReload(at: number): void;
}

const SUN =
  "M8 4.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7M7.3 0h1.4v2.6H7.3zm0 13.4h1.4V16H7.3zM0 7.3h2.6v1.4H0zm13.4 0H16v1.4h-2.6zM2 3l1-1 1.9 1.9-1 1zm9.1 9.1 1-1L14 13l-1 1zM13 2l1 1-1.9 1.9-1-1zM3.9 11.1l1 1L3 14l-1-1z";
const MOON = "M6.2 1A7 7 0 1 0 15 9.8 5.6 5.6 0 0 1 6.2 1";
const WALL = "M1 2h14v9.5H1zm1.5 1.5V10h11V3.5zM5 13h6v1.5H5z";
const DESK = "M2 3h12v8H2zm1.5 1.5v5h9v-5zM0 12.5h16V14H0z";
/** The server is asked this often while the kernel is gone. */
const ASK_MS = 5_000;
const LOST: ReadonlySet<string> = new Set(["gone", "server-gone", "none"]);

export function dashboard(
  root: HTMLElement,
  around: DashboardSurroundings,
  painted: (milliseconds: number) => void,
  signal: AbortSignal,
  clock: () => number = () => Date.now(),
): View<ShellOptions> {
  const kept = keepFacts(() => paint(), clock);
  const { facts } = kept;
  let options: ShellOptions = { title: "", theme: "auto", size: "auto" };
  let answeringSince: number | null = null;
  let askedAt = 0;
  let reloading = false;

  const title = make("h1", "lw-dashboard-title", { dir: "auto" });
  const themeIcon = icon("");
  const theme = make("button", "lw-tool", { type: "button" }, themeIcon);
  const wallIcon = icon("");
  const wall = make("button", "lw-tool", { type: "button" }, wallIcon);
  const words = make("strong");
  const advice = make("span");
  const reload = make("button", "lw-reload", { type: "button" }, "Reload");
  const alarm = make("div", "lw-alarm", { role: "alert", hidden: true }, words, advice, reload);
  root.classList.add("lw", "lw-dashboard-head");
  root.replaceChildren(
    make("div", "lw-dashboard-bar", {}, title, make("span", "lw-dashboard-tools", {}, theme, wall)),
    alarm,
  );
  if (around.whole) readAddress(around.search);

  theme.addEventListener("click", () => wishTheme(pageTheme() === "dark" ? "light" : "dark"), { signal });
  wall.addEventListener("click", () => wishWall(!isWall()), { signal });
  reload.addEventListener("click", () => around.reload(), { signal });

  function drawTools(): void {
    const dark = pageTheme() === "dark";
    show(theme, around.whole);
    setIcon(themeIcon, dark ? SUN : MOON);
    const lighter = dark ? "Light colours" : "Dark colours";
    theme.title = lighter;
    theme.setAttribute("aria-label", lighter);
    setIcon(wallIcon, isWall() ? DESK : WALL);
    const size = isWall() ? "For a desk" : "For a wall";
    wall.title = size;
    wall.setAttribute("aria-label", size);
    wall.setAttribute("aria-pressed", String(isWall()));
  }

  function drawAlarm(): void {
    const now = clock();
    const verdict = health(facts, now);
    const lost = LOST.has(verdict.state);
    show(alarm, lost);
    alarm.dataset.tone = verdict.tone;
    show(reload, around.whole);
    if (!lost) {
      answeringSince = null;
      return;
    }
    setText(words, verdict.banner ?? "");
    const at = around.whole ? reloadAt({ answeringSince, reloadedAt: around.reloadedAt() }) : null;
    setText(
      advice,
      at === null
        ? (verdict.advice ?? "")
        : `It is reloaded by itself in ${Math.max(0, Math.ceil((at - now) / 1000))} s.`,
    );
    if (!around.whole || reloading) return;
    if (at !== null && now >= at) {
      reloading = true;
      around.noteReload(now);
      around.reload();
      return;
    }
    if (now - askedAt < ASK_MS) return;
    askedAt = now;
    void around.answers().then((answers) => {
      answeringSince = answers ? (answeringSince ?? clock()) : null;
    });
  }

  const paint = painter(
    () => {
      setText(title, options.title);
      show(title, options.title !== "");
      drawTools();
      drawAlarm();
    },
    painted,
    signal,
  );
  everySecond(paint, signal);
  watchTheme(() => {
    applyLooks(root, options);
    paint();
  }, signal);
  signal.addEventListener("abort", () => {
    // The next dashboard on this page begins with the host's own looks.
    if (wishedTheme() !== null && !around.whole) delete document.documentElement.dataset.lwTheme;
  });

  return {
    setOptions(next) {
      options = next;
      applyLooks(root, options);
      paint();
    },
    setFeed: kept.setFeed,
    setLink: kept.setLink,
    setLost: kept.setLost,
  };
}
