"""What the components of one campaign have in common: their table is the user's, or their own of that campaign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import traitlets

from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable
from livewidgets.widgets.base import LiveWidget
from livewidgets.widgets.lease import Lease, own


class OfCampaign(LiveWidget):
    """A component whose rows may be those of one campaign."""

    #: The table that it shows.
    _table: ClassVar[str] = "calls"

    campaign_id = traitlets.Any(None, allow_none=True, help="Only this campaign's rows.").tag(option=True)

    def _take(self, data: Live | LiveTable, campaign_id: object) -> None:
        """Take what the component is made of.

        Raises
        ------
        TypeError
            It is of the wrong kind, or a campaign was named for a table that has been chosen already.
        """
        if not isinstance(data, Live | LiveTable):
            raise TypeError(
                f"{type(self).__name__} takes a Live or a LiveTable of {self._table}, not {type(data).__name__}."
            )
        if campaign_id is not None and isinstance(data, LiveTable):
            raise TypeError(
                "`campaign_id` goes with a Live; narrow a LiveTable with"
                f' live.table("{self._table}", where={{...}}).'
            )
        self._live = data if isinstance(data, Live) else data.live
        self._owned = isinstance(data, Live)

    def _turn_to(self, campaign_id: object) -> Callable[[], object]:
        """Open what shows a campaign; return what puts it in place, which runs on the I/O thread."""
        raise NotImplementedError

    @traitlets.observe("campaign_id")
    def _changed_campaign(self, change: Mapping[str, Any]) -> None:
        if self.comm is None:
            return  # being made
        if not self._owned:
            raise TypeError(
                f"This {type(self).__name__} was given its table; `campaign_id` goes with a Live."
            )
        turn = self._turn_to(change["new"])
        if self.has_trait("selected"):
            self.set_trait("selected", None)
        self._line.refresh(self.feed, turn)


def own_of_campaign(
    live: Live,
    table: str,
    campaign_id: object,
    *,
    where: Mapping[str, Any] | None = None,
    fixed: bool = True,
    **request: Any,  # noqa: ANN401 - as `Live.table` takes them
) -> Lease:
    """Follow the rows of one campaign, or of all for None.

    Parameters
    ----------
    fixed
        Whether a row stays with its campaign for ever, so that the server may filter by it.
    """
    chosen = dict(where or {})
    if campaign_id is not None:
        chosen["campaign_id"] = campaign_id
        if fixed:
            request["fixed"] = ("campaign_id",)
    return own(live, table, where=chosen or None, **request)
