/** LiveBidding between model and view: traits in, choices and commands out, rows from the hub. */
import { liveBidding } from "../components/live_bidding";
import { adapter, choiceOf, commonOf, numberOf, textOf } from "../lib/adapter";

/** A search is written while it is typed, so not at each letter. */
const SEARCH_MS = 300;

export default adapter({
  name: "LiveBidding",
  traits: ["title", "step", "currency", "editable", "height", "size", "theme", "selected", "search", "sort"],
  options: (model) => ({
    ...commonOf(model),
    step: textOf(model, "step", "0.50"),
    currency: textOf(model, "currency", "USD"),
    editable: model.get("editable") !== false,
    height: numberOf(model, "height", 420),
    selected: choiceOf(model, "selected"),
    search: textOf(model, "search"),
    sort: textOf(model, "sort", "-bid"),
  }),
  view: (root, page, signal) =>
    liveBidding(
      root,
      {
        onSelect: (key) => page.write("selected", key),
        onSort: (sort) => page.write("sort", sort),
        onSearch: (search) => page.write("search", search, SEARCH_MS),
        onCommand: (name, args) => page.command(name, args),
        onPainted: page.painted,
      },
      signal,
    ),
});
