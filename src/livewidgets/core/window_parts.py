"""Parts that values can be put into and taken out of again, in any order, without a trace.

Sums are exact: a float is a whole number of units of 2⁻¹⁰⁷⁴, and Python's integers do not round. So a sum from which
everything was taken out again is 0, and the order in which rows came, changed and went cannot be seen in it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, ClassVar, Final, Self

from livewidgets.core.ordered import Ordered

Number = int | float

#: Binary places behind the point of the smallest float.
_PLACES: Final = 1074
#: No float is larger, so whole numbers beyond are left out as well.
_MOST: Final = 1 << 1023


def number(value: object) -> Number | None:
    """Read a number: true is 1, text is what it spells (an exact ``numeric`` comes so); None for all else."""
    if isinstance(value, str):
        try:
            value = int(value) if value.lstrip("+-").isdecimal() else float(value)
        except ValueError:
            return None
    if isinstance(value, int):
        return int(value) if -_MOST <= value <= _MOST else None
    return value if isinstance(value, float) and math.isfinite(value) else None


class Part(ABC):
    """What holds the values of one column in one cell; what is added and removed is what `read` gave."""

    __slots__ = ()

    #: Give what counts of a row's value: a number, or any value; None for what does not count.
    read: ClassVar[Callable[[object], Any]] = staticmethod(number)

    @abstractmethod
    def add(self, value: Any) -> None:  # noqa: ANN401
        """Put a value in."""

    @abstractmethod
    def remove(self, value: Any) -> None:  # noqa: ANN401
        """Take a value out that was put in."""

    @classmethod
    @abstractmethod
    def merge(cls, parts: Iterable[Any]) -> Self:
        """Make one of several; they stay as they are."""


class Total(Part):
    """How many numbers, and their exact sum; a change costs the same at any size."""

    __slots__ = ("count", "scaled")

    def __init__(self) -> None:
        self.count = 0
        self.scaled = 0

    def add(self, value: Number) -> None:
        """Put a number in."""
        self.count += 1
        if value:
            self.scaled += _scaled(value)

    def remove(self, value: Number) -> None:
        """Take a number out."""
        self.count -= 1
        if value:
            self.scaled -= _scaled(value)

    def sum(self) -> float:
        """Give the sum, rounded once; 0 of nothing."""
        return _ratio(self.scaled, 1)

    def mean(self) -> float | None:
        """Give the mean, rounded once; None of nothing."""
        return _ratio(self.scaled, self.count) if self.count else None

    @classmethod
    def merge(cls, parts: Iterable[Self]) -> Self:
        """Make one of several."""
        whole = cls()
        for part in parts:
            whole.count += part.count
            whole.scaled += part.scaled
        return whole


def _scaled(value: Number) -> int:
    top, bottom = value.as_integer_ratio()
    return top << (_PLACES + 1 - bottom.bit_length())


def _ratio(scaled: int, count: int) -> float:
    try:
        return scaled / (count << _PLACES)  # the division of integers rounds once, to the nearest float
    except OverflowError:
        return math.inf if scaled > 0 else -math.inf


class Ranked(Part):
    """Numbers in order, for extremes and exact quantiles; a change costs the logarithm of how many there are."""

    __slots__ = ("ordered",)

    def __init__(self, values: Iterable[Number] = ()) -> None:
        self.ordered: Ordered[Number] = Ordered(values)

    def add(self, value: Number) -> None:
        """Put a number in."""
        self.ordered.add(value)

    def remove(self, value: Number) -> None:
        """Take a number out."""
        self.ordered.remove(value)

    def quantile(self, q: float) -> float | None:
        """Give the quantile `q`, interpolated between neighbours as Postgres' ``percentile_cont`` does; None of nothing."""
        if not len(self.ordered):
            return None
        place = q * (len(self.ordered) - 1)
        below = math.floor(place)
        low = float(self.ordered.at(below))
        if place == below:
            return low
        return low + (float(self.ordered.at(below + 1)) - low) * (place - below)

    @classmethod
    def merge(cls, parts: Iterable[Self]) -> Self:
        """Make one of several; costs the sorting of all values."""
        return cls(chain.from_iterable(part.ordered for part in parts))


def plain(value: object) -> Any:  # noqa: ANN401
    """Give a value that can be told from others; a document as its text."""
    return value if isinstance(value, str | int | float) or value is None else str(value)


class Tally(Part):
    """How often which value; a change costs the same at any size."""

    __slots__ = ("counts",)

    read: ClassVar[Callable[[object], Any]] = staticmethod(plain)

    def __init__(self) -> None:
        self.counts: dict[Any, int] = {}

    def add(self, value: object) -> None:
        """Put a value in."""
        self.counts[value] = self.counts.get(value, 0) + 1

    def remove(self, value: object) -> None:
        """Take a value out."""
        left = self.counts[value] - 1
        if left:
            self.counts[value] = left
        else:
            del self.counts[value]

    def __len__(self) -> int:
        return len(self.counts)

    @classmethod
    def merge(cls, parts: Iterable[Self]) -> Self:
        """Make one of several; costs their different values."""
        whole = cls()
        for part in parts:
            for value, count in part.counts.items():
                whole.counts[value] = whole.counts.get(value, 0) + count
        return whole
