"""What is closed leaves nothing: no comm, feed, source, tap, table, timer or listener."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from ipywidgets.widgets.widget import _instances

from livewidgets.live.client import Live
from livewidgets.live.thread import io_thread
from livewidgets.testing import wait_until
from livewidgets.widgets.call_tracker import CallTracker
from livewidgets.widgets.hub import hub
from livewidgets.widgets.online_status import OnlineStatus
from tests.widgets.hub_page import HubPage


@pytest.fixture
def live(sandbox):
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
        yield live


async def timers() -> int:
    """Count what the I/O thread's loop has to do later."""
    await asyncio.sleep(0)
    return sum(not handle.cancelled() for handle in asyncio.get_running_loop()._scheduled)


def kept(live: Live, comms: list) -> dict[str, int]:
    """Count what components hold; the hub, its page and the connection are there throughout."""
    exchange = hub()._exchange
    kinds = Counter(kind for _, kind, _, _ in comms)
    upstream = live._upstream
    return {
        "widgets": len(_instances),
        "comms": kinds["comm_open"] - kinds["comm_close"],
        "sources": len(exchange._sources),
        "open feeds": len(exchange._open),
        "rows of feeds": len(exchange.pages.feeds),
        "commands under way": len(exchange._commands._tasks),
        "tables": len(upstream._followers),
        "status listeners": len(upstream._listeners),
    }


def test_closed_components_leave_nothing(live, comms):
    page = HubPage(hub(), comms)

    def visit() -> None:
        tracker, status = CallTracker(live, bids=True), OnlineStatus(live)
        page.open(tracker.feed, status.feed)
        wait_until(lambda: page.meta(tracker.feed).get("state") == "live", 20, "the tracker to be live")
        page.open()  # both out of sight
        tracker.close()
        status.close()

    visit()
    # What was closed last is taken away on the I/O thread: all of it is to be gone before it is counted.
    upstream, exchange = live._upstream, hub()._exchange
    held = lambda: (upstream._followers, upstream._listeners, exchange._sources, exchange._open)  # noqa: E731
    wait_until(lambda: not any(held()), 20, "the first visit to be over")
    before, waiting = kept(live, comms), io_thread().run(timers(), 10)
    for _ in range(20):
        visit()
    wait_until(lambda: kept(live, comms) == before, 20, f"{kept(live, comms)} to be {before}")
    # The connection's own timers come and go by a few; twenty visits would leave twenty.
    wait_until(lambda: io_thread().run(timers(), 10) <= waiting + 5, 20, "no timer to be left")
