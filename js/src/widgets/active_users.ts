/** ActiveUsers between model and view: traits in, people from the hub. */
import { activeUsers } from "../components/active_users";
import { adapter, commonOf, numberOf } from "../lib/adapter";

export default adapter({
  name: "ActiveUsers",
  // Somebody who has scrolled on is still here.
  anywhere: true,
  traits: ["title", "theme", "size", "most", "compact"],
  options: (model) => ({
    ...commonOf(model),
    most: numberOf(model, "most", 5),
    compact: model.get("compact") === true,
  }),
  view: (root, page, signal) => activeUsers(root, { onPainted: page.painted }, signal),
});
