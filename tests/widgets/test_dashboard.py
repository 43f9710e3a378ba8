from __future__ import annotations

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

from livewidgets.core.connection import ConnectionState
from livewidgets.errors import CommandError
from livewidgets.testing import wait_until
from livewidgets.widgets.call_tracker import CallTracker
from livewidgets.widgets.dashboard import Dashboard, DashboardHead, PageSource, read_areas
from livewidgets.widgets.hub import hub
from tests.widgets.conftest import MemoryLive
from tests.widgets.hub_page import HubPage


def test_components_stand_where_the_areas_say(comms):
    live = MemoryLive()
    calls, wide = CallTracker(live), CallTracker(live)
    picker = ipywidgets.Dropdown()
    dashboard = Dashboard(
        live,
        "Calls",
        """
        calls wide wide
        calls .    .
        """,
        room=None,
        controls=(picker,),
        calls=calls,
        wide=wide,
    )
    header, grid = dashboard.children
    assert header.children == (dashboard.head, picker, dashboard.status)
    assert grid.layout.grid_template_areas == '"calls wide wide" "calls . ."'
    assert grid.layout.grid_template_columns == "repeat(3, minmax(0, 1fr))"
    assert [one.layout.grid_area for one in grid.children] == ["calls", "wide"]
    assert (dashboard.head.title, dashboard.users) == ("Calls", None)
    assert repr(dashboard) == "<Dashboard 'Calls': calls, wide>"
    dashboard.close()


@pytest.mark.parametrize(
    ("areas", "names", "words"),
    [
        ("", [], "not of one length"),
        ("a a\nb", ["a", "b"], "not of one length"),
        ("a b", ["a"], "'b' has no component"),
        ("a", ["a", "b"], "'b' has no place"),
        ("a; a;", [], "'a;' in `areas` is no name"),
    ],
)
def test_places_and_components_must_be_the_same(areas, names, words):
    with pytest.raises(ValueError, match=words):
        read_areas(areas, dict.fromkeys(names))


def test_nothing_is_left_after_close(comms):
    live = MemoryLive()
    hub()
    before = set(_instances)
    dashboard = Dashboard(live, "Calls", "calls", room=None, calls=CallTracker(live))
    assert set(_instances) > before
    dashboard.close()
    assert set(_instances) == before


def test_its_head_tells_the_page_that_the_kernel_is_there(comms):
    live = MemoryLive()
    head = DashboardHead(live, title="Calls")
    page = HubPage(hub(), comms)
    page.open(head.feed)
    meta = wait_until(lambda: head.feed in page.look().feeds and page.meta(head.feed))
    assert (meta["state"], meta["rows"]) == ("live", 0)
    head.close()
    live.turn(state=ConnectionState.CLOSED)
    told = []
    PageSource(live).open(type("Feed", (), {"describe": told.append}))
    assert told[0]["state"] == "closed"
    with pytest.raises(CommandError):
        PageSource(live).command("retry", None)
