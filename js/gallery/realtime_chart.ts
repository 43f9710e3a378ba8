/** RealtimeChart: ?kind=stacked&series=12&measure=mean&gaps&lines&marks&buckets=4000&paused&zoom&unit=USD&traffic=200 */
import { realtimeChart } from "../src/components/realtime_chart";
import type { ChartKind } from "../src/lib/chart_table";
import type { Row } from "../src/lib/rows";
import * as fixtures from "./fixtures";
import { BARE, metaOf, play, type Stage } from "./stage";

const STATUSES = ["in-progress", "completed", "ringing", "no-answer", "busy", "failed", "canceled", "queued"];
const HOSTILE = [
  '<img src=x onerror="window.hacked=1">',
  "\u202Eevil\u202C",
  "x".repeat(10_000),
  "שלום עולם",
  "👩‍👩‍👧‍👦 family",
];

function wave(series: number, bucket: number): number {
  const noise = Math.abs(Math.sin(bucket * 12.9898 + series * 78.233) * 43_758.5453) % 1;
  const level = 14 / (series + 1) + 2;
  return Math.max(0, Math.round(level * (1 + 0.5 * Math.sin(bucket / 23 + series)) + (noise - 0.5) * level));
}

export function scene(stage: Stage): void {
  const { query, state, theme, size, signal } = stage;
  const every = Number(query.get("every") ?? 5000);
  const buckets = Number(query.get("buckets") ?? 180);
  const total = Number(query.get("series") ?? 4);
  const mean = query.get("measure") === "mean";
  const names = state === "hostile" ? HOSTILE : [...STATUSES];
  while (names.length < total) names.push(`Campaign ${names.length + 1}`);
  const current = Math.floor(fixtures.NOW / every);
  const rows = new Map<string, Row>();
  const seriesTotal = state === "hostile" ? HOSTILE.length : total;
  for (let series = 0; series < seriesTotal; series++) {
    rows.set(`s${series}`, row("s", series, 0, names[series] as string));
  }
  if (query.has("other")) rows.set("s99", row("s", -1, 0, "Other"));
  const fill = (bucket: number): void => {
    if (query.has("gaps") && bucket % 37 < 8) return;
    const values: number[] = [];
    for (let series = 0; series < seriesTotal; series++) {
      const value = wave(series, bucket);
      if (value > 0 || mean) values.push(series, mean ? 40 + value * 7.3 : value);
    }
    if (query.has("other")) values.push(99, wave(2, bucket + 7));
    rows.set(`b${bucket}`, { ...row("b", bucket, null, null), v: JSON.stringify(values) });
  };
  for (let bucket = current - buckets; bucket <= current; bucket++) fill(bucket);
  if (query.has("marks")) {
    const texts: [number, string, string][] = [
      [0.25, "Buyer cap reached: Acme Insurance Group", "warn"],
      [0.5, "No answer above 40% on Solar Southwest", "bad"],
      [0.62, "Version 2.4 deployed", "good"],
      [0.8, "Shift change", "neutral"],
    ];
    for (const [share, text, tone] of texts) {
      const at = fixtures.NOW - (1 - share) * buckets * every;
      rows.set(`a${share}`, { ...row("a", Math.round(at), null, text), tone });
    }
  }
  const facts = {
    every,
    buckets,
    measures: [{ text: mean ? "mean(seconds)" : "count", zero: !mean, whole: !mean }],
    thresholds: query.has("lines")
      ? [
          { value: mean ? 150 : 18, label: "Too many", tone: "bad" },
          { value: mean ? 100 : 10, label: "Staffed for", tone: "warn" },
        ]
      : [],
    others: query.has("other") ? 12 : 0,
    from: state === "partial" ? fixtures.NOW - buckets * every * 0.7 : null,
  };
  const span = buckets * every;
  const options = {
    title: query.get("title") ?? "Calls by status",
    kind: (query.get("kind") ?? "line") as ChartKind,
    unit: query.get("unit") ?? "",
    height: Number(query.get("height") ?? (size === "wall" ? 1000 : 320)),
    range: query.has("zoom")
      ? ([fixtures.NOW - span * 0.7, fixtures.NOW - span * 0.4] as [number, number])
      : null,
    visible: query.get("visible")?.split(",") ?? [],
    paused: query.has("paused"),
    theme,
    size,
  };
  const view = realtimeChart(
    stage.place(),
    {
      onRange: (range) => set({ range }),
      onVisible: (visible) => set({ visible }),
      onPaused: (paused) => set({ paused }),
      onPainted: () => undefined,
    },
    signal,
  );
  function set(change: Partial<typeof options>): void {
    Object.assign(options, change);
    view.setOptions({ ...options });
  }
  set({});
  const bare = BARE.includes(state);
  play(stage, view, bare ? new Map() : rows, state === "first-error" ? {} : facts);
  if (query.has("traffic")) {
    window.setInterval(
      () => {
        const bucket = Math.floor(Date.now() / every);
        fill(bucket);
        view.setFeed({ rows, meta: metaOf("live", facts), changed: new Set([`b${bucket}`]), vouched: true });
      },
      Number(query.get("traffic")),
    );
  }
}

function row(kind: string, at: number, until: number | null, name: string | null): Row {
  return { kind, at, until, name, tone: null, v: null };
}
