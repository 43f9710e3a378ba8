"""The figures of calls as a feed: kept up by each change, told a few times a second."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

from livewidgets.core.change import Patch
from livewidgets.core.kpi import Kpis
from livewidgets.core.values import instant, microseconds
from livewidgets.core.window_plan import Value
from livewidgets.live.table import LiveTable, TableState
from livewidgets.widgets.campaign_metrics_caps import Caps
from livewidgets.widgets.campaign_metrics_tiles import CAPS, COLUMNS, TILES, chosen, courses, figure_cells
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.lease import Lease
from livewidgets.widgets.tables import TablesSource

#: Seconds between two tellings at least, while calls change.
PACE = 0.25
#: Seconds between two looks at the clock: calls that talk grow longer, and the window moves.
CLOCK = 1.0
#: States in which no rows mean that there are none.
_KNOWN = (TableState.LIVE, TableState.STALE)


@dataclass(slots=True)
class Board:
    """What is shown. To be changed by `Hub.refresh` only.

    Attributes
    ----------
    window, every
        As of `Kpis`.
    tiles
        Names, in order.
    targets
        What is aimed at, by name.
    money, caps
        Whether they are shown.
    """

    window: float | str = "1h"
    every: float | str = "1m"
    tiles: Sequence[str] = TILES
    targets: Mapping[str, float] = field(default_factory=dict)
    money: bool = True
    caps: bool = True

    @property
    def shown(self) -> tuple[str, ...]:
        """The tiles that are shown."""
        return chosen(self.tiles, money=self.money, caps=self.caps)

    def kpis(self, now: float) -> Kpis:
        """Return figures to begin with."""
        return Kpis(window=self.window, every=self.every, now=now)


class MetricsSource(TablesSource):
    """Figures of a table of calls as a feed.

    Parameters
    ----------
    calls, targets
        The tables; no targets where caps are not shown.
    board
        What is shown.
    zone
        Whose days count for caps.
    """

    columns: tuple[str, ...] = COLUMNS
    component = "CampaignMetrics"

    def __init__(self, calls: Lease, targets: Lease | None, board: Board, zone: tzinfo = UTC) -> None:
        super().__init__({"calls": calls}, masked=False)
        self.board = board
        self.caps = Caps(targets, zone)
        self._kpis = board.kpis(0.0)
        self._courses: dict[str, str] = {}
        self._feed: OpenFeed | None = None
        self._told_at = self._drawn_at = float("-inf")
        self._due: float | None = None
        self._version = 0
        #: Which windows may lack calls: 0 none, 1 the one before, 2 this one too. And whether the day of the caps may.
        self._missing, self._caps_missing = 0, False

    # What the tables say

    def begin(self, feed: OpenFeed) -> None:
        """Make the figures of the calls that there are."""
        now = time.time()
        self._feed = feed
        self._kpis = self.board.kpis(now)
        rows = self.rows("calls")
        self._kpis.load(rows, now)
        self.caps.follow(rows, now, lambda: self._wake(feed))
        self._told_at = self._drawn_at = float("-inf")
        self._due = None
        self._tell(feed)

    def patch(self, feed: OpenFeed, name: str, patch: Patch) -> None:
        """Bring the figures up to date; they are told at the next turn."""
        moved = self._kpis.apply(patch)
        if self.caps.apply(patch) or moved:
            self._wake(feed)

    def rest(self) -> None:
        """Forget the figures."""
        self._feed = None
        self.caps.rest()
        self._kpis, self._courses = self.board.kpis(0.0), {}

    def describe(self, feed: OpenFeed) -> None:
        """Tell the page what the figures are worth; the first ones come as soon as there are any."""
        super().describe(feed)
        if self._feed is feed and bool(feed.rows.rows) != self._is_loaded():
            self._wake(feed)

    def details(self, feed: OpenFeed) -> Mapping[str, Any]:
        """Say what holds for all tiles. The version is that of the figures told last."""
        shown = self.board.shown
        details: dict[str, Any] = {
            "version": self._version,
            "partial": self._missing > 1,
            "compared": self._missing == 0,
            "window": self._kpis.length,
        }
        if CAPS in shown:
            details["caps"] = {
                "order": shown.index(CAPS),
                "loading": self.caps.is_loading,
                "error": self.caps.why_none(),
                "zone": str(self.caps.zone),
                "partial": self._caps_missing,
            }
        return details

    def close(self) -> None:
        """Close the tables, from any thread."""
        super().close()
        self.caps.close()

    # What the figures are

    def values(self) -> dict[str, Value] | None:
        """Return the figures while somebody looks; else None."""
        if self._feed is None or not self._is_loaded():
            return None
        if self.table("calls").status.state is TableState.LIVE:
            self._kpis.advance(time.time())
        return self._kpis.values()

    @property
    def is_open(self) -> bool:
        """Somebody looks."""
        return self._feed is not None

    def values_of(self, table: LiveTable) -> dict[str, Value]:
        """Return the figures of a table that is followed by nobody."""
        now = time.time()
        kpis = self.board.kpis(now)
        replica = table._replica  # noqa: SLF001 - same house
        kpis.load({tuple(row.get(name) for name in replica.key): row for row in replica.rows()}, now)
        return kpis.values()

    @staticmethod
    def _lacks_before(table: LiveTable, moment: float | None) -> bool:
        """Say whether calls that came in since a moment may not be among the rows."""
        if not table.status.partial or moment is None:
            return False
        order = table.order
        if order is None or order.terms[0] != ("created_at", True):
            return True
        rows = table._replica.rows()  # noqa: SLF001 - same house
        oldest = instant(str(rows[-1].get("created_at"))) if rows else None
        return oldest is None or microseconds(oldest) / 1e6 > moment

    # The clock

    def _is_loaded(self) -> bool:
        table = self.table("calls")
        return len(table._replica) > 0 or table.status.state in _KNOWN  # noqa: SLF001

    def _wake(self, feed: OpenFeed) -> None:
        """Tell soon."""
        self._turn_at(feed, max(time.time(), self._told_at + PACE))

    def _turn_at(self, feed: OpenFeed, moment: float) -> None:
        if self._due is None or moment < self._due:
            self._due = moment
            feed.later(moment - time.time(), lambda: self._turn(feed))

    def _turn(self, feed: OpenFeed) -> None:
        self._due = None
        self._tell(feed)
        super().describe(feed)

    def _tell(self, feed: OpenFeed) -> None:
        now = time.time()
        table = self.table("calls")
        # What is not known to be right must not look as if calls had stopped: the clock stands still with the rows.
        if table.status.state is TableState.LIVE:
            self._kpis.advance(now)
            self.caps.advance(now)
        self._told_at = now
        self._version = table.version
        begins = self._kpis.start
        before = begins - self._kpis.length
        lacks = [self._lacks_before(table, moment) for moment in (before, begins, self.caps.since)]
        self._missing, self._caps_missing = lacks[0] + lacks[1], lacks[2]
        if self._is_loaded():
            feed.replace(self._cells(now))
        else:
            feed.replace({})
        self._turn_at(feed, now + CLOCK)

    def _cells(self, now: float) -> dict[str, tuple[Any, ...]]:
        shown, kpis = self.board.shown, self._kpis
        if now >= self._drawn_at + CLOCK:
            self._drawn_at = now
            self._courses = courses(shown, kpis)
        compared = self._missing == 0
        cells = figure_cells(shown, kpis, self.board.targets, self._courses, compared=compared)
        return cells | (self.caps.cells(shown.index(CAPS)) if CAPS in shown else {})
