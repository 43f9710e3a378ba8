/** CallTracker between model and view: traits in, choices out, rows from the hub. */
import { callTracker } from "../components/call_tracker";
import { adapter, choiceOf, commonOf, numberOf, textOf, textsOf } from "../lib/adapter";

/** A search is written while it is typed, so not at each letter. */
const SEARCH_MS = 300;

export default adapter({
  name: "CallTracker",
  traits: [
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
  ],
  options: (model) => ({
    ...commonOf(model),
    linger: numberOf(model, "linger", null),
    money: model.get("money") !== false,
    selected: choiceOf(model, "selected"),
    search: textOf(model, "search"),
    sort: textOf(model, "sort", "-created_at"),
    shownStatus: textsOf(model, "shown_status"),
    height: numberOf(model, "height", 420),
  }),
  view: (root, page, signal) =>
    callTracker(
      root,
      {
        onSelect: (key) => page.write("selected", key),
        onSort: (sort) => page.write("sort", sort),
        onShownStatus: (statuses) => page.write("shown_status", statuses),
        onSearch: (search) => page.write("search", search, SEARCH_MS),
        onPainted: page.painted,
      },
      signal,
    ),
});
