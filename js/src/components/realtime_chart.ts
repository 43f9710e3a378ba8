/** RealtimeChart: sees rows, meta, the link's status and its options; never a model. */
import { stretch } from "../lib/chart_format";
import { chartFacts, span as spanWords, toggled } from "../lib/chart_meta";
import { ChartModel } from "../lib/chart_model";
import type { ChartKind } from "../lib/chart_table";
import { setText, show } from "../lib/dom";
import { count, fullMoment } from "../lib/format";
import { watchTheme } from "../lib/theme";
import { watchSight } from "../lib/visibility";
import { chartLegend, type LegendEntry } from "./realtime_chart_legend";
import { chartPicture, pictureName, savePicture } from "./realtime_chart_picture";
import { chartPlot } from "./realtime_chart_plot";
import { chartReadout } from "./realtime_chart_readout";
import { readPaints, type Sight, sights } from "./realtime_chart_sight";
import { chartSummary } from "./realtime_chart_summary";
import { chartTools } from "./realtime_chart_tools";
import { type ShellOptions, shell, type View } from "./shell";

export interface RealtimeChartOptions extends ShellOptions {
  kind: ChartKind;
  unit: string;
  height: number;
  /** ms; null for the window. */
  range: readonly [number, number] | null;
  visible: readonly string[];
  paused: boolean;
}

export interface RealtimeChartCallbacks {
  onRange(range: [number, number] | null): void;
  onVisible(names: string[]): void;
  onPaused(paused: boolean): void;
  /** How long a paint took, in ms. */
  onPainted(milliseconds: number): void;
}

const DEFAULTS: RealtimeChartOptions = {
  title: "",
  theme: "auto",
  size: "auto",
  kind: "line",
  unit: "",
  height: 320,
  range: null,
  visible: [],
  paused: false,
};
/** The axis moves by pixels, but not more often than this in ms; under reduced motion once a second. */
const GLIDE_MS = 33;
const CALM_MS = 1000;
/** The plot takes at most one part in so many of the page's time, and waits at most so long in ms for it. */
const SHARE = 5;
const LONGEST_WAIT = 500;
/** Pixels from the crosshair within which a mark is read out. */
const NEAR = 7;

export function realtimeChart(
  root: HTMLElement,
  callbacks: RealtimeChartCallbacks,
  signal: AbortSignal,
  clock: () => number = () => Date.now(),
): View<RealtimeChartOptions> {
  let options = DEFAULTS;
  const model = new ChartModel();
  const sight = sights(model);
  let inSight = true;
  let gliding = 0;
  /** Where the axis ends while it is paused; null until it is known. */
  let frozen: number | null = null;
  /** Pixel of the crosshair under the pointer; moment of the one that keys have set; where a brush by keys began. */
  let hovered: number | null = null;
  let pointed: number | null = null;
  let anchor: number | null = null;
  let seen: Sight | null = null;

  const plot = chartPlot(
    {
      onRange: zoom,
      onReset: backToNow,
      onHover(left) {
        hovered = left;
        if (left !== null && pointed === null) frame.paint();
        if (left === null) frame.paint();
      },
      onResize: repaint,
    },
    signal,
  );
  const readout = chartReadout();
  const legend = chartLegend((name, alone) => {
    const names = model.series.map((one) => one.name);
    callbacks.onVisible(toggled(names, options.visible, name, alone));
  }, signal);
  const tools = chartTools(
    {
      pause: () => callbacks.onPaused(!options.paused),
      now: backToNow,
      save() {
        const canvas = plot.picture();
        if (!canvas || !seen) return;
        const title = options.title;
        const entries = seen.shown.map(({ series, look }) => ({ name: series.name, look }));
        const note = `${fullMoment(seen.axis[0])} – ${fullMoment(seen.axis[1])}`;
        const sheet = chartPicture(canvas, title, note, entries, paints());
        if (sheet) savePicture(sheet, pictureName(title, clock()));
      },
    },
    signal,
  );
  const summary = chartSummary();
  const frame = shell(
    root,
    {
      name: "realtime-chart",
      label: "Chart",
      skeleton: 5,
      arrange,
      holds: () => model.size > 0,
      empty: () => {
        const facts = chartFacts(frame.facts.meta);
        return [
          facts ? `Nothing in the last ${spanWords(facts.span)}` : "Nothing yet",
          "What comes in is drawn here at once.",
        ];
      },
      draw,
      foot: footWords,
    },
    (milliseconds) => callbacks.onPainted(milliseconds),
    signal,
    clock,
  );
  frame.tools.append(legend.element, tools.element);
  plot.element.append(readout.element);
  frame.content.append(plot.element, summary.element);

  let painted: ReturnType<typeof readPaints> | null = null;
  const paints = (): ReturnType<typeof readPaints> => {
    painted ??= readPaints(root);
    return painted;
  };
  function repaint(): void {
    painted = null;
    urgent = true;
    frame.paint();
  }
  watchTheme(repaint, signal);
  for (const query of ["(forced-colors: active)", "(prefers-contrast: more)"]) {
    window.matchMedia?.(query).addEventListener?.("change", repaint, { signal });
  }
  watchSight(
    root,
    (visible) => {
      inSight = visible;
      if (visible) frame.paint();
    },
    signal,
  );
  signal.addEventListener(
    "abort",
    () => {
      for (const timer of [gliding, waiting, measuring]) window.clearTimeout(timer);
    },
    { once: true },
  );

  const kernelNow = (): number => clock() + (frame.facts.link?.skew ?? 0);

  function zoom(range: [number, number]): void {
    pointed = anchor = null;
    callbacks.onRange([Math.round(range[0]), Math.round(range[1])]);
  }

  function backToNow(): void {
    pointed = anchor = null;
    if (options.range) callbacks.onRange(null);
    if (options.paused) callbacks.onPaused(false);
  }

  /** Bring up to date what is seen, and drop what has passed. */
  function arrange(): void {
    const facts = chartFacts(frame.facts.meta);
    if (!facts) {
      seen = null;
      return;
    }
    seen = sight.look({
      facts,
      options,
      now: kernelNow(),
      known: frame.now(),
      frozen,
      paints: paints(),
      room: plot.room,
    });
    if (options.paused && frozen === null) frozen = seen.axis[1];
  }

  function draw(): void {
    const moved = options.range !== null;
    show(frame.tools, model.size > 0);
    setText(frame.aside, asideWords());
    tools.draw({ paused: options.paused, moved, ready: model.size > 0 });
    if (!seen || model.size === 0) {
      readout.draw(null);
      return;
    }
    drawPlot(seen);
    if (pointed !== null) plot.point(pointed);
    plot.brush(anchor !== null && pointed !== null ? [anchor, pointed] : null);
    const at = momentHovered();
    const bucket = at === null ? null : Math.floor(at / seen.facts.every);
    const entries = sight.entries(seen, bucket ?? seen.latest);
    legend.draw(entries, seen.bars);
    readOut(at, bucket, entries);
    summary.draw(seen, sight, options.title || "Chart", plot.element, clock());
    glide();
  }

  /** When the plot was drawn, what that took with all that the browser does for it, and whether it may not wait. */
  let plotted = Number.NEGATIVE_INFINITY;
  let cost = 0;
  let urgent = true;
  let waiting = 0;
  let measuring = 0;

  function drawPlot(sight: Sight): void {
    const start = performance.now();
    const wait = plotted + Math.min(LONGEST_WAIT, cost * SHARE) - start;
    if (wait > 1 && !urgent) {
      waiting ||= window.setTimeout(() => {
        waiting = 0;
        frame.paint();
      }, wait);
      return;
    }
    urgent = false;
    plotted = start;
    plot.draw(sight.scene);
    // A canvas is drawn after the script, which only a later task can see.
    window.clearTimeout(measuring);
    measuring = window.setTimeout(() => {
      cost = performance.now() - start;
    });
  }

  function asideWords(): string {
    if (options.range) return stretch(options.range[0], options.range[1]);
    return options.paused ? "Paused" : "";
  }

  function momentHovered(): number | null {
    if (!seen) return null;
    const at = pointed ?? (hovered === null ? null : plot.momentAt(hovered));
    return at === null || !(at >= seen.axis[0] && at <= seen.axis[1]) ? null : at;
  }

  function readOut(at: number | null, bucket: number | null, entries: readonly LegendEntry[]): void {
    if (!seen || at === null || bucket === null) {
      readout.draw(null);
      return;
    }
    const { every } = seen.facts;
    const { left, offset, width } = plot.placeOf(at);
    const near = ((seen.axis[1] - seen.axis[0]) / Math.max(1, width)) * NEAR;
    readout.draw({
      left: offset + left,
      width: plot.element.clientWidth,
      head: stretch(bucket * every, (bucket + 1) * every),
      note: bucket === seen.current ? "Not over yet" : bucket * every > seen.scene.known ? "Not known" : "",
      entries: entries.filter(({ shown }) => shown),
      bars: seen.bars,
      marks: model.marks.filter((mark) => Math.abs(mark.at - at) <= Math.max(near, every / 2)).slice(0, 4),
    });
  }

  function footWords(): string {
    if (!seen || model.size === 0) return "";
    const { facts } = seen;
    const words = [`${spanWords(facts.every)} a point, last ${spanWords(facts.span)}`];
    if (seen.scene.table.per > 1) words.push(`${seen.scene.table.per} points share a place`);
    if (facts.others > 0) words.push(`Other: ${count(facts.others)} more`);
    if (facts.from !== null && facts.from > seen.axis[0]) words.push("Older rows are not loaded");
    if (options.visible.length > 0 && seen.shown.length < model.series.length) {
      words.push(`${count(seen.shown.length)} of ${count(model.series.length)} series`);
    }
    return words.join(" · ");
  }

  /** Ask for the next paint when the axis has moved by a pixel. No message is needed for it. */
  function glide(): void {
    window.clearTimeout(gliding);
    if (!seen || !inSight || options.range || options.paused || signal.aborted) return;
    const pixels = plot.room * (window.devicePixelRatio || 1);
    const calm = window.matchMedia?.("(prefers-reduced-motion: reduce)").matches ? CALM_MS : GLIDE_MS;
    gliding = window.setTimeout(frame.paint, Math.min(CALM_MS, Math.max(calm, seen.facts.span / pixels)));
  }

  plot.element.addEventListener("keydown", onKey, { signal });
  plot.element.addEventListener(
    "blur",
    () => {
      pointed = anchor = null;
      plot.point(null);
      frame.paint();
    },
    { signal },
  );
  plot.element.addEventListener("pointermove", () => (pointed = anchor = null), { signal });

  function onKey(event: KeyboardEvent): void {
    if (!seen) return;
    const { every } = seen.facts;
    const step = every * seen.scene.table.per;
    const [from, to] = seen.axis;
    const steps: Record<string, number> = {
      ArrowLeft: -step,
      ArrowRight: step,
      PageUp: -10 * step,
      PageDown: 10 * step,
      Home: Number.NEGATIVE_INFINITY,
      End: Number.POSITIVE_INFINITY,
    };
    const move = steps[event.key];
    if (move !== undefined) {
      const start = pointed ?? momentHovered() ?? (seen.latest + 0.5) * every;
      anchor = event.shiftKey ? (anchor ?? start) : null;
      const next = Math.min(to - 1, Math.max(from + 1, start + move));
      pointed = Math.min(to - 1, Math.max(from + 1, (Math.floor(next / every) + 0.5) * every));
      const bucket = Math.floor(pointed / every);
      const said = sight.entries(seen, bucket).filter(({ shown }) => shown);
      const words = said.slice(0, 6).map(({ series, value }) => `${series.name} ${value}`);
      frame.announce(`${stretch(bucket * every, (bucket + 1) * every)}: ${words.join(", ")}`);
    } else if (event.key === "Enter" && anchor !== null && pointed !== null && anchor !== pointed) {
      zoom([Math.min(anchor, pointed), Math.max(anchor, pointed)]);
    } else if (event.key === "Escape") {
      if (pointed === null) backToNow();
      pointed = anchor = null;
      plot.point(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
    frame.paint();
  }

  return {
    setOptions(next) {
      if (!next.paused) frozen = null;
      urgent = true;
      const looks = next.size !== options.size || next.theme !== options.theme;
      options = next;
      root.style.setProperty("--lw-height", `${Math.max(160, options.height)}px`);
      frame.setOptions(options);
      if (looks) repaint();
    },
    setFeed(update) {
      const facts = chartFacts(update.meta);
      if (facts) {
        const first = Math.floor(kernelNow() / facts.every) - facts.buckets + 1;
        if (update.changed === null) sight.holdFrom(first);
        model.apply(update.rows, update.changed, first);
      }
      frame.setFeed(update);
    },
    setLink: frame.setLink,
    setLost: frame.setLost,
  };
}
