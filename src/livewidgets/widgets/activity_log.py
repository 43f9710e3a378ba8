"""The items of a feed: a log that forgets the oldest."""

from __future__ import annotations

from livewidgets.core.change import Key
from livewidgets.core.ordered import Ordered
from livewidgets.widgets.activity import Activity, Event, Item


class ActivityLog:
    """Items in the order of their time, at most so many.

    An item's id never changes and is never given again. Most items are newer than all before; one that is told late
    (of a table that was read later, or after an outage) goes where its time is.

    Parameters
    ----------
    limit
        Items at most; see `resize`.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        #: Items ever.
        self.total = 0
        self._items: dict[int, Activity] = {}
        self._order: Ordered[tuple[int, int]] = Ordered()

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"<ActivityLog of {len(self)} items, {self.total} ever>"

    def get(self, number: int) -> Activity | None:
        """Return an item by its id, while it is remembered."""
        return self._items.get(number)

    def items(self) -> list[Activity]:
        """Return all items, the oldest first."""
        return [self._items[number] for _, number in self._order]

    def add(self, at: int, table: str, event: Event, key: Key, item: Item) -> Activity:
        """Take down what happened; see `trim`."""
        self.total += 1
        made = Activity(self.total, at, table, event, key, item)
        self._items[made.id] = made
        self._order.add((at, made.id))
        return made

    def say(self, number: int, item: Item) -> Activity | None:
        """Say it in other words; None when it is forgotten."""
        old = self._items.get(number)
        if old is None:
            return None
        self._items[number] = made = Activity(old.id, old.at, old.table, old.event, old.key, item)
        return made

    def trim(self) -> list[int]:
        """Forget the oldest beyond the limit; return their ids."""
        gone = []
        while len(self._items) > self.limit:
            entry = self._order.at(0)
            self._order.remove(entry)
            del self._items[entry[1]]
            gone.append(entry[1])
        return gone
