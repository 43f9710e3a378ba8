"""CallDuration: how long the calls of this moment last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from livewidgets.core.call_status import has_ended, normal_status
from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.frame import key_text
from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable
from livewidgets.traits import Flag, Number, OptionalText, Owner, Pixels, Text
from livewidgets.widgets.assets import bundle
from livewidgets.widgets.calls import masked_caller, open_caller
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.lease import Borrowed, Lease
from livewidgets.widgets.lookup import Lookup, open_lookup
from livewidgets.widgets.of_campaign import OfCampaign, own_of_campaign
from livewidgets.widgets.tables import TablesSource

#: What the page gets of each call, in this order.
COLUMNS = ("status", "caller", "campaign", "buyer", "agent", "created_at", "ringing_at", "connected_at")
#: Live calls that are followed where the component opens the table itself; the newest.
WINDOW = 5_000
_NAMES = {
    "campaign_id": ("campaigns", "name"),
    "buyer_id": ("buyers", "company_name"),
    "agent_id": ("agents", "name"),
}


class LiveCallSource(TablesSource):
    """The calls that live, as a feed: the page reckons their durations by itself."""

    columns: tuple[str, ...] = COLUMNS
    component = "CallDuration"

    def __init__(self, calls: Lease, names: Mapping[str, Lookup], *, masked: bool) -> None:
        super().__init__({"calls": calls}, masked=masked)
        self._names = names
        self._rows: dict[str, Row] = {}

    def begin(self, feed: OpenFeed) -> None:
        """Show the calls that live."""
        for lookup in self._names.values():
            lookup.follow(lambda: feed.apply({key: self._cells(row) for key, row in self._rows.items()}))
        self._rows = self._living(self.rows("calls"))
        feed.replace({key: self._cells(row) for key, row in self._rows.items()})

    def patch(self, feed: OpenFeed, name: str, patch: Patch) -> None:
        """Put those that live, and take away those that ended: that is no end for an unknown status."""
        living = self._living(patch.upserted)
        gone = [key_text(key) for key in patch.removed]
        gone += [text for key in patch.upserted if (text := key_text(key)) not in living]
        self._rows.update(living)
        for key in gone:
            self._rows.pop(key, None)
        feed.apply({key: self._cells(row) for key, row in living.items()}, gone)

    def rest(self) -> None:
        """Forget the rows; the names stay."""
        for lookup in self._names.values():
            lookup.rest()
        self._rows = {}

    def details(self, feed: OpenFeed) -> Mapping[str, Any]:
        """Old calls that the window does not hold are no loss, unless calls that live may be among them."""
        table = self.table("calls")
        limit = table.limit
        return {"partial": table.status.partial and (limit is None or len(self._rows) > limit // 2)}

    def close(self) -> None:
        """Close the table and the lookups, from any thread."""
        super().close()
        for lookup in self._names.values():
            lookup.close()

    @staticmethod
    def _living(rows: Mapping[Key, Row]) -> dict[str, Row]:
        return {key_text(key): row for key, row in rows.items() if not has_ended(row)}

    def _cells(self, row: Row) -> tuple[Any, ...]:
        return (
            normal_status(row.get("status")),
            masked_caller(row) if self.masked else open_caller(row),
            *(lookup.name(row.get(column)) for column, lookup in self._names.items()),
            row.get("created_at"),
            row.get("ringing_at"),
            row.get("connected_at"),
        )


class CallDuration(OfCampaign):
    """Shows how long the calls of this moment last: the longest first, with the average and how many there are.

    The timers tick in the page: a call costs a message when it connects and one when it ends. They stop where the
    rows cannot be vouched for any more.

    Parameters
    ----------
    data
        A `LiveTable` of calls, which stays the caller's to close; or a `Live`: then the calls that have not ended are
        followed, the newest 5,000 of them, and that table is closed with the component.
    campaign_id
        With a `Live`: only this campaign's calls. May be set later.
    masked
        Show only the country code and the last four digits of callers. The full number never leaves the kernel.
    **options
        `title`, `warn`, `critical`, `limit`, `waiting`, `compact`, `selected`, `theme`, `size`, and ``layout``.

    Examples
    --------
    >>> lw.CallDuration(live, campaign_id=7, warn=180, critical=600)
    """

    _esm = bundle("call_duration.js")
    _css = bundle("call_duration.css")
    _stem = "call_duration"
    _what = "How long the calls of this moment last."

    title = Text("Call duration", owner=Owner.KERNEL, help="The heading; empty for none.")
    warn = Number(
        180.0, least=0.0, owner=Owner.KERNEL, help="Seconds from which a call is long; 0 for never."
    )
    critical = Number(
        600.0, least=0.0, owner=Owner.KERNEL, help="Seconds from which a call is too long; 0 for never."
    )
    limit = Pixels(
        8, least=1, owner=Owner.KERNEL, help="Calls that are shown one by one, at most; the rest are counted."
    )
    waiting = Flag(
        False, owner=Owner.KERNEL, help="Show calls that wait or ring too, with how long they have."
    )
    compact = Flag(False, owner=Owner.KERNEL, help="Only the longest, the average and how many.")

    selected = OptionalText(owner=Owner.VIEW, help="The id of the selected call, or None.")

    def __init__(
        self,
        data: Live | LiveTable,
        *,
        campaign_id: Any = None,  # noqa: ANN401 - whatever the key holds
        masked: bool = True,
        **options: Any,  # noqa: ANN401
    ) -> None:
        self._take(data, campaign_id)
        calls = Borrowed(data) if isinstance(data, LiveTable) else self._campaign(campaign_id)
        names = {column: open_lookup(self._live, table, name) for column, (table, name) in _NAMES.items()}
        self._calls = LiveCallSource(calls, names, masked=masked)
        try:
            super().__init__(self._calls, campaign_id=campaign_id, **options)
        except BaseException:
            self._release()
            raise

    def _campaign(self, campaign_id: object) -> Lease:
        # Not the newest calls of all: the longest may be older than those.
        living = {"ended_at": None}
        return own_of_campaign(
            self._live, "calls", campaign_id, where=living, order="-created_at", limit=WINDOW
        )

    def _turn_to(self, campaign_id: object) -> Callable[[], object]:
        calls = self._campaign(campaign_id)
        return lambda: self._calls.swap("calls", calls)

    def _release(self) -> None:
        self._calls.close()
