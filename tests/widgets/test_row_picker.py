from __future__ import annotations

import asyncio

import pytest

from livewidgets.live.client import Live
from livewidgets.testing import wait_until
from livewidgets.widgets.call_tracker import CallTracker
from livewidgets.widgets.dashboard import DashboardHead
from livewidgets.widgets.row_picker import RowPicker
from tests.widgets.conftest import MemoryLive
from tests.widgets.test_page import say


@pytest.fixture
def live(sandbox):
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
        yield live


@pytest.fixture
def campaigns(sandbox_db):
    # Names that no other test gives: of two rows of one name the address chooses the first.
    made = {
        name: str(
            sandbox_db.execute("insert into campaigns (name) values (%s) returning id", [name]).fetchone()[0]
        )
        for name in ("Picked roofing", "Picked solar")
    }
    yield made
    sandbox_db.execute("delete from campaigns where id = any(%s)", [list(made.values())])


async def settle(condition):
    """Let the main loop run until a condition holds; callbacks of tables arrive on it."""
    await asyncio.to_thread(wait_until, condition, 15)


async def test_the_rows_are_offered_once_somebody_looks_and_the_address_chooses(
    live, campaigns, sandbox_db, comms
):
    picker = RowPicker(live, "campaigns", parameter="campaign", everything="All campaigns")
    head = DashboardHead(live)
    assert (live.tables, picker.options, picker.row) == ((), (("All campaigns", None),), None)
    say("page", head.feed, search="?campaign=Picked+solar")
    await settle(lambda: picker.row is not None)
    assert picker.row == campaigns["Picked solar"]
    assert [name for name, _ in picker.options[:1]] == ["All campaigns"]
    sandbox_db.execute(
        "update campaigns set name = 'Picked solar west' where id = %s", [campaigns["Picked solar"]]
    )
    await settle(lambda: "Picked solar west" in dict(picker.options))
    assert picker.row == campaigns["Picked solar"], "a new name is no other choice"
    sandbox_db.execute("delete from campaigns where id = %s", [campaigns["Picked solar"]])
    await settle(lambda: picker.row is None)
    picker.close()
    head.close()
    wait_until(lambda: live.tables == ())


def test_a_choice_goes_to_the_components(comms, live):
    picker = RowPicker(live, "campaigns", everything="All")
    calls, timers = CallTracker(MemoryLive()), CallTracker(MemoryLive())
    picker.options = [("All", None), ("Solar", "7")]
    picker.choose_for(calls, timers, trait="campaign_id")
    picker.value = "7"
    assert [calls.campaign_id, timers.campaign_id] == ["7", "7"]
    picker.value = None
    assert [calls.campaign_id, timers.campaign_id] == [None, None]
    assert repr(picker) == "<RowPicker of campaigns: 1 row>"
    for widget in (picker, calls, timers):
        widget.close()
