"""The caps of targets beside the figures of calls: followed apart, so that without them the figures are as right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.kpi import Period
from livewidgets.core.kpi_caps import CapCounts
from livewidgets.errors import LiveWidgetsError
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import TableState, TableStatus
from livewidgets.widgets.campaign_metrics_tiles import cap_cells
from livewidgets.widgets.lease import Lease
from livewidgets.widgets.trouble import trouble

#: The columns that hold a cap.
_CAPS = ("concurrency_cap", "daily_cap")


class Caps:
    """Caps and how much of each is used. All but `close` runs on the I/O thread.

    Parameters
    ----------
    lease
        The table of targets; None where caps are not shown.
    zone
        Whose days count.
    """

    def __init__(self, lease: Lease | None, zone: tzinfo) -> None:
        self.zone = zone
        self._lease = lease
        self._targets: dict[Any, Row] = {}
        self._counts = CapCounts(zone=zone)
        self._status: TableStatus | None = None
        self._tap: Subscription | None = None
        self._fault: LiveWidgetsError | None = None

    def follow(self, calls: Mapping[Key, Row], now: float, changed: Callable[[], object]) -> None:
        """Begin with these calls, and follow the targets; `changed` is called when a cap may look different."""
        if self._lease is None:
            return
        self._counts = CapCounts(period=Period.DAILY, zone=self.zone, now=now)
        self._counts.load(calls, now)
        self._targets, self._fault = {}, None

        def on_patch(patch: Patch) -> None:
            self._take(patch)
            changed()

        def on_status(status: TableStatus) -> None:
            self._status = status
            changed()

        try:
            table = self._lease.take()
            self._tap = table._tap(on_patch, on_status)  # noqa: SLF001 - same house, I/O thread
        except LiveWidgetsError as error:
            self._fault = error  # a recording has no other tables
            return
        replica = table._replica  # noqa: SLF001
        for row in replica.rows():
            self._targets[row.get(replica.key[0])] = row

    def apply(self, patch: Patch) -> bool:
        """Take in what changed of calls; True when it made a difference."""
        return self._lease is not None and self._counts.apply(patch)

    def advance(self, now: float) -> bool:
        """Move on to a time; True when another day has begun."""
        return self._lease is not None and self._counts.advance(now)

    def cells(self, order: int) -> dict[str, tuple[Any, ...]]:
        """Return the cells of all caps, the fullest first."""
        return {} if self._lease is None else cap_cells(order, self._targets, self._counts)

    def why_none(self) -> dict[str, str] | None:
        """Return in words why there are no caps to show; None where none are set, or they are not known yet."""
        status = self._status
        if self._fault is not None:
            return trouble(self._fault)
        if status is not None and status.error is not None and not self._targets:
            return trouble(status.error)
        if self._targets and not any(name in row for row in self._targets.values() for name in _CAPS):
            return {
                "kind": "NoRightsError",
                "message": "This key may not read the caps.",
                "advice": "Sign in with a role that may.",
            }
        return None

    @property
    def is_loading(self) -> bool:
        """The targets are awaited."""
        return self._status is None or (
            self._status.state is TableState.LOADING and self._status.error is None
        )

    @property
    def since(self) -> float | None:
        """When the day began (seconds since 1970); None where no caps are shown."""
        return None if self._lease is None else self._counts.start

    def rest(self) -> None:
        """Nobody looks any more."""
        tap, self._tap = self._tap, None
        if tap is not None:
            tap.close()
        if self._lease is not None:
            self._lease.rest()
        self._targets, self._counts, self._status = {}, CapCounts(zone=self.zone), None

    def swap(self, lease: Lease | None) -> None:
        """Follow other targets from now on; only by `Hub.refresh`."""
        old, self._lease = self._lease, lease
        if old is not None:
            old.close()

    def close(self) -> None:
        """Give the table up, from any thread."""
        if self._lease is not None:
            self._lease.close()

    def _take(self, patch: Patch) -> None:
        for key in patch.removed:
            self._targets.pop(key[0], None)
        for key, row in patch.upserted.items():
            self._targets[key[0]] = row
