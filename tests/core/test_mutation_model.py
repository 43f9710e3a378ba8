"""Edits against a model: whatever is lost, late or faster, it ends as a fresh select, and nothing is written twice."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from livewidgets.core.change import ChangeKind
from livewidgets.core.filters import Order, Where
from tests.core.mutation_world import BAD, Client, Database

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


def by_hand(mine, theirs, base):
    """A rule of the user's own."""
    return mine


RULES = ["server", "mine", "merge", by_hand]
KEYS = st.integers(0, 3)
VALUES = st.fixed_dictionaries(
    {}, optional={"a": st.sampled_from(["x", "y", "z", BAD]), "b": st.integers(0, 2)}
).filter(bool)
WHICH = st.integers(0, 9)


def world(*, versioned, filtered, limit):
    database = Database(versioned=versioned)
    database.insert(0, {})
    database.insert(1, {"a": "y"})
    options = {
        "where": Where.parse({"a": ("in", ["x", "y", BAD])} if filtered else None),
        "order": None if limit is None else Order.parse("-b"),
        "limit": limit,
    }
    return database, [Client("one", database, **options), Client("two", database)]


class MutationMachine(RuleBasedStateMachine):
    """Two clients, a database and somebody else who writes to it."""

    clients: list[Client]

    @initialize(versioned=st.booleans(), filtered=st.booleans(), limit=st.sampled_from([None, 1, 2]))
    def open(self, **options):
        self.database, self.clients = world(**options)

    @rule(who=st.integers(0, 1), key=KEYS, values=VALUES, how=st.sampled_from(RULES), in_order=st.booleans())
    def update(self, who, key, values, how, in_order):
        self.clients[who].edit(ChangeKind.UPDATE, key, values, how, in_order=in_order)

    @rule(who=st.integers(0, 1), key=KEYS, values=VALUES, how=st.sampled_from(RULES), in_order=st.booleans())
    def insert(self, who, key, values, how, in_order):
        self.clients[who].edit(ChangeKind.INSERT, key, values, how, in_order=in_order)

    @rule(who=st.integers(0, 1), key=KEYS, how=st.sampled_from(RULES), in_order=st.booleans())
    def delete(self, who, key, how, in_order):
        self.clients[who].edit(ChangeKind.DELETE, key, {}, how, in_order=in_order)

    @rule(who=st.integers(0, 1), which=WHICH, in_order=st.booleans())
    def undo(self, who, which, in_order):
        self.clients[who].undo(which, in_order=in_order)

    @rule(key=KEYS, b=st.integers(3, 5))
    def foreign_update(self, key, b):
        self.database.update(key, {"b": b}, None)

    @rule(key=KEYS)
    def foreign_delete(self, key):
        self.database.delete(key)

    @rule(who=st.integers(0, 1))
    def send(self, who):
        self.clients[who].send()

    @rule(who=st.integers(0, 1), which=WHICH)
    def arrive(self, who, which):
        self.clients[who].arrive(which)

    @rule(who=st.integers(0, 1), which=WHICH)
    def answer(self, who, which):
        self.clients[who].answer(which)

    @rule(who=st.integers(0, 1), which=WHICH)
    def lose(self, who, which):
        self.clients[who].lose(which)

    @rule(who=st.integers(0, 1), count=st.integers(1, 5))
    def deliver(self, who, count):
        self.clients[who].deliver(count)

    @rule(who=st.integers(0, 1))
    def cut_or_join(self, who):
        client = self.clients[who]
        if client.joined:
            client.leave()
        else:
            client.join()

    @rule(who=st.integers(0, 1))
    def begin(self, who):
        self.clients[who].begin()

    @rule(who=st.integers(0, 1))
    def finish(self, who):
        self.clients[who].finish()

    @invariant()
    def what_is_shown_is_what_the_patches_say(self):
        for client in getattr(self, "clients", ()):
            client.check()

    def teardown(self):
        if hasattr(self, "clients"):
            rest(self.clients)


TestMutationMachine = MutationMachine.TestCase
if NIGHTLY:
    TestMutationMachine.pytestmark = [pytest.mark.timeout(3600)]


def rest(clients):
    for client in clients:
        client.drop_late()
        client.settle()
    for client in clients:
        client.deliver(10**6)
        client.begin()
        client.finish()
    for client in clients:
        client.is_right()


@pytest.mark.timeout(3600 if NIGHTLY else 120)
@pytest.mark.parametrize("seed", range(3000) if NIGHTLY else [*range(150), 1044, 2593])
def test_a_long_walk_of_edits_ends_right_at_every_rest(seed):
    chance = random.Random(seed)
    database, clients = world(
        versioned=chance.random() < 0.7,
        filtered=chance.random() < 0.5,
        limit=chance.choice([None, None, 1, 2]),
    )
    one = lambda: chance.choice(clients)  # noqa: E731
    key = lambda: chance.randrange(4)  # noqa: E731
    how = lambda: chance.choice(RULES)  # noqa: E731
    many = lambda: chance.randrange(10)  # noqa: E731

    def values():
        found = {}
        if chance.random() < 0.6:
            found["a"] = chance.choice(["x", "y", "z", BAD])
        if not found or chance.random() < 0.5:
            found["b"] = chance.randrange(3)
        return found

    late = chance.random() < 0.5
    events = [
        (6, lambda: one().edit(ChangeKind.UPDATE, key(), values(), how(), in_order=chance.random() < 0.2)),
        (3, lambda: one().edit(ChangeKind.INSERT, key(), values(), how(), in_order=False)),
        (2, lambda: one().edit(ChangeKind.DELETE, key(), {}, how(), in_order=False)),
        (2, lambda: one().undo(chance.randrange(1000))),
        (3, lambda: database.update(key(), {"b": chance.randrange(3, 6)}, None)),
        (1, lambda: database.delete(key())),
        (8, lambda: one().send()),
        (9, lambda: one().arrive(many())),
        (9, lambda: one().answer(many())),
        (2, lambda: one().lose(many())),
        (0 if late else 2, lambda: one().drop_late()),
        (8, lambda: one().deliver(chance.randrange(1, 5))),
        (0.5, lambda: one().leave()),
        (2, lambda: [client.join() for client in clients if not client.joined]),
        (1, lambda: one().begin()),
        (2, lambda: one().finish()),
        (1, lambda: one().confirm()),
    ]
    weights = [weight for weight, _ in events]
    for _ in range(10):
        for _ in range(chance.choice([5, 20, 60])):
            chance.choices(events, weights)[0][1]()
            for client in clients:
                client.check()
        rest(clients)
