"""The replica against a model: whatever arrives, is lost, or is read at whatever moment, it ends as a fresh select."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.core.world import FORMS, LARGE, RANKS, STATUSES, World

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
KEYS = st.integers(0, 7)
CHANGES = {"status": st.sampled_from(STATUSES), "rank": st.sampled_from(RANKS), "big": st.sampled_from(LARGE)}


class ReplicaMachine(RuleBasedStateMachine):
    """One table, one stream that may break, one reader of pages, rows and refills."""

    world: World

    @initialize(
        filtered=st.booleans(),
        ordered=st.booleans(),
        limit=st.sampled_from([None, 1, 2, 3, 4]),
        versioned=st.booleans(),
        knows_more=st.booleans(),
        first=st.integers(0, 5),
        in_slices=st.booleans(),
    )
    def open(self, **options):
        self.world = World(**options)

    @rule(key=KEYS, status=st.sampled_from(STATUSES), rank=st.sampled_from(RANKS))
    def insert(self, key, status, rank):
        self.world.insert(key, status, rank)

    @rule(key=KEYS, change=st.fixed_dictionaries({}, optional=CHANGES), form=st.sampled_from(FORMS))
    def update(self, key, change, form):
        self.world.update(key, change, form)

    @rule(key=KEYS, to=KEYS)
    def rename(self, key, to):
        self.world.rename(key, to)

    @rule(key=KEYS)
    def delete(self, key):
        self.world.delete(key)

    @rule(count=st.integers(1, 6))
    def deliver(self, count):
        self.world.deliver(count)

    @rule()
    def break_or_mend(self):
        if self.world.joined:
            self.world.disconnect()
        else:
            self.world.join()

    @rule(steps=st.integers(1, 3))
    def advance(self, steps):
        for _ in range(steps):
            self.world.advance()

    @rule(fails=st.booleans())
    def reread(self, fails):
        self.world.reread(fails=fails)

    @rule(again=st.booleans())
    def give_up(self, again):
        self.world.abort()
        if again:
            self.world.late_page()

    @invariant()
    def the_patches_add_up_and_no_row_is_half_there(self):
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self):
        if hasattr(self, "world"):
            self.world.settle()


TestReplicaMachine = ReplicaMachine.TestCase
if NIGHTLY:
    TestReplicaMachine.pytestmark = [pytest.mark.timeout(3600)]


@pytest.mark.timeout(3600 if NIGHTLY else 120)
@pytest.mark.parametrize("seed", range(3000) if NIGHTLY else [*range(120), 283])
def test_a_long_walk_ends_right_at_every_rest(seed):
    chance = random.Random(seed)
    world = World(
        filtered=chance.random() < 0.5,
        ordered=chance.random() < 0.5,
        limit=chance.choice([None, None, 1, 2, 4, 6]),
        versioned=chance.random() < 0.5,
        knows_more=chance.random() < 0.5,
        first=chance.randrange(4),
        in_slices=seed % 2 == 0,
    )
    keys = chance.choice([2, 4, 10])
    key = lambda: chance.randrange(keys)  # noqa: E731
    events = [
        (5, lambda: world.insert(key(), chance.choice(STATUSES), chance.choice(RANKS))),
        (
            9,
            lambda: world.update(
                key(),
                {
                    name: chance.choice(values)
                    for name, values in (("status", STATUSES), ("rank", RANKS), ("big", LARGE))
                    if chance.random() < 0.4
                },
                chance.choice(FORMS),
            ),
        ),
        (2, lambda: world.rename(key(), key())),
        (4, lambda: world.delete(key())),
        (7, lambda: world.deliver(chance.randrange(1, 6))),
        (8, world.advance),
        (7, lambda: world.reread(fails=chance.random() < 0.2)),
        (0.7, lambda: world.disconnect() if world.joined else world.join()),
        (3, world.join),
        (0.5, world.abort),
        (0.5, world.late_page),
        (0.5, lambda: world.joined and world.begin()),
    ]
    weights = [weight for weight, _ in events]
    for _ in range(20):
        for _ in range(chance.choice([5, 20, 80])):
            chance.choices(events, weights)[0][1]()
            world.check()
        world.settle()
