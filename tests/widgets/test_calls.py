from __future__ import annotations

import pytest

from livewidgets.widgets.calls import (
    COLUMNS,
    Board,
    call_cells,
    number_of,
    seconds_of,
)

ENDED_AT = "2027-01-15T08:00:00+00:00"
NOW = 1_800_000_000.0


def cells(**row):
    return dict(
        zip(COLUMNS, call_cells(row, lambda column, key: f"{column}:{key}", lambda _: 2.5), strict=True)
    )


def test_the_caller_is_masked_whatever_the_database_says():
    assert cells(caller_number="+15551234567")["caller"] == "+1 ••• ••• 4567"
    assert cells(caller_masked="+1 ••• ••• 4567", caller_number="+15551234567")["caller"] == "+1 ••• ••• 4567"
    assert "555123" not in cells(caller_masked="+15551234567")["caller"]
    assert cells(caller_masked="+353 ••• ••• 4567")["caller"] == "+353 ••• ••• 4567"
    assert cells()["caller"] == ""


def test_amounts_come_as_numbers_or_not_at_all():
    assert [number_of(value) for value in (1, "2.50", None, "x", True, "NaN", float("inf"))] == [
        1.0,
        2.5,
        None,
        None,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    "text",
    ["2027-01-15T08:00:00+00:00", "2027-01-15T08:00:00Z", "2027-01-15 08:00:00+00", "2027-01-15T08:00:00"],
)
def test_times_are_read_in_every_spelling_of_the_wire(text):
    assert seconds_of(text) == NOW


def test_what_is_no_time_is_none():
    assert seconds_of("soon") is None
    assert seconds_of(None) is None


def test_a_row_with_nothing_in_it_gives_cells():
    assert len(call_cells({}, lambda column, key: "", lambda key: None)) == len(COLUMNS)


def test_a_call_that_ends_while_shown_lingers_and_leaves():
    board = Board(30)
    assert board.put("a", {"status": "ringing"}, NOW)
    assert board.live == 1
    # ended long ago by the database's clock, yet just now for whoever looks
    assert board.put("a", {"status": "completed", "ended_at": "2020-01-01T00:00:00Z"}, NOW)
    assert board.next_leave() == NOW + 30
    assert board.put("a", {"status": "completed", "ended_at": "2020-01-01T00:00:00Z", "revenue": 5}, NOW + 10)
    assert board.leave(NOW + 29.9) == []
    assert board.leave(NOW + 30) == ["a"]
    assert board.next_leave() is None
    assert not board.put("a", {"status": "completed", "ended_at": "2020-01-01T00:00:00Z"}, NOW + 31)


def test_a_call_that_had_ended_is_shown_by_its_end():
    board = Board(30)
    assert board.put("a", {"status": "busy", "ended_at": ENDED_AT}, NOW + 20)
    assert board.next_leave() == NOW + 30
    assert not board.put("b", {"status": "busy", "ended_at": ENDED_AT}, NOW + 31)
    assert board.put("future", {"status": "busy", "ended_at": "2030-01-01T00:00:00Z"}, NOW)
    assert board.leave(NOW + 30) == ["a", "future"]


def test_a_call_that_comes_to_life_again_stays():
    board = Board(30)
    board.put("a", {"status": "busy", "ended_at": ENDED_AT}, NOW)
    board.put("a", {"status": "in-progress"}, NOW + 1)
    assert board.leave(NOW + 100) == []
    board.drop("a")
    assert board.live == 0
