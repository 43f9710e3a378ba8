"""Which series a chart tells apart, what they are called, and the number and the colour that stay theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from livewidgets.core.mask_cells import masked_cell
from livewidgets.core.window_plan import OTHERS, Group, group_order
from livewidgets.widgets.window_feed_plan import WindowPlan

#: Characters of a name; what is longer helps nobody in a legend.
LONGEST: Final = 80
#: A group takes the place of another when it has so many times its rows, so that two alike do not change places.
AHEAD: Final = 1.5

#: The name for a column of ids and an id; None where the column holds no ids.
Namer = Callable[[str, object], str | None]


@dataclass(slots=True)
class Series:
    """One line of a chart.

    Attributes
    ----------
    number
        Names it in what is sent.
    group, measure
        Whose rows, and the place of the measure among those of the plan.
    slot
        Which colour and pattern; -1 for the others together.
    name
        As people read it; no two series of a chart have the same.
    """

    number: int
    group: Group
    measure: int
    slot: int
    name: str = ""


class SeriesBook:
    """Gives series their numbers, names and colours, and keeps them as long as they are shown.

    Parameters
    ----------
    plan
        What the chart is asked for.
    namer
        Looks names up.
    masked
        Mask personal data in names.
    """

    def __init__(self, plan: WindowPlan, namer: Namer, *, masked: bool) -> None:
        self.plan = plan
        #: The groups that are told apart.
        self.apart: frozenset[Group] = frozenset()
        #: How many groups are not.
        self.others = 0
        self._namer = namer
        self._masked = masked
        self._series: dict[tuple[Group, int], Series] = {}
        self._next = 0

    @property
    def series(self) -> list[Series]:
        """The series that there are, in the order of the legend: as they were given colours, the others last."""
        return sorted(self._series.values(), key=lambda one: (one.slot < 0, one.slot, one.measure))

    @property
    def full(self) -> bool:
        """No further group can be told apart."""
        return len(self.apart) >= self.plan.series

    def rank(self, counts: Mapping[Group, int]) -> bool:
        """Choose the groups that are told apart; True when they are others than before.

        Parameters
        ----------
        counts
            Rows by group, of all groups that have some.
        """
        most = self.plan.series
        order = sorted(counts, key=lambda group: (-counts[group], group_order(group)))
        kept = [group for group in order if group in self.apart]
        new = [group for group in order if group not in self.apart]
        while new and len(kept) < most:
            kept.append(new.pop(0))
        kept.sort(key=lambda group: -counts[group])
        while new and counts[new[0]] > AHEAD * counts[kept[-1]]:
            kept[-1] = new.pop(0)
            kept.sort(key=lambda group: -counts[group])
        apart, others = frozenset(kept), len(counts) - len(kept)
        changed = apart != self.apart or (others > 0) != (self.others > 0)
        self.apart, self.others = apart, others
        if changed:
            self._seat(kept)
        return changed

    def number(self, group: Group, measure: int) -> int | None:
        """Return a series' number; None for one that is not shown."""
        found = self._series.get((group, measure))
        return None if found is None else found.number

    def rename(self) -> None:
        """Look all names up again."""
        used: set[str] = set()
        for series in self.series:
            name = plain = self._name(series)
            copy = 1
            # Two ids of one name, or two numbers that are alike once masked, are two lines all the same.
            while name in used:
                copy += 1
                name = f"{plain} ({copy})"
            used.add(name)
            series.name = name

    def _seat(self, groups: list[Group]) -> None:
        """Give colours to those that have none yet, the largest group first; take them from those that left."""
        wanted = [
            (group, measure)
            for group in (*groups, *((OTHERS,) if self.others else ()))
            for measure in range(len(self.plan.measures))
        ]
        self._series = {place: self._series[place] for place in wanted if place in self._series}
        taken = {series.slot for series in self._series.values()}
        free = (slot for slot in range(len(wanted)) if slot not in taken)
        for place in wanted:
            if place not in self._series:
                group, measure = place
                slot = -1 if group is OTHERS else next(free)
                self._series[place] = Series(self._next, group, measure, slot)
                self._next += 1
        self.rename()

    def _name(self, series: Series) -> str:
        measure = list(self.plan.measures)[series.measure]
        if not self.plan.by:
            return measure
        group = "Other" if series.group is OTHERS else " · ".join(map(self._word, self.plan.by, series.group))
        return group if len(self.plan.measures) == 1 else f"{group} · {measure}"

    def _word(self, column: str, value: Any) -> str:  # noqa: ANN401 - whatever the column holds
        if value is None:
            return "none"
        if isinstance(value, bool):
            return f"{column}: {'yes' if value else 'no'}"
        found = self._namer(column, value)
        shown = found if found is not None else masked_cell(column, value) if self._masked else value
        text = " ".join(str(shown).split()) or "none"
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
