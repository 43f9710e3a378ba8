from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.core.change import Patch
from livewidgets.core.history import Difference, History
from livewidgets.errors import HistoryError

KEYS = st.integers(0, 5).map(lambda n: (n,))
STEPS = st.lists(
    st.tuples(st.dictionaries(KEYS, st.integers(0, 2), max_size=3), st.sets(KEYS, max_size=2)), max_size=12
)


def begun(history: History) -> History:
    """One that remembers from the first patch on."""
    history.begin({})
    return history


@given(STEPS, st.integers(1, 20), st.data())
def test_a_difference_makes_the_old_rows_the_new_ones(steps, most, data):
    history, states = begun(History(most)), [{}]
    for version, (puts, gone) in enumerate(steps, 1):
        old = states[-1]
        removed = {key: old[key] for key in gone - set(puts) if key in old}
        upserted = {key: {"n": n} for key, n in puts.items()}
        states.append({key: row for key, row in old.items() if key not in removed} | upserted)
        history.add(Patch(version, upserted, removed))
    assert history.newest == len(steps)
    assert history._size <= most
    since = data.draw(st.integers(history.oldest, history.newest))
    until = data.draw(st.integers(since, history.newest))
    found = history.between(since, until)
    before, after = states[since], states[until]
    assert found.inserted == {key: row for key, row in after.items() if key not in before}
    assert found.deleted == {key: row for key, row in before.items() if key not in after}
    assert found.updated == {
        key: (row, after[key]) for key, row in before.items() if key in after and after[key] != row
    }
    assert bool(found) == (before != after)


def history_of(count: int, most: int = 5) -> History:
    history = begun(History(most))
    for version in range(1, count + 1):
        history.add(Patch(version, {(version % 3,): {"n": version, "phone": "+15551234567"}}))
    return history


@pytest.mark.parametrize(
    ("since", "until", "match"),
    [
        (1, 9, "not remembered any more; the oldest that is, is 4"),
        (5, 10, "no version 10 yet; the newest is 9"),
        (9, 5, "comes after"),
        ("5", 6, "no version '5'"),
        (True, 6, "no version True"),
    ],
)
def test_a_version_that_is_not_there_is_said(since, until, match):
    with pytest.raises(HistoryError, match=match) as caught:
        history_of(9).between(since, until)
    assert caught.value.advice
    assert isinstance(caught.value, LookupError)


def test_a_patch_that_is_too_large_is_not_kept():
    history = history_of(2)
    history.add(Patch(3, {(n,): {"n": n} for n in range(50)}))
    assert (history.oldest, history.newest) == (3, 3)
    history.add(Patch(4, {}, {(7,): {"n": 7}}))
    assert history.between(3, 4).deleted == {(7,): {"n": 7}}


def test_what_differs_in_a_row():
    history = begun(History())
    history.add(Patch(1, {(1,): {"a": 1, "b": 1}}))
    history.add(Patch(2, {(1,): {"a": 1, "b": 2, "c": None}}))
    found = history.between(1, 2)
    assert found.columns((1,)) == {"b": (1, 2)}
    with pytest.raises(KeyError):
        found.columns((2,))


def test_a_repr_shows_no_row():
    found = history_of(5).between(2, 5)
    assert repr(found) == "<Difference 2 to 5: 1 inserted, 2 updated, 0 deleted>"
    assert repr(history_of(5)) == "<History of versions 0 to 5, 5 changes>"
    assert not Difference(1, 1)


def test_a_patch_that_is_too_large_is_not_remembered_and_the_next_are():
    history = begun(History(3))
    history.add(Patch(1, {(n,): {"n": n} for n in range(3)}))
    history.add(Patch(2, {(n,): {"n": n + 1} for n in range(4)}))
    assert (history.oldest, history.newest) == (2, 2)
    assert not history.between(2, 2)
    history.add(Patch(3, {(0,): {"n": 9}}))
    assert history.between(2, 3).updated == {(0,): ({"n": 1}, {"n": 9})}


def test_nothing_is_remembered_before_somebody_may_ask():
    history = History()
    history.add(Patch(1, {(1,): {"id": 1, "n": 1}}, {}))
    assert repr(history) == "<History of versions 1 to 1, 0 changes>"
    history.begin({(1,): {"id": 1, "n": 1}})
    history.begin({})
    history.add(Patch(2, {(1,): {"id": 1, "n": 2}}, {}))
    assert history.between(1, 2).columns((1,)) == {"n": (1, 2)}
    with pytest.raises(HistoryError, match="oldest that is, is 1"):
        history.between(0, 2)
