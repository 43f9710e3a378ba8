/** LiveFeed between model and view: traits in, choices out, items from the hub. */
import { liveFeed } from "../components/live_feed";
import { adapter, choiceOf, commonOf, numberOf, textOf, textsOf } from "../lib/adapter";

/** A search is written while it is typed, so not at each letter. */
const SEARCH_MS = 300;

export default adapter({
  name: "LiveFeed",
  traits: ["title", "theme", "size", "selected", "shown_kinds", "search", "paused", "height"],
  options: (model) => ({
    ...commonOf(model),
    selected: choiceOf(model, "selected"),
    shownKinds: textsOf(model, "shown_kinds"),
    search: textOf(model, "search"),
    paused: model.get("paused") === true,
    height: numberOf(model, "height", 420),
  }),
  view: (root, page, signal) =>
    liveFeed(
      root,
      {
        onSelect: (key) => page.write("selected", key),
        onShownKinds: (kinds) => page.write("shown_kinds", kinds),
        onSearch: (search) => page.write("search", search, SEARCH_MS),
        onPaused: (paused) => page.write("paused", paused),
        onPainted: page.painted,
      },
      signal,
    ),
});
