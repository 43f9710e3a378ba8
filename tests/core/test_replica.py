"""Each rule of the replica by an example; the interplay of all is in test_replica_model.py."""

from __future__ import annotations

import threading

import pytest

from livewidgets.core.change import Change, ChangeKind
from livewidgets.core.filters import Order, Where
from livewidgets.core.replica import Replica
from livewidgets.errors import FilterError, ProtocolError


def row(key, **values):
    return {"id": key, "status": "ringing", "note": "n", "version": 1, **values}


def insert(key, **values):
    return Change(ChangeKind.INSERT, "calls", row(key, **values), {})


def update(key, *, without=(), partial=False, **values):
    record = {name: value for name, value in row(key, **values).items() if name not in without}
    return Change(ChangeKind.UPDATE, "calls", record, {"id": key}, partial=partial)


def delete(key):
    return Change(ChangeKind.DELETE, "calls", {}, {"id": key})


def replica(*rows, where=None, order=None, limit=None, version_column="version", more=None):
    made = Replica(("id",), Where.parse(where), Order.parse(order), limit, version_column)
    made.begin_snapshot()
    made.add_page(rows)
    made.finish_snapshot(more=more)
    return made


def keys(patch):
    return sorted(k for (k,) in patch.upserted), sorted(k for (k,) in patch.removed)


# -- snapshots -----------------------------------------------------------------------------------------------------


def test_changes_wait_for_the_first_snapshot():
    made = Replica(("id",), Where())
    assert not made.apply([insert(1)])
    assert not made.loaded
    assert made.stale
    ticket = made.begin_snapshot()
    made.apply([insert(2)])
    made.add_page([row(3)], ticket)
    patch = made.finish_snapshot(ticket)
    assert keys(patch) == ([1, 2, 3], [])
    assert patch.reset
    assert patch.version == made.version == 1
    assert made.loaded
    assert not made.stale


def test_an_empty_first_snapshot_is_a_patch_too():
    made = Replica(("id",), Where())
    made.begin_snapshot()
    patch = made.finish_snapshot()
    assert patch
    assert patch.reset
    assert len(made) == 0


def test_a_resnapshot_that_finds_nothing_says_nothing():
    made = replica(row(1))
    first = made.get((1,))
    made.begin_snapshot()
    made.add_page([row(1)])
    assert not made.finish_snapshot()
    assert made.version == 1
    assert made.get((1,)) is first


def test_a_resnapshot_is_swapped_in_whole_as_one_patch():
    made = replica(row(1), row(2), row(3))
    made.mark_stale()
    ticket = made.begin_snapshot()
    made.add_page([row(2, status="completed")], ticket)
    assert [r["id"] for r in made.rows()] == [1, 2, 3]
    made.add_page([row(4)], ticket)
    patch = made.finish_snapshot(ticket)
    assert keys(patch) == ([2, 4], [1, 3])
    assert patch.reset
    assert patch.version == 2


def test_rows_are_readable_and_unchanged_while_stale():
    made = replica(row(1))
    made.mark_stale()
    assert not made.apply([update(1, status="completed")])
    assert made.get((1,))["status"] == "ringing"


def test_changes_go_on_while_a_healthy_stream_is_read_again():
    made = replica(row(1))
    made.begin_snapshot()
    made.add_page([row(1)])
    assert keys(made.apply([update(1, status="completed", version=2)])) == ([1], [])
    assert not made.finish_snapshot()
    assert made.get((1,))["status"] == "completed"


def test_changes_are_folded_in_turns_and_seen_at_the_swap_only():
    made = replica(row(1), row(2), row(3))
    made.mark_stale()
    ticket = made.begin_snapshot()
    made.apply([update(1, status="completed", version=2), delete(2), insert(4)])
    made.add_page([row(1), row(2), row(3, note="read")], ticket)
    assert made.fold(ticket, most=1)
    assert not made.add_page([row(9)], ticket)  # no page may follow
    # Of a row that is folded already, and of one whose turn has not come.
    made.apply([update(1, status="failed", version=3), update(4, note="new", version=2)])
    assert made.fold(ticket, most=1)
    assert [r["status"] for r in made.rows()] == ["ringing"] * 3
    assert not made.fold(ticket, most=5)
    made.apply([delete(1), insert(5)])
    assert not made.fold(ticket, most=5)
    assert [r["id"] for r in made.rows()] == [1, 2, 3]
    patch = made.finish_snapshot(ticket)
    assert keys(patch) == ([3, 4, 5], [1, 2])
    assert made.get((4,))["note"] == "new"
    assert patch.version == 2


def test_what_was_folded_for_a_snapshot_given_up_is_folded_for_the_next():
    made = Replica(("id",), Where())
    made.apply([insert(1)])
    ticket = made.begin_snapshot()
    assert not made.fold(ticket)
    made.abort_snapshot(ticket)
    assert not made.fold(ticket)
    ticket = made.begin_snapshot()
    assert keys(made.finish_snapshot(ticket)) == ([1], [])


def test_changes_from_before_a_gap_are_forgotten():
    made = Replica(("id",), Where())
    made.begin_snapshot()
    made.apply([insert(1), insert(2)])
    made.mark_stale()
    made.begin_snapshot()
    made.add_page([row(2)])
    assert keys(made.finish_snapshot()) == ([2], [])


def test_a_page_of_a_snapshot_given_up_is_not_wanted():
    made = Replica(("id",), Where())
    old = made.begin_snapshot()
    made.mark_stale()
    new = made.begin_snapshot()
    assert not made.add_page([row(1)], old)
    assert not made.finish_snapshot(old)
    made.abort_snapshot(old)
    assert made.snapshotting
    made.add_page([row(2)], new)
    assert keys(made.finish_snapshot(new)) == ([2], [])


def test_a_page_may_show_more_than_the_changes_that_have_arrived():
    made = Replica(("id",), Where(), version_column="version")
    made.begin_snapshot()
    made.add_page([row(1, version=3, status="completed")])
    made.apply([update(1, version=2, status="in-progress")])
    made.finish_snapshot()
    assert made.get((1,))["status"] == "completed"


def test_a_delete_of_a_row_that_no_page_shows():
    made = Replica(("id",), Where())
    made.begin_snapshot()
    made.apply([update(1), delete(1)])
    made.finish_snapshot()
    assert len(made) == 0


def test_a_key_that_was_used_again_is_the_new_row():
    made = Replica(("id",), Where(), version_column="version")
    made.begin_snapshot()
    made.add_page([row(1, version=9, note="old")])
    made.apply([delete(1), insert(1, note="new")])
    made.finish_snapshot()
    assert made.get((1,))["note"] == "new"
    assert made.get((1,))["version"] == 1


def test_a_large_value_from_before_the_join_is_read_again():
    made = Replica(("id",), Where())
    made.begin_snapshot()
    made.add_page([row(1, note="old")])
    made.apply([update(1, without=["note"], partial=True, version=2), update(1, without=["note"], version=3)])
    made.finish_snapshot()
    assert made.needs_reread == {(1,)}


# -- versions ------------------------------------------------------------------------------------------------------


def test_an_older_change_does_not_undo_a_newer_row():
    made = replica(row(1, version=5, status="completed"))
    assert not made.apply([update(1, version=4)])
    assert not made.apply([update(1, version=4, without=["note"], partial=True)])
    assert made.needs_reread == set()
    assert made.get((1,))["status"] == "completed"


def test_a_change_of_the_same_version_is_applied():
    made = replica(row(1, version=5, note="stale"))
    assert made.apply([update(1, version=5, note="right")])


def test_a_timestamp_can_be_the_version():
    made = Replica(("id",), Where(), version_column="version")
    made.begin_snapshot()
    made.add_page([row(1, version="2026-01-01T00:00:00.5+00:00")])
    made.finish_snapshot()
    assert not made.apply([update(1, version="2026-01-01 00:00:00.25+00", note="older")])
    assert made.apply([update(1, version="2026-01-01 01:00:01+01:00", note="newer")])


def test_without_a_version_arrival_decides():
    made = replica(row(1, version=5), version_column=None)
    assert made.apply([update(1, version=4)])


# -- merging and reading again -------------------------------------------------------------------------------------


def test_an_update_keeps_what_it_does_not_carry():
    made = replica(row(1, note="large"))
    made.apply([update(1, without=["note"], status="completed")])
    assert made.get((1,)) == row(1, note="large", status="completed")


def test_a_row_that_is_not_held_and_lacks_a_column_is_read_again():
    made = replica(row(1))
    assert not made.apply([update(2, without=["note"])])
    assert made.needs_reread == {(2,)}
    asked = made.take_reread()
    assert made.needs_reread == set()
    assert keys(made.finish_reread(asked, [row(2, note="large")])) == ([2], [])


def test_an_update_into_an_empty_table_is_read_again_and_an_insert_is_not():
    made = replica()
    made.apply([insert(1), update(2, without=["note"])])
    assert len(made) == 1
    assert made.needs_reread == {(2,)}
    unknown = replica()
    unknown.apply([update(2)])
    assert unknown.needs_reread == {(2,)}


def test_a_row_that_cannot_belong_here_is_not_read():
    made = replica(row(1), where={"status": "ringing"})
    made.apply([update(2, without=["note"], status="completed")])
    assert made.needs_reread == set()
    window = replica(row(1, rank=5), row(2, rank=4), row(3, rank=3), order="-rank", limit=2)
    window.apply([update(9, without=["note"], rank=1)])
    assert window.needs_reread == set()
    window.apply([update(9, without=["note", "rank"])])
    assert window.needs_reread == {(9,)}


def test_too_large_a_change_leaves_the_row_until_it_is_read():
    made = replica(row(1, note="small"))
    assert not made.apply([update(1, without=["note"], status="completed", version=2, partial=True)])
    assert made.needs_reread == {(1,)}
    assert not made.apply([update(1, without=["note"], status="failed", version=3)])
    asked = made.take_reread()
    made.finish_reread(asked, [row(1, note="large", status="failed", version=3)])
    assert made.get((1,)) == row(1, note="large", status="failed", version=3)


def test_a_whole_change_settles_a_row_that_waits_for_its_reading():
    made = replica(row(1))
    made.apply([update(1, without=["note"], partial=True, version=2)])
    asked = made.take_reread()
    made.apply([update(1, note="whole", version=3)])
    assert not made.finish_reread(asked, [row(1, note="older", version=2)])
    assert made.get((1,))["note"] == "whole"
    made.apply([update(1, without=["note"], partial=True, version=4), update(1, note="again", version=5)])
    assert made.needs_reread == set()


def test_a_change_during_a_reading_has_the_row_read_once_more():
    made = replica(row(1))
    made.apply([update(1, without=["note"], partial=True, version=2)])
    asked = made.take_reread()
    made.apply([update(1, without=["note"], status="failed", version=3)])
    assert not made.finish_reread(asked, [row(1, note="older", version=2)])
    assert made.needs_reread == {(1,)}


def test_a_row_that_leaves_during_a_reading_stays_away():
    made = replica(row(1), where={"status": "ringing"})
    made.apply([update(2, without=["note"])])
    asked = made.take_reread()
    made.apply([update(2, without=["note"], status="completed", version=2)])
    assert not made.finish_reread(asked, [row(2)])
    assert made.needs_reread == set()
    made.apply([update(3, without=["note"]), update(3, without=["note"], status="completed")])
    assert made.needs_reread == set()


def test_a_delete_during_a_reading_wins():
    made = replica(row(1))
    made.apply([update(1, without=["note"], partial=True, version=2)])
    asked = made.take_reread()
    made.apply([delete(1)])
    assert not made.finish_reread(asked, [row(1)])
    assert len(made) == 0
    made.apply([update(1, without=["note"]), delete(1)])
    assert made.needs_reread == set()


def test_a_row_that_is_not_found_again_is_gone():
    made = replica(row(1))
    made.apply([update(1, without=["note"], partial=True, version=2)])
    asked = made.take_reread()
    assert keys(made.finish_reread(asked, [])) == ([], [1])


def test_a_reading_that_fails_is_asked_for_again():
    made = replica(row(1))
    made.apply([update(1, without=["note"], partial=True, version=2)])
    made.abandon_reread(made.take_reread())
    assert made.needs_reread == {(1,)}


# -- filters, keys and bad payloads --------------------------------------------------------------------------------


def test_a_row_that_leaves_the_filter_is_removed_and_one_that_enters_is_added():
    made = replica(row(1), where={"status": "ringing"})
    patch = made.apply([update(1, status="completed"), insert(2), insert(3, status="failed")])
    assert keys(patch) == ([2], [1])
    assert patch.removed[(1,)]["status"] == "ringing"
    assert keys(made.apply([update(1)])) == ([1], [])


def test_a_changed_key_moves_the_row():
    made = replica(row(1))
    patch = made.apply([Change(ChangeKind.UPDATE, "calls", row(2), {"id": 1})])
    assert keys(patch) == ([2], [1])


def test_many_changes_of_one_row_are_one_difference():
    made = replica(row(1))
    patch = made.apply([insert(2), update(1, version=2), update(1, version=3), delete(2)])
    assert keys(patch) == ([1], [])
    assert patch.version == 2
    assert not made.apply([insert(5), delete(5)])
    assert made.version == 2


def test_a_change_without_a_key_asks_for_a_snapshot():
    made = replica(row(1))
    made.apply(
        [Change(ChangeKind.DELETE, "calls", {}, {}), Change(ChangeKind.UPDATE, "calls", {}, {}), insert(2)]
    )
    assert made.needs_snapshot
    assert len(made) == 2
    made.begin_snapshot()
    assert not made.needs_snapshot


def test_a_page_without_the_key_is_a_protocol_error():
    made = Replica(("id", "part"), Where())
    made.begin_snapshot()
    with pytest.raises(ProtocolError, match="id, part"):
        made.add_page([{"id": 1}])


def test_a_key_of_several_columns():
    made = Replica(("room", "seat"), Where())
    made.begin_snapshot()
    made.add_page([{"room": "a", "seat": 1, "who": "x"}, {"room": "a", "seat": 2, "who": "y"}])
    made.finish_snapshot()
    made.apply([Change(ChangeKind.DELETE, "seats", {}, {"room": "a", "seat": 1})])
    assert ("a", 2) in made
    assert made.get(("a", 1)) is None


@pytest.mark.parametrize("limit", [0, -1, True, 2.5, "5"])
def test_a_limit_is_a_positive_number(limit):
    with pytest.raises(FilterError, match="limit"):
        Replica(("id",), Where(), None, limit)


# -- order and window ----------------------------------------------------------------------------------------------


def window(*ranks, limit=3, more=None):
    return replica(
        *[row(i, rank=rank) for i, rank in enumerate(ranks)], order="-rank", limit=limit, more=more
    )


def ranks(made):
    return [r["rank"] for r in made.rows()]


def test_rows_come_in_order_with_ties_by_key():
    made = replica(row(3, rank=1), row(1, rank=1), row(2, rank=None), row(4, rank=2), order="rank")
    assert [r["id"] for r in made.rows()] == [1, 3, 4, 2]
    made.apply([update(2, rank=0, version=2)])
    assert [r["id"] for r in made.rows()] == [2, 1, 3, 4]


def test_the_last_row_falls_out_of_a_full_window():
    made = window(5, 4, 3)
    patch = made.apply([insert(9, rank=6)])
    assert ranks(made) == [6, 5, 4]
    assert keys(patch) == ([9], [2])
    assert made.truncated
    assert not made.needs_refill


def test_a_row_beyond_the_edge_is_ignored_while_there_is_more():
    made = window(5, 4, 3)
    assert not made.apply([insert(9, rank=1)])
    assert made.truncated


def test_a_row_that_is_removed_leaves_a_place_to_be_filled():
    made = window(5, 4, 3)
    made.apply([delete(0)])
    assert made.needs_refill
    made.begin_snapshot(refill=True)
    made.add_page([row(1, rank=4), row(2, rank=3), row(7, rank=2)])
    patch = made.finish_snapshot(more=False)
    assert keys(patch) == ([7], [])
    assert not patch.reset
    assert not made.truncated
    assert not made.needs_refill


def test_a_row_that_sorts_beyond_the_edge_now_leaves_too():
    made = window(5, 4, 3)
    assert keys(made.apply([update(0, rank=1, version=2)])) == ([], [0])
    assert made.needs_refill


def test_a_window_that_holds_all_takes_any_row():
    made = window(5, 4, limit=3)
    assert not made.truncated
    made.apply([insert(9, rank=1)])
    assert ranks(made) == [5, 4, 1]
    made.apply([delete(9)])
    assert not made.needs_refill


def test_a_full_window_is_known_to_hold_all_when_the_reader_says_so():
    assert window(5, 4, 3).truncated
    assert not window(5, 4, 3, more=False).truncated
    cut = window(5, 4, 3, 2, more=True)
    assert ranks(cut) == [5, 4, 3]
    assert cut.truncated


def test_a_row_that_was_read_on_two_pages_does_not_make_a_window_look_complete():
    made = Replica(("id",), Where(), Order.parse("-rank"), 3)
    made.begin_snapshot()
    made.add_page([row(1, rank=9), row(2, rank=8)])
    made.add_page([row(1, rank=7)])
    made.finish_snapshot()
    assert made.truncated
    assert made.needs_refill


def test_a_limit_without_an_order_goes_by_key():
    made = replica(row(1), row(2), row(4), limit=3)
    made.apply([insert(3)])
    assert [r["id"] for r in made.rows()] == [1, 2, 3]


# -- reading while it changes --------------------------------------------------------------------------------------


def test_rows_are_one_version_while_another_thread_applies():
    lock = threading.Lock()
    made = Replica(("id",), Where(), Order.parse("rank"), guard=lock)
    made.begin_snapshot()
    made.add_page([row(i, rank=i, version=0) for i in range(500)])
    made.finish_snapshot()
    done = threading.Event()
    failures = []

    def read():
        while not done.is_set():
            versions = {r["version"] for r in made.rows()}
            if len(versions) != 1:
                failures.append(versions)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for version in range(1, 40):
            made.apply([update(i, rank=(i * version) % 501, version=version) for i in range(500)])
    finally:
        done.set()
        reader.join()
    assert failures == []


def test_the_list_is_the_readers_own():
    made = replica(row(1))
    made.rows().clear()
    assert len(made.rows()) == 1


def test_repr_shows_no_row():
    assert repr(replica(row(1, note="+15551234567"))) == "<Replica 1 rows, version 1>"
