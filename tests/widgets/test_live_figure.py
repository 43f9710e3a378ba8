from __future__ import annotations

import asyncio
import gc
import json
import math
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ipywidgets.widgets.widget import _instances

import livewidgets as lw
import livewidgets.widgets.live_figure_pulse as pulse_module
from livewidgets.core.window import MOST_BUCKETS
from livewidgets.errors import NoRightsError, WindowError
from livewidgets.live.client import Live
from livewidgets.live.table import TableState
from livewidgets.live.thread import io_thread
from livewidgets.testing import wait_until
from livewidgets.widgets.lease import Borrowed
from livewidgets.widgets.live_figure import LiveFigure
from livewidgets.widgets.live_figure_looks import DARK, LIGHT
from livewidgets.widgets.live_figure_picture import MOST_POINTS, Pictures, thinned
from livewidgets.widgets.live_figure_pulse import Pulse
from livewidgets.widgets.window_feed_data import Reading
from livewidgets.widgets.window_feed_marks import Marks
from livewidgets.widgets.window_feed_names import Names
from livewidgets.widgets.window_feed_plan import WindowPlan
from livewidgets.widgets.window_feed_series import SeriesBook
from tests.widgets.conftest import MemoryLive, MemoryTable, set_clocks

NUMBER = "+15551234567"
#: The bucket that is over is drawn in any case.
OPTIONS = {"every": "1h", "window": "1d"}


def ago(hours: float = 2.0) -> str:
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() - 3600 * hours, UTC).isoformat()


def on_io(function, *args):
    """Call as the library does: on the I/O thread."""

    async def call():
        return function(*args)

    return io_thread().run(call(), 10)


@pytest.fixture
def table(comms):
    return MemoryTable(
        MemoryLive(), rows=[{"id": n, "created_at": ago(), "status": "ab"[n % 2]} for n in range(6)]
    )


@pytest.fixture
def make(table):
    made = []

    def make(**options):
        figure = LiveFigure(table, **(OPTIONS | options))
        made.append(figure)
        figure._view_count = 1  # as a page sets it that shows it
        # Drawn, and not only about to be: another thread draws it.
        wait_until(lambda: figure._pulse.drawn >= 1, 10, "the first picture")
        return figure

    yield make
    for figure in made:
        figure.close()


def shown(figure) -> dict[str, list[float]]:
    """What the marks show: by series the values that are not 0."""
    found = {}
    for mark in figure._parts._data:
        if mark.visible:
            names, series = mark.labels, np.atleast_2d(mark.y)
            if len(names) != len(series):
                return {}  # another thread is at it: the numbers are in, the names are not
            for name, values in zip(names, series, strict=True):
                found[name] = [value for value in values if value and not math.isnan(value)]
    return found


@pytest.mark.parametrize("kind", ["line", "area", "step", "bar", "stacked"])
def test_the_numbers_are_drawn_and_follow(make, table, kind):
    figure = make(by="status", kind=kind, title="Calls")
    per = 2 if kind == "step" else 1  # the end of a step is a point of its own, where it is the last
    wait_until(lambda: shown(figure) == {"a": [3], "b": [3]}, 10, "two series")
    on_io(table.put, {"id": 9, "created_at": ago(5), "status": "a"})
    on_io(table.remove, 1)
    wait_until(lambda: shown(figure) == {"a": [1, 3], "b": [2]}, 10, f"the changes ({per})")
    assert figure.title == "Calls"
    assert list(figure.to_pandas().columns) == ["a", "b"]
    assert figure.to_pandas()["a"].sum() == 4


def test_it_is_a_bqplot_figure_that_goes_into_a_box(make):
    import bqplot

    figure = make(y=["count", "mean(n)"], thresholds={"Too many": 3}, annotations=[{"at": datetime.now(UTC)}])
    assert isinstance(figure, bqplot.Figure)
    assert lw.LiveFigure is LiveFigure
    box = ipywidgets.VBox([figure])
    assert repr(figure) == "<LiveFigure 'Calls, mean(n)'>"
    assert figure._parts._lines[0].labels == ["Too many 3"]
    assert figure._parts._notes.visible
    assert "run the notebook" in figure._repr_mimebundle_()["text/html"]
    box.layout.close()
    box.close()


def test_some_series_are_shown_and_it_stands_still(make, table):
    figure = make(by="status")
    wait_until(lambda: len(shown(figure)) == 2, 10, "both")
    figure.visible = ["b"]
    wait_until(lambda: list(shown(figure)) == ["b"], 10, "one")
    figure.visible = []
    wait_until(lambda: len(shown(figure)) == 2, 10, "both again")
    figure.paused = True
    drawn = figure._pulse.drawn
    on_io(table.put, {"id": 7, "created_at": ago(), "status": "c"})
    wait_until(lambda: figure._pulse.drawn > drawn, 10, "the picture that is not drawn")
    assert len(shown(figure)) == 2
    figure.paused = False
    wait_until(lambda: len(shown(figure)) == 3, 10, "what came meanwhile")


def test_the_axis_begins_at_0_unless_there_is_less(make, table):
    figure = make(y="min(n)", theme="dark")
    assert figure._parts.y.min == 0
    on_io(table.put, {"id": 7, "created_at": ago(), "n": -3})
    wait_until(lambda: shown(figure) == {"min(n)": [-3]}, 10, "the value")
    wait_until(lambda: figure._parts.y.min is None, 10, "the axis")


def test_the_brush_and_the_range_are_one(make):
    figure = make()
    brush = figure.interaction
    moments = np.array(["2026-11-22T12:00", "2026-11-22T13:00"], dtype="datetime64[ms]")
    brush.selected = moments
    assert figure.between == (datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 22, 13, tzinfo=UTC))
    figure.range = [0.0, 3_600_000.0]
    assert [str(one) for one in brush.selected] == ["1970-01-01T00:00:00.000", "1970-01-01T01:00:00.000"]
    figure.range = None
    assert brush.selected is None
    brush.selected = moments
    brush.selected = None
    assert figure.range is None
    assert figure.between is None


def test_what_is_wrong_is_said_behind_the_title(make, table):
    figure = make(title="Calls")
    on_io(table.turn, TableState.STALE)
    wait_until(lambda: re.fullmatch(r"Calls — stale since \d\d:\d\d:\d\d", figure.title), 10, "stale")
    # Of what came after that nothing is known: no 0 is shown for it.
    assert np.isnan(figure.to_pandas().to_numpy()).any()
    on_io(table.turn, TableState.ERROR, NoRightsError("calls"))
    wait_until(lambda: "calls" in figure.title and "stale" not in figure.title, 10, "the error")
    on_io(table.turn, TableState.LIVE)
    wait_until(lambda: figure.title == "Calls", 10, "all well")
    on_io(table.close)
    on_io(figure._pulse._want)
    wait_until(lambda: "closed" in figure.title, 10, "closed")


def test_personal_data_is_masked_in_what_is_saved(make, table):
    figure = make(by="caller_number")
    on_io(table.put, {"id": 7, "created_at": ago(), "caller_number": NUMBER})
    wait_until(lambda: "+1 ••• ••• 4567" in shown(figure), 10, "the masked name")
    saved = json.dumps(ipywidgets.Widget.get_manager_state(), default=str) + repr(figure)
    assert NUMBER[2:] not in saved


def test_what_cannot_be_drawn_is_said_at_once(table):
    for wrong in ({"y": "variance(n)"}, {"thresholds": "x"}, {"annotations": 3}, {"series": 0}):
        with pytest.raises(WindowError):
            LiveFigure(table, **wrong)
    with pytest.raises(TypeError, match="it has: line"):
        LiveFigure(table, kind="pie")
    with pytest.raises(TypeError, match="it has: auto, light, dark"):
        LiveFigure(table, theme="pink")
    with pytest.raises(TypeError, match="LiveTable or a Live"):
        LiveFigure("calls")
    with pytest.raises(TypeError, match="narrow a LiveTable"):
        LiveFigure(table, where={})


def test_nothing_is_left_of_it(make, table):
    make(by="status", thresholds=[1], annotations=[]).close()
    gc.collect()
    before, threads = len(_instances), set(threading.enumerate())
    for kind in ("line", "stacked") * 10:
        figure = make(by="status", thresholds=[1, 2], annotations=[], kind=kind)
        figure.close()
        figure.close()
    wait_until(lambda: table.taps == 0, 10, "the taps")
    assert len(_instances) == before
    assert set(threading.enumerate()) <= threads
    assert "closed" in repr(figure)
    on_io(table.put, {"id": 7, "created_at": ago(), "status": "a"})


async def test_traits_are_touched_on_the_main_loop_only(table, comms):
    figure = LiveFigure(table, by="status", **OPTIONS)
    figure._view_count = 1
    threads = set()
    for mark in figure.marks:
        mark.observe(lambda change: threads.add(threading.current_thread()))
    figure.observe(lambda change: threads.add(threading.current_thread()))
    table_changes = (
        {"id": 7, "created_at": ago(), "status": "c"},
        {"id": 8, "created_at": ago(), "status": "d"},
    )
    for row in table_changes:
        io_thread().call(table.put, row)
        drawn = figure._pulse.drawn
        await asyncio.to_thread(wait_until, lambda drawn=drawn: figure._pulse.drawn > drawn, 10, "a picture")
    assert threads == {threading.current_thread()}
    figure.close()


async def test_a_busy_kernel_is_asked_for_one_picture_and_the_newest_counts(table, comms):
    pictures = []
    pulse = Pulse(
        Borrowed(table),
        WindowPlan.read(x="created_at", y="count", by="status", every="1h", window="1d", series=8),
        "line",
        names=Names({}),
        marks=Marks(None),
        masked=True,
        show=pictures.append,
    )
    pulse.look(True)
    # The loop is not given back: as while a cell runs.
    wait_until(lambda: pulse._busy, 10, "the first picture to wait")
    for n in range(20, 40):
        on_io(table.put, {"id": n, "created_at": ago(), "status": f"s{n}"})
    assert pulse.drawn == 0
    await asyncio.to_thread(wait_until, lambda: pulse.drawn == 2, 10, "the second picture")
    assert len(pictures) == 2
    assert {one.name for one in pictures[1].series} >= {"Other"}
    pulse.close()


@pytest.mark.parametrize(("most", "pause"), [(600.0, 9 * 30.0), (100.0, 100.0)])
def test_what_takes_long_to_draw_is_drawn_seldom(table, comms, monkeypatch, most, pause):
    monkeypatch.setattr(pulse_module, "MOST", most)
    clock = iter(range(0, 10_000, 30))
    set_clocks(monkeypatch, pulse_module, perf_counter=lambda: next(clock))
    figure = LiveFigure(table, **OPTIONS)
    figure._view_count = 1
    loop = io_thread().loop
    wait_until(lambda: figure._pulse.drawn == 1, 10, "the first picture")
    assert pause - 60 < on_io(lambda: figure._pulse._next - loop.time()) <= pause
    figure.close()


def test_it_begins_when_it_is_first_looked_at(table, comms):
    figure = LiveFigure(table, **OPTIONS)
    figure.paused = True
    figure.paused = False
    figure._view_count = 0
    on_io(table.put, {"id": 9, "created_at": ago(), "status": "a"})
    assert (table.taps, on_io(lambda: figure._pulse.drawn)) == (0, 0)
    figure._view_count = 1
    wait_until(lambda: figure._picture is not None, 10, "the first picture")
    assert table.taps == 1
    figure.close()
    wait_until(lambda: table.taps == 0, 10, "the tap to end")


def test_who_asks_for_its_numbers_begins_it_too(table, comms):
    figure = LiveFigure(table, by="status", **OPTIONS)
    assert figure.to_pandas().empty
    wait_until(lambda: figure.to_pandas().sum().to_dict() == {"a": 3, "b": 3}, 10, "the numbers")
    figure.close()


def test_while_nobody_looks_it_is_drawn_seldom_and_at_once_for_who_comes_back(make, table, monkeypatch):
    monkeypatch.setattr(pulse_module, "MOST", 600.0)  # no picture in the time that this takes
    figure = make()
    loop = io_thread().loop
    wait_until(lambda: figure._pulse.drawn == 1, 10, "the first picture")
    figure._view_count = 0
    on_io(table.put, {"id": 9, "created_at": ago(), "status": "a"})
    wait_until(lambda: figure._pulse.drawn == 2, 10, "the last picture before it is left alone")
    on_io(table.put, {"id": 10, "created_at": ago(), "status": "a"})
    late = on_io(lambda: figure._pulse._timer)
    assert late.when() - loop.time() > 500
    figure._view_count = 1
    assert on_io(late.cancelled)
    wait_until(lambda: figure.to_pandas().to_numpy().sum() == 8, 10, "all that came meanwhile")


def test_without_bqplot_it_says_what_to_install():
    code = (
        "import sys; sys.modules['bqplot'] = None\n"
        "import livewidgets as lw\n"
        "try: lw.LiveFigure\n"
        "except lw.SetupError as error: print(error.advice)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert "livewidgets[plots]" in told.stdout


def test_the_colours_are_those_of_the_page():
    text = (Path(__file__).parents[2] / "js" / "src" / "lib" / "chart_palette.ts").read_text()
    light, dark = (
        re.findall(r'"(#\w{6})"', part) for part in re.findall(r"(?:LIGHT|DARK) = \[(.*?)\]", text, re.DOTALL)
    )
    assert tuple(light) == LIGHT
    assert tuple(dark) == DARK


NUMBERS = st.lists(st.none() | st.integers(-50, 50), min_size=1, max_size=4 * MOST_POINTS)


@given(values=NUMBERS, bars=st.booleans())
def test_more_points_than_pixels_keep_their_extremes(values, bars):
    y = np.array([[math.nan if value is None else value for value in values] * 2], dtype=float)
    x = np.arange(y.shape[1], dtype=float) * 5
    thin_x, thin_y = thinned(x, y, bars=bars)
    assert len(thin_x) == thin_y.shape[1] <= MOST_POINTS
    assert (np.diff(thin_x) > 0).all()
    present, drawn = y[~np.isnan(y)], thin_y[~np.isnan(thin_y)]
    assert len(drawn) > 0 or len(present) == 0
    if len(present):
        assert drawn.max() == present.max()
        assert bars or drawn.min() == present.min()
        assert set(drawn) <= set(present)


def test_a_picture_has_gaps_where_nothing_is_known():
    plan = WindowPlan.read(x="at", y=["count", "mean(n)"], by=None, every=5, window=20, series=8)
    book = SeriesBook(plan, Names({}), masked=True)
    book.rank({(): 1})
    pictures = Pictures(plan, "line")
    count, mean = (one.number for one in book.series)
    pictures.take(Reading(True, 100, 103, {100: {count: 2, mean: 4.5}}))
    picture = pictures.make(book, None, (), "")
    assert picture.y.tolist()[0] == [2, 0, 0]
    assert np.array_equal(picture.y[1], [4.5, math.nan, math.nan], equal_nan=True)
    assert picture.x[0] == np.datetime64(502_500, "ms")
    known = pictures.make(book, 506.0, (), "stale")
    assert np.array_equal(known.y[0], [2, 0, math.nan], equal_nan=True)
    assert not known.same_as(picture)
    assert known.same_as(pictures.make(book, 506.0, (), "stale"))
    pictures.take(Reading(False, 102, 105, {104: {count: 1}, 105: {count: 9}}))
    assert pictures.make(book, None, (), "").y[0].tolist() == [0, 0, 1]
    plan = WindowPlan.read(x="at", y="count", by=None, every=1, window=MOST_BUCKETS, series=1)
    book = SeriesBook(plan, Names({}), masked=True)
    book.rank({(): 1})
    wide = Pictures(plan, "bar")
    wide.take(Reading(True, 0, MOST_BUCKETS - 1, {n: {0: n} for n in range(MOST_BUCKETS)}))
    assert wide.make(book, None, (), "").y.shape[1] <= MOST_POINTS


def test_a_figure_follows_the_database(sandbox, sandbox_db, comms):
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
        [campaign] = sandbox_db.execute(
            "insert into campaigns (name) values ('Figure') returning id"
        ).fetchone()
        figure = LiveFigure(
            live, where={"campaign_id": str(campaign)}, by="campaign_id", y="sum(revenue)", **OPTIONS
        )
        sandbox_db.execute(
            "insert into calls (campaign_id, status, revenue, created_at)"
            " values (%s, 'ringing', 5, now() - interval '3 hours')",
            [campaign],
        )
        assert live.tables == (), "nobody looks yet"
        figure._view_count = 1
        wait_until(lambda: shown(figure) == {"Figure": [5]}, 20, "the call under its campaign's name")
        sandbox_db.execute("update calls set revenue = 7 where campaign_id = %s", [campaign])
        wait_until(lambda: shown(figure) == {"Figure": [7]}, 10, "the correction")
        figure.close()
        wait_until(lambda: not live._upstream._followers, 10, "the tables to be closed")
        sandbox_db.execute("delete from calls where campaign_id = %s", [campaign])
        sandbox_db.execute("delete from campaigns where id = %s", [campaign])
