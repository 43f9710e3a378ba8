/**
 * What the reader of a page wishes for all that is on it: dark or light, for a wall or for a desk. It stands in the
 * address (`?theme=dark&wall=1`) or comes from the dashboard's buttons, and is kept on the document's root, where
 * every component sees it change.
 */
import type { Theme } from "./theme";

const root = (): HTMLElement => document.documentElement;

/** The theme that the reader chose; null where they leave it to the host. */
export function wishedTheme(): Theme | null {
  const wish = root().dataset.lwTheme;
  return wish === "light" || wish === "dark" ? wish : null;
}

export function wishTheme(theme: Theme): void {
  root().dataset.lwTheme = theme;
}

/** Whether the page is for a wall. */
export function isWall(): boolean {
  return root().dataset.lwWall === "1";
}

export function wishWall(wall: boolean): void {
  if (wall) root().dataset.lwWall = "1";
  else delete root().dataset.lwWall;
}

/** Take the wishes that stand in the address. */
export function readAddress(search: string): void {
  const query = new URLSearchParams(search);
  const theme = query.get("theme");
  if (theme === "light" || theme === "dark") wishTheme(theme);
  const wall = query.get("wall");
  if (wall !== null) wishWall(wall !== "" && wall !== "0" && wall !== "false");
}

/** The attributes of the document's root that tell of wishes. */
export const WISH_ATTRIBUTES = ["data-lw-theme", "data-lw-wall"];
