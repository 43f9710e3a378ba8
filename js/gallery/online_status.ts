/** OnlineStatus in all its states: ?open&compact */
import { onlineStatus } from "../src/components/online_status";
import type { LinkStatus } from "../src/lib/exchange";
import * as fixtures from "./fixtures";
import type { Stage } from "./stage";

export function scene({ query, theme, size, signal, place }: Stage): void {
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
    const view = onlineStatus(root, { onRetry: () => Promise.resolve(), onPainted: () => undefined }, signal);
    view.setOptions({ theme, size, compact: query.has("compact") });
    if (linkState) view.setLink(fixtures.link(linkState));
    if (extra)
      view.setFeed({ rows: new Map(), changed: null, vouched: true, meta: fixtures.meta("live", extra) });
    document.body.append(document.createElement("br"));
    if (query.has("open")) root.querySelector<HTMLButtonElement>(".lw-pill-main")?.click();
  }
}
