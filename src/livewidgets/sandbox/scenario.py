"""What kind of day the story tells of. Pure numbers: who takes part is in `story_cast`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from livewidgets.errors import SandboxStartError

#: Calls a second at the busiest hour of a normal day.
PEAK_RATE = 0.32
#: Hour of the day at simulated second 0.
START_HOUR = 10.5
#: The traffic of each hour, against the busiest one: two humps with lunch between them, and little at night.
_HOURS = (
    *(0.06, 0.04, 0.03, 0.03, 0.04, 0.08, 0.18, 0.38, 0.62, 0.84, 0.97, 1.00),
    *(0.90, 0.93, 1.00, 0.96, 0.88, 0.78, 0.66, 0.52, 0.38, 0.26, 0.16, 0.10),
)
_DAY = 86_400.0


@dataclass(frozen=True)
class Scenario:
    """A kind of day.

    Attributes
    ----------
    name
        What it is called.
    arrivals
        Calls, against a normal day.
    wave
        How far the arrivals swing above and below that, every `WAVE` seconds.
    raises
        How often at most a bidder tops the others' bids in an auction.
    repricing
        Seconds between two changes of some target's terms, on average.
    outages
        Whether one buyer after the other goes off the air.
    """

    name: str
    arrivals: float = 1.0
    wave: float = 0.0
    raises: int = 0
    repricing: float = 150.0
    outages: bool = False

    @property
    def peak(self) -> float:
        """Calls a second that are never exceeded."""
        return PEAK_RATE * self.arrivals * (1 + self.wave)

    def rate(self, at: float) -> float:
        """Give the calls a second at a simulated time."""
        swing = self.wave * math.sin(at / WAVE * 2 * math.pi)
        return PEAK_RATE * self.arrivals * (1 + swing) * day_shape(at)


#: Seconds from one crest of the arrivals to the next.
WAVE = 420.0

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("normal"),
        # More calls than the targets take: caps are reached, calls find no target.
        Scenario("rush", arrivals=2.4, wave=0.35),
        # One buyer after the other does not answer; alerts, paused campaigns, and the way back.
        Scenario("outage", outages=True),
        # Bidders top each other up to their limits and keep changing their terms.
        Scenario("bid_war", arrivals=1.2, raises=6, repricing=4.0),
    )
}


def scenario_named(name: str) -> Scenario:
    """Find a scenario.

    Raises
    ------
    SandboxStartError
        There is none of this name.
    """
    found = SCENARIOS.get(name) if isinstance(name, str) else None
    if found is None:
        raise SandboxStartError(f"There is no scenario {name!r}.", f"Use one of: {', '.join(SCENARIOS)}.")
    return found


def hour_of(at: float) -> float:
    """Give the hour of the day, 0 to 24, at a simulated time."""
    return (START_HOUR + at / 3600) % 24


def until_midnight(at: float) -> float:
    """Give the seconds until the day's counts begin anew."""
    return _DAY - hour_of(at) * 3600


def day_shape(at: float) -> float:
    """Give the traffic at a simulated time against the busiest hour: high by day, low at night, never nothing."""
    hour = hour_of(at)
    whole = int(hour) % 24
    return _HOURS[whole] + (_HOURS[(whole + 1) % 24] - _HOURS[whole]) * (hour - int(hour))
