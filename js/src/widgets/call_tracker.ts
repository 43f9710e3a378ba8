/** CallTracker between model and view: traits in, choices out, rows from the hub. */
import { type CallTrackerOptions, callTracker } from "../components/call_tracker";
import { listen, type Model, type RenderProps } from "../lib/afm";
import { connect, guarded } from "../lib/mount";

const TRAITS = [
  "title",
  "linger",
  "money",
  "size",
  "theme",
  "selected",
  "search",
  "sort",
  "shown_status",
  "height",
];

function optionsOf(model: Model): CallTrackerOptions {
  const linger = model.get("linger");
  const selected = model.get("selected");
  const statuses = model.get("shown_status");
  return {
    title: String(model.get("title") ?? ""),
    linger: typeof linger === "number" && Number.isFinite(linger) ? linger : null,
    money: model.get("money") !== false,
    size: String(model.get("size") ?? "auto"),
    theme: String(model.get("theme") ?? "auto"),
    selected: typeof selected === "string" ? selected : null,
    search: String(model.get("search") ?? ""),
    sort: String(model.get("sort") ?? "-created_at"),
    shownStatus: Array.isArray(statuses) ? statuses.map(String) : [],
    height: Number(model.get("height")) || 420,
  };
}

/** A search is written while it is typed, so not at each letter. */
const SEARCH_MS = 300;

function render(props: RenderProps): void {
  const { model, el, signal } = props;
  const root = document.createElement("section");
  el.replaceChildren(root);
  const write = (name: string, value: unknown): void => {
    model.set(name, value);
    model.save_changes();
  };
  let saving = 0;
  let painted = (_milliseconds: number): void => undefined;
  const view = callTracker(
    root,
    {
      onSelect: (key) => write("selected", key),
      onSort: (sort) => write("sort", sort),
      onShownStatus: (statuses) => write("shown_status", statuses),
      onSearch: (search) => {
        model.set("search", search);
        window.clearTimeout(saving);
        saving = window.setTimeout(() => model.save_changes(), SEARCH_MS);
      },
      onPainted: (milliseconds) => painted(milliseconds),
    },
    signal,
  );
  const update = (): void => view.setOptions(optionsOf(model));
  for (const name of TRAITS) listen(model, `change:${name}`, update, signal);
  signal.addEventListener("abort", () => window.clearTimeout(saving), { once: true });
  update();
  void connect(props, { onFrame: view.setFeed, onLink: view.setLink }, view.setLost).then((connection) => {
    if (connection) painted = connection.view.painted;
  });
}

export default { render: guarded("CallTracker", render) };
