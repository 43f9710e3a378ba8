"""Calls as a board shows them: normalised status, masked caller, names; and which of them are shown.

Pure: rows go in, cells come out; the time is an argument.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from livewidgets.core.call_status import has_ended, normal_status
from livewidgets.core.change import Row
from livewidgets.core.mask import mask_phone

#: What the page gets of each call, in this order.
COLUMNS = (
    "status",
    "status_raw",
    "direction",
    "caller",
    "caller_state",
    "campaign",
    "campaign_id",
    "publisher",
    "buyer",
    "target",
    "agent",
    "created_at",
    "queued_at",
    "ringing_at",
    "connected_at",
    "ended_at",
    "connected_seconds",
    "bid",
    "revenue",
    "is_converted",
    "is_duplicate",
    "version",
)


def seconds_of(moment: object) -> float | None:
    """Return a timestamp as seconds since 1970; None for what is none."""
    if not isinstance(moment, str):
        return None
    try:
        read = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).timestamp()


def number_of(value: object) -> float | None:
    """Return an amount as a number; the database sends large or exact ones as text."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def masked_caller(row: Row) -> str:
    """Return the caller with most digits hidden."""
    # What the database calls masked is masked again, which changes nothing where it is: a view may hold anything.
    caller = row.get("caller_masked") or row.get("caller_number")
    return mask_phone(str(caller)) if caller else ""


def open_caller(row: Row) -> str:
    """Return the caller's number where the role may read it."""
    return str(row.get("caller_number") or row.get("caller_masked") or "")


def call_cells(
    row: Row,
    name: Callable[[str, object], str],
    bid: Callable[[object], float | None],
    caller: Callable[[Row], str] = masked_caller,
) -> tuple[Any, ...]:
    """Return a call's cells.

    Parameters
    ----------
    row
        As in the database.
    name
        The name for a column of ids and an id.
    bid
        The amount for the id of a bid.
    caller
        Shows the caller.
    """
    raw = row.get("status_raw")
    return (
        normal_status(row.get("status")),
        str(raw if raw is not None else row.get("status") or ""),
        row.get("direction"),
        caller(row),
        row.get("caller_state"),
        name("campaign_id", row.get("campaign_id")),
        row.get("campaign_id"),
        name("publisher_id", row.get("publisher_id")),
        name("buyer_id", row.get("buyer_id")),
        name("target_id", row.get("target_id")),
        name("agent_id", row.get("agent_id")),
        row.get("created_at"),
        row.get("queued_at"),
        row.get("ringing_at"),
        row.get("connected_at"),
        row.get("ended_at"),
        number_of(row.get("connected_seconds")),
        bid(row.get("winning_bid_id")),
        number_of(row.get("revenue")),
        row.get("is_converted"),
        row.get("is_duplicate"),
        row.get("version"),
    )


class Board:
    """Which calls are shown: those that live, and those that ended not longer than `linger` seconds ago.

    A call that ends while it is shown lingers from that moment; for one that had ended before, its end by the
    database's clock counts.
    """

    def __init__(self, linger: float) -> None:
        self._linger = linger
        self._live: set[str] = set()
        self._leaving: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    @property
    def live(self) -> int:
        """How many calls are live."""
        return len(self._live)

    def put(self, key: str, row: Row, now: float) -> bool:
        """Take a call's row; return whether the call is shown."""
        if not has_ended(row):
            self._live.add(key)
            self._leaving.pop(key, None)
            return True
        if key in self._leaving:
            return True
        if key in self._live:
            self._live.discard(key)
            leaves = now + self._linger
        else:
            ended = seconds_of(row.get("ended_at"))
            leaves = (now if ended is None else min(ended, now)) + self._linger
            if leaves <= now:
                return False
        self._leaving[key] = leaves
        heapq.heappush(self._heap, (leaves, key))
        return True

    def drop(self, key: str) -> None:
        """Forget a call."""
        self._live.discard(key)
        self._leaving.pop(key, None)

    def leave(self, now: float) -> list[str]:
        """Return the calls that have lingered long enough, and forget them."""
        gone = []
        while self._heap and self._heap[0][0] <= now:
            leaves, key = heapq.heappop(self._heap)
            if self._leaving.get(key) == leaves:
                del self._leaving[key]
                gone.append(key)
        return gone

    def next_leave(self) -> float | None:
        """Return when the next call leaves."""
        while self._heap and self._leaving.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
