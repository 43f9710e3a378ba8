"""Tables that components follow: the user's own, or their own while somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

from livewidgets.core.connection import ConnectionState
from livewidgets.core.filters import Where
from livewidgets.core.order import Order
from livewidgets.errors import ClosedError
from livewidgets.live.client import Live
from livewidgets.live.replay import ReplayLive
from livewidgets.live.table import LiveTable
from livewidgets.live.thread import io_thread

#: The newest rows of a table that components follow. All ask for the same, and so share one subscription and its rows.
NEWEST = 10_000
#: Seconds that a table is kept when nobody looks any more: a tab that comes back soon finds it right at once.
WARM = 30.0


class Lease(Protocol):
    """A table to be had while somebody looks."""

    @property
    def table(self) -> LiveTable | None:
        """The table, where there is one now."""

    def take(self) -> LiveTable:
        """Return the table, open; on the I/O thread."""

    def rest(self) -> None:
        """Nobody looks any more; on the I/O thread."""

    def close(self) -> None:
        """Have it no longer, from any thread."""


class Borrowed:
    """The user's table: it stays open, whoever looks, and is the user's to close."""

    def __init__(self, table: LiveTable) -> None:
        self.table: LiveTable | None = table
        self._table = table

    def take(self) -> LiveTable:
        """Return the table."""
        return self._table

    def rest(self) -> None:
        """Leave it open."""

    def close(self) -> None:
        """Leave it open."""


class Owned:
    """A component's own table: opened when somebody looks, closed `warm` seconds after nobody does any more.

    Parameters
    ----------
    open
        Opens the table; any thread.
    warm
        Seconds.
    """

    def __init__(self, open: Callable[[], LiveTable], warm: float = WARM) -> None:  # noqa: A002
        self.table: LiveTable | None = None
        self._open = open
        self._warm = warm
        self._timer: Any = None
        self._closed = False

    def take(self) -> LiveTable:
        """Return the table; open it if it is not."""
        self._stop_waiting()
        if self.table is None:
            self.table = self._open()
        return self.table

    def rest(self) -> None:
        """Close it in a while."""
        self._stop_waiting()
        if self.table is not None and not self._closed:
            self._timer = io_thread().loop.call_later(self._warm, self._end)

    def close(self) -> None:
        """Close it now."""
        self._closed = True
        if not sys.is_finalizing():  # then the thread is gone, and another would never start
            io_thread().call(self._end)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._stop_waiting()
        table, self.table = self.table, None
        if table is not None:
            table.close()


def own(live: Live, name: str, *, history: bool = False, **request: Any) -> Owned:  # noqa: ANN401 - as `Live.table`
    """Follow a table for a component.

    Few components ask what became of rows, so `history` is off: it keeps the rows that were replaced.

    Raises
    ------
    ClosedError
        The connection was closed.
    FilterError
        The request cannot be understood.
    """
    # Said now, to who makes the component; what only the server knows is said in the view.
    # A replay that is over is no such case: a component shows what it ended with.
    if live.status.state is ConnectionState.CLOSED and not isinstance(live, ReplayLive):
        raise ClosedError("This connection was closed.", "Connect again and make the component anew.")
    Where.parse(request.get("where"))
    Order.parse(request.get("order"))
    return Owned(lambda: live.table(name, **request, history=history))


def lease_of(data: Live | LiveTable, name: str, **request: Any) -> Lease:  # noqa: ANN401
    """Follow the user's table; or, given a connection, one of our own."""
    return own(data, name, **request) if isinstance(data, Live) else Borrowed(data)
