"""The ``Prefer`` header: what a request wishes for, and what of it is granted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from livewidgets.sandbox.rest_errors import RestError

_KNOWN = {
    "resolution": ("merge-duplicates", "ignore-duplicates"),
    "missing": ("default", "null"),
    "return": ("representation", "minimal", "headers-only"),
    "count": ("exact", "planned", "estimated"),
    # A project commits whatever is wished for.
    "tx": ("commit", "rollback"),
    "handling": ("strict", "lenient"),
}


@dataclass(frozen=True)
class Preferences:
    """The wishes that are understood; None for those that are not there.

    Attributes
    ----------
    unknown
        Those that are not understood.
    """

    resolution: str | None = None
    missing: str | None = None
    returned: str | None = None
    count: str | None = None
    handling: str | None = None
    timezone: str | None = None
    max_affected: int | None = None
    unknown: tuple[str, ...] = field(default=())

    @property
    def represented(self) -> bool:
        """Whether the changed rows are to be in the answer."""
        return self.returned == "representation"

    def check(self, zones: frozenset[str]) -> None:
        """Refuse what is not understood, where that is wished for.

        Raises
        ------
        RestError
            PGRST122.
        """
        unknown = list(self.unknown)
        if self.timezone is not None and self.timezone not in zones:
            unknown.append(f"timezone={self.timezone}")
        if self.handling == "strict" and unknown:
            details = f"Invalid preferences: {', '.join(unknown)[:500]}"
            raise RestError(400, "PGRST122", "Invalid preferences given with handling=strict", details)

    def applied(self, method: str, zones: frozenset[str]) -> str:
        """Write the ``Preference-Applied`` header of a request."""
        reading = method in ("GET", "HEAD")
        strict = self.handling == "strict"
        parts = [
            ("resolution", self.resolution if method == "POST" else None),
            ("missing", self.missing if method in ("POST", "PATCH") else None),
            ("return", None if reading else self.returned),
            ("count", self.count),
            ("handling", self.handling),
            ("timezone", self.timezone if self.timezone in zones else None),
            ("max-affected", self.max_affected if strict and method in ("PATCH", "DELETE") else None),
        ]
        return ", ".join(f"{name}={value}" for name, value in parts if value is not None)


def read_preferences(headers: Sequence[str]) -> Preferences:
    """Read the headers; of a repeated wish the first counts."""
    found: dict[str, str] = {}
    unknown: list[str] = []
    for part in ",".join(headers).split(","):
        text = part.strip()
        name, _, value = text.partition("=")
        if name in ("timezone", "max-affected") or value in _KNOWN.get(name, ()):
            found.setdefault(name, value)
        elif text:
            unknown.append(text)
    most = found.get("max-affected", "")
    return Preferences(
        found.get("resolution"),
        found.get("missing"),
        found.get("return"),
        found.get("count"),
        found.get("handling"),
        found.get("timezone"),
        int(most) if most.isascii() and most.isdecimal() and len(most) < 19 else None,
        tuple(unknown),
    )
