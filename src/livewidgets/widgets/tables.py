"""Tables as a feed: what every component that shows rows has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from livewidgets.core.change import Key, Patch, Row
from livewidgets.errors import ClosedError, CommandError
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable, TableState, TableStatus
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.lease import Lease
from livewidgets.widgets.trouble import trouble

#: The worst first: of several tables the worst says what the view is worth.
_WORST = (TableState.CLOSED, TableState.ERROR, TableState.LOADING, TableState.STALE, TableState.LIVE)


class TablesSource:
    """Rows of one or several tables as a feed, followed while somebody looks.

    A subclass says what is shown of them: `begin` with the rows that there are, `patch` with what changed. All but
    `close` runs on the I/O thread.

    Parameters
    ----------
    tables
        The tables by the names that the subclass gives them.
    masked
        Whether personal data is masked, for the page to say so.
    """

    columns: tuple[str, ...] = ()
    #: The component, for what it says when it is asked for what it cannot do.
    component = "This component"

    def __init__(self, tables: Mapping[str, Lease], *, masked: bool = True) -> None:
        self.masked = masked
        self._leases = dict(tables)
        self._tables: dict[str, LiveTable] = {}
        self._taps: dict[str, Subscription] = {}
        self._status: dict[str, TableStatus] = {}

    # What a subclass says

    def begin(self, feed: OpenFeed) -> None:
        """Fill the feed from the rows that there are, see `rows`."""
        raise NotImplementedError

    def patch(self, feed: OpenFeed, name: str, patch: Patch) -> None:
        """Take what changed in a table; the meta is told afterwards."""
        raise NotImplementedError

    def rest(self) -> None:
        """Nobody looks any more: drop what was only kept for them."""

    def details(self, feed: OpenFeed) -> Mapping[str, Any]:
        """Return what the meta says on top of the state; may replace parts of it."""
        return {}

    def command(self, name: str, args: Any) -> Any:  # noqa: ANN401 - as JSON has it
        """Refuse: it only shows."""
        raise CommandError(f"{self.component} knows no command {name!r}.", "It knows none.")

    # What it has

    def table(self, name: str) -> LiveTable:
        """Return a table, while somebody looks."""
        return self._tables[name]

    def rows(self, name: str) -> dict[Key, Row]:
        """Return a table's rows by key, in its order."""
        replica = self._tables[name]._replica  # noqa: SLF001 - same house, I/O thread
        return {tuple(row.get(column) for column in replica.key): row for row in replica.rows()}

    # What the exchange asks for

    def open(self, feed: OpenFeed) -> Callable[[], None]:
        """Begin to follow, from the rows that there are."""
        # Before anything can fail, so that an end finds what there is.
        for name, lease in self._leases.items():
            self._tables[name] = lease.take()
        for name, table in self._tables.items():
            try:
                self._taps[name] = self._follow(feed, name, table)
            except ClosedError:
                self._status[name] = table.status
        self.begin(feed)
        self.describe(feed)
        return self._end

    def beat(self, feed: OpenFeed) -> float | None:
        """Notice that the user has closed a table; return the age of the oldest."""
        for name, table in self._tables.items():
            tap = self._taps.get(name)
            if tap is None or tap.closed:
                self._status[name] = table.status
        self.describe(feed)
        ages = [table.age for table in self._tables.values()]
        return None if None in ages else max((age for age in ages if age is not None), default=None)

    def swap(self, name: str, lease: Lease) -> None:
        """Follow another table from now on; only by `Hub.refresh`."""
        old, self._leases[name] = self._leases[name], lease
        old.close()

    def close(self) -> None:
        """Close the tables that are the component's own, from any thread."""
        for lease in self._leases.values():
            lease.close()

    def describe(self, feed: OpenFeed) -> None:
        """Tell the page what the rows are worth."""
        feed.describe({**self._meta(feed), **self.details(feed)})

    def _follow(self, feed: OpenFeed, name: str, table: LiveTable) -> Subscription:
        def on_patch(patch: Patch) -> None:
            self.patch(feed, name, patch)
            self.describe(feed)

        def on_status(status: TableStatus) -> None:
            self._status[name] = status
            self.describe(feed)

        return table._tap(on_patch, on_status)  # noqa: SLF001 - same house, I/O thread

    def _end(self) -> None:
        for tap in self._taps.values():
            tap.close()
        for lease in self._leases.values():
            lease.rest()
        self.rest()
        self._taps, self._tables, self._status = {}, {}, {}

    def worst(self, names: Iterable[str]) -> dict[str, Any]:
        """Return what the meta says of the worst of these tables; there must be one."""
        told = (self._status.get(name) or self._tables[name].status for name in names)
        status = min(told, key=lambda status: _WORST.index(said_state(status)))
        said: dict[str, Any] = {"state": said_state(status).value, "since": round(status.since * 1000)}
        if status.error is not None:
            said["error"] = trouble(status.error)
        return said

    def _meta(self, feed: OpenFeed) -> dict[str, Any]:
        told = [self._status.get(name) or table.status for name, table in self._tables.items()]
        return {
            **self.worst(self._tables),
            "rows": len(feed.rows),
            "partial": any(status.partial for status in told),
            "version": sum(table.version for table in self._tables.values()),
            "masked": self.masked,
        }


def said_state(status: TableStatus) -> TableState:
    """Return a table's state as a reader should hear it."""
    # It is tried again for ever, but a reader who has seen nothing yet should hear why.
    failing = status.state is TableState.LOADING and status.error is not None
    return TableState.ERROR if failing else status.state
