"""Names by id: small tables that put words to the keys in others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from livewidgets.core.change import Patch, Row
from livewidgets.errors import LiveWidgetsError
from livewidgets.live.client import Live
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import TableState, TableStatus
from livewidgets.widgets.lease import Lease, own

#: Characters of an id where its name is not to be had.
SHORT = 8


class Lookup:
    """One column of one table, by id.

    A table that is not there or may not be read is given up quietly: then the first characters of the id stand for
    the name.

    Parameters
    ----------
    lease
        The table; None where there is none.
    columns
        The column with the name; of several the first that holds something.
    """

    def __init__(self, lease: Lease | None, *columns: str) -> None:
        self._lease = lease
        self._columns = columns
        self._values: dict[Any, Any] = {}
        self._loaded = lease is None
        self._tap: Subscription | None = None

    def value(self, identity: object) -> Any:  # noqa: ANN401 - whatever the column holds
        """Return the column's value; None when it is not known."""
        return self._values.get(identity)

    def name(self, identity: object) -> str:
        """Return the name; empty while it may still come, the beginning of the id when it will not."""
        if identity is None:
            return ""
        name = self._values.get(identity)
        if name is not None:
            return str(name)
        return str(identity)[:SHORT] if self._loaded else ""

    def follow(self, changed: Callable[[], object]) -> None:
        """Follow the table, on the I/O thread; `changed` is called when some name has."""
        lease = self._lease
        if lease is None:
            return

        def on_patch(patch: Patch) -> None:
            if self._take(patch.upserted, patch.removed):
                changed()

        def on_status(status: TableStatus) -> None:
            settled = status.state not in (TableState.LOADING, TableState.STALE)
            if status.state is TableState.ERROR:
                self.close()
            if settled and not self._loaded:
                self._loaded = True
                changed()

        self._values.clear()
        try:
            table = lease.take()
            self._tap = table._tap(on_patch, on_status)  # noqa: SLF001 - same house, I/O thread
            replica = table._replica  # noqa: SLF001
            rows: Iterable[Row] = replica.rows()
        except LiveWidgetsError:
            # Closed, or a connection that cannot give it: a recording has only what was recorded.
            self._loaded = True
            return
        self._take({tuple(row.get(column) for column in replica.key): row for row in rows}, {})

    def rest(self) -> None:
        """Stop following; the names stay."""
        self._stop()
        if self._lease is not None:
            self._lease.rest()

    def close(self) -> None:
        """Give the table up, from any thread."""
        self._stop()
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.close()

    def _stop(self) -> None:
        tap, self._tap = self._tap, None
        if tap is not None:
            tap.close()

    def _take(self, upserted: Mapping[Any, Row], removed: Iterable[Any]) -> bool:
        changed = False
        for key in removed:
            changed |= self._values.pop(key[0], None) is not None
        for key, row in upserted.items():
            value = next((row[name] for name in self._columns if row.get(name) is not None), None)
            # Such rows change all the time (live counters, balances), their names hardly ever.
            if self._values.get(key[0]) != value:
                self._values[key[0]] = value
                changed = True
        return changed


def open_lookup(live: Live, table: str, *columns: str) -> Lookup:
    """Follow a table of names."""
    return Lookup(own(live, table), *columns)
