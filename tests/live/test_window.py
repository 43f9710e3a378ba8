"""A window over a table that follows a database."""

from __future__ import annotations

import gc
import warnings

import pandas as pd
import pytest

from livewidgets.errors import ClosedError, WindowError
from tests.live.conftest import eventually

COLUMNS = "id bigint primary key, at timestamptz default now(), status text, phone text, n numeric"


def test_a_window_follows_the_table(live, make_table):
    data = make_table(COLUMNS)
    data.run(
        "insert into {} values (1, now(), 'a', '+15551234567', 2), (2, now() - interval '20 min', 'a', null, 3)"
    )
    table = live.table(data.name).ready()
    with table.window("at", every="1m", window="15m", by="status", measures=["count", "sum(n)"]) as window:
        assert window.totals() == {("a",): {"count": 1, "sum(n)": 2}}
        seen = window.columns()
        assert seen.whole
        assert len(seen.starts) == 15
        # One comes late, one changes, one that was too old is deleted.
        data.run("insert into {} values (3, now() - interval '5 min', 'b', null, 1)")
        data.run("update {} set n = 5 where id = 1")
        data.run("delete from {} where id = 2")
        wanted = {("a",): {"count": 1, "sum(n)": 5}, ("b",): {"count": 1, "sum(n)": 1}}
        eventually(lambda: window.totals() == wanted)
        told = window.columns(seen.version)
        assert not told.whole
        assert 2 <= len(told.starts) <= 3
        assert not window.partial
        frame = window.to_pandas()
        assert list(frame.columns) == ["at", "status", "count", "sum(n)"]
        assert frame["status"].to_list() == ["b", "a"]
        assert frame["at"].is_monotonic_increasing
        assert str(frame["at"].dtype) == "datetime64[us, UTC]"
        assert abs(pd.Timestamp.now(tz="UTC") - frame["at"].iloc[-1]) < pd.Timedelta(minutes=2)
        assert "2 rows" in repr(window)
    assert not table._subscriptions
    with pytest.raises(ClosedError):
        window.columns()


def test_a_window_may_be_opened_before_the_rows_are_there(live, make_table):
    data = make_table(COLUMNS)
    data.run("insert into {} values (1, now(), 'a', '+15551234567', 2)")
    with live.table(data.name).window("at", by="phone") as window:
        eventually(lambda: window.totals(together=True) == {(): {"count": 1}})
        # What is shown by a cell is saved with the notebook.
        assert window.to_pandas()["phone"].to_list() == ["+1 ••• ••• 4567"]


def test_a_window_that_is_dropped_is_cleaned_up(live, make_table):
    data = make_table(COLUMNS)
    table = live.table(data.name).ready()
    window = table.window("at")
    gc.collect()  # what others have left is not told of in here
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del window
        gc.collect()
    assert [str(warning.message).startswith("<LiveWindow on") for warning in caught] == [True]
    caught.clear()  # a warning keeps what it is about
    eventually(lambda: not table._subscriptions and not live._upstream.kept)
    eventually(lambda: not table._follower._patch_taps)


def test_a_window_that_cannot_be(live, make_table):
    table = live.table(make_table(COLUMNS).name)
    with pytest.raises(WindowError):
        table.window("at", measures=["variance(n)"])
    table.close()
    with pytest.raises(ClosedError):
        table.window("at")
