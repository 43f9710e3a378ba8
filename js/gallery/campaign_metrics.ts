/** CampaignMetrics: ?state=live&money=no&caps=none|error&targets=no */
import { campaignMetrics } from "../src/components/campaign_metrics";
import type { Row } from "../src/lib/rows";
import { BARE, play, type Stage } from "./stage";

const FIGURES: [string, string, string, number | null, Partial<Record<string, unknown>>][] = [
  ["incoming", "Incoming", "calls", 1284, { target: 1200, state: "green", delta: 96, relative: 0.0808 }],
  ["live", "Live", "calls", 37, { part: 24, better: null }],
  [
    "connect_rate",
    "Connect rate",
    "share",
    0.7813,
    { part: 1003, whole: 1284, target: 0.85, state: "amber", delta: -0.021, relative: -0.026 },
  ],
  [
    "conversion",
    "Conversion",
    "share",
    0.3112,
    { part: 312, whole: 1003, target: 0.3, state: "green", delta: 0.018, relative: 0.06 },
  ],
  [
    "acl",
    "Average call length",
    "seconds",
    214,
    { whole: 1003, target: 300, state: "red", delta: 12, relative: 0.06 },
  ],
  [
    "revenue",
    "Revenue",
    "money",
    18_432.5,
    { delta: 1204.25, relative: 0.07, target: 20_000, state: "amber" },
  ],
  ["payout", "Payout", "money", 11_208, { delta: 640, relative: 0.06, better: null }],
  ["profit", "Profit", "money", 7_113.42, { delta: -58.6, relative: -0.008 }],
  ["margin", "Margin", "share", 0.3859, { delta: -0.012, relative: -0.03, target: 0.4, state: "green" }],
  ["rpc", "Revenue per call", "money a call", 14.36, { whole: 1284, delta: 0, relative: 0 }],
];

function course(seed: number, gaps = false): string {
  return Array.from({ length: 60 }, (_, index) => {
    if (gaps && index > 20 && index < 26) return "";
    const wave = Math.sin((index + seed * 7) / 6) + Math.sin((index * seed) / 11 + seed) + 2.6;
    return (wave * (1 + seed)).toFixed(2);
  }).join(",");
}

function tiles(money: boolean, targets: boolean): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const [key, label, unit, value, more] of FIGURES) {
    if (!money && (unit.startsWith("money") || key === "margin")) continue;
    rows.set(key, {
      kind: "tile",
      order: rows.size,
      label,
      unit,
      value,
      part: null,
      whole: null,
      formula: "as the formulas say",
      target: null,
      state: null,
      delta: null,
      relative: null,
      better: true,
      spark: key === "live" ? "" : course(rows.size + 1, key === "conversion"),
      cap: null,
      capped: null,
      ...more,
      ...(targets ? {} : { target: null, state: null }),
    } as Row);
  }
  return rows;
}

const CAPS: [string, string, number, number, string, boolean][] = [
  ["Northwind Health — Florida", "concurrency", 12, 12, "red", true],
  ["Acme Insurance Group", "daily", 460, 480, "amber", false],
  ["Brightside Solar West", "daily", 210, 300, "green", false],
  ["Clearpath Financial", "concurrency", 3, 8, "green", true],
  ["Brightside Solar West", "concurrency", 2, 6, "green", false],
  ["Homeshield Warranty", "daily", 80, 400, "green", false],
  ["Clearpath Financial", "daily", 12, 250, "green", false],
  ["Acme Insurance Group", "concurrency", 0, 10, "green", false],
  ["Homeshield Warranty", "concurrency", 0, 10, "green", false],
];

export function scene(stage: Stage): void {
  const { query, state, theme, size, signal } = stage;
  const view = campaignMetrics(stage.place(), { onPainted: () => undefined }, signal);
  view.setOptions({ title: query.get("title") ?? "Medicare — last hour", theme, size, currency: "USD" });
  const bare = BARE.includes(state) && state !== "empty";
  const rows = bare
    ? new Map<string, Row>()
    : tiles(query.get("money") !== "no", query.get("targets") !== "no");
  const caps = query.get("caps");
  if (!bare && caps === null) {
    CAPS.forEach(([label, unit, value, cap, tone, capped], index) => {
      rows.set(`cap:${index}`, { kind: "cap", order: 10, label, unit, value, cap, state: tone, capped });
    });
  }
  if (state === "empty") {
    for (const [key, row] of rows) {
      const none = row.kind === "tile" ? (row.unit === "calls" || row.unit === "money" ? 0 : null) : 0;
      rows.set(key, {
        ...row,
        value: none,
        part: row.part === null ? null : 0,
        whole: row.whole === null ? null : 0,
        state: row.target === null ? (row.kind === "cap" ? "green" : null) : null,
        delta: null,
        spark: "",
      });
    }
  }
  if (state === "hostile") {
    const words = [
      '<img src=x onerror="window.hacked=1">',
      "‮evil‬ שלום",
      "x".repeat(10_000),
      "",
      "line\nbreak",
    ];
    let index = 0;
    for (const [key, row] of rows) {
      const word = words[index++ % words.length] as string;
      rows.set(key, {
        ...row,
        label: word,
        formula: word,
        value: ["90071992547409931234", "NaN", word, -1e300, 1e12][index % 5] as never,
        target: word,
        spark: `1,${word},3`,
        delta: 1e300,
        relative: null,
      });
    }
  }
  play(stage, view, rows, {
    window: 3600,
    compared: state !== "partial",
    caps: {
      order: query.get("money") === "no" ? 5 : 10,
      loading: caps === "loading",
      zone: "UTC",
      partial: state === "partial",
      error:
        caps === "error"
          ? { message: "This key may not read the caps.", advice: "Sign in with a role that may." }
          : null,
    },
  });
}
