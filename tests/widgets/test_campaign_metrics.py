from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import pytest
from traitlets import TraitError

import livewidgets.widgets.campaign_metrics_source as module
from livewidgets.core.kpi import FORMULAS, Kpis
from livewidgets.core.order import Order
from livewidgets.errors import NoRightsError, WindowError
from livewidgets.live.client import Live
from livewidgets.live.replay import replay
from livewidgets.live.table import TableState
from livewidgets.live.thread import io_thread
from livewidgets.testing import wait_until
from livewidgets.widgets.campaign_metrics import CampaignMetrics
from livewidgets.widgets.campaign_metrics_source import Board, MetricsSource
from livewidgets.widgets.campaign_metrics_tiles import MOST_CAPS, POINTS, TILES, whole
from livewidgets.widgets.hub import hub
from livewidgets.widgets.lease import NEWEST, Borrowed
from livewidgets.widgets.live_bidding import LiveBidding
from tests.widgets.conftest import Bench, MemoryLive, MemoryTable, set_clocks
from tests.widgets.hub_page import HubPage

#: The bench's clock when it begins, in the middle of a minute.
START = 1_800_000_030.0


def at(seconds: float) -> str:
    return datetime.fromtimestamp(START + seconds, UTC).isoformat()


def call(number: int, created: float = -60, **values):
    return {
        "id": f"call-{number}",
        "status": "completed",
        "created_at": at(created),
        "connected_at": at(created + 5),
        "ended_at": at(created + 35),
        "connected_seconds": 30,
        "is_converted": False,
        "is_duplicate": False,
        "revenue": "40.00",
        "payout": "25.00",
        "telco_cost": "0.0500",
        "target_id": "target-1",
        "campaign_id": 7,
    } | values


def target(number: int = 1, **values):
    return {
        "id": f"target-{number}",
        "name": f"Target {number}",
        "status": "active",
        "concurrency_cap": 4,
        "daily_cap": 10,
    } | values


class CallTable(MemoryTable):
    """Calls with the newest first, of which there may be more."""

    order = Order.parse("-created_at")

    def __init__(self, rows=(), **options) -> None:
        super().__init__(rows=rows, **options)


@pytest.fixture
def make_bench(monkeypatch):
    """A source of figures on a bench, without a widget."""

    class MetricsBench(Bench):
        def __init__(self, *rows, targets=None, state=TableState.LIVE, begins=30.0, **board) -> None:
            super().__init__()
            self.loop.now = begins
            set_clocks(monkeypatch, module, time=self.wall)
            self.table = CallTable(rows, state=state)
            self.targets = None if targets is None else MemoryTable(name="targets", rows=targets)
            board.setdefault("caps", targets is not None)
            lease = None if self.targets is None else Borrowed(self.targets)
            self.source = MetricsSource(Borrowed(self.table), lease, Board(**board))
            self.exchange.register("metrics", self.source)
            self.show("metrics")
            self.loop.run(0.1)

        @property
        def rows(self):
            return self.pages[0].feeds["metrics"].rows

        @property
        def meta(self):
            return self.pages[0].feeds["metrics"].meta

    return MetricsBench


def test_each_tile_shows_what_the_formulas_say(make_bench):
    calls = [
        call(1),
        call(2, is_converted=True),
        call(3, status="in-progress", ended_at=None, connected_seconds=None, connected_at=at(-20)),
        call(4, status="no-answer", connected_at=None, connected_seconds=None, revenue=0, payout=0),
    ]
    bench = make_bench(*calls)
    assert list(bench.rows) == [name for name in TILES if name != "caps"]
    kpis = Kpis(window="1h", every="1m", now=bench.wall())
    kpis.load({(row["id"],): row for row in calls}, bench.wall())
    for name, value in kpis.values().items():
        if name in bench.rows:
            assert bench.rows[name]["value"] == pytest.approx(value, abs=0.51), name
            assert bench.rows[name]["label"] == FORMULAS[name].label
            assert bench.rows[name]["formula"] == FORMULAS[name].text
    assert bench.rows["connect_rate"]["value"] == 0.75
    assert (bench.rows["connect_rate"]["part"], bench.rows["connect_rate"]["whole"]) == (3, 4)
    assert bench.rows["live"]["part"] == 1
    assert bench.rows["profit"]["better"] is True
    assert bench.rows["payout"]["better"] is None
    assert bench.source.values() == pytest.approx(kpis.values())


def test_targets_are_judged_and_deltas_are_against_the_window_before(make_bench):
    bench = make_bench(
        call(1),
        call(2, status="no-answer", connected_at=None, connected_seconds=None),
        call(3, -4000),
        targets=None,
        tiles=("incoming", "connect_rate", "acl"),
    )
    bench.source.board.targets = {"connect_rate": 0.8, "incoming": 2, "acl": 32}
    bench.exchange.refresh("metrics")
    bench.loop.run(0.2)
    rows = bench.rows
    assert [(rows[name]["target"], rows[name]["state"]) for name in rows] == [
        (2, "green"),
        (0.8, "red"),
        (32, "amber"),
    ]
    assert (rows["incoming"]["delta"], rows["incoming"]["relative"]) == (1, 1)
    assert (rows["connect_rate"]["delta"], rows["connect_rate"]["relative"]) == (-0.5, -0.5)
    assert bench.meta["compared"] is True


def test_nothing_is_compared_with_a_window_without_a_call(make_bench):
    bench = make_bench(call(1), call(2), tiles=("incoming", "revenue"))
    assert bench.rows["incoming"]["value"] == 2
    assert [bench.rows[name]["delta"] for name in bench.rows] == [None, None]


def test_a_change_is_told_within_a_quarter_of_a_second_and_at_most_four_times_in_one(make_bench):
    bench = make_bench(tiles=("incoming", "revenue"))
    assert bench.rows["incoming"]["value"] == 0
    bench.loop.run(2)
    before = len(bench.ticks)
    for number in range(200):
        bench.table.put(call(number, 0))
        bench.loop.run(0.01)
    bench.loop.run(0.4)
    assert bench.rows["incoming"]["value"] == 200
    assert bench.rows["revenue"]["value"] == 8000
    # In 2.4 s: four tellings in each second, and the beats.
    assert len(bench.ticks) - before <= 16
    bench.table.remove("call-7")
    bench.loop.run(0.4)
    assert bench.rows["incoming"]["value"] == 199
    assert bench.meta["version"] == bench.table.version


def test_time_alone_moves_what_talks_and_nothing_else_is_sent(make_bench):
    bench = make_bench(
        call(1, status="in-progress", ended_at=None, connected_seconds=None, connected_at=at(-10)),
        tiles=("incoming", "acl"),
        window="5m",
    )
    assert bench.rows["acl"]["value"] == 10
    bench.loop.run(5)
    assert bench.rows["acl"]["value"] in (14, 15)
    bench.table.put(call(1, connected_seconds=20))
    bench.loop.run(3)
    sent = sum(len(tick["to"]) for tick in bench.ticks)
    bench.loop.run(20)
    assert sum(len(tick["to"]) for tick in bench.ticks) == sent
    bench.loop.run(360)
    assert bench.rows["incoming"]["value"] == 0
    assert bench.rows["acl"]["value"] is None


def test_the_clock_stands_still_while_the_rows_are_stale(make_bench):
    bench = make_bench(call(1, -200), tiles=("incoming",), window="5m")
    bench.table.turn(TableState.STALE)
    bench.loop.run(150)
    assert bench.rows["incoming"]["value"] == 1
    assert bench.meta["state"] == "stale"
    bench.table.turn(TableState.LIVE)
    bench.loop.run(2)
    assert bench.rows["incoming"]["value"] == 0


def test_nothing_is_claimed_before_the_first_snapshot(make_bench):
    bench = make_bench(state=TableState.LOADING, tiles=("incoming",))
    bench.loop.run(3)
    assert bench.rows == {}
    assert bench.source.values() is None
    bench.table.turn(TableState.LIVE)
    bench.loop.run(0.5)
    assert bench.rows["incoming"]["value"] == 0


def test_money_does_not_leave_the_kernel_where_it_is_not_shown(make_bench):
    bench = make_bench(call(1, revenue="1234.56"), money=False)
    assert list(bench.rows) == ["incoming", "live", "connect_rate", "conversion", "acl"]
    assert b"1234" not in b"".join(bench.buffers)


def test_where_rows_do_not_reach_back_the_tiles_say_so(make_bench):
    bench = make_bench(call(1), call(2, -5000), tiles=("incoming",))
    bench.table.turn(TableState.LIVE, partial=True)
    bench.loop.run(2)
    assert (bench.meta["partial"], bench.meta["compared"]) == (False, False)
    assert bench.rows["incoming"]["delta"] is None
    bench.table.remove("call-2")
    bench.loop.run(2)
    assert bench.meta["partial"] is True
    bench.table.order = None
    bench.table.put(call(3, -900_000))
    bench.loop.run(2)
    assert bench.meta["partial"] is True
    bench.table.order = Order.parse("-created_at")
    bench.table.put(call(4))
    bench.loop.run(2)
    assert (bench.meta["partial"], bench.meta["compared"]) == (True, False)


def test_courses_have_as_many_points_as_can_be_seen(make_bench):
    bench = make_bench(call(1, -100), call(2, 0), tiles=("incoming", "live", "connect_rate"))
    course = bench.rows["incoming"]["spark"].split(",")
    assert len(course) == 60
    assert course[-3:] == ["1", "0", "1"]
    assert bench.rows["live"]["spark"] == ""
    assert bench.rows["connect_rate"]["spark"].split(",")[-3:] == ["1", "", "1"]
    long = make_bench(call(1), window="1d", every="1m", tiles=("incoming",))
    assert len(long.rows["incoming"]["spark"].split(",")) == POINTS


def test_caps_show_how_much_of_each_is_used_the_fullest_first(make_bench):
    bench = make_bench(
        *(call(n) for n in range(9)),
        call(20, status="in-progress", ended_at=None, target_id="target-2"),
        targets=[
            target(1),
            target(2, concurrency_cap=1, daily_cap=None, status="capped"),
            target(3, daily_cap="0"),
        ],
        tiles=("caps", "incoming"),
    )
    caps = {key: row for key, row in bench.rows.items() if row["kind"] == "cap"}
    found = {
        key: (row["label"], row["unit"], row["value"], row["cap"], row["state"]) for key, row in caps.items()
    }
    assert found == {
        "cap:target-1:concurrency": ("Target 1", "concurrency", 0, 4, "green"),
        "cap:target-1:daily": ("Target 1", "daily", 9, 10, "amber"),
        "cap:target-2:concurrency": ("Target 2", "concurrency", 1, 1, "red"),
        "cap:target-3:concurrency": ("Target 3", "concurrency", 0, 4, "green"),
        "cap:target-3:daily": ("Target 3", "daily", 0, 0, "red"),
    }
    assert caps["cap:target-2:concurrency"]["capped"] is True
    assert bench.meta["caps"] == {
        "order": 0,
        "loading": False,
        "error": None,
        "zone": "UTC",
        "partial": False,
    }
    bench.targets.put(target(1, daily_cap=8))
    bench.loop.run(0.5)
    assert bench.rows["cap:target-1:daily"]["state"] == "red"
    bench.targets.remove("target-3")
    bench.table.put(call(30))
    bench.loop.run(0.5)
    assert "cap:target-3:daily" not in bench.rows
    assert bench.rows["cap:target-1:daily"]["value"] == 10


def test_caps_that_cannot_be_read_leave_the_figures_alone(make_bench):
    bench = make_bench(call(1), targets=[{"id": "target-1", "name": "Target 1", "status": "active"}])
    assert bench.meta["caps"]["error"]["message"] == "This key may not read the caps."
    assert bench.rows["incoming"]["value"] == 1
    bench = make_bench(call(1), targets=[])
    bench.targets.turn(TableState.ERROR, NoRightsError("targets"))
    bench.loop.run(1)
    assert "targets" in bench.meta["caps"]["error"]["message"]
    assert bench.meta["state"] == "live"
    bench.targets.close()
    bench.exchange.refresh("metrics")
    bench.loop.run(1)
    assert bench.rows["incoming"]["value"] == 1


def test_caps_are_bounded_and_read_whatever_a_column_holds(make_bench):
    bench = make_bench(targets=[target(n, daily_cap=None) for n in range(200)])
    assert sum(row["kind"] == "cap" for row in bench.rows.values()) == MOST_CAPS
    assert [whole(value) for value in (None, True, "7", 7, "x", "NaN", 7.0)] == [
        None,
        None,
        7,
        7,
        None,
        None,
        7,
    ]


def test_another_day_begins_for_caps(make_bench):
    # The bench's day is 16 hours from its end.
    bench = make_bench(call(1, 57_400), targets=[target()], begins=57_540.0)
    assert bench.rows["cap:target-1:daily"]["value"] == 1
    bench.loop.run(90)
    assert bench.rows["cap:target-1:daily"]["value"] == 0


def test_when_nobody_looks_nothing_runs(make_bench):
    bench = make_bench(call(1), targets=[target()])
    bench.show()
    bench.loop.run(0.2)
    assert bench.table.taps == bench.targets.taps == 0
    assert not bench.source.is_open
    bench.loop.run(60)
    assert bench.loop.timers <= 2
    bench.show("metrics")
    bench.loop.run(0.2)
    assert bench.rows["incoming"]["value"] == 1


# -- the component -----------------------------------------------------------------------------------------------------


def test_options_are_checked_in_words(comms):
    live = MemoryLive()
    with pytest.raises(TypeError, match="not dict"):
        CampaignMetrics({})
    with pytest.raises(TypeError, match="campaign_id"):
        CampaignMetrics(MemoryTable(live), campaign_id=7)
    with pytest.raises(TraitError, match="Did you mean 'connect_rate'"):
        CampaignMetrics(live, tiles=["conect_rate"])
    with pytest.raises(TraitError, match="twice"):
        CampaignMetrics(live, tiles=["live", "live"])
    with pytest.raises(TraitError, match="no target 'caps'"):
        CampaignMetrics(live, targets={"caps": 1})
    with pytest.raises(TraitError, match="no number"):
        CampaignMetrics(live, targets={"acl": "long"})
    with pytest.raises(TraitError, match="time zone"):
        CampaignMetrics(live, zone="Mars/Olympus")
    with pytest.raises(WindowError, match="multiple"):
        CampaignMetrics(live, window="90s", every="1m")
    with pytest.raises(WindowError, match="length of time"):
        CampaignMetrics(live, window="soon")
    with pytest.raises(TypeError, match="has no option 'monney'"):
        CampaignMetrics(live, monney=False)


def settle() -> None:
    done = threading.Event()
    io_thread().call(done.set)
    assert done.wait(20)


def test_options_may_be_set_later(comms):
    rows = [dict(call(1), campaign_id=7), dict(call(2), campaign_id=8)]
    live = MemoryLive(calls=[row | {"created_at": datetime.now(UTC).isoformat()} for row in rows], targets=[])
    metrics = CampaignMetrics(live, campaign_id=7, tiles=["incoming"])
    page = HubPage(hub(), comms)
    page.open(metrics.feed)
    wait_until(lambda: page.rows(metrics.feed).get("incoming"), 10, "the tile")
    assert page.rows(metrics.feed)["incoming"]["value"] == 1
    assert live.opened[0].limit == NEWEST
    metrics.campaign_id = None
    # In between the tiles of the old calls go, and those of the new ones come.
    tile = lambda: page.rows(metrics.feed).get("incoming", {})  # noqa: E731
    wait_until(lambda: tile().get("value") == 2, 10, "all campaigns")
    metrics.tiles, metrics.targets = ["live", "incoming"], {"incoming": 4}
    wait_until(lambda: tile().get("state") == "red", 10, "the target")
    with pytest.raises(WindowError):
        metrics.window = "10s"
    assert metrics.window == "1h"
    metrics.zone = "America/New_York"
    metrics.tiles = ["caps"]
    wait_until(
        lambda: page.meta(metrics.feed).get("caps", {}).get("zone") == "America/New_York", 10, "the zone"
    )
    wait_until(lambda: page.rows(metrics.feed) == {}, 10, "the tiles to go")
    metrics.close()
    settle()
    assert all(table.handle_closed for table in live.opened)


def test_a_table_that_was_given_stays_open(comms):
    table = CallTable([call(1)], live=MemoryLive())
    metrics = CampaignMetrics(table, caps=False)
    with pytest.raises(TypeError, match="given its table"):
        metrics.campaign_id = 7
    metrics.close()
    settle()
    assert not table.handle_closed


def test_with_the_sandbox_the_figures_are_those_of_the_database(sandbox, sandbox_db, comms):
    [campaign] = sandbox_db.execute("insert into campaigns (name) values ('Solar') returning id").fetchone()
    [place] = sandbox_db.execute(
        "insert into targets (campaign_id, name, daily_cap) values (%s, 'North', 3) returning id", [campaign]
    ).fetchone()
    insert = (
        "insert into calls (campaign_id, target_id, status, connected_at, ended_at, connected_seconds, revenue, payout)"
        " values (%s, %s, 'completed', now(), now(), 40, 50, 30)"
    )
    try:
        sandbox_db.execute(insert, [campaign, place])
        with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
            metrics = CampaignMetrics(live, campaign_id=str(campaign), targets={"revenue": 200})
            values = metrics.values(20)
            assert (values["incoming"], values["revenue"], values["acl"]) == (1, 50, 40)
            page = HubPage(hub(), comms)
            page.open(metrics.feed)
            wait_until(lambda: page.meta(metrics.feed).get("state") == "live", 20, "the tiles to be live")
            for _ in range(2):
                sandbox_db.execute(insert, [campaign, place])

            def cell(tile, column):
                # The tiles come when they have been drawn, those of the caps when the targets are there.
                return page.rows(metrics.feed).get(tile, {}).get(column)

            wait_until(lambda: cell("revenue", "value") == 150, 20, "the calls")
            assert cell("revenue", "state") == "red"
            wait_until(lambda: cell(f"cap:{place}:daily", "state") == "red", 20, "the cap")
            sandbox_db.execute("delete from calls where campaign_id = %s", [campaign])
            wait_until(lambda: cell("incoming", "value") == 0, 20, "the deletes")
            assert metrics.values()["incoming"] == 0
            metrics.close()
        with Live(sandbox.url, sandbox.anon_key) as public:
            metrics = CampaignMetrics(public, campaign_id=str(campaign))
            page = HubPage(hub(), comms)
            page.open(metrics.feed)
            wait_until(
                lambda: ((page.meta(metrics.feed).get("caps") or {}).get("error") or {}).get("kind"),
                20,
                "the words on caps",
            )
            wait_until(lambda: cell("incoming", "value") == 0, 20, "the calls, of which there are none")
            metrics.close()
    finally:
        sandbox_db.execute("delete from calls where campaign_id = %s", [campaign])
        sandbox_db.execute("delete from targets where campaign_id = %s", [campaign])
        sandbox_db.execute("delete from campaigns where id = %s", [campaign])


def test_a_recording_has_figures_too_and_says_that_it_has_no_caps(comms, tmp_path):
    path = tmp_path / "calls.jsonl"
    started = datetime.now(UTC)
    row = call(1) | {"created_at": started.isoformat()}
    header = {
        "format": "livewidgets recording",
        "format_version": 1,
        "name": "calls",
        "key": ["id"],
        "columns": list(row),
        "types": {"created_at": "timestamp with time zone"},
        "order": ["-created_at"],
        "limit": 5000,
        "masked": False,
        "started": started.timestamp(),
        "version": 1,
    }
    lines = [header, {"at": 0.0, "up": [row], "more": False}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with replay(path) as calls:
        metrics = CampaignMetrics(calls)
        page = HubPage(hub(), comms)
        page.open(metrics.feed)
        wait_until(lambda: page.rows(metrics.feed).get("incoming", {}).get("value") == 1, 10, "the figures")
        assert page.meta(metrics.feed)["caps"]["error"]["message"]
        metrics.close()
        bids = LiveBidding(calls)
        page.open(bids.feed)
        wait_until(lambda: page.meta(bids.feed).get("denied"), 10, "what bids say of calls")
        bids.close()
