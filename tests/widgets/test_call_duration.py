from __future__ import annotations

import json

import ipywidgets
import pytest
from traitlets import TraitError

import livewidgets.widgets.call_duration as module
from livewidgets.errors import CommandError, NoRightsError
from livewidgets.live.client import Live
from livewidgets.live.table import TableState
from livewidgets.testing import wait_until
from livewidgets.widgets.call_duration import WINDOW, CallDuration, LiveCallSource
from livewidgets.widgets.hub import hub
from livewidgets.widgets.lease import Borrowed
from livewidgets.widgets.lookup import Lookup
from tests.widgets.conftest import Bench, MemoryLive, MemoryTable
from tests.widgets.hub_page import HubPage

NUMBER = "+15551234567"


def call(number: int, **values):
    return {
        "id": f"call-{number}",
        "status": "in-progress",
        "caller_number": NUMBER,
        "campaign_id": 7,
        "created_at": "2027-01-15T08:00:00+00:00",
        "connected_at": "2027-01-15T08:00:10+00:00",
        "ended_at": None,
        **values,
    }


@pytest.fixture
def duration_bench():
    class DurationBench(Bench):
        def __init__(self) -> None:
            super().__init__()
            ended = call(3, status="completed", ended_at="2027-01-15T08:01:00+00:00")
            self.table = MemoryTable(rows=[call(1), call(2, status="ringing", connected_at=None), ended])
            self.campaigns = MemoryTable(name="campaigns", rows=[{"id": 7, "name": "Solar"}])
            names = {column: Lookup(None, "name") for column in module._NAMES}
            names["campaign_id"] = Lookup(Borrowed(self.campaigns), "name")
            self.source = LiveCallSource(Borrowed(self.table), names, masked=True)
            self.exchange.register("calls", self.source)
            self.show("calls")
            self.loop.run(0.2)

        @property
        def rows(self):
            return self.pages[0].feeds["calls"].rows

        @property
        def meta(self):
            return self.pages[0].feeds["calls"].meta

    return DurationBench()


def test_the_calls_that_live_are_sent_and_no_more_of_them_than_is_shown(duration_bench):
    assert duration_bench.rows == {
        "call-1": {
            "status": "in-progress",
            "caller": "+1 ••• ••• 4567",
            "campaign": "Solar",
            "buyer": "",
            "agent": "",
            "created_at": "2027-01-15T08:00:00+00:00",
            "ringing_at": None,
            "connected_at": "2027-01-15T08:00:10+00:00",
        },
        "call-2": duration_bench.rows["call-2"],
    }
    assert duration_bench.rows["call-2"]["connected_at"] is None


def test_a_call_comes_when_it_begins_and_leaves_when_it_ends(duration_bench):
    bench = duration_bench
    bench.table.put(call(4))
    bench.loop.run(0.2)
    assert set(bench.rows) == {"call-1", "call-2", "call-4"}
    bench.table.put(call(1, status="busy"), call(2, status="parked"))
    bench.table.remove("call-4")
    bench.loop.run(0.2)
    assert set(bench.rows) == {"call-2"}
    assert bench.rows["call-2"]["status"] == "parked"
    bench.table.put(call(2, status="parked", ended_at="2027-01-15T08:01:00+00:00"))
    bench.loop.run(0.2)
    assert bench.rows == {}
    assert bench.meta["rows"] == 0


def test_timers_cost_no_messages(duration_bench):
    bench = duration_bench
    before = len([tick for tick in bench.ticks if tick["to"]])
    bench.loop.run(60)
    assert len([tick for tick in bench.ticks if tick["to"]]) == before


def test_names_that_come_later_are_sent(duration_bench):
    bench = duration_bench
    bench.campaigns.put({"id": 7, "name": "Roofing"})
    bench.loop.run(0.2)
    assert {row["campaign"] for row in bench.rows.values()} == {"Roofing"}


def test_trouble_is_said_and_commands_are_refused(duration_bench):
    bench = duration_bench
    bench.table.turn(TableState.STALE)
    bench.loop.run(0.2)
    assert (bench.meta["state"], bench.meta["since"]) == ("stale", 1_700_000_100_000)
    bench.table.turn(TableState.ERROR, NoRightsError("calls"))
    bench.loop.run(0.2)
    assert bench.meta["error"]["kind"] == "NoRightsError"
    bench.table.turn(TableState.LIVE, partial=True)
    bench.loop.run(0.2)
    assert bench.meta["partial"] is True
    with pytest.raises(CommandError, match="CallDuration knows no command"):
        bench.source.command("x", None)


def test_nothing_is_followed_while_nobody_looks(duration_bench):
    bench = duration_bench
    bench.show()
    bench.loop.run(0.1)
    assert (bench.table.taps, bench.campaigns.taps) == (0, 0)
    bench.table.put(call(9))
    bench.show("calls")
    bench.loop.run(0.1)
    assert "call-9" in bench.rows


def test_the_options_are_traits_and_a_wrong_one_is_named(comms):
    live = MemoryLive()
    view = CallDuration(live, warn=60, critical=0, limit=3, waiting=True, compact=True, size="wall")
    assert (view.warn, view.critical, view.limit, view.selected) == (60.0, 0.0, 3, None)
    with pytest.raises(TypeError, match="Did you mean 'critical'"):
        CallDuration(live, critial=1)
    for wrong in ({"warn": -1}, {"limit": 0}, {"size": "huge"}):
        with pytest.raises(TraitError):
            CallDuration(live, **wrong)
    with pytest.raises(TypeError, match="takes a Live or a LiveTable"):
        CallDuration("calls")  # type: ignore[arg-type]
    table = MemoryTable(live)
    with pytest.raises(TypeError, match="goes with a Live"):
        CallDuration(table, campaign_id=7)
    given = CallDuration(table)
    with pytest.raises(TypeError, match="goes with a Live"):
        given.campaign_id = 3
    given.set_state({"selected": "call-1", "warn": 1})
    assert (given.selected, given.warn) == ("call-1", 180.0)
    given.close()
    given.close()
    assert not table.handle_closed
    view.close()


def test_a_live_gives_the_calls_that_have_not_ended_of_a_campaign(comms):
    live = MemoryLive(calls=[call(1), call(2, campaign_id=8), call(3, ended_at="2027-01-15T08:01:00+00:00")])
    view = CallDuration(live, campaign_id=7)
    page = HubPage(hub(), comms)
    page.open(view.feed)
    wait_until(lambda: set(page.rows(view.feed)) == {"call-1"}, 10, "the campaign's call")
    [first] = [table for table in live.opened if table.name == "calls"]
    assert first.limit == WINDOW
    view.selected = "call-1"
    view.campaign_id = 8
    wait_until(lambda: set(page.rows(view.feed)) == {"call-2"}, 10, "the other campaign's call")
    assert view.selected is None
    wait_until(lambda: first.handle_closed, 10, "the first table to be closed")
    view.close()
    wait_until(lambda: all(table.handle_closed for table in live.opened), 10, "all to be closed")


def test_a_call_is_timed_from_its_answer_to_its_end(sandbox, sandbox_db, comms):
    [campaign] = sandbox_db.execute("insert into campaigns (name) values ('Solar') returning id").fetchone()
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
        view = CallDuration(live, campaign_id=str(campaign))
        page = HubPage(hub(), comms)
        page.open(view.feed)
        wait_until(lambda: page.meta(view.feed).get("state") == "live", 20, "the view to be live")
        [key] = sandbox_db.execute(
            "insert into calls (campaign_id, status, caller_number) values (%s, 'ringing', %s) returning id",
            [campaign, NUMBER],
        ).fetchone()
        row = wait_until(lambda: page.rows(view.feed).get(str(key)), 10, "the call")
        assert row["connected_at"] is None
        sandbox_db.execute(
            "update calls set status = 'in-progress', connected_at = now() where id = %s", [key]
        )
        wait_until(lambda: page.rows(view.feed)[str(key)]["connected_at"], 10, "the answer")
        wait_until(lambda: page.rows(view.feed)[str(key)]["campaign"] == "Solar", 10, "the name")
        sandbox_db.execute("update calls set status = 'completed', ended_at = now() where id = %s", [key])
        wait_until(lambda: str(key) not in page.rows(view.feed), 10, "the end")
        saved = json.dumps(ipywidgets.Widget.get_manager_state(), default=str)
        assert NUMBER[2:] not in saved + repr(view) + str(comms)
        view.close()
        wait_until(lambda: not live._upstream._followers, 10, "the tables to be closed")
    sandbox_db.execute("delete from calls where campaign_id = %s", [campaign])
