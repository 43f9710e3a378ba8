"""OnlineStatus: browser ↔ kernel ↔ Supabase in one word, and what lags behind."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from livewidgets.core.connection import ConnectionState, ConnectionStatus
from livewidgets.errors import CommandError
from livewidgets.live.client import Live
from livewidgets.traits import Flag, Owner
from livewidgets.widgets.assets import bundle
from livewidgets.widgets.base import LiveWidget
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.trouble import trouble

#: Names of lagging tables that are sent.
LAGGING = 20

_FEED_STATES: Mapping[ConnectionState, str] = {
    ConnectionState.CONNECTING: "loading",
    ConnectionState.CATCHING_UP: "live",
    ConnectionState.LIVE: "live",
    ConnectionState.RECONNECTING: "live",
    ConnectionState.REFUSED: "live",
    ConnectionState.CLOSED: "closed",
}


class StatusSource:
    """The state of a connection as a feed without rows."""

    columns: tuple[str, ...] = ()

    def __init__(self, live: Live) -> None:
        self._live = live

    def open(self, feed: OpenFeed) -> Callable[[], None]:
        """Follow the connection."""
        if self._live.status.state is ConnectionState.CLOSED:
            self._describe(feed, self._live.status)
            return lambda: None
        return self._live._watch_status(lambda status: self._describe(feed, status)).close  # noqa: SLF001

    def beat(self, feed: OpenFeed) -> float | None:
        """Bring the ages of the legs and the counts of the tables up to date."""
        status = self._live.status
        self._describe(feed, status)
        ages = [age for age in status.legs.values() if age is not None]
        return min(ages, default=None)

    def command(self, name: str, args: object) -> None:
        """``retry``: try now instead of waiting."""
        if name != "retry":
            raise CommandError(f"OnlineStatus knows no command {name!r}.", "It knows: retry.")
        if self._live.status.state is ConnectionState.CLOSED:
            raise CommandError("The connection was closed.", "Connect again in the notebook.")
        self._live.retry_now()

    def _describe(self, feed: OpenFeed, status: ConnectionStatus) -> None:
        feed.describe(status_meta(status, self._tables(), time.time()))

    def _tables(self) -> dict[str, list[str]]:
        """Return the names of the followed tables by their state."""
        names: dict[str, list[str]] = {}
        for table in self._live.tables:
            names.setdefault(table.status.state.value, []).append(table.name)
        return names


def status_meta(status: ConnectionStatus, tables: Mapping[str, list[str]], now: float) -> dict[str, Any]:
    """Return what the page is told.

    Parameters
    ----------
    status
        The connection.
    tables
        Names of tables by their state.
    now
        Seconds since 1970.
    """
    lagging = Counter(name for state in ("stale", "loading", "error") for name in tables.get(state, ()))
    return {
        "state": _FEED_STATES[status.state],
        "since": round(status.since * 1000),
        "rows": 0,
        "partial": False,
        "version": 0,
        "masked": True,
        "connection": {
            "state": status.state.value,
            "since": round(status.since * 1000),
            "attempt": status.attempt,
            "retry_at": None if status.retry_in is None else round((now + status.retry_in) * 1000),
            "error": None if status.error is None else trouble(status.error),
            "latency_ms": None if status.latency_ms is None else round(status.latency_ms),
            "legs": {name: None if age is None else 1000 * round(age) for name, age in status.legs.items()},
        },
        "tables": {state: len(tables.get(state, ())) for state in ("live", "stale", "loading", "error")},
        "lagging": sorted(lagging)[:LAGGING],
    }


class OnlineStatus(LiveWidget):
    """Shows whether what is on the screen is live, and if not, why and for how long.

    Parameters
    ----------
    live
        The connection to watch.
    **options
        `compact`, `theme`, `size`, and ``layout``.

    Examples
    --------
    >>> lw.OnlineStatus(live)
    """

    _esm = bundle("online_status.js")
    _css = bundle("online_status.css")
    _stem = "online_status"
    _what = "Whether the connection to the database is live."

    compact = Flag(False, owner=Owner.KERNEL, help="Only the dot and the word.")

    def __init__(self, live: Live, **options: Any) -> None:  # noqa: ANN401
        if not isinstance(live, Live):
            raise TypeError(
                f"OnlineStatus takes a Live, as lw.connect() gives it, not {type(live).__name__}."
            )
        self._live = live
        super().__init__(StatusSource(live), **options)
