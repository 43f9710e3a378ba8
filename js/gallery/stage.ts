/** Where the scenes of the gallery are drawn, and in what states. */
import type { LinkStatus } from "../src/lib/exchange";
import type { Meta } from "../src/lib/protocol";
import type { Row } from "../src/lib/rows";
import * as fixtures from "./fixtures";

/** What a scene is given: what the address asks for, and where to draw. */
export interface Stage {
  query: URLSearchParams;
  theme: string;
  size: string;
  /** live, empty, loading, stale, error, first-error, partial, gone, server-gone, busy, none, absent, closed, hostile */
  state: string;
  height: number;
  /** Never aborted. */
  signal: AbortSignal;
  /** A new root, as wide as asked for. */
  place(): HTMLElement;
  /** Who else wants to know what the scene shows. */
  told?(rows: ReadonlyMap<string, Row>, meta: Meta): void;
}

const LINKS: Record<string, LinkStatus["state"]> = {
  gone: "gone",
  "server-gone": "server-gone",
  busy: "busy",
  none: "none",
  closed: "closed",
};

/** States in which nothing was ever shown. */
export const BARE = ["empty", "loading", "none", "absent", "first-error"];

export const TROUBLE: Partial<Meta> = {
  error: {
    kind: "Forbidden",
    message: "The role anon may not read the table calls.",
    advice: "Sign in with a role that may, or ask for a policy on calls.",
  },
};

/** The meta of a state, with what the component adds. */
export function metaOf(state: string, extra: Record<string, unknown> = {}): Meta {
  switch (state) {
    case "stale":
      return fixtures.meta("stale", { since: fixtures.NOW - 12_000, ...extra });
    case "loading":
      return fixtures.meta("loading", extra);
    case "error":
    case "first-error":
      return fixtures.meta("error", { ...TROUBLE, ...extra });
    case "partial":
      return fixtures.meta("live", { partial: true, ...extra });
    default:
      return fixtures.meta("live", extra);
  }
}

/** Bring a view into a state; its rows come from the scene. */
export function play(
  stage: Stage,
  view: {
    setLink(link: LinkStatus): void;
    setFeed(update: { rows: ReadonlyMap<string, never>; meta: Meta; changed: null; vouched: boolean }): void;
  },
  rows: ReadonlyMap<string, unknown>,
  extra: Record<string, unknown> = {},
): void {
  stage.told?.(rows as ReadonlyMap<string, Row>, metaOf(stage.state, extra));
  if (stage.state === "absent") return;
  view.setLink(fixtures.link(LINKS[stage.state] ?? "live"));
  if (stage.state === "none") return;
  view.setFeed({
    rows: rows as ReadonlyMap<string, never>,
    meta: metaOf(stage.state, extra),
    changed: null,
    vouched: stage.state !== "loading",
  });
}
