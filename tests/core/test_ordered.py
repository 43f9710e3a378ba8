from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.core import ordered
from livewidgets.core.ordered import Ordered

ENTRIES = st.integers(0, 30).map(lambda n: (n,))


@given(st.sets(ENTRIES), st.lists(st.tuples(st.booleans(), ENTRIES), max_size=60))
def test_it_is_a_sorted_set(first, steps):
    whole = ordered._PIECE
    ordered._PIECE = 3
    try:
        held, model = Ordered(first), set(first)
        for adds, entry in steps:
            if adds and entry not in model:
                held.add(entry)
                model.add(entry)
            elif not adds and entry in model:
                held.remove(entry)
                model.remove(entry)
            assert list(held) == sorted(model)
            assert len(held) == len(model)
            if model:
                assert held.last() == max(model)
    finally:
        ordered._PIECE = whole


def test_what_is_not_there_cannot_be_removed():
    held = Ordered([(1,), (3,)])
    for entry in ((0,), (2,), (4,)):
        with pytest.raises(KeyError):
            held.remove(entry)
    with pytest.raises(KeyError):
        Ordered().remove((1,))
    with pytest.raises(IndexError):
        Ordered().last()


def test_pieces_stay_small_at_100_000_entries():
    chance = random.Random(7)
    held = Ordered((n,) for n in range(0, 200_000, 2))
    for n in chance.sample(range(1, 200_000, 2), 20_000):
        held.add((n,))
    for n in chance.sample(range(0, 200_000, 2), 20_000):
        held.remove((n,))
    assert len(held) == 100_000
    assert max(map(len, held._pieces)) <= 2 * ordered._PIECE
    assert list(held) == sorted(held)
