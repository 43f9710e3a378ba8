"""CallTracker: calls now, and just ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.frame import key_text
from livewidgets.errors import ClosedError, CommandError
from livewidgets.live.client import Live
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable, TableState, TableStatus
from livewidgets.traits import Flag, Number, OptionalText, Owner, Pixels, Text, Texts
from livewidgets.widgets.assets import bundle
from livewidgets.widgets.base import LiveWidget
from livewidgets.widgets.calls import COLUMNS, Board, call_cells, masked_caller, number_of, open_caller
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.lookup import Lookup, open_lookup
from livewidgets.widgets.trouble import trouble

#: The newest calls that are followed where the tracker opens the table itself.
WINDOW = 5_000
#: The newest winning bids that are followed with ``bids=True``.
BIDS = 2_000
#: Column of ids to the table and the column with the name.
NAMES = {
    "campaign_id": ("campaigns", "name"),
    "publisher_id": ("publishers", "name"),
    "buyer_id": ("buyers", "company_name"),
    "target_id": ("targets", "name"),
    "agent_id": ("agents", "name"),
}


class CallSource:
    """Calls of a table as a feed; everything but `close` runs on the I/O thread.

    Attributes
    ----------
    calls, linger, masked
        What is shown, and how. To be changed by `Hub.refresh` only.
    """

    columns: tuple[str, ...] = COLUMNS

    def __init__(
        self, calls: LiveTable, names: Mapping[str, Lookup], bids: Lookup, *, linger: float, masked: bool
    ) -> None:
        self.calls = calls
        self.linger = linger
        self.masked = masked
        self._names = names
        self._bids = bids
        self._tap: Subscription | None = None
        self._board = Board(linger)
        self._rows: dict[str, Row] = {}
        self._status: TableStatus | None = None

    def open(self, feed: OpenFeed) -> Callable[[], None]:
        """Begin to project, from the rows that there are."""
        table = self.calls
        self._board, self._rows = Board(self.linger), {}
        for lookup in (*self._names.values(), self._bids):
            lookup.follow(lambda: self._rename(feed))
        try:
            self._tap = table._tap(  # noqa: SLF001 - same house, I/O thread
                lambda patch: self._patch(feed, patch), lambda status: self._note(feed, status)
            )
        except ClosedError:
            self._status = table.status
        replica = table._replica  # noqa: SLF001
        shown = self._judge({tuple(row.get(name) for name in replica.key): row for row in replica.rows()})
        feed.replace({key: self._cells(row) for key, row in shown.items()})
        self._describe(feed)
        self._wind(feed)
        return self._rest

    def beat(self, feed: OpenFeed) -> float | None:
        """Notice that the user has closed the table; return its age."""
        if self._tap is None or self._tap.closed:
            self._status = self.calls.status
            self._describe(feed)
        return self.calls.age

    def command(self, name: str, args: object) -> None:
        """Refuse: the tracker only shows."""
        raise CommandError(f"CallTracker knows no command {name!r}.", "It knows none.")

    def close(self) -> None:
        """Close the lookups, from any thread."""
        for lookup in (*self._names.values(), self._bids):
            lookup.close()

    def _rest(self) -> None:
        tap, self._tap = self._tap, None
        if tap is not None:
            tap.close()
        for lookup in (*self._names.values(), self._bids):
            lookup.rest()
        self._board, self._rows = Board(self.linger), {}

    def _judge(self, rows: Mapping[Key, Row]) -> dict[str, Row]:
        """Take rows; return by key those that are shown."""
        now = time.time()
        shown: dict[str, Row] = {}
        for key, row in rows.items():
            text = key_text(key)
            if self._board.put(text, row, now):
                shown[text] = self._rows[text] = row
        return shown

    def _cells(self, row: Row) -> tuple[Any, ...]:
        return call_cells(
            row,
            lambda column, identity: self._names[column].name(identity),
            lambda identity: number_of(self._bids.value(identity)),
            masked_caller if self.masked else open_caller,
        )

    def _patch(self, feed: OpenFeed, patch: Patch) -> None:
        removed = [key_text(key) for key in patch.removed]
        for key in removed:
            self._board.drop(key)
            self._rows.pop(key, None)
        shown = self._judge(patch.upserted)
        feed.apply({key: self._cells(row) for key, row in shown.items()}, removed)
        self._describe(feed)
        self._wind(feed)

    def _rename(self, feed: OpenFeed) -> None:
        feed.apply({key: self._cells(row) for key, row in self._rows.items()})

    def _wind(self, feed: OpenFeed) -> None:
        """Set the timer to when the next ended call has lingered long enough."""
        leaves = self._board.next_leave()
        feed.later(None if leaves is None else leaves - time.time(), lambda: self._leave(feed))

    def _leave(self, feed: OpenFeed) -> None:
        gone = self._board.leave(time.time())
        for key in gone:
            self._rows.pop(key, None)
        feed.apply({}, gone)
        self._describe(feed)
        self._wind(feed)

    def _note(self, feed: OpenFeed, status: TableStatus) -> None:
        self._status = status
        self._describe(feed)

    def _describe(self, feed: OpenFeed) -> None:
        status = self._status or self.calls.status
        limit = self.calls.limit
        # It is tried again for ever, but a reader who has seen nothing yet should hear why.
        failing = status.state is TableState.LOADING and status.error is not None
        meta: dict[str, Any] = {
            "state": (TableState.ERROR if failing else status.state).value,
            "since": round(status.since * 1000),
            "rows": len(feed.rows),
            # Old calls that the window does not hold are no loss, unless calls that live may be among them.
            "partial": status.partial and (limit is None or self._board.live > limit // 2),
            "version": self.calls.version,
            "masked": self.masked,
        }
        if status.error is not None:
            meta["error"] = trouble(status.error)
        feed.describe(meta)


class CallTracker(LiveWidget):
    """Shows calls as they come in, ring, connect and end.

    Parameters
    ----------
    data
        A `LiveTable` of calls, which stays the caller's to close; or a `Live`: then the tracker follows the newest
        5,000 calls and closes that table with itself.
    campaign_id
        With a `Live`: only this campaign's calls. May be set later.
    bids
        Where the winning bid comes from: a `LiveTable` of bids; True to follow the newest 2,000 winning bids, which
        costs as many changes as there are bids; by default none is shown before there is revenue.
    masked
        Show only the country code and the last four digits of callers. The full number never leaves the kernel.
    **options
        `title`, `linger`, `money`, `height`, `selected`, `search`, `sort`, `shown_status`, `theme`, `size`, and
        ``layout``.

    Examples
    --------
    >>> tracker = lw.CallTracker(live, campaign_id=7)
    >>> tracker.observe(lambda change: print(change.new), "selected")
    """

    _esm = bundle("call_tracker.js")
    _css = bundle("call_tracker.css")
    _stem = "call_tracker"
    _what = "Calls now and just ended."

    title = Text("Calls", owner=Owner.KERNEL, help="The heading; empty for none.")
    linger = Number(
        30.0, least=0.0, owner=Owner.KERNEL, help="Seconds that an ended call stays before it fades."
    )
    money = Flag(True, owner=Owner.KERNEL, help="Show bids and revenue.")
    height = Pixels(420, least=80, owner=Owner.KERNEL, help="Height of the list in pixels.")
    campaign_id = traitlets.Any(None, allow_none=True, help="Only this campaign's calls.").tag(option=True)

    selected = OptionalText(owner=Owner.VIEW, help="The id of the selected call, or None.")
    search = Text(owner=Owner.VIEW, help="What the calls shown must contain.")
    sort = Text("-created_at", owner=Owner.VIEW, help="A column; with ``-`` in front downwards.")
    shown_status = Texts(owner=Owner.VIEW, help="The statuses that are shown; empty for all.")

    def __init__(
        self,
        data: Live | LiveTable,
        *,
        campaign_id: Any = None,  # noqa: ANN401 - whatever the key holds
        bids: LiveTable | bool = False,
        masked: bool = True,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if not isinstance(data, Live | LiveTable):
            raise TypeError(f"CallTracker takes a Live or a LiveTable of calls, not {type(data).__name__}.")
        if campaign_id is not None and isinstance(data, LiveTable):
            raise TypeError(
                '`campaign_id` goes with a Live; narrow a LiveTable with live.table("calls", where={...}).'
            )
        self._owned = isinstance(data, Live)
        self._live = data if isinstance(data, Live) else data.live
        self._table = data if isinstance(data, LiveTable) else self._campaign(campaign_id)
        names = {column: open_lookup(self._live, table, name) for column, (table, name) in NAMES.items()}
        self._calls = CallSource(self._table, names, self._bids(bids), linger=30.0, masked=masked)
        try:
            super().__init__(self._calls, campaign_id=campaign_id, **options)
        except BaseException:
            self._release()
            raise
        self._changed_linger()

    def _campaign(self, campaign_id: object) -> LiveTable:
        if campaign_id is None:
            return self._live.table("calls", order="-created_at", limit=WINDOW)
        return self._live.table(
            "calls",
            where={"campaign_id": campaign_id},
            fixed=("campaign_id",),
            order="-created_at",
            limit=WINDOW,
        )

    def _bids(self, bids: LiveTable | bool) -> Lookup:
        if isinstance(bids, LiveTable):
            # Not ours to close: a lookup closes its own handle only.
            return BorrowedLookup(bids, "adjusted_amount", "amount")
        if not bids:
            return Lookup(None, "amount")
        table = self._live.table("bids", where={"is_winning": True}, order="-created_at", limit=BIDS)
        return Lookup(table, "adjusted_amount", "amount")

    @traitlets.observe("linger")
    def _changed_linger(self, _change: object = None) -> None:
        linger = self.linger
        if self.comm is not None and self._calls.linger != linger:
            self._line.refresh(self.feed, lambda: setattr(self._calls, "linger", linger))

    @traitlets.observe("campaign_id")
    def _changed_campaign(self, change: Mapping[str, Any]) -> None:
        if self.comm is None:
            return  # being made
        if not self._owned:
            raise TypeError("This tracker was given its table; `campaign_id` goes with a Live.")
        table, old = self._campaign(change["new"]), self._table
        self._table = table
        self.selected = None
        self._line.refresh(self.feed, lambda: setattr(self._calls, "calls", table))
        old.close()

    def _release(self) -> None:
        self._calls.close()
        if self._owned:
            self._table.close()


class BorrowedLookup(Lookup):
    """A lookup on somebody else's table."""

    def close(self) -> None:
        """Stop following; the table is not ours to close."""
        self.rest()
