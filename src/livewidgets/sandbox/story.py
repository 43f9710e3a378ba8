"""The story of the calls: a seed → who calls when, who bids, who answers, how it ends. No clock, no I/O.

Time is in simulated seconds; 0 is when the curtain rises, at half past ten on a busy morning. Each call is a
generator that says what happens now and how long until it goes on; the `Stage` interleaves them in order of time.
Auctions, payments, alerts, and the floor with its targets and agents have a file each.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import deque
from typing import TYPE_CHECKING, Any

from livewidgets.sandbox.scenario import SCENARIOS, Scenario
from livewidgets.sandbox.story_alerts import Alerts
from livewidgets.sandbox.story_bids import Auctions
from livewidgets.sandbox.story_cast import AREAS, BUYERS, CAMPAIGNS, PUBLISHERS
from livewidgets.sandbox.story_floor import Floor
from livewidgets.sandbox.story_payments import Payments
from livewidgets.sandbox.story_stage import TALK_TIME, At, Beat, Moment, Plus, Stage, Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from livewidgets.sandbox.story_cast import Campaign, Publisher, Target

__all__ = ["PRELUDE", "TALK_TIME", "At", "Moment", "Plus", "Step", "Story", "opening"]

#: Simulated seconds before the curtain: what has happened by then is there when it rises.
PRELUDE = 600.0
_DUPLICATE_WINDOW = 7200.0
_KEY_SECRET = b"livewidgets sandbox"


class Story:
    """An endless run of moments in order of time. The same seed, chapter and scenario give the same moments.

    Parameters
    ----------
    seed
        Which story.
    chapter
        Counts the starts on one database: the next chapter goes on with other calls.
    scenario
        What kind of day it is.

    Attributes
    ----------
    scenario
        May be changed while the story is told: what begins from then on follows it.
    """

    def __init__(self, seed: int, chapter: int = 0, scenario: Scenario = SCENARIOS["normal"]) -> None:
        self.scenario = scenario
        self._stage = Stage(f"{seed}/{chapter}", -PRELUDE)
        alerts = Alerts(self._stage)
        self._floor = Floor(self._stage, alerts)
        self._auctions = Auctions(self._stage, self._floor)
        self.payments = Payments(self._stage, alerts)
        self._callers: deque[tuple[str, str]] = deque(maxlen=400)
        self._seen: dict[tuple[str, UUID], float] = {}

    def __iter__(self) -> Iterator[Moment]:
        self._stage.begin(self._arrivals())
        self._stage.begin(self._floor.breaks(), 40.0)
        self._stage.begin(self._floor.days())
        self._stage.begin(self._auctions.repricing(self._scenarios()))
        self._stage.begin(self._outages(), PRELUDE + 20.0)
        return self._stage.moments()

    def _scenarios(self) -> Iterator[Scenario]:
        while True:
            yield self.scenario

    def _arrivals(self) -> Iterator[Beat]:
        chance = self._stage.chance
        for scenario in self._scenarios():
            # Thinning: arrivals at the peak's rate, of which the hour lets some through.
            yield [], chance.expovariate(scenario.peak)
            if chance.random() * scenario.peak < scenario.rate(self._stage.now):
                self._stage.begin(self._call())

    def _outages(self) -> Iterator[Beat]:
        """Where the scenario has it so: take one buyer after the other off the air."""
        chance = self._stage.chance
        for scenario in self._scenarios():
            if not scenario.outages:
                yield [], 5.0
                continue
            lasts = chance.uniform(120, 240)
            yield from self._floor.outage(chance.choice(BUYERS), lasts)
            yield [], chance.uniform(60, 240)

    # -- a call ----------------------------------------------------------------------------------------------------

    def _call(self) -> Iterator[Beat]:
        chance = self._stage.chance
        publisher = chance.choices(PUBLISHERS, [p.weight for p in PUBLISHERS])[0]
        campaigns = [CAMPAIGNS[at] for at in publisher.campaigns]
        # A publisher sends its calls elsewhere while one of its campaigns is paused.
        campaign = chance.choice([c for c in campaigns if not self._floor.is_paused(c)] or campaigns)
        call = self._stage.new_id()
        row = self._row(publisher, campaign)
        yield [Step("insert", "calls", call, row)], chance.uniform(0.05, 0.2)
        if self._floor.is_paused(campaign):
            yield [self._ended(call, "failed", "system", disposition="campaign paused")], 0
            return
        target, price, bid = yield from self._auctions.hold(call, campaign, self.scenario)
        if target is None:
            yield [self._ended(call, "failed", "system", disposition="no target")], 0
            return
        routed = {
            "status": "initiated",
            "status_raw": "initiated",
            "target_id": target.id,
            "buyer_id": target.buyer.id,
            "winning_bid_id": bid,
        }
        yield [Step("update", "calls", call, routed)], chance.uniform(0.3, 1.2)
        ringing = {"status": "ringing", "status_raw": "ringing", "ringing_at": At(self._stage.now)}
        yield (
            [Step("update", "calls", call, ringing), *self._floor.call_begins(target)],
            2.0 + min(25.0, chance.expovariate(1 / 6)),
        )
        answers = 0.05 if self._floor.is_down(target.buyer) else target.buyer.answers
        if chance.random() < answers:
            self._floor.answered(campaign)
            yield from self._talk(call, target, price, publisher, row["is_duplicate"])
        else:
            yield self._unanswered(call, target), 0

    def _row(self, publisher: Publisher, campaign: Campaign) -> dict[str, Any]:
        """Give a new call's row."""
        now = self._stage.now
        number, state = self._caller()
        return {
            "campaign_id": campaign.id,
            "publisher_id": publisher.id,
            "direction": "inbound",
            "caller_number": number,
            "caller_key": hmac.new(_KEY_SECRET, number.encode(), hashlib.sha256).hexdigest()[:16],
            "caller_state": state,
            "status": "queued",
            "status_raw": "queued",
            "is_duplicate": self._is_duplicate(number, campaign),
            "queued_at": At(now),
            "created_at": At(now),
        }

    def _caller(self) -> tuple[str, str]:
        chance = self._stage.chance
        if self._callers and chance.random() < 0.13:
            return chance.choice(self._callers)
        area, state = chance.choice(AREAS)
        caller = f"+1{area}555{chance.randrange(10_000):04}", state
        self._callers.append(caller)
        return caller

    def _is_duplicate(self, number: str, campaign: Campaign) -> bool:
        now = self._stage.now
        last = self._seen.pop((number, campaign.id), -math.inf)
        self._seen[number, campaign.id] = now  # at the end: the oldest come first
        for key in [key for key, at in _first(self._seen, 4) if at < now - _DUPLICATE_WINDOW]:
            del self._seen[key]
        return last > now - _DUPLICATE_WINDOW

    def _unanswered(self, call: UUID, target: Target) -> list[Step]:
        chance = self._stage.chance
        status = chance.choices(("no-answer", "busy", "canceled"), (50, 22, 28))[0]
        # Carriers spell it both ways.
        raw = chance.choice(("canceled", "cancelled")) if status == "canceled" else status
        ended = self._ended(call, status, "caller" if status == "canceled" else "target", status_raw=raw)
        missed = [] if status == "canceled" else self._floor.missed(target.campaign)
        return [ended, *self._floor.call_ends(target), *missed]

    def _talk(
        self, call: UUID, target: Target, price: float, publisher: Publisher, duplicate: bool
    ) -> Iterator[Beat]:
        chance, campaign = self._stage.chance, target.campaign
        agent = self._floor.take_agent(target.buyer)
        length = max(4.0, min(1200.0, chance.lognormvariate(4.35, 0.75)))
        long_enough = length >= campaign.conversion_seconds
        converts = long_enough and not duplicate and chance.random() < target.buyer.converts
        started = {
            "status": "in-progress",
            "status_raw": chance.choice(("in-progress", "in-progress", "answered")),
            "connected_at": At(self._stage.now),
            "agent_id": agent.id if agent else None,
        }
        yield (
            [Step("update", "calls", call, started), *self._floor.agent_is(agent, "on_call")],
            campaign.conversion_seconds if converts else length,
        )
        payout = round(min(campaign.default_payout, price * 0.85), 2)
        if converts:
            earned = {"is_converted": True, "revenue": price, "payout": payout, "disposition": "qualified"}
            yield [Step("update", "calls", call, earned)], length - campaign.conversion_seconds
        others = ("not interested", "voicemail", "callback", "short")
        ended = self._ended(
            call,
            "completed",
            chance.choice(("caller", "agent")),
            connected_seconds=TALK_TIME,
            telco_cost=round(0.011 * length / 60 + 0.002, 4),
            disposition="qualified" if converts else chance.choice(others),
        )
        yield (
            [ended, *self._floor.call_ends(target), *self._floor.agent_is(agent, "acw")],
            0 if agent is None else chance.uniform(8, 40),
        )
        if converts:
            self.payments.owe(target.buyer.id, price, "receivable")
            self.payments.owe(publisher.id, payout, "payable")
        if agent is not None:
            yield self._floor.give_back(agent), 0

    def _ended(self, call: UUID, status: str, by: str, **more: Any) -> Step:  # noqa: ANN401 - column values
        values = {"status": status, "status_raw": status, "ended_at": At(self._stage.now), "ended_by": by}
        return Step("update", "calls", call, {**values, **more})


def _first(items: dict[Any, float], number: int) -> list[tuple[Any, float]]:
    return [entry for entry, _ in zip(items.items(), range(number), strict=False)]


def opening(story: Iterator[Moment]) -> tuple[list[Step], Moment]:
    """Fold the prelude into the rows as they stand at time 0.

    Parameters
    ----------
    story
        An iterator at its beginning; afterwards it stands behind the second part of the result.

    Returns
    -------
    tuple[list[Step], Moment]
        What to write at once, inserts before updates of what was there already; and the first moment after 0.
    """
    rows: dict[UUID, Step] = {}
    for moment in story:
        if moment.at >= 0:
            return list(rows.values()), moment
        for step in moment.steps:
            rows[step.id] = _merged(rows.get(step.id), step)
    raise AssertionError("the story has no end")


def _merged(known: Step | None, step: Step) -> Step:
    if known is None:
        return step
    values = dict(known.values)
    for name, value in step.values.items():
        before = values.get(name)
        values[name] = Plus(before + value) if isinstance(value, Plus) and isinstance(before, Plus) else value
    return Step(known.kind, step.table, step.id, values)
