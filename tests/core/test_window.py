"""A window against a naive recomputation, and what it makes of odd values."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from livewidgets.core.change import Patch
from livewidgets.core.window import MOST_BUCKETS, Window
from livewidgets.core.window_measure import Measure, MeasureKind, seconds
from livewidgets.core.window_parts import Ranked, Tally, Total, number
from livewidgets.core.window_plan import OTHERS
from livewidgets.errors import WindowError

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
START = 1_800_000_000
EVERY = 5
MEASURES = (
    "count",
    "rate",
    "rate(n)",
    "sum(n)",
    "mean(n)",
    "min(n)",
    "max(n)",
    "median(n)",
    "quantile(n, 0.9)",
    "distinct(who)",
)


def text_of(moment: float) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)).isoformat()


def percentile(values, q):
    values = sorted(map(float, values))
    place = q * (len(values) - 1)
    low = math.floor(place)
    if low == place:
        return values[low]
    return values[low] + (values[low + 1] - values[low]) * (place - low)


def measured(rows, length=EVERY):
    """Measure rows the plain way."""
    numbers = [row["n"] for row in rows if row["n"] is not None]
    exact = math.fsum(numbers)
    return {
        "count": len(rows),
        "rate": len(rows) / length,
        "rate(n)": exact / length,
        "sum(n)": exact if numbers else None,
        "mean(n)": exact / len(numbers) if numbers else None,
        "min(n)": min(numbers) if numbers else None,
        "max(n)": max(numbers) if numbers else None,
        "median(n)": percentile(numbers, 0.5) if numbers else None,
        "quantile(n, 0.9)": percentile(numbers, 0.9) if numbers else None,
        "distinct(who)": len({row["who"] for row in rows if row["who"] is not None}),
    }


def naive(rows, now, buckets):
    """What a window over all rows shows: start of a bucket and series to measures."""
    last = math.floor(now / EVERY)
    cells = {}
    for row in rows:
        if row["moment"] is None:
            continue
        bucket = math.floor(row["moment"] / EVERY)
        if last - buckets < bucket <= last:
            cells.setdefault((float(bucket * EVERY), (row["by"],)), []).append(row)
    return {place: measured(found) for place, found in cells.items()}


def cells_of(columns):
    """Make the same of columns."""
    found = {}
    for group, measures in columns.series.items():
        for i, start in enumerate(columns.starts):
            values = {name: column[i] for name, column in measures.items()}
            if values["count"] is not None:
                found[start, group] = values
            else:
                assert set(values.values()) == {None}
    return found


# Numbers with few enough digits that the mean's two roundings (ours has one) are the same.
NUMBERS = st.none() | st.integers(-40, 40).map(lambda n: n / 4)
KEYS = st.integers(0, 12).map(lambda n: (n,))
ROWS = st.fixed_dictionaries(
    {
        "offset": st.none() | st.integers(-60, 30),
        "by": st.sampled_from(["a", "b", None]),
        "n": NUMBERS,
        "who": st.sampled_from(["x", "y", None]),
    }
)


class WindowMachine(RuleBasedStateMachine):
    """Rows that come, come late, change, go; time that passes; a reader that is told of changes only."""

    @initialize(buckets=st.integers(1, 6), rows=st.dictionaries(KEYS, ROWS, max_size=8))
    def open(self, buckets, rows):
        self.now = START
        self.version = 0
        self.rows = {key: self.row(values) for key, values in rows.items()}
        self.window = Window(
            "at", every=EVERY, window=buckets * EVERY, by="by", measures=MEASURES, now=self.now
        )
        self.window.load(self.rows, self.now)
        self.known = {}
        self.seen = None

    def row(self, values):
        moment = None if values["offset"] is None else self.now + values["offset"]
        return {**values, "moment": moment, "at": None if moment is None else text_of(moment)}

    @rule(rows=st.dictionaries(KEYS, ROWS, max_size=4), gone=st.sets(KEYS, max_size=3))
    def change(self, rows, gone):
        removed = {key: self.rows.pop(key) for key in gone - set(rows) if key in self.rows}
        upserted = {key: self.row(values) for key, values in rows.items()}
        self.rows.update(upserted)
        self.version += 1
        self.window.apply(Patch(self.version, upserted, removed))

    @rule(key=KEYS, n=NUMBERS)
    def change_a_value(self, key, n):
        if key in self.rows:
            self.rows[key] = {**self.rows[key], "n": n}
            self.version += 1
            self.window.apply(Patch(self.version, {key: self.rows[key]}))

    @rule(seconds=st.sampled_from([0, 1, 4, 5, 6, 11, 40, 1000, -20]))
    def pass_time(self, seconds):
        self.window.advance(self.now + seconds)
        self.now += max(seconds, 0)

    @rule()
    def load(self):
        self.window.load(self.rows, self.now)

    @rule()
    def look(self):
        """Read as a page does: what changed since the last look, over what was known."""
        columns = self.window.columns(self.seen)
        told = cells_of(columns)
        if columns.whole:
            self.known = {}
        self.known = {
            (start, group): values
            for (start, group), values in self.known.items()
            if start >= columns.first and start not in columns.starts
        } | told
        self.seen = columns.version
        assert self.known == naive(self.rows.values(), self.now, self.window.buckets)

    @invariant()
    def equals_a_recomputation(self):
        if not hasattr(self, "window"):
            return
        window = self.window
        wanted = naive(self.rows.values(), self.now, window.buckets)
        columns = window.columns()
        assert cells_of(columns) == wanted
        assert len(columns.starts) == window.buckets
        assert columns.starts[-1] <= self.now < columns.starts[-1] + EVERY
        assert window.groups() == sorted(
            {group for _, group in wanted}, key=lambda g: (g[0] is None, str(g[0]))
        )
        ahead = columns.first
        remembered = [r for r in self.rows.values() if r["moment"] is not None and r["moment"] >= ahead]
        assert len(window) == len(remembered)
        assert sum(len(bucket.keys) for bucket in window._buckets.values()) == len(window)
        assert all(bucket.cells for bucket in window._buckets.values())

    @rule(apart=st.sets(st.sampled_from([("a",), ("b",), (None,)])))
    def look_at_some_apart(self, apart):
        """The series that are not told apart are measured as one, as if their rows were of one series."""
        kept = [group[0] for group in apart]
        rows = [row if row["by"] in kept else {**row, "by": OTHERS[0]} for row in self.rows.values()]
        self.window.advance(self.now)
        wanted = naive(rows, self.now, self.window.buckets)
        assert cells_of(self.window.columns(apart=apart)) == wanted
        assert sum(self.window.counts().values()) == sum(values["count"] for values in wanted.values())

    @invariant()
    def the_whole_is_measured_too(self):
        if not hasattr(self, "window"):
            return
        columns = self.window.columns()
        rows = [
            row
            for row in self.rows.values()
            if row["moment"] is not None and columns.first <= row["moment"] < columns.last + EVERY
        ]
        totals = self.window.totals(together=True)
        assert totals == ({(): measured(rows, self.window.buckets * EVERY)} if rows else {})


TestWindowMachine = WindowMachine.TestCase
if NIGHTLY:
    TestWindowMachine.pytestmark = [pytest.mark.timeout(3600)]


def window(**options):
    options = {"every": EVERY, "window": 20, "measures": ["count", "sum(n)"], "now": START} | options
    return Window("at", **options)


def row(offset=0.0, n=1, **values):
    return {"at": text_of(START + offset), "n": n} | values


def upsert(key, value, version=1):
    return Patch(version, {(key,): value})


def test_the_window_moves_and_forgets_what_it_passed():
    held = window()
    held.apply(Patch(1, {(n,): row(-n) for n in range(100)}))
    # 15 s before the newest bucket's start, and that bucket itself.
    assert len(held) == 16
    assert held.advance(START + 5)
    assert not held.advance(START + 9)
    assert len(held) == 11
    assert held.columns().series[()]["count"] == [5, 5, 1, None]
    held.advance(START + 3600)
    assert len(held) == 0
    assert held.columns().series == {}
    assert not held._buckets
    assert not held._changed


def test_a_late_row_a_changed_one_and_a_deleted_one_correct_the_past():
    held = window()
    held.apply(upsert(1, row(0)))
    held.apply(upsert(2, row(-12, n=5)))
    assert held.columns().series[()]["sum(n)"] == [5, None, None, 1]
    seen = held.version
    held.apply(upsert(2, row(-12, n=7)))
    told = held.columns(since=seen)
    assert not told.whole
    assert told.starts == (START - 15.0,)
    assert told.series == {(): {"count": [1], "sum(n)": [7]}}
    held.apply(Patch(3, {}, {(2,): row(-12, n=7)}))
    told = held.columns(since=seen)
    assert told.starts == (START - 15.0,)
    assert told.series == {}
    assert held.columns(since=held.version).starts == ()


def test_what_makes_no_difference_makes_no_version():
    held = window()
    held.apply(upsert(1, row(0)))
    version = held.version
    assert not held.apply(upsert(1, row(0, other="text")))
    assert not held.apply(upsert(2, row(-500)))
    assert not held.apply(Patch(4, {}, {(9,): row()}))
    assert held.version == version


def test_a_row_moves_between_series():
    held = window(by=("status", "team"))
    held.apply(upsert(1, row(status="ringing", team=None)))
    held.apply(upsert(1, row(status="completed", team=None)))
    assert held.groups() == [("completed", None)]
    assert held.columns().series[("completed", None)]["count"][-1] == 1


def test_a_row_ahead_of_time_is_counted_when_its_time_has_come():
    held = window()
    held.apply(upsert(1, row(12)))
    assert held.columns().series == {}
    seen = held.version
    held.advance(START + 12)
    assert held.columns(since=seen).series[()]["count"] == [1]


def test_a_clock_that_is_set_back_takes_a_load():
    held = window()
    held.apply(upsert(1, row()))
    held.advance(START + 1000)
    held.advance(START)
    assert held.columns().series == {}
    seen = held.version
    held.load({(1,): row()}, START)
    assert held.columns(since=seen).whole
    assert held.columns().series[()]["count"][-1] == 1


@pytest.mark.parametrize(
    "moment", [None, "soon", "infinity", True, math.nan, math.inf, [1], {}, "0001-01-01"]
)
def test_a_row_without_a_time_is_not_counted(moment):
    held = window()
    held.apply(upsert(1, {"at": moment, "n": 1}))
    assert len(held) == 0
    held.apply(upsert(1, {"n": 1}))
    assert len(held) == 0


@pytest.mark.parametrize(
    "moment", [START, float(START), "2027-01-15T08:00:00Z", "2027-01-15 10:00:00+02", "2027-01-15T08:00:00"]
)
def test_times_are_instants_whatever_their_spelling(moment):
    held = window()
    held.apply(upsert(1, {"at": moment, "n": 1}))
    assert held.columns().series[()]["count"] == [None, None, None, 1]


def test_documents_can_be_series_and_be_told_apart():
    held = window(by="tags", measures=["distinct(extra)"])
    held.apply(Patch(1, {(n,): row(tags=["a"], extra={"n": n % 2}) for n in range(4)}))
    assert held.columns().series[("['a']",)]["distinct(extra)"][-1] == 2


def test_totals_of_some_buckets():
    held = window(by="team", measures=["count", "sum(n)", "rate"])
    held.apply(Patch(1, {(n,): row(-n, team="ab"[n % 2]) for n in range(15)}))
    assert held.totals(START - 10, START) == {
        ("a",): {"count": 5, "sum(n)": 5.0, "rate": 0.5},
        ("b",): {"count": 5, "sum(n)": 5.0, "rate": 0.5},
    }
    assert held.totals(START - 10, START, together=True)[()]["count"] == 10
    assert held.totals(START - 10_000, START - 9_000) == {}


@pytest.mark.parametrize(
    "options",
    [
        {"every": "5 parsecs"},
        {"every": 0},
        {"every": True},
        {"every": math.nan},
        {"window": None},
        {"every": 0.001, "window": "1d"},
        {"measures": []},
        {"measures": ["sum"]},
        {"measures": ["count(n)"]},
        {"measures": ["sum(n, 2)"]},
        {"measures": ["p95"]},
        {"measures": ["p95(n, 0.5)"]},
        {"measures": ["quantile(n)"]},
        {"measures": ["quantile(n, 2)"]},
        {"measures": ["quantile(n, much)"]},
        {"measures": ["variance(n)"]},
        {"measures": [5]},
        {"measures": "drop table"},
        {"by": 5},
        {"by": [""]},
    ],
)
def test_what_cannot_be_understood_is_said(options):
    with pytest.raises(WindowError) as caught:
        window(**options)
    assert caught.value.advice


def test_by_that_is_no_sequence_of_names():
    assert window(by=[]).by == ()
    assert window(every="1s", window=MOST_BUCKETS).buckets == MOST_BUCKETS


@pytest.mark.parametrize(
    ("text", "kind", "q"),
    [
        ("avg(n)", MeasureKind.MEAN, None),
        ("median(n)", MeasureKind.QUANTILE, 0.5),
        ("p95(n)", MeasureKind.QUANTILE, 0.95),
        ("p99.9(n)", MeasureKind.QUANTILE, 0.999),
        (" quantile( n , 0.25 ) ", MeasureKind.QUANTILE, 0.25),
        ("rate(n)", MeasureKind.RATE, None),
    ],
)
def test_measures_in_words(text, kind, q):
    measure = Measure.parse(text)
    assert (measure.kind, measure.column) == (kind, "n")
    assert measure.q == (None if q is None else pytest.approx(q))
    assert Measure.parse(str(measure)) == measure


@pytest.mark.parametrize(
    ("length", "wanted"),
    [("500ms", 0.5), ("5s", 5), ("15m", 900), ("2 h", 7200), ("1d", 86400), (0.25, 0.25)],
)
def test_lengths_in_words(length, wanted):
    assert seconds(length) == wanted


# The parts


FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30)


@given(st.lists(FLOATS), st.lists(FLOATS))
def test_sums_are_exact_in_any_order_and_leave_no_trace(kept, passing):
    total = Total()
    for value in [*passing, *kept]:
        total.add(value)
    for value in reversed(passing):
        total.remove(value)
    plain = Total.merge([Total(), total])
    try:
        wanted = math.fsum(kept)
    except OverflowError:
        assert math.isinf(plain.sum())
        return
    if all(isinstance(value, float) or abs(value) < 2**53 for value in kept):
        assert plain.sum() == wanted
    assert plain.count == len(kept)
    if not kept:
        assert plain.mean() is None


@given(st.lists(FLOATS, min_size=1), st.floats(0, 1))
def test_quantiles_are_exact(values, q):
    ranked = Ranked.merge([Ranked(values[::2]), Ranked(values[1::2])])
    assert ranked.quantile(q) == percentile(values, q) or math.isnan(percentile(values, q))
    assert ranked.quantile(0) == float(min(values))
    assert ranked.quantile(1) == float(max(values))
    for value in values:
        ranked.remove(value)
    assert ranked.quantile(q) is None


def test_tallies_count_different_values():
    tally = Tally()
    for value in ("a", "b", "a"):
        tally.add(value)
    assert len(tally) == 2
    tally.remove("a")
    assert len(tally) == 2
    tally.remove("a")
    assert len(Tally.merge([tally, tally])) == 1


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (True, 1),
        (3, 3),
        (2.5, 2.5),
        ("12.50", 12.5),
        ("-7", -7),
        ("", None),
        ("NaN", None),
        ("Infinity", None),
        (math.nan, None),
        (10**400, None),
        ("9" * 400, None),
        (None, None),
        ([], None),
    ],
)
def test_what_counts_as_a_number(value, read):
    assert number(value) == read
