"""The database's changes as a stream: logical replication (pgoutput) read over a replication connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final, Literal


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


class StreamEvent(StrEnum):
    """What the stream says about itself, in its place among the batches."""

    #: The stream is open for the first time: every later commit comes through.
    READY = "ready"
    #: The database is gone; what is committed until `RESUMED` may be missing.
    LOST = "lost"
    #: The stream is open again.
    RESUMED = "resumed"


class WalStream:
    """Changes of a publication's tables, transaction by transaction, as they are committed.

    Iterating yields lists of `RowChange` (whole transactions, several joined when many wait) and `StreamEvent`.

    Parameters
    ----------
    dsn
        A ``postgresql://`` address whose user may replicate.
    publication
        The publication to read.
    """

    def __init__(self, dsn: str, publication: str = "supabase_realtime") -> None:
        self._dsn = dsn
        self.publication = publication

    def __aiter__(self) -> AsyncIterator[list[RowChange] | StreamEvent]:
        raise NotImplementedError

    async def close(self) -> None:
        """End the stream: the iteration stops and the temporary slot goes with its connection."""
