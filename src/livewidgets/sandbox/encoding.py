"""A row change → the ``data`` of a postgres_changes frame, for one set of visible columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from livewidgets.sandbox.phoenix import quote

if TYPE_CHECKING:
    from livewidgets.sandbox.catalog import Table
    from livewidgets.sandbox.pgoutput import Relation, RowChange, Value
    from livewidgets.sandbox.values import Encoder, Encoders

#: A change with more bytes than that comes with its short values only.
MAX_CHANGE = 1024 * 1024
#: Bytes of a value's JSON that still counts as short.
SHORT = 64
TOO_LARGE = '["Error 413: Payload Too Large"]'
NO_KEY = "Error 400: Bad Request, no primary key"
NO_RIGHTS = "Error 401: Unauthorized"

#: Index in the row, ``"name": ``, encoder.
_Slot = tuple[int, str, "Encoder"]


class Plan:
    """How the rows of one table are written for those who see the same columns of it.

    Parameters
    ----------
    relation, table
        The table as the log and as the catalogue describe it.
    visible
        The columns to show.
    encoders
        By type.
    """

    def __init__(self, relation: Relation, table: Table, visible: frozenset[str], encoders: Encoders) -> None:
        self.relation = relation
        self._slots = [
            (index, f"{quote(column.name)}: ", encoders[column.type_oid])
            for index, column in enumerate(relation.columns)
            if column.name in visible
        ]
        # As jsonb orders the keys of an object: the shorter first.
        self._slots.sort(key=lambda slot: (len(slot[1].encode()), slot[1]))
        by_key = [slot for slot in self._slots if relation.columns[slot[0]].name in table.key]
        self._key_slots = by_key
        # Without a primary key (a delete needs none) the whole old row is its identity.
        self._guarded = table.row_security
        listed = ", ".join(
            f'{{"name": {quote(column.name)}, "type": {quote(column.type_name)}}}'
            for column in relation.columns
            if column.name in visible
        )
        self._columns = f"[{listed}]"
        self._names = f'"schema":{quote(relation.schema)},"table":{quote(relation.table)},"type":"'

    def encode(self, change: RowChange) -> str:
        """Write the ``data`` object as JSON text."""
        large = _size(change.new) + _size(change.old) > MAX_CHANGE
        parts = [
            '{"columns":',
            self._columns,
            ',"commit_timestamp":"',
            timestamp(change.commit_time),
            '","errors":',
            TOO_LARGE if large else "null",
        ]
        if change.kind != "INSERT":
            parts += [',"old_record":', self._old(change, large)]
        if change.new is not None:
            filled = _filled(change.new, None if change.old_is_key else change.old)
            parts += [',"record":', _object(self._slots, filled, large)]
        parts += [",", self._names, change.kind, '"}']
        return "".join(parts)

    def _old(self, change: RowChange, large: bool) -> str:
        if change.old is None:
            return _object(self._key_slots, change.new or (), large)
        if change.old_is_key or self._guarded:
            return _object(self._key_slots, change.old, large)
        return _object(self._slots, change.old, large)


def refusal(change: RowChange, error: str) -> str:
    """Write the ``data`` of a change that the subscriber may not have: no row, no columns, no time."""
    relation = change.relation
    old = ',"old_record":{}' if change.kind == "UPDATE" else ""
    return (
        f'{{"columns":[],"commit_timestamp":null,"errors":[{quote(error)}]{old},"record":{{}},'
        f'"schema":{quote(relation.schema)},"table":{quote(relation.table)},"type":"{change.kind}"}}'
    )


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _object(slots: Iterable[_Slot], values: Sequence[Value], large: bool) -> str:
    parts: list[str] = []
    for index, name, encode in slots:
        value = values[index]
        if isinstance(value, str):
            text = encode(value)
            if not large or len(text.encode()) <= SHORT:
                parts.append(name + text)
        elif value is None and not large:
            parts.append(name + "null")
        # else unchanged TOAST: the log does not have it, so the record does not either
    return "{" + ", ".join(parts) + "}"


def _filled(new: Sequence[Value], old: Sequence[Value] | None) -> Sequence[Value]:
    """Return the new row; what the log left out of it is taken from a whole old row."""
    if old is None or all(value is None or isinstance(value, str) for value in new):
        return new
    return [
        value if value is None or isinstance(value, str) else before
        for value, before in zip(new, old, strict=True)
    ]


def _size(row: Sequence[Value] | None) -> int:
    """About the bytes of a row; exact only where it is near the limit."""
    if row is None:
        return 0
    letters = sum(len(value) for value in row if isinstance(value, str))
    if letters * 4 < MAX_CHANGE:
        return letters
    return sum(len(value.encode()) for value in row if isinstance(value, str))
