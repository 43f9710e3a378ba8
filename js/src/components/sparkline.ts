/** A small line chart without axes: decoration beside a figure that says the same in words. */
import { setAttributes } from "../lib/dom";
import { sparkline as pathsOf } from "../lib/sparkline";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 32;

export interface SparklineView {
  element: SVGSVGElement;
  draw(points: readonly (number | null)[], options?: { zero?: boolean }): void;
}

export function sparkline(): SparklineView {
  const svg = document.createElementNS(SVG, "svg");
  // It is stretched to its box; its strokes are not.
  setAttributes(svg, {
    class: "lw-spark",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
    focusable: "false",
  });
  const [area, line, dot] = ["lw-spark-area", "lw-spark-line", "lw-spark-dot"].map((name) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    svg.append(path);
    return path;
  }) as [SVGPathElement, SVGPathElement, SVGPathElement];
  let before = "";
  return {
    element: svg,
    draw(points, options = {}) {
      const now = points.join(",");
      if (now === before) return;
      before = now;
      const paths = pathsOf(points, WIDTH, HEIGHT, { pad: 3, ...options });
      area.setAttribute("d", paths.area);
      line.setAttribute("d", paths.line);
      dot.setAttribute("d", paths.dot);
    },
  };
}
