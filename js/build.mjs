// One bundle a widget, and its style sheet, into the Python package. Bundles travel whole with every
// instance of a widget, so each is held to a budget: the build fails above it.
import { readdir, readFile, rm } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = join(here, "..", "src", "livewidgets", "static");
const watch = process.argv.includes("--watch");
const BUDGETS = { hub: 20_000, chart: 90_000, component: 40_000 };

const stems = (await readdir(join(here, "src", "widgets")))
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .map((name) => basename(name, ".ts"));
const styles = new Set((await readdir(join(here, "src", "styles"))).map((name) => basename(name, ".css")));

// What uPlot offers and the chart does not use. It hangs on one object, where no bundler can tell.
const UNUSED = ["(paths.bars    = bars);", "(paths.spline  = monotoneCubic);", "uPlot.join = join;"];
const lessUplot = {
  name: "less-uplot",
  /** @param {esbuild.PluginBuild} build */
  setup(build) {
    build.onLoad({ filter: /uPlot\.esm\.js$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const part of UNUSED) {
        if (!contents.includes(part)) throw new Error(`uPlot is another one: ${part} is not in it.`);
        contents = contents.replace(part, "");
      }
      return { contents, loader: "js" };
    });
  },
};

const options = {
  plugins: [lessUplot],
  entryPoints: [
    ...stems.map((stem) => join(here, "src", "widgets", `${stem}.ts`)),
    ...stems.filter((stem) => styles.has(stem)).map((stem) => join(here, "src", "styles", `${stem}.css`)),
  ],
  entryNames: "[name]",
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  splitting: false,
  legalComments: "none",
  metafile: true,
  // A loader that finds AMD's define in a notebook page would otherwise register with it.
  define: { "define.amd": "false", "process.env.NODE_ENV": '"production"' },
};

/** @param {esbuild.Metafile} metafile */
function report(metafile) {
  let over = false;
  for (const [path, { bytes }] of Object.entries(metafile.outputs)) {
    const name = basename(path);
    if (extname(name) !== ".js") {
      console.log(`${name.padEnd(24)} ${(bytes / 1000).toFixed(1).padStart(6)} kB`);
      continue;
    }
    const budget = BUDGETS[name === "hub.js" ? "hub" : name === "realtime_chart.js" ? "chart" : "component"];
    over ||= bytes > budget;
    const verdict = bytes > budget ? "OVER BUDGET" : "within";
    console.log(
      `${name.padEnd(24)} ${(bytes / 1000).toFixed(1).padStart(6)} kB  ${verdict} ${budget / 1000} kB`,
    );
  }
  return over;
}

/**
 * A page of its own for each: a script, the style sheet of all, and the scripts beside it.
 * @param {string[]} pages @param {string[]} beside @param {string} dist
 */
async function buildPages(pages, beside, dist) {
  const { writeFile } = await import("node:fs/promises");
  const entries = [...pages.map((name) => `${name}.ts`), "gallery.css", ...beside];
  await esbuild.build({
    ...options,
    entryPoints: entries.map((name) => join(here, "gallery", name)),
    outdir: dist,
    format: "iife",
    minify: false,
  });
  for (const name of pages) {
    await writeFile(
      join(dist, `${name === "gallery" ? "index" : name}.html`),
      `<!doctype html><html lang="en"><meta charset="utf-8"><title>livewidgets</title><link rel="stylesheet" href="gallery.css"><body><script src="${name}.js"></script></body></html>\n`,
    );
  }
}

if (process.argv.includes("--gallery")) {
  // The components in a plain page, with drawn fixtures: node build.mjs --gallery, then open gallery/dist/index.html.
  await buildPages(["gallery"], [], join(here, "gallery", "dist"));
} else if (process.argv.includes("--counters")) {
  // The page of the tests and benchmarks that count, into the folder that is named last.
  await buildPages(["counters"], ["counters_kernel.ts"], resolve(process.argv.at(-1) ?? ""));
} else if (watch) {
  const context = await esbuild.context({ ...options, logLevel: "info" });
  await context.watch();
} else {
  const { metafile } = await esbuild.build(options);
  // A bundle of a widget that is gone must not stay behind.
  const made = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
  for (const name of await readdir(out)) {
    if (!made.has(name)) await rm(join(out, name), { recursive: true });
  }
  if (report(metafile)) {
    console.error("A bundle is over its budget: it travels with every instance, so make it smaller.");
    process.exit(1);
  }
}
