/** ActiveUsers: ?people=8&open&compact&most=5&title=Here+now */
import { activeUsers } from "../src/components/active_users";
import * as fixtures from "./fixtures";
import { BARE, play, type Stage } from "./stage";

const NAMES = [
  "Ana Ruiz",
  "Marcus Webb",
  "Priya Nair",
  "Tom Okafor",
  "Yuki Tanaka",
  "a•••@example.org",
  "Guest 4f2a",
];
const DOINGS = ["looks at bids", "", "pauses Solar Southwest", "", "on the wall screen in Austin", ""];
const HOSTILE = [
  '<img src=x onerror="window.hacked=1">',
  "שלום עולם مرحبا",
  "\u202Eevil\u202C 👩‍👩‍👧‍👦",
  "x".repeat(10_000),
  "",
];

export function scene(stage: Stage): void {
  const { query, state, theme, size, signal } = stage;
  const total = state === "alone" ? 1 : Number(query.get("people") ?? 8);
  const rows = new Map<string, Record<string, null | boolean | number | string>>();
  for (let index = 0; index < total && !BARE.includes(state); index++) {
    const hostile = state === "hostile" ? HOSTILE[index % HOSTILE.length] : null;
    rows.set(`person-${index}`, {
      name: hostile ?? (NAMES[index % NAMES.length] as string),
      doing: hostile ?? (DOINGS[index % DOINGS.length] as string),
      since: hostile === "" ? "never" : fixtures.NOW - (index * index * 47 + 20) * 1000,
      is_me: index === (total > 2 ? 2 : 0),
      count: index === 1 ? 3 : 1,
      shade: (index * 7919) % 1000,
    });
  }
  const root = stage.place();
  const view = activeUsers(root, { onPainted: () => undefined }, signal);
  view.setOptions({
    title: query.get("title") ?? "",
    most: Number(query.get("most") ?? 5),
    compact: query.has("compact"),
    theme,
    size,
  });
  play(stage, view, rows, { rows: rows.size });
  if (query.has("open")) root.querySelector<HTMLButtonElement>(".lw-people-main")?.click();
}
