"""Which parts a window's measures need, and how each measure reads its part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from livewidgets.core.window_measure import Measure, MeasureKind
from livewidgets.core.window_parts import Part, Ranked, Tally, Total
from livewidgets.errors import WindowError

#: The values of the ``by`` columns: what tells one series from another; empty without such columns.
Group = tuple[Any, ...]


class _Others:
    """Equal to itself only: no value of a column is it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "OTHERS"


#: The series that are not told apart, as one.
OTHERS: Final[Group] = (_Others(),)
#: What was measured; None where there is nothing to measure.
Value = float | None

_PARTS: Final[Mapping[MeasureKind, type[Part] | None]] = {
    MeasureKind.COUNT: None,
    MeasureKind.RATE: Total,
    MeasureKind.SUM: Total,
    MeasureKind.MEAN: Total,
    MeasureKind.MIN: Ranked,
    MeasureKind.MAX: Ranked,
    MeasureKind.QUANTILE: Ranked,
    MeasureKind.DISTINCT: Tally,
}

#: A measure's name, which part it reads (None: the number of rows alone), and how.
Reading = tuple[str, int | None, Callable[[int, Any, float], Value]]


def plan(
    measures: Mapping[str, Measure],
) -> tuple[tuple[Reading, ...], tuple[tuple[type[Part], str], ...], tuple[type[Part], ...]]:
    """Find the parts that the measures need, each once: a mean and a sum of one column share theirs."""
    parts: dict[tuple[type[Part], str], int] = {}
    readings: list[Reading] = []
    for name, measure in measures.items():
        kind = _PARTS[measure.kind]
        part = None
        if kind is not None and measure.column is not None:
            part = parts.setdefault((kind, measure.column), len(parts))
        readings.append((name, part, _value_of(measure)))
    return tuple(readings), tuple(parts), tuple(kind for kind, _ in parts)


def _value_of(measure: Measure) -> Callable[[int, Any, float], Value]:
    """Give the function that makes the value of a count of rows, a part, and a length in seconds."""
    q = {MeasureKind.MIN: 0.0, MeasureKind.MAX: 1.0}.get(measure.kind, measure.q or 0.0)
    match measure.kind:
        case MeasureKind.COUNT:
            return lambda count, _part, _length: count
        case MeasureKind.RATE if measure.column is None:
            return lambda count, _part, length: count / length
        case MeasureKind.RATE:
            return lambda _count, part, length: part.sum() / length
        case MeasureKind.SUM:
            return lambda _count, part, _length: part.sum() if part.count else None
        case MeasureKind.MEAN:
            return lambda _count, part, _length: part.mean()
        case MeasureKind.DISTINCT:
            return lambda _count, part, _length: len(part)
        case _:
            return lambda _count, part, _length: part.quantile(q)


def column_name(name: object, role: str) -> str:
    """Check a column's name; WindowError for what is none."""
    if not isinstance(name, str) or not name:
        raise WindowError(
            f"`{role}` is no column's name: {name!r}.", f'Write {role}="created_at", for example.'
        )
    return name


def column_names(names: object, role: str) -> tuple[str, ...]:
    """Check one column's name or several."""
    several = names if isinstance(names, Sequence) and not isinstance(names, str) else (names,)
    return tuple(column_name(name, role) for name in several)


def group_order(group: Group) -> tuple[tuple[bool, str], ...]:
    """Where a series stands among others: values of any kinds, null last."""
    return tuple((value is None, str(value)) for value in group)
