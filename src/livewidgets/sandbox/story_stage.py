"""What the parts of the story share: its time, its dice, and the rows that they write. No clock, no I/O."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterator


class At(float):
    """A simulated time in a row; the player turns it into a timestamp."""

    __slots__ = ()


class Plus(float):
    """An amount to add to what the row holds."""

    __slots__ = ()


#: Stands for `ended_at - connected_at` in whole seconds; the player fills it in.
TALK_TIME = "talk time"


@dataclass(frozen=True, slots=True)
class Step:
    """One row written: an insert of a whole row, or an update of some columns."""

    kind: Literal["insert", "update"]
    table: str
    id: UUID
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """What happens at one simulated instant, and is written in one transaction."""

    at: float
    steps: tuple[Step, ...]


#: What happens now, and the seconds until the same thread of the story goes on.
Beat = tuple[list[Step], float]


class Stage:
    """Interleaves the threads of a story in order of time.

    Parameters
    ----------
    dice
        Names the random numbers: the same name gives the same ones.
    now
        The simulated second at which it begins.

    Attributes
    ----------
    chance
        The dice.
    now
        The simulated second of the thread that has its turn.
    """

    def __init__(self, dice: str, now: float) -> None:
        self.chance = random.Random(dice)  # noqa: S311 - a story, no secret
        self.now = now
        self._queue: list[tuple[float, int, Iterator[Beat]]] = []
        self._order = count()

    def begin(self, thread: Iterator[Beat], wait: float = 0.0) -> None:
        """Let a thread of the story begin, or go on, after a while."""
        # Milliseconds: two databases must not round a time differently.
        heapq.heappush(self._queue, (round(self.now + wait, 3), next(self._order), thread))

    def new_id(self) -> UUID:
        """Make a row's id."""
        # Version 8 is for ids of one's own making: by it the player knows its rows from those of others.
        bits = self.chance.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62)
        return UUID(int=bits | (8 << 76) | (2 << 62))

    def moments(self) -> Iterator[Moment]:
        """Give what happens, for as long as a thread goes on."""
        while self._queue:
            self.now, _, thread = heapq.heappop(self._queue)
            try:
                steps, wait = next(thread)
            except StopIteration:
                continue
            self.begin(thread, wait)
            if steps:
                yield Moment(self.now, tuple(steps))
