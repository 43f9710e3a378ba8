/** Each component in each of its states, in a plain page: ?view=tracker&state=stale&theme=dark&width=320&size=wall */
import { callTracker } from "../src/components/call_tracker";
import { onlineStatus } from "../src/components/online_status";
import { parseSort } from "../src/lib/calls";
import type { LinkStatus } from "../src/lib/exchange";
import type { Meta } from "../src/lib/protocol";
import * as fixtures from "./fixtures";

const query = new URLSearchParams(location.search);
const theme = query.get("theme") ?? "light";
const width = query.get("width");
const size = query.get("size") ?? "auto";
const state = query.get("state") ?? "live";
const height = Number(query.get("height") ?? (size === "wall" ? 1000 : 420));
document.body.dataset.theme = theme;
const forever = new AbortController().signal;

function place(): HTMLElement {
  const root = document.createElement("section");
  if (width) root.style.width = `${width}px`;
  document.body.append(root);
  return root;
}

function tracker(): void {
  const options = {
    title: query.get("title") ?? "Live calls",
    linger: 30,
    money: query.get("money") !== "no",
    size,
    theme,
    selected: query.get("selected"),
    search: query.get("search") ?? "",
    sort: query.get("sort") ?? "-created_at",
    shownStatus: query.get("status")?.split(",") ?? [],
    height,
  };
  const view = callTracker(
    place(),
    {
      onSelect: (selected) => set({ selected }),
      onSearch: (search) => set({ search }),
      onSort: (sort) => set({ sort }),
      onShownStatus: (shownStatus) => set({ shownStatus }),
      onPainted: () => undefined,
    },
    forever,
  );
  function set(change: Partial<typeof options>): void {
    Object.assign(options, change);
    parseSort(options.sort);
    view.setOptions({ ...options });
  }
  set({});
  const rows =
    state === "hostile"
      ? fixtures.hostile()
      : fixtures.calls(
          ["empty", "loading", "none", "first-error"].includes(state) ? 0 : Number(query.get("rows") ?? 60),
        );
  const links: Record<string, LinkStatus["state"]> = {
    gone: "gone",
    "server-gone": "server-gone",
    busy: "busy",
    none: "none",
    closed: "closed",
  };
  const metas: Record<string, Meta> = {
    stale: fixtures.meta("stale", { since: fixtures.NOW - 12_000 }),
    loading: fixtures.meta("loading"),
    error: fixtures.meta("error", trouble()),
    "first-error": fixtures.meta("error", trouble()),
    partial: fixtures.meta("live", { partial: true }),
  };
  if (state !== "absent") view.setLink(fixtures.link(links[state] ?? "live"));
  if (state !== "absent" && state !== "none") {
    view.setFeed({
      rows,
      meta: metas[state] ?? fixtures.meta("live"),
      changed: null,
      vouched: state !== "loading",
    });
  }
  if (query.has("traffic")) {
    let next = 1000;
    window.setInterval(
      () => {
        const more = new Map(rows);
        const key = `call-${next++}`;
        const row = {
          ...fixtures.calls(1).get("call-0"),
          status: "ringing",
          connected_at: null,
          created_at: new Date().toISOString(),
        };
        rows.set(key, row as never);
        more.set(key, row as never);
        view.setFeed({ rows, meta: fixtures.meta("live"), changed: new Set([key]), vouched: true });
      },
      Number(query.get("traffic")),
    );
  }
}

function trouble(): Partial<Meta> {
  return {
    error: {
      kind: "Forbidden",
      message: "The role anon may not read the table calls.",
      advice: "Sign in with a role that may, or ask for a policy on calls.",
    },
  };
}

function status(): void {
  const tables = { live: 4, stale: 0, loading: 0, error: 0 };
  const scenes: [string, LinkStatus["state"] | null, Record<string, unknown> | null][] = [
    ["live", "live", { connection: fixtures.connection("live"), tables, lagging: [] }],
    ["catching up", "live", { connection: fixtures.connection("catching-up"), tables, lagging: [] }],
    [
      "reconnecting",
      "live",
      {
        connection: fixtures.connection("reconnecting", {
          attempt: 3,
          retry_at: fixtures.NOW + 9_000,
          error: {
            kind: "NotConnected",
            message: "The server closed the connection.",
            advice: "It is tried again by itself.",
          },
        }),
        tables: { live: 0, stale: 4, loading: 0, error: 0 },
        lagging: ["calls", "bids", "alerts"],
      },
    ],
    [
      "stale",
      "live",
      {
        connection: fixtures.connection("live"),
        tables: { ...tables, stale: 2 },
        lagging: ["bids", "payments"],
      },
    ],
    [
      "refused",
      "live",
      {
        connection: fixtures.connection("refused", {
          error: {
            kind: "Unauthorized",
            message: "The key was refused.",
            advice: "Check SUPABASE_KEY, then connect again.",
          },
        }),
        tables,
        lagging: [],
      },
    ],
    ["busy", "busy", { connection: fixtures.connection("live"), tables, lagging: [] }],
    ["gone", "gone", { connection: fixtures.connection("live"), tables, lagging: [] }],
    ["server gone", "server-gone", { connection: fixtures.connection("live"), tables, lagging: [] }],
    ["none", "none", null],
    ["connecting", null, null],
  ];
  for (const [, linkState, extra] of scenes) {
    const root = place();
    root.style.margin = "0 0 14px";
    const view = onlineStatus(
      root,
      { onRetry: () => Promise.resolve(), onPainted: () => undefined },
      forever,
    );
    view.setOptions({ theme, size, compact: query.has("compact") });
    if (linkState) view.setLink(fixtures.link(linkState));
    if (extra)
      view.setFeed({ rows: new Map(), changed: null, vouched: true, meta: fixtures.meta("live", extra) });
    document.body.append(document.createElement("br"));
    if (query.has("open")) root.querySelector<HTMLButtonElement>(".lw-pill-main")?.click();
  }
}

if (query.get("view") === "status") status();
else tracker();
