/** OnlineStatus between model and view. */
import { onlineStatus } from "../components/online_status";
import { listen, type RenderProps } from "../lib/afm";
import { type Connection, connect, guarded } from "../lib/mount";

const TRAITS = ["theme", "size", "compact"];

function render(props: RenderProps): void {
  const { model, el, signal } = props;
  const root = document.createElement("div");
  el.replaceChildren(root);
  let connection: Connection | null = null;
  const view = onlineStatus(
    root,
    {
      onRetry: () =>
        connection?.hub.command(String(model.get("feed")), "retry") ??
        Promise.reject(new Error("There is no kernel behind this view.")),
      onPainted: (milliseconds) => connection?.view.painted(milliseconds),
    },
    signal,
  );
  const update = (): void =>
    view.setOptions({
      theme: String(model.get("theme") ?? "auto"),
      size: String(model.get("size") ?? "auto"),
      compact: model.get("compact") === true,
    });
  for (const name of TRAITS) listen(model, `change:${name}`, update, signal);
  update();
  void connect(props, { onFrame: view.setFeed, onLink: view.setLink }, view.setLost).then((made) => {
    connection = made;
  });
}

export default { render: guarded("OnlineStatus", render) };
