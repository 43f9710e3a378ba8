/** A chart as a picture: heading, legend and plot on one canvas. */
import type { SeriesLook } from "../lib/chart_palette";
import type { Paints } from "./realtime_chart_paint";

/** Draw it; null where the browser gives no canvas. */
export function chartPicture(
  plot: HTMLCanvasElement,
  title: string,
  note: string,
  entries: readonly { name: string; look: SeriesLook }[],
  paints: Paints,
): HTMLCanvasElement | null {
  const ratio = devicePixelRatio || 1;
  const size = paints.size * ratio;
  const edge = size * 1.4;
  const sheet = document.createElement("canvas");
  const ink = sheet.getContext("2d");
  if (!ink) return null;
  const right = plot.width + edge;
  // Where the entries of the legend stand, line by line.
  ink.font = `${size}px ${paints.family}`;
  const places: { x: number; y: number; name: string; look: SeriesLook }[] = [];
  let x = edge;
  let y = edge + size * (title ? 3.6 : 2.2);
  for (const { name, look } of entries) {
    const wide = size * 2.4 + ink.measureText(name).width + size * 1.4;
    if (x > edge && x + wide > right) {
      x = edge;
      y += size * 1.6;
    }
    places.push({ x, y, name, look });
    x += wide;
  }
  const top = y + size * 1.4;
  sheet.width = plot.width + 2 * edge;
  sheet.height = top + plot.height + edge;
  ink.fillStyle = paints.surface;
  ink.fillRect(0, 0, sheet.width, sheet.height);
  ink.textBaseline = "middle";
  ink.fillStyle = paints.text;
  if (title) {
    ink.font = `600 ${size * 1.25}px ${paints.family}`;
    ink.fillText(title, edge, edge + size * 0.4, plot.width);
  }
  ink.font = `${size}px ${paints.family}`;
  ink.fillStyle = paints.muted;
  ink.fillText(note, edge, edge + size * (title ? 2 : 0.6), plot.width);
  for (const place of places) {
    ink.strokeStyle = place.look.color;
    ink.lineWidth = ratio * 2.4;
    ink.setLineDash(place.look.dash.map((part) => part * ratio));
    ink.beginPath();
    ink.moveTo(place.x, place.y);
    ink.lineTo(place.x + size * 1.9, place.y);
    ink.stroke();
    ink.setLineDash([]);
    ink.fillStyle = paints.text;
    ink.fillText(place.name, place.x + size * 2.4, place.y);
  }
  ink.drawImage(plot, edge, top);
  return sheet;
}

/** Offer a canvas as a file. */
export function savePicture(sheet: HTMLCanvasElement, name: string): void {
  sheet.toBlob((blob) => {
    if (!blob) return;
    const address = URL.createObjectURL(blob);
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
    // The browser has taken it by then.
    window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }, "image/png");
}

/** A file's name for a title and a moment: `calls-by-status-2026-11-22-1405.png`. */
export function pictureName(title: string, moment: number): string {
  const word = title
    .toLowerCase()
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
  const at = new Date(moment);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${word || "chart"}-${day}-${two(at.getHours())}${two(at.getMinutes())}.png`;
}
