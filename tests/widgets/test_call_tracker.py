from __future__ import annotations

import gc
import json
import logging
import threading
import time
from datetime import UTC, datetime

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances
from traitlets import TraitError

import livewidgets.widgets.call_tracker as module
from livewidgets.errors import NoRightsError
from livewidgets.live.table import TableState
from livewidgets.live.thread import io_thread
from livewidgets.testing import wait_until
from livewidgets.widgets.call_tracker import CallSource, CallTracker
from livewidgets.widgets.hub import hub
from livewidgets.widgets.lease import NEWEST, Borrowed
from livewidgets.widgets.lookup import Lookup
from tests.widgets.conftest import Bench, MemoryLive, MemoryTable, set_clocks
from tests.widgets.hub_page import HubPage

NUMBER = "+15551234567"


def call(number: int, **values):
    return {
        "id": f"00000000-0000-0000-0000-{number:012}",
        "status": "ringing",
        "caller_number": f"+1555123{number:04}",
        "campaign_id": 7,
        "created_at": "2027-01-15T08:00:00+00:00",
        "ended_at": None,
        "version": 1,
    } | values


def key(number: int) -> str:
    return call(number)["id"]


@pytest.fixture
def tracker_bench(monkeypatch):
    """A source of calls on a bench, without a widget."""

    class TrackerBench(Bench):
        def __init__(self) -> None:
            super().__init__()
            set_clocks(monkeypatch, module, time=self.wall)
            self.table = MemoryTable(rows=[call(1), call(2)])
            self.campaigns = MemoryTable(name="campaigns", rows=[{"id": 7, "name": "Solar"}])
            self.bids = MemoryTable(name="bids", rows=[{"id": "bid-1", "amount": "12.5"}])
            names = {column: Lookup(None, "name") for column in module.NAMES}
            names["campaign_id"] = Lookup(Borrowed(self.campaigns), "name")
            bids = Lookup(Borrowed(self.bids), "adjusted_amount", "amount")
            self.source = CallSource(Borrowed(self.table), names, bids, linger=30.0, masked=True)
            self.exchange.register("calls", self.source)
            self.show("calls")
            self.loop.run(0.2)

        @property
        def rows(self):
            return self.pages[0].feeds["calls"].rows

        @property
        def meta(self):
            return self.pages[0].feeds["calls"].meta

    return TrackerBench()


def test_calls_are_shown_in_the_words_of_the_business(tracker_bench):
    row = tracker_bench.rows[key(1)]
    assert row["caller"] == "+1 ••• ••• 0001"
    assert row["campaign"] == "Solar"
    assert row["buyer"] == ""
    assert tracker_bench.meta == {
        "state": "live",
        "since": 1_700_000_000_000,
        "rows": 2,
        "partial": False,
        "version": 0,
        "masked": True,
    }


def test_insert_update_and_delete_arrive(tracker_bench):
    bench = tracker_bench
    bench.table.put(call(3, status="ANSWERED", buyer_id="abcdef012345", winning_bid_id="bid-1"))
    bench.loop.run(0.2)
    assert bench.rows[key(3)]["status"] == "in-progress"
    assert bench.rows[key(3)]["buyer"] == "abcdef01"
    assert bench.rows[key(3)]["bid"] == 12.5
    bench.table.put(call(3, status="parked"))
    bench.loop.run(0.2)
    assert bench.rows[key(3)]["status"] == "parked"
    bench.table.remove(key(3))
    bench.loop.run(0.2)
    assert set(bench.rows) == {key(1), key(2)}
    assert bench.meta["rows"] == 2


def test_an_ended_call_lingers_and_leaves_without_a_change(tracker_bench):
    bench = tracker_bench
    bench.table.put(call(1, status="completed", ended_at="2027-01-15T08:00:55+00:00"))
    bench.loop.run(29)
    assert bench.rows[key(1)]["status"] == "completed"
    bench.loop.run(2)
    assert set(bench.rows) == {key(2)}
    assert bench.meta["rows"] == 1


def test_calls_that_ended_long_ago_never_come(tracker_bench):
    bench = tracker_bench
    bench.table.put(*(call(n, status="busy", ended_at="2026-01-01T00:00:00Z") for n in range(10, 500)))
    bench.loop.run(1)
    assert set(bench.rows) == {key(1), key(2)}


def test_a_name_that_changes_is_sent_and_a_counter_beside_it_is_not(tracker_bench):
    bench = tracker_bench
    count = len([tick for tick in bench.ticks if tick["to"]])
    bench.campaigns.put({"id": 7, "name": "Solar", "live_calls": 99})
    bench.loop.run(0.5)
    assert len([tick for tick in bench.ticks if tick["to"]]) == count
    bench.campaigns.put({"id": 7, "name": "Roofing"})
    bench.loop.run(0.5)
    assert bench.rows[key(1)]["campaign"] == "Roofing"


def test_names_that_may_not_be_read_are_given_up_quietly(tracker_bench):
    bench = tracker_bench
    bench.campaigns.turn(TableState.ERROR, NoRightsError("campaigns"))
    bench.table.put(call(4, campaign_id=8))
    bench.loop.run(0.2)
    assert bench.rows[key(4)]["campaign"] == "8"
    assert bench.meta["state"] == "live"


def test_trouble_upstream_is_said_in_words(tracker_bench):
    bench = tracker_bench
    bench.table.turn(TableState.ERROR, NoRightsError("calls"))
    bench.loop.run(0.2)
    assert bench.meta["state"] == "error"
    assert bench.meta["error"]["kind"] == "NoRightsError"
    assert "grant select" in bench.meta["error"]["advice"]
    bench.table.turn(TableState.STALE)
    bench.loop.run(0.2)
    assert bench.meta["state"] == "stale"
    assert len(bench.rows) == 2


def test_a_table_that_the_user_closed_is_said_to_be_closed(tracker_bench):
    tracker_bench.table.close()
    tracker_bench.loop.run(3)
    assert tracker_bench.meta["state"] == "closed"


def test_nothing_is_projected_while_nobody_looks(tracker_bench):
    bench = tracker_bench
    bench.show()
    bench.loop.run(0.1)
    assert (bench.table.taps, bench.campaigns.taps, bench.bids.taps) == (0, 0, 0)
    bench.table.put(call(9))
    bench.show("calls")
    bench.loop.run(0.1)
    assert key(9) in bench.rows


# The widget


def settled():
    """Wait until the I/O thread has done what it was told."""
    done = threading.Event()
    io_thread().call(done.set)
    assert done.wait(20)


def test_the_options_are_traits_and_a_wrong_one_is_named(comms):
    live = MemoryLive()
    tracker = CallTracker(live, title="Now", linger=10, height=300, size="wall", theme="dark", money=False)
    assert tracker.linger == 10.0
    with pytest.raises(TypeError, match=r"no option 'tittle'\. Did you mean 'title'"):
        CallTracker(live, tittle="x")
    with pytest.raises(TypeError, match="It has: "):
        CallTracker(live, zzz=1)
    with pytest.raises(TraitError):
        CallTracker(live, linger=-1)
    with pytest.raises(TraitError):
        CallTracker(live, size="huge")
    with pytest.raises(TypeError, match="takes a Live or a LiveTable"):
        CallTracker("calls")
    with pytest.raises(TypeError, match="goes with a Live"):
        CallTracker(MemoryTable(live), campaign_id=7)
    tracker.close()
    assert live.opened == [], "nobody looked"


def test_a_live_gives_the_newest_calls_of_a_campaign(comms):
    live = MemoryLive(calls=[call(1), call(2, campaign_id=8)])
    tracker = CallTracker(live, campaign_id=7)
    assert tracker.campaign_id == 7
    page = HubPage(hub(), comms)
    page.open(tracker.feed)
    wait_until(lambda: tracker.feed in page.look().feeds)
    wait_until(lambda: list(page.rows(tracker.feed)) == [key(1)])
    first = next(table for table in live.opened if table.name == "calls")
    assert first.limit == NEWEST
    tracker.selected = key(1)
    tracker.campaign_id = 8
    wait_until(lambda: list(page.rows(tracker.feed)) == [key(2)])
    wait_until(lambda: first.handle_closed)
    assert tracker.selected is None
    tracker.close()
    wait_until(lambda: all(table.handle_closed for table in live.opened))


def test_a_table_that_was_given_stays_open(comms):
    live = MemoryLive()
    table = MemoryTable(live)
    tracker = CallTracker(table)
    with pytest.raises(TypeError, match="goes with a Live"):
        tracker.campaign_id = 3
    tracker.close()
    tracker.close()
    assert not table.handle_closed
    assert all(other.handle_closed for other in live.opened)


def test_the_page_writes_only_what_is_its_own(comms):
    tracker = CallTracker(MemoryLive())
    chosen = []
    tracker.observe(lambda change: chosen.append(change.new), "selected")
    feed, line = tracker.feed, tracker.hub
    tracker.set_state({"selected": "x", "search": "ana", "feed": "other", "title": "mine", "hub": None})
    assert (tracker.selected, tracker.search, chosen) == ("x", "ana", ["x"])
    assert (tracker.feed, tracker.title, tracker.hub) == (feed, "Calls", line)
    tracker.close()


def test_rows_travel_in_messages_and_never_in_anything_that_is_saved(comms, caplog):
    with caplog.at_level(logging.DEBUG):
        live = MemoryLive(calls=[call(n) for n in range(1, 50)])
        tracker = CallTracker(live)
        line = hub()
        line._heard(
            line,
            {
                "t": "hello",
                "v": 1,
                "client": "c",
                "epoch": None,
                "feeds": [{"feed": tracker.feed, "have": None}],
            },
            [],
        )
        deadline = time.monotonic() + 10
        while not any(data.get("method") == "custom" for _, kind, data, _ in comms if kind == "comm_msg"):
            assert time.monotonic() < deadline
            settled()
        settled()
    sent = [buffer for *_, buffers in comms for buffer in buffers]
    assert json.loads(sent[0])["cols"]["caller"][0] == "+1 ••• ••• 0001"
    state = json.dumps({name: widget.get_state() for name, widget in _instances.items()}, default=str)
    saved = json.dumps(ipywidgets.Widget.get_manager_state(), default=str)
    bundle = json.dumps(tracker._repr_mimebundle_()[0])
    everything = "".join([state, saved, bundle, repr(tracker), str(tracker), repr(line), caplog.text])
    everything += json.dumps([data for _, _, data, _ in comms], default=str) + str(sent)
    for number in range(1, 50):
        assert f"555123{number:04}" not in everything
    for number in range(1, 50):
        assert key(number) not in state + saved + bundle + repr(tracker) + caplog.text
    tracker.close()


def test_it_looks_the_same_in_every_run(comms):
    tracker = CallTracker(MemoryLive(), title="<b>Calls</b>")
    data, _ = tracker._repr_mimebundle_()
    assert data["text/plain"] == repr(tracker) == "<CallTracker>"
    assert data["text/html"].startswith("<p><strong>&lt;b&gt;Calls&lt;/b&gt;</strong>")
    assert "application/vnd.jupyter.widget-view+json" in data
    tracker.close()
    assert tracker._repr_mimebundle_() == ({"text/plain": "<CallTracker, closed>"}, {})


def test_linger_changes_what_is_shown_while_it_is_shown(comms):
    ended = {"status": "completed", "ended_at": datetime.now(UTC).isoformat()}
    tracker = CallTracker(MemoryLive(calls=[call(1), call(2, **ended)]))
    page = HubPage(hub(), comms)
    page.open(tracker.feed)
    wait_until(lambda: len(page.look().feeds) and len(page.rows(tracker.feed)) == 2)
    tracker.linger = 0
    wait_until(lambda: list(page.rows(tracker.feed)) == [key(1)])
    tracker.close()


def test_a_thousand_trackers_leave_nothing(comms):
    live = MemoryLive()
    CallTracker(live).close()
    settled()
    comms.clear()
    gc.collect()
    widgets, threads = len(_instances), set(threading.enumerate())
    exchange = hub()._exchange
    for _ in range(1000):
        CallTracker(live, linger=5).close()
        comms.clear()
        assert all(table.handle_closed for table in live.opened)
        live.opened.clear()
    settled()
    assert len(_instances) == widgets
    assert set(threading.enumerate()) <= threads
    assert exchange._sources == {}
    assert exchange._open == {}
    from comm import get_comm_manager

    assert len(get_comm_manager().comms) <= widgets + 2
