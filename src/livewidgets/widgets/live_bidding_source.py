"""Targets and what they bid as a feed, and the commands that change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.frame import key_text
from livewidgets.errors import CommandError, LiveWidgetsError
from livewidgets.live.subscription import Subscription
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.lease import Lease
from livewidgets.widgets.live_bidding_book import BidBook
from livewidgets.widgets.live_bidding_edits import EDIT_COLUMNS, Edits, edit_cells
from livewidgets.widgets.live_bidding_terms import Terms, plain
from livewidgets.widgets.lookup import Lookup
from livewidgets.widgets.tables import TablesSource
from livewidgets.widgets.trouble import trouble

#: What the page gets of each target, in this order. Amounts are text: exact, however large.
COLUMNS: Final = (
    "name",
    "buyer",
    "campaign",
    "status",
    "bid",
    "base",
    "modifier",
    "least",
    "most",
    "modified",
    "won",
    "won_at",
    "trend",
    "requests",
    "wins",
    "denied",
    *EDIT_COLUMNS,
)


class BidSource(TablesSource):
    """Targets of a table as a feed.

    Parameters
    ----------
    targets
        The table.
    bids
        The bids that tell of wins; None where none are shown.
    names
        Lookups by column: ``buyer_id``, ``campaign_id``.
    rated
        Whether all bids are followed, so that there is a rate of those won.
    token
        As for `Edits`.

    Attributes
    ----------
    editable
        Whether bids can be changed. To be changed by `Hub.refresh` only.
    """

    columns: tuple[str, ...] = COLUMNS
    component = "LiveBidding"

    def __init__(
        self,
        targets: Lease,
        bids: Lease | None,
        names: Mapping[str, Lookup],
        *,
        rated: bool = False,
        token: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__({"targets": targets}, masked=False)
        self.editable = True
        self.rated = rated
        self._bids = bids
        self._names = names
        self._book = BidBook()
        self._tap: Subscription | None = None
        self._feed: OpenFeed | None = None
        self._rows: dict[Key, Row] = {}
        self._keys: dict[str, Key] = {}
        self._by_id: dict[object, Key] = {}
        self.edits = Edits(lambda: self.table("targets"), self._edited, token)

    # What the tables say

    def begin(self, feed: OpenFeed) -> None:
        """Show the targets that there are."""
        self._feed = feed
        self._rows, self._keys, self._by_id = {}, {}, {}
        for lookup in self._names.values():
            lookup.follow(lambda: self._draw(feed, self._rows))
        self._follow_bids(feed)
        rows = self.rows("targets")
        self._take(rows)
        feed.replace({key_text(key): self._cells(key, row) for key, row in rows.items()})

    def patch(self, feed: OpenFeed, name: str, patch: Patch) -> None:
        """Take what changed."""
        for key in patch.removed:
            row = self._rows.pop(key, {})
            self._keys.pop(key_text(key), None)
            self._by_id.pop(_identity(key, row), None)
            self.edits.forget(key)
        self._take(patch.upserted)
        feed.apply(
            {key_text(key): self._cells(key, row) for key, row in patch.upserted.items()},
            [key_text(key) for key in patch.removed],
        )

    def rest(self) -> None:
        """Forget the rows; what was changed, and whether it may be, is remembered."""
        self._feed = None
        tap, self._tap = self._tap, None
        if tap is not None:
            tap.close()
        for lookup in self._names.values():
            lookup.rest()
        if self._bids is not None:
            self._bids.rest()
        self._rows, self._keys, self._by_id, self._book = {}, {}, {}, BidBook()

    def details(self, feed: OpenFeed) -> Mapping[str, Any]:
        """Say whether bids can be changed, and if not, why."""
        return {"rated": self.rated, "denied": self._denial()}

    def close(self) -> None:
        """Close the tables, from any thread."""
        super().close()
        for lookup in self._names.values():
            lookup.close()
        if self._bids is not None:
            self._bids.close()

    # What the page asks for

    def command(self, name: str, args: Any) -> Any:  # noqa: ANN401 - as JSON has it
        """Change a bid, take a change back, settle a conflict."""
        if not isinstance(args, Mapping):
            raise CommandError("The command says nothing.", "Reload the page.")
        if not self.editable:
            raise CommandError("This view only shows.", "Make it with editable=True to change bids.")
        key = self._keys.get(str(args.get("key")))
        if key is None or self._feed is None:
            raise CommandError("This target is not there any more.", "Look at the list again.")
        return self.edits.carry_out(name, args, key, self._rows[key])

    # What is shown

    def _take(self, rows: Mapping[Key, Row]) -> None:
        for key, row in rows.items():
            self._rows[key] = row
            self._keys[key_text(key)] = key
            self._by_id[_identity(key, row)] = key

    def _cells(self, key: Key, row: Row) -> tuple[Any, ...]:
        terms = Terms.of(row)
        record = self._book.record(_identity(key, row))
        denied = self.edits.refusal_of(key)
        return (
            row.get("name"),
            self._name("buyer_id", row),
            self._name("campaign_id", row),
            row.get("status"),
            *map(plain, (terms.bid, terms.base, terms.modifier, terms.least, terms.most, terms.modified)),
            record.last,
            record.at,
            record.trend,
            record.requests if self.rated else None,
            record.won if self.rated else None,
            None if denied is None else denied.message,
            *edit_cells(self.edits.of(key), row),
        )

    def _name(self, column: str, row: Row) -> str:
        lookup = self._names.get(column)
        return "" if lookup is None else lookup.name(row.get(column))

    def _draw(self, feed: OpenFeed, rows: Mapping[Key, Row]) -> None:
        feed.apply({key_text(key): self._cells(key, row) for key, row in rows.items()})

    def _edited(self, key: Key | None) -> None:
        feed = self._feed
        if feed is None:
            return
        if key is None:
            self._draw(feed, self._rows)
        elif key in self._rows:
            self._draw(feed, {key: self._rows[key]})
        self.describe(feed)

    def _denial(self) -> dict[str, str] | None:
        if not self.editable or not self._rows:
            return None
        if not any("base_bid" in row for row in self._rows.values()):
            return {
                "kind": "NoRightsError",
                "message": "This key may not read the bids.",
                "advice": "Sign in with a role that may.",
            }
        refusal = self.edits.refusal()
        return None if refusal is None else trouble(refusal)

    # Bids

    def _follow_bids(self, feed: OpenFeed) -> None:
        """Follow the bids apart: where they cannot be read, the targets are as right."""
        self._book = book = BidBook()
        if self._bids is None:
            return

        def on_patch(patch: Patch) -> None:
            touched: set[object] = set()
            for key in patch.removed:
                touched |= book.drop(key)
            for key, row in patch.upserted.items():
                touched |= book.put(key, row)
            keys = [self._by_id[identity] for identity in touched if identity in self._by_id]
            self._draw(feed, {key: self._rows[key] for key in keys})

        try:
            table = self._bids.take()
            self._tap = table._tap(on_patch)  # noqa: SLF001 - same house, I/O thread
        except LiveWidgetsError:
            return  # a recording has no other tables
        replica = table._replica  # noqa: SLF001
        for row in replica.rows():
            book.put(tuple(row.get(column) for column in replica.key), row)


def _identity(key: Key, row: Row) -> object:
    """Return what bids name a target by."""
    return row.get("id", key[0])
