/** The buttons of a chart: pause, back to now, save as a picture. */
import { icon, make, setIcon, show } from "../lib/dom";

const PAUSE = "M4 3h2.8v10H4zm5.2 0H12v10H9.2z";
const PLAY = "M4.5 2.5v11l9-5.5z";
const NOW = "M8 2a6 6 0 1 0 5.7 4.1l-1.5.5A4.4 4.4 0 1 1 8 3.6V6l4-3.2L8 0z";
const SAVE =
  "M7.2 1.5h1.6v6.2l2.3-2.3 1.1 1.1L8 10.7 3.8 6.5l1.1-1.1 2.3 2.3zM2 11.5h1.6v1.9h8.8v-1.9H14V15H2z";

export interface Tools {
  element: HTMLElement;
  draw(state: { paused: boolean; moved: boolean; ready: boolean }): void;
}

export function chartTools(on: { pause(): void; now(): void; save(): void }, signal: AbortSignal): Tools {
  const button = (path: string, words: string, act: () => void): [HTMLButtonElement, SVGSVGElement] => {
    const shape = icon(path);
    const made = make(
      "button",
      "lw-chart-button",
      { type: "button", "aria-label": words, title: words },
      shape,
    );
    made.addEventListener("click", act, { signal });
    return [made, shape];
  };
  const [pause, pauseShape] = button(PAUSE, "Pause", on.pause);
  const [now] = button(NOW, "Back to now", on.now);
  const [save] = button(SAVE, "Save as a picture", on.save);
  const element = make("div", "lw-chart-buttons", { role: "group", "aria-label": "Chart" }, now, pause, save);
  return {
    element,
    draw({ paused, moved, ready }) {
      const words = paused ? "Go on" : "Pause";
      if (pause.title !== words) {
        pause.title = words;
        pause.setAttribute("aria-label", words);
        setIcon(pauseShape, paused ? PLAY : PAUSE);
      }
      show(now, moved);
      show(pause, !moved);
      save.disabled = !ready;
      element.classList.toggle("lw-used", moved || paused);
    },
  };
}
