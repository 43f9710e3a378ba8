"""CampaignMetrics: the figures of a campaign as tiles."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import traitlets

from livewidgets.core.kpi import FORMULAS, Kpis
from livewidgets.core.window_measure import seconds
from livewidgets.core.window_plan import Value
from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable
from livewidgets.live.thread import io_thread
from livewidgets.traits import Owner, Text
from livewidgets.widgets.assets import bundle
from livewidgets.widgets.campaign_metrics_source import Board, MetricsSource
from livewidgets.widgets.campaign_metrics_tiles import CAPS, TILES
from livewidgets.widgets.lease import NEWEST, Borrowed, Lease
from livewidgets.widgets.of_campaign import OfCampaign, own_of_campaign


class CampaignMetrics(OfCampaign):
    """Shows the figures of calls over a sliding window, each against its target and against the window before.

    Tiles say it where the rows that are followed do not reach back far enough.

    Parameters
    ----------
    data
        A `LiveTable` of calls, which stays the caller's to close; or a `Live`: then the newest 10,000 calls are
        followed while somebody looks.
    campaign_id
        With a `Live`: only this campaign's calls. May be set later.
    caps
        Show how much of the targets' caps is used: True to follow the targets; or a `LiveTable` of them.
    **options
        `title`, `window`, `every`, `tiles`, `targets`, `money`, `zone`, `currency`, `theme`, `size`, and ``layout``.

    Examples
    --------
    >>> metrics = lw.CampaignMetrics(live, campaign_id=7, targets={"connect_rate": 0.8, "conversion": 0.3})
    >>> metrics.values()["connect_rate"]
    >>> lw.CampaignMetrics(live, tiles=["incoming", "live", "connect_rate", "acl"], money=False, size="wall")
    """

    _esm = bundle("campaign_metrics.js")
    _css = bundle("campaign_metrics.css")
    _stem = "campaign_metrics"
    _what = "The figures of calls: how many, how well, for how much."

    title = Text("Campaign metrics", owner=Owner.KERNEL, help="The heading; empty for none.")
    currency = Text("USD", owner=Owner.KERNEL, help="The currency of all money, as ISO 4217 names it.")
    window: Any = traitlets.Any(
        "1h", help="The length of the window: seconds, or text such as ``1h``; a multiple of `every`."
    ).tag(option=True)
    every: Any = traitlets.Any("1m", help="The buckets of the small charts.").tag(option=True)
    tiles: Any = traitlets.List(
        traitlets.Unicode(),
        default_value=list(TILES),
        help="Which tiles, in which order: names of `livewidgets.core.kpi.FORMULAS`, and ``caps``.",
    ).tag(option=True)
    targets: Any = traitlets.Dict(
        help="What is aimed at, by the name of the tile, in its unit: 0.8 are 80 %."
    ).tag(option=True)
    money: Any = traitlets.Bool(
        True, help="False: no tile with money, for walls that guests see. It does not leave the kernel then."
    ).tag(option=True)
    zone: Any = traitlets.Unicode(
        "UTC", help="Whose days count for daily caps, such as ``America/New_York``."
    ).tag(option=True)

    def __init__(
        self,
        data: Live | LiveTable,
        *,
        campaign_id: Any = None,  # noqa: ANN401 - whatever the key holds
        caps: LiveTable | bool = True,
        **options: Any,  # noqa: ANN401
    ) -> None:
        self._take(data, campaign_id)
        self._given_caps = caps if isinstance(caps, LiveTable) else None
        calls = Borrowed(data) if isinstance(data, LiveTable) else self._calls_of(campaign_id)
        self._calls = calls
        self._metrics = MetricsSource(
            calls, self._targets_of(campaign_id) if caps else None, Board(caps=bool(caps))
        )
        try:
            super().__init__(self._metrics, campaign_id=campaign_id, **options)
        except BaseException:
            self._release()
            raise
        try:
            self._changed_board()
        except BaseException:
            self.close()
            raise

    def values(self, timeout: float = 10.0) -> dict[str, Value]:
        """Return all figures of the window by name, whether somebody looks or not.

        Parameters
        ----------
        timeout
            How long to wait for the calls (seconds), where nobody looks and they have to be read.

        Returns
        -------
        dict
            By the names of `livewidgets.core.kpi.FORMULAS`: calls, shares from 0 to 1, seconds, money. None for what
            would divide by zero.

        Raises
        ------
        NotReadyError, TableError, UnreachableError
            As `LiveTable.ready` says.
        ClosedError
            The connection was closed.
        """
        thread, source, lease = io_thread(), self._metrics, self._calls

        async def look() -> tuple[dict[str, Value] | None, LiveTable]:
            return source.values(), lease.take()

        async def make() -> dict[str, Value]:
            return source.values() or source.values_of(table)

        async def rest() -> None:
            if not source.is_open:
                lease.rest()

        found, table = thread.run(look(), timeout)
        if found is not None:
            return found
        try:
            table.ready(timeout)
            return thread.run(make(), timeout)
        finally:
            thread.run(rest(), timeout)

    def _calls_of(self, campaign_id: object) -> Lease:
        return own_of_campaign(self._live, "calls", campaign_id, order="-created_at", limit=NEWEST)

    def _targets_of(self, campaign_id: object) -> Lease:
        if self._given_caps is not None:
            return Borrowed(self._given_caps)
        return own_of_campaign(self._live, "targets", campaign_id, fixed=False)

    def _turn_to(self, campaign_id: object) -> Callable[[], object]:
        calls, targets = self._calls_of(campaign_id), self._targets_of(campaign_id)
        self._calls = calls

        def swap() -> None:
            self._metrics.swap("calls", calls)
            if self._metrics.board.caps:
                self._metrics.caps.swap(targets)

        return swap

    @traitlets.validate("tiles")
    def _check_tiles(self, proposal: Mapping[str, Any]) -> Sequence[str]:
        names: Sequence[str] = proposal["value"]
        for name in names:
            _check_name(name, (*FORMULAS, CAPS), "tile")
        if len(set(names)) < len(names):
            raise traitlets.TraitError("A tile is named twice.")
        return names

    @traitlets.validate("targets")
    def _check_targets(self, proposal: Mapping[str, Any]) -> Mapping[str, float]:
        for name, value in proposal["value"].items():
            _check_name(name, tuple(FORMULAS), "target")
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise traitlets.TraitError(f"The target of {name!r} is no number.")
        return dict(proposal["value"])

    @traitlets.validate("window", "every")
    def _check_window(self, proposal: Mapping[str, Any]) -> float | str:
        value: float | str = proposal["value"]
        if self.comm is None:
            seconds(value)  # being made: together they are judged once both are known
        else:
            given = {"window": self.window, "every": self.every, proposal["trait"].name: value}
            Kpis(window=given["window"], every=given["every"])
        return value

    @traitlets.validate("zone")
    def _check_zone(self, proposal: Mapping[str, Any]) -> str:
        name: str = proposal["value"]
        _zone(name)
        return name

    @traitlets.observe("window", "every", "tiles", "targets", "money", "zone")
    def _changed_board(self, _change: object = None) -> None:
        if self.comm is None:
            return  # being made
        board = Board(
            self.window,
            self.every,
            tuple(self.tiles),
            dict(self.targets),
            self.money,
            self._metrics.board.caps,
        )
        board.kpis(0.0)  # raises where the two do not go together
        zone = _zone(self.zone)

        def change() -> None:
            self._metrics.board, self._metrics.caps.zone = board, zone

        self._line.refresh(self.feed, change)

    def _release(self) -> None:
        self._metrics.close()


def _check_name(name: object, known: Sequence[str], what: str) -> None:
    """Raise TraitError for a name that is not there."""
    if name in known:
        return
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
    raise traitlets.TraitError(f"There is no {what} {name!r}. {hint}")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise traitlets.TraitError(
            f"{name!r} is no time zone. Write one such as 'UTC' or 'America/New_York'."
        ) from error
