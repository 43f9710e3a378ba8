"""Finds the groups that a change may concern without asking each of them: most filters are equalities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from livewidgets.sandbox.conditions import SqlCheck, Watch
    from livewidgets.sandbox.pgoutput import Value


class _Group(Protocol):
    watches: dict[int, tuple[Watch, ...]]


G = TypeVar("G", bound=_Group)


class Interest(Generic[G]):
    """The groups by table, and by the value that their filters ask for where they ask for one.

    Parameters
    ----------
    groups
        As they are now; make another one when they or their watches change.
    """

    def __init__(self, groups: Iterable[G]) -> None:
        self._tables: dict[int, _Table[G]] = {}
        for group in groups:
            for oid, watches in group.watches.items():
                self._tables.setdefault(oid, _Table()).add(group, watches)

    def __contains__(self, oid: int) -> bool:
        return oid in self._tables

    def asks(self, oid: int) -> Iterable[tuple[str, SqlCheck]]:
        """Columns of a table, each with a check that only Postgres can make."""
        return self._tables[oid].asks

    def find(
        self, oid: int, index: Mapping[str, int], row: tuple[Value, ...], present: frozenset[str]
    ) -> Iterator[tuple[G, tuple[Watch, ...]]]:
        """Give every group that may want this row, and few that do not."""
        table = self._tables[oid]
        yield from table.others
        for column, groups in table.by_value.items():
            value = row[index[column]] if column in present else _UNKNOWN
            if isinstance(value, str):
                yield from groups.get(value, ())
            elif value is not None:  # the change does not tell: a delete's column, unchanged TOAST
                seen: dict[int, tuple[G, tuple[Watch, ...]]] = {
                    id(entry[0]): entry for entries in groups.values() for entry in entries
                }
                yield from seen.values()


class _Table(Generic[G]):
    """The groups of one table."""

    def __init__(self) -> None:
        #: Column → text of its value → who filters by it.
        self.by_value: dict[str, dict[str, list[tuple[G, tuple[Watch, ...]]]]] = {}
        self.others: list[tuple[G, tuple[Watch, ...]]] = []
        self.asks: list[tuple[str, SqlCheck]] = []

    def add(self, group: G, watches: tuple[Watch, ...]) -> None:
        self.asks += [ask for watch in watches for ask in watch.asks]
        texts = [
            {check.column: check.texts for check in watch.checks if check.texts is not None}
            for watch in watches
        ]
        for column in texts[0]:
            if all(column in of for of in texts):
                wanted = frozenset().union(*(of[column] for of in texts))
                groups = self.by_value.setdefault(column, {})
                for text in wanted:
                    groups.setdefault(text, []).append((group, watches))
                if wanted:
                    return
        # Among them filters by an empty list: a delete that does not tell the column must find them too.
        self.others.append((group, watches))


_UNKNOWN = object()
