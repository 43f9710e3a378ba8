"""CallTracker: calls now, and just ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.frame import key_text
from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable
from livewidgets.traits import Flag, Number, OptionalText, Owner, Pixels, Text, Texts
from livewidgets.widgets.assets import bundle
from livewidgets.widgets.calls import COLUMNS, Board, call_cells, masked_caller, number_of, open_caller
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.lease import NEWEST, Borrowed, Lease, own
from livewidgets.widgets.lookup import Lookup, open_lookup
from livewidgets.widgets.of_campaign import OfCampaign, own_of_campaign
from livewidgets.widgets.tables import TablesSource

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


class CallSource(TablesSource):
    """Calls of a table as a feed.

    Attributes
    ----------
    linger
        Seconds that an ended call stays. To be changed by `Hub.refresh` only.
    """

    columns: tuple[str, ...] = COLUMNS
    component = "CallTracker"

    def __init__(
        self, calls: Lease, names: Mapping[str, Lookup], bids: Lookup, *, linger: float, masked: bool
    ) -> None:
        super().__init__({"calls": calls}, masked=masked)
        self.linger = linger
        self._names = names
        self._bids = bids
        self._board = Board(linger)
        self._rows: dict[str, Row] = {}

    def begin(self, feed: OpenFeed) -> None:
        """Show the calls that live, and those that ended just now."""
        self._board, self._rows = Board(self.linger), {}
        for lookup in (*self._names.values(), self._bids):
            lookup.follow(lambda: self._rename(feed))
        shown = self._judge(self.rows("calls"))
        feed.replace({key: self._cells(row) for key, row in shown.items()})
        self._wind(feed)

    def patch(self, feed: OpenFeed, name: str, patch: Patch) -> None:
        """Put what changed on the board, or take it down."""
        removed = [key_text(key) for key in patch.removed]
        for key in removed:
            self._board.drop(key)
            self._rows.pop(key, None)
        shown = self._judge(patch.upserted)
        feed.apply({key: self._cells(row) for key, row in shown.items()}, removed)
        self._wind(feed)

    def rest(self) -> None:
        """Forget the board; the names stay."""
        for lookup in (*self._names.values(), self._bids):
            lookup.rest()
        self._board, self._rows = Board(self.linger), {}

    def details(self, feed: OpenFeed) -> Mapping[str, Any]:
        """Old calls that the window does not hold are no loss, unless calls that live may be among them."""
        table = self.table("calls")
        limit = table.limit
        return {"partial": table.status.partial and (limit is None or self._board.live > limit // 2)}

    def close(self) -> None:
        """Close the table and the lookups, from any thread."""
        super().close()
        for lookup in (*self._names.values(), self._bids):
            lookup.close()

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
        self.describe(feed)
        self._wind(feed)


class CallTracker(OfCampaign):
    """Shows calls as they come in, ring, connect and end.

    Parameters
    ----------
    data
        A `LiveTable` of calls, which stays the caller's to close; or a `Live`: then the tracker follows the newest
        10,000 calls and closes that table with itself.
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
        self._take(data, campaign_id)
        calls = Borrowed(data) if isinstance(data, LiveTable) else self._campaign(campaign_id)
        names = {column: open_lookup(self._live, table, name) for column, (table, name) in NAMES.items()}
        self._calls = CallSource(calls, names, self._bids(bids), linger=30.0, masked=masked)
        try:
            super().__init__(self._calls, campaign_id=campaign_id, **options)
        except BaseException:
            self._release()
            raise
        self._changed_linger()

    def _campaign(self, campaign_id: object) -> Lease:
        return own_of_campaign(self._live, "calls", campaign_id, order="-created_at", limit=NEWEST)

    def _turn_to(self, campaign_id: object) -> Callable[[], object]:
        calls = self._campaign(campaign_id)
        return lambda: self._calls.swap("calls", calls)

    def _bids(self, bids: LiveTable | bool) -> Lookup:
        columns = ("adjusted_amount", "amount")
        if isinstance(bids, LiveTable):
            return Lookup(Borrowed(bids), *columns)
        if not bids:
            return Lookup(None, *columns)
        won = own(self._live, "bids", where={"is_winning": True}, order="-created_at", limit=BIDS)
        return Lookup(won, *columns)

    @traitlets.observe("linger")
    def _changed_linger(self, _change: object = None) -> None:
        linger = self.linger
        if self.comm is not None and self._calls.linger != linger:
            self._line.refresh(self.feed, lambda: setattr(self._calls, "linger", linger))

    def _release(self) -> None:
        self._calls.close()
