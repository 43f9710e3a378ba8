"""Traits that travel to the page, each saying who owns it. Nowhere else is a trait tagged for sync.

A trait owned by the kernel is set in Python only: what a page says about it is ignored. A trait owned by the view
is written by the page (what the user selected, typed, sorted by) and may be set in Python too.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import anywidget
import traitlets


class Owner(StrEnum):
    """Who writes a trait."""

    KERNEL = "kernel"
    VIEW = "view"


def _synced(trait: traitlets.TraitType[Any, Any], owner: Owner) -> None:
    trait.tag(sync=True, owner=owner.value)


class Text(traitlets.Unicode[str, str | bytes]):
    """A string."""

    def __init__(self, default: str = "", *, owner: Owner, help: str = "") -> None:  # noqa: A002 - traitlets' word
        super().__init__(default, help=help)
        _synced(self, owner)


class OptionalText(traitlets.Unicode["str | None", "str | bytes | None"]):
    """A string or None."""

    def __init__(self, *, owner: Owner, help: str = "") -> None:  # noqa: A002
        super().__init__(None, allow_none=True, help=help)
        _synced(self, owner)


class Flag(traitlets.Bool[bool, bool | int]):
    """True or False."""

    def __init__(self, default: bool, *, owner: Owner, help: str = "") -> None:  # noqa: A002
        super().__init__(default, help=help)
        _synced(self, owner)


class Number(traitlets.Float[float, float]):
    """A number within limits."""

    def __init__(
        self,
        default: float,
        *,
        owner: Owner,
        least: float | None = None,
        most: float | None = None,
        help: str = "",  # noqa: A002
    ) -> None:
        super().__init__(default, min=least, max=most, help=help)
        _synced(self, owner)


class Count(traitlets.Int[int, int]):
    """How many of something."""

    def __init__(
        self,
        default: int,
        *,
        owner: Owner,
        least: int = 0,
        most: int | None = None,
        help: str = "",  # noqa: A002
    ) -> None:
        super().__init__(default, min=least, max=most, help=help)
        _synced(self, owner)


class Pixels(traitlets.Int[int, int]):
    """A length on the screen."""

    def __init__(self, default: int, *, owner: Owner, least: int = 0, help: str = "") -> None:  # noqa: A002
        super().__init__(default, min=least, help=help)
        _synced(self, owner)


class Choice(traitlets.Enum[str]):
    """One of a few words."""

    def __init__(self, values: Sequence[str], *, owner: Owner, help: str = "") -> None:  # noqa: A002
        super().__init__(values, default_value=values[0], help=help)
        _synced(self, owner)


class Texts(traitlets.List[str]):
    """A list of strings. Assign a new list: a change in place is not noticed."""

    def __init__(self, *, owner: Owner, help: str = "") -> None:  # noqa: A002
        super().__init__(traitlets.Unicode(), help=help)
        _synced(self, owner)


class Interval(traitlets.List[float]):
    """A stretch of time, ``[from, to]`` in ms since 1970, or None."""

    def __init__(self, *, owner: Owner, help: str = "") -> None:  # noqa: A002
        super().__init__(
            traitlets.Float(), default_value=None, allow_none=True, minlen=2, maxlen=2, help=help
        )
        _synced(self, owner)

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ANN401 - as traitlets has it
        """Refuse what does not go forwards, or is no time."""
        checked = super().validate(obj, value)
        if checked is not None and not -8.64e15 <= checked[0] < checked[1] <= 8.64e15:
            raise traitlets.TraitError(f"{self.name} is [from, to] in ms, from before to, not {value!r}.")
        return checked


class WidgetReference(anywidget.WidgetTrait):
    """Another widget; the page gets its model's id."""

    def __init__(self, *, owner: Owner) -> None:
        super().__init__()
        _synced(self, owner)


def owner_of(trait: traitlets.TraitType[Any, Any]) -> Owner | None:
    """Return who owns a trait; None when it is none of ours."""
    owner = trait.metadata.get("owner")
    return None if owner is None else Owner(owner)
