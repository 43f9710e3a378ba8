"""The numbers of a chart: a window over a table's rows, read bucket by bucket and series by series."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.window import Window
from livewidgets.core.window_plan import OTHERS
from livewidgets.widgets.window_feed_plan import WindowPlan
from livewidgets.widgets.window_feed_series import SeriesBook


@dataclass(frozen=True, slots=True)
class Reading:
    """What a chart shows, or what of it has changed.

    Attributes
    ----------
    whole
        These are all buckets that hold something; otherwise those that changed.
    first, last
        The window's oldest and newest bucket, by their numbers since 1970.
    buckets
        By the bucket's number the values by the series' numbers; empty for a bucket that holds nothing now.
    """

    whole: bool
    first: int
    last: int
    buckets: Mapping[int, Mapping[int, float]]


class ChartData:
    """Keeps a window up and says what changed in it. One thread at a time; time is an argument.

    Parameters
    ----------
    plan, book
        What is measured, and the series' names and numbers.
    """

    def __init__(self, plan: WindowPlan, book: SeriesBook, rows: Mapping[Key, Row], now: float) -> None:
        self.plan = plan
        self.book = book
        self._window: Window = plan.window(now)
        self._window.load(rows, now)
        self._seen: int | None = None
        book.rank(self._window.counts())

    def __len__(self) -> int:
        return len(self._window)

    def apply(self, patch: Patch) -> bool:
        """Take what changed in the table; True when the chart is another."""
        return self._window.apply(patch)

    def read(self, now: float) -> Reading:
        """Say what changed since the last time; everything at the first."""
        self._window.advance(now)
        columns = self._window.columns(self._seen, apart=self.book.apart)
        # A group that nobody knew: there may be a place for it.
        if OTHERS in columns.series and not self.book.full and self.rank():
            columns = self._window.columns(None, apart=self.book.apart)
        self._seen = columns.version
        every = self.plan.every
        numbers = [round(start / every) for start in columns.starts]
        buckets: dict[int, dict[int, float]] = {} if columns.whole else {n: {} for n in numbers}
        for group, measured in columns.series.items():
            for place, values in enumerate(measured.values()):
                number = self.book.number(group, place)
                if number is None:
                    continue
                for n, value in zip(numbers, values, strict=True):
                    if value is not None and math.isfinite(value):
                        buckets.setdefault(n, {})[number] = value
        return Reading(columns.whole, round(columns.first / every), round(columns.last / every), buckets)

    def bucket_after(self, moment: float) -> float | None:
        """Return the start of the bucket after the one of a moment, in seconds; None when the window has passed that."""
        start = (math.floor(moment / self.plan.every) + 1) * self.plan.every
        return start if start > self._window.first else None

    def rank(self) -> bool:
        """Choose again which groups are told apart; True when they are others, and all is to be read again."""
        changed = self.book.rank(self._window.counts())
        if changed:
            self._seen = None
        return changed
