"""Plays the story into the database at the pace of the clock; it can be paused, resumed, and played faster."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from livewidgets.errors import SandboxStartError
from livewidgets.sandbox.scenario import scenario_named
from livewidgets.sandbox.story import Story, opening
from livewidgets.sandbox.traffic_writer import Writer, seed_base

if TYPE_CHECKING:
    from livewidgets.sandbox.story import Step

__all__ = ["Pace", "Traffic", "seed_base"]

#: Rows written in one transaction when more is due than can be told apart.
BATCH = 400
#: Seconds of delay at which the story gives up being punctual: the machine cannot keep this speed.
LAG_LIMIT = 1.0
#: Seconds that `Traffic.set` waits for the player.
PATIENCE = 10.0
#: Speeds that make sense: from one call in hours to more than any machine keeps up with.
SLOWEST, FASTEST = 0.001, 1_000_000.0

State = Literal["playing", "paused"]


@dataclass(frozen=True)
class Pace:
    """How the story is played.

    Attributes
    ----------
    state
        ``playing`` or ``paused``. While it is paused nothing is written: live calls stay live.
    speed
        Simulated seconds in a second: 1 is life, 600 about 2,000 changes a second.
    scenario
        What kind of day it is: ``normal``, ``rush``, ``outage`` or ``bid_war``.
    """

    state: State = "playing"
    speed: float = 1.0
    scenario: str = "normal"

    def __post_init__(self) -> None:
        scenario_named(self.scenario)
        if self.state not in ("playing", "paused"):
            raise SandboxStartError(f"Traffic cannot be {self.state!r}.", "Use 'playing' or 'paused'.")
        if (
            isinstance(self.speed, bool)
            or not isinstance(self.speed, int | float)
            or not SLOWEST <= self.speed <= FASTEST
        ):
            raise SandboxStartError(
                f"Traffic has no speed {self.speed!r}.", f"Use a number from {SLOWEST:g} to {FASTEST:g}."
            )


class Traffic:
    """The story as it is played into one database.

    Parameters
    ----------
    dsn
        The superuser's address.
    seed
        Which story.
    pace
        How it is played at first.
    """

    def __init__(self, dsn: str, seed: int = 7, pace: Pace | None = None) -> None:
        self._seed = seed
        self._pace = pace or Pace()
        self._story: Story | None = None
        self._writer = Writer(dsn, self._date_of)
        #: What `set` asked for. The player takes it over between two transactions.
        self._wanted: Pace | None = None
        self._is_running = False
        self._changed = asyncio.Event()
        self._applied = asyncio.Event()
        # Where simulated time 0 lies, by the steady clock and by the calendar; and where it stands while paused.
        self._zero = time.monotonic()
        self._zero_date = datetime.now(UTC)
        self._stands_at: float | None = None

    def __repr__(self) -> str:
        return f"<Traffic {self._pace.state}, {self._pace.scenario}, speed {self._pace.speed:g}>"

    @property
    def pace(self) -> Pace:
        """How it is played now."""
        return self._pace

    @property
    def written(self) -> int:
        """Rows written, ever."""
        return self._writer.written

    async def set(self, pace: Pace) -> None:
        """Play it in another way from now on. Once it returns from a pause, nothing more is written.

        Parameters
        ----------
        pace
            The whole of it: take `dataclasses.replace` on the one that holds.

        Raises
        ------
        SandboxStartError
            The player is busy waiting for its database; it follows later.
        """
        self._wanted = pace
        self._applied.clear()
        self._changed.set()
        if not self._is_running:
            self._apply(0.0)
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._applied.wait()
        except TimeoutError:
            raise SandboxStartError(
                "The traffic waits for its database.", "It follows when that is back."
            ) from None

    async def play(self) -> None:
        """Write the story into the database, for ever; a database that goes away is waited for."""
        self._is_running = True
        try:
            await self._until(0.0)
            chapter = await self._writer.turn_the_page()
            self._story = Story(self._seed, chapter, scenario_named(self._pace.scenario))
            moments = iter(self._story)
            steps, first = opening(moments)
            self._start_clock(0.0)
            for start in range(0, len(steps), BATCH):
                await self._writer.write(steps[start : start + BATCH])
            pending: list[Step] = []
            for moment in chain((first,), moments):
                is_due = self._delay(moment.at) <= 0
                if not is_due or len(pending) >= BATCH or self._wanted is not None:
                    if pending:
                        await self._writer.write(pending)
                        pending = []
                    await self._until(moment.at)
                pending += moment.steps
        finally:
            self._is_running = False
            await self._writer.close()

    async def _until(self, at: float) -> None:
        """Wait for a simulated time, however the pace changes meanwhile."""
        while True:
            if self._wanted is not None:
                self._apply(at)
            delay = self._delay(at)
            if delay < -LAG_LIMIT:
                self._zero -= delay
                self._zero_date -= timedelta(seconds=delay)
            is_playing = self._pace.state == "playing"
            if is_playing and delay <= 0:
                return
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(delay if is_playing else None):
                    await self._changed.wait()

    def _apply(self, upcoming: float) -> None:
        """Take over what was asked for; simulated time goes on where it is, before what comes next."""
        assert self._wanted is not None
        at = (
            (time.monotonic() - self._zero) * self._pace.speed if self._stands_at is None else self._stands_at
        )
        at = min(at, upcoming)
        self._pace, self._wanted = self._wanted, None
        self._start_clock(at)
        self._stands_at = at if self._pace.state == "paused" else None
        if self._story is not None:
            self._story.scenario = scenario_named(self._pace.scenario)
        self._applied.set()

    def _start_clock(self, at: float) -> None:
        self._zero = time.monotonic() - at / self._pace.speed
        self._zero_date = datetime.now(UTC) - timedelta(seconds=at / self._pace.speed)

    def _delay(self, at: float) -> float:
        return self._zero + at / self._pace.speed - time.monotonic()

    def _date_of(self, at: float) -> datetime:
        return self._zero_date + timedelta(seconds=at / self._pace.speed)


async def play(dsn: str, seed: int = 7, speed: float = 1.0, **pace: Any) -> None:  # noqa: ANN401 - of Pace
    """Play a story into a database, for ever.

    Parameters
    ----------
    dsn
        The superuser's address.
    seed
        Which story.
    speed, pace
        See `Pace`.
    """
    await Traffic(dsn, seed, Pace(speed=speed, **pace)).play()
