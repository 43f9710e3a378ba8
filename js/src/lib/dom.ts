/** Small typed makers of DOM. Text is set as text; there is no way in here to set HTML. */

type Attributes = Record<string, string | number | boolean | null | undefined>;

export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = "",
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/** Set text only where it differs: writing the same text costs layout and moves a screen reader. */
export function setText(element: Element, text: string): boolean {
  if (element.textContent === text) return false;
  element.textContent = text;
  return true;
}

export function show(element: HTMLElement, visible: boolean): void {
  if (element.hidden === visible) element.hidden = !visible;
}

const SVG = "http://www.w3.org/2000/svg";

/** A 16 by 16 icon from a path; decoration, so hidden from screen readers. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  setAttributes(svg, { viewBox: "0 0 16 16", class: "lw-icon", "aria-hidden": "true", focusable: "false" });
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

export function setIcon(svg: SVGSVGElement, path: string): void {
  const shape = svg.firstElementChild;
  if (shape && shape.getAttribute("d") !== path) shape.setAttribute("d", path);
}

/** Paint at most once a frame, and say how long it took. */
export function painter(
  paint: () => void,
  painted: (milliseconds: number) => void,
  signal: AbortSignal,
): () => void {
  let frame = 0;
  signal.addEventListener("abort", () => cancelAnimationFrame(frame), { once: true });
  return () => {
    if (frame !== 0 || signal.aborted) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      const start = performance.now();
      paint();
      painted(performance.now() - start);
    });
  };
}
