"""The state of the floor in the story: targets and their caps, agents, campaigns that pause, buyers off the air."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from livewidgets.sandbox.scenario import until_midnight
from livewidgets.sandbox.story_cast import AGENTS, CAMPAIGNS, TARGETS
from livewidgets.sandbox.story_stage import At, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from livewidgets.sandbox.story_alerts import Alerts
    from livewidgets.sandbox.story_cast import Agent, Buyer, Campaign, Target
    from livewidgets.sandbox.story_stage import Beat, Stage

#: Calls in a row that nobody answers within `MISSED_WITHIN` seconds: the campaign pauses.
MISSED_LIMIT = 3
MISSED_WITHIN = 3600.0
#: Seconds in which a target's cap is worth no second alert.
CAP_QUIET = 1800.0


@dataclass
class _TargetState:
    live: int = 0
    today: int = 0
    busy: bool = False
    done_for_today: bool = False
    alerted_at: float = -math.inf

    @property
    def capped(self) -> bool:
        return self.busy or self.done_for_today


@dataclass
class _CampaignState:
    missed: deque[float] = field(default_factory=deque)
    paused: bool = False


class Floor:
    """Who can take a call now."""

    def __init__(self, stage: Stage, alerts: Alerts) -> None:
        self._stage = stage
        self._alerts = alerts
        self._targets = {target.id: _TargetState() for target in TARGETS}
        self._campaigns = {campaign.id: _CampaignState() for campaign in CAMPAIGNS}
        self._down: set[UUID] = set()
        self._free: dict[UUID, list[Agent]] = {}
        for agent in AGENTS:
            self._free.setdefault(agent.buyer.id, []).append(agent)

    @property
    def targets(self) -> Sequence[Target]:
        """All of them."""
        return TARGETS

    # -- targets ---------------------------------------------------------------------------------------------------

    def open_targets(self, campaign: Campaign) -> list[Target]:
        """Give the targets that take a call of a campaign."""
        return [t for t in TARGETS if t.campaign is campaign and not self._targets[t.id].capped]

    def call_begins(self, target: Target) -> list[Step]:
        """Count a live call; at its cap the target takes no more until half of them are done."""
        state = self._targets[target.id]
        state.live += 1
        state.today += 1
        values: dict[str, Any] = {"live_calls": state.live}
        alert: list[Step] = []
        if not state.done_for_today and state.today >= target.daily_cap:
            state.done_for_today = True
            message = f"{target.name} has taken its calls of the day"
            alert = self._cap("daily cap", target, message, state.today, until_midnight(self._stage.now))
        if not state.busy and state.live >= target.concurrency_cap:
            state.busy = True
            if state.alerted_at < self._stage.now - CAP_QUIET:
                state.alerted_at = self._stage.now
                message = f"{target.name} has reached its cap of live calls"
                alert += self._cap("concurrency cap", target, message, state.live, 60.0)
        if state.capped:
            values["status"] = "capped"
        return [Step("update", "targets", target.id, values), *alert]

    def call_ends(self, target: Target) -> list[Step]:
        """Count it no more."""
        state = self._targets[target.id]
        state.live -= 1
        if state.busy and state.live <= target.concurrency_cap // 2:
            state.busy = False
        values = {"live_calls": state.live, "status": "capped" if state.capped else "active"}
        return [Step("update", "targets", target.id, values)]

    def _cap(self, rule: str, target: Target, message: str, value: int, lasts: float) -> list[Step]:
        limit = target.daily_cap if rule == "daily cap" else target.concurrency_cap
        return [self._alerts.fire(rule, ("target", target.id), message, value, limit, lasts)]

    def days(self) -> Iterator[Beat]:
        """Let the targets' counts of the day begin anew at midnight."""
        while True:
            yield [], until_midnight(self._stage.now)
            steps = []
            for target in TARGETS:
                state = self._targets[target.id]
                was, state.today, state.done_for_today = state.done_for_today, 0, False
                if was and not state.capped:
                    steps.append(Step("update", "targets", target.id, {"status": "active"}))
            yield steps, 0

    # -- campaigns -------------------------------------------------------------------------------------------------

    def is_paused(self, campaign: Campaign) -> bool:
        """Whether a campaign takes no calls."""
        return self._campaigns[campaign.id].paused

    def answered(self, campaign: Campaign) -> None:
        """Forget the calls that were missed before this one."""
        self._campaigns[campaign.id].missed.clear()

    def missed(self, campaign: Campaign) -> list[Step]:
        """Count a call that nobody answered; too many in a row pause the campaign for some minutes."""
        stage, state = self._stage, self._campaigns[campaign.id]
        state.missed.append(stage.now)
        while state.missed[0] < stage.now - MISSED_WITHIN:
            state.missed.popleft()
        if state.paused or len(state.missed) < MISSED_LIMIT:
            return []
        state.paused = True
        lasts = stage.chance.uniform(120, 300)
        stage.begin(self._resume(campaign), lasts)
        message = f"{MISSED_LIMIT} unanswered calls in a row: {campaign.name} is paused"
        entity, seen = ("campaign", campaign.id), len(state.missed)
        return [
            Step("update", "campaigns", campaign.id, {"status": "paused"}),
            self._alerts.fire("unanswered calls", entity, message, seen, MISSED_LIMIT, lasts),
        ]

    def _resume(self, campaign: Campaign) -> Iterator[Beat]:
        state = self._campaigns[campaign.id]
        state.paused = False
        state.missed.clear()
        yield [Step("update", "campaigns", campaign.id, {"status": "active"})], 0

    # -- agents ----------------------------------------------------------------------------------------------------

    def take_agent(self, buyer: Buyer) -> Agent | None:
        """Take one of a buyer's free agents; None when an overflow desk has to answer."""
        free = self._free[buyer.id]
        return free.pop(self._stage.chance.randrange(len(free))) if free else None

    def give_back(self, agent: Agent) -> list[Step]:
        """Let an agent take calls again."""
        self._free[agent.buyer.id].append(agent)
        return self.agent_is(agent, "available")

    def agent_is(self, agent: Agent | None, state: str) -> list[Step]:
        """Write down what an agent does now."""
        if agent is None:
            return []
        values = {"state": state, "state_since": At(self._stage.now)}
        return [Step("update", "agents", agent.id, values)]

    def breaks(self) -> Iterator[Beat]:
        """Send agents on a break, for ever."""
        chance = self._stage.chance
        while True:
            buyer = chance.choice(list(self._free))
            if len(self._free[buyer]) > 1:
                agent = self._free[buyer].pop(0)
                self._stage.begin(self._back(agent), chance.uniform(120, 600))
                yield self.agent_is(agent, "break"), 0
            yield [], chance.uniform(30, 120)

    def _back(self, agent: Agent) -> Iterator[Beat]:
        yield self.give_back(agent), 0

    # -- buyers ----------------------------------------------------------------------------------------------------

    def is_down(self, buyer: Buyer) -> bool:
        """Whether a buyer is off the air."""
        return buyer.id in self._down

    def outage(self, buyer: Buyer, lasts: float) -> Iterator[Beat]:
        """Take a buyer off the air for a while."""
        self._down.add(buyer.id)
        message = f"{buyer.company_name} does not take its calls"
        yield [self._alerts.fire("buyer unreachable", ("buyer", buyer.id), message, lasts=lasts)], lasts
        self._down.discard(buyer.id)
