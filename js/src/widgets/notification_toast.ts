/** NotificationToast between model and view: traits in, what was read out, notifications from the hub. */
import { notificationToast } from "../components/notification_toast";
import { adapter, commonOf, numberOf, textOf } from "../lib/adapter";

export default adapter({
  name: "NotificationToast",
  // Its toasts come up at the corner of the page, wherever the cell is.
  anywhere: true,
  traits: ["title", "theme", "size", "corner", "most", "duration", "history", "last", "read_until"],
  options: (model) => ({
    ...commonOf(model),
    corner: textOf(model, "corner", "bottom-right"),
    most: numberOf(model, "most", 4),
    duration: numberOf(model, "duration", 0),
    history: model.get("history") !== false,
    last: numberOf(model, "last", 50),
    readUntil: numberOf(model, "read_until", 0),
  }),
  view: (root, page, signal) =>
    notificationToast(
      root,
      {
        onRead: (until) => page.write("read_until", until),
        onDeed: (deed, args) => page.command(deed, args),
        onPainted: page.painted,
      },
      signal,
    ),
});
