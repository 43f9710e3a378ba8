/** CallDuration between model and view: traits in, the choice out, live calls from the hub. */
import { callDuration } from "../components/call_duration";
import { adapter, choiceOf, commonOf, numberOf } from "../lib/adapter";

export default adapter({
  name: "CallDuration",
  traits: ["title", "theme", "size", "warn", "critical", "limit", "waiting", "compact", "selected"],
  options: (model) => ({
    ...commonOf(model),
    warn: numberOf(model, "warn", 180),
    critical: numberOf(model, "critical", 600),
    limit: numberOf(model, "limit", 8),
    waiting: model.get("waiting") === true,
    compact: model.get("compact") === true,
    selected: choiceOf(model, "selected"),
  }),
  view: (root, page, signal) =>
    callDuration(root, { onSelect: (key) => page.write("selected", key), onPainted: page.painted }, signal),
});
