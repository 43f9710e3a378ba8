"""The figures of a pay-per-call business: each with its formula, its unit, and which way is better.

All are about the calls that came in within a window of time, by ``created_at``; `live` and `concurrency` alone are
about this moment, whenever the calls came in. A figure that would divide by zero is None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from livewidgets.core.call_status import has_ended, normal_status
from livewidgets.core.change import Row
from livewidgets.core.values import instant, microseconds
from livewidgets.core.window_parts import number


class Unit(StrEnum):
    """What a figure counts."""

    CALLS = "calls"
    SHARE = "share"  # 0 to 1, shown in percent
    SECONDS = "seconds"
    MONEY = "money"
    MONEY_A_CALL = "money a call"


@dataclass(frozen=True, slots=True)
class Formula:
    """How a figure is made.

    Attributes
    ----------
    name, label
        Its name in code and on a tile.
    unit
        What it counts.
    text
        The formula in words, with its denominator.
    higher_is_better
        Which way is better; None for one that is neither.
    """

    name: str
    label: str
    unit: Unit
    text: str
    higher_is_better: bool | None = True

    @property
    def is_money(self) -> bool:
        """Whether a board without money leaves it out."""
        return self.unit in (Unit.MONEY, Unit.MONEY_A_CALL) or self.name == "margin"


FORMULAS: Final[Mapping[str, Formula]] = {
    formula.name: formula
    for formula in (
        Formula("incoming", "Incoming", Unit.CALLS, "calls that came in"),
        Formula("live", "Live", Unit.CALLS, "calls that have not ended, now", None),
        Formula(
            "concurrency", "Concurrency", Unit.CALLS, "calls that are connected and have not ended, now", None
        ),
        Formula("connected", "Connected", Unit.CALLS, "calls that a buyer has answered"),
        Formula("converted", "Converted", Unit.CALLS, "calls that were converted"),
        Formula(
            "completed", "Completed", Unit.CALLS, "calls with the status completed, voicemail among them"
        ),
        Formula("missed", "Missed", Unit.CALLS, "calls that ended neither connected nor completed", False),
        Formula("duplicate", "Duplicates", Unit.CALLS, "calls of a caller who had called before", False),
        Formula("connect_rate", "Connect rate", Unit.SHARE, "connected / incoming"),
        Formula("conversion", "Conversion", Unit.SHARE, "converted / connected"),
        Formula(
            "tcl", "Total call length", Unit.SECONDS, "connected seconds, of calls that still talk up to now"
        ),
        Formula("acl", "Average call length", Unit.SECONDS, "connected seconds / connected"),
        Formula("revenue", "Revenue", Unit.MONEY, "what buyers pay"),
        Formula("payout", "Payout", Unit.MONEY, "what publishers get", None),
        Formula("telco_cost", "Telco cost", Unit.MONEY, "what the lines cost", False),
        Formula("profit", "Profit", Unit.MONEY, "revenue - payout - telco cost"),
        Formula("margin", "Margin", Unit.SHARE, "profit / revenue"),
        Formula("rpc", "Revenue per call", Unit.MONEY_A_CALL, "revenue / incoming"),
    )
}

#: What is summed of each call; the figures are made of these sums alone.
SUMMED: Final = (
    "incoming",
    "connected",
    "converted",
    "completed",
    "missed",
    "duplicate",
    "connected_seconds",
    "talking",
    "talking_since",
    "revenue",
    "payout",
    "telco_cost",
)


def is_live(row: Row) -> bool:
    """Say whether a call has not ended; an unknown status ends none."""
    return not has_ended(row)


def is_connected(row: Row) -> bool:
    """Say whether a buyer has answered, be the call over or not."""
    return row.get("connected_at") is not None or normal_status(row.get("status")) == "in-progress"


def parts_of(row: Row) -> dict[str, float]:
    """Say what a call adds to each of `SUMMED`."""
    connected, ended = is_connected(row), has_ended(row)
    completed = normal_status(row.get("status")) == "completed"
    parts: dict[str, float] = {"incoming": 1}
    if connected:
        parts["connected"] = 1
    if row.get("is_converted") is True:
        parts["converted"] = 1
    if row.get("is_duplicate") is True:
        parts["duplicate"] = 1
    if completed:
        parts["completed"] = 1
    elif ended and not connected:
        parts["missed"] = 1
    for name in ("revenue", "payout", "telco_cost"):
        amount = number(row.get(name))
        if amount:
            parts[name] = amount
    talked = number(row.get("connected_seconds"))
    if talked is not None and (ended or talked):
        parts["connected_seconds"] = talked
    elif connected:
        since, until = _seconds_at(row.get("connected_at")), _seconds_at(row.get("ended_at"))
        if since is not None and until is not None:
            parts["connected_seconds"] = max(until - since, 0.0)
        elif since is not None and not ended:
            parts["talking"], parts["talking_since"] = 1, since
    return parts


def _seconds_at(moment: object) -> float | None:
    found = instant(moment) if isinstance(moment, str) else None
    return None if found is None else microseconds(found) / 1e6


def figures(
    sums: Mapping[str, float], now: float, live: int | None = None, concurrency: int | None = None
) -> dict[str, float | None]:
    """Make all figures of sums.

    Parameters
    ----------
    sums
        Of `SUMMED`; what is missing is 0.
    now
        The time up to which calls that still talk have talked (seconds since 1970).
    live, concurrency
        These two as they are now; None where they are not known, as for a time that is over.

    Returns
    -------
    dict
        By the names of `FORMULAS`, in their order.
    """
    get = sums.get
    incoming, connected, converted = get("incoming", 0), get("connected", 0), get("converted", 0)
    revenue, payout, telco_cost = get("revenue", 0.0), get("payout", 0.0), get("telco_cost", 0.0)
    talking = get("talking", 0) * now - get("talking_since", 0.0)
    total = get("connected_seconds", 0.0) + max(talking, 0.0)
    # Rounded once: 0.3 - 0.1 - 0.1 in steps would show 0.09999999999999998.
    profit = math.fsum((revenue, -payout, -telco_cost))
    return {
        "incoming": incoming,
        "live": live,
        "concurrency": concurrency,
        "connected": connected,
        "converted": converted,
        "completed": get("completed", 0),
        "missed": get("missed", 0),
        "duplicate": get("duplicate", 0),
        "connect_rate": ratio(connected, incoming),
        "conversion": ratio(converted, connected),
        "tcl": total,
        "acl": ratio(total, connected),
        "revenue": revenue,
        "payout": payout,
        "telco_cost": telco_cost,
        "profit": profit,
        "margin": ratio(profit, revenue),
        "rpc": ratio(revenue, incoming),
    }


def ratio(above: float | None, below: float | None) -> float | None:
    """Divide; None where that cannot be done."""
    return above / below if above is not None and below else None
