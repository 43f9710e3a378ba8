"""The story of the calls: a seed → who calls when, who bids, who answers, how it ends. No clock, no I/O.

Time is in simulated seconds; 0 is when the curtain rises, at half past ten on a busy morning. Each call is a
generator that says what happens now and how long until it goes on; `Story` interleaves them in order of time.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
import math
import random
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from livewidgets.sandbox.scenario import (
    AGENTS,
    AREAS,
    CAMPAIGNS,
    PUBLISHERS,
    TARGETS,
    Agent,
    Campaign,
    Target,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

#: Simulated seconds before the curtain: what has happened by then is there when it rises.
PRELUDE = 600.0
#: Calls a second at the busiest hour.
PEAK_RATE = 0.32
_START_HOUR = 10.5
_DUPLICATE_WINDOW = 7200.0
_KEY_SECRET = b"livewidgets sandbox"


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


@dataclass
class _TargetState:
    live: int = 0
    capped: bool = False
    alerted_at: float = -math.inf


@dataclass
class _CampaignState:
    missed: deque[float] = field(default_factory=deque)
    alerted_at: float = -math.inf


def rate(at: float) -> float:
    """Give the calls a second at a simulated time: high by day, low at night, never nothing."""
    hour = (_START_HOUR + at / 3600) % 24
    day = max(0.0, math.sin((hour - 6) / 15 * math.pi)) if 6 <= hour <= 21 else 0.0
    return PEAK_RATE * (0.12 + 0.88 * day)


class Story:
    """An endless run of moments in order of time. The same seed and chapter give the same moments.

    Parameters
    ----------
    seed
        Which story.
    chapter
        Counts the starts on one database: the next chapter goes on with other calls.
    """

    def __init__(self, seed: int, chapter: int = 0) -> None:
        self._random = random.Random(f"{seed}/{chapter}")  # noqa: S311 - a story, no secret
        self._queue: list[tuple[float, int, Iterator[Beat]]] = []
        self._order = count()
        self._now = -PRELUDE
        self._targets = {target.id: _TargetState() for target in TARGETS}
        self._campaigns = {campaign.id: _CampaignState() for campaign in CAMPAIGNS}
        self._free: dict[UUID, list[Agent]] = {}
        for agent in AGENTS:
            self._free.setdefault(agent.buyer.id, []).append(agent)
        self._callers: deque[tuple[float, str, str]] = deque(maxlen=400)
        self._seen: dict[tuple[str, UUID], float] = {}
        self._owed: dict[UUID, float] = {}

    def __iter__(self) -> Iterator[Moment]:
        self._begin(self._arrivals())
        self._begin(self._breaks(), 40.0)
        while True:
            self._now, _, thread = heapq.heappop(self._queue)
            try:
                steps, wait = next(thread)
            except StopIteration:
                continue
            self._begin(thread, wait)
            if steps:
                yield Moment(self._now, tuple(steps))

    def _begin(self, thread: Iterator[Beat], wait: float = 0.0) -> None:
        # Milliseconds: two databases must not round a time differently.
        heapq.heappush(self._queue, (round(self._now + wait, 3), next(self._order), thread))

    def _id(self) -> UUID:
        # Version 8 is for ids of one's own making: by it the player knows its rows from those of others.
        return UUID(int=(self._random.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62)) | (8 << 76) | (2 << 62))

    def _arrivals(self) -> Iterator[Beat]:
        while True:
            # Thinning: arrivals at the peak's rate, of which the hour lets some through.
            yield [], self._random.expovariate(PEAK_RATE)
            if self._random.random() * PEAK_RATE < rate(self._now):
                self._begin(self._call())

    def _caller(self) -> tuple[str, str]:
        if self._callers and self._random.random() < 0.07:
            _, number, state = self._random.choice(self._callers)
            return number, state
        area, state = self._random.choice(AREAS)
        number = f"+1{area}555{self._random.randrange(10_000):04}"
        self._callers.append((self._now, number, state))
        return number, state

    def _is_duplicate(self, number: str, campaign: Campaign) -> bool:
        last = self._seen.pop((number, campaign.id), -math.inf)
        self._seen[number, campaign.id] = self._now  # at the end: the oldest come first
        for key in [key for key, at in _first(self._seen, 4) if at < self._now - _DUPLICATE_WINDOW]:
            del self._seen[key]
        return last > self._now - _DUPLICATE_WINDOW

    def _call(self) -> Iterator[Beat]:
        chance = self._random
        publisher = chance.choices(PUBLISHERS, [p.weight for p in PUBLISHERS])[0]
        campaign = CAMPAIGNS[chance.choice(publisher.campaigns)]
        number, state = self._caller()
        duplicate = self._is_duplicate(number, campaign)
        call = self._id()
        yield (
            [
                Step(
                    "insert",
                    "calls",
                    call,
                    {
                        "campaign_id": campaign.id,
                        "publisher_id": publisher.id,
                        "direction": "inbound",
                        "caller_number": number,
                        "caller_key": hmac.new(_KEY_SECRET, number.encode(), hashlib.sha256).hexdigest()[:16],
                        "caller_state": state,
                        "status": "queued",
                        "status_raw": "queued",
                        "is_duplicate": duplicate,
                        "queued_at": At(self._now),
                        "created_at": At(self._now),
                    },
                )
            ],
            chance.uniform(0.05, 0.2),
        )
        target, price, bid = yield from self._auction(call, campaign)
        if target is None:
            yield [self._ended(call, "failed", "system", disposition="no target")], 0
            return
        yield (
            [
                Step(
                    "update",
                    "calls",
                    call,
                    {
                        "status": "initiated",
                        "status_raw": "initiated",
                        "target_id": target.id,
                        "buyer_id": target.buyer.id,
                        "winning_bid_id": bid,
                    },
                )
            ],
            chance.uniform(0.3, 1.2),
        )
        yield (
            [
                Step(
                    "update",
                    "calls",
                    call,
                    {"status": "ringing", "status_raw": "ringing", "ringing_at": At(self._now)},
                ),
                *self._live(target, +1),
            ],
            2.0 + min(25.0, chance.expovariate(1 / 6)),
        )
        answer = chance.random()
        if answer > 0.74:
            status = "no-answer" if answer < 0.87 else "busy" if answer < 0.93 else "canceled"
            by = "caller" if status == "canceled" else "target"
            # Carriers spell it both ways.
            raw = chance.choice(("canceled", "cancelled")) if status == "canceled" else status
            missed = self._missed(campaign) if status != "canceled" else []
            yield [self._ended(call, status, by, status_raw=raw), *self._live(target, -1), *missed], 0
            return
        yield from self._talk(call, campaign, target, price, publisher.id, duplicate)

    def _auction(
        self, call: UUID, campaign: Campaign
    ) -> Generator[Beat, None, tuple[Target | None, float, UUID | None]]:
        chance = self._random
        open_targets = [t for t in TARGETS if t.campaign is campaign and not self._targets[t.id].capped]
        if not campaign.rtb_enabled:
            target = chance.choice(open_targets) if open_targets else None
            return target, target.base_bid if target else 0.0, None
        request = self._id()
        bids: list[tuple[float, UUID, Target]] = []
        steps = []
        for target in open_targets:
            if chance.random() < 0.08:
                continue  # did not answer the ping
            amount = round(target.base_bid * chance.uniform(0.82, 1.2), 2)
            adjusted = round(min(target.max_bid, amount * (1 + target.modifier / 100)), 2)
            bid = self._id()
            bids.append((adjusted, bid, target))
            steps.append(
                Step(
                    "insert",
                    "bids",
                    bid,
                    {
                        "campaign_id": campaign.id,
                        "target_id": target.id,
                        "buyer_id": target.buyer.id,
                        "request_id": request,
                        "call_id": call,
                        "amount": amount,
                        "adjusted_amount": adjusted,
                        "status": "pending",
                        "responded_ms": chance.randrange(18, 240),
                        "expires_at": At(self._now + 5),
                        "created_at": At(self._now),
                    },
                )
            )
        yield steps, chance.uniform(0.2, 0.6)
        valid = [entry for entry in bids if entry[0] >= entry[2].min_bid]
        if not valid:
            yield [Step("update", "bids", bid, {"status": "expired"}) for _, bid, _ in bids], 0
            return None, 0.0, None
        price, winner, target = max(valid, key=lambda entry: (entry[0], entry[1]))
        yield (
            [
                Step("update", "bids", bid, {"status": "accepted", "is_winning": True})
                if bid == winner
                else Step(
                    "update",
                    "bids",
                    bid,
                    {
                        "status": "rejected",
                        "reject_reason": "outbid" if amount >= entrant.min_bid else "below minimum",
                    },
                )
                for amount, bid, entrant in bids
            ],
            0,
        )
        return target, price, winner

    def _talk(
        self, call: UUID, campaign: Campaign, target: Target, price: float, publisher: UUID, duplicate: bool
    ) -> Iterator[Beat]:
        chance = self._random
        free = self._free[target.buyer.id]
        agent = free.pop(chance.randrange(len(free))) if free else None
        length = max(4.0, min(1200.0, chance.lognormvariate(4.35, 0.75)))
        converts = length >= campaign.conversion_seconds and not duplicate and chance.random() < 0.9
        started = {
            "status": "in-progress",
            "status_raw": chance.choice(("in-progress", "in-progress", "answered")),
            "connected_at": At(self._now),
            "agent_id": agent.id if agent else None,
        }
        yield (
            [Step("update", "calls", call, started), *self._agent(agent, "on_call")],
            campaign.conversion_seconds if converts else length,
        )
        if converts:
            payout = round(min(campaign.default_payout, price * 0.85), 2)
            earned = {"is_converted": True, "revenue": price, "payout": payout, "disposition": "qualified"}
            yield [Step("update", "calls", call, earned)], length - campaign.conversion_seconds
        disposition = (
            "qualified" if converts else chance.choice(("not interested", "voicemail", "callback", "short"))
        )
        yield (
            [
                self._ended(
                    call,
                    "completed",
                    chance.choice(("caller", "agent")),
                    connected_seconds=TALK_TIME,
                    telco_cost=round(0.011 * length / 60 + 0.002, 4),
                    disposition=disposition,
                ),
                *self._live(target, -1),
                *self._agent(agent, "acw"),
            ],
            0 if agent is None else chance.uniform(8, 40),
        )
        if converts:
            self._owe(target.buyer.id, price, "receivable")
            self._owe(publisher, payout, "payable")
        if agent is not None:
            free.append(agent)
            yield self._agent(agent, "available"), 0

    def _ended(self, call: UUID, status: str, by: str, **more: Any) -> Step:  # noqa: ANN401 - column values
        values = {"status": status, "status_raw": status, "ended_at": At(self._now), "ended_by": by, **more}
        return Step("update", "calls", call, values)

    def _agent(self, agent: Agent | None, state: str) -> list[Step]:
        if agent is None:
            return []
        return [Step("update", "agents", agent.id, {"state": state, "state_since": At(self._now)})]

    def _live(self, target: Target, change: int) -> list[Step]:
        """Count a target's live calls; at its cap it takes no more until half of them are done."""
        state = self._targets[target.id]
        state.live += change
        values: dict[str, Any] = {"live_calls": state.live}
        steps: list[Step] = []
        if not state.capped and state.live >= target.concurrency_cap:
            state.capped = True
            values["status"] = "capped"
            if state.alerted_at < self._now - 1800:
                state.alerted_at = self._now
                message = f"{target.name} has reached its cap of live calls"
                steps.append(
                    self._alert(
                        "info",
                        "concurrency cap",
                        "target",
                        target.id,
                        message,
                        state.live,
                        target.concurrency_cap,
                        60.0,
                    )
                )
        elif state.capped and state.live <= target.concurrency_cap // 2:
            state.capped = False
            values["status"] = "active"
        return [Step("update", "targets", target.id, values), *steps]

    def _missed(self, campaign: Campaign) -> list[Step]:
        state = self._campaigns[campaign.id]
        state.missed.append(self._now)
        while state.missed[0] < self._now - 600:
            state.missed.popleft()
        if len(state.missed) < 6 or state.alerted_at > self._now - 900:
            return []
        state.alerted_at = self._now
        message = f"{len(state.missed)} unanswered calls in ten minutes on {campaign.name}"
        return [
            self._alert(
                "warning", "unanswered calls", "campaign", campaign.id, message, len(state.missed), 6, 240.0
            )
        ]

    def _alert(
        self,
        severity: str,
        rule: str,
        entity_type: str,
        entity: UUID,
        message: str,
        value: float,
        threshold: float | None,
        resolved: float | None = None,
    ) -> Step:
        alert = self._id()
        if resolved is not None:
            self._begin(self._resolve(alert), resolved)
        values = {
            "severity": severity,
            "rule": rule,
            "entity_type": entity_type,
            "entity_id": entity,
            "message": message,
            "value": value,
            "threshold": threshold,
            "fired_at": At(self._now),
            "created_at": At(self._now),
        }
        return Step("insert", "alerts", alert, values)

    def _resolve(self, alert: UUID) -> Iterator[Beat]:
        yield [Step("update", "alerts", alert, {"resolved_at": At(self._now)})], 0

    def _owe(self, party: UUID, amount: float, direction: str) -> None:
        """Put an amount on somebody's account; a full account becomes a payment."""
        total = round(self._owed.get(party, 0.0) + amount, 2)
        if total < 100.0:
            self._owed[party] = total
            return
        self._owed[party] = 0.0
        self._begin(self._payment(party, total, direction), self._random.uniform(5, 30))

    def _payment(self, party: UUID, amount: float, direction: str) -> Iterator[Beat]:
        payment = self._id()
        side = "buyer_id" if direction == "receivable" else "publisher_id"
        values = {
            side: party,
            "direction": direction,
            "amount": amount,
            "status": "draft",
            "created_at": At(self._now),
        }
        yield [Step("insert", "payments", payment, values)], self._random.uniform(10, 40)
        yield [Step("update", "payments", payment, {"status": "invoiced"})], self._random.uniform(30, 240)
        if self._random.random() < 0.06:
            message = f"A payment of ${amount:,.2f} is disputed"
            alert = self._alert("critical", "payment disputed", "payment", payment, message, amount, None)
            yield [Step("update", "payments", payment, {"status": "disputed"}), alert], 0
            return
        steps = [Step("update", "payments", payment, {"status": "paid", "confirmed_at": At(self._now)})]
        if direction == "receivable":
            steps.append(Step("update", "buyers", party, {"balance": Plus(amount)}))
        if amount >= 120:
            message = f"Payment of ${amount:,.2f} confirmed"
            steps.append(self._alert("info", "payment confirmed", "payment", payment, message, amount, None))
        yield steps, 0

    def _breaks(self) -> Iterator[Beat]:
        while True:
            buyer = self._random.choice(list(self._free))
            if len(self._free[buyer]) > 1:
                agent = self._free[buyer].pop(0)
                self._begin(self._back(agent), self._random.uniform(120, 600))
                yield self._agent(agent, "break"), 0
            yield [], self._random.uniform(30, 120)

    def _back(self, agent: Agent) -> Iterator[Beat]:
        self._free[agent.buyer.id].append(agent)
        yield self._agent(agent, "available"), 0


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
