/** OnlineStatus between model and view. */
import { onlineStatus } from "../components/online_status";
import { adapter, textOf } from "../lib/adapter";

export default adapter({
  name: "OnlineStatus",
  tag: "div",
  traits: ["theme", "size", "compact"],
  options: (model) => ({
    theme: textOf(model, "theme", "auto"),
    size: textOf(model, "size", "auto"),
    compact: model.get("compact") === true,
  }),
  view: (root, page, signal) =>
    onlineStatus(root, { onRetry: () => page.command("retry", null), onPainted: page.painted }, signal),
});
