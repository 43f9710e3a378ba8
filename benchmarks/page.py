"""What a page and a kernel do at 1,000 changes a second: tasks, frames, memory, processor.

The page's part is the real hub and components with a kernel in a worker: beside it, the machine is the page's. Tasks are
measured in processor time, as Chromium's traces tell it, so that what else runs here does not count. The kernel's part
is ten components over a sandbox with traffic, shown on a page that only answers.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import comm
import psutil
import psycopg
from comm.base_comm import BaseComm
from playwright.sync_api import Browser, sync_playwright

import livewidgets as lw
from livewidgets.live.thread import io_thread
from livewidgets.sandbox.launcher import launch, stop
from livewidgets.testing import wait_until
from livewidgets.widgets.hub import hub
from tests.e2e.browser import FLAGS, install
from tests.e2e.counters import CountersPage, build, counting, longest_task
from tests.widgets.hub_page import HubPage

from .table import Figure

RATE = 1_000
SECONDS = 5
ROWS = 100_000
VIEWS = 1_000
#: What the sandbox's usual traffic brings in half a day; what grows with time alone is not seen so, what grows with
#: traffic is. A page takes little more than `RATE` of it a second, so this lasts minutes.
TRAFFIC = 300 * RATE
#: So many times as fast, where the page keeps up.
HASTE = 60
#: What is on the page under traffic, with rows as a busy day has them.
BUSY = {
    "call_tracker": "rows=300",
    "live_feed": "rows=1000",
    "call_duration": "rows=100",
    "realtime_chart": "",
    "campaign_metrics": "",
    "live_bidding": "rows=40",
    "notification_toast": "",
    "active_users": "",
    "online_status": "",
}
#: A speed of the sandbox's story at which it makes about as many changes a second.
SPEED = 300.0
CATEGORIES = ["toplevel", "disabled-by-default-devtools.timeline"]


def _task(browser: Browser, page: CountersPage, work: Callable[[], object]) -> float:
    """Return the processor time in ms of the longest task while work is done."""
    browser.start_tracing(page=page.page, categories=CATEGORIES)
    try:
        work()
    finally:
        trace = browser.stop_tracing()
    assert page.errors == [], page.errors
    return longest_task(trace)[0]


def _show(page: CountersPage, parts: dict[str, str], most: int = 2_000) -> None:
    for name, query in parts.items():
        page.call("offer", name, query, most)
        page.call("show", name)


def _tasks(browser: Browser, folder: Path) -> Iterator[Figure]:
    for name, query in BUSY.items():
        with counting(browser, folder) as page:
            _show(page, {name: query})
            took = _task(browser, page, lambda: page.call("traffic", RATE, SECONDS * RATE))
            yield Figure(f"longest task at {RATE:,} changes/s, {name}", took, "ms of CPU", budget=50)
    with counting(browser, folder) as page:
        _show(page, BUSY)
        took = _task(browser, page, lambda: page.call("traffic", RATE, SECONDS * RATE))
        yield Figure("  all of them on one page", took, "ms of CPU", budget=50)


def _lists(browser: Browser, folder: Path) -> Iterator[Figure]:
    for name in ("call_tracker", "live_feed"):
        with counting(browser, folder) as page:
            page.call("offer", name, f"rows={ROWS}", ROWS)
            took = _task(browser, page, lambda: page.call("show", name))  # noqa: B023
            yield Figure(f"longest task when {ROWS:,} rows come, {name}", took, "ms of CPU", budget=50)
            peer, idle = "the same page at rest", page.call("idle", 2_000)
            frames = page.call("scroll", name, 4_000, 700)
            what = f"frames/s while {ROWS:,} rows are scrolled, {name}"
            yield Figure(what, frames, "/s", peer, idle, 60, rising=True)
            took = _task(browser, page, lambda: page.call("traffic", RATE, SECONDS * RATE))
            yield Figure(
                f"longest task with {ROWS:,} rows under traffic, {name}", took, "ms of CPU", budget=50
            )


def _growth(browser: Browser, folder: Path) -> Iterator[Figure]:
    for name in BUSY:
        with counting(browser, folder) as page:
            _show(page, {name: "rows=10"}, 10)
            page.call("mounts", name, VIEWS // 5, 20)
            before = page.counts()
            page.call("mounts", name, VIEWS, 20)
            after = page.counts()
            what = f"left by {VIEWS:,} views, {name}"
            yield Figure(f"{what}: nodes", after.nodes - before.nodes, "", budget=0)
            yield Figure(f"{what}: listeners", after.listeners - before.listeners, "", budget=0)
            yield Figure(f"{what}: heap", (after.heap - before.heap) / 1000, "kB")
    with counting(browser, folder) as page:
        _show(page, BUSY)
        page.call("traffic", RATE, TRAFFIC // 10, HASTE)
        before = page.counts()
        page.call("traffic", RATE, TRAFFIC, HASTE)
        after = page.counts()
        what = f"after {TRAFFIC:,} changes more on one page"
        yield Figure(f"{what}: nodes", after.nodes - before.nodes, "")
        yield Figure(f"{what}: listeners", after.listeners - before.listeners, "")
        yield Figure(f"{what}: heap", (after.heap - before.heap) / 1000, "kB")


@contextmanager
def _recorded() -> Iterator[list[Any]]:
    """Keep what comms say instead of sending it: there is no notebook here."""
    published: list[Any] = []

    class Recording(BaseComm):
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):  # type: ignore[no-untyped-def]
            published.append((self, msg_type, data or {}, list(buffers or [])))

    before, comm.create_comm = comm.create_comm, Recording
    try:
        yield published
    finally:
        comm.create_comm = before


def _components(live: lw.Live) -> list[Any]:
    return [
        lw.CallTracker(live),
        lw.CallDuration(live, waiting=True),
        lw.LiveFeed(live),
        lw.NotificationToast(live, alerts=True),
        lw.RealtimeChart(live, by="campaign_id", every="5s", window="15m"),
        lw.RealtimeChart(live, by="status", every="5s", window="15m"),
        lw.LiveBidding(live),
        lw.CampaignMetrics(live, window="1h"),
        lw.OnlineStatus(live),
        lw.ActiveUsers(live, room="benchmark", me={"name": "A viewer"}),
    ]


def _native_id() -> int:
    found: list[int] = []
    io_thread().call(lambda: found.append(threading.get_native_id()))
    wait_until(lambda: found, 10, "the I/O thread")
    return found[0]


def _cpu(thread: int) -> float:
    return sum(one.user_time + one.system_time for one in psutil.Process().threads() if one.id == thread)


def _kernel() -> Iterator[Figure]:
    """Measure the I/O thread: what the main thread does is the notebook's own."""
    written = "select sum(n_tup_ins + n_tup_upd + n_tup_del)::float from pg_stat_user_tables where schemaname = 'public'"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _recorded() as published:
        info = launch(Path(folder) / "sandbox", traffic=True, speed=SPEED)
        try:
            with (
                lw.connect(info.url, info.service_key) as live,
                psycopg.connect(info.dsn, autocommit=True) as db,
            ):
                widgets = _components(live)
                page = HubPage(hub(), published)
                page.open(*(widget.feed for widget in widgets))
                ended = threading.Event()

                def answer() -> None:
                    while not ended.wait(0.02):
                        page.look()

                def changes() -> float:
                    row = db.execute(written).fetchone()
                    return float(row[0]) if row else 0.0

                answering = threading.Thread(target=answer)
                answering.start()
                try:
                    states = page.feeds.values()
                    wait_until(
                        lambda: all((one.meta or {}).get("state") == "live" for one in states), 90, "all live"
                    )
                    thread = _native_id()
                    time.sleep(SECONDS)
                    cpu, count, started = _cpu(thread), changes(), time.monotonic()
                    time.sleep(4 * SECONDS)
                    cpu, count, passed = _cpu(thread) - cpu, changes() - count, time.monotonic() - started
                finally:
                    ended.set()
                    answering.join()
                for widget in widgets:
                    widget.close()
        finally:
            stop(info)
    yield Figure("changes a second while ten components are shown", count / passed, "/s")
    yield Figure("  the kernel's I/O thread, a change", cpu / count * 1e6, "µs of CPU")
    yield Figure(f"  at {RATE:,} changes a second", cpu / count * RATE * 100, "% of a core", budget=50)


def figures() -> list[Figure]:
    """Measure the page, then the kernel."""
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_playwright() as playwright:
        built = build(Path(folder))
        browser = playwright.chromium.launch(executable_path=install(), args=FLAGS)
        for part in (_tasks, _lists, _growth):
            found += part(browser, built)
        browser.close()
    return [*found, *_kernel()]
