"""The business figures of calls over a sliding window, kept up by what changed; targets, deltas and caps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Final

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.kpi_formulas import FORMULAS, SUMMED, figures, is_connected, is_live, parts_of, ratio
from livewidgets.core.window import Window
from livewidgets.core.window_measure import seconds
from livewidgets.core.window_parts import plain
from livewidgets.core.window_plan import Group, Value, group_order
from livewidgets.errors import WindowError

__all__ = ["FORMULAS", "CapUse", "Delta", "Kpis", "Period", "TargetState", "delta", "judge", "use_of_cap"]


class TargetState(StrEnum):
    """How a figure stands against its target."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


#: Of the target: from here on green, and from here on amber.
_GREEN: Final = 0.95
_AMBER: Final = 0.90


def judge(value: float | None, target: float | None, *, higher_is_better: bool = True) -> TargetState | None:
    """Say how a figure stands against its target.

    Parameters
    ----------
    value, target
        In the same unit; None for either gives None.
    higher_is_better
        Green from 95 % of the target on, amber from 90 % on, red below. Where lower is better the share is the
        target's of the value: 100 s against a target of 96 s are 96 %. What meets its target is green, be it zero.
    """
    if value is None or target is None:
        return None
    reached, wanted = (value, target) if higher_is_better else (target, value)
    if reached >= wanted:
        return TargetState.GREEN
    if wanted <= 0:
        return TargetState.RED  # no share of zero, or of a loss, says how near it is
    if reached >= _GREEN * wanted:
        return TargetState.GREEN
    return TargetState.AMBER if reached >= _AMBER * wanted else TargetState.RED


@dataclass(frozen=True, slots=True)
class Delta:
    """How a figure differs from the one before.

    Attributes
    ----------
    absolute
        In the figure's unit; of a share, in points.
    relative
        As a share of the size of the one before; None where that was zero.
    """

    absolute: float
    relative: float | None


def delta(now: float | None, before: float | None) -> Delta | None:
    """Compare a figure with the one before; None where one of them is not known."""
    if now is None or before is None:
        return None
    return Delta(now - before, ratio(now - before, abs(before)))


class Period(StrEnum):
    """What a cap counts: calls that talk at once, or calls that connected since the period began."""

    CONCURRENCY = "concurrency"
    HOURLY = "hourly"
    DAILY = "daily"
    MONTHLY = "monthly"
    HARD = "hard"  # ever

    def start(self, now: float, zone: tzinfo = UTC) -> float | None:
        """Say when the period that `now` is in began (seconds since 1970); None for those that have no beginning.

        Parameters
        ----------
        now
            Seconds since 1970.
        zone
            Whose hours, days and months.
        """
        moment = datetime.fromtimestamp(now, zone).replace(minute=0, second=0, microsecond=0)
        match self:
            case Period.HOURLY:
                return moment.timestamp()
            case Period.DAILY:
                return moment.replace(hour=0, fold=0).timestamp()
            case Period.MONTHLY:
                return moment.replace(day=1, hour=0, fold=0).timestamp()
            case _:
                return None


@dataclass(frozen=True, slots=True)
class CapUse:
    """How much of a cap is used.

    Attributes
    ----------
    used, cap
        In calls.
    share
        Used of the cap; None for a cap of zero.
    left
        How many more calls there may be.
    reached
        There may be none.
    """

    used: float
    cap: float
    share: float | None
    left: float
    reached: bool


def use_of_cap(used: float | None, cap: float | None) -> CapUse | None:
    """Compare a number of calls with a cap; None where there is none, or the number is not known."""
    if used is None or cap is None:
        return None
    return CapUse(used, cap, ratio(used, cap), max(cap - used, 0), used >= cap)


class Kpis:
    """All figures of calls, for this window and the one before it.

    One thread at a time. What a change costs does not depend on how many calls there are.

    Parameters
    ----------
    window
        The length of the window; it ends with the bucket of this moment.
    every
        The buckets of the sparklines, by which the window moves.
    by
        The column, or columns, that tell groups apart, such as ``campaign_id``.
    back
        How far back calls are remembered, where that is more than two windows: caps need their period.
    x
        The column that says when a call came in.
    now
        The time (seconds since 1970).

    Raises
    ------
    WindowError
        An argument cannot be understood.
    """

    def __init__(
        self,
        *,
        window: float | str = "1h",
        every: float | str = "1m",
        by: str | Sequence[str] = (),
        back: float | str = 1e-6,
        x: str = "created_at",
        now: float = 0.0,
    ) -> None:
        self.length = seconds(window)
        self._window = Window(
            x,
            every=every,
            window=max(2 * self.length, seconds(back)),
            by=by,
            measures=[f"sum({name})" for name in SUMMED],
            now=now,
        )
        if self.length % self._window.every > 1e-9:
            raise WindowError(
                f"A window of {self.length:g} s is not made of buckets of {self._window.every:g} s.",
                "Make `window` a multiple of `every`.",
            )
        self._now = now
        self._buckets = round(self.length / self._window.every)
        # Calls that have not ended, whenever they came in: their group, and whether they talk.
        self._live: dict[Key, tuple[Group, bool]] = {}
        self._live_by: dict[Group, int] = {}
        self._talking_by: dict[Group, int] = {}

    def __repr__(self) -> str:
        return f"<Kpis over {self.length:g} s: {len(self._window)} calls, {len(self._live)} live>"

    @property
    def version(self) -> int:
        """Raised by what changed."""
        return self._window.version

    @property
    def start(self) -> float:
        """When this window began (seconds since 1970); the one before it ended then."""
        return self._window.last - (self._buckets - 1) * self._window.every

    # -- what comes in ---------------------------------------------------------------------------------------------

    def load(self, rows: Mapping[Key, Row], now: float) -> None:
        """Begin anew with these calls at this time."""
        self._now = now
        self._live, self._live_by, self._talking_by = {}, {}, {}
        for key, row in rows.items():
            self._note(key, row)
        self._window.load({key: self._project(row) for key, row in rows.items()}, now)

    def apply(self, patch: Patch) -> bool:
        """Take in what changed; True when it made a difference to any figure."""
        moved = False
        for key in patch.removed:
            moved |= self._note(key, None)
        for key, row in patch.upserted.items():
            moved |= self._note(key, row)
        upserted = {key: self._project(row) for key, row in patch.upserted.items()}
        return self._window.apply(Patch(patch.version, upserted, patch.removed)) or moved

    def advance(self, now: float) -> bool:
        """Move on to a time; True when the window moved. The length of calls that still talk follows in any case."""
        self._now = max(self._now, now)
        return self._window.advance(now)

    # -- what is shown ---------------------------------------------------------------------------------------------

    def groups(self) -> list[Group]:
        """List the groups that had calls in the window or the one before, or have live ones."""
        found = {*self._window.groups(), *self._live_by}
        return sorted(found, key=group_order)

    def values(self, group: Group | None = None) -> dict[str, Value]:
        """Give the figures of this window.

        Parameters
        ----------
        group
            One group's; None for all together.
        """
        if group is None:
            live, talking = len(self._live), sum(self._talking_by.values())
        else:
            live, talking = self._live_by.get(group, 0), self._talking_by.get(group, 0)
        return figures(self._sums(self.start, None, group), self._now, live, talking)

    def previous(self, group: Group | None = None) -> dict[str, Value]:
        """Give the figures of the window before; `live` and `concurrency` are not known of it."""
        return figures(self._sums(self.start - self.length, self.start, group), self._now)

    def deltas(self, group: Group | None = None) -> dict[str, Delta | None]:
        """Compare each figure with the window before.

        The newest bucket of this window is not over yet: counts lag by at most that bucket.
        """
        before = self.previous(group)
        return {name: delta(value, before[name]) for name, value in self.values(group).items()}

    def history(self, names: Iterable[str], group: Group | None = None) -> dict[str, list[Value]]:
        """Give figures bucket by bucket over this window, for sparklines.

        Parameters
        ----------
        names
            Of `FORMULAS`; `live` and `concurrency` have no history here.
        group
            As for `values`.
        """
        every = self._window.every
        starts = [self.start + n * every for n in range(self._buckets)]
        made = [figures(self._sums(start, start + every, group), self._now) for start in starts]
        return {name: [one[name] for one in made] for name in names}

    def used(self, period: Period, group: Group | None = None, *, zone: tzinfo = UTC) -> float | None:
        """Count what a cap counts.

        Returns
        -------
        float or None
            Calls; None where the period began before what is remembered (see `back`), or within a bucket.
        """
        if period is Period.CONCURRENCY:
            return self.values(group)["concurrency"]
        start = period.start(self._now, zone)
        if start is None or start < self._window.first or start % self._window.every > 1e-6:
            return None
        return self._sums(start, None, group).get("connected", 0)

    # -- calls -----------------------------------------------------------------------------------------------------

    def _sums(self, start: float, end: float | None, group: Group | None) -> dict[str, float]:
        totals = self._window.totals(start, end, together=group is None)
        found = totals.get(() if group is None else group, {})
        return {name: value for name in SUMMED if (value := found.get(f"sum({name})")) is not None}

    def _project(self, row: Row) -> Row:
        by = {name: row.get(name) for name in (self._window.x, *self._window.by)}
        return {**parts_of(row), **by}

    def _note(self, key: Key, row: Row | None) -> bool:
        """Take note of a call that is live, or is not any more; True where that is new."""
        now = None
        if row is not None and is_live(row):
            now = (tuple([plain(row.get(name)) for name in self._window.by]), is_connected(row))
        old = self._live.get(key)
        if now == old:
            return False
        if old is not None:
            self._count(old, -1)
            del self._live[key]
        if now is not None:
            self._count(now, 1)
            self._live[key] = now
        return True

    def _count(self, call: tuple[Group, bool], step: int) -> None:
        group, talks = call
        for counts in (self._live_by, self._talking_by) if talks else (self._live_by,):
            counts[group] = counts.get(group, 0) + step
            if not counts[group]:
                del counts[group]
