"""One ``order``, said to PostgREST and to rows in hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

from livewidgets.core.change import Row
from livewidgets.core.postgrest import check_column, quoted_column
from livewidgets.core.values import rank
from livewidgets.errors import FilterError


@total_ordering
class _Descending:
    """A value that sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.value == other.value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __hash__(self) -> int:
        return hash(self.value)


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a table's rows: columns, each upwards or downwards.

    Nulls stand where Postgres puts them: last upwards, first downwards. Ties are broken by the key, upwards.

    Attributes
    ----------
    terms
        Column and whether it is downwards.
    """

    terms: tuple[tuple[str, bool], ...]

    @classmethod
    def parse(cls, order: str | Sequence[str] | None) -> Order | None:
        """Read an order such as ``"-created_at"`` or ``("-priority", "name")``; None and nothing give None.

        Raises
        ------
        FilterError
            For a term that is no column name, and for a column named twice.
        """
        if order is None or order in ("", (), []):
            return None
        given = (order,) if isinstance(order, str) else order
        if not isinstance(given, Sequence):
            raise FilterError(
                f"order is a {type(order).__name__}.", 'Write order="-created_at" or order=("-a", "b").'
            )
        terms: list[tuple[str, bool]] = []
        for term in given:
            if not isinstance(term, str):
                raise FilterError(f"order holds a {type(term).__name__}.", 'Write order=("-a", "b").')
            column, dot, direction = term.partition(".")
            if dot and direction.split(".")[0] in ("asc", "desc"):
                sign = "-" if direction.startswith("desc") else ""
                raise FilterError(f"order {term!r} is not understood.", f'Write order="{sign}{column}".')
            name = term.removeprefix("-")
            check_column(name, "order")
            terms.append((name, term.startswith("-")))
        names = [name for name, _ in terms]
        if len(set(names)) < len(names):
            raise FilterError(f"order names a column twice: {', '.join(names)}.", "Name each column once.")
        return cls(tuple(terms))

    def columns(self) -> frozenset[str]:
        """Names of the columns that are looked at."""
        return frozenset(name for name, _ in self.terms)

    def params(self, key: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Give the ``order`` parameter for PostgREST.

        Parameters
        ----------
        key
            The key's columns, to break ties the same way on both sides.
        """
        terms = [f"{quoted_column(name)}.{'desc' if down else 'asc'}" for name, down in self.terms]
        named = self.columns()
        terms += [f"{quoted_column(name)}.asc" for name in key if name not in named]
        return [("order", ",".join(terms))]

    def sort_key(self, row: Row) -> tuple[Any, ...]:
        """Where a row stands: a tuple that sorts against that of any other row (ties are the caller's)."""
        parts: list[Any] = []
        for name, down in self.terms:
            value = row.get(name)
            if value is None:
                parts += (0, 0, 0) if down else (1, 0, 0)
                continue
            kind, place = rank(value)
            if down:
                parts += (1, -kind, _Descending(place) if isinstance(place, str) else -place)
            else:
                parts += (0, kind, place)
        return tuple(parts)
