from __future__ import annotations

import json
import logging
import math
import threading
from datetime import UTC, datetime

import ipywidgets
import pytest
from traitlets import TraitError

import livewidgets.widgets.live_feed_source as module
from livewidgets.core.change import Patch
from livewidgets.core.history import History
from livewidgets.errors import NoRightsError
from livewidgets.live.client import Live
from livewidgets.live.table import TableState
from livewidgets.live.thread import io_thread
from livewidgets.testing import wait_until
from livewidgets.widgets import activity_changes
from livewidgets.widgets.activity import Event
from livewidgets.widgets.hub import hub
from livewidgets.widgets.lease import Borrowed
from livewidgets.widgets.live_feed import MOST_ITEMS, LiveFeed
from livewidgets.widgets.live_feed_source import BURST, COUNT_AFTER, FeedSource
from livewidgets.widgets.lookup import Lookup
from tests.widgets.conftest import Bench, MemoryLive, MemoryTable, set_clocks
from tests.widgets.hub_page import HubPage

NUMBER = "+15551234567"


class RememberingTable(MemoryTable):
    """A table in memory with the history that real ones have, and their resets."""

    def __init__(self, *args, order=None, **options) -> None:
        super().__init__(*args, **options)
        self._order_of = order
        self.history = History()
        self.history.begin({})
        self.history.add(Patch(0, dict(self._memory.by_key)))

    order = property(lambda self: self._order_of)
    #: None before the first snapshot.
    age = 0.5

    def diff(self, since, until=None):
        return self.history.between(since, self.version)

    def _tell(self, patch):
        self.history.add(patch)
        super()._tell(patch)

    def swap(self, *rows) -> None:
        """Put and reset, as a resnapshot does."""
        self._memory.version += 1
        upserted = {(row["id"],): row for row in rows}
        self._memory.by_key |= upserted
        self._tell(Patch(self._memory.version, upserted, {}, reset=True))


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def order(number: int, **values):
    return {"id": number, "status": "new", "version": 1, **values}


@pytest.fixture
def feed_bench(monkeypatch):
    """A source of two tables on a bench, without a widget."""

    class FeedBench(Bench):
        def __init__(self) -> None:
            super().__init__()
            for one in (module, activity_changes):
                set_clocks(monkeypatch, one, time=self.wall, monotonic=lambda: self.loop.now)
            self.orders = RememberingTable(
                name="orders", rows=[order(n, created_at=stamp(self.wall() - 100 * n)) for n in (1, 2, 3)]
            )
            self.calls = RememberingTable(name="calls")
            self.buyers = MemoryTable(name="buyers", rows=[])
            self.source = self.make()

        def make(self, describe=None, limit=1000, masked=True, show=True):
            lookup = Lookup(Borrowed(self.buyers), "company_name")
            self.source = FeedSource(
                {"orders": Borrowed(self.orders), "calls": Borrowed(self.calls)},
                {("calls", "buyer_id"): lookup},
                describe or {},
                limit=limit,
                masked=masked,
            )
            self.exchange.register("feed", self.source)
            if show:
                self.show("feed")
                self.loop.run(0.2)
            return self.source

        @property
        def rows(self):
            return self.pages[0].feeds["feed"].rows

        @property
        def meta(self):
            return self.pages[0].feeds["feed"].meta

        @property
        def texts(self):
            """What the page shows, the newest first."""
            ordered = sorted(
                self.rows.items(), key=lambda entry: (entry[1]["at"], int(entry[0])), reverse=True
            )
            return [row["text"] for _, row in ordered]

    return FeedBench()


def test_what_was_there_before_is_told_by_its_time(feed_bench):
    assert feed_bench.texts == [f"orders: row {n} was added" for n in (1, 2, 3)]
    ages = sorted(feed_bench.wall() * 1000 - row["at"] for row in feed_bench.rows.values())
    assert [round(age / 1000) for age in ages] == [100, 200, 300]
    assert feed_bench.meta["state"] == "live"
    assert feed_bench.meta["tables"] == ["orders", "calls"]
    assert feed_bench.meta["total"] == 3


def test_insert_update_and_delete_are_told_as_they_come(feed_bench):
    bench = feed_bench
    bench.orders.put(order(4))
    bench.loop.run(0.2)
    bench.orders.put(order(4, status="paid", version=2))
    bench.loop.run(0.2)
    bench.orders.put(order(4, status="paid", version=3))  # no news
    bench.calls.put({"id": "c", "status": "ringing", "caller_number": NUMBER, "buyer_id": None})
    bench.loop.run(0.2)
    bench.orders.remove(4)
    bench.loop.run(0.2)
    assert bench.texts[:4] == [
        "orders: row 4 was deleted",
        "Call from +1 ••• ••• 4567 rings",
        "orders: row 4 changed (status: new → paid)",
        "orders: row 4 was added",
    ]
    newest = max(bench.rows.items(), key=lambda entry: int(entry[0]))[1]
    assert (newest["table"], newest["event"], newest["key"], newest["icon"]) == (
        "orders",
        "delete",
        "4",
        "row",
    )
    assert list(map(int, bench.rows)) == sorted(map(int, bench.rows))


def test_names_that_come_later_are_put_in(feed_bench):
    bench = feed_bench
    bench.buyers.turn(TableState.LOADING)
    bench.make()
    bench.calls.put({"id": "c", "status": "in-progress", "caller_number": NUMBER, "buyer_id": "b1"})
    bench.loop.run(0.2)
    [number] = [key for key, row in bench.rows.items() if row["table"] == "calls"]
    assert bench.rows[number]["text"] == "Call from +1 ••• ••• 4567 connected"
    bench.buyers.put({"id": "b1", "company_name": "Acme"})
    bench.loop.run(0.2)
    assert bench.rows[number]["text"] == "Call from +1 ••• ••• 4567 connected to Acme"
    # What was said with a name stays as it was said.
    bench.buyers.put({"id": "b1", "company_name": "Acme & Sons"})
    bench.loop.run(0.2)
    assert bench.rows[number]["text"] == "Call from +1 ••• ••• 4567 connected to Acme"


def test_names_of_all_that_was_there_before_are_put_in(feed_bench):
    bench = feed_bench
    bench.calls = RememberingTable(
        name="calls",
        rows=[
            {"id": n, "status": "ringing", "buyer_id": "b1", "created_at": stamp(bench.wall() - n)}
            for n in range(3_000)
        ],
    )
    bench.buyers.turn(TableState.LOADING)
    bench.make(limit=4_000)
    assert bench.texts.count("Call rings") == 3_000
    bench.buyers.put({"id": "b1", "company_name": "Acme"})
    bench.loop.run(1)
    assert bench.texts.count("Call rings at Acme") == 3_000


def test_the_oldest_are_forgotten(feed_bench):
    bench = feed_bench
    bench.make(limit=5)
    for number in range(10, 30):
        bench.orders.put(order(number))
        bench.loop.run(0.05)
    bench.loop.run(0.5)
    assert bench.texts == [f"orders: row {n} was added" for n in range(29, 24, -1)]
    assert len(bench.source.log) == 5
    assert bench.meta["total"] == 23
    assert bench.meta["rows"] == 5


def test_who_comes_back_finds_the_log_and_what_was_missed(feed_bench):
    bench = feed_bench
    bench.orders.put(order(4))
    bench.loop.run(0.2)
    kept = dict(bench.rows)
    bench.show()
    bench.loop.run(0.2)
    assert bench.orders.taps == 0
    bench.orders.put(order(4, status="paid"))
    bench.orders.put(order(5))
    bench.orders.remove(3)
    bench.show("feed")
    bench.loop.run(0.2)
    assert {key: bench.rows[key] for key in kept} == kept
    assert sorted(bench.texts[:3]) == [
        "orders: row 3 was deleted",
        "orders: row 4 changed (status: new → paid)",
        "orders: row 5 was added",
    ]


def test_a_table_that_was_closed_meanwhile_tells_only_of_newer_rows(feed_bench):
    bench = feed_bench
    bench.show()
    bench.loop.run(10)
    rows = [*bench.orders._replica.rows(), order(9, created_at=stamp(bench.wall()))]
    again = RememberingTable(name="orders")
    again.age = None
    bench.source._leases["orders"] = Borrowed(again)
    bench.loop.run(5)
    bench.show("feed")
    bench.loop.run(0.2)
    assert bench.texts == [f"orders: row {n} was added" for n in (1, 2, 3)]
    again.age = 0.5
    again.swap(*rows)
    bench.loop.run(0.2)
    assert bench.texts == [f"orders: row {n} was added" for n in (9, 1, 2, 3)]


def test_what_an_outage_hid_is_told_by_its_own_time(feed_bench):
    bench = feed_bench
    bench.loop.run(60)
    bench.orders.swap(
        order(7, created_at=stamp(bench.wall() - 30)), order(1, status="paid", updated_at=stamp(2e9))
    )
    bench.loop.run(0.2)
    assert bench.texts[:2] == ["orders: row 1 changed (status: new → paid)", "orders: row 7 was added"]
    [late] = [row for row in bench.rows.values() if row["key"] == "7"]
    assert round(bench.wall() - late["at"] / 1000) == 30
    assert all(row["at"] <= bench.wall() * 1000 for row in bench.rows.values())


def test_a_full_window_tells_neither_of_what_it_pushed_out_nor_of_what_moved_up(feed_bench):
    bench = feed_bench
    bench.orders = RememberingTable(
        name="orders",
        rows=[order(n, created_at=stamp(bench.wall() - 100 * n)) for n in (1, 2, 3)],
        limit=3,
    )
    bench.make()
    # One comes, the last one falls out: one patch.
    table = bench.orders
    replica = table._replica
    replica.version += 1
    new = order(8, created_at=stamp(bench.wall()))
    old = replica.by_key.pop((3,))
    replica.by_key[8,] = new
    table._tell(Patch(replica.version, {(8,): new}, {(3,): old}))
    bench.loop.run(0.2)
    assert bench.texts[0] == "orders: row 8 was added"
    assert not any("deleted" in text for text in bench.texts)
    # One is deleted, and an older one read again in its place.
    table.remove(1)
    table.put(old)
    bench.loop.run(0.2)
    assert bench.texts[:2] == ["orders: row 1 was deleted", "orders: row 8 was added"]
    assert len(bench.texts) == 5


def test_a_row_of_the_far_future_does_not_make_all_others_old(feed_bench):
    bench = feed_bench
    bench.orders = RememberingTable(
        name="orders", rows=[order(1, created_at="9999-12-31T23:59:59+00:00")], limit=9
    )
    bench.make()
    bench.orders.put(order(2, created_at="9999-12-31T23:59:58+00:00"))
    bench.orders.put(order(3, created_at=stamp(bench.wall())))
    bench.loop.run(0.2)
    assert "orders: row 3 was added" in bench.texts


def test_a_storm_is_counted_and_no_change_is_lost_from_the_count(feed_bench):
    bench = feed_bench
    sent = len(bench.messages)
    for start in range(0, 2_000, 100):
        bench.orders.put(*(order(100 + start + n) for n in range(100)))
    bench.loop.run(COUNT_AFTER + 0.2)
    told = [text for text in bench.texts if text.startswith("orders: row ")]
    [counted] = [text for text in bench.texts if "more rows" in text]
    assert counted == f"orders: {2_000 - BURST:,} more rows were added"
    assert len(told) == BURST + 3
    assert len(bench.messages) - sent < 20


def test_a_storm_without_a_pause_is_counted_meanwhile(feed_bench):
    bench = feed_bench
    bench.make(limit=10_000)
    for start in range(20):
        bench.orders.put(*(order(1_000 * start + n) for n in range(300)))
        bench.loop.run(0.1)
    counted = [text for text in bench.texts if "more rows" in text]
    assert 4 <= len(counted) <= 8


def test_a_long_log_comes_back_the_newest_first_and_the_rest_in_turns(feed_bench):
    bench = feed_bench
    bench.make(limit=20_000)
    for number in range(15_000):
        bench.source.log.add(1_000 + number, "orders", Event.UPDATE, (number,), LiveFeed.Item(str(number)))
    bench.show()
    bench.loop.run(0.2)
    bench.show("feed")
    bench.loop.run(0.01)
    shown = bench.exchange.pages.feeds["feed"].rows
    assert len(shown) == 4_000
    assert {row[5] for row in shown.values()} >= {"14999", "orders: row 1 was added"}
    bench.orders.put(order(77))
    bench.loop.run(2)
    assert len(bench.rows) == 15_004
    assert bench.texts[0] == "orders: row 77 was added"


def test_a_thousand_changes_a_second_are_told_one_by_one(feed_bench):
    bench = feed_bench
    for number in range(1_000):
        bench.orders.put(order(1_000 + number))
        bench.loop.run(0.001)
    bench.loop.run(1)
    assert not any("more rows" in text for text in bench.texts)
    assert len(bench.source.log) == 1_000
    ticks = [frame for tick in bench.ticks for part in tick["to"] for frame in part["frames"]]
    assert len(ticks) < 60


def test_users_words_are_used_and_a_failure_is_logged_once(feed_bench, caplog):
    bench = feed_bench

    def words(row, before):
        if row["status"] == "broken":
            raise ValueError(f"secret {NUMBER}")
        if row["status"] == "quiet":
            return None
        return LiveFeed.Item(
            f"Order {row['id']} {row.get('phone')}: {before and before['status']}", "bid", "good"
        )

    bench.make(describe={"orders": words})
    bench.orders.put(order(7, phone=NUMBER))
    bench.loop.run(0.2)
    assert bench.texts[0] == "Order 7 +1 ••• ••• 4567: None"
    bench.orders.put(order(7, phone=NUMBER, status="paid"))
    bench.loop.run(0.2)
    assert bench.texts[0] == "Order 7 +1 ••• ••• 4567: new"
    total = bench.source.log.total
    bench.orders.put(order(7, status="quiet"))
    with caplog.at_level(logging.ERROR):
        bench.orders.put(order(7, status="broken"))
        bench.orders.put(order(8, status="broken"))
    bench.loop.run(0.2)
    assert bench.texts[:2] == ["orders: row 8 was added", "orders: row 7 changed (status: quiet → broken)"]
    assert bench.source.log.total == total + 2
    reports = [record.getMessage() for record in caplog.records if "describe" in record.getMessage()]
    assert len([text for text in reports if "'orders'" in text and "ValueError" in text]) == 1
    assert NUMBER not in caplog.text


def test_one_table_that_may_not_be_read_does_not_take_the_others_along(feed_bench):
    bench = feed_bench
    bench.calls.turn(TableState.ERROR, NoRightsError("calls"))
    bench.loop.run(0.2)
    assert bench.meta["state"] == "live"
    assert bench.meta["error"] is None
    [failing] = bench.meta["failing"]
    assert (failing["table"], failing["kind"]) == ("calls", "NoRightsError")
    bench.orders.turn(TableState.ERROR, NoRightsError("orders"))
    bench.loop.run(0.2)
    assert bench.meta["state"] == "error"
    assert bench.meta["error"]["kind"] == "NoRightsError"
    bench.orders.turn(TableState.STALE)
    bench.loop.run(0.2)
    assert bench.meta["state"] == "stale"


def test_hostile_rows_are_told(feed_bench):
    bench = feed_bench
    bench.orders.put(
        {"id": "<b>", "status": "<script>", "created_at": "infinity"},
        {"id": math.nan, "status": None},
        {"id": 2**70, "status": "\ud800" + "x" * 10_000},
        {"id": None, "created_at": 5},
    )
    bench.loop.run(0.2)
    bench.orders.put({"id": "<b>", "status": "</script>" * 2_000})
    bench.loop.run(0.2)
    assert "orders: row <b> was added" in bench.texts
    assert f"orders: row {2**70} was added" in bench.texts
    assert all(len(text) <= 300 for text in bench.texts)
    assert all(isinstance(row["at"], int) for row in bench.rows.values())


# The widget


def test_the_options_are_traits_and_what_is_wrong_is_said(comms):
    live = MemoryLive()
    table = MemoryTable(live, "orders")
    feed = LiveFeed(table, title="Now", limit=50, paused=True, search="x", height=300, size="wall")
    assert (feed.limit, feed.paused, feed.selected, feed.shown_kinds) == (50, True, None, [])
    assert repr(feed) == "<LiveFeed>"
    with pytest.raises(TypeError, match="at least one LiveTable"):
        LiveFeed()
    with pytest.raises(TypeError, match="not str"):
        LiveFeed("orders")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="LiveTables, not MemoryLive"):
        LiveFeed(live, table)
    with pytest.raises(TypeError, match="'orders' twice"):
        LiveFeed(table, MemoryTable(live, "orders"))
    with pytest.raises(TypeError, match="`bids` goes with a Live"):
        LiveFeed(table, bids=True)
    with pytest.raises(TypeError, match="Did you mean 'orders'"):
        LiveFeed(table, describe={"order": lambda row, before: None})
    with pytest.raises(TypeError, match="no function"):
        LiveFeed(table, describe={"orders": "text"})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="no option 'tittle'"):
        LiveFeed(table, tittle="x")
    for limit in (0, MOST_ITEMS + 1):
        with pytest.raises(TraitError):
            LiveFeed(table, limit=limit)
    feed.close()
    assert not table.handle_closed


def test_a_live_gives_calls_payments_and_alerts_and_bids_on_request(comms):
    live = MemoryLive(calls=[])
    feed = LiveFeed(live)
    page = HubPage(hub(), comms)
    page.open(feed.feed)
    wait_until(lambda: page.meta(feed.feed).get("state") == "live", 10, "live")
    assert page.meta(feed.feed)["tables"] == ["calls", "payments", "alerts"]
    assert sorted(table.name for table in live.opened) == [
        "alerts",
        "buyers",
        "calls",
        "campaigns",
        "payments",
        "publishers",
    ]
    feed.close()
    wait_until(lambda: all(table.handle_closed for table in live.opened), 10, "all to be closed")
    with_bids = LiveFeed(live, bids=True)
    assert list(with_bids._feed_source._leases) == ["calls", "payments", "alerts", "bids"]
    with_bids.close()


def settled():
    """Wait until the I/O thread has done what it was told."""
    done = threading.Event()
    io_thread().call(done.set)
    assert done.wait(20)


def test_items_can_be_read_in_python_and_hold_the_key_of_their_row(comms):
    live = MemoryLive()
    table = RememberingTable(live, "orders", rows=[])
    feed = LiveFeed(table, limit=3)
    assert feed.recent() == []
    page = HubPage(hub(), comms)
    page.open(feed.feed)
    wait_until(lambda: page.meta(feed.feed).get("state") == "live", 10, "live")
    io_thread().call(lambda: table.put(*(order(n) for n in range(5))))
    wait_until(lambda: len(page.rows(feed.feed)) == 3, 10, "the items")
    assert [item.key for item in feed.recent()] == [(4,), (3,), (2,)]
    [newest] = feed.recent(1)
    assert (newest.table, newest.event, newest.text) == ("orders", Event.INSERT, "orders: row 4 was added")
    assert feed.recent(0) == []
    feed.selected = str(newest.id)
    assert feed.selected_item == newest
    for nothing in (None, "99", "x", ""):
        feed.selected = nothing
        assert feed.selected_item is None
    feed.limit = 1
    wait_until(lambda: len(page.rows(feed.feed)) == 1, 10, "the smaller log")
    assert [item.key for item in feed.recent()] == [(4,)]
    feed.close()


def test_the_page_writes_what_it_shows_and_nothing_else(comms):
    feed = LiveFeed(MemoryTable(MemoryLive(), "orders"))
    feed.set_state(
        {"selected": "3", "paused": True, "shown_kinds": ["orders"], "title": "hacked", "search": "a"}
    )
    assert (feed.selected, feed.paused, feed.shown_kinds, feed.search) == ("3", True, ["orders"], "a")
    assert feed.title == "Activity"
    feed.close()


# With the real backend


@pytest.fixture
def live(sandbox):
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
        yield live


def test_a_call_and_a_payment_are_told_as_they_are_committed(live, sandbox_db, comms):
    [buyer] = sandbox_db.execute("insert into buyers (company_name) values ('Acme') returning id").fetchone()
    [campaign] = sandbox_db.execute("insert into campaigns (name) values ('Solar') returning id").fetchone()
    feed = LiveFeed(live)
    page = HubPage(hub(), comms)
    page.open(feed.feed)

    def told(text: str) -> bool:
        return any(row["text"] == text for row in page.rows(feed.feed).values())

    wait_until(lambda: page.meta(feed.feed).get("state") == "live", 20, "the feed to be live")
    [call] = sandbox_db.execute(
        "insert into calls (campaign_id, buyer_id, status, caller_number) values (%s, %s, 'ringing', %s) returning id",
        [campaign, buyer, NUMBER],
    ).fetchone()
    wait_until(lambda: told("Call from +1 ••• ••• 4567 rings at Acme — Solar"), 20, "the call")
    sandbox_db.execute("update calls set status = 'in-progress', connected_at = now() where id = %s", [call])
    wait_until(lambda: told("Call from +1 ••• ••• 4567 connected to Acme — Solar"), 20, "the answer")
    [payment] = sandbox_db.execute(
        "insert into payments (buyer_id, direction, amount) values (%s, 'receivable', 240) returning id",
        [buyer],
    ).fetchone()
    sandbox_db.execute("update payments set status = 'paid', confirmed_at = now() where id = %s", [payment])
    wait_until(lambda: told("Payment of $240.00 from Acme confirmed"), 20, "the payment")
    # Out of sight and back: what was told is there, and so is what was missed.
    before = dict(page.rows(feed.feed))
    page.open()
    settled()
    sandbox_db.execute("update calls set status = 'completed', ended_at = now() where id = %s", [call])
    wait_until(lambda: _ended(live, call), 20, "the table to know")
    page.open(feed.feed)
    wait_until(lambda: told("Call from +1 ••• ••• 4567 to Acme ended — Solar"), 20, "what was missed")
    assert {key: page.rows(feed.feed)[key] for key in before} == before
    sandbox_db.execute("delete from calls where id = %s", [call])
    wait_until(lambda: told("Call from +1 ••• ••• 4567 was deleted"), 20, "the delete")
    saved = json.dumps(ipywidgets.Widget.get_manager_state(), default=str)
    assert NUMBER[2:] not in saved + repr(feed) + repr(feed.recent()) + str(comms)
    feed.close()
    wait_until(lambda: not live._upstream._followers, 10, "the tables to be closed")


def _ended(live: Live, call: object) -> bool:
    for follower in live._upstream._followers.values():
        if follower.request.table == "calls":
            row = follower.edits.get((str(call),))
            return row is not None and row["status"] == "completed"
    return False


def test_who_may_not_read_payments_still_sees_the_calls(sandbox, sandbox_db, comms):
    with Live(sandbox.url, sandbox.anon_key) as public:
        feed = LiveFeed(public)
        page = HubPage(hub(), comms)
        page.open(feed.feed)
        wait_until(lambda: page.meta(feed.feed).get("state") == "live", 20, "the feed to be live")
        [call] = sandbox_db.execute(
            "insert into calls (status, caller_number) values ('ringing', %s) returning id", [NUMBER]
        ).fetchone()
        wait_until(
            lambda: any("4567 rings" in row["text"] for row in page.rows(feed.feed).values()), 20, "the call"
        )
        sandbox_db.execute("delete from calls where id = %s", [call])
        feed.close()


def test_of_a_flood_every_change_is_told_or_counted(live, sandbox_db, comms):
    sandbox_db.execute("delete from alerts where rule = 'flood'")
    alerts = live.table("alerts", where={"rule": "flood"})
    feed = LiveFeed(alerts, limit=10_000)
    page = HubPage(hub(), comms)
    page.open(feed.feed)
    wait_until(lambda: page.meta(feed.feed).get("state") == "live", 20, "the feed to be live")
    before = page.ticks
    sandbox_db.execute(
        "insert into alerts (rule, message) select 'flood', 'Alert ' || n from generate_series(1, 5000) n"
    )

    def accounted() -> int:
        events = [(row["event"], row["text"]) for row in page.rows(feed.feed).values()]
        counted = [text.split()[1].replace(",", "") for event, text in events if event == "many"]
        return sum(event == "insert" for event, _ in events) + sum(map(int, counted))

    wait_until(lambda: accounted() >= 5_000, 30, "all of them")
    assert accounted() == 5_000
    assert page.ticks - before < 400
    feed.close()
    alerts.close()
    sandbox_db.execute("delete from alerts where rule = 'flood'")
