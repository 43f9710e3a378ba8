/** CallTracker: ?state=live&rows=60&search=&status=ringing,busy&selected=call-3&money=no&traffic=200 */
import { callTracker } from "../src/components/call_tracker";
import * as fixtures from "./fixtures";
import { BARE, metaOf, play, type Stage } from "./stage";

export function scene(stage: Stage): void {
  const { query, state, theme, size, height, signal } = stage;
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
    stage.place(),
    {
      onSelect: (selected) => set({ selected }),
      onSearch: (search) => set({ search }),
      onSort: (sort) => set({ sort }),
      onShownStatus: (shownStatus) => set({ shownStatus }),
      onPainted: () => undefined,
    },
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
      : fixtures.calls(BARE.includes(state) ? 0 : Number(query.get("rows") ?? 60));
  play(stage, view, rows);
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
        view.setFeed({ rows, meta: metaOf("live"), changed: new Set([key]), vouched: true });
      },
      Number(query.get("traffic")),
    );
  }
}
