"""Touching a row: an update that changes nothing, for Realtime to tell of."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from livewidgets.core.mask_cells import is_personal
from livewidgets.core.postgrest import quoted_column
from livewidgets.doctor.case import Case
from livewidgets.errors import UnreachableError
from livewidgets.live.catalog import TableShape
from livewidgets.live.diagnosis import Questions, Reply

#: Columns that are tried, one after the other, until the database takes one.
_TRIES = 6
#: Types whose values can be compared and written back without a doubt.
_EXACT = ("boolean", "bigint", "integer", "smallint", "uuid", "text", "date")
_NO_IDENTITY = "55000"


@dataclass(frozen=True, slots=True)
class Touch:
    """What came of touching a row.

    Attributes
    ----------
    key
        The key of the row that was written, or None.
    trouble
        Why none was.
    refused_identity
        Postgres refuses every update since the table has no replica identity.
    at
        When the write was sent (monotonic seconds).
    """

    key: Mapping[str, Any] | None = field(repr=False)
    trouble: str
    refused_identity: bool = False
    at: float = 0.0

    def is_row(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is the one that was touched."""
        return self.key is not None and all(
            str(row.get(name)) == str(value) for name, value in self.key.items()
        )


async def touch(case: Case) -> Touch:
    """Write a column of one row as it is.

    It is a column of the key where the database lets that be written, for a key does not change meanwhile; else
    another one, on condition that it still has the value that was read.
    """
    shape = case.shape
    if shape is None or not shape.key or case.table is None:
        return Touch(None, "no row can be touched without knowing its key")
    # What is personal would end in an address, and so in the server's logs.
    others = [
        name
        for name, kind in shape.types.items()
        if kind in _EXACT and name not in shape.key and not is_personal(name)
    ]
    tried = [*shape.key, *others][:_TRIES]
    reader = await case.asking()
    writer = await case.asking(case.witness) if case.witness_writes and case.witness else reader
    try:
        found = await reader.get(
            case.table, [("select", ",".join(map(quoted_column, {*shape.key, *tried}))), ("limit", "1")]
        )
        if not found.ok or not found.body:
            return Touch(None, "there is no row to touch")
        return await _write(writer, case.table, shape, found.body[0], tried)
    except UnreachableError as error:
        return Touch(None, error.message.rstrip("."))


async def _write(
    writer: Questions, table: str, shape: TableShape, row: Mapping[str, Any], tried: Sequence[str]
) -> Touch:
    key = {name: row[name] for name in shape.key}
    reply: Reply | None = None
    for column in tried:
        conditions = [(name, condition(row[name])) for name in dict.fromkeys((*shape.key, column))]
        at = time.monotonic()
        reply = await writer.patch(
            table,
            [(quoted_column(name), text) for name, text in conditions],
            {column: row[column]},
            ",".join(map(quoted_column, shape.key)),
        )
        if reply.code == _NO_IDENTITY:
            return Touch(None, "it has no replica identity", refused_identity=True)
        if reply.ok and reply.body:
            return Touch(key, "", at=at)
    return Touch(None, why_not(reply))


def condition(value: object) -> str:
    """Write that a column has a value, as PostgREST reads it."""
    if value is None or isinstance(value, bool):
        return f"is.{'null' if value is None else str(value).lower()}"
    return f"eq.{value}"


def why_not(reply: Reply | None) -> str:
    """Say why a row could not be written."""
    if reply is None or reply.ok:
        return "its policies let this role write no row"
    if reply.code == "42501":
        return "this role may not write it"
    return f"a write was refused: HTTP {reply.status} {reply.code}".rstrip()
