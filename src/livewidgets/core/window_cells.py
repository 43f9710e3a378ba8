"""What a window holds: buckets of time, and in each a cell for every series."""

from __future__ import annotations

from collections.abc import Sequence

from livewidgets.core.change import Key
from livewidgets.core.window_parts import Part
from livewidgets.core.window_plan import Group


class Cell:
    """What one series has in one bucket: how many rows, and the parts that the measures read."""

    __slots__ = ("count", "parts")

    def __init__(self, kinds: Sequence[type[Part]]) -> None:
        self.count = 0
        self.parts = [kind() for kind in kinds]


class Bucket:
    """One stretch of time: a cell for each series that has rows in it, and the keys of those rows."""

    __slots__ = ("cells", "keys")

    def __init__(self) -> None:
        self.cells: dict[Group, Cell] = {}
        self.keys: set[Key] = set()


def join(cells: Sequence[Cell]) -> Cell:
    """Make one cell of several, at least one; they stay as they are."""
    if len(cells) == 1:
        return cells[0]
    whole = Cell(())
    whole.count = sum(cell.count for cell in cells)
    whole.parts = [
        type(part).merge(cell.parts[place] for cell in cells) for place, part in enumerate(cells[0].parts)
    ]
    return whole
