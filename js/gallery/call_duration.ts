/** CallDuration: ?state=live&rows=20&limit=8&waiting&compact&selected=call-3&warn=180&critical=600 */
import { callDuration } from "../src/components/call_duration";
import type { Row } from "../src/lib/rows";
import * as fixtures from "./fixtures";
import { BARE, play, type Stage } from "./stage";

/** Seconds of talk; a few are long, two too long. */
const LASTS = [42, 671, 18, 355, 7, 93, 128, 240, 61, 1245, 12, 33, 187, 77];

function living(total: number): Map<string, Row> {
  const rows = new Map<string, Row>();
  [...fixtures.calls(total * 3)].forEach(([key, row], index) => {
    if (row.ended_at !== null || rows.size >= total) return;
    const talks = row.connected_at !== null;
    const lasts = (LASTS[index % LASTS.length] as number) * 1000;
    rows.set(key, {
      ...row,
      created_at: new Date(fixtures.NOW - lasts - 9_000).toISOString(),
      ringing_at: new Date(fixtures.NOW - (talks ? lasts + 5_000 : 4_000 + index * 900)).toISOString(),
      connected_at: talks ? new Date(fixtures.NOW - lasts).toISOString() : null,
    });
  });
  return rows;
}

export function scene(stage: Stage): void {
  const { query, state, theme, size, signal } = stage;
  const options = {
    title: query.get("title") ?? "Call duration",
    size,
    theme,
    warn: Number(query.get("warn") ?? 180),
    critical: Number(query.get("critical") ?? 600),
    limit: Number(query.get("limit") ?? 8),
    waiting: query.has("waiting"),
    compact: query.has("compact"),
    selected: query.get("selected"),
  };
  const view = callDuration(
    stage.place(),
    { onSelect: (selected) => set({ selected }), onPainted: () => undefined },
    signal,
  );
  function set(change: Partial<typeof options>): void {
    Object.assign(options, change);
    view.setOptions({ ...options });
  }
  set({});
  const rows =
    state === "hostile"
      ? fixtures.hostile()
      : living(BARE.includes(state) ? 0 : Number(query.get("rows") ?? 14));
  play(stage, view, rows);
}
