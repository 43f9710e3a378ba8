"""The rows that a replica holds: by key, in order, within a window; and what changed since it was last asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from livewidgets.core.change import Key, Row
from livewidgets.core.filters import Where
from livewidgets.core.order import Order
from livewidgets.core.ordered import Ordered
from livewidgets.core.values import rank


class Held:
    """Rows by key, with the rules that hold for one row at a time.

    The window: with a limit, these are the first rows of the order, and ``edge`` is the place up to which every row of
    the table is known to be here. What lies beyond it is ignored, for rows that nobody has read may lie before it.

    Parameters
    ----------
    where, order, limit, version_column
        As in `Replica`.
    """

    __slots__ = (
        "_before",
        "_limit",
        "_order",
        "_ordered",
        "_version_column",
        "_where",
        "columns",
        "edge",
        "rows",
    )

    def __init__(
        self,
        where: Where,
        order: Order | None,
        limit: int | None,
        version_column: str | None,
    ) -> None:
        self._where = where
        self._order = order
        self._limit = limit
        self._version_column = version_column
        #: Key to row.
        self.rows: dict[Key, Row] = {}
        #: The place up to which all rows are here; None: to the end.
        self.edge: tuple[Any, ...] | None = None
        #: The table's columns, as far as they are known.
        self.columns: frozenset[str] = frozenset()
        self._before: dict[Key, Row | None] = {}
        self._ordered: Ordered[tuple[Any, ...]] | None = None
        if order is not None or limit is not None:
            self._ordered = Ordered()

    # -- reading ---------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Row]:
        if self._ordered is None:
            return iter(self.rows.values())
        rows = self.rows
        return (rows[entry[1]] for entry in self._ordered)

    @property
    def short(self) -> bool:
        """The window has lost a row, and the next one beyond its edge has to be read."""
        return self.edge is not None and self._limit is not None and len(self.rows) < self._limit

    def is_complete(self, record: Row) -> bool:
        """Tell whether a record carries every column that is known."""
        return bool(self.columns) and record.keys() >= self.columns

    def is_older(self, key: Key, record: Row, *, or_same: bool = False) -> bool:
        """Tell by the version column whether the row in hand is newer than a record (or just as new)."""
        column = self._version_column
        held = self.rows.get(key)
        if column is None or held is None:
            return False
        mine, theirs = held.get(column), record.get(column)
        if mine is None or theirs is None:
            return False
        left, right = rank(mine), rank(theirs)
        return left > right or (or_same and left == right)

    def may_hold(self, key: Key, record: Row) -> bool:
        """Tell whether a row that is known in part might belong here; False only where that is certain."""
        if self._where.columns() <= record.keys() and not self._where.matches(record):
            return False
        if self.edge is None or not (self._order is None or self._order.columns() <= record.keys()):
            return True
        return self.entry(key, record) <= self.edge

    def entry(self, key: Key, row: Row) -> tuple[Any, ...]:
        """Give the place of a row among others."""
        return (self._order.sort_key(row) if self._order is not None else (), key)

    # -- changing --------------------------------------------------------------------------------------------------

    def put(self, key: Key, row: Row) -> None:
        """Hold a whole row, in place of the one with that key; or drop it where it does not belong here."""
        if not self._where.matches(row):
            self.drop(key)
            return
        old = self.rows.get(key)
        if self._ordered is None:
            if old is not row and old != row:
                self._before.setdefault(key, old)
                self.rows[key] = row
            return
        entry = self.entry(key, row)
        if self.edge is not None and entry > self.edge:
            self.drop(key)
            return
        if old is not None:
            if old == row:
                return
            before = self.entry(key, old)
            if before != entry:
                self._ordered.remove(before)
                self._ordered.add(entry)
        else:
            self._ordered.add(entry)
        self._before.setdefault(key, old)
        self.rows[key] = row
        self._trim()

    def stage(self, key: Key, row: Row) -> None:
        """Take a row as the server selected it: it belongs here. For the first rows, before `close`."""
        old = self.rows.get(key)
        self.rows[key] = row
        if self._ordered is None or old is row:
            return
        entry = self.entry(key, row)
        if old is not None:
            before = self.entry(key, old)
            if before == entry:
                return
            self._ordered.remove(before)
        self._ordered.add(entry)

    def close(self, *, more: bool) -> None:
        """Draw the window's edge, once all first rows are there.

        Parameters
        ----------
        more
            The table holds more rows than these.
        """
        self._trim()
        if more and self.edge is None and self._ordered:
            self.edge = self._ordered.last()

    def learn(self, rows: Iterable[Row]) -> None:
        """Take the columns of rows that the server has just selected as the table's."""
        for row in rows:
            self.columns = frozenset(row)
            break

    def drop(self, key: Key) -> None:
        """Hold a row no longer, if it was held."""
        old = self.rows.pop(key, None)
        if old is None:
            return
        self._before.setdefault(key, old)
        if self._ordered is not None:
            self._ordered.remove(self.entry(key, old))

    def difference(self) -> tuple[dict[Key, Row], dict[Key, Row]]:
        """Say what was put and dropped since the last call, in sum: rows that are new or other, rows that are gone."""
        upserted: dict[Key, Row] = {}
        removed: dict[Key, Row] = {}
        for key, old in self._before.items():
            now = self.rows.get(key)
            if now is None:
                if old is not None:
                    removed[key] = old
            elif now != old:
                upserted[key] = now
        self._before = {}
        return upserted, removed

    def difference_from(
        self, other: Held, doubtful: Mapping[Key, object]
    ) -> tuple[dict[Key, Row], dict[Key, Row]]:
        """Say how this differs from other rows; a row that is the same stays the other's object.

        Parameters
        ----------
        other
            The rows before.
        doubtful
            The keys under which the two may hold different rows, besides what was put and dropped here since `close`.
        """
        upserted: dict[Key, Row] = {}
        before = other.rows
        new = 0
        for key in {**doubtful, **self._before}:
            row, old = self.rows.get(key), before.get(key)
            if row is None or row is old:
                continue
            if old is None:
                new += 1
                upserted[key] = row
            elif old == row:
                self.rows[key] = old
            else:
                upserted[key] = row
        removed: dict[Key, Row] = {}
        if len(self.rows) - new < len(before):
            removed = {key: row for key, row in before.items() if key not in self.rows}
        self._before = {}
        return upserted, removed

    # -- the window ------------------------------------------------------------------------------------------------

    def _trim(self) -> None:
        """Let rows fall out of the window's end, and draw its edge before them."""
        if self._limit is None or self._ordered is None:
            return
        while len(self._ordered) > self._limit:
            self.drop(self._ordered.last()[1])
            self.edge = self._ordered.last()
