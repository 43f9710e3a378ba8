"""Postgres' logical replication messages (pgoutput, protocol versions 1 and 2) → row changes. Bytes in, no I/O.

The format: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

from livewidgets.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Unchanged(Enum):
    """The type of `UNCHANGED`."""

    UNCHANGED = "unchanged"


#: Stands for a TOAST value that an update did not touch; its bytes are not in the log.
UNCHANGED: Final = Unchanged.UNCHANGED

#: Postgres' text output of one value; None is SQL's null.
Value = str | None | Unchanged
Kind = Literal["INSERT", "UPDATE", "DELETE", "TRUNCATE"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the log describes it.

    Attributes
    ----------
    type_name
        The short name of the type: ``int8``, ``timestamptz``, ``_int4``; of a domain, its base type.
    is_key
        Whether it belongs to the replica identity (under ``full`` every column does).
    """

    name: str
    type_oid: int
    type_name: str
    is_key: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as the log describes it; a new object after each change of its shape.

    Attributes
    ----------
    replica_identity
        ``d`` default (the primary key), ``n`` nothing, ``f`` full, ``i`` an index.
    """

    oid: int
    schema: str
    table: str
    columns: tuple[Column, ...]
    replica_identity: str


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row of one committed transaction.

    Attributes
    ----------
    new
        The row after it, in the order of ``relation.columns``; None for a delete and a truncate.
    old
        The row before it, where the log has it: always for a delete, for an update when the key changed or under
        ``replica identity full``. Values outside the key are None when ``old_is_key``.
    commit_time
        When the transaction was committed, UTC.
    lsn
        Where its commit lies in the log.
    """

    kind: Kind
    relation: Relation
    new: tuple[Value, ...] | None
    old: tuple[Value, ...] | None
    old_is_key: bool
    commit_time: datetime
    lsn: int

    def __repr__(self) -> str:
        # Rows hold phone numbers; a log line must not.
        return f"<{self.kind} of {self.relation.schema}.{self.relation.table} at {self.lsn:X}>"


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_BEGIN = struct.Struct(">qqI")
_COMMIT = struct.Struct(">bqqq")
_INT = struct.Struct(">i")
_OID = struct.Struct(">I")
_SHORT = struct.Struct(">h")
_ATTRIBUTE = struct.Struct(">Ii")
_NULL, _TOAST, _TEXT = ord("n"), ord("u"), ord("t")


class Decoder:
    """Collects the messages of a transaction; gives them out at its commit.

    Parameters
    ----------
    type_names
        Names of the built-in types by oid; the log itself names the others.
    """

    def __init__(self, type_names: Mapping[int, str]) -> None:
        self._type_names = dict(type_names)
        self._relations: dict[int, Relation] = {}
        self._open: list[RowChange] = []
        self._commit_time = _EPOCH
        self._lsn = 0
        self._xid = 0
        #: The transactions that were given out; whoever waits for them to be visible empties it.
        self.committed: set[int] = set()
        self.in_transaction = False
        #: Where the last transaction that was given out ends in the log.
        self.end_lsn = 0

    def feed(self, message: bytes) -> list[RowChange] | None:
        """Take one message; a commit returns the transaction's changes, anything else None.

        Raises
        ------
        ProtocolError
            A message that protocol version 1 does not know.
        """
        kind = message[:1]
        if kind == b"I":
            self._insert(message)
        elif kind == b"U":
            self._update(message)
        elif kind == b"D":
            self._delete(message)
        elif kind == b"B":
            self._lsn, micros, self._xid = _BEGIN.unpack_from(message, 1)
            self._commit_time = _EPOCH + timedelta(microseconds=micros)
            self._open = []
            self.in_transaction = True
        elif kind == b"C":
            _, _, self.end_lsn, _ = _COMMIT.unpack_from(message, 1)
            self.in_transaction = False
            changes, self._open = self._open, []
            if changes:
                self.committed.add(self._xid)
            return changes
        elif kind == b"R":
            self._relation(message)
        elif kind == b"Y":
            self._type(message)
        elif kind == b"T":
            self._truncate(message)
        elif kind not in (b"O", b"M"):  # an origin and a custom message change no row
            raise ProtocolError(f"The replication stream sent an unknown message {kind!r}.")
        return None

    def _change(
        self,
        kind: Kind,
        relation: Relation,
        new: tuple[Value, ...] | None,
        old: tuple[Value, ...] | None = None,
        old_is_key: bool = False,
    ) -> None:
        self._open.append(RowChange(kind, relation, new, old, old_is_key, self._commit_time, self._lsn))

    def _insert(self, message: bytes) -> None:
        relation = self._relations[_OID.unpack_from(message, 1)[0]]
        new, _ = _row(message, 6)
        self._change("INSERT", relation, new)

    def _update(self, message: bytes) -> None:
        relation = self._relations[_OID.unpack_from(message, 1)[0]]
        old, mark, position = None, message[5:6], 6
        if mark in (b"K", b"O"):
            old, position = _row(message, 6)
            position += 1  # the "N" before the new row
        new, _ = _row(message, position)
        self._change("UPDATE", relation, new, old, mark == b"K")

    def _delete(self, message: bytes) -> None:
        relation = self._relations[_OID.unpack_from(message, 1)[0]]
        old, _ = _row(message, 6)
        self._change("DELETE", relation, None, old, message[5:6] == b"K")

    def _truncate(self, message: bytes) -> None:
        count = _INT.unpack_from(message, 1)[0]
        for index in range(count):
            oid = _OID.unpack_from(message, 6 + 4 * index)[0]
            self._change("TRUNCATE", self._relations[oid], None)

    def _relation(self, message: bytes) -> None:
        oid = _OID.unpack_from(message, 1)[0]
        schema, position = _name(message, 5)
        table, position = _name(message, position)
        identity = chr(message[position])
        count = _SHORT.unpack_from(message, position + 1)[0]
        position += 3
        columns = []
        for _ in range(count):
            flags = message[position]
            name, position = _name(message, position + 1)
            type_oid, _modifier = _ATTRIBUTE.unpack_from(message, position)
            position += _ATTRIBUTE.size
            type_name = self._type_names.get(type_oid, "unknown")
            columns.append(Column(name, type_oid, type_name, bool(flags & 1)))
        # pg_catalog is sent as an empty name
        self._relations[oid] = Relation(oid, schema or "pg_catalog", table, tuple(columns), identity)

    def _type(self, message: bytes) -> None:
        _, position = _name(message, 5)
        self._type_names[_OID.unpack_from(message, 1)[0]] = _name(message, position)[0]


def _name(message: bytes, position: int) -> tuple[str, int]:
    end = message.index(0, position)
    return message[position:end].decode(), end + 1


def _row(message: bytes, position: int) -> tuple[tuple[Value, ...], int]:
    """Read one row of text values; returns it and the position after it."""
    values: list[Value] = []
    append, length_at = values.append, _INT.unpack_from
    count = _SHORT.unpack_from(message, position)[0]
    position += 2
    for _ in range(count):
        kind = message[position]
        position += 1
        if kind == _TEXT:
            start = position + 4
            position = start + length_at(message, position)[0]
            append(message[start:position].decode())
        elif kind == _NULL:
            append(None)
        elif kind == _TOAST:
            append(UNCHANGED)
        else:
            raise ProtocolError(f"The replication stream sent a value of unknown form {chr(kind)!r}.")
    return tuple(values), position
