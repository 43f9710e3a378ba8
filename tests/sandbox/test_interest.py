"""The index over filters finds whoever wants a change, and spares the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from livewidgets.sandbox.conditions import Check, Watch
from livewidgets.sandbox.interest import Interest
from livewidgets.sandbox.pgoutput import UNCHANGED

COLUMNS = ("id", "room", "status")
INDEX = {name: at for at, name in enumerate(COLUMNS)}
VALUES = ("1", "2", "3")
ALL = frozenset({"INSERT", "UPDATE", "DELETE"})


@dataclass(eq=False)
class Group:
    watches: dict[int, tuple[Watch, ...]] = field(default_factory=dict)


def equal(column: str, *values: str) -> Check:
    return Check(column, lambda value: value in values, False, False, texts=frozenset(values))


def above(column: str, limit: str) -> Check:
    return Check(column, lambda value: value > limit, False, False)


def watch(*checks: Check) -> Watch:
    return Watch(1, ALL, checks, None)


checks = st.one_of(
    st.builds(
        lambda column, values: equal(column, *values),
        st.sampled_from(COLUMNS),
        st.lists(st.sampled_from(VALUES), max_size=2),
    ),
    st.builds(above, st.sampled_from(COLUMNS), st.sampled_from(VALUES)),
)
watches = st.lists(checks, max_size=2).map(lambda found: watch(*found))
groups = st.lists(
    st.lists(watches, min_size=1, max_size=3).map(lambda found: Group({1: tuple(found)})), min_size=1
)
rows = st.tuples(*[st.sampled_from([*VALUES, None, UNCHANGED])] * len(COLUMNS))
present = st.sampled_from([frozenset(COLUMNS), frozenset({"id"})])


@given(groups, rows, present)
def test_nobody_who_wants_a_change_is_overlooked(groups, rows, present):
    found = [group for group, _ in Interest(groups).find(1, INDEX, rows, present)]
    wanted = [
        group
        for group in groups
        if any(watch.wants("UPDATE", INDEX, rows, present) for watch in group.watches[1])
    ]
    assert {id(group) for group in wanted} <= {id(group) for group in found}
    assert len({id(group) for group in found}) == len(found)


def test_equalities_are_looked_up():
    rooms = [Group({1: (watch(equal("room", str(at)), above("id", "0")),)}) for at in range(100)]
    either = Group({1: (watch(equal("room", "7")), watch(equal("room", "8", "9")))})
    everything = Group({1: (watch(),)})
    interest = Interest([*rooms, either, everything])
    found = [group for group, _ in interest.find(1, INDEX, ("1", "8", "x"), frozenset(COLUMNS))]
    assert found == [everything, rooms[8], either]
    assert 1 in interest
    assert 2 not in interest


def test_what_a_change_does_not_tell_finds_everybody():
    rooms = [Group({1: (watch(equal("room", str(at))),)}) for at in range(3)]
    interest = Interest(rooms)
    for row, known in ((("1", UNCHANGED, "x"), frozenset(COLUMNS)), (("1", None, None), frozenset({"id"}))):
        assert [group for group, _ in interest.find(1, INDEX, row, known)] == rooms
    assert list(interest.find(1, INDEX, ("1", None, "x"), frozenset(COLUMNS))) == []
    none = Group({1: (watch(equal("room"), above("id", "0")),)})
    assert [group for group, _ in Interest([none]).find(1, INDEX, ("1", None, None), frozenset({"id"}))] == [
        none
    ]
