"""What tables there are: their columns with types, and their primary keys, from PostgREST's OpenAPI document."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from livewidgets.errors import FilterError, NoPrimaryKeyError, UnknownColumnError

if TYPE_CHECKING:
    from livewidgets.live.rest import Rest

#: The types that a version column may have: one that a trigger raises with every update.
_WHOLE_NUMBERS = ("bigint", "integer", "int8", "int4")


@dataclass(frozen=True, slots=True)
class TableShape:
    """What is known of a table.

    Attributes
    ----------
    name
        The table's name.
    key
        The key's columns, in order.
    types
        Column to type in SQL's words, such as ``timestamp with time zone``; empty where the project does not tell.
    verbs
        What the role may do by grants, in HTTP's words: ``get``, ``post``, ``patch``, ``delete``; row-level security may
        still refuse it. None where the project does not tell.
    """

    name: str
    key: tuple[str, ...]
    types: Mapping[str, str]
    verbs: frozenset[str] | None = None

    @property
    def version_column(self) -> str | None:
        """The column ``version`` where it is a whole number."""
        return "version" if self.types.get("version") in _WHOLE_NUMBERS else None

    def check(self, columns: Iterable[str]) -> None:
        """Raise UnknownColumnError for a column that is not there."""
        if not self.types:
            return
        for column in sorted(columns):
            if column not in self.types:
                raise UnknownColumnError(self.name, column, tuple(self.types))


def read_document(document: Mapping[str, Any]) -> dict[str, TableShape]:
    """Read the shapes out of an OpenAPI 2 document as PostgREST writes it."""
    shapes: dict[str, TableShape] = {}
    definitions = document.get("definitions")
    paths = document.get("paths") or {}
    for name, definition in (definitions or {}).items():
        properties: Mapping[str, Mapping[str, Any]] = definition.get("properties") or {}
        key = tuple(column for column, of in properties.items() if "<pk" in str(of.get("description", "")))
        types = {column: str(of.get("format") or of.get("type") or "") for column, of in properties.items()}
        told = paths.get(f"/{name}")
        shapes[name] = TableShape(name, key, types, frozenset(told) if told else None)
    return shapes


class Catalog:
    """The shapes of a project's tables, read once and again for a table that is not there yet."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._shapes: dict[str, TableShape] | None = None
        self._lock = asyncio.Lock()

    async def shape(self, table: str, key: tuple[str, ...] = ()) -> TableShape:
        """Find a table and its key.

        Parameters
        ----------
        table
            Its name.
        key
            The key's columns where the caller named them; else the primary key is asked for.

        Raises
        ------
        UnknownTableError, NoRightsError, NoPrimaryKeyError, UnknownColumnError
            As their names say.
        FilterError
            The key cannot be known: the project tells no shapes, and the table has no column ``id``.
        """
        async with self._lock:
            known = (self._shapes or {}).get(table) or await self._read(table)
        if known is None:
            # It may exist and be closed to this role: only a read tells.
            await self._rest.select(table, [("limit", "1")])
            async with self._lock:
                known = await self._read(table)  # it may have been made just now
        if known is None:
            known = TableShape(table, key or await self._guessed_key(table), {})
        elif key:
            known.check(key)
            known = TableShape(table, key, known.types, known.verbs)
        if not known.key:
            raise NoPrimaryKeyError(table)
        return known

    async def _read(self, table: str) -> TableShape | None:
        document = await self._rest.document()
        self._shapes = None if document is None else read_document(document)
        return (self._shapes or {}).get(table)

    async def _guessed_key(self, table: str) -> tuple[str, ...]:
        try:
            await self._rest.select(table, [("select", "id"), ("limit", "1")])
        except UnknownColumnError as error:
            raise FilterError(
                f"The project does not tell the primary key of {table!r}.",
                'Name it: live.table(..., key="...").',
            ) from error
        return ("id",)

    def forget(self) -> None:
        """Read the shapes anew at the next question: a table may have changed."""
        self._shapes = None
