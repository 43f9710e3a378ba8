/** What a view is told of its link, its feed and its hub, kept together; each news asks for a paint. */
import type { LinkStatus } from "./exchange";
import type { FeedUpdate } from "./feed";
import type { HealthFacts } from "./health";
import type { Trouble } from "./protocol";

export interface Facts {
  facts: Readonly<HealthFacts>;
  setFeed(update: FeedUpdate): void;
  setLink(link: LinkStatus): void;
  setLost(trouble: Trouble): void;
}

export function keepFacts(paint: () => void, clock: () => number): Facts {
  const facts: HealthFacts = { link: null, meta: null, vouched: false, since: clock(), lost: null };
  const note = (news: Partial<HealthFacts>): void => {
    Object.assign(facts, news);
    paint();
  };
  return {
    facts,
    setFeed: ({ meta, vouched }) => note({ meta, vouched }),
    setLink: (link) => note({ link }),
    setLost: (lost) => note({ lost }),
  };
}

/** The first snapshot came and said that all is well: now nothing means nothing. */
export function isVouched(facts: Readonly<HealthFacts>): boolean {
  return facts.vouched && facts.meta?.state === "live";
}
