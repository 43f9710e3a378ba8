/** Light or dark, as the host of the page draws it. */

import { isWall, WISH_ATTRIBUTES, wishedTheme } from "./page_wish";

export type Theme = "light" | "dark";

/** The theme that the page's host shows, by each host's own sign; else what the system prefers. */
export function pageTheme(): Theme {
  const wish = wishedTheme();
  if (wish) return wish;
  const { body, documentElement: html } = document;
  const jupyter = body.dataset.jpThemeLight;
  if (jupyter !== undefined) return jupyter === "false" ? "dark" : "light";
  const code = body.dataset.vscodeThemeKind;
  if (code !== undefined) return /light/.test(code) ? "light" : "dark";
  const named = html.getAttribute("theme") ?? html.dataset.theme ?? "";
  const marks = `${named} ${html.className} ${body.className}`.split(/\s+/);
  if (marks.some((mark) => mark === "dark" || mark === "theme-dark" || mark === "dark-theme")) return "dark";
  if (marks.some((mark) => mark === "light" || mark === "theme-light" || mark === "light-theme"))
    return "light";
  return window.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Whether the page's host has JupyterLab's variables, so that its own surfaces can be used. */
export function isJupyter(): boolean {
  return document.body.dataset.jpThemeLight !== undefined;
}

export function watchTheme(changed: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(changed);
  const attributeFilter = ["class", "theme", "data-theme", "data-jp-theme-light", "data-vscode-theme-kind"];
  observer.observe(document.body, { attributes: true, attributeFilter });
  observer.observe(document.documentElement, {
    attributes: true,
    attributeFilter: [...attributeFilter, ...WISH_ATTRIBUTES],
  });
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
  window.matchMedia?.("(prefers-color-scheme: dark)").addEventListener?.("change", changed, { signal });
}

/** Write on a component's root what its style sheet reads. */
export function applyLooks(root: HTMLElement, { theme: wish, size }: { theme: string; size: string }): void {
  const auto = wish !== "light" && wish !== "dark";
  const theme = auto ? pageTheme() : (wish as Theme);
  root.dataset.lwTheme = theme;
  // A wish against the host's theme must not mix in the host's surfaces.
  root.dataset.lwHost = isJupyter() && theme === pageTheme() ? "jupyter" : "page";
  root.dataset.size = size === "wall" || isWall() ? "wall" : "auto";
}
