"""What stands in a stream where something is missing: it is told, never passed over in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class GapReason(StrEnum):
    """Why something is missing."""

    #: The connection was lost and is back; what was sent meanwhile is not sent again.
    RECONNECTED = "reconnected"
    #: The server began its stream anew on the same connection.
    RESTARTED = "restarted"
    #: The reader was slower than what came.
    OVERFLOW = "overflow"


@dataclass(frozen=True, slots=True)
class Gap:
    """Something is missing here.

    Attributes
    ----------
    reason
        Why.
    missed
        How many items were left out; None where nobody knows, and it may be none.
    since
        When it began (seconds since 1970), where that is known.
    """

    reason: GapReason
    missed: int | None = None
    since: float | None = None

    @property
    def kind(self) -> str:
        """``GAP``, where a change says INSERT, UPDATE or DELETE."""
        return "GAP"

    @property
    def record(self) -> Mapping[str, Any]:
        """Empty: a gap reads like a change of no row."""
        return _NOTHING

    @property
    def old_record(self) -> Mapping[str, Any]:
        """Empty."""
        return _NOTHING


def overflow(last: object, newer: object) -> Gap:
    """Leave out two items that there is no room for, and say how many that makes."""
    missed = sum((item.missed or 0) if isinstance(item, Gap) else 1 for item in (last, newer))
    since = last.since if isinstance(last, Gap) else None
    return Gap(GapReason.OVERFLOW, missed, since)
