/** The legend: one button a series, which shows and hides it, with its value. */
import type { ChartSeries } from "../lib/chart_model";
import type { SeriesLook } from "../lib/chart_palette";
import { make, setAttributes, setText } from "../lib/dom";

const SVG = "http://www.w3.org/2000/svg";

export interface LegendEntry {
  series: ChartSeries;
  look: SeriesLook;
  value: string;
  shown: boolean;
}

/** A short piece of the line, or of the bar with its hatching. */
export function sample(look: SeriesLook, bars: boolean): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  setAttributes(svg, { viewBox: "0 0 22 10", class: "lw-sample", "aria-hidden": "true", focusable: "false" });
  const shape = document.createElementNS(SVG, "path");
  if (bars) {
    setAttributes(shape, { d: "M5 0h12v10H5z", fill: look.color });
    svg.append(shape);
    const hatch = document.createElementNS(SVG, "path");
    const lines = [
      "",
      "M5 10 15 0M9 12 19 2M3 6 9 0",
      "M8 3h.1M13 3h.1M10.5 7h.1M15 7h.1",
      "M5 0l10 10M9-2l10 10M3 4l6 6",
    ];
    setAttributes(hatch, { d: lines[look.hatch] || "M0 0", class: "lw-sample-hatch" });
    svg.append(hatch);
  } else {
    setAttributes(shape, {
      d: "M0 5h22",
      stroke: look.color,
      "stroke-width": 2.4,
      fill: "none",
      "stroke-dasharray": look.dash.length ? look.dash.join(" ") : null,
    });
    svg.append(shape);
  }
  return svg;
}

export interface Legend {
  element: HTMLElement;
  draw(entries: readonly LegendEntry[], bars: boolean): void;
}

export function chartLegend(toggle: (name: string, alone: boolean) => void, signal: AbortSignal): Legend {
  const element = make("div", "lw-legend", { role: "group", "aria-label": "Series" });
  const drawn = new Map<number, { button: HTMLButtonElement; look: string; name: Element; value: Element }>();
  const nameOf = (event: Event): string | undefined =>
    (event.target as Element | null)?.closest<HTMLElement>("[data-series]")?.dataset.series;
  element.addEventListener(
    "click",
    (event) => {
      const name = nameOf(event);
      if (name !== undefined) toggle(name, event.altKey || event.shiftKey);
    },
    { signal },
  );

  function entry(): { button: HTMLButtonElement; look: string; name: Element; value: Element } {
    const name = make("bdi", "lw-legend-name");
    const value = make("span", "lw-legend-value");
    const button = make("button", "lw-legend-entry", { type: "button" }, name, value);
    return { button, look: "", name, value };
  }

  return {
    element,
    draw(entries, bars) {
      const kept = new Set(entries.map(({ series }) => series.number));
      for (const [number, { button }] of drawn) {
        if (kept.has(number)) continue;
        button.remove();
        drawn.delete(number);
      }
      entries.forEach(({ series, look, value, shown }, place) => {
        const found = drawn.get(series.number) ?? entry();
        drawn.set(series.number, found);
        const looks = JSON.stringify([look, bars]);
        if (found.look !== looks) {
          found.look = looks;
          found.button.querySelector("svg")?.remove();
          found.button.prepend(sample(look, bars));
        }
        if (setText(found.name, series.name)) {
          found.button.dataset.series = series.name;
          found.button.title = series.name;
        }
        setText(found.value, value);
        const pressed = String(shown);
        if (found.button.getAttribute("aria-pressed") !== pressed) {
          found.button.setAttribute("aria-pressed", pressed);
        }
        // Moving a button that has the focus would take it away.
        if (element.children[place] !== found.button) {
          element.insertBefore(found.button, element.children[place] ?? null);
        }
      });
    },
  };
}
