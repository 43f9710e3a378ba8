"""The story's auctions: who bids how much for a call, who tops it, who wins; and terms that change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from livewidgets.sandbox.story_stage import At, Step

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from uuid import UUID

    from livewidgets.sandbox.scenario import Scenario
    from livewidgets.sandbox.story_cast import Campaign, Target
    from livewidgets.sandbox.story_floor import Floor
    from livewidgets.sandbox.story_stage import Beat, Stage

#: Seconds that a bid is good for.
GOOD_FOR = 5.0
#: How often a target does not answer the ping.
SILENT = 0.08


@dataclass(frozen=True, slots=True)
class _Bid:
    id: UUID
    target: Target
    amount: float
    adjusted: float

    @property
    def rank(self) -> tuple[float, UUID]:
        return self.adjusted, self.id


class Auctions:
    """Finds a target and a price for each call."""

    def __init__(self, stage: Stage, floor: Floor) -> None:
        self._stage = stage
        self._floor = floor
        #: What each target bids at first, and its modifier in percent, as they are now.
        self._terms = {target.id: (target.base_bid, target.modifier) for target in floor.targets}

    def hold(
        self, call: UUID, campaign: Campaign, scenario: Scenario
    ) -> Generator[Beat, None, tuple[Target | None, float, UUID | None]]:
        """Find the winner for a call: target, price and winning bid; or nobody."""
        chance = self._stage.chance
        entrants = self._floor.open_targets(campaign)
        if not campaign.rtb_enabled:
            target = chance.choice(entrants) if entrants else None
            return target, self._terms[target.id][0] if target else 0.0, None
        request = self._stage.new_id()
        standing: dict[UUID, _Bid] = {}
        steps = []
        for target in entrants:
            if chance.random() < (0.7 if self._floor.is_down(target.buyer) else SILENT):
                continue
            amount = round(self._terms[target.id][0] * chance.uniform(0.82, 1.2), 2)
            standing[target.id], step = self._bid(call, request, target, amount)
            steps.append(step)
        yield steps, chance.uniform(0.2, 0.6)
        for _ in range(scenario.raises):
            steps = self._raise(call, request, standing)
            if steps:
                yield steps, chance.uniform(0.15, 0.5)
        bids = list(standing.values())
        valid = [bid for bid in bids if bid.adjusted >= bid.target.min_bid]
        if not valid:
            yield [Step("update", "bids", bid.id, {"status": "expired"}) for bid in bids], 0
            return None, 0.0, None
        winner = max(valid, key=lambda bid: bid.rank)
        yield [self._decided(bid, winner) for bid in bids], 0
        return winner.target, winner.adjusted, winner.id

    def _bid(self, call: UUID, request: UUID, target: Target, amount: float) -> tuple[_Bid, Step]:
        stage = self._stage
        modifier = self._terms[target.id][1]
        bid = _Bid(
            stage.new_id(), target, amount, round(min(target.max_bid, amount * (1 + modifier / 100)), 2)
        )
        values = {
            "campaign_id": target.campaign.id,
            "target_id": target.id,
            "buyer_id": target.buyer.id,
            "request_id": request,
            "call_id": call,
            "amount": amount,
            "adjusted_amount": bid.adjusted,
            "status": "pending",
            "responded_ms": stage.chance.randrange(18, 240),
            "expires_at": At(stage.now + GOOD_FOR),
            "created_at": At(stage.now),
        }
        return bid, Step("insert", "bids", bid.id, values)

    def _raise(self, call: UUID, request: UUID, standing: dict[UUID, _Bid]) -> list[Step]:
        """Let those who are behind top the best bid, as far as their limits go."""
        if not standing:
            return []
        best = max(standing.values(), key=lambda bid: bid.rank)
        steps: list[Step] = []
        for name, bid in list(standing.items()):
            modifier = 1 + self._terms[name][1] / 100
            wanted = best.adjusted * self._stage.chance.uniform(1.005, 1.03)
            if bid is best or wanted > bid.target.max_bid or self._stage.chance.random() < 0.25:
                continue
            steps.append(Step("update", "bids", bid.id, {"status": "rejected", "reject_reason": "replaced"}))
            standing[name], step = self._bid(call, request, bid.target, round(wanted / modifier, 2))
            steps.append(step)
        return steps

    def _decided(self, bid: _Bid, winner: _Bid) -> Step:
        if bid is winner:
            return Step("update", "bids", bid.id, {"status": "accepted", "is_winning": True})
        reason = "outbid" if bid.adjusted >= bid.target.min_bid else "below minimum"
        return Step("update", "bids", bid.id, {"status": "rejected", "reject_reason": reason})

    def reprice(self) -> list[Step]:
        """Let some target change its terms a little, within its limits."""
        chance = self._stage.chance
        target = chance.choice(self._floor.targets)
        base, modifier = self._terms[target.id]
        base = round(min(target.max_bid, max(target.min_bid, base * chance.uniform(0.93, 1.08))), 2)
        modifier = max(-15.0, min(20.0, modifier + chance.choice((-2.5, -1.0, 1.0, 2.5))))
        self._terms[target.id] = base, modifier
        return [Step("update", "targets", target.id, {"base_bid": base, "bid_modifier_pct": modifier})]

    def repricing(self, scenario: Iterator[Scenario]) -> Iterator[Beat]:
        """Change terms for ever, as often as the scenario of the moment has it."""
        for now in scenario:
            yield [], self._stage.chance.expovariate(1 / now.repricing)
            yield self.reprice(), 0
