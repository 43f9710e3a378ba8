"""What stays in a page of what was there: Chromium's own counters over a thousand views of each component."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from .counters import CountersPage, Counts, build, counting

#: So many views come and go in each component, some at once, as when a notebook's cells are run again.
VIEWS = 1_000
AT_ONCE = 50
#: One in ten stays until it is painted with its rows; the others are gone before, as when cells are run again at once.
PAINTED = 0.1
#: Little to draw in each: what stays behind does not depend on it.
DRAWN = "rows=3&people=3&series=2&buckets=20"
#: What is compiled, and what the engine has learned, is kept once: a view that stayed would be more than 10 kB.
MARGIN_BYTES_A_VIEW = 2_000
#: A row that is animated, or one that is spare, may be counted on one side only; never one a view.
MARGIN_NODES = 20
#: How often it is counted again until the last views have gone.
LOOKS = 50

COMPONENTS = (
    "active_users",
    "call_duration",
    "call_tracker",
    "campaign_metrics",
    "live_bidding",
    "live_feed",
    "notification_toast",
    "online_status",
    "realtime_chart",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("counters"))


@pytest.fixture
def counters(chromium: Browser, built: Path) -> Iterator[CountersPage]:
    with counting(chromium, built) as page:
        yield page
        assert page.errors == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_thousand_views_leave_nothing(counters: CountersPage, component: str) -> None:
    counters.call("offer", component, DRAWN)
    counters.call("show", component)
    counters.call("mounts", component, 2 * AT_ONCE, AT_ONCE, PAINTED)
    before = settled(counters, lambda last, now: (last.nodes, last.listeners) == (now.nodes, now.listeners))
    counters.call("mounts", component, VIEWS, AT_ONCE, PAINTED)
    after = settled(counters, lambda _, now: is_flat(before, now))
    assert is_flat(before, after), (before, after)


def settled(counters: CountersPage, enough: Callable[[Counts, Counts], bool]) -> Counts:
    """Count until it is enough, as told by the last two counts, but not for ever: views may be on their way out."""
    last = now = counters.counts()
    for look in range(LOOKS):
        if look and enough(last, now):
            break
        # A turn of the page's, and all garbage again.
        counters.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))"
        )
        last, now = now, counters.counts()
    return now


def is_flat(before: Counts, after: Counts) -> bool:
    return (
        abs(after.nodes - before.nodes) <= MARGIN_NODES
        and abs(after.listeners - before.listeners) <= 2
        and after.documents == before.documents
        and after.heap - before.heap <= VIEWS * MARGIN_BYTES_A_VIEW
    )
