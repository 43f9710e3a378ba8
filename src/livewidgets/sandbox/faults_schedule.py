"""A bad day written down: which faults come when. The same seed gives the same day.

::

    day = Schedule([(0.5, "cut"), (2.0, "restore"), (3.0, "reset_connections", 1012)])
    day.run(proxy)                               # by the clock of this machine
    playing = day.play(proxy, clock)             # by a clock of yours: livewidgets.testing.ManualClock
    clock.advance(2.5); playing.advance()

With hypothesis, which finds the shortest day that breaks something::

    @given(st.integers(0, 10_000).map(Schedule.random))
    def test_my_dashboard_recovers(day): ...
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from livewidgets.errors import SandboxStartError

if TYPE_CHECKING:
    from livewidgets.sandbox.faults import FaultProxy

#: The faults, each with what may make up its arguments.
KINDS: dict[str, Callable[[random.Random], tuple[Any, ...]]] = {
    "cut": lambda _: (),
    "stall": lambda _: (),
    "delay": lambda chance: (round(chance.uniform(0.01, 0.3), 3),),
    "throttle": lambda chance: (chance.randrange(2_000, 200_000),),
    "reset_connections": lambda chance: (chance.choice((None, 1000, 1001, 1011, 1012, 1013, 3000, 4000)),),
    "drop": lambda chance: ("postgres_changes", chance.randrange(1, 5)),
    "duplicate": lambda chance: ("postgres_changes", chance.randrange(1, 5)),
    "truncate": lambda _: (),
    "swallow_heartbeats": lambda _: (),
    "answer_joins_late": lambda chance: (round(chance.uniform(0.05, 1.0), 3),),
    "send_garbage": lambda chance: (chance.randrange(1000),),
}
_OTHERS = ("restore", "restart_backend")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and its time.

    Attributes
    ----------
    at
        Seconds after the schedule's start.
    name
        The method of `FaultProxy`.
    arguments
        Of the method.
    """

    at: float
    name: str
    arguments: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in KINDS and self.name not in _OTHERS:
            raise SandboxStartError(
                f"There is no fault {self.name!r}.", f"Use one of: {', '.join((*KINDS, *_OTHERS))}."
            )


class Schedule:
    """Faults in order of time.

    Parameters
    ----------
    faults
        `Fault` objects, or tuples of time, name and arguments.
    """

    def __init__(self, faults: Iterable[Fault | tuple[Any, ...]]) -> None:
        made = [f if isinstance(f, Fault) else Fault(f[0], f[1], tuple(f[2:])) for f in faults]
        self.faults = tuple(sorted(made, key=lambda fault: fault.at))

    def __repr__(self) -> str:
        shown = [(fault.at, fault.name, *fault.arguments) for fault in self.faults]
        return f"Schedule({shown})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and other.faults == self.faults

    def __hash__(self) -> int:
        return hash(self.faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.faults)

    @classmethod
    def random(
        cls, seed: int, seconds: float = 3.0, count: int = 6, kinds: Iterable[str] = tuple(KINDS)
    ) -> Schedule:
        """Make up a day; at its end everything is restored.

        Parameters
        ----------
        seed
            Which day.
        seconds
            How long it is.
        count
            How many faults it has.
        kinds
            What they are chosen from; the others that there are: ``restart_backend``.
        """
        chance = random.Random(seed)  # noqa: S311 - a story, no secret
        names = list(kinds)
        faults: list[Fault] = []
        for _ in range(count):
            at = round(chance.uniform(0, seconds), 3)
            name = chance.choice(names)
            arguments = KINDS[name](chance) if name in KINDS else ()
            faults.append(Fault(at, name, arguments))
            if chance.random() < 0.5:
                faults.append(Fault(round(chance.uniform(at, seconds), 3), "restore"))
        return cls([*faults, Fault(seconds, "restore")])

    def play(self, proxy: FaultProxy, clock: Callable[[], float] = time.monotonic) -> Playing:
        """Begin now, by a clock; then call `Playing.advance` whenever it has moved."""
        return Playing(self.faults, proxy, clock)

    def run(
        self,
        proxy: FaultProxy,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Let the whole of it happen; returns after the last fault."""
        playing = self.play(proxy, clock)
        while (wait := playing.advance()) is not None:
            sleep(wait)


class Playing:
    """A schedule under way.

    Parameters
    ----------
    faults, proxy, clock
        What happens, to whom, by which clock.
    """

    def __init__(self, faults: tuple[Fault, ...], proxy: FaultProxy, clock: Callable[[], float]) -> None:
        self._left = list(faults)
        self._proxy = proxy
        self._clock = clock
        self._began = clock()

    def advance(self) -> float | None:
        """Let happen what is due; gives the seconds until the next fault, None when that was all."""
        while self._left:
            wait = self._began + self._left[0].at - self._clock()
            if wait > 0:
                return wait
            fault = self._left.pop(0)
            getattr(self._proxy, fault.name)(*fault.arguments)
        return None
