from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.core.frame import MAX_SAFE_INTEGER, PATCH_LIMIT, Buffers, Feed, clean, encode, key_text

ROWS = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(st.integers(0, 3)), max_size=8)
STEPS = st.lists(st.tuples(ROWS, st.sets(st.sampled_from("abcdefgh"))), max_size=25)


@pytest.mark.parametrize(
    ("value", "page"),
    [
        (None, None),
        (True, True),
        ("x", "x"),
        (7, 7),
        (1.5, 1.5),
        (MAX_SAFE_INTEGER, MAX_SAFE_INTEGER),
        (MAX_SAFE_INTEGER + 1, str(MAX_SAFE_INTEGER + 1)),
        (-(2**60), str(-(2**60))),
        (math.nan, None),
        (-math.inf, None),
        ([1, math.inf, {"a": 2**70}], [1, None, {"a": str(2**70)}]),
        (b"bytes", "b'bytes'"),
    ],
)
def test_a_value_becomes_what_a_page_can_hold(value, page):
    assert clean(value) == page


def test_a_key_of_several_columns_is_told_from_one_that_only_looks_like_it():
    assert key_text(("a,b", "c")) != key_text(("a", "b,c"))
    assert key_text((12,)) == "12"


def test_rows_travel_as_columns_of_equal_length():
    document = json.loads(encode(("status", "bid"), [("1", ("ringing", 2.5)), ("2", ("busy", None))], ["9"]))
    assert document == {
        "key": ["1", "2"],
        "cols": {"status": ["ringing", "busy"], "bid": [2.5, None]},
        "gone": ["9"],
    }
    assert json.loads(encode(("status",), [])) == {"key": [], "cols": {"status": []}, "gone": []}


def test_hostile_text_does_not_stop_the_feed():
    text = "<script>\u202e\U0001f600\x00 lone \ud800"
    assert json.loads(encode(("t",), [("1", (text,))]))["cols"]["t"] == [text.replace("\ud800", "?")]


@given(STEPS, st.integers(0, 25))
def test_what_changed_since_any_version_makes_the_old_rows_the_new_ones(steps, at):
    feed = Feed("f", ["n"], version=100)
    versions = [(feed.version, dict(feed.rows))]
    for upserted, removed in steps:
        feed.apply(upserted, removed)
        versions.append((feed.version, dict(feed.rows)))
    version, rows = versions[min(at, len(versions) - 1)]
    delta = feed.since(version)
    assert delta is not None
    for key in delta.gone:
        rows.pop(key, None)
    rows.update(delta.items)
    assert rows == feed.rows
    assert not set(delta.gone) & set(feed.rows)


@given(STEPS)
def test_a_feed_remembers_no_more_than_its_limits(steps):
    feed = Feed("f", ["n"], tombstones=2)
    for upserted, removed in steps:
        feed.apply(upserted, removed)
        assert feed.remembered <= 2 * len(feed) + 2


def test_a_page_that_is_further_behind_than_memory_gets_a_snapshot():
    feed = Feed("f", ["n"], tombstones=1)
    feed.apply({"a": (1,), "b": (1,), "c": (1,)})
    before = feed.version
    feed.apply({}, ["a"])
    middle = feed.version
    feed.apply({}, ["b"])
    feed.apply({}, ["c"])
    assert feed.since(before) is None
    assert feed.since(middle) is None
    assert feed.since(feed.version) is not None


def test_what_makes_no_difference_makes_no_version():
    feed = Feed("f", ["n"])
    assert feed.apply({"a": (1,)})
    version = feed.version
    assert not feed.apply({"a": (1,)}, ["unknown"])
    assert not feed.replace({"a": (1,)})
    assert feed.describe({"state": "live"})
    assert not feed.describe({"state": "live"})
    assert feed.version == version + 1


def test_a_large_change_comes_as_a_snapshot_in_parts():
    feed = Feed("f", ["n"], chunk=1000)
    feed.apply({str(n): (n,) for n in range(PATCH_LIMIT + 1)})
    assert feed.since(0) is None
    snapshot = feed.freeze()
    assert snapshot.parts == 5
    feed.apply({"0": (99,)})
    assert [row for part in range(5) for row in snapshot.part(part)] == [
        (str(n), (n,)) for n in range(PATCH_LIMIT + 1)
    ]


def test_a_row_of_another_width_is_refused():
    with pytest.raises(ValueError, match="2 columns"):
        Feed("f", ["a", "b"]).apply({"1": (1,)})


def test_pages_that_need_the_same_share_one_buffer():
    buffers = Buffers()
    assert buffers.add(("f", 1, 2), lambda: b"once") == 0
    assert buffers.add(("f", 1, 2), lambda: b"never") == 0
    assert buffers.add(("f", 1, 3), lambda: b"other") == 1
    assert buffers.payloads == [b"once", b"other"]
