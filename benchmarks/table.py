"""What a benchmark gives, and how it is printed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One line: a median of several runs, the peer's in the same run where there is one, and the budget."""

    what: str
    ours: float
    unit: str
    peer: str = ""
    theirs: float | None = None
    budget: float | None = None
    #: More is better.
    rising: bool = False

    @property
    def ratio(self) -> str:
        if self.theirs is None:
            return ""
        return f"{self.ours / self.theirs if self.rising else self.theirs / self.ours:.1f} x"


def median(measure: Callable[[], float], runs: int = 5) -> float:
    """Take the median of several runs; one before that warms up."""
    measure()
    return statistics.median(measure() for _ in range(runs))


def show(figures: Sequence[Figure]) -> None:
    """Print the figures as a table."""
    table = Table(title="livewidgets: medians; the ratio says how many times better ours is than the peer's")
    table.add_column("what")
    for name in ("ours", "peer's", "ratio", "budget"):
        table.add_column(name, justify="right")
    table.add_column("peer")
    for figure in figures:
        table.add_row(
            figure.what,
            f"{figure.ours:,.1f} {figure.unit}",
            "" if figure.theirs is None else f"{figure.theirs:,.1f} {figure.unit}",
            figure.ratio,
            "" if figure.budget is None else f"{figure.budget:,.0f} {figure.unit}",
            figure.peer,
        )
    Console(width=140).print(table)
