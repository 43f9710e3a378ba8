"""Versions: what is installed against the ranges that this package was made for."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_REQUIREMENT = re.compile(
    r"^\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*\(?(?P<range>[^;)]*)\)?\s*(?:;(?P<when>.*))?$"
)
_BOUND = re.compile(r"^(?P<sign>>=|<=|==|!=|~=|>|<)\s*(?P<version>[\w.*+!-]+)$")
_EXTRA = re.compile(r"""extra\s*==\s*['"](?P<extra>[\w-]+)['"]""")


@dataclass(frozen=True, slots=True)
class Need:
    """A package that is needed.

    Attributes
    ----------
    name
        The package.
    range
        Such as ``>=0.11,<0.12``; empty for any.
    extra
        The extra that brings it; empty for one that is always needed.
    """

    name: str
    range: str
    extra: str = ""


def parse_need(text: str) -> Need | None:
    """Read a line of a package's requirements; None for what is no plain one."""
    found = _REQUIREMENT.match(text)
    if found is None:
        return None
    extra = _EXTRA.search(found["when"] or "")
    bounds = sorted(
        (found["range"] or "").replace(" ", "").split(","), key=lambda bound: not bound.startswith(">")
    )
    return Need(found["name"], ",".join(bound for bound in bounds if bound), extra["extra"] if extra else "")


def release(version: str) -> tuple[int, ...]:
    """Give the numbers of a version, without what comes after them: ``1.2.0rc1`` is (1, 2, 0)."""
    numbers = []
    for part in version.partition("+")[0].split("."):
        digits = re.match(r"\d+", part)
        if digits is None:
            break
        numbers.append(int(digits[0]))
        if digits[0] != part:
            break
    return tuple(numbers)


def is_within(version: str, range_: str) -> bool:
    """Whether a version is in a range of plain bounds; a bound that is not understood is taken to hold."""
    return all(_holds(version, bound) for bound in range_.split(",") if bound)


def _holds(version: str, bound: str) -> bool:
    found = _BOUND.match(bound.strip())
    if found is None or "*" in found["version"]:
        return True
    mine, other = release(version), release(found["version"])
    length = max(len(mine), len(other))
    left, right = mine + (0,) * (length - len(mine)), other + (0,) * (length - len(other))
    match found["sign"]:
        case ">=":
            return left >= right
        case "<":
            return left < right
        case ">":
            return left > right
        case "<=":
            return left <= right
        case "==":
            return left == right
        case "!=":
            return left != right
        case _:  # ~=
            return left >= right and left[: len(other) - 1] == other[:-1]


@dataclass(frozen=True, slots=True)
class Installed:
    """A package that is needed, and the version that is there; None where it is missing."""

    need: Need
    version: str | None

    @property
    def fits(self) -> bool:
        """Whether it may be used; one of an extra may be missing."""
        if self.version is None:
            return bool(self.need.extra)
        return is_within(self.version, self.need.range)


def compare(needs: Sequence[str], version_of: Callable[[str], str | None]) -> list[Installed]:
    """Compare requirements with what is installed; those of extras that are not installed are left out."""
    compared: dict[str, Installed] = {}
    for text in needs:
        need = parse_need(text)
        if need is None or need.extra == "dev" or need.name in compared:
            continue
        version = version_of(need.name)
        if version is None and need.extra:
            continue
        compared[need.name] = Installed(need, version)
    return list(compared.values())


def installed_version(name: str) -> str | None:
    """Give the version of a package, None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def own_needs() -> list[str]:
    """Give what this package requires; nothing where it runs from a tree that is not installed."""
    try:
        return importlib.metadata.requires("livewidgets") or []
    except importlib.metadata.PackageNotFoundError:
        return []
