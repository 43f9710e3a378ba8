"""What caps count, for every target at once: calls that talk now, and calls that connected since a period began."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Final

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.kpi import Period
from livewidgets.core.kpi_formulas import is_connected, is_live
from livewidgets.core.values import instant, microseconds

#: Periods that calls do not outlive here: what began before them is not remembered.
_COUNTED: Final = (Period.HOURLY, Period.DAILY, Period.MONTHLY, Period.HARD)


class CapCounts:
    """Counts calls by a column, such as ``target_id``, kept up by what changed.

    A call belongs to the period in which it came in, as everywhere in `Kpis`; but this counts all groups at once, and
    what a change costs depends neither on the number of calls nor on that of groups. A call that is dated ahead of `now`
    counts at once: a clock that is wrong must not open a cap.

    Parameters
    ----------
    by
        The column that says whose cap it is.
    period
        Since when connected calls are counted; not `Period.CONCURRENCY`, which is always counted.
    zone
        Whose hours, days and months.
    x
        The column that says when a call came in.
    now
        The time (seconds since 1970).
    """

    def __init__(
        self,
        *,
        by: str = "target_id",
        period: Period = Period.DAILY,
        zone: tzinfo = UTC,
        x: str = "created_at",
        now: float = 0.0,
    ) -> None:
        if period not in _COUNTED:
            raise ValueError("Calls that talk at once are counted beside any period.")
        self.by = by
        self.period = period
        self.zone = zone
        self.x = x
        self.start = period.start(now, zone)
        # Of each call that counts: whose it is, when it came in, whether it connected, whether it talks now.
        self._calls: dict[Key, tuple[object, float, bool, bool]] = {}
        self._connected: dict[object, int] = {}
        self._talking: dict[object, int] = {}

    def __repr__(self) -> str:
        return f"<CapCounts {self.period} by {self.by}: {len(self._calls)} calls>"

    def load(self, rows: Mapping[Key, Row], now: float) -> None:
        """Begin anew with these calls at this time."""
        self.start = self.period.start(now, self.zone)
        self._calls, self._connected, self._talking = {}, {}, {}
        for key, row in rows.items():
            self._put(key, row)

    def apply(self, patch: Patch) -> bool:
        """Take in what changed; True when it made a difference to any count."""
        moved = False
        for key in patch.removed:
            moved |= self._put(key, None)
        for key, row in patch.upserted.items():
            moved |= self._put(key, row)
        return moved

    def advance(self, now: float) -> bool:
        """Move on to a time; True when another period has begun. Only then the calls are gone through."""
        start = self.period.start(now, self.zone)
        if start is None or self.start is None or start <= self.start:
            return False
        self.start = start
        for key, (group, at, connected, talks) in list(self._calls.items()):
            if at < start:
                self._count(self._connected, group, -connected)
                if talks:
                    self._calls[key] = (group, at, False, True)
                else:
                    del self._calls[key]
        return True

    def connected(self, group: object) -> int:
        """Give the calls that connected since the period began."""
        return self._connected.get(group, 0)

    def talking(self, group: object) -> int:
        """Give the calls that are connected and have not ended, whenever they came in."""
        return self._talking.get(group, 0)

    def _put(self, key: Key, row: Row | None) -> bool:
        new = None if row is None else self._read(row)
        old = self._calls.get(key)
        if new == old:
            return False
        if old is not None:
            del self._calls[key]
            self._count(self._connected, old[0], -old[2])
            self._count(self._talking, old[0], -old[3])
        if new is not None:
            self._calls[key] = new
            self._count(self._connected, new[0], new[2])
            self._count(self._talking, new[0], new[3])
        return True

    def _read(self, row: Row) -> tuple[object, float, bool, bool] | None:
        """Say what a call counts for; None where it counts for nothing."""
        if not is_connected(row):
            return None
        moment = row.get(self.x)
        time = instant(moment) if isinstance(moment, str) else None
        at = float("-inf") if time is None else microseconds(time) / 1e6
        counts = time is not None and (self.start is None or at >= self.start)
        talks = is_live(row)
        return (row.get(self.by), at, counts, talks) if counts or talks else None

    @staticmethod
    def _count(counts: dict[object, int], group: object, step: int) -> None:
        if step:
            counts[group] = counts.get(group, 0) + step
            if not counts[group]:
                del counts[group]
