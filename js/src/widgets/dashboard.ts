/** A dashboard's head between model and view. */
import { dashboard } from "../components/dashboard";
import { adapter, commonOf } from "../lib/adapter";

/** Where the time of the last reload outlives it. */
const KEY = "livewidgets.reloaded";
const ANSWER_MS = 4_000;

export default adapter({
  name: "Dashboard",
  tag: "div",
  traits: ["title", "theme", "size"],
  options: commonOf,
  view: (root, page, signal) =>
    dashboard(
      root,
      {
        whole: document.body.dataset.voila !== undefined,
        search: location.search,
        // Any answer will do, of a path that starts no kernel.
        answers: () =>
          fetch(`${document.body.dataset.baseUrl ?? "/voila/"}static/`, {
            method: "HEAD",
            cache: "no-store",
            signal: AbortSignal.timeout(ANSWER_MS),
          }).then(
            () => true,
            () => false,
          ),
        reload: () => location.reload(),
        reloadedAt: () => Number(sessionStorage.getItem(KEY)) || null,
        noteReload: (at) => sessionStorage.setItem(KEY, String(at)),
      },
      page.painted,
      signal,
    ),
});
