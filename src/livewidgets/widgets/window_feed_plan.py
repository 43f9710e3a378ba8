"""What a chart is asked for: the measures, series and time of it, and the lines and marks that it shows besides."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from livewidgets.core.window import Window
from livewidgets.core.window_measure import Measure, MeasureKind
from livewidgets.errors import WindowError

#: Series that are told apart unless the user says otherwise; the eye tells no more of them apart.
SERIES: Final = 8
#: Nobody finds one of more lines, and each is sent.
MOST_SERIES: Final = 40
#: Without a row these are 0; of the others nothing is known then.
_ZERO: Final = frozenset((MeasureKind.COUNT, MeasureKind.RATE, MeasureKind.SUM, MeasureKind.DISTINCT))
_TONES: Final = ("neutral", "good", "warn", "bad")


#: What a user may say is to be measured.
Measures: TypeAlias = str | Measure | Sequence[str | Measure] | Mapping[str, str | Measure]


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """What is measured, of which rows, over which time.

    Attributes
    ----------
    x
        The column with the time.
    by
        The columns whose values make the series; none for one series.
    measures
        What is measured, by the label that it was given, or else the words in which it was asked for.
    every, buckets
        The length of a bucket in seconds, and how many there are.
    series
        How many groups are told apart.
    """

    x: str
    by: tuple[str, ...]
    measures: Mapping[str, Measure]
    every: float
    buckets: int
    series: int

    @classmethod
    def read(
        cls,
        *,
        x: str,
        y: Measures,
        by: str | Sequence[str] | None,
        every: float | str,
        window: float | str,
        series: int,
    ) -> WindowPlan:
        """Read what the user wrote.

        Raises
        ------
        WindowError
            It cannot be understood.
        """
        if not isinstance(series, int) or not 1 <= series <= MOST_SERIES:
            raise WindowError(
                f"A chart cannot tell {series!r} series apart.", f"Give `series` from 1 to {MOST_SERIES}."
            )
        # Says what is wrong, in the words of the windows that the user may make without a chart.
        empty = Window(x, every=every, window=window, by=() if by is None else by, measures=_several(y))
        # Of two words for one measure the first counts.
        words = {measure: word for word, measure in reversed(empty.measures.items())}
        measures = {word: measure for word, measure in empty.measures.items() if words[measure] == word}
        if isinstance(y, Mapping):
            measures = dict(zip(_labels(y, len(measures)), measures.values(), strict=True))
        return cls(x, empty.by, measures, empty.every, empty.buckets, series)

    @property
    def span(self) -> float:
        """The length of the whole in seconds."""
        return self.every * self.buckets

    def window(self, now: float) -> Window:
        """Make the window, empty."""
        return Window(
            self.x, every=self.every, window=self.span, by=self.by, measures=self.measures.values(), now=now
        )

    def told(self) -> list[dict[str, Any]]:
        """Say for each measure what a page must know of it: its words, and whether nothing is 0."""
        return [
            {"text": words, "zero": measure.kind in _ZERO, "whole": measure.kind in _WHOLE}
            for words, measure in self.measures.items()
        ]

    def title(self, table: str) -> str:
        """Give a heading for who gave none: ``Calls by status``."""
        words = [table if name == "count" else name for name in self.measures]
        by = " and ".join(name.removesuffix("_id").replace("_", " ") for name in self.by)
        text = ", ".join(words) + (f" by {by}" if by else "")
        return text[:1].upper() + text[1:].replace("_", " ")


_WHOLE: Final = frozenset((MeasureKind.COUNT, MeasureKind.DISTINCT))


def _several(y: object) -> Any:  # noqa: ANN401 - judged by the window
    if isinstance(y, Mapping):
        return tuple(y.values())
    return (y,) if isinstance(y, str | Measure) or not isinstance(y, Iterable) else tuple(y)


def _labels(y: Mapping[Any, Any], measured: int) -> list[str]:
    labels = list(y)
    if not all(isinstance(label, str) and label.strip() for label in labels):
        raise WindowError(f"{y!r} has a label that is no text.", 'Write {"Mean bid": "mean(amount)"}.')
    if measured < len(labels):
        raise WindowError(f"{y!r} measures the same twice.", "Give each measure one label.")
    read = [label.strip()[:80] for label in labels]
    if len(set(read)) < len(read):
        raise WindowError(f"{y!r} has two labels that read alike.", "Give each measure one of its own.")
    return read


def read_thresholds(given: object) -> list[dict[str, Any]]:
    """Read the lines that are not to be crossed.

    Parameters
    ----------
    given
        Numbers; or mappings with ``value``, ``label`` and ``tone`` (``neutral``, ``good``, ``warn``, ``bad``); or
        one mapping of labels to numbers.

    Raises
    ------
    WindowError
        One is neither.
    """
    if given is None:
        return []
    if isinstance(given, Mapping) and "value" not in given:
        given = [{"label": str(label), "value": value} for label, value in given.items()]
    several = [given] if isinstance(given, Mapping | int | float) else given
    if not isinstance(several, Iterable) or isinstance(several, str):
        raise _bad_threshold(given)
    return [_threshold(one) for one in several]


def _threshold(given: object) -> dict[str, Any]:
    told = given if isinstance(given, Mapping) else {"value": given}
    value, tone = told.get("value"), told.get("tone", "warn")
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not math.isfinite(value)
        or tone not in _TONES
    ):
        raise _bad_threshold(given)
    return {"value": float(value), "label": str(told.get("label") or "")[:80], "tone": tone}


def _bad_threshold(given: object) -> WindowError:
    return WindowError(
        f"{given!r} is no threshold.",
        'Write a number, or {"value": 30, "label": "Too many", "tone": "warn"}; '
        f"the tones are {', '.join(_TONES)}.",
    )
