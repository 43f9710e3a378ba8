/** The small mark that says how live a view is: shape, word and colour. */
import { icon, make, setIcon, setText } from "../lib/dom";
import type { Health } from "../lib/health";

export interface StateMark {
  element: HTMLElement;
  show(health: Pick<Health, "word" | "tone" | "path">): void;
}

export function stateMark(): StateMark {
  const shape = icon("");
  const word = make("span", "lw-mark-word");
  const element = make("span", "lw-mark", {}, shape, word);
  return {
    element,
    show(health) {
      setIcon(shape, health.path);
      element.dataset.tone = health.tone;
      setText(word, health.word);
    },
  };
}
