from __future__ import annotations

import gc
import json
from datetime import UTC, datetime, timedelta

import ipywidgets
import pandas as pd
import pytest
import traitlets
from ipywidgets.widgets.widget import _instances
from traitlets import TraitError

from livewidgets.errors import ClosedError, WindowError
from livewidgets.live.client import Live
from livewidgets.live.thread import io_thread
from livewidgets.testing import wait_until
from livewidgets.traits import Interval, Owner
from livewidgets.widgets.hub import hub
from livewidgets.widgets.lease import Owned
from livewidgets.widgets.realtime_chart import RealtimeChart
from tests.widgets.conftest import MemoryLive, MemoryTable
from tests.widgets.hub_page import HubPage

NUMBER = "+15551234567"


@pytest.fixture
def table(comms):
    return MemoryTable(MemoryLive(), rows=[{"id": 1, "created_at": "2020-11-22T12:00:00Z", "status": "a"}])


def test_one_line_of_code_is_enough(table):
    chart = RealtimeChart(table)
    assert chart.title == "Calls"
    assert (chart.kind, chart.range, chart.visible, chart.paused) == ("line", None, [], False)
    assert chart.series == 8
    chart.close()
    chart.close()
    assert not table.handle_closed


def test_the_heading_says_what_is_measured_unless_it_was_given(table):
    chart = RealtimeChart(table, y="sum(revenue)", by="campaign_id")
    assert chart.title == "Sum(revenue) by campaign"
    chart.y = "count"
    assert chart.title == "Calls by campaign"
    chart.close()
    chart = RealtimeChart(table, title="")
    chart.by = "status"
    assert chart.title == ""
    chart.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"y": "variance(n)"},
        {"every": "soon"},
        {"window": "100d"},
        {"by": 3},
        {"series": 0},
        {"thresholds": "many"},
        {"annotations": "alerts"},
    ],
)
def test_what_cannot_be_drawn_is_said_at_once(table, wrong):
    with pytest.raises(WindowError) as caught:
        RealtimeChart(table, **wrong)
    assert caught.value.advice
    name, value = next(iter(wrong.items()))
    if name == "annotations":
        return
    chart = RealtimeChart(table)
    with pytest.raises(WindowError):
        setattr(chart, name, value)
    assert getattr(chart, name) != value
    chart.close()


def test_what_it_does_not_take(table):
    with pytest.raises(TypeError, match="LiveTable or a Live"):
        RealtimeChart([1, 2])
    with pytest.raises(TypeError, match="narrow a LiveTable"):
        RealtimeChart(table, where={"a": 1})
    with pytest.raises(TypeError, match="Did you mean 'thresholds'"):
        RealtimeChart(table, treshold=[3])
    with pytest.raises(TraitError):
        RealtimeChart(table, kind="pie")


def test_what_a_reader_picks_is_a_trait(table):
    chart = RealtimeChart(table)
    heard = []
    chart.observe(lambda change: heard.append(change.new), ["range", "visible", "paused"])
    chart.set_state({"range": [1000, 2500.5], "visible": ["a"], "paused": True, "title": "mine"})
    assert sorted(map(str, heard)) == ["True", "['a']", "[1000.0, 2500.5]"]
    assert chart.title == "Calls"
    assert chart.between == (
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 0, 2, 500_500 - 500, tzinfo=UTC) + timedelta(microseconds=500),
    )
    chart.between = None
    assert chart.range is None
    assert chart.between is None
    moments = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
    chart.between = moments
    assert chart.between == moments
    for wrong in ([2, 1], [1], [1, float("nan")], [1, 1e300], "now"):
        with pytest.raises(TraitError):
            chart.range = wrong
    chart.close()


def test_an_interval_goes_forwards():
    class Options(traitlets.HasTraits):
        span = Interval(owner=Owner.VIEW)

    options = Options(span=[1, 2])
    options.span = None
    with pytest.raises(TraitError, match="from before to"):
        options.span = [2.0, 2.0]


def test_other_series_are_not_hidden_by_the_names_of_the_ones_before(table):
    chart = RealtimeChart(table, by="status")
    chart.visible = ["a"]
    chart.by = "campaign_id"
    assert chart.visible == []
    chart.close()


def test_a_connection_is_enough_and_its_table_is_the_charts_own(comms):
    live = MemoryLive(calls=[], campaigns=[{"id": 7, "name": "Solar"}])
    chart = RealtimeChart(live, table="calls", where={}, by="campaign_id")
    page = HubPage(hub(), comms)
    page.open(chart.feed)
    wait_until(lambda: page.meta(chart.feed).get("state") == "live", 10, "the chart")
    calls = next(one for one in live.opened if one.name == "calls")
    lease = chart._window_feed._leases["rows"]
    assert isinstance(lease, Owned)
    chart.x = "ended_at"
    wait_until(lambda: calls.handle_closed, 10, "the table with the other order")
    chart.close()
    wait_until(lambda: all(one.handle_closed for one in live.opened), 10, "the tables to be closed")


def test_it_measures_something_else_while_it_is_looked_at(table, comms):
    chart = RealtimeChart(table, by="status", window="1d", every="1h")
    now = datetime.now(UTC).isoformat()
    table.put(
        {"id": 2, "created_at": now, "status": "b", "n": 4}, {"id": 3, "created_at": now, "status": "c"}
    )
    page = HubPage(hub(), comms)
    page.open(chart.feed)
    names = lambda: sorted(row["name"] for row in page.rows(chart.feed).values() if row["kind"] == "s")  # noqa: E731
    wait_until(lambda: names() == ["b", "c"], 10, "the series")
    chart.y = ["count", "sum(n)"]
    wait_until(lambda: len(names()) == 4, 10, "the measures")
    chart.by = None
    wait_until(lambda: names() == ["count", "sum(n)"], 10, "one series")
    chart.every = "10m"
    wait_until(lambda: page.meta(chart.feed)["every"] == 600_000, 10, "the buckets")
    chart.thresholds = {"Most": 4}
    wait_until(lambda: page.meta(chart.feed)["thresholds"], 10, "the line")
    page.command(chart.feed, "explode")
    wait_until(lambda: page.look().answers, 10, "the answer")
    assert page.answers[0]["ok"] is False
    chart.close()


def test_nothing_is_left_of_it(table):
    RealtimeChart(table).close()
    gc.collect()
    before = len(_instances)
    for _ in range(20):
        chart = RealtimeChart(table, by="status", annotations=[], thresholds=[1])
        chart.every = "10s"
        chart.close()
    io_thread().run(_nothing())
    del chart
    gc.collect()
    assert len(_instances) == before
    assert table.taps == 0


async def _nothing() -> None:
    """Let the I/O thread finish what it was given before."""


# -- the real backend -------------------------------------------------------------------------------------------------


@pytest.fixture
def live(sandbox):
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
        yield live


@pytest.fixture
def campaign(sandbox_db):
    row = sandbox_db.execute("insert into campaigns (name) values ('Solar chart') returning id").fetchone()
    yield str(row[0])
    sandbox_db.execute("delete from calls where campaign_id = %s", [row[0]])
    sandbox_db.execute("delete from campaigns where id = %s", [row[0]])


def numbers(page: HubPage, feed: str) -> dict[tuple[str, int], float]:
    """What the page would draw: series and bucket to value."""
    rows = page.rows(feed)
    names = {int(key[1:]): row["name"] for key, row in rows.items() if row["kind"] == "s"}
    found = {}
    for row in rows.values():
        if row["kind"] == "b":
            packed = json.loads(row["v"])
            found |= {(names[n], row["at"]): v for n, v in zip(packed[::2], packed[1::2], strict=True)}
    return found


def test_a_chart_follows_the_database(live, sandbox_db, campaign, comms, caplog):
    calls = live.table("calls", where={"campaign_id": campaign}, fixed=("campaign_id",)).ready()
    alerts = live.table("alerts")
    chart = RealtimeChart(
        calls, y="sum(revenue)", by="campaign_id", every="1h", window="1d", annotations=alerts, kind="bar"
    )
    people = RealtimeChart(calls, by="caller_number", every="1h", window="1d")
    page = HubPage(hub(), comms)
    page.open(chart.feed, people.feed)
    wait_until(lambda: page.meta(chart.feed).get("state") == "live", 20, "the chart to be live")
    sandbox_db.execute(
        "insert into calls (campaign_id, status, revenue, caller_number, created_at) values"
        " (%(c)s, 'ringing', 5, %(n)s, now()), (%(c)s, 'ringing', 7, %(n)s, now() - interval '3 hours')",
        {"c": campaign, "n": NUMBER},
    )
    wait_until(
        lambda: (
            sorted((name, value) for (name, _), value in numbers(page, chart.feed).items())
            == [("Solar chart", 5), ("Solar chart", 7)]
        ),
        20,
        "both calls under their campaign's name",
    )
    # A late correction, and one that leaves.
    sandbox_db.execute("update calls set revenue = 9 where campaign_id = %s and revenue = 7", [campaign])
    sandbox_db.execute("delete from calls where campaign_id = %s and revenue = 5", [campaign])
    wait_until(lambda: list(numbers(page, chart.feed).values()) == [9], 10, "the correction")
    [alert] = sandbox_db.execute(
        "insert into alerts (severity, message, fired_at) values ('critical', %s, now()) returning id",
        [f"{NUMBER} called again"],
    ).fetchone()
    mark = wait_until(
        lambda: next(
            (r for r in page.rows(chart.feed).values() if r["kind"] == "a" and "again" in r["name"]), None
        ),
        10,
        "the alert",
    )
    assert mark["tone"] == "bad"
    assert mark["name"] == "+1 ••• ••• 4567 called again"
    frame = chart.to_pandas()
    assert list(frame.columns) == ["created_at", "campaign_id", "sum(revenue)"]
    assert frame["sum(revenue)"].to_list() == [9]
    assert frame["created_at"].iloc[0] < pd.Timestamp.now(tz="UTC") - pd.Timedelta(hours=2)
    wait_until(
        lambda: [name for name, _ in numbers(page, people.feed)] == ["+1 ••• ••• 4567"], 10, "the other chart"
    )
    # Nothing of a person is in what is saved, sent or logged.
    saved = json.dumps(ipywidgets.Widget.get_manager_state(), default=str)
    sent = str([(data, buffers) for _, _, data, buffers in comms])
    shown = repr([chart, people]) + str(chart._repr_mimebundle_())
    assert "Solar chart" not in saved
    assert NUMBER[2:] not in saved + sent + shown + caplog.text
    sandbox_db.execute("delete from alerts where id = %s", [alert])
    chart.close()
    people.close()
    wait_until(lambda: not calls._subscriptions and not alerts._subscriptions, 10, "the taps")
    calls.close()
    alerts.close()
    with pytest.raises(ClosedError):
        chart.to_pandas()


def test_a_chart_opens_its_own_table_and_gives_its_numbers_unseen(live, sandbox_db, campaign, comms):
    sandbox_db.execute("insert into calls (campaign_id, status) values (%s, 'ringing')", [campaign])
    chart = RealtimeChart(live, where={"campaign_id": campaign}, by="status", every="1h", window="1d")
    assert chart.to_pandas()["count"].to_list() == [1]
    chart.y = {"Calls taken": "count"}
    assert chart.to_pandas()["Calls taken"].to_list() == [1]
    chart.close()
    wait_until(lambda: not any(f.request.table == "calls" for f in live._upstream._followers.values()), 10)


def test_a_table_that_is_not_there_is_said_in_words(live, comms):
    chart = RealtimeChart(live, table="no_such_calls")
    page = HubPage(hub(), comms)
    page.open(chart.feed)
    meta = wait_until(lambda: page.meta(chart.feed).get("error"), 15, "the error")
    assert meta["kind"] == "UnknownTableError"
    assert meta["advice"]
    chart.close()
