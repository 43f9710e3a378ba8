/** NotificationToast: ?open&corner=top-left&history=no&most=4&group&more; its toasts come up at the corner of the page. */
import { notificationToast } from "../src/components/notification_toast";
import * as fixtures from "./fixtures";
import { BARE, play, type Stage } from "./stage";

type Cells = Record<string, null | boolean | number | string>;

const told = (name: string, seconds: number, parts: Cells): [string, Cells] => [
  name,
  {
    text: "",
    title: "",
    type: "info",
    state: "shown",
    created: fixtures.NOW - seconds * 1000,
    changed: fixtures.NOW - seconds * 1000,
    duration: 20_000,
    group: null,
    count: 1,
    action: null,
    acknowledge: null,
    problem: null,
    source: null,
    quiet: false,
    ...parts,
  },
];

function some(query: URLSearchParams): Map<string, Cells> {
  const rows = [
    told("o1", 5400, {
      type: "warning",
      title: "Cap",
      text: "Northwind Health has taken 90 % of today's calls.",
      acknowledge: "open",
      quiet: true,
    }),
    told("o2", 1500, { type: "success", text: "Export of 12,400 calls is ready.", state: "dismissed" }),
    told("o3", 900, {
      type: "error",
      title: "Campaign paused",
      text: "Three unanswered calls in an hour.",
      state: "acknowledged",
      acknowledge: "synced",
    }),
    told("e1", 40, {
      type: "error",
      duration: null,
      title: "Cap reached",
      text: "Solar Southwest has reached its daily cap of 400 calls.",
      acknowledge: query.get("ack") ?? "open",
      problem: query.get("problem"),
    }),
    told("p1", 6, { text: "Saving 12 bids…", state: "pending", duration: null }),
    told("w1", 4, {
      type: "warning",
      text: "Brightside Solar disputes a payment of $48.50.",
      action: "Look at it",
      duration: 20_000,
    }),
    told("s1", 2, { type: "success", title: "Payments", text: "Payment of $1,240.00 confirmed.", count: 3 }),
  ];
  if (query.has("group"))
    for (let index = 0; index < 5; index++)
      rows.push(
        told(`g${index}`, 1, {
          type: "success",
          text: `Payment of $${90 + index}.00 confirmed.`,
          group: "{count} payments confirmed",
        }),
      );
  if (query.has("more"))
    for (let index = 0; index < 6; index++)
      rows.push(told(`i${index}`, 1, { text: `Call ${index} has ended.` }));
  return new Map(rows);
}

function hostile(): Map<string, Cells> {
  const texts = [
    '<img src=x onerror="window.hacked=1">',
    "שלום עולם, مرحبا بالعالم 123",
    "\u202Eevil\u202C reversed 👩‍👩‍👧‍👦",
    "x".repeat(10_000),
  ];
  return new Map(
    texts.map((text, index) =>
      told(`<b id=${index}>`, index, {
        text,
        title: texts[(index + 1) % texts.length] as string,
        type: index % 2 ? "error" : text,
        count: index === 3 ? "9007199254740993" : 1,
        action: index === 0 ? text : null,
        problem: index === 1 ? text : null,
        created: index === 2 ? "never" : fixtures.NOW,
      }),
    ),
  );
}

export function scene(stage: Stage): void {
  const { query, state, theme, size, signal } = stage;
  const options = {
    title: query.get("title") ?? "Notifications",
    corner: query.get("corner") ?? "bottom-right",
    most: Number(query.get("most") ?? 4),
    duration: 0,
    history: query.get("history") !== "no",
    last: 50,
    readUntil: 0,
    theme,
    size,
  };
  const root = stage.place();
  const view = notificationToast(
    root,
    {
      onRead: (readUntil) => set({ readUntil }),
      onDeed: () => new Promise((resolve) => window.setTimeout(resolve, 800)),
      onPainted: () => undefined,
    },
    signal,
  );
  function set(change: Partial<typeof options>): void {
    Object.assign(options, change);
    view.setOptions({ ...options });
  }
  set({});
  const rows = state === "hostile" ? hostile() : BARE.includes(state) ? new Map() : some(query);
  play(stage, view, rows, { connection: "gallery" });
  if (query.has("open")) root.querySelector<HTMLButtonElement>(".lw-bell")?.click();
}
