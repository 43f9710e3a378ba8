"""A plain page of the real hub and components with a kernel in a worker, and Chromium's own counters of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, Route

import hatch_build

JS = Path(hatch_build.__file__).parent / "js"
#: Nobody serves it: all that is asked for comes from the folder.
ADDRESS = "http://counters.test/"


@dataclass(frozen=True)
class Counts:
    """What Chromium counts in a page after all garbage was collected."""

    nodes: int
    listeners: int
    #: Bytes that scripts hold.
    heap: int
    documents: int


class CountersPage:
    """Call what `js/gallery/counters.ts` offers, and count."""

    def __init__(self, page: Page, cdp: CDPSession) -> None:
        self.page = page
        self.cdp = cdp
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    def call(self, name: str, *arguments: object) -> Any:
        """Call a function of the page's and wait for it."""
        return self.page.evaluate(f"(given) => window.counters.{name}(...given)", list(arguments))

    def counts(self) -> Counts:
        """Collect all garbage and count."""
        for _ in range(3):  # what one turn frees may hold more
            self.cdp.send("HeapProfiler.collectGarbage")
        told = {entry["name"]: entry["value"] for entry in self.cdp.send("Performance.getMetrics")["metrics"]}
        return Counts(
            int(told["Nodes"]),
            int(told["JSEventListeners"]),
            int(told["JSHeapUsedSize"]),
            int(told["Documents"]),
        )


def build(folder: Path) -> Path:
    """Build the page into a folder."""
    subprocess.run(
        ["node", "build.mjs", "--counters", str(folder)], cwd=JS, check=True, capture_output=True, timeout=60
    )
    return folder


@contextmanager
def counting(browser: Browser, folder: Path) -> Iterator[CountersPage]:
    """Open the page that was built into a folder."""

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(ADDRESS)
        if (folder / name).is_file():
            route.fulfill(path=folder / name)
        else:
            route.fulfill(status=404, body="")

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        context.route(f"{ADDRESS}**", answer)
        page = context.new_page()
        page.set_default_timeout(120_000)
        cdp = context.new_cdp_session(page)
        cdp.send("Performance.enable")
        cdp.send("HeapProfiler.enable")
        counters = CountersPage(page, cdp)
        page.goto(f"{ADDRESS}counters.html")
        yield counters
    finally:
        context.close()


def longest_task(trace: bytes) -> tuple[float, float]:
    """Return the longest task of the page's main thread in a trace: its CPU time and its time on the clock, in ms.

    Where others use the machine too, the clock says how busy they are.
    """
    events = json.loads(trace)["traceEvents"]
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        event
        for event in events
        if event["name"].endswith("RunTask") and event["ph"] == "X" and (event["pid"], event["tid"]) in main
    ]
    return (
        max((event.get("tdur", 0) for event in tasks), default=0) / 1000,
        max((event.get("dur", 0) for event in tasks), default=0) / 1000,
    )
