/** The values where the crosshair stands. */
import { make, setText, show } from "../lib/dom";
import type { LegendEntry } from "./realtime_chart_legend";
import { sample } from "./realtime_chart_legend";

/** More lines than this are no read-out. */
const MOST = 14;

export interface Reading {
  /** The place of the crosshair from the left of the plot's element, and how wide that is. */
  left: number;
  width: number;
  head: string;
  note: string;
  entries: readonly LegendEntry[];
  bars: boolean;
  marks: readonly { text: string; tone: string }[];
}

export interface Readout {
  element: HTMLElement;
  draw(reading: Reading | null): void;
}

export function chartReadout(): Readout {
  const head = make("strong", "lw-readout-head");
  const note = make("span", "lw-readout-note");
  const list = make("div", "lw-readout-list");
  const marks = make("div", "lw-readout-marks");
  const element = make("div", "lw-readout", { hidden: true, "aria-hidden": "true" }, head, note, list, marks);
  let drawn = "";
  return {
    element,
    draw(reading) {
      show(element, reading !== null);
      if (!reading) return;
      setText(head, reading.head);
      setText(note, reading.note);
      show(note, reading.note !== "");
      const entries = reading.entries.slice(0, MOST);
      const shape = JSON.stringify([entries.map(({ series, look }) => [series.name, look]), reading.bars]);
      if (shape !== drawn) {
        drawn = shape;
        list.replaceChildren(
          ...entries.flatMap(({ series, look }) => [
            sample(look, reading.bars),
            make("bdi", "lw-readout-name", {}, series.name),
            make("span", "lw-readout-value"),
          ]),
        );
      }
      entries.forEach(({ value }, place) => {
        const cell = list.children[place * 3 + 2];
        if (cell) setText(cell, value);
      });
      const words = reading.marks.map(({ text }) => text).join("\n");
      if (marks.textContent !== words) {
        marks.replaceChildren(
          ...reading.marks.map(({ text, tone }) =>
            make("div", "lw-readout-mark", { "data-tone": tone, dir: "auto" }, text),
          ),
        );
      }
      show(marks, reading.marks.length > 0);
      const right = reading.left > reading.width / 2;
      element.style.transform = `translateX(${Math.round(reading.left)}px)`;
      element.classList.toggle("lw-left", right);
    },
  };
}
