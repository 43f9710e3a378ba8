"""The numbers of a chart on a bench: what a page has equals a recomputation, and time alone sends nothing."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import livewidgets.widgets.window_feed as module
from livewidgets.core.order import Order
from livewidgets.core.window_plan import OTHERS
from livewidgets.errors import WindowError
from livewidgets.live.table import TableState
from livewidgets.widgets.lease import Borrowed
from livewidgets.widgets.lookup import Lookup
from livewidgets.widgets.window_feed import WindowFeed
from livewidgets.widgets.window_feed_marks import MOST_MARKS, Marks
from livewidgets.widgets.window_feed_names import Names, names_of
from livewidgets.widgets.window_feed_plan import MOST_SERIES, WindowPlan, read_thresholds
from livewidgets.widgets.window_feed_series import SeriesBook
from tests.widgets.conftest import Bench, MemoryTable, set_clocks

EVERY = 5
NUMBER = "+15551234567"


def text_of(moment: float) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)).isoformat()


def plan(**options) -> WindowPlan:
    asked = {"x": "at", "y": "count", "by": "status", "every": EVERY, "window": 60, "series": 8}
    return WindowPlan.read(**(asked | options))


class FeedBench(Bench):
    """A chart's feed with a page at its end, and a table to write to."""

    def __init__(self, monkeypatch, *, rows=(), table=None, lookups=None, marks=None, masked=True, **options):
        super().__init__()
        set_clocks(monkeypatch, module, time=self.wall)
        self.table = table or MemoryTable(rows=rows)
        self.source = WindowFeed(
            Borrowed(self.table),
            plan(**options),
            names=Names(lookups or {}),
            marks=Marks(marks, masked=masked),
            thresholds=read_thresholds([5]),
            masked=masked,
        )
        self.exchange.register("chart", self.source)
        self.show("chart")
        self.loop.run(0.2)

    def row(self, identity: int, ago: float = 0.0, status: object = "a", **values):
        return {"id": identity, "at": text_of(self.wall() - ago), "status": status} | values

    @property
    def rows(self):
        return self.pages[0].feeds["chart"].rows

    @property
    def meta(self):
        return self.pages[0].feeds["chart"].meta

    @property
    def names(self) -> list[str]:
        found = [row for row in self.rows.values() if row["kind"] == "s"]
        return [
            row["name"] for row in sorted(found, key=lambda row: (row["at"] < 0, row["at"], row["until"]))
        ]

    @property
    def sent(self) -> int:
        """How many messages had something for the page."""
        return len([tick for tick in self.ticks if tick["to"]])

    def shown(self) -> dict[tuple[int, str], float]:
        """What the page draws: by bucket and series, without what time has passed."""
        names = {int(key[1:]): row["name"] for key, row in self.rows.items() if row["kind"] == "s"}
        last = math.floor(self.wall() / EVERY)
        found = {}
        for row in self.rows.values():
            if row["kind"] == "b" and last - self.source.plan.buckets < row["at"] <= last:
                packed = json.loads(row["v"])
                for number, value in zip(packed[::2], packed[1::2], strict=True):
                    found[row["at"], names[number]] = value
        return found

    def naive(self) -> dict[tuple[int, str], float]:
        last = math.floor(self.wall() / EVERY)
        found: dict[tuple[int, str], float] = {}
        for row in self.table._replica.rows():
            bucket = math.floor(datetime.fromisoformat(row["at"]).timestamp() / EVERY)
            if last - self.source.plan.buckets < bucket <= last:
                place = (bucket, str(row["status"]) if row["status"] is not None else "none")
                found[place] = found.get(place, 0) + 1
        return found


def test_what_comes_late_changes_and_goes_corrects_the_page(monkeypatch):
    bench = FeedBench(monkeypatch)
    bench.table.put(bench.row(1), bench.row(2, 20), bench.row(3, 20, "b"), bench.row(4, 500))
    bench.loop.run(0.3)
    assert bench.names == ["a", "b"]
    assert bench.shown() == bench.naive()
    assert sum(bench.shown().values()) == 3
    bench.table.put(bench.row(2, 40))
    bench.table.remove(3)
    bench.loop.run(0.3)
    assert bench.shown() == bench.naive()
    assert len(bench.shown()) == 2


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "remove", "pass", "hide", "deaf"]),
        st.integers(0, 9),
        st.integers(-8, 70),
        st.sampled_from(["a", "b", "c", "d", None]),
    ),
    max_size=25,
)


@given(operations=OPERATIONS, series=st.integers(1, 5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changes_and_any_time_end_with_a_recomputation(operations, series):
    with pytest.MonkeyPatch.context() as monkeypatch:
        bench = FeedBench(monkeypatch, series=series)
        for what, identity, seconds, status in operations:
            if what == "put":
                bench.table.put(bench.row(identity, seconds, status))
            elif what == "remove" and (identity,) in bench.table._replica.by_key:
                bench.table.remove(identity)
            elif what == "pass":
                bench.loop.run(abs(seconds) / 3)
            elif what == "hide":
                bench.show()
                bench.loop.run(0.2)
                bench.show("chart")
            elif what == "deaf":  # what is sent now is lost
                bench.deaf = not bench.deaf
        bench.deaf = False
        bench.show("chart")
        bench.loop.run(6)
        # What lay just ahead of time is let in with a beat, and the groups are ranked anew: one comes every 2 s.
        while not 2.5 < bench.wall() % EVERY < 4.5:
            bench.loop.run(0.5)
        wanted = bench.naive()
        groups = {name for _, name in wanted}
        if len(groups) > series:
            apart = {name for _, name in bench.shown()} - {"Other"}
            assert len(apart) == series
            folded: dict[tuple[int, str], float] = {}
            for (bucket, name), value in wanted.items():
                place = (bucket, name if name in apart else "Other")
                folded[place] = folded.get(place, 0) + value
            wanted = folded
        assert bench.shown() == wanted


def test_time_alone_sends_nothing(monkeypatch):
    bench = FeedBench(monkeypatch)
    bench.table.put(*(bench.row(n, n) for n in range(50)))
    bench.loop.run(0.5)
    sent, told = bench.sent, len(bench.rows)
    bench.loop.run(45)
    assert bench.sent == sent
    assert len(bench.rows) == told
    # With the next change what has passed goes too.
    bench.table.put(bench.row(99))
    bench.loop.run(0.5)
    assert bench.sent == sent + 1
    assert len(bench.rows) < told
    assert bench.shown() == bench.naive()


def test_a_page_left_open_for_hours_does_not_fill_up(monkeypatch):
    bench = FeedBench(monkeypatch)
    for n in range(400):
        bench.table.put(bench.row(n, status=f"s{n % 3}"))
        bench.loop.run(EVERY)
    assert len([row for row in bench.rows.values() if row["kind"] == "b"]) <= 12 + 3
    assert len(bench.source._data) <= 13
    assert len(bench.exchange.pages.feeds["chart"].rows) <= 20


def test_a_thousand_changes_are_a_few_rows(monkeypatch):
    bench = FeedBench(monkeypatch)
    before = bench.sent
    for n in range(1000):
        bench.table.put(bench.row(n))
        bench.loop.run(0.001)
    bench.loop.run(0.5)
    assert bench.shown() == bench.naive()
    assert bench.sent - before < 30


def test_a_row_ahead_of_time_comes_in_its_time(monkeypatch):
    bench = FeedBench(monkeypatch)
    bench.table.put(bench.row(1, -7))
    bench.loop.run(0.5)
    assert bench.shown() == {}
    bench.loop.run(12)
    assert sum(bench.shown().values()) == 1


def test_nothing_is_kept_while_nobody_looks(monkeypatch):
    bench = FeedBench(monkeypatch)
    bench.table.put(bench.row(1))
    bench.loop.run(0.2)
    bench.show()
    bench.loop.run(0.2)
    assert bench.source._data is None
    assert bench.table.taps == 0
    bench.table.put(bench.row(2))
    bench.show("chart")
    bench.loop.run(0.2)
    assert bench.shown() == bench.naive() != {}


def test_the_page_is_told_how_to_read_the_rows(monkeypatch):
    bench = FeedBench(monkeypatch, y=["count", "mean(n)"], by=())
    assert bench.meta["every"] == 5000
    assert bench.meta["buckets"] == 12
    assert bench.meta["measures"] == [
        {"text": "count", "zero": True, "whole": True},
        {"text": "mean(n)", "zero": False, "whole": False},
    ]
    assert bench.meta["thresholds"] == [{"value": 5.0, "label": "", "tone": "warn"}]
    assert bench.meta["from"] is None
    bench.table.put(bench.row(1, n=4), bench.row(2, n=None))
    bench.loop.run(0.2)
    assert bench.names == ["count", "mean(n)"]
    assert sorted(bench.shown().values()) == [2, 4]
    bench.table.turn(TableState.STALE)
    bench.loop.run(0.2)
    assert bench.meta["state"] == "stale"
    assert bench.meta["every"] == 5000


class OrderedTable(MemoryTable):
    """One whose newest rows come first."""

    order = property(lambda self: Order.parse("-at"))


def test_where_older_rows_are_not_loaded_the_page_is_told_from_when_on_they_are(monkeypatch):
    table = OrderedTable()
    bench = FeedBench(monkeypatch, table=table)
    table.put(bench.row(1), bench.row(2, 23))
    table.turn(TableState.LIVE, partial=True)
    bench.loop.run(3)
    # The bucket of the oldest row may lack others.
    begin = math.floor((bench.wall() - 26) / EVERY + 1) * EVERY
    assert abs(bench.meta["from"] / 1000 - begin) <= EVERY
    table.put(bench.row(3, 300))
    bench.loop.run(3)
    assert bench.meta["from"] is None


def test_something_else_is_measured_on_the_same_page(monkeypatch):
    bench = FeedBench(monkeypatch)
    bench.table.put(bench.row(1, n=3), bench.row(2, 10, n=4))
    bench.loop.run(0.2)

    bench.source.reshape(plan(y="sum(n)", by=()), Names({}))
    bench.source.rethink([])
    bench.exchange.refresh("chart")
    bench.loop.run(0.3)
    assert bench.names == ["sum(n)"]
    assert sorted(bench.shown().values()) == [3, 4]
    assert bench.meta["thresholds"] == []


def test_names_come_and_change(monkeypatch):
    campaigns = MemoryTable(name="campaigns", rows=[{"id": 7, "name": "Solar"}])
    bench = FeedBench(
        monkeypatch, by="campaign_id", lookups={"campaign_id": Lookup(Borrowed(campaigns), "name")}
    )
    bench.table.put(bench.row(1, campaign_id=7), bench.row(2, campaign_id="0123456789ab"), bench.row(3))
    bench.loop.run(0.2)
    assert bench.names == ["01234567", "Solar", "none"]
    campaigns.put({"id": 7, "name": "Roofing"})
    bench.loop.run(0.2)
    assert bench.names == ["01234567", "Roofing", "none"]


def test_personal_data_is_masked_in_names_and_stays_two_lines(monkeypatch):
    bench = FeedBench(monkeypatch, by="caller_number")
    bench.table.put(
        bench.row(1, caller_number=NUMBER), bench.row(2, caller_number="+15559994567"), bench.row(3)
    )
    bench.loop.run(0.2)
    assert bench.names == ["+1 ••• ••• 4567", "+1 ••• ••• 4567 (2)", "none"]
    assert "5551234" not in str(bench.messages) + str(bench.buffers)
    bench = FeedBench(monkeypatch, by="caller_number", masked=False)
    bench.table.put(bench.row(1, caller_number=NUMBER))
    bench.loop.run(0.2)
    assert bench.names == [NUMBER]
    assert bench.meta["masked"] is False


def test_hostile_values_are_names_of_a_sane_length(monkeypatch):
    bench = FeedBench(monkeypatch)
    values = ["<b>x</b>", "x" * 10_000, "", None, True, math.nan, 2**70, {"a": 1}]
    bench.table.put(*(bench.row(n, status=value) for n, value in enumerate(values)))
    bench.loop.run(0.2)
    assert len(bench.names) == 8
    assert all(0 < len(name) <= 90 for name in bench.names)
    assert {"<b>x</b>", "none", "status: yes"} <= set(bench.names)


def test_marks_of_a_table_are_shown_and_masked(monkeypatch):
    alerts = MemoryTable(name="alerts")
    bench = FeedBench(monkeypatch, marks=alerts)
    alert = {"fired_at": text_of(bench.wall() - 9), "severity": "critical", "message": f"Call {NUMBER} back"}
    alerts.put({"id": 1} | alert, {"id": 2, "fired_at": None, "message": "no time"})
    bench.loop.run(0.2)
    [row] = [row for row in bench.rows.values() if row["kind"] == "a"]
    assert row["name"] == "Call +1 ••• ••• 4567 back"
    assert row["tone"] == "bad"
    assert row["at"] == round(1000 * (bench.wall() - 9.2), -2)
    alerts.remove(1)
    bench.loop.run(0.2)
    assert not [row for row in bench.rows.values() if row["kind"] == "a"]
    alerts.put(*({"id": n} | alert for n in range(500)))
    bench.loop.run(0.2)
    assert len([row for row in bench.rows.values() if row["kind"] == "a"]) == MOST_MARKS
    # One that fails takes nothing along.
    alerts.turn(TableState.ERROR)
    bench.loop.run(0.2)
    assert bench.meta["state"] == "live"
    bench.show()
    bench.loop.run(0.2)
    assert alerts.taps == 0


def test_marks_may_be_listed():
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    marks = Marks(
        [
            {"at": now, "text": "Deployed", "tone": "good"},
            {"at": now.timestamp() + 1, "text": "b"},
            {"at": "2026-11-22T12:00:02Z"},
        ]
    )
    found = list(marks.within(0).values())
    assert [mark.at - now.timestamp() for mark in found] == [0, 1, 2]
    assert [mark.tone for mark in found] == ["good", "neutral", "neutral"]
    assert list(marks.within(now.timestamp() + 1.5).values()) == found[2:]
    for wrong in ("alerts", {"at": now}, [{"text": "no time"}], [7], 7):
        with pytest.raises(WindowError) as caught:
            Marks(wrong)
        assert "LiveTable" in caught.value.advice


def test_thresholds_in_all_spellings():
    line = {"value": 30.0, "label": "Too many", "tone": "warn"}
    assert read_thresholds({"Too many": 30}) == [line]
    assert read_thresholds({"value": 30, "label": "Too many"}) == [line]
    assert read_thresholds([30, {"value": 1.5, "tone": "bad"}]) == [
        {"value": 30.0, "label": "", "tone": "warn"},
        {"value": 1.5, "label": "", "tone": "bad"},
    ]
    assert read_thresholds(None) == []
    for wrong in ("30", [None], {"a": "b"}, [{"value": 3, "tone": "pink"}], math.nan, [True], object()):
        with pytest.raises(WindowError) as caught:
            read_thresholds(wrong)
        assert "tones are" in caught.value.advice


def test_a_status_of_a_call_is_put_into_words_unless_names_are_not_wanted():
    named = names_of(True, None, ("status",))
    assert [named("status", one) for one in ("in-progress", "parked")] == ["In progress", None]
    assert names_of(False, None, ("status",))("status", "in-progress") is None
    assert names_of({"in-progress": "Talking"}, None, ("status",))("status", "in-progress") == "Talking"


def test_a_plan_that_cannot_be():
    for wrong in (
        {"series": 0},
        {"series": MOST_SERIES + 1},
        {"series": "x"},
        {"y": 7},
        {"every": "soon"},
        {"by": 3},
        {"y": {}},
        {"y": []},
        {"y": {"": "count"}},
        {"y": {7: "count"}},
        {"y": {"Mean": "variance(n)"}},
        {"y": {"Mean": "mean(n)", "Average": "avg(n)"}},
        {"y": {"Mean": "mean(n)", " Mean ": "sum(n)"}},
    ):
        with pytest.raises(WindowError):
            plan(**wrong)
    assert plan(by=None).by == ()
    assert plan(y=["count", "p95(n)"], by=["campaign_id", "is_new"]).title("calls") == (
        "Calls, p95(n) by campaign and is new"
    )
    assert list(plan(y=["mean(n)", "avg(n)"]).measures) == ["mean(n)"]
    labelled = plan(y={"Calls taken": "count", " Mean bid ": "mean(amount)"}, by=None)
    assert labelled.title("calls") == "Calls taken, Mean bid"
    assert [told["text"] for told in labelled.told()] == ["Calls taken", "Mean bid"]
    assert list(labelled.window(0.0).measures) == ["count", "mean(amount)"]


class TestSeriesBook:
    def book(self, **options):
        return SeriesBook(plan(**options), Names({}), masked=True)

    def test_the_largest_are_told_apart_and_keep_their_colours(self):
        book = self.book(series=2)
        assert book.rank({("a",): 5, ("b",): 9, ("c",): 2})
        assert [(one.name, one.slot) for one in book.series] == [("b", 0), ("a", 1), ("Other", -1)]
        assert book.others == 1
        number = book.number(("b",), 0)
        # One that is a little larger does not take a place.
        assert not book.rank({("a",): 5, ("b",): 9, ("c",): 7})
        assert book.rank({("a",): 5, ("b",): 9, ("c",): 8})
        assert [(one.name, one.slot) for one in book.series] == [("b", 0), ("c", 1), ("Other", -1)]
        assert book.number(("b",), 0) == number
        assert book.number(("a",), 0) is None

    def test_a_place_that_is_left_is_taken(self):
        book = self.book(series=2)
        book.rank({("a",): 5, ("b",): 9, ("c",): 2})
        assert book.rank({("a",): 5, ("c",): 2})
        assert [(one.name, one.slot) for one in book.series] == [("c", 0), ("a", 1)]
        assert book.others == 0
        assert book.rank({})
        assert book.series == []

    def test_measures_are_series_of_their_own(self):
        book = self.book(y=["count", "sum(n)"], series=1)
        book.rank({("a",): 2, ("b",): 1})
        assert [one.name for one in book.series] == [
            "a · count",
            "a · sum(n)",
            "Other · count",
            "Other · sum(n)",
        ]
        assert book.number(OTHERS, 1) is not None

    def test_two_groups_that_grow_alike_do_not_change_places(self):
        book = self.book(series=1)
        changes = sum(book.rank({("a",): n, ("b",): n + (-1) ** n}) for n in range(5, 60))
        assert changes == 1
