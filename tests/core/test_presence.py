"""Presence: whatever is told, twice, late or not at all before a reconnect, it ends as the server has it."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from livewidgets.core.presence import CallBudget, Entry, PresenceChange, Roster, merge

Presences = dict[str, dict[str, list[dict[str, Any]]]]


def one(key: str, ref: str, **meta: Any) -> Presences:
    return {key: {"metas": [{"phx_ref": ref, **meta}]}}


def keys(entries: Any) -> list[str]:
    return [entry.key for entry in entries]


class Server:
    """Keeps presences as Phoenix does."""

    def __init__(self) -> None:
        self.metas: dict[str, tuple[str, int]] = {}
        self.refs = (f"r{number}" for number in itertools.count())

    def state(self) -> Presences:
        told: Presences = {}
        for ref, (key, n) in self.metas.items():
            told.setdefault(key, {"metas": []})["metas"].append({"phx_ref": ref, "n": n})
        return told

    def join(self, key: str, n: int) -> tuple[Presences, Presences]:
        ref = next(self.refs)
        self.metas[ref] = (key, n)
        return one(key, ref, n=n), {}

    def leave(self, which: int) -> tuple[Presences, Presences]:
        if not self.metas:
            return {}, {}
        ref = sorted(self.metas)[which % len(self.metas)]
        key, n = self.metas.pop(ref)
        return {}, one(key, ref, n=n)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.sampled_from("abc"), st.integers(0, 3)),
        st.tuples(st.just("leave"), st.integers(0, 5)),
        st.tuples(st.just("lose")),
        st.tuples(st.just("reconnect")),
    ),
    max_size=30,
)


@settings(max_examples=300)
@given(steps, st.randoms(use_true_random=False))
def test_any_interleaving_ends_as_the_server_has_it(script: list[tuple[Any, ...]], dice: Any) -> None:
    server, roster, now = Server(), Roster("a"), 0.0
    connected, told = True, [("state", server.state())]
    shown: dict[str, Entry] = {}

    def follow(change: PresenceChange) -> None:
        for entry in change.joined:
            assert entry.key not in shown
            shown[entry.key] = entry
        for entry in change.updated:
            assert shown[entry.key] != entry
            shown[entry.key] = entry
        for entry in change.left:
            del shown[entry.key]

    def hand_over() -> None:
        """Hand over what the connection has told: in any order, some of it twice."""
        messages = told + [message for message in told if dice.random() < 0.3]
        dice.shuffle(messages)
        for kind, *what in messages:
            follow(roster.state(what[0], now) if kind == "state" else roster.diff(what[0], what[1], now))

    for kind, *args in script:
        now += dice.random()
        if kind == "join":
            diff = server.join(*args)
        elif kind == "leave":
            diff = server.leave(*args)
        else:
            if connected:
                hand_over()
            connected = kind == "reconnect"
            if connected:
                roster.rejoin()
                told = [("state", server.state())]
            continue
        if connected:
            told.append(("diff", *diff))
    if not connected:
        roster.rejoin()
        told = [("state", server.state())]
    hand_over()
    follow(roster.expire(now + 3.0))
    state = server.state()
    assert {entry.key: entry.count for entry in roster.who()} == {
        key: len(value["metas"]) for key, value in state.items()
    }
    assert shown == {entry.key: entry for entry in roster.who()}
    assert roster.deadline() is None


def test_a_leave_and_a_return_within_the_grace_are_no_event() -> None:
    roster = Roster("me", grace=3.0)
    roster.state(one("ana", "1", name="Ana"), 100.0)
    assert not roster.diff({}, one("ana", "1"), 101.0)
    assert keys(roster.who()) == ["ana"]
    assert not roster.diff(one("ana", "2", name="Ana"), {}, 103.9)
    assert not roster.expire(200.0)
    (entry,) = roster.who()
    assert entry.since == 100.0
    roster.diff({}, one("ana", "2"), 200.0)
    assert not roster.expire(202.9)
    assert keys(roster.expire(203.0).left) == ["ana"]
    assert roster.who() == []


def test_a_reconnect_keeps_all_until_the_state_is_there() -> None:
    roster = Roster("me")
    roster.state({**one("ana", "1"), **one("me", "2"), **one("bob", "3")}, 0.0)
    roster.rejoin()
    assert not roster.diff(one("cy", "4"), {}, 10.0)
    assert len(roster.who()) == 3
    change = roster.state(one("ana", "5"), 11.0)
    assert keys(change.joined) == ["cy"]
    roster.diff(one("me", "6"), {}, 12.0)
    assert keys(roster.expire(14.0).left) == ["bob"]
    assert [(entry.key, entry.is_me) for entry in roster.who()] == [
        ("ana", False),
        ("me", True),
        ("cy", False),
    ]


def test_another_meta_is_an_update() -> None:
    roster = Roster("me")
    roster.state(one("ana", "1", page="calls", _since=5.0), 100.0)
    change = roster.diff(
        one("ana", "2", page="bids", _since=5.0, phx_ref_prev="1", presence_ref="2"), one("ana", "1"), 101.0
    )
    assert not change.joined
    assert not change.left
    (entry,) = change.updated
    assert entry == Entry("ana", 5.0, {"page": "bids"}, is_me=False, count=1)


def test_since_is_what_the_users_program_says() -> None:
    roster = Roster("me")
    roster.state({**one("a", "1", online_at="2026-11-22T10:00:00Z"), **one("b", "2", online_at="soon")}, 9e9)
    assert {entry.key: entry.since for entry in roster.who()} == {"a": 1795341600.0, "b": 9e9}


def test_what_is_no_presence_is_passed_over() -> None:
    roster = Roster("me")
    for odd in (
        None,
        [],
        "x",
        {"a": None},
        {"a": {"metas": None}},
        {"a": {"metas": [None, {}, {"phx_ref": 1}]}},
    ):
        assert not roster.state(odd, 0.0)
        assert not roster.diff(odd, odd, 0.0)
    assert roster.who() == []


def test_merged_changes_do_what_both_do() -> None:
    a, b, c = (Entry(key, 0.0, {}) for key in "abc")
    newer = Entry("a", 0.0, {"n": 1})
    assert merge(PresenceChange(joined=(a,)), PresenceChange(left=(a,))) == PresenceChange()
    assert merge(PresenceChange(left=(a,)), PresenceChange(joined=(newer,))) == PresenceChange(
        updated=(newer,)
    )
    assert merge(PresenceChange(joined=(a,)), PresenceChange(updated=(newer,))) == PresenceChange(
        joined=(newer,)
    )
    assert merge(PresenceChange(joined=(a,), left=(b,)), PresenceChange(joined=(c,))) == PresenceChange(
        (a, c), (b,)
    )


@given(st.lists(st.floats(0, 20), max_size=40))
def test_no_window_holds_more_calls_than_the_server_allows(pauses: list[float]) -> None:
    budget, now, made = CallBudget(5, 30.0), 0.0, []
    for pause in pauses:
        now += pause + budget.wait(now + pause)
        budget.spend(now)
        made.append(now)
    for first, sixth in zip(made, made[5:], strict=False):
        assert sixth - first >= 30.0 - 1e-6


def test_a_join_begins_a_new_window() -> None:
    budget = CallBudget(1, 30.0)
    budget.spend(0.0)
    assert budget.wait(10.0) == 20.0
    budget.renew()
    assert budget.wait(10.0) == 0.0
