"""A table of targets in memory that takes writes: the test is the database that answers them."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

from livewidgets.core.change import ChangeKind
from livewidgets.core.mutation import Edit, MutationEvent
from livewidgets.errors import ConflictError, LiveWidgetsError
from livewidgets.live.catalog import TableShape
from livewidgets.live.writes_mutation import Mutation
from livewidgets.widgets.lease import Borrowed
from livewidgets.widgets.live_bidding_source import BidSource
from livewidgets.widgets.lookup import Lookup
from tests.widgets.conftest import Bench, MemoryLive, MemoryTable


def target(number: int = 1, **values):
    return {
        "id": f"target-{number}",
        "name": f"Target {number}",
        "buyer_id": "buyer-1",
        "campaign_id": 7,
        "status": "active",
        "base_bid": 20.0,
        "min_bid": "10.00",
        "max_bid": "30.00",
        "bid_modifier_pct": 10,
        "live_calls": 0,
        "version": 1,
    } | values


class TargetTable(MemoryTable):
    """Takes updates as `LiveTable` does: shown at once, answered by the test."""

    def __init__(self, rows=(), *, live=None, verbs=None) -> None:
        super().__init__(live, "targets", rows)
        shape = TableShape("targets", ("id",), {}, verbs)
        self._follower = SimpleNamespace(shape=shape)
        self.mutations_made: list[Mutation] = []
        self.fault: LiveWidgetsError | None = None
        self._numbers = itertools.count()

    def update(self, key, values):
        if self.fault is not None:
            raise self.fault
        return self._make(key, {name: str(value) for name, value in values.items()}, None)

    # As `Writes`, for a mutation.

    def undo(self, edit, *, queues):
        return self._make(edit.key, {name: edit.base[name] for name in edit.values}, edit)

    def call_soon(self, function, argument):
        function(argument)

    def is_current(self):
        return True

    def _make(self, key, values, undoes):
        row = self._memory.by_key[key]
        edit = Edit(str(next(self._numbers)), ChangeKind.UPDATE, key, dict(values), base=row, undoes=undoes)
        mutation = Mutation(self, edit, "targets", queues=False)
        self.mutations_made.append(mutation)
        self.put({**row, **values})
        return mutation

    # What the database says.

    def answer(self, mutation: Mutation) -> None:
        """It has taken it."""
        mutation._edit.row = self._memory.by_key.get(mutation.key)
        self._happen(mutation, MutationEvent.WRITTEN)

    def show(self, mutation: Mutation) -> None:
        """The rows hold it."""
        self._happen(mutation, MutationEvent.SHOWN)

    def refuse(self, mutation: Mutation, error: LiveWidgetsError) -> None:
        """It does not take it: what was shown is taken back."""
        mutation._edit.error = error
        self._happen(mutation, MutationEvent.REFUSED)
        self.put(mutation._edit.base)

    def lose(self, mutation: Mutation, *, heard: bool = True, **theirs) -> None:
        """Somebody was faster; the table has heard of it too, if not told otherwise."""
        base = mutation._edit.base
        mutation._edit.error = ConflictError(
            "targets", {**base, **mutation._edit.values}, {**base, **theirs}, base
        )
        self._happen(mutation, MutationEvent.LOST)
        if heard:
            self.put({**base, **theirs})

    @staticmethod
    def _happen(mutation: Mutation, event: MutationEvent) -> None:
        mutation._edit.happen(event)
        mutation._note()


class TargetLive(MemoryLive):
    """A connection whose targets take writes."""

    def table(self, name, **request):
        table = super().table(name, **request)
        if name != "targets":
            return table
        self.opened[-1] = TargetTable(list(table._memory.by_key.values()), live=self)
        return self.opened[-1]


class BiddingBench(Bench):
    """A source of bids on a bench, without a widget."""

    def __init__(self, *rows, bids=None, verbs=None, rated=False) -> None:
        super().__init__()
        self.table = TargetTable(rows or (target(1), target(2, base_bid="12.25")), verbs=verbs)
        self.bids = None if bids is None else MemoryTable(name="bids", rows=bids)
        buyers = MemoryTable(name="buyers", rows=[{"id": "buyer-1", "company_name": "Acme"}])
        self.token = "first"
        self.source = BidSource(
            Borrowed(self.table),
            None if self.bids is None else Borrowed(self.bids),
            {"buyer_id": Lookup(Borrowed(buyers), "company_name")},
            rated=rated,
            token=lambda: self.token,
        )
        self.exchange.register("bids", self.source)
        self.show("bids")
        self.loop.run(0.2)
        self._clicks = itertools.count(1)
        self._commands = itertools.count(1)

    @property
    def rows(self):
        return self.pages[0].feeds["bids"].rows

    @property
    def meta(self):
        return self.pages[0].feeds["bids"].meta

    def ask(self, name, number=1, **args):
        """Send a command and give its answer."""
        args = {"id": f"click-{next(self._clicks)}", "key": f"target-{number}"} | args
        content = {
            "t": "cmd",
            "client": "page-0",
            "id": f"c{next(self._commands)}",
            "feed": "bids",
            "name": name,
        }
        self.exchange.hear(content | {"args": args})
        self.loop.run(0.3)
        return self.answers[-1]
