/**
 * LiveBidding: ?state=live&edit=pending|synced|rejected|conflict|draft|invalid|sending|refused&denied&only&rated&rows=8
 * With `edit` the first rows are in that state; without it a change is answered after a second.
 */
import { liveBidding } from "../src/components/live_bidding";
import type { Row } from "../src/lib/rows";
import * as fixtures from "./fixtures";
import { BARE, metaOf, play, type Stage } from "./stage";

const NAMES = [
  "Northwind — Florida",
  "Northwind — Texas",
  "Acme Auto East",
  "Brightside Solar",
  "Clearpath",
  "Homeshield",
];
const BUYERS = [
  "Northwind Health",
  "Northwind Health",
  "Acme Insurance Group",
  "Brightside Solar",
  "Clearpath Financial",
  "Homeshield Warranty",
];
const NONE = {
  edit_state: null,
  edit_id: null,
  edit_field: null,
  edit_mine: null,
  edit_before: null,
  edit_theirs: null,
  edit_message: null,
  edit_advice: null,
  edit_can_undo: null,
  edit_is_undo: null,
};

function bids(total: number, rated: boolean): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (let index = 0; index < total; index++) {
    const base = 18 + ((index * 7) % 40) + 0.25 * (index % 4);
    const modifier = [0, 12.5, -10, 0, 25][index % 5] as number;
    const modified = base * (1 + modifier / 100);
    const most = index % 5 === 4 ? modified - 3 : 70;
    rows.set(`target-${index}`, {
      name: `${NAMES[index % NAMES.length]}${index >= NAMES.length ? ` ${index}` : ""}`,
      buyer: BUYERS[index % BUYERS.length] as string,
      campaign: "Medicare",
      status: ["active", "active", "paused", "capped", "active"][index % 5] as string,
      bid: Math.min(modified, most).toFixed(2),
      base: base.toFixed(2),
      modifier: String(modifier),
      least: "10.00",
      most: most.toFixed(2),
      modified: modified.toFixed(2),
      won: index % 6 === 5 ? null : (base * 0.96).toFixed(2),
      won_at: new Date(fixtures.NOW - (index * 37 + 12) * 1000).toISOString(),
      trend:
        index % 6 === 5
          ? ""
          : Array.from({ length: 20 }, (_, at) => (base + Math.sin(at / 2 + index) * 3).toFixed(2)).join(","),
      requests: rated ? 120 + index * 9 : null,
      wins: rated ? 30 + index * 4 : null,
      denied: null,
      ...NONE,
    });
  }
  return rows;
}

const CHANGES: Record<string, Partial<Row>> = {
  pending: { edit_state: "pending" },
  accepted: { edit_state: "accepted", edit_can_undo: true },
  synced: { edit_state: "synced", edit_can_undo: true },
  rejected: {
    edit_state: "rejected",
    edit_mine: "99.00",
    edit_message: "targets: The write breaks the rule 'bid_in_range'.",
    edit_advice: "Give values that keep it.",
  },
  conflict: { edit_state: "conflict", edit_mine: "21.50", edit_theirs: "18.00" },
};

export function scene(stage: Stage): void {
  const { query, state, theme, size, height, signal } = stage;
  const edit = query.get("edit") ?? "";
  const rated = query.has("rated");
  const rows = BARE.includes(state) ? new Map<string, Row>() : bids(Number(query.get("rows") ?? 8), rated);
  const options = {
    title: query.get("title") ?? "Bids — Medicare",
    theme,
    size,
    step: "0.50",
    currency: "USD",
    editable: !query.has("only"),
    height,
    selected: query.get("selected"),
    search: query.get("search") ?? "",
    sort: query.get("sort") ?? "name",
  };
  const extra = {
    rated,
    denied: query.has("denied")
      ? {
          kind: "NoRightsError",
          message: "This key may not write 'targets'.",
          advice: "Sign in with a role that may.",
        }
      : null,
  };
  const root = stage.place();
  const view = liveBidding(
    root,
    {
      onSelect: (selected) => set({ selected }),
      onSearch: (search) => set({ search }),
      onSort: (sort) => set({ sort }),
      onCommand(_name, args) {
        if (edit === "sending") return new Promise(() => undefined);
        if (edit === "refused")
          return Promise.reject({
            kind: "NotConnected",
            message: "There is no connection.",
            advice: "Try again when there is.",
          });
        const { key, value } = args as Record<string, string>;
        put(key as string, {
          base: value ?? "",
          edit_state: "pending",
          edit_id: "x",
          edit_field: "bid",
          edit_mine: value ?? "",
        });
        window.setTimeout(() => put(key as string, { edit_state: "synced", edit_can_undo: true }), 1500);
        return Promise.resolve(null);
      },
      onPainted: () => undefined,
    },
    signal,
  );
  function set(change: Partial<typeof options>): void {
    Object.assign(options, change);
    view.setOptions({ ...options });
  }
  function put(key: string, change: Partial<Row>): void {
    const before = rows.get(key);
    if (!before) return;
    rows.set(key, { ...before, ...change } as Row);
    view.setFeed({ rows, meta: metaOf(state, extra), changed: new Set([key]), vouched: true });
  }
  set({});
  if (state === "hostile") {
    const words = [
      '<img src=x onerror="window.hacked=1">',
      "‮evil‬ שלום عالم",
      "x".repeat(10_000),
      "",
      "line\nbreak\ttab",
      "👩‍👩‍👧‍👦",
    ];
    const amounts = ["90071992547409931234.55", "NaN", "-5", null, "1e9", "123456789012345678901234567890"];
    [...rows.keys()].forEach((key, index) => {
      const word = words[index % words.length] as string;
      const amount = amounts[index % amounts.length] as string | null;
      rows.set(key, {
        ...(rows.get(key) as Row),
        name: word,
        buyer: word,
        status: word,
        base: amount,
        bid: amount,
        modifier: amount,
        least: amount,
        most: amount,
        won: amount,
        trend: `1,${word},9e999`,
        won_at: "9999-12-31 23:59:59+00",
        denied: index === 2 ? word : null,
        edit_state: index % 2 ? "rejected" : "conflict",
        edit_mine: amount,
        edit_theirs: amount,
        edit_message: word,
      });
    });
  }
  play(stage, view, rows, extra);
  const change = CHANGES[edit];
  if (change) {
    window.setTimeout(() => {
      for (const [index, key] of ["target-0", "target-3"].entries()) {
        put(key, {
          ...NONE,
          edit_id: `e${index}`,
          edit_field: "bid",
          edit_mine: "21.50",
          edit_before: "20.00",
          bid: edit === "conflict" ? "15.00" : "34.00",
          ...change,
        } as Partial<Row>);
      }
    }, 200);
  }
  if (["draft", "invalid", "sending", "refused"].includes(edit)) {
    window.setTimeout(() => {
      const input = root.querySelectorAll<HTMLInputElement>("input[role=spinbutton]")[0];
      if (!input) return;
      input.focus();
      input.value = edit === "invalid" ? "5" : "21.50";
      input.dispatchEvent(new Event("input", { bubbles: true }));
      if (edit !== "draft")
        input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    }, 300);
  }
}
