"""Changes of several tables as one feed of sentences."""

from __future__ import annotations

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
from livewidgets.widgets.activity_changes import TableChanges, time_of
from livewidgets.widgets.activity_log import ActivityLog
from livewidgets.widgets.activity_sentences import tell
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
#: Items that a page gets at once when it looks again, and how many of the older ones follow in each turn. A log may
#: hold so many that all of them at once would hold up everything else on the I/O thread.
AT_ONCE = 4_000
A_TURN = 2_000
TURN = 0.05
#: Items that wait for a name, at most; the newest.
NAMELESS = 2 * BACKFILL


@dataclass(frozen=True, slots=True)
class _Left:
    """Where a table stood when nobody looked any more."""

    table: weakref.ref[LiveTable]
    version: int
    at: float
    #: The newest time of a row, by the database's clock.
    newest: float


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
        self._changes: dict[str, TableChanges] = {}
        self._left: dict[str, _Left] = {}
        self._nameless: dict[int, Happening] = {}
        self._tokens = float(BURST)
        self._told_at = 0.0
        self._counted: Counter[tuple[str, Event]] = Counter()
        self._backlog: list[Activity] = []
        self._turns = False

    # -- following -------------------------------------------------------------------------------------------------

    def begin(self, feed: OpenFeed) -> None:
        """Show the log, with what the tables tell of the time before."""
        self._changes, self._nameless, self._turns = {}, {}, False
        for lookup in set(self._names.values()):
            lookup.follow(lambda: self._rename(feed))
        for name, table in self._tables.items():
            rows = self.rows(name)
            left = self._left.get(name)
            self._changes[name] = TableChanges(table, rows, awaited=not rows and table.age is None)
            if not self._changes[name].awaited and not (
                left is not None and left.table() is table and self._catch_up(name, left)
            ):
                self._fill(name, rows)
        self._left = {name: left for name, left in self._left.items() if self._changes[name].awaited}
        self._trim()
        items = self.log.items()
        self._backlog = items[:-AT_ONCE]
        feed.replace({str(item.id): self._cells(item) for item in items[-AT_ONCE:]})
        if self._backlog:
            self._turn_soon(feed, TURN)

    def patch(self, feed: OpenFeed, name: str, patch: Patch) -> None:
        """Tell of what changed."""
        changes = self._changes[name]
        if changes.awaited:
            if not patch.reset:
                return
            changes.load(patch.upserted)
            made = self._fill(name, patch.upserted)
            self._left.pop(name, None)
        else:
            made = self._tell_all(feed, name, changes.take(patch), at=self._when(patch))
        self._show(feed, made)

    def rest(self) -> None:
        """Note where the tables stand; the log stays."""
        for lookup in set(self._names.values()):
            lookup.rest()
        now = time.time()
        for name, table in self._tables.items():
            changes = self._changes.get(name)
            if changes is not None and not changes.awaited:
                self._left[name] = _Left(weakref.ref(table), table.version, now, changes.newest)
        self._changes, self._nameless, self._backlog = {}, {}, []
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

    def _when(self, patch: Patch) -> Callable[[Happening], int]:
        """Return what says when it happened: now, unless it is heard of later."""
        now = time.time()
        if not patch.reset:
            return lambda _: round(now * 1000)
        return lambda happening: round(1000 * min(now, time_of(happening) or now))

    def _catch_up(self, name: str, left: _Left) -> bool:
        """Tell of what happened while nobody looked; False where that is not remembered."""
        try:
            missed = self._tables[name].diff(left.version)
        except HistoryError:
            return False
        for at, key, happening in self._changes[name].missed(missed, left.at, time.time(), BACKFILL):
            self._tell(round(1000 * at), name, key, happening)
        return True

    def _fill(self, name: str, rows: Mapping[Key, Row]) -> list[Activity]:
        """Tell of rows that were there before, by when they were made; not again of those that were told."""
        left = self._left.get(name)
        found = self._changes[name].before(rows, time.time(), min(self.log.limit, BACKFILL))
        made = (
            self._tell(round(1000 * at), name, key, happening)
            for at, key, happening in found
            if left is None or at > left.newest
        )
        return [activity for activity in made if activity is not None]

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
            self._turn_soon(feed, COUNT_AFTER)
        made = (self._tell(at(happening), name, key, happening) for key, happening in told)
        return [activity for activity in made if activity is not None]

    def _turn_soon(self, feed: OpenFeed, seconds: float) -> None:
        if not self._turns:  # one that is awaited must not be put off again and again
            self._turns = True
            feed.later(seconds, lambda: self._turn(feed))

    def _turn(self, feed: OpenFeed) -> None:
        """Say what was only counted, and show some more of the older items."""
        self._turns = False
        made = [self._tell_count(name, event, count) for (name, event), count in self._counted.items()]
        self._counted.clear()
        older = self._backlog[-A_TURN:]
        del self._backlog[-A_TURN:]
        self._show(feed, [*older, *made])
        if self._backlog:
            self._turn_soon(feed, TURN)
        self.describe(feed)

    def _tell_count(self, name: str, event: Event, count: int) -> Activity:
        words = {Event.INSERT: "rows were added", Event.UPDATE: "changes", Event.DELETE: "rows are gone"}
        item = Item(f"{name}: {count:,} more {words[event]}", "many")
        return self.log.add(round(time.time() * 1000), name, Event.MANY, (), item)

    def _tell(self, at: int, name: str, key: Key, happening: Happening) -> Activity | None:
        item, named = self._item(name, happening)
        if item is None:
            return None
        activity = self.log.add(at, name, happening.event, key, item)
        if not named:
            self._nameless[activity.id] = happening
            if len(self._nameless) > NAMELESS:
                del self._nameless[next(iter(self._nameless))]
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
        columns = table.key if table is not None else ()
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
