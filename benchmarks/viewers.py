"""What a viewer of a dashboard waits for, and what he takes: of the machine, and of Supabase."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

from livewidgets import dashboards
from livewidgets.sandbox.instance import SandboxInfo
from livewidgets.sandbox.launcher import clients, launch, pause, stop
from livewidgets.testing import wait_until
from tests.e2e.browser import FLAGS, install

from .table import Figure

NOTEBOOK = "call_center"
RUNS = 3
#: The traffic tells of a morning in seconds, and rests before the first viewer comes.
SPEED = 200.0
CALLS = 100


@contextlib.contextmanager
def _sandbox() -> Iterator[SandboxInfo]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        info = launch(Path(folder) / "sandbox", traffic=True, speed=SPEED)
        try:
            with psycopg.connect(info.dsn, autocommit=True) as db:
                enough = f"select from calls having count(*) >= {CALLS}"
                wait_until(lambda: db.execute(enough).rowcount, 60, "calls")
            pause(info)
            yield info
        finally:
            stop(info)


def kernels_of(server: psutil.Process) -> list[psutil.Process]:
    """Return a server's kernels."""
    found = []
    for child in server.children():
        with contextlib.suppress(psutil.Error):
            if "ipykernel_launcher" in child.cmdline():
                found.append(child)
    return found


def _open(browser: Browser, url: str) -> tuple[Page, float]:
    """Open the dashboard as somebody new; gives the seconds until a live row is on the page."""
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    started = time.perf_counter()
    page.goto(url, wait_until="commit", timeout=120_000)
    page.locator(".lw-call-tracker[data-state=live] [data-key]").first.wait_for(timeout=120_000)
    return page, time.perf_counter() - started


def _megabytes(process: psutil.Process) -> float:
    # What would be free without it: what processes share counts for none.
    return float(process.memory_full_info().uss) / 1e6


def figures() -> list[Figure]:
    """Measure pages of kernels started for them, and of preheated ones."""
    cold: list[float] = []
    heated: list[float] = []
    ended: list[float] = []
    with _sandbox() as info, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=install(), args=FLAGS)
        env = {"LIVEWIDGETS_SANDBOX": str(info.data)}
        notebook = dashboards.find_notebook(NOTEBOOK)
        with dashboards.serve(notebook, env=env) as dashboard:
            server = psutil.Process(dashboard.process.pid)
            alone = _megabytes(server)
            for run in range(RUNS + 1):
                page, took = _open(browser, dashboard.url)
                if run:  # the first one warms up
                    cold.append(took)
                    closed = time.perf_counter()
                    page.context.close()
                    wait_until(lambda: not kernels_of(server), 120, "the kernel to end")
                    ended.append(time.perf_counter() - closed)
                else:
                    page.context.close()
                    wait_until(lambda: not kernels_of(server), 120, "the kernel to end")
            pages = [_open(browser, dashboard.url)[0] for _ in range(RUNS)]
            each = clients(info)
            kernel = statistics.median(map(_megabytes, kernels_of(server)))
            share = (_megabytes(server) - alone) / RUNS
            for page in pages:
                page.context.close()
        with dashboards.serve(notebook, preheated=1, env=env) as dashboard:
            server = psutil.Process(dashboard.process.pid)
            for run in range(RUNS + 1):
                _wait_for_rest(server)
                waiting = clients(info)
                page, took = _open(browser, dashboard.url)
                if run:
                    heated.append(took)
                page.context.close()
                wait_until(lambda: len(kernels_of(server)) == 1, 120, "the kernel to end")
        browser.close()
    return [
        Figure(
            "dashboard, from opening to the first live row, preheated",
            statistics.median(heated),
            "s",
            "a kernel started for the page",
            statistics.median(cold),
        ),
        Figure("a kernel's end after its page was closed", statistics.median(ended), "s", budget=5),
        Figure("memory a viewer: his kernel (USS)", kernel, "MB", budget=150),
        Figure("memory a viewer: his share of the server (USS)", share, "MB"),
        Figure("connections a viewer", each["sockets"] / RUNS, "", budget=1),
        Figure("channels a viewer, each follows tables or a room", each["channels"] / RUNS, ""),
        Figure("connections of a preheated kernel that waits", waiting["sockets"], ""),
    ]


def _wait_for_rest(server: psutil.Process) -> None:
    """Wait until the one kernel in the pool has run the notebook: it computes no more."""

    def rests() -> bool:
        found = kernels_of(server)
        return len(found) == 1 and time.time() - found[0].create_time() > 2 and found[0].cpu_percent(0.5) < 5

    wait_until(rests, 120, "the pool to be filled")
