"""LiveFeed: what happens, across tables, in plain sentences."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import traitlets

from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable
from livewidgets.live.thread import io_thread
from livewidgets.traits import Flag, OptionalText, Owner, Pixels, Text, Texts
from livewidgets.widgets.activity import Activity, Describe, Item
from livewidgets.widgets.activity_sentences import NAMES_OF
from livewidgets.widgets.assets import bundle
from livewidgets.widgets.base import LiveWidget
from livewidgets.widgets.lease import NEWEST, Borrowed, Lease, own
from livewidgets.widgets.live_feed_source import FeedSource
from livewidgets.widgets.lookup import Lookup, open_lookup

#: The newest rows of each table that are followed where the feed opens it itself.
WINDOWS = {"calls": NEWEST, "payments": 1_000, "alerts": 1_000}
#: The same for bids, which are many.
BIDS = 2_000
#: Items that can be remembered at most.
MOST_ITEMS = 100_000
#: Column of ids to the table and the column with the name.
_NAMED_IN = {
    "campaign_id": ("campaigns", "name"),
    "buyer_id": ("buyers", "company_name"),
    "publisher_id": ("publishers", "name"),
}


class LiveFeed(LiveWidget):
    """Shows what happens in tables, the newest first, each change as one sentence.

    It follows its tables while somebody looks; who comes back finds what was there, and what happened meanwhile as far
    as it can still be told. What was there before the first look is told by ``created_at``, 5,000 rows of a table at
    most. Changes that come faster than 1,000 a second are counted instead.

    Parameters
    ----------
    *data
        One `LiveTable` or more, which stay the caller's to close; or one `Live`: then the feed follows the newest
        calls, payments and alerts, and closes these tables with itself.
    bids
        With a `Live`: follow the newest 2,000 bids too. There are many.
    limit
        Items that are remembered, from 1 to 100,000; the oldest go first.
    describe
        Your own sentences: table to a function of the row now and the row before (None when it is new), which returns
        text, a `LiveFeed.Item`, or None for what is not worth a word. It is not asked about rows that are gone. It is
        called on the library's own thread, so it must be quick and touch no widget; where it raises, that is logged
        once and a general sentence is shown.
    masked
        Hide phone numbers and e-mail addresses; your functions get rows with personal columns masked.
    **options
        `title`, `height`, `selected`, `shown_kinds`, `search`, `paused`, `theme`, `size`, and ``layout``.

    Raises
    ------
    TypeError
        For data that is neither, and for a description of a table that is not there.

    Examples
    --------
    >>> lw.LiveFeed(live)
    >>> lw.LiveFeed(orders, describe={"orders": lambda row, before: f"Order {row['id']} is {row['status']}"})
    """

    #: What a function in `describe` may return: text, icon and tone.
    Item = Item

    _esm = bundle("live_feed.js")
    _css = bundle("live_feed.css")
    _stem = "live_feed"
    _what = "What happens, as it happens."

    title = Text("Activity", owner=Owner.KERNEL, help="The heading; empty for none.")
    height = Pixels(420, least=80, owner=Owner.KERNEL, help="Height of the whole feed in pixels.")
    limit = traitlets.Int(1_000, min=1, max=MOST_ITEMS, help="Items that are remembered.").tag(option=True)

    selected = OptionalText(
        owner=Owner.VIEW, help="The id of the selected item, or None; see `selected_item`."
    )
    shown_kinds = Texts(
        owner=Owner.VIEW,
        help="What is shown: tables (``calls``), or one event of a table (``calls/insert``); empty for all.",
    )
    search = Text(owner=Owner.VIEW, help="What the items shown must contain.")
    paused = Flag(False, owner=Owner.VIEW, help="Show nothing newer; the feed goes on and counts.")

    def __init__(
        self,
        *data: Live | LiveTable,
        bids: bool = False,
        limit: int = 1_000,
        describe: Mapping[str, Describe] | None = None,
        masked: bool = True,
        **options: Any,  # noqa: ANN401
    ) -> None:
        tables, lives = self._follow(data, bids=bids)
        described = dict(describe or {})
        for name in described:
            if name not in tables:
                near = difflib.get_close_matches(name, tables, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"It follows: {', '.join(tables)}."
                raise TypeError(f"`describe` names {name!r}, which this feed does not follow. {hint}")
            if not callable(described[name]):
                raise TypeError(f"`describe[{name!r}]` is no function of a row and the row before.")
        self._feed_source = FeedSource(tables, self._lookups(lives), described, limit=limit, masked=masked)
        try:
            super().__init__(self._feed_source, limit=limit, **options)
        except BaseException:
            self._release()
            raise

    def recent(self, count: int = 20) -> list[Activity]:
        """Return the newest items, the newest first; empty before somebody has looked."""
        log, thread = self._feed_source.log, io_thread()

        async def read() -> list[Activity]:
            return log.items()  # nothing is told meanwhile: that happens on this thread

        on_its_own = thread.is_current() or not thread.is_usable()
        return (log.items() if on_its_own else thread.run(read()))[::-1][: max(0, count)]

    @property
    def selected_item(self) -> Activity | None:
        """The selected item with its table and the key of its row; None when there is none any more."""
        selected = self.selected
        return self._feed_source.log.get(int(selected)) if selected and selected.isdecimal() else None

    @staticmethod
    def _follow(
        data: tuple[Live | LiveTable, ...], *, bids: bool
    ) -> tuple[dict[str, Lease], dict[str, Live]]:
        """Return the tables by name, and the connection of each."""
        if len(data) == 1 and isinstance(data[0], Live):
            live = data[0]
            windows = WINDOWS | ({"bids": BIDS} if bids else {})
            owned: dict[str, Lease] = {
                # Who comes back is told what was missed.
                name: own(live, name, order="-created_at", limit=limit, history=True)
                for name, limit in windows.items()
            }
            return owned, dict.fromkeys(windows, live)
        given: dict[str, Lease] = {}
        lives: dict[str, Live] = {}
        for one in data:
            if not isinstance(one, LiveTable):
                raise TypeError(f"LiveFeed takes a Live, or LiveTables, not {type(one).__name__}.")
            if one.name in given:
                raise TypeError(
                    f"LiveFeed was given the table {one.name!r} twice. Open one that holds all the rows:"
                    ' where={"campaign_id": ("in", [7, 8])}.'
                )
            given[one.name], lives[one.name] = Borrowed(one), one.live
        if not given:
            raise TypeError("LiveFeed takes a Live, or at least one LiveTable.")
        if bids:
            raise TypeError("`bids` goes with a Live; give the table of bids as one more table.")
        return given, lives

    @staticmethod
    def _lookups(lives: Mapping[str, Live]) -> dict[tuple[str, str], Lookup]:
        """Return where names come from, by table and column; one for each connection and column."""
        opened: dict[tuple[int, str], Lookup] = {}
        names = {}
        for table, live in lives.items():
            for column in NAMES_OF.get(table, ()):
                identity = (id(live), column)
                if identity not in opened:
                    opened[identity] = open_lookup(live, *_NAMED_IN[column])
                names[table, column] = opened[identity]
        return names

    @traitlets.observe("limit")
    def _changed_limit(self, change: Mapping[str, Any]) -> None:
        limit = change["new"]
        if self.comm is not None and self._feed_source.log.limit != limit:
            self._line.refresh(self.feed, lambda: self._feed_source.resize(limit))

    def _release(self) -> None:
        self._feed_source.close()
