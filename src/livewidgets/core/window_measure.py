"""What is measured in a window, in words: ``sum(revenue)``, ``p95(connected_seconds)``; and lengths of time: ``15m``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from livewidgets.errors import WindowError


class MeasureKind(StrEnum):
    """What there is to measure; the unit is the column's unless it says otherwise."""

    COUNT = "count"  # rows
    RATE = "rate"  # rows a second; with a column, its sum a second
    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    QUANTILE = "quantile"  # interpolated, as Postgres' percentile_cont
    DISTINCT = "distinct"  # different values


_MEASURE = re.compile(
    r"\s*(?P<kind>[a-z][a-z0-9.]*)\s*(?:\(\s*(?P<column>[^(),]+?)\s*(?:,\s*(?P<q>[^(),]+?)\s*)?\)\s*)?"
)
_PERCENTILE = re.compile(r"p(?P<percent>\d{1,2}(?:\.\d+)?|100)")
_DURATION = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|min|h|d)\s*")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_WORDS: Final = {kind.value: kind for kind in MeasureKind} | {"avg": MeasureKind.MEAN}
_KNOWN: Final = "count, rate, sum(column), mean, min, max, median, p95, quantile(column, 0.95), distinct"


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is measured.

    Attributes
    ----------
    kind
        What is done with the values.
    column
        Of which column; only a count and a rate go without.
    q
        Which quantile, 0 to 1; else None.
    """

    kind: MeasureKind
    column: str | None = None
    q: float | None = None

    def __str__(self) -> str:
        inside = "" if self.column is None else f"({self.column}{'' if self.q is None else f', {self.q:g}'})"
        return f"{self.kind}{inside}"

    @classmethod
    def parse(cls, text: str | Measure) -> Measure:
        """Read a measure.

        Parameters
        ----------
        text
            ``count``, ``rate``, ``sum(revenue)``, ``mean(…)``, ``min(…)``, ``max(…)``, ``median(…)``, ``p95(…)``,
            ``quantile(…, 0.95)`` or ``distinct(…)``. Nulls and what is no number are left out; true counts as 1.

        Raises
        ------
        WindowError
            It is none of these.

        Examples
        --------
        >>> Measure.parse("p95(connected_seconds)")
        Measure(kind=<MeasureKind.QUANTILE: 'quantile'>, column='connected_seconds', q=0.95)
        """
        if isinstance(text, Measure):
            return text
        found = _MEASURE.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise WindowError(f"{text!r} is no measure.", f"There are: {_KNOWN}.")
        word, column, text_of_q = found["kind"], found["column"], found["q"]
        kind, q = _kind(word, text_of_q)
        if (column is None) != (kind is MeasureKind.COUNT) and kind is not MeasureKind.RATE:
            wanted = "count" if kind is MeasureKind.COUNT else f"{word}(column)"
            raise WindowError(f"{text!r} is no measure.", f"Write {wanted}.")
        return cls(kind, column, q)


def _kind(word: str, argument: str | None) -> tuple[MeasureKind, float | None]:
    """Read the word before the brackets and the second one within them."""
    percentile = _PERCENTILE.fullmatch(word)
    kind = MeasureKind.QUANTILE if percentile is not None or word == "median" else _WORDS.get(word)
    if kind is None:
        raise WindowError(f"There is no measure {word!r}.", f"There are: {_KNOWN}.")
    if (word == "quantile") != (argument is not None):
        wanted = "quantile(column, 0.95)" if word == "quantile" else f"{word}(column)"
        raise WindowError(f"The measure {word!r} is written otherwise.", f"Write {wanted}.")
    if percentile is not None:
        return kind, float(f"{percentile['percent']}e-2")
    if word == "median":
        return kind, 0.5
    return kind, None if argument is None else _share(argument)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise WindowError(f"{text!r} is no quantile.", "Give a number from 0 to 1: quantile(column, 0.95).")
    return share


def seconds(length: float | str) -> float:
    """Read a length of time.

    Parameters
    ----------
    length
        Seconds, or text such as ``500ms``, ``5s``, ``15m``, ``2h``, ``1d``.

    Returns
    -------
    float
        Seconds, above 0, in whole microseconds.

    Raises
    ------
    WindowError
        It is neither.
    """
    if isinstance(length, str):
        found = _DURATION.fullmatch(length)
        value = float(found["number"]) * _SECONDS[found["unit"]] if found is not None else math.nan
    elif isinstance(length, int | float) and not isinstance(length, bool):
        value = float(length)
    else:
        value = math.nan
    if not 1e-6 <= value <= 1e10:
        raise WindowError(
            f"{length!r} is no length of time.", 'Write seconds, or "500ms", "5s", "15m", "2h", "1d".'
        )
    return round(value * 1e6) / 1e6
