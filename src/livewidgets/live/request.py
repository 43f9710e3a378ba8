"""Which rows of a table are followed, and what they are worth at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from livewidgets.core.filters import Where
from livewidgets.core.order import Order
from livewidgets.errors import LiveWidgetsError


class TableState(StrEnum):
    """What a table's rows are worth."""

    LOADING = "loading"
    LIVE = "live"
    STALE = "stale"
    ERROR = "error"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class TableStatus:
    """The state of a table.

    Attributes
    ----------
    state
        ``loading`` before the first snapshot, ``live`` while every change arrives, ``stale`` while changes may be
        missing, ``error`` when it cannot be followed, ``closed``.
    since
        When this state began (seconds since 1970).
    error
        What is wrong, or None.
    rows
        How many rows there are.
    partial
        The table holds more rows than the window does.
    """

    state: TableState
    since: float
    error: LiveWidgetsError | None = None
    rows: int = 0
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """Which rows of which table; equal requests share one follower."""

    table: str
    where: Where
    order: Order | None
    limit: int | None
    fixed: tuple[str, ...]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FollowedTable:
    """A table, or a part of one, that a connection follows.

    Attributes
    ----------
    name, where, order, limit
        Which rows.
    handles
        How many handles on them are open.
    status
        What the rows are worth.
    """

    name: str
    where: Where
    order: Order | None
    limit: int | None
    handles: int
    status: TableStatus
