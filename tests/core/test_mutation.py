"""Edits one at a time: each cell of the table, each rule, each answer."""

from __future__ import annotations

import itertools

import pytest

from livewidgets.core.change import Change, ChangeKind
from livewidgets.core.filters import Order, Where
from livewidgets.core.mutation import TRANSITIONS, UNSETTLED, Action, Edit, MutationEvent, MutationState
from livewidgets.core.mutation_doubt import Verdict, verdict
from livewidgets.core.mutation_overlay import Overlay
from livewidgets.core.mutation_queue import MOST_TRIES, Queue
from livewidgets.core.mutation_rules import chosen, parse_rule, resolve, same
from livewidgets.core.replica import Replica
from livewidgets.errors import (
    ConflictError,
    FilterError,
    NoRightsError,
    RowNotAddedError,
    RowVanishedError,
    WriteRefusedError,
)

UPDATE, INSERT, DELETE = ChangeKind.UPDATE, ChangeKind.INSERT, ChangeKind.DELETE
S, E = MutationState, MutationEvent
ROW = {"id": 1, "a": "x", "b": 0, "version": 1}

ids = itertools.count()


class Bench:
    """A loaded replica with edits over it."""

    def __init__(self, *rows, where=None, order=None, limit=None, version="version", more=None):
        self.replica = Replica(("id",), Where.parse(where), Order.parse(order), limit, version)
        self.queue = Queue(self.replica, "t")
        self.overlay = Overlay(self.replica, self.queue)
        self.patches = []
        self.load(*rows, more=more)

    def load(self, *rows, more=None):
        self.replica.begin_snapshot()
        read = self.queue.accepted()
        self.replica.add_page(rows)
        self.patches.append(self.overlay.absorb(lambda: self.replica.finish_snapshot(more=more), read))

    def do(self, name, *args):
        self.patches.append(self.overlay.edit(lambda: getattr(self.queue, name)(*args)))

    def add(self, kind, key, values=None, rule="server", **more):
        edit = Edit(str(next(ids)), kind, (key,), dict(values or {}), rule, **more)
        self.do("add", edit)
        return edit

    def take(self, most=4):
        steps = []
        self.patches.append(self.overlay.edit(lambda: steps.extend(self.queue.take(most))))
        return steps

    def hear(self, *changes):
        self.patches.append(self.overlay.absorb(lambda: self.replica.apply(changes)))

    def update(self, **row):
        self.hear(Change(UPDATE, "t", row, {"id": row["id"]}))

    def rows(self, *columns):
        return [tuple(row[name] for name in columns) for row in self.overlay.rows()]


# -- the table of states ---------------------------------------------------------------------------------------------


def test_the_table_of_edits_has_every_cell():
    assert set(TRANSITIONS) == set(itertools.product(S, E))


CELLS = {
    (S.PENDING, E.WRITTEN): S.ACCEPTED,
    (S.PENDING, E.LOST): S.CONFLICT,
    (S.PENDING, E.REFUSED): S.REJECTED,
    (S.ACCEPTED, E.SHOWN): S.SYNCED,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(S, E)))
def test_every_cell_of_an_edit(state, event):
    edit = Edit("1", UPDATE, (1,), {}, state=state)
    wanted = CELLS.get((state, event), state)
    assert edit.happen(event) is (wanted is not state)
    assert edit.state is wanted


def test_nothing_leaves_a_settled_state():
    assert all(after is state for (state, _), after in TRANSITIONS.items() if state not in UNSETTLED)


# -- what is shown ---------------------------------------------------------------------------------------------------


def test_an_edit_shows_at_once_and_is_one_row_when_it_comes_back():
    bench = Bench(ROW)
    edit = bench.add(UPDATE, 1, {"a": "y"})
    assert bench.rows("a", "version") == [("y", 1)]
    (step,) = bench.take()
    assert (step.action, step.expected, step.edit) == (Action.WRITE, 1, edit)
    bench.do("written", edit, {**ROW, "a": "y", "version": 2})
    assert edit.state is S.ACCEPTED
    assert bench.rows("a", "version") == [("y", 2)]
    bench.update(**{**ROW, "a": "y", "version": 2})
    assert edit.state is S.SYNCED
    assert not bench.patches[-1]
    assert bench.overlay.version == 3


def test_a_refused_edit_is_taken_back_in_one_patch():
    bench = Bench(ROW, {**ROW, "id": 2})
    edits = [
        bench.add(UPDATE, 1, {"a": "y"}),
        bench.add(DELETE, 2),
        bench.add(INSERT, 3, {"id": 3, "a": "n"}),
    ]
    assert bench.rows("id", "a", "b") == [(1, "y", 0), (3, "n", None)]
    for edit in edits:
        before = bench.overlay.version
        bench.do("refused", edit, WriteRefusedError("t", "no"))
        assert bench.overlay.version == before + 1
        assert edit.state is S.REJECTED
    assert sorted(bench.rows("id", "a")) == [(1, "x"), (2, "x")]
    assert dict(bench.patches[-1].removed) == {(3,): {"id": 3, "a": "n", "b": None, "version": None}}


def test_edits_lie_over_whatever_the_rows_become():
    bench = Bench(ROW)
    bench.add(UPDATE, 1, {"a": "y"})
    bench.update(**{**ROW, "b": 5, "version": 2})
    assert bench.rows("a", "b") == [("y", 5)]
    bench.load({**ROW, "b": 6, "version": 3})
    assert bench.rows("a", "b") == [("y", 6)]
    bench.hear(Change(DELETE, "t", {}, {"id": 1}))
    assert bench.rows("id") == []


def test_an_edit_may_leave_the_filter_and_the_window_and_enter_them():
    bench = Bench(ROW, {**ROW, "id": 2, "b": 3}, where={"a": "x"}, order="-b", limit=2, more=True)
    assert bench.rows("id") == [(2,), (1,)]
    gone = bench.add(UPDATE, 2, {"a": "y"})
    assert bench.rows("id") == [(1,)]
    bench.do("refused", gone, WriteRefusedError("t", "no"))
    bench.add(INSERT, 3, {"id": 3, "a": "x", "b": 1})
    assert bench.rows("id") == [(2,), (3,)]
    assert set(bench.patches[-1].removed) == {(1,)}
    assert len(bench.overlay) == 2
    bench.add(
        INSERT, 4, {"id": 4, "a": "x", "b": -1}
    )  # beyond the edge, where there are rows that nobody has read
    assert bench.rows("id") == [(2,), (3,)]
    assert (4,) not in bench.overlay


def test_without_edits_all_is_passed_through():
    bench = Bench(ROW)
    assert bench.overlay.rows()[0] is bench.replica.rows()[0]
    assert not bench.overlay.edit(lambda: None)
    assert (bench.overlay.get((1,)), bench.overlay.key, bench.overlay.loaded) == (ROW, ("id",), True)
    assert repr(bench.overlay) == "<Overlay 1 rows, 0 edits, version 1>"


# -- the queue -------------------------------------------------------------------------------------------------------


def test_edits_of_one_row_wait_for_each_other_and_rows_do_not():
    bench = Bench(ROW, {**ROW, "id": 2})
    first, second = bench.add(UPDATE, 1, {"a": "y"}), bench.add(UPDATE, 1, {"b": 7})
    other = bench.add(UPDATE, 2, {"a": "z"})
    assert [step.edit for step in bench.take()] == [first, other]
    assert bench.take() == []
    bench.do("written", first, {**ROW, "a": "y", "version": 2})
    (step,) = bench.take()
    # The second stands on the row that the first has made, though the rows do not show it yet.
    assert (step.edit, step.expected) == (second, 2)
    assert bench.rows("a", "b")[0] == ("y", 7)


def test_an_edit_stands_on_what_was_accepted_though_it_is_not_shown_yet():
    bench = Bench(ROW)
    first = bench.add(UPDATE, 1, {"a": "y"})
    bench.take()
    bench.do("written", first, {**ROW, "a": "y", "b": 9, "version": 3})
    second = bench.add(UPDATE, 1, {"a": "z"})
    assert second.base == {**ROW, "a": "y", "b": 9, "version": 3}
    (step,) = bench.take()
    assert step.expected == 3


def test_no_more_at_once_than_allowed():
    bench = Bench(*({**ROW, "id": n} for n in range(9)))
    for n in range(9):
        bench.add(UPDATE, n, {"a": "y"})
    assert len(bench.take(4)) == 4
    assert bench.take(4) == []


def test_what_was_made_offline_goes_in_order():
    bench = Bench(ROW, {**ROW, "id": 2}, {**ROW, "id": 3})
    edits = [bench.add(UPDATE, n, {"a": "y"}, in_order=n < 3) for n in (1, 2, 3)]
    for edit in edits:
        (step,) = bench.take()
        assert step.edit is edit
        if edit.in_order:
            assert step.action is Action.READ  # much may have happened meanwhile
            bench.do("read", edit, {**ROW, "id": edit.key[0]})
            (step,) = bench.take()
        assert step.action is Action.WRITE
        bench.do("written", edit, {**ROW, "id": edit.key[0], "a": "y", "version": 2})


def test_a_refusal_stops_nothing_but_what_stands_on_it():
    other = {"id": 3, "a": "another's", "b": 0, "version": 1}
    bench = Bench(ROW, {**ROW, "id": 2})
    refused = bench.add(UPDATE, 1, {"a": "bad"}, in_order=True)
    same_row = bench.add(UPDATE, 1, {"b": 1}, in_order=True)
    other_row = bench.add(UPDATE, 2, {"b": 2}, in_order=True)
    inserted = bench.add(INSERT, 3, {"id": 3}, in_order=True)
    on_it = bench.add(UPDATE, 3, {"a": "mine"}, in_order=True)
    back = bench.queue.undo(on_it, "back", in_order=True)
    gone = bench.add(DELETE, 3, in_order=True)
    again = bench.add(INSERT, 3, {"id": 3, "a": "again"}, in_order=True)
    sent = []
    rows = {1: ROW, 2: {**ROW, "id": 2}, 3: other}
    while steps := bench.take():
        (step,) = steps
        edit = step.edit
        if step.action is Action.READ:
            bench.do("read", edit, rows[edit.key[0]])
            continue
        sent.append(edit)
        if edit is refused:
            bench.do("refused", edit, WriteRefusedError("t", "bad"))
        elif edit.kind is INSERT:
            bench.do("missed", edit)
        else:
            bench.do("written", edit, {**rows[edit.key[0]], **edit.values, "version": 2})
    assert sent == [refused, same_row, other_row, inserted, again]
    # The row that has the key is another one: nobody asked to change or to delete that.
    assert [edit.state for edit in (refused, inserted, on_it, again)] == [S.REJECTED] * 4
    assert isinstance(on_it.error, RowNotAddedError)
    assert [edit.state for edit in (back, gone)] == [S.SYNCED] * 2
    assert [edit.state for edit in (same_row, other_row)] == [S.ACCEPTED] * 2
    assert bench.rows("id", "a", "b") == [(1, "x", 1), (2, "x", 2)]


def test_a_conflict_after_an_outage_is_judged_by_the_row_as_it_is_then():
    bench = Bench({"id": 1, "a": "x"}, version=None)
    edit = bench.add(UPDATE, 1, {"a": "y"}, in_order=True)
    bench.take()
    bench.do("read", edit, {"id": 1, "a": "theirs"})
    assert edit.state is S.CONFLICT
    assert bench.rows("a") == [("x",)]


def test_a_change_known_before_sending_is_judged_without_a_request():
    bench = Bench(ROW)
    edit = bench.add(UPDATE, 1, {"a": "y"})
    bench.update(**{**ROW, "b": 5, "version": 2})
    assert bench.take() == []
    assert edit.state is S.CONFLICT
    assert isinstance(edit.error, ConflictError)
    assert (edit.error.mine["a"], edit.error.theirs["b"], edit.error.base) == ("y", 5, ROW)


def test_a_row_that_is_not_held_is_read_first():
    bench = Bench(ROW)
    edit, gone, deleted = (
        bench.add(UPDATE, 7, {"a": "y"}),
        bench.add(UPDATE, 8, {"a": "y"}),
        bench.add(DELETE, 9),
    )
    assert {step.action for step in bench.take()} == {Action.READ}
    bench.do("read", edit, {**ROW, "id": 7, "version": 4})
    bench.do("read", gone, None)
    bench.do("read", deleted, None)
    assert isinstance(gone.error, RowVanishedError)
    assert deleted.state is S.SYNCED
    (step,) = bench.take()
    assert step.expected == 4


# -- races -----------------------------------------------------------------------------------------------------------


def race(rule, values, theirs, kind=UPDATE):
    bench = Bench(ROW)
    edit = bench.add(kind, 1, values, rule)
    bench.take()
    bench.do("missed", edit)
    (step,) = bench.take()
    assert step.action is Action.READ
    bench.do("read", edit, theirs)
    return bench, edit


THEIRS = {**ROW, "b": 9, "version": 2}


@pytest.mark.parametrize(
    ("rule", "values", "kind", "written"),
    [
        ("server", {"a": "y"}, UPDATE, None),
        ("mine", {"b": 5}, UPDATE, {"b": 5}),
        ("merge", {"a": "y"}, UPDATE, {"a": "y"}),
        ("merge", {"a": "y", "b": 5}, UPDATE, None),
        ("server", {}, DELETE, None),
        ("merge", {}, DELETE, None),
        ("mine", {}, DELETE, {}),
    ],
)
def test_a_lost_race_is_decided_by_the_rule(rule, values, kind, written):
    bench, edit = race(rule, values, THEIRS, kind)
    if written is None:
        assert edit.state is S.CONFLICT
        assert edit.error.theirs == THEIRS
        assert bench.rows("a", "b") == [("x", 0)]
    else:
        (step,) = bench.take()
        assert (step.action, step.expected, edit.values) == (Action.WRITE, 2, written)


@pytest.mark.parametrize(
    ("outcome", "state", "values"),
    [
        (None, S.CONFLICT, {"a": "y"}),
        (THEIRS, S.CONFLICT, {"a": "y"}),
        ({**THEIRS, "b": 10, "version": 77, "id": 5}, S.PENDING, {"b": 10}),
    ],
)
def test_a_rule_of_the_users_own_is_asked(outcome, state, values):
    bench, edit = race(lambda *_: outcome, {"a": "y"}, THEIRS)
    (step,) = bench.take()
    assert step.action is Action.JUDGE
    bench.do("judged", edit, outcome)
    assert (edit.state, edit.values) == (state, values)


@pytest.mark.parametrize(("outcome", "state"), [(None, S.CONFLICT), (THEIRS, S.CONFLICT), ({}, S.PENDING)])
def test_a_rule_of_the_users_own_about_a_delete(outcome, state):
    bench, edit = race(lambda *_: outcome, {}, THEIRS, DELETE)
    bench.take()
    bench.do("judged", edit, outcome)
    assert edit.state is state


def test_who_wrote_the_same_is_no_rival():
    _, edit = race("server", {"b": 9}, THEIRS)
    assert edit.state is S.ACCEPTED


def test_a_race_is_not_run_for_ever():
    bench, edit = race("mine", {"a": "y"}, THEIRS)
    for version in range(3, MOST_TRIES + 10):
        if edit.state is not S.PENDING:
            break
        bench.take()
        bench.do("missed", edit)
        bench.take()
        bench.do("read", edit, {**THEIRS, "version": version})
    assert edit.state is S.CONFLICT


def test_a_row_that_fits_and_was_not_written_is_closed_to_this_role():
    _, edit = race("mine", {"a": "y"}, ROW)
    assert isinstance(edit.error, NoRightsError)


def test_what_stands_behind_a_merged_edit_still_sees_what_others_changed():
    bench = Bench(ROW)
    first, second = bench.add(UPDATE, 1, {"a": "y"}, "merge"), bench.add(UPDATE, 1, {"b": 5}, "merge")
    bench.take()
    bench.do("missed", first)
    bench.take()
    bench.do("read", first, THEIRS)  # they changed b
    bench.take()
    bench.do("written", first, {**THEIRS, "a": "y", "version": 3})
    assert not bench.take()  # no request is needed to see that
    assert second.state is S.CONFLICT


# -- no answer -------------------------------------------------------------------------------------------------------


def doubtful(kind, values, base):
    return Edit("1", kind, (1,), values, base=base, doubtful=True)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW, Verdict.AGAIN),
        ({**ROW, "a": "y", "version": 2}, Verdict.WRITTEN),
        ({**ROW, "a": "y", "b": 8, "version": 5}, Verdict.WRITTEN),
        ({**ROW, "b": 8, "version": 2}, Verdict.LATE),
        ({**ROW, "b": 8, "version": 3}, Verdict.UNSURE),
        ({**ROW, "a": "z", "version": 2}, Verdict.UNSURE),
    ],
)
def test_what_the_row_says_of_an_update_without_an_answer(row, said):
    assert verdict(doubtful(UPDATE, {"a": "y"}, ROW), row, "version") is said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": 1, "a": "x"}, Verdict.AGAIN),
        ({"id": 1, "a": "y"}, Verdict.WRITTEN),
        ({"id": 1, "a": "z"}, Verdict.UNSURE),
    ],
)
def test_what_it_says_without_versions(row, said):
    assert verdict(doubtful(UPDATE, {"a": "y"}, {"id": 1, "a": "x"}), row, None) is said


@pytest.mark.parametrize(("row", "said"), [(ROW, Verdict.AGAIN), ({**ROW, "version": 2}, Verdict.LATE)])
def test_what_it_says_of_a_delete(row, said):
    assert verdict(doubtful(DELETE, {}, ROW), row, "version") is said


def test_a_write_without_an_answer_is_read_before_anything_else():
    bench = Bench(ROW)
    edit = bench.add(UPDATE, 1, {"a": "y"})
    bench.take()
    bench.do("unanswered", edit)
    assert edit.state is S.PENDING
    (step,) = bench.take()
    assert step.action is Action.READ
    bench.do("read", edit, {**ROW, "a": "y", "version": 2})
    assert edit.state is S.ACCEPTED


@pytest.mark.parametrize(
    ("own_key", "row", "state"),
    [
        (True, {"id": 1, "a": "changed since"}, S.SYNCED),
        (False, {"id": 1, "a": "y"}, S.SYNCED),
        (False, {"id": 1, "a": "somebody else's"}, S.REJECTED),
        (True, None, S.PENDING),
    ],
)
def test_an_insert_without_an_answer(own_key, row, state):
    bench = Bench()
    edit = bench.add(INSERT, 1, {"id": 1, "a": "y"}, own_key=own_key)
    bench.take()
    bench.do("unanswered", edit)
    bench.take()
    if row is not None:
        bench.hear(Change(INSERT, "t", row, {}))
    bench.do("read", edit, row)
    assert edit.state is state


def test_a_key_that_is_taken():
    bench = Bench(ROW)
    edit = bench.add(INSERT, 1, {"id": 1, "a": "y"})
    bench.take()
    bench.do("missed", edit)
    bench.take()
    bench.do("read", edit, ROW)
    assert edit.state is S.REJECTED
    assert "with this key" in str(edit.error)


def test_a_column_that_the_database_computes_is_left_out():
    bench = Bench()
    edit = bench.add(INSERT, 1, {"id": 1, "profit": 5})
    bench.take()
    bench.do("without", edit, "profit")
    assert edit.values == {"id": 1}
    assert bench.take()


def test_a_reading_shows_what_the_stream_did_not():
    bench = Bench(ROW)
    edit = bench.add(UPDATE, 1, {"a": "y"})
    bench.take()
    bench.do("written", edit, {**ROW, "a": "y", "version": 2})
    bench.load()  # it was deleted since
    assert edit.state is S.SYNCED
    assert bench.rows("id") == []


def test_what_is_not_written_can_be_given_up():
    bench = Bench(ROW, {**ROW, "id": 2})
    pending, accepted = bench.add(UPDATE, 1, {"a": "y"}), bench.add(UPDATE, 2, {"a": "y"})
    bench.do("written", accepted, {**ROW, "id": 2, "a": "y", "version": 2})
    bench.do("abandon", WriteRefusedError("t", "closed"))
    assert (pending.state, accepted.state, len(bench.queue)) == (S.REJECTED, S.ACCEPTED, 0)
    assert bench.rows("a") == [("x",), ("x",)]


# -- undo ------------------------------------------------------------------------------------------------------------


def test_what_waits_behind_a_merged_edit_is_not_judged_by_rows_from_before_it():
    bench = Bench(ROW)
    first = bench.add(UPDATE, 1, {"a": "y"}, rule="merge")
    second = bench.add(UPDATE, 1, {"a": "z"}, rule="merge")
    bench.take()
    bench.do("missed", first)
    bench.take()
    theirs = {**ROW, "b": 1, "version": 2}
    bench.do("read", first, theirs)
    bench.take()
    bench.do("written", first, {**theirs, "a": "y", "version": 3})
    bench.update(**theirs)  # late: the first edit is in the database already
    (step,) = bench.take()
    assert (step.edit, step.action, step.expected) == (second, Action.WRITE, 3)
    bench.do("written", second, {**theirs, "a": "z", "version": 4})
    assert bench.rows("a", "b", "version") == [("z", 1, 4)]


def test_an_undo_waits_for_what_it_undoes_and_stands_on_it():
    bench = Bench(ROW)
    edit = bench.add(UPDATE, 1, {"a": "y"})
    bench.do("undo", edit, "back")
    assert bench.rows("a") == [("x",)]
    bench.take()
    bench.do("written", edit, {**ROW, "a": "y", "version": 2})
    (step,) = bench.take()
    assert (step.edit.values, step.expected) == ({"a": "x"}, 2)


def test_an_undo_of_what_was_not_written_has_nothing_to_do():
    bench = Bench(ROW)
    edit = bench.add(UPDATE, 1, {"a": "y"})
    bench.do("undo", edit, "back")
    bench.do("refused", edit, WriteRefusedError("t", "no"))
    (back,) = bench.queue
    assert bench.take() == []
    assert back.state is S.SYNCED


def test_an_undo_gives_way_to_who_changed_it_since():
    bench = Bench(ROW)
    edit = bench.add(UPDATE, 1, {"a": "y"})
    bench.take()
    bench.do("written", edit, {**ROW, "a": "y", "version": 2})
    bench.update(**{**ROW, "a": "theirs", "version": 3})
    bench.do("undo", edit, "back")
    (back,) = bench.queue
    assert bench.take() == []
    assert back.state is S.CONFLICT
    assert bench.rows("a") == [("theirs",)]


@pytest.mark.parametrize(("kind", "opposite"), [(INSERT, DELETE), (DELETE, INSERT)])
def test_an_undo_of_an_insert_is_a_delete_and_the_other_way_round(kind, opposite):
    bench = Bench(*([ROW] if kind is DELETE else []))
    edit = bench.add(kind, 1, ROW if kind is INSERT else {})
    bench.take()
    bench.do("written", edit, None if kind is DELETE else ROW)
    bench.do("undo", edit, "back")
    (step,) = bench.take()
    assert step.edit.kind is opposite
    assert bench.rows("id") == ([(1,)] if opposite is INSERT else [])


# -- values and rules ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("2026-11-22T10:00:00Z", "2026-11-22 10:00:00+00", True),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:01Z", False),
        (12.5, "12.50", True),
        (1, True, False),
        (0, False, False),
        ("A1B2C3D4-0000-4000-8000-000000000000", "a1b2c3d4-0000-4000-8000-000000000000", True),
        ("Ana", "ana", False),
        (None, None, True),
        (None, "", False),
        ({"a": [1]}, {"a": [1]}, True),
        ({"a": 1}, "a", False),
    ],
)
def test_values_mean_the_same_or_not(left, right, equal):
    assert same(left, right) is equal
    assert same(right, left) is equal


def test_rules_are_known():
    assert parse_rule("merge") == "merge"
    assert parse_rule(resolve) is resolve
    for rule in ("theirs", None, 3):
        with pytest.raises(FilterError, match="no rule"):
            parse_rule(rule)


def test_only_what_differs_is_written():
    assert chosen(
        {"id": 2, "a": 1, "b": 2, "version": 3}, {"id": 1, "a": 1, "version": 2}, ("id",), "version"
    ) == {"b": 2}


def test_reprs_show_no_values():
    bench = Bench(ROW)
    edit = bench.add(UPDATE, 1, {"a": "+15551234567"})
    assert "555" not in repr(edit) + repr(bench.queue) + repr(bench.overlay)


def test_a_row_that_came_again_as_it_was_is_shown_once():
    bench = Bench(ROW, order="b", limit=2, more=False)
    bench.overlay.rows()
    bench.hear(Change(DELETE, "t", {}, {"id": 1}), Change(INSERT, "t", dict(ROW), {}))
    bench.add(UPDATE, 1, {"a": "y"})
    assert bench.rows("a") == [("y",)]
