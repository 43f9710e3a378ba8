/** What every component's adapter does around its view: find the hub, open the feed, draw its own errors. */
import type { Host, Model, RenderProps } from "./afm";
import { make } from "./dom";
import type { HubExports, ViewHandle, ViewRequest } from "./exchange";
import type { Trouble } from "./protocol";
import { watchPage, watchSight } from "./visibility";

export interface Connection {
  hub: HubExports;
  view: ViewHandle;
}

let views = 0;

/**
 * Find the hub and open this model's feed on it. In a saved notebook the hub may never come: then the promise
 * stays open or fails, and the view has been told. The feed is open while the view is in sight; with `anywhere` while
 * the page is.
 */
export async function connect(
  { model, el, signal, host }: RenderProps,
  request: Pick<ViewRequest, "onFrame" | "onLink">,
  lost: (trouble: Trouble) => void,
  anywhere = false,
): Promise<Connection | null> {
  try {
    const hub = await findHub(model, host);
    if (signal.aborted) return null;
    const view = hub.open({
      ...request,
      feed: String(model.get("feed")),
      view: `view-${++views}`,
      signal,
      visible: false,
    });
    if (anywhere) watchPage((visible) => view.show(visible), signal);
    else watchSight(el, (visible) => view.show(visible), signal);
    return { hub, view };
  } catch (error) {
    console.debug("[livewidgets] no hub", error);
    lost({
      kind: "NoKernel",
      message: "No kernel behind this view.",
      advice: "Run the cell to bring it to life.",
    });
    return null;
  }
}

async function findHub(model: Model, host: Host): Promise<HubExports> {
  const { exports } = await host.getWidget(String(model.get("hub")));
  if (typeof exports?.open !== "function") throw new Error("The hub has no exports");
  return exports;
}

/** Run a view's render; what it throws is drawn in the cell, which would stay empty otherwise. */
export function guarded(name: string, render: (props: RenderProps) => void): (props: RenderProps) => void {
  return (props) => {
    try {
      render(props);
    } catch (error) {
      console.error(`[livewidgets] ${name}`, error);
      props.el.replaceChildren(
        make(
          "div",
          "lw-failed",
          { role: "alert" },
          make("strong", "", {}, `${name} could not be drawn.`),
          make("span", "", {}, error instanceof Error ? error.message : String(error)),
          make("span", "", {}, "Run the cell again; if it stays, report this text."),
        ),
      );
    }
  };
}
