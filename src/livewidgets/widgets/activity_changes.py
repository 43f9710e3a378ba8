"""What the patches of one table tell: which rows came, changed and went, and what only looks like it."""

from __future__ import annotations

import heapq
import time
from collections.abc import Mapping

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.history import Difference
from livewidgets.live.table import LiveTable
from livewidgets.widgets.activity import Event, Happening
from livewidgets.widgets.calls import seconds_of

#: A row that is so many seconds older than the newest is no arrival: it moved up into a window that lost one.
MOVED_UP = 60.0
#: Seconds by which the database's clock may be ahead of ours. A row of the year 9999 must not make all others old.
AHEAD = 86_400.0
#: Columns that say when a row was made, the best first.
TIMES = ("created_at", "fired_at", "inserted_at", "updated_at")

Told = tuple[Key, Happening]
Timed = tuple[float, Key, Happening]


class TableChanges:
    """Follows one table's rows, to know what each was before. On the I/O thread only.

    Parameters
    ----------
    table
        The table.
    rows
        Its rows as they are.
    awaited
        Its first snapshot is still to come.
    """

    def __init__(self, table: LiveTable, rows: Mapping[Key, Row], *, awaited: bool) -> None:
        self.awaited = awaited
        self._table = table
        self._rows = dict(rows)
        #: The newest time of a row, by the database's clock: ours may be another.
        self.newest = 0.0

    def load(self, rows: Mapping[Key, Row]) -> None:
        """Take the first snapshot."""
        self.awaited = False
        self._rows.update(rows)

    def take(self, patch: Patch) -> list[Told]:
        """Take a patch; return what it tells, those that are gone last."""
        rows = self._rows
        found: list[Told] = []
        fresh = 0
        for key, row in patch.upserted.items():
            before = rows.get(key)
            rows[key] = row
            if before is None:
                fresh += 1
                if self._moved_up(row) and not patch.reset:
                    continue
            found.append(self._told(Event.INSERT if before is None else Event.UPDATE, key, row, before))
        gone = self._really_gone(patch, fresh)
        for key in patch.removed:
            rows.pop(key, None)
        return found + [self._told(Event.DELETE, key, row) for key, row in gone]

    def missed(self, difference: Difference, since: float, now: float, most: int) -> list[Timed]:
        """Return what became of the rows while nobody looked, by the rows' own times between `since` and `now`."""
        found = [self._told(Event.INSERT, key, row) for key, row in difference.inserted.items()]
        found += [
            self._told(Event.UPDATE, key, row, before) for key, (before, row) in difference.updated.items()
        ]
        if self._table.limit is None:  # of a window nobody knows what was only pushed out
            found += [self._told(Event.DELETE, key, row) for key, row in difference.deleted.items()]
        timed = [(min(now, max(since, time_of(one) or now)), key, one) for key, one in found]
        return heapq.nlargest(most, timed, key=lambda entry: entry[0])[::-1]

    def before(self, rows: Mapping[Key, Row], now: float, most: int) -> list[Timed]:
        """Return the newest rows as they were made, the oldest first; none where no column says when."""
        column = next((one for one in TIMES if any(one in row for row in rows.values())), None)
        if column is None:
            return []
        # All of one table are written alike, so that they sort as text.
        written = [(str(row[column]), key) for key, row in rows.items() if row.get(column) is not None]
        found: list[Timed] = []
        for _, key in heapq.nlargest(most, written, key=lambda entry: entry[0])[::-1]:
            at = seconds_of(rows[key][column])
            if at is None:
                continue
            if at < now + AHEAD:
                self.newest = max(self.newest, at)
            found.append((min(at, now), *self._told(Event.INSERT, key, rows[key])))
        return found

    def _really_gone(self, patch: Patch, fresh: int) -> list[tuple[Key, Row]]:
        """Leave out what was pushed out of a full window by as many that came: it is still in the database."""
        gone = list(patch.removed.items())
        limit, order = self._table.limit, self._table.order
        if limit is None or fresh == 0 or len(self._rows) - len(gone) < limit:
            return gone
        if order is not None:
            gone.sort(key=lambda entry: order.sort_key(entry[1]))
        return gone[: max(0, len(gone) - fresh)]

    def _moved_up(self, row: Row) -> bool:
        """Say whether a row that is new here is an old one."""
        soon = time.time() + AHEAD
        times = [at for name in TIMES if (at := seconds_of(row.get(name))) is not None and at < soon]
        newest = max(times, default=0.0)
        old = self._table.limit is not None and bool(times) and newest < self.newest - MOVED_UP
        self.newest = max(self.newest, newest)
        return old

    def _told(self, event: Event, key: Key, row: Row, before: Row | None = None) -> Told:
        table = self._table
        return key, Happening(
            table.name, event, row, before, table.key or ("id",), bool(table.where.columns())
        )


def time_of(happening: Happening) -> float | None:
    """Return when it happened by what the row says; None where it does not say, as of a row that is gone."""
    if happening.event is Event.DELETE:
        return None
    return seconds_of(happening.row.get("created_at" if happening.event is Event.INSERT else "updated_at"))
