/** One item of the feed: what kind, what happened, how long ago. */
import type { Activity } from "../lib/activity";
import { since } from "../lib/activity";
import { icon, make, setAttributes, setIcon, setText } from "../lib/dom";
import { age, DASH, fullMoment } from "../lib/format";

/** 16 by 16; the shape tells kinds apart where colour does not. */
export const ICONS: Record<string, string> = {
  call: "M4.4 1.6 2.3 3.2c-.5.4-.6 1-.4 1.6 1.4 4 4.6 7.3 8.7 9 .5.2 1.1 0 1.5-.4l1.6-2.1c.3-.4.2-.9-.2-1.2l-2.3-1.5c-.4-.2-.8-.2-1.1.1l-.9.9C7.7 8.8 6.8 7.9 6 6.5l.9-.9c.3-.3.3-.8.1-1.1L5.6 1.8c-.3-.4-.8-.5-1.2-.2",
  bid: "M8.3 1.5H14v5.7l-6.7 6.7c-.4.4-1 .4-1.4 0L1.7 9.6c-.4-.4-.4-1 0-1.4zM11 3.3a1.3 1.3 0 1 0 0 2.6 1.3 1.3 0 0 0 0-2.6",
  payment:
    "M2 3h12c.6 0 1 .4 1 1v8c0 .6-.4 1-1 1H2c-.6 0-1-.4-1-1V4c0-.6.4-1 1-1m.5 1.5v1.2h11V4.5zm0 3.2v3.8h11V7.7zm1.3 1.5h3.4v1.2H3.8z",
  alert:
    "M8 1.2c-.6 0-1 .4-1 1v.4A4.2 4.2 0 0 0 3.8 6.7v2.6L2.5 11v.8h11V11l-1.3-1.7V6.7A4.2 4.2 0 0 0 9 2.6v-.4c0-.6-.4-1-1-1M6.3 12.8a1.7 1.7 0 0 0 3.4 0z",
  target:
    "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3m0 2.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5",
  campaign: "M3 1.5h1.5v1H13l-2 3.5 2 3.5H4.5v5H3z",
  person: "M8 1.8a3.1 3.1 0 1 0 0 6.2 3.1 3.1 0 0 0 0-6.2M2 14.2c0-3 2.4-5 6-5s6 2 6 5z",
  row: "M2 3.5h12V5H2zm0 3.8h12v1.4H2zM2 11h12v1.5H2z",
  many: "M8 1.5 14.5 5 8 8.5 1.5 5zM2.8 7.3 8 10.1l5.2-2.8 1.3.7L8 11.5 1.5 8zm0 3L8 13.1l5.2-2.8 1.3.7L8 14.5 1.5 11z",
};
const TONES = new Set(["good", "warn", "bad", "waiting", "calling", "ringing", "talking"]);

export const iconOf = (name: string): string =>
  (Object.hasOwn(ICONS, name) ? ICONS[name] : ICONS.row) as string;

export interface FeedRow {
  element: HTMLElement;
  /** Begin to show another item; nothing of the one before stays. */
  adopt(key: string): void;
  draw(item: Activity, now: number): void;
  /** What the passing of time alone changes. */
  tick(now: number): void;
  place(
    index: number,
    size: number,
    top: number,
    marks: { selected: boolean; marked: boolean; active: boolean },
  ): void;
  arrive(): void;
}

export function feedRow(id: string): FeedRow {
  const shape = icon("");
  const sign = make("span", "lw-feed-sign", {}, shape);
  const text = make("span", "lw-feed-text", { id: `${id}-text`, dir: "auto" });
  const table = make("span", "lw-feed-table", { dir: "auto" });
  const when = make("time", "lw-feed-when lw-tabular");
  const element = make(
    "div",
    "lw-feed-row",
    { role: "article", id, tabindex: -1, "aria-labelledby": `${id}-text` },
    sign,
    text,
    table,
    when,
  );
  let drawn: Activity | null = null;
  let placed = "";

  const tick = (now: number): void => {
    if (drawn) setText(when, since(drawn.at, now, age));
  };

  return {
    element,
    tick,
    adopt(key) {
      drawn = null;
      element.dataset.key = key;
      element.classList.remove("lw-arrived");
    },
    draw(item, now) {
      if (drawn !== item) {
        setIcon(shape, iconOf(item.icon));
        sign.dataset.tone = TONES.has(item.tone) ? item.tone : "neutral";
        setText(text, item.text || DASH);
        text.title = item.text;
        setText(table, item.table);
        const time = item.at === 0 ? null : new Date(item.at).toISOString();
        setAttributes(when, { datetime: time, title: time && fullMoment(item.at) });
        drawn = item;
      }
      tick(now);
    },
    place(index, size, top, { selected, marked, active }) {
      // Most rows stay as they are at most paints: what is written anew costs, also when it is the same.
      const now = `${index} ${size} ${top} ${selected} ${active}`;
      if (now !== placed) {
        placed = now;
        element.style.transform = `translateY(${top}px)`;
        setAttributes(element, {
          "aria-posinset": index + 1,
          "aria-setsize": size,
          "aria-current": selected ? "true" : null,
          tabindex: active ? 0 : -1,
        });
      }
      element.classList.toggle("lw-marked", marked);
    },
    arrive() {
      element.classList.add("lw-arrived");
    },
  };
}
