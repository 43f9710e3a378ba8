"""Tiles as a board shows them: a figure with its target, its difference to before, and its course.

Pure: figures go in, cells come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from livewidgets.core.change import Row
from livewidgets.core.kpi import FORMULAS, Delta, Kpis, judge, use_of_cap
from livewidgets.core.kpi_caps import CapCounts
from livewidgets.core.kpi_formulas import Unit
from livewidgets.core.window_plan import Value

#: What the page gets of each tile and of each cap, in this order.
COLUMNS: Final = (
    "kind",
    "order",
    "label",
    "unit",
    "value",
    "part",
    "whole",
    "formula",
    "target",
    "state",
    "delta",
    "relative",
    "better",
    "spark",
    "cap",
    "capped",
)
#: The tile that is no figure: bars of how much of each cap is used.
CAPS: Final = "caps"
#: What a board shows where nobody chose.
TILES: Final = (
    "incoming",
    "live",
    "connect_rate",
    "conversion",
    "acl",
    "revenue",
    "payout",
    "profit",
    "margin",
    "rpc",
    CAPS,
)
#: Caps that are sent, the fullest first.
MOST_CAPS: Final = 60
#: Points of a course at most.
POINTS: Final = 90
#: What stands above and below in a figure, to be said beside it.
_PARTS: Final[Mapping[str, tuple[str | None, str | None]]] = {
    "live": ("concurrency", None),
    "connect_rate": ("connected", "incoming"),
    "conversion": ("converted", "connected"),
    "acl": (None, "connected"),
    "rpc": (None, "incoming"),
}
#: Decimals that are told of each unit: a change below them is none to a reader, and no message.
_DECIMALS: Final[Mapping[Unit, int]] = {
    Unit.CALLS: 0,
    Unit.SHARE: 4,
    Unit.SECONDS: 0,
    Unit.MONEY: 2,
    Unit.MONEY_A_CALL: 3,
}
#: Column of a target to the name of its cap.
_CAP_COLUMNS: Final = {"concurrency_cap": "concurrency", "daily_cap": "daily"}


def chosen(tiles: Iterable[str], *, money: bool, caps: bool) -> tuple[str, ...]:
    """Return the tiles that are shown, in their order; none with money where there is to be none."""
    return tuple(name for name in tiles if (caps if name == CAPS else money or not FORMULAS[name].is_money))


def figure_cells(
    names: Sequence[str],
    kpis: Kpis,
    targets: Mapping[str, float],
    courses: Mapping[str, str],
    *,
    compared: bool,
) -> dict[str, tuple[Any, ...]]:
    """Return the cells of figures by their names.

    Parameters
    ----------
    names
        Of `FORMULAS`, in the order of the tiles; `CAPS` only takes its place.
    kpis
        The figures.
    targets
        What is aimed at, by name.
    courses
        As `courses` gives them.
    compared
        Whether the window before is known. One without a call, as before the business opened, is no measure.
    """
    values = kpis.values()
    deltas = kpis.deltas() if compared and kpis.previous()["incoming"] else {}
    return {
        name: _cells(name, order, values, targets.get(name), deltas.get(name), courses.get(name, ""))
        for order, name in enumerate(names)
        if name != CAPS
    }


def _cells(
    name: str,
    order: int,
    values: Mapping[str, Value],
    target: float | None,
    change: Delta | None,
    course: str,
) -> tuple[Any, ...]:
    formula = FORMULAS[name]
    higher = formula.higher_is_better
    state = judge(values[name], target, higher_is_better=higher is not False)
    above, below = _PARTS.get(name, (None, None))
    digits = _DECIMALS[formula.unit]
    return (
        "tile",
        order,
        formula.label,
        formula.unit.value,
        _rounded(values[name], digits),
        *(None if part is None else _rounded(values[part], 0) for part in (above, below)),
        formula.text,
        target,
        None if state is None else state.value,
        None if change is None else _rounded(change.absolute, digits),
        None if change is None else _rounded(change.relative, 4),
        higher,
        course,
        None,
        None,
    )


def courses(names: Iterable[str], kpis: Kpis) -> dict[str, str]:
    """Return the course of each figure over the window, as numbers with commas between; nothing where it has none."""
    wanted = [name for name in names if name not in (CAPS, "live", "concurrency")]
    return {name: _course(values) for name, values in kpis.history(wanted).items()}


def _course(values: Sequence[Value]) -> str:
    step = -(-len(values) // POINTS)
    return ",".join("" if value is None else f"{value:.4g}" for value in values[::-1][::step][::-1])


def _rounded(value: float | None, digits: int) -> float | None:
    if value is None:
        return None
    rounded = round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def cap_cells(order: int, targets: Mapping[Any, Row], counts: CapCounts) -> dict[str, tuple[Any, ...]]:
    """Return the cells of caps, the fullest first.

    Parameters
    ----------
    order
        The place of their tile.
    targets
        Rows by id.
    counts
        What is used.
    """
    found: list[tuple[float, str, str, tuple[Any, ...]]] = []
    for identity, row in targets.items():
        label = str(row.get("name") or str(identity)[:8])
        for column, kind in _CAP_COLUMNS.items():
            used = counts.talking(identity) if kind == "concurrency" else counts.connected(identity)
            use = use_of_cap(used, whole(row.get(column)))
            if use is None:
                continue
            share = use.share if use.share is not None else 1.0
            cells = (
                "cap", order, label, kind, use.used, None, None, "", None,
                "red" if use.reached else "amber" if share >= 0.9 else "green",
                None, None, None, "", use.cap, row.get("status") == "capped",
            )  # fmt: skip
            found.append((-share, label, f"cap:{identity}:{kind}", cells))
    found.sort(key=lambda one: one[:3])
    return {key: cells for _, _, key, cells in found[:MOST_CAPS]}


def whole(value: object) -> int | None:
    """Return a cap as a number of calls; None where there is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return int(number) if number.is_finite() else None
