/** RealtimeChart between model and view: traits in, choices out, rows from the hub. */
import { realtimeChart } from "../components/realtime_chart";
import { adapter, commonOf, numberOf, textOf, textsOf } from "../lib/adapter";
import type { Model } from "../lib/afm";
import type { ChartKind } from "../lib/chart_table";

function rangeOf(model: Model): [number, number] | null {
  const value = model.get("range");
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [from, to] = value.map(Number) as [number, number];
  return Number.isFinite(from) && Number.isFinite(to) && from < to ? [from, to] : null;
}

export default adapter({
  name: "RealtimeChart",
  traits: ["title", "theme", "size", "kind", "unit", "height", "range", "visible", "paused"],
  options: (model) => ({
    ...commonOf(model),
    kind: textOf(model, "kind", "line") as ChartKind,
    unit: textOf(model, "unit"),
    height: numberOf(model, "height", 320),
    range: rangeOf(model),
    visible: textsOf(model, "visible"),
    paused: model.get("paused") === true,
  }),
  view: (root, page, signal) =>
    realtimeChart(
      root,
      {
        onRange: (range) => page.write("range", range),
        onVisible: (names) => page.write("visible", names),
        onPaused: (paused) => page.write("paused", paused),
        onPainted: page.painted,
      },
      signal,
    ),
});
