"""The figures of calls: their formulas, what calls count where, targets, deltas, caps."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from livewidgets.core.change import Patch
from livewidgets.core.kpi import (
    FORMULAS,
    CapUse,
    Delta,
    Kpis,
    Period,
    TargetState,
    delta,
    judge,
    use_of_cap,
)
from livewidgets.core.kpi_formulas import Unit, figures, parts_of
from livewidgets.errors import WindowError

# 2027-01-15 08:00 UTC
NOW = 1_800_000_000.0


def at(offset: float) -> str:
    return (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=offset)).isoformat()


def call(offset=-60.0, status="completed", **values):
    return {
        "created_at": at(offset),
        "connected_at": None,
        "ended_at": None,
        "status": status,
        "campaign_id": 7,
        "is_converted": False,
        "is_duplicate": False,
        "connected_seconds": None,
        "revenue": 0,
        "payout": 0,
        "telco_cost": 0,
    } | values


CALLS = {
    ("converted",): call(
        connected_at=at(-50),
        ended_at=at(-20),
        connected_seconds=30,
        is_converted=True,
        revenue="40.00",
        payout=25,
        telco_cost=0.5,
    ),
    ("voicemail",): call(ended_at=at(-40)),
    ("busy",): call(status="busy", ended_at=at(-55), is_duplicate=True),
    ("talking",): call(status="in-progress", connected_at=at(-10)),
    ("ringing",): call(status="ringing", campaign_id=8),
    ("parked",): call(offset=-86400, status="parked", campaign_id=8),
    ("yesterday",): call(offset=-3600 - 60, status="no-answer"),
}


def kpis(calls=CALLS, **options):
    held = Kpis(**({"window": "1h", "every": "1m", "by": "campaign_id", "now": NOW} | options))
    held.load(calls, NOW)
    return held


def test_every_formula():
    assert kpis().values() == {
        "incoming": 5,
        "live": 3,
        "concurrency": 1,
        "connected": 2,
        "converted": 1,
        "completed": 2,
        "missed": 1,
        "duplicate": 1,
        "connect_rate": 2 / 5,
        "conversion": 1 / 2,
        "tcl": 40,
        "acl": 20,
        "revenue": 40,
        "payout": 25,
        "telco_cost": 0.5,
        "profit": 14.5,
        "margin": 14.5 / 40,
        "rpc": 8,
    }


def test_each_formula_is_documented_with_its_unit_and_denominator():
    assert list(FORMULAS) == list(figures({}, NOW))
    assert all(formula.text and formula.label for formula in FORMULAS.values())
    for name in ("connect_rate", "conversion", "acl", "margin", "rpc"):
        assert "/" in FORMULAS[name].text
    money = {name for name, formula in FORMULAS.items() if formula.is_money}
    assert money == {"revenue", "payout", "telco_cost", "profit", "margin", "rpc"}
    assert FORMULAS["acl"].unit is Unit.SECONDS


def test_nothing_divided_by_nothing_is_none():
    empty = kpis({}).values()
    assert [name for name, value in empty.items() if value is None] == [
        "connect_rate",
        "conversion",
        "acl",
        "margin",
        "rpc",
    ]
    assert empty["revenue"] == 0
    assert empty["live"] == 0


def test_groups_have_figures_of_their_own():
    held = kpis()
    assert held.groups() == [(7,), (8,)]
    assert held.values((8,))["incoming"] == 1
    assert held.values((8,))["live"] == 2
    assert held.values((9,))["incoming"] == 0
    assert held.values((7,))["concurrency"] == 1


def test_the_window_before_and_the_difference():
    held = kpis()
    assert held.previous()["incoming"] == 1
    assert held.previous()["missed"] == 1
    assert held.previous()["live"] is None
    deltas = held.deltas()
    assert deltas["incoming"] == Delta(4, 4.0)
    assert deltas["revenue"] == Delta(40.0, None)
    assert deltas["live"] is None
    assert deltas["acl"] is None
    held.advance(NOW + 3600)
    assert held.values()["incoming"] == 0
    assert held.previous()["incoming"] == 5
    assert held.values()["live"] == 3


def test_a_call_that_still_talks_counts_up_to_now():
    held = kpis()
    held.advance(NOW + 30)
    assert held.values()["tcl"] == 70
    ended = {**CALLS["talking",], "ended_at": at(35), "status": "completed"}
    held.apply(Patch(1, {("talking",): ended}))
    assert held.values()["tcl"] == 30 + 45
    held.apply(Patch(2, {("talking",): {**ended, "connected_seconds": 44}}))
    assert held.values()["tcl"] == 30 + 44
    assert held.values()["concurrency"] == 0


def test_a_live_call_is_live_however_long_ago_it_came_in():
    held = kpis()
    held.advance(NOW + 7200)
    assert held.values()["concurrency"] == 1
    assert held.apply(Patch(1, {("parked",): call(offset=-86400, status="canceled")}))
    assert held.values()["live"] == 2
    assert held.apply(Patch(2, {}, {("talking",): CALLS["talking",]}))
    assert not held.apply(Patch(3, {}, {("talking",): CALLS["talking",]}))
    assert held.values()["concurrency"] == 0


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"status": "Answered"}, {"incoming": 1, "connected": 1}),
        ({"status": "failed"}, {"incoming": 1, "missed": 1}),
        ({"status": "parked"}, {"incoming": 1}),
        ({"status": "parked", "ended_at": at(0)}, {"incoming": 1, "missed": 1}),
        ({"status": "in-progress", "connected_at": at(0), "connected_seconds": 0}, {"talking": 1}),
        ({"status": "completed", "connected_at": at(0), "ended_at": at(-5)}, {"connected_seconds": 0.0}),
        ({"status": "completed", "connected_at": "soon"}, {"connected": 1, "completed": 1}),
        ({"revenue": "x", "payout": None, "is_converted": "yes"}, {"incoming": 1}),
    ],
)
def test_what_a_call_counts_for(row, wanted):
    parts = parts_of(row)
    assert {name: parts.get(name) for name in wanted} == wanted
    if "talking" not in wanted:
        assert "talking" not in parts
        assert parts.get("missed", 0) + parts.get("connected", 0) + parts.get("completed", 0) <= 2


def test_history_for_a_sparkline():
    held = kpis()
    history = held.history(["incoming", "connect_rate", "live"])
    assert [len(values) for values in history.values()] == [60, 60, 60]
    assert history["incoming"][-2:] == [5, 0]
    assert history["connect_rate"][-2:] == [0.4, None]
    assert set(history["live"]) == {None}


@pytest.mark.parametrize(
    ("value", "target", "higher", "state"),
    [
        (95, 100, True, "green"),
        (94.9, 100, True, "amber"),
        (90, 100, True, "amber"),
        (89.9, 100, True, "red"),
        (200, 100, True, "green"),
        (100, 100, False, "green"),
        (100 / 0.95, 100, False, "green"),
        (106, 100, False, "amber"),
        (100 / 0.9 - 1e-9, 100, False, "amber"),
        (112, 100, False, "red"),
        (0, 0, True, "green"),
        (-1, 0, True, "red"),
        (0, 0, False, "green"),
        (1, 0, False, "red"),
        (-5, -10, True, "green"),
        (None, 100, True, None),
        (100, None, True, None),
    ],
)
def test_a_figure_against_its_target(value, target, higher, state):
    found = judge(value, target, higher_is_better=higher)
    assert found == (None if state is None else TargetState(state))


def test_a_difference_is_relative_to_the_size_of_what_was():
    assert delta(5, -10) == Delta(15, 1.5)
    assert delta(5, 0) == Delta(5, None)
    assert delta(None, 1) is None


def test_caps_count_from_when_their_period_began():
    zone = ZoneInfo("America/New_York")  # 03:00 there
    calls = {
        (n,): call(offset=-1800 * n, connected_at=at(-1800 * n), ended_at=at(0), connected_seconds=1)
        for n in range(24)
    }
    held = kpis(calls, back="1d", every="15m")
    assert held.used(Period.HOURLY) == 1
    assert held.used(Period.DAILY) == 17
    assert held.used(Period.DAILY, zone=zone) == 7
    assert held.used(Period.DAILY, (7,)) == 17
    assert held.used(Period.MONTHLY) is None
    assert held.used(Period.HARD) is None
    assert held.used(Period.CONCURRENCY) == 0
    assert use_of_cap(held.used(Period.DAILY), 20) == CapUse(17, 20, 0.85, 3, reached=False)
    assert use_of_cap(5, 0) == CapUse(5, 0, None, 0, reached=True)
    assert use_of_cap(None, 5) is None
    assert use_of_cap(5, None) is None


def test_periods_begin_where_their_zone_says():
    zone = ZoneInfo("America/New_York")
    starts = [
        datetime.fromtimestamp(Period(p).start(NOW, zone), zone) for p in ("hourly", "daily", "monthly")
    ]
    assert [start.isoformat() for start in starts] == [
        "2027-01-15T03:00:00-05:00",
        "2027-01-15T00:00:00-05:00",
        "2027-01-01T00:00:00-05:00",
    ]


def test_arguments_that_do_not_fit():
    with pytest.raises(WindowError, match="not made of buckets"):
        Kpis(window="100s", every="1m")
    with pytest.raises(WindowError):
        Kpis(window="1h", every="1 fortnight")


# Against a recomputation


KEYS = st.integers(0, 8).map(lambda n: (n,))
MOMENTS = st.none() | st.integers(-300, 0)
OPTIONS = st.fixed_dictionaries(
    {
        "offset": st.integers(-300, 20),
        "status": st.sampled_from(["queued", "in-progress", "completed", "busy", "parked", "Cancelled"]),
        "connected_at": MOMENTS,
        "ended_at": MOMENTS,
        "connected_seconds": st.none() | st.integers(0, 99),
        "campaign_id": st.sampled_from([7, 8]),
        "is_converted": st.booleans(),
        "is_duplicate": st.booleans(),
        "revenue": st.integers(0, 400).map(lambda n: n / 4),
        "payout": st.integers(0, 100).map(str),
        "telco_cost": st.just(0.25),
    }
)


class KpiMachine(RuleBasedStateMachine):
    """Calls that come, change and go while time passes; the figures are those of the rows, whatever came before."""

    @initialize()
    def open(self):
        self.now, self.rows = NOW, {}
        self.kpis = Kpis(window=60, every=10, by="campaign_id", now=NOW)

    @rule(calls=st.dictionaries(KEYS, OPTIONS, max_size=4), gone=st.sets(KEYS, max_size=2))
    def change(self, calls, gone):
        upserted = {
            key: call(**values)
            | {
                name: None if values[name] is None else at(values[name])
                for name in ("connected_at", "ended_at")
            }
            for key, values in calls.items()
        }
        removed = {key: self.rows.pop(key) for key in gone - set(calls) if key in self.rows}
        self.rows.update(upserted)
        self.kpis.apply(Patch(1, upserted, removed))

    @rule(seconds=st.sampled_from([1, 9, 30, 70]))
    def pass_time(self, seconds):
        self.now += seconds
        self.kpis.advance(self.now)

    @invariant()
    def equals_a_recomputation(self):
        if not hasattr(self, "rows"):
            return
        fresh = Kpis(window=60, every=10, by="campaign_id", now=self.now)
        fresh.load(self.rows, self.now)
        assert self.kpis.groups() == fresh.groups()
        for group in (None, (7,), (8,)):
            assert self.kpis.values(group) == fresh.values(group)
            assert self.kpis.previous(group) == fresh.previous(group)
        start = math.floor(self.now / 10) * 10 - 50
        inside = [
            row
            for row in self.rows.values()
            if start <= datetime.fromisoformat(row["created_at"]).timestamp() < start + 60
        ]
        values = self.kpis.values()
        assert values["incoming"] == len(inside)
        assert values["converted"] == sum(row["is_converted"] for row in inside)
        assert values["revenue"] == sum(row["revenue"] for row in inside)
        assert values["profit"] == sum(row["revenue"] - float(row["payout"]) - 0.25 for row in inside)


TestKpiMachine = KpiMachine.TestCase
if os.environ.get("HYPOTHESIS_PROFILE") == "nightly":
    TestKpiMachine.pytestmark = [pytest.mark.timeout(3600)]
