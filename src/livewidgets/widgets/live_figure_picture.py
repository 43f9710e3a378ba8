"""What a `LiveFigure` draws at a moment, as arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from livewidgets.widgets.window_feed_data import Reading
from livewidgets.widgets.window_feed_marks import Mark
from livewidgets.widgets.window_feed_plan import WindowPlan
from livewidgets.widgets.window_feed_series import SeriesBook

#: More points than a figure is wide are put together, the least and the greatest of each stretch.
MOST_POINTS: Final = 1_200


@dataclass(frozen=True, slots=True)
class Drawn:
    """One series as it is drawn: its name, and the colour and pattern that are its."""

    name: str
    slot: int
    measure: int


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What is drawn.

    Attributes
    ----------
    x
        The moments: the middles of the buckets, or their starts for steps.
    y
        A row for each series; NaN where nothing is known.
    series
        The series, as many as `y` has rows.
    marks
        The marks, by time.
    state
        What to say beside the title: empty while all is well.
    """

    x: npt.NDArray[np.datetime64]
    y: npt.NDArray[np.float64]
    series: tuple[Drawn, ...]
    marks: tuple[Mark, ...]
    state: str

    def same_as(self, other: Picture | None) -> bool:
        """Say whether nothing would look different."""
        return (
            other is not None
            and (self.series, self.marks, self.state) == (other.series, other.marks, other.state)
            and np.array_equal(self.x, other.x)
            and np.array_equal(self.y, other.y, equal_nan=True)
        )


class Pictures:
    """Keeps the buckets of a chart and makes pictures of them.

    Parameters
    ----------
    plan
        What is measured.
    kind
        How it is drawn: bars show the bucket that is not over yet, lines end before it.
    """

    def __init__(self, plan: WindowPlan, kind: str) -> None:
        self._plan = plan
        self._kind = kind
        self._zero = [one["zero"] for one in plan.told()]
        self._buckets: dict[int, Mapping[int, float]] = {}
        self._first, self._last = 0, -1

    def take(self, reading: Reading) -> None:
        """Take what changed; forget what time has passed."""
        if reading.whole:
            self._buckets = dict(reading.buckets)
        else:
            self._buckets.update(reading.buckets)
        if reading.first > self._first:
            self._buckets = {n: values for n, values in self._buckets.items() if n >= reading.first}
        self._first, self._last = reading.first, reading.last

    def make(self, book: SeriesBook, known: float | None, marks: tuple[Mark, ...], state: str) -> Picture:
        """Make a picture.

        Parameters
        ----------
        book
            The series.
        known
            Seconds since 1970 up to which the rows are right; None for now.
        marks, state
            As in the picture.
        """
        bars = self._kind in ("bar", "stacked")
        end = self._last + (1 if bars else 0)
        numbers = range(self._first, max(self._first, end))
        series = book.series
        y = np.full((len(series), len(numbers)), np.nan)
        rows = {one.number: row for row, one in enumerate(series)}
        for row, one in enumerate(series):
            if self._zero[one.measure]:
                y[row, :] = 0.0
        if known is not None:
            unknown = max(0, math.floor(known / self._plan.every) + 1 - self._first)
            y[:, unknown:] = np.nan
        for n, values in self._buckets.items():
            if not self._first <= n < end:
                continue
            for number, value in values.items():
                if number in rows:
                    y[rows[number], n - self._first] = value
        shift = 0.0 if self._kind == "step" else 0.5
        x = (np.arange(self._first, self._first + len(numbers)) + shift) * self._plan.every
        if self._kind == "step" and len(x):  # the last step is as long as the others
            x, y = np.append(x, x[-1] + self._plan.every), np.hstack([y, y[:, -1:]])
        if len(x) > MOST_POINTS:
            x, y = thinned(x, y, bars=bars)
        moments = np.round(x * 1000).astype("datetime64[ms]")
        drawn = tuple(Drawn(one.name, one.slot, one.measure) for one in series)
        return Picture(moments, y, drawn, marks, state)


def thinned(
    x: npt.NDArray[Any], y: npt.NDArray[Any], *, bars: bool
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Put stretches of points together: of lines the least and the greatest, of bars the greatest of each.

    Parameters
    ----------
    x
        Shape (points,).
    y
        Shape (series, points).
    bars
        One point a stretch instead of two.
    """
    most = MOST_POINTS if bars else MOST_POINTS // 2
    per = -(-len(x) // most)
    whole = -(-len(x) // per) * per
    wide = np.full((y.shape[0], whole), np.nan)
    wide[:, : y.shape[1]] = y
    stretches = wide.reshape(y.shape[0], -1, per)
    blank = np.isnan(stretches).all(axis=2)
    high = np.where(blank, np.nan, np.where(np.isnan(stretches), -np.inf, stretches).max(axis=2))
    if bars:
        return x[::per], high
    low = np.where(blank, np.nan, np.where(np.isnan(stretches), np.inf, stretches).min(axis=2))
    # In the order in which they came.
    low_at = np.where(np.isnan(stretches), np.inf, stretches).argmin(axis=2)
    high_at = np.where(np.isnan(stretches), -np.inf, stretches).argmax(axis=2)
    early = np.where(low_at <= high_at, low, high)
    late = np.where(low_at <= high_at, high, low)
    pairs = np.stack([early, late], axis=2).reshape(y.shape[0], -1)
    step = x[1] - x[0]
    starts = x[::per]
    places = np.stack([starts + step * per / 4, starts + step * per * 3 / 4], axis=1).reshape(-1)
    return places, pairs
