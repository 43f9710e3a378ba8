"""What the database says: `Change`; and what that did to a table's rows: `Patch`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: The values of the primary key's columns, in their order.
Key = tuple[Any, ...]
#: A row: column name to JSON value. Rows are replaced, never changed in place.
Row = Mapping[str, Any]


class ChangeKind(StrEnum):
    """The three kinds, spelt as on the wire."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change of one row.

    Attributes
    ----------
    kind
        Insert, update or delete.
    table
        The table's name.
    record
        The new row; empty for a delete. On an update, unchanged TOAST columns are absent.
    old_record
        The primary key, or the whole old row under ``replica identity full``; empty for an insert.
    partial
        True when the server left values out (413 payload too large): the row must be read again by key.
    commit_timestamp
        ISO 8601 as on the wire, milliseconds; never used for ordering.
    """

    kind: ChangeKind
    table: str
    record: Row
    old_record: Row
    partial: bool = False
    commit_timestamp: str | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """What one apply did to a table's rows, all of it at once.

    Attributes
    ----------
    version
        The table's version after it; each patch raises it by one.
    upserted
        Rows that are new or changed, by key.
    removed
        Rows that are gone (deleted, left the filter or the window), by key, as they were last.
    reset
        True for the first snapshot and for a swap after a resnapshot: still a true difference, yet a reader that
        shows arrivals should not announce these.
    """

    version: int
    upserted: Mapping[Key, Row] = field(default_factory=dict)
    removed: Mapping[Key, Row] = field(default_factory=dict)
    reset: bool = False

    def __bool__(self) -> bool:
        return bool(self.upserted or self.removed or self.reset)
