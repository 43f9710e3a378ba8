from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.core.change import Patch
from livewidgets.core.kpi import Kpis, Period
from livewidgets.core.kpi_caps import CapCounts

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


def at(seconds: float) -> str:
    return datetime.fromtimestamp(NOON + seconds, UTC).isoformat()


def call(created: float, target: str = "a", **values):
    return {"created_at": at(created), "target_id": target, "status": "in-progress"} | values


def test_talking_and_connected_are_told_apart_and_by_target():
    counts = CapCounts(now=NOON)
    counts.load(
        {
            ("1",): call(-60),
            ("2",): call(-60, status="completed", connected_at=at(-50), ended_at=at(-5)),
            ("3",): call(-60, status="ringing"),
            ("4",): call(-60, "b"),
            ("5",): call(-60, status="no-answer", ended_at=at(-5)),
        },
        NOON,
    )
    assert (counts.connected("a"), counts.talking("a")) == (2, 1)
    assert (counts.connected("b"), counts.talking("b")) == (1, 1)
    assert (counts.connected("c"), counts.talking("c")) == (0, 0)


def test_another_day_begins_and_calls_that_still_talk_keep_their_line():
    counts = CapCounts(now=NOON)
    counts.load(
        {("1",): call(0), ("2",): call(0, status="completed", connected_at=at(1), ended_at=at(9))}, NOON
    )
    assert counts.connected("a") == 2
    assert not counts.advance(NOON + 11 * 3600)
    assert counts.advance(NOON + 13 * 3600)
    assert (counts.connected("a"), counts.talking("a")) == (0, 1)
    assert counts.apply(
        Patch(2, {("1",): call(0, status="completed", connected_at=at(1), ended_at=at(50_000))})
    )
    assert counts.talking("a") == 0
    assert "0 calls" in repr(counts)


def test_the_day_is_the_zones():
    # Noon in UTC is five in the evening in Karachi: a call of 16 hours ago came in on the day before there.
    rows = {("1",): call(-11 * 3600)}
    assert _of(rows, UTC) == 1
    assert _of(rows, ZoneInfo("Asia/Karachi")) == 1
    assert _of(rows, ZoneInfo("Pacific/Auckland")) == 0


def _of(rows, zone) -> int:
    counts = CapCounts(now=NOON, zone=zone)
    counts.load(rows, NOON)
    return counts.connected("a")


def test_a_change_that_means_nothing_makes_no_difference():
    counts = CapCounts(now=NOON)
    counts.load({("1",): call(0)}, NOON)
    assert not counts.apply(Patch(2, {("1",): call(0, revenue=5)}))
    assert not counts.apply(Patch(3, {("2",): call(0, status="ringing")}))
    assert counts.apply(Patch(4, {("1",): call(0, "b")}))
    assert (counts.talking("a"), counts.talking("b")) == (0, 1)
    assert counts.apply(Patch(5, {}, {("1",): call(0, "b")}))
    assert not counts.apply(Patch(6, {}, {("1",): call(0, "b")}))
    assert counts.talking("b") == 0


def test_a_call_without_a_time_talks_and_counts_for_no_day():
    counts = CapCounts(now=NOON)
    counts.load({("1",): call(0, created_at=None)}, NOON)
    assert (counts.connected("a"), counts.talking("a")) == (0, 1)


def test_a_call_that_is_dated_ahead_counts_at_once():
    counts = CapCounts(now=NOON)
    counts.load({("1",): call(3600)}, NOON)
    assert counts.connected("a") == 1
    counts.advance(NOON + 2 * 3600)
    assert counts.connected("a") == 1


def test_what_is_always_counted_is_no_period_here():
    with pytest.raises(ValueError, match="beside any period"):
        CapCounts(period=Period.CONCURRENCY)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.one_of(
                st.none(),
                st.builds(
                    call,
                    st.integers(-12 * 3600, 6 * 3600),
                    st.sampled_from("abc"),
                    status=st.sampled_from(["ringing", "in-progress", "completed", "failed"]),
                    ended_at=st.sampled_from([None, at(50)]),
                ),
            ),
            st.integers(0, 18),
        ),
        max_size=40,
    )
)
def test_it_counts_what_the_figures_count(changes):
    counts = CapCounts(now=NOON)
    figures = Kpis(window="1h", every="1h", by="target_id", back="36h", now=NOON)
    rows, now = {}, NOON
    for key, row, hours in changes:
        now = max(now, NOON + hours * 3600)
        held = rows.pop((key,), None)
        if row is not None:
            rows[key,] = row
        patch = Patch(1, {(key,): row}) if row is not None else Patch(1, {}, {(key,): held} if held else {})
        for one in (counts, figures):
            one.apply(patch)
            one.advance(now)
    # What is dated ahead counts for a cap at once, and in the figures when its time has come.
    now = max(now, NOON + 7 * 3600)
    for one in (counts, figures):
        one.advance(now)
    for group in "abc":
        talking = figures.used(Period.CONCURRENCY, (group,))
        assert counts.talking(group) == talking
        if now < NOON + timedelta(hours=18).total_seconds():
            assert counts.connected(group) == figures.used(Period.DAILY, (group,))
