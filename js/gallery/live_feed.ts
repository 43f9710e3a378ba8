/** LiveFeed: ?state=live&rows=60&search=&kinds=calls,bids&selected=12&paused&traffic=200&burst=5 */
import { liveFeed } from "../src/components/live_feed";
import type { Row } from "../src/lib/rows";
import * as fixtures from "./fixtures";
import { BARE, metaOf, play, type Stage } from "./stage";

const SAID: [string, string, string, string, string][] = [
  ["calls", "insert", "call", "waiting", "Call from +1 ••• ••• 4567 came in — Solar Southwest"],
  ["bids", "insert", "bid", "calling", "Acme Insurance Group bid $12.50 on Solar Southwest"],
  ["bids", "update", "bid", "good", "Brightside Solar won Solar Southwest at $14.25"],
  [
    "calls",
    "update",
    "call",
    "ringing",
    "Call from +1 ••• ••• 4567 rings at Brightside Solar — Solar Southwest",
  ],
  [
    "calls",
    "update",
    "call",
    "talking",
    "Call from +1 ••• ••• 4567 connected to Brightside Solar — Solar Southwest",
  ],
  ["alerts", "insert", "alert", "warn", "Daily cap reached: Northwind Health, Medicare Advantage — Florida"],
  [
    "calls",
    "update",
    "call",
    "good",
    "Call from +1 ••• ••• 9921 to Northwind Health converted for $48.00 — Medicare Advantage — Florida",
  ],
  ["payments", "update", "payment", "good", "Payment of $240.00 from Clearpath Financial confirmed"],
  [
    "calls",
    "update",
    "call",
    "warn",
    "Call from +1 ••• ••• 0113 to Acme Insurance Group was not answered — Auto Insurance Q4",
  ],
  ["payments", "update", "payment", "bad", "Payment of $1,120.00 to Clickwell is disputed"],
  ["orders", "update", "row", "neutral", "orders: row 17 changed (status: new → paid)"],
  ["calls", "many", "many", "neutral", "calls: 1,204 more changes"],
];

function item(id: number, at: number): Row {
  const [table, event, icon, tone, text] = SAID[id % SAID.length] as (typeof SAID)[number];
  return { at, table, event, icon, tone, text, key: `row-${id}` };
}

function hostile(): Map<string, Row> {
  const rows = new Map<string, Row>();
  const bad: unknown[] = [
    null,
    Number.NaN,
    1e300,
    "90071992547409931234",
    -1,
    fixtures.NOW,
    fixtures.NOW + 1e9,
  ];
  [...fixtures.hostile().values()].forEach((row, index) => {
    const words = String(row.caller);
    rows.set(String(index + 1), {
      at: bad[index % bad.length] as number,
      table: words,
      event: words,
      icon: index % 2 ? "__proto__" : words,
      tone: words,
      text: words,
      key: words,
    });
  });
  return rows;
}

export function scene(stage: Stage): void {
  const { query, state, theme, size, height, signal } = stage;
  const options = {
    title: query.get("title") ?? "Activity",
    size,
    theme,
    selected: query.get("selected"),
    shownKinds: query.get("kinds")?.split(",") ?? [],
    search: query.get("search") ?? "",
    paused: query.has("paused"),
    height,
  };
  const root = stage.place();
  const view = liveFeed(
    root,
    {
      onSelect: (selected) => set({ selected }),
      onShownKinds: (shownKinds) => set({ shownKinds }),
      onSearch: (search) => set({ search }),
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
  const total = BARE.includes(state) ? 0 : Number(query.get("rows") ?? 60);
  const rows = state === "hostile" ? hostile() : new Map<string, Row>();
  for (let id = 1; id <= total && state !== "hostile"; id++) {
    rows.set(String(id), item(id, fixtures.NOW - (total - id) * (total - id + 3) * 700));
  }
  const extra = {
    tables: ["calls", "bids", "payments", "alerts"],
    total: query.has("failing") ? 48_211 : total,
    ...(query.has("failing") && {
      failing: [
        { table: "payments", kind: "NoRightsError", message: "The role anon may not read it.", advice: "" },
      ],
    }),
  };
  play(stage, view, rows, extra);
  let next = total;
  const more = (number: number): void => {
    const changed = new Set<string>();
    for (let index = 0; index < number; index++) {
      const key = String(++next);
      rows.set(key, item(next, Date.now()));
      changed.add(key);
      const oldest = String(next - Number(query.get("limit") ?? 100_000));
      if (rows.delete(oldest)) changed.add(oldest);
    }
    view.setFeed({ rows, meta: metaOf("live", { ...extra, total: next }), changed, vouched: true });
  };
  if (query.has("traffic"))
    window.setInterval(() => more(Number(query.get("burst") ?? 1)), Number(query.get("traffic")));
  if (query.has("scroll")) {
    window.setTimeout(() => {
      const list = root.querySelector(".lw-feed-list");
      if (list) list.scrollTop = Number(query.get("scroll"));
    }, 200);
    window.setTimeout(() => more(12), 500);
  }
}
