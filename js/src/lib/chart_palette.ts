/**
 * Colours and dashes of series. The colours were chosen by search: under each kind of colour blindness any two stay
 * apart, and each stands out from its background; the same place is the same hue in light and dark. Dashes and, for
 * bars, hatchings tell them apart without any colour.
 */

export const LIGHT = [
  "#182b9a",
  "#d27a27",
  "#0e7b7b",
  "#65224b",
  "#816524",
  "#aa6bea",
  "#8a110a",
  "#5ca17e",
] as const;
export const DARK = [
  "#096fe1",
  "#ff8f37",
  "#21cdac",
  "#9c5e88",
  "#fbe318",
  "#ac94ff",
  "#c83c01",
  "#98f8c5",
] as const;
const OTHER = { light: "#6b7280", dark: "#8b95a5" };

/** In widths of the line. */
const DASHES: readonly (readonly number[])[] = [[], [5, 2.5], [1.5, 2], [7, 2.5, 1.5, 2.5]];

export interface SeriesLook {
  color: string;
  /** In pixels for a line of this width; empty for a line without gaps. */
  dash: number[];
  /** Which hatching a filled shape has: 0 for none. */
  hatch: number;
}

/** How a series looks; the others together (a slot below 0) are grey and thin. */
export function lookOf(slot: number, measure: number, dark: boolean, width = 2): SeriesLook {
  const colors = dark ? DARK : LIGHT;
  const turn = slot < 0 ? measure : slot + Math.floor(slot / colors.length);
  const dash = DASHES[turn % DASHES.length] ?? [];
  return {
    color: slot < 0 ? OTHER[dark ? "dark" : "light"] : (colors[slot % colors.length] as string),
    dash: dash.map((part) => part * width),
    hatch: slot < 0 ? 0 : turn % DASHES.length,
  };
}

/** Linear light of the channels of `#rrggbb` or `rgb(r g b)`; null for what is neither. */
export function linear(color: string): [number, number, number] | null {
  const hex = /^#([0-9a-f]{6})$/i.exec(color.trim())?.[1];
  const parts = hex
    ? [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16))
    : /^rgba?\(/.test(color)
      ? (color.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number)
      : [];
  if (parts.length !== 3) return null;
  return parts.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
}

/** Relative luminance, 0 to 1. */
export function luminance([red, green, blue]: readonly number[]): number {
  return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
}

/** Whether a background is dark; where it cannot be told, what is said otherwise. */
export function isDark(background: string, otherwise: boolean): boolean {
  const channels = linear(background);
  return channels === null ? otherwise : luminance(channels) < 0.18;
}
