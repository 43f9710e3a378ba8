"""Changes of several tables as one feed of sentences."""

from __future__ import annotations

import heapq
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from livewidgets.core.change import Key, Patch, Row
from livewidgets.errors import HistoryError
from livewidgets.live.table import LiveTable, TableState
from livewidgets.widgets.activity import Activity, Describe, Event, Happening, Item, shown_key, told_by
from livewidgets.widgets.activity_log import ActivityLog
from livewidgets.widgets.activity_sentences import tell
from livewidgets.widgets.calls import seconds_of
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.lease import Lease
from livewidgets.widgets.lookup import Lookup
from livewidgets.widgets.tables import TablesSource, said_state
from livewidgets.widgets.trouble import report, trouble

#: What the page gets of each item, in this order.
COLUMNS = ("at", "table", "event", "icon", "tone", "text", "key")
#: Rows that were there before and are told of, at most.
BACKFILL = 5_000
#: Items a second, and at once: what comes faster is counted. The link carries 20 messages a second.
RATE = 1_000
BURST = 200
#: Seconds after which what was only counted is said.
COUNT_AFTER = 0.25
#: Items that wait for a name, at most.
NAMELESS = 1_000
#: A row that is so many seconds older than the newest is no arrival: it moved up into a window that lost one.
MOVED_UP = 60.0
_TIMES = ("created_at", "fired_at", "inserted_at", "updated_at")


@dataclass(slots=True)
class _Seen:
    """What is known of a table while somebody looks."""

    rows: dict[Key, Row]
    #: Its first snapshot is still to come.
    awaited: bool
    #: The newest time of a row, by the database's clock.
    newest: float = 0.0


@dataclass(frozen=True, slots=True)
class _Left:
    """Where a table stood when nobody looked any more."""

    table: weakref.ref[LiveTable]
    version: int
    at: float


class FeedSource(TablesSource):
    """What happens in tables, as a feed of sentences.

    The log of them outlives the views: who comes back finds it, with what happened meanwhile.

    Attributes
    ----------
    log
        The items. To be changed on the I/O thread only.

    Parameters
    ----------
    tables
        By the names that they are told by.
    names
        Where names for ids come from: table, and its column of ids.
    describe
        The user's own sentences, by the same names as the tables.
    limit
        Items at most.
    masked
        Whether personal data is masked.
    """

    columns: tuple[str, ...] = COLUMNS
    component = "LiveFeed"

    def __init__(
        self,
        tables: Mapping[str, Lease],
        names: Mapping[tuple[str, str], Lookup],
        describe: Mapping[str, Describe],
        *,
        limit: int,
        masked: bool,
    ) -> None:
        super().__init__(tables, masked=masked)
        self.log = ActivityLog(limit)
        self._names = names
        self._describe = describe
        self._reported: set[str] = set()
        self._seen: dict[str, _Seen] = {}
        self._left: dict[str, _Left] = {}
        self._nameless: dict[int, Happening] = {}
        self._tokens = float(BURST)
        self._told_at = 0.0
        self._counted: Counter[tuple[str, Event]] = Counter()

    # -- following -------------------------------------------------------------------------------------------------

    def begin(self, feed: OpenFeed) -> None:
        """Show the log, with what the tables tell of the time before."""
        self._seen, self._nameless = {}, {}
        for lookup in set(self._names.values()):
            lookup.follow(lambda: self._rename(feed))
        for name, table in self._tables.items():
            rows = self.rows(name)
            left = self._left.get(name)
            awaited = not rows and table.age is None
            self._seen[name] = _Seen(rows, awaited)
            if not awaited and not (
                left is not None and left.table() is table and self._catch_up(name, left)
            ):
                self._fill(name, rows)
        self._left = {name: left for name, left in self._left.items() if self._seen[name].awaited}
        self._trim()
        feed.replace({str(item.id): self._cells(item) for item in self.log.items()})

    def patch(self, feed: OpenFeed, name: str, patch: Patch) -> None:
        """Tell of what changed."""
        seen = self._seen[name]
        if seen.awaited:
            if not patch.reset:
                return
            seen.awaited = False
            seen.rows.update(patch.upserted)
            made = self._fill(name, patch.upserted)
            self._left.pop(name, None)
        else:
            made = self._tell_all(feed, name, self._happenings(name, seen, patch), at=self._when(patch))
        self._show(feed, made)

    def rest(self) -> None:
        """Note where the tables stand; the log stays."""
        for lookup in set(self._names.values()):
            lookup.rest()
        now = time.time()
        for name, table in self._tables.items():
            seen = self._seen.get(name)
            if seen is not None and not seen.awaited:
                self._left[name] = _Left(weakref.ref(table), table.version, now)
        self._seen, self._nameless = {}, {}
        self._counted.clear()

    def details(self, feed: OpenFeed) -> Mapping[str, Any]:
        """Say how much there was; a table that cannot be read does not take the others along."""
        failing = {
            name: status.error
            for name, status in self._status.items()
            if said_state(status) is TableState.ERROR and status.error is not None
        }
        details: dict[str, Any] = {
            "partial": False,
            "total": self.log.total,
            "limit": self.log.limit,
            "tables": list(self._leases),
        }
        if failing and len(failing) < len(self._leases):
            details |= {"error": None, **self.worst(name for name in self._tables if name not in failing)}
            details["failing"] = [
                {"table": name, **trouble(error)} for name, error in failing.items() if error is not None
            ]
        return details

    def close(self) -> None:
        """Close the tables and the lookups, from any thread."""
        super().close()
        for lookup in set(self._names.values()):
            lookup.close()

    def resize(self, limit: int) -> None:
        """Remember more or fewer items; only by `Hub.refresh`."""
        self.log.limit = limit

    # -- what happened ---------------------------------------------------------------------------------------------

    def _happenings(self, name: str, seen: _Seen, patch: Patch) -> list[tuple[Key, Happening]]:
        """Return what a patch tells, the oldest first, and take it in."""
        table, rows = self._tables[name], seen.rows
        found: list[tuple[Key, Happening]] = []
        fresh = 0
        for key, row in patch.upserted.items():
            before = rows.get(key)
            rows[key] = row
            if before is None:
                fresh += 1
                if self._moved_up(table, seen, row) and not patch.reset:
                    continue
            event = Event.INSERT if before is None else Event.UPDATE
            found.append((key, self._happening(table, event, row, before)))
        gone = list(patch.removed.items())
        limit = table.limit
        if limit is not None and fresh and len(rows) - len(gone) >= limit:
            # Pushed out of a full window by as many that came: they are still in the database.
            order = table.order
            if order is not None:
                gone.sort(key=lambda entry: order.sort_key(entry[1]))
            pushed = gone[max(0, len(gone) - fresh) :]
            gone = gone[: len(gone) - len(pushed)]
        for key in patch.removed:
            rows.pop(key, None)
        found += [(key, self._happening(table, Event.DELETE, row, None)) for key, row in gone]
        return found

    def _moved_up(self, table: LiveTable, seen: _Seen, row: Row) -> bool:
        """Say whether a row that is new here is an old one: by the database's own clock, ours may differ."""
        times = [at for name in _TIMES if (at := seconds_of(row.get(name))) is not None]
        newest = max(times, default=0.0)
        old = table.limit is not None and bool(times) and newest < seen.newest - MOVED_UP
        seen.newest = max(seen.newest, newest)
        return old

    def _happening(self, table: LiveTable, event: Event, row: Row, before: Row | None) -> Happening:
        key = table._replica.key or ("id",)  # noqa: SLF001 - same house, I/O thread
        return Happening(table.name, event, row, before, key, bool(table.where.columns()))

    def _when(self, patch: Patch) -> Callable[[Happening], int]:
        """Return what says when it happened: now, unless it is heard of later."""
        now = time.time()
        if not patch.reset:
            return lambda _: round(now * 1000)
        return lambda happening: round(1000 * min(now, _time_of(happening) or now))

    def _catch_up(self, name: str, left: _Left) -> bool:
        """Tell of what happened while nobody looked; False where that is not remembered."""
        table = self._tables[name]
        try:
            missed = table.diff(left.version)
        except HistoryError:
            return False
        found = [
            *((key, self._happening(table, Event.INSERT, row, None)) for key, row in missed.inserted.items()),
            *(
                (key, self._happening(table, Event.UPDATE, row, before))
                for key, (before, row) in missed.updated.items()
            ),
        ]
        if table.limit is None:
            found += [
                (key, self._happening(table, Event.DELETE, row, None)) for key, row in missed.deleted.items()
            ]
        now = time.time()
        stamped = [(min(now, max(left.at, _time_of(one) or now)), key, one) for key, one in found]
        for at, key, happening in heapq.nlargest(BACKFILL, stamped, key=lambda entry: entry[0])[::-1]:
            self._tell(round(1000 * at), name, key, happening)
        return True

    def _fill(self, name: str, rows: Mapping[Key, Row]) -> list[Activity]:
        """Tell of rows that were there before, by when they were made."""
        table, seen = self._tables[name], self._seen[name]
        column = next((one for one in _TIMES if any(one in row for row in rows.values())), None)
        if column is None:
            return []
        # All of one table are written alike, so that they sort as text.
        timed = [(str(row[column]), key, row) for key, row in rows.items() if row.get(column) is not None]
        newest = heapq.nlargest(min(self.log.limit, BACKFILL), timed, key=lambda entry: entry[0])
        left, now = self._left.get(name), time.time()
        made = []
        for _, key, row in reversed(newest):
            at = seconds_of(row[column])
            if at is None:
                continue
            seen.newest = max(seen.newest, at)
            if left is not None and at <= left.at:
                continue  # told already
            activity = self._tell(
                round(1000 * min(at, now)), name, key, self._happening(table, Event.INSERT, row, None)
            )
            if activity is not None:
                made.append(activity)
        return made

    # -- saying it -------------------------------------------------------------------------------------------------

    def _tell_all(
        self,
        feed: OpenFeed,
        name: str,
        found: list[tuple[Key, Happening]],
        at: Callable[[Happening], int],
    ) -> list[Activity]:
        """Tell one by one what does not come too fast; count the rest."""
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._told_at) * RATE)
        self._told_at = now
        told = found[max(0, len(found) - int(self._tokens)) :]
        self._tokens -= len(told)
        for _, happening in found[: len(found) - len(told)]:
            self._counted[name, happening.event] += 1
        if self._counted:
            feed.later(COUNT_AFTER, lambda: self._tell_count(feed))
        made = (self._tell(at(happening), name, key, happening) for key, happening in told)
        return [activity for activity in made if activity is not None]

    def _tell_count(self, feed: OpenFeed) -> None:
        made = []
        for (name, event), count in self._counted.items():
            words = {Event.INSERT: "rows were added", Event.UPDATE: "changes", Event.DELETE: "rows are gone"}
            item = Item(f"{name}: {count:,} more {words[event]}", "many")
            made.append(self.log.add(round(time.time() * 1000), name, Event.MANY, (), item))
        self._counted.clear()
        self._show(feed, made)
        self.describe(feed)

    def _tell(self, at: int, name: str, key: Key, happening: Happening) -> Activity | None:
        item, named = self._item(name, happening)
        if item is None:
            return None
        activity = self.log.add(at, name, happening.event, key, item)
        if not named and len(self._nameless) < NAMELESS:
            self._nameless[activity.id] = happening
        return activity

    def _item(self, name: str, happening: Happening) -> tuple[Item | None, bool]:
        """Return what is said, and whether all the names in it were known."""
        describe = self._describe.get(name)
        if describe is not None and happening.event is not Event.DELETE:
            try:
                return told_by(describe, happening, masked=self.masked), True
            except Exception as error:  # noqa: BLE001 - the user's code may raise anything
                if name not in self._reported:
                    self._reported.add(name)
                    report(f"LiveFeed: describe[{name!r}] failed, a general sentence is shown instead", error)
        named = True

        def names(column: str, identity: object) -> str:
            nonlocal named
            lookup = self._names.get((name, column))
            text = "" if lookup is None else lookup.name(identity)
            named = named and (identity is None or lookup is None or text != "")
            return text

        return tell(happening, names, masked=self.masked), named

    def _rename(self, feed: OpenFeed) -> None:
        """Say again what was said before its names were known."""
        made = []
        for number, happening in list(self._nameless.items()):
            activity = self.log.get(number)
            item, named = (None, True) if activity is None else self._item(activity.table, happening)
            if named:
                del self._nameless[number]
            if item is not None and activity is not None and item != activity.item:
                said = self.log.say(number, item)
                made += [] if said is None else [said]
        if made:
            self._show(feed, made)

    # -- showing it ------------------------------------------------------------------------------------------------

    def _show(self, feed: OpenFeed, made: Iterable[Activity]) -> None:
        gone = self._trim()
        feed.apply(
            {str(item.id): self._cells(item) for item in made if self.log.get(item.id) is not None},
            [str(number) for number in gone],
        )

    def _trim(self) -> list[int]:
        gone = self.log.trim()
        for number in gone:
            self._nameless.pop(number, None)
        return gone

    def _cells(self, activity: Activity) -> tuple[Any, ...]:
        item, table = activity.item, self._tables.get(activity.table)
        columns = table._replica.key if table is not None else ()  # noqa: SLF001 - same house, I/O thread
        key = shown_key(columns or ("id",), activity.key, masked=self.masked) if activity.key else ""
        return (
            activity.at,
            activity.table,
            activity.event.value,
            item.icon,
            item.tone,
            item.text,
            key,
        )


def _time_of(happening: Happening) -> float | None:
    """Return when it happened by what the row says; None where it does not say, as of a row that is gone."""
    if happening.event is Event.DELETE:
        return None
    column = "created_at" if happening.event is Event.INSERT else "updated_at"
    return seconds_of(happening.row.get(column))
