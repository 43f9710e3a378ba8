"""LiveBidding: what targets bid, and changing it in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import traitlets

from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable
from livewidgets.traits import Flag, OptionalText, Owner, Pixels, Text
from livewidgets.widgets.assets import bundle
from livewidgets.widgets.lease import Borrowed, Lease, own
from livewidgets.widgets.live_bidding_source import BidSource
from livewidgets.widgets.lookup import open_lookup
from livewidgets.widgets.of_campaign import OfCampaign, own_of_campaign

#: The newest winning bids that are followed; with a rate of wins, the newest bids of all.
WINS = 2_000
BIDS = 5_000


class LiveBidding(OfCampaign):
    """Shows what each target bids and has won, and changes bids and their modifiers in place.

    A change shows at once as pending, and is taken back by itself where the database does not take it. Where somebody
    else was faster both values are shown, to choose from. Who may not change bids is told so, and not asked.

    Parameters
    ----------
    data
        A `LiveTable` of targets, which stays the caller's to close; or a `Live`. With a `Live` the columns that only
        one side touched are merged: live counters in the same row do not stand in the way of a bid.
    campaign_id
        With a `Live`: only this campaign's targets. May be set later.
    bids
        Where the last winning bid and the trend come from: True to follow the newest 2,000 winning bids; a `LiveTable`
        of bids; False for none.
    win_rate
        Show how many of the requests that a target bid for it won. Follows the newest 5,000 bids of all, which costs as
        many changes as there are bids.
    **options
        `title`, `step`, `currency`, `editable`, `height`, `selected`, `search`, `sort`, `theme`, `size`, and
        ``layout``.

    Examples
    --------
    >>> bidding = lw.LiveBidding(live, campaign_id=7, step="0.25")
    >>> bidding.observe(lambda change: print(change.new), "selected")
    """

    _esm = bundle("live_bidding.js")
    _css = bundle("live_bidding.css")
    _stem = "live_bidding"
    _table = "targets"
    _what = "What targets bid, and what they have won."

    title = Text("Bids", owner=Owner.KERNEL, help="The heading; empty for none.")
    step = Text("0.50", owner=Owner.KERNEL, help="What one press on + or - adds to a bid, such as ``0.25``.")
    currency = Text("USD", owner=Owner.KERNEL, help="The currency of all bids, as ISO 4217 names it.")
    editable = Flag(True, owner=Owner.KERNEL, help="False: it only shows, and the kernel takes no change.")
    height = Pixels(420, least=80, owner=Owner.KERNEL, help="Height of the list in pixels at most.")

    selected = OptionalText(owner=Owner.VIEW, help="The id of the selected target, or None.")
    search = Text(owner=Owner.VIEW, help="What the targets shown must contain.")
    sort = Text("-bid", owner=Owner.VIEW, help="A column; with ``-`` in front downwards.")

    def __init__(
        self,
        data: Live | LiveTable,
        *,
        campaign_id: Any = None,  # noqa: ANN401 - whatever the key holds
        bids: LiveTable | bool = True,
        win_rate: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> None:
        self._take(data, campaign_id)
        targets = Borrowed(data) if isinstance(data, LiveTable) else self._targets_of(campaign_id)
        names = {
            "buyer_id": open_lookup(self._live, "buyers", "company_name"),
            "campaign_id": open_lookup(self._live, "campaigns", "name"),
        }
        won = self._bids_of(bids, win_rate=win_rate)
        live = self._live
        self._bidding = BidSource(
            targets,
            won,
            names,
            rated=win_rate and won is not None,
            token=lambda: hash(live._upstream.credentials.present),  # noqa: SLF001 - same house
        )
        try:
            super().__init__(self._bidding, campaign_id=campaign_id, **options)
        except BaseException:
            self._release()
            raise
        self._changed_editable()

    def _targets_of(self, campaign_id: object) -> Lease:
        return own_of_campaign(self._live, "targets", campaign_id, fixed=False, conflict="merge")

    def _turn_to(self, campaign_id: object) -> Callable[[], object]:
        targets = self._targets_of(campaign_id)
        return lambda: self._bidding.swap("targets", targets)

    def _bids_of(self, bids: LiveTable | bool, *, win_rate: bool) -> Lease | None:
        if isinstance(bids, LiveTable):
            return Borrowed(bids)
        if not bids:
            return None
        if win_rate:
            return own(self._live, "bids", order="-created_at", limit=BIDS)
        return own(self._live, "bids", where={"is_winning": True}, order="-created_at", limit=WINS)

    @traitlets.validate("step")
    def _check_step(self, proposal: Mapping[str, Any]) -> str:
        try:
            step = Decimal(proposal["value"])
        except InvalidOperation:
            step = Decimal(0)
        if not step.is_finite() or not Decimal("0.01") <= step <= 1_000_000 or step != round(step, 2):
            raise traitlets.TraitError(
                f"The step {proposal['value']!r} is no amount. Write one such as '0.25', with two decimals at most."
            )
        return format(step, "f")

    @traitlets.observe("editable")
    def _changed_editable(self, _change: object = None) -> None:
        editable = self.editable
        if self.comm is not None and self._bidding.editable != editable:
            self._line.refresh(self.feed, lambda: setattr(self._bidding, "editable", editable))

    def _release(self) -> None:
        self._bidding.close()
