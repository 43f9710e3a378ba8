/** The chart in words and numbers, for who cannot see it. */
import { chartValue, stretch } from "../lib/chart_format";
import { make } from "../lib/dom";
import { count } from "../lib/format";
import type { Sight, Sights } from "./realtime_chart_sight";

/** It is read, not watched. */
const EVERY_MS = 10_000;
const KINDS: Record<string, string> = {
  line: "Line chart",
  area: "Area chart",
  step: "Step chart",
  bar: "Bar chart",
  stacked: "Stacked bar chart",
};

export interface Summary {
  element: HTMLElement;
  draw(sight: Sight, sights: Sights, title: string, plot: HTMLElement, now: number): void;
}

export function chartSummary(): Summary {
  const element = make("table", "lw-quiet");
  let told = Number.NEGATIVE_INFINITY;
  let shape = "";
  return {
    element,
    draw(sight, sights, title, plot, now) {
      const names = sight.shown.map(({ series }) => series.name).join("\n") + sight.scene.kind + title;
      if (now - told < EVERY_MS && names === shape) return;
      told = now;
      shape = names;
      const { every } = sight.facts;
      const from = Math.ceil(sight.axis[0] / every);
      const words = `${KINDS[sight.scene.kind]}, ${count(sight.shown.length)} series, ${stretch(...sight.axis)}.`;
      plot.setAttribute("aria-label", `${title}. ${words} Arrow keys read the values.`);
      const head = make("tr", "", {});
      for (const word of ["Series", "Latest", "Least", "Most", "Mean"]) {
        head.append(make("th", "", { scope: "col" }, word));
      }
      const rows = sight.shown.map(({ series }) => {
        let least = Number.POSITIVE_INFINITY;
        let most = Number.NEGATIVE_INFINITY;
        let sum = 0;
        let known = 0;
        for (let bucket = from; bucket <= sight.latest; bucket++) {
          const value = sights.value(sight, series, bucket);
          if (value === null) continue;
          least = Math.min(least, value);
          most = Math.max(most, value);
          sum += value;
          known += 1;
        }
        const say = (value: number | null, whole = false): string => chartValue(value, sight.unit, whole);
        return make(
          "tr",
          "",
          {},
          make("th", "", { scope: "row" }, series.name),
          ...[
            say(sights.value(sight, series, sight.latest)),
            say(known ? least : null),
            say(known ? most : null),
            say(known ? sum / known : null),
          ].map((text) => make("td", "", {}, text)),
        );
      });
      element.replaceChildren(
        make("caption", "", {}, title),
        make("thead", "", {}, head),
        make("tbody", "", {}, ...rows),
      );
    },
  };
}
