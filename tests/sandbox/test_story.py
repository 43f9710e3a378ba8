"""The story is the same for the same seed, and makes sense at every moment, whatever the day."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livewidgets.errors import SandboxStartError
from livewidgets.sandbox.scenario import PEAK_RATE, SCENARIOS, day_shape, scenario_named, until_midnight
from livewidgets.sandbox.story import TALK_TIME, Moment, Plus, Step, Story, opening
from livewidgets.sandbox.story_cast import AGENTS, BUYERS, CAMPAIGNS, TARGETS
from livewidgets.sandbox.story_payments import FULL

if TYPE_CHECKING:
    from collections.abc import Callable

LIVE = ("queued", "initiated", "ringing", "in-progress")
ENDED = ("completed", "busy", "no-answer", "canceled", "failed")
CALL_FOLLOWS = {
    "queued": ("initiated", "failed"),
    "initiated": ("ringing",),
    "ringing": ("in-progress", "busy", "no-answer", "canceled"),
    "in-progress": ("completed",),
}
AGENT_FOLLOWS = {
    "available": ("on_call", "break"),
    "on_call": ("acw",),
    "acw": ("available",),
    "break": ("available",),
}
BID_FOLLOWS = {"pending": ("accepted", "rejected", "expired")}
PAYMENT_FOLLOWS = {"draft": ("invoiced",), "invoiced": ("paid", "disputed"), "disputed": ("paid",)}
BY_TARGET = {target.id: target for target in TARGETS}


def told(seed: int, scenario: str = "normal", until: float = 3600) -> tuple[Story, list[Moment]]:
    story = Story(seed, scenario=SCENARIOS[scenario])
    return story, list(takewhile(lambda moment: moment.at < until, story))


class World:
    """The rows as they stand, each step checked against what was there before."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[UUID, dict[str, Any]]] = defaultdict(dict)
        for target in TARGETS:
            self.rows["targets"][target.id] = {"live_calls": 0, "status": "active"}
        for agent in AGENTS:
            self.rows["agents"][agent.id] = {"state": "available"}
        for campaign in CAMPAIGNS:
            self.rows["campaigns"][campaign.id] = {"status": "active"}
        for buyer in BUYERS:
            self.rows["buyers"][buyer.id] = {"balance": 0.0}
        self.missed: Counter[UUID] = Counter()
        self._checks: dict[str, Callable[[float, Step, dict[str, Any], dict[str, Any]], None]] = {
            "calls": self.call,
            "bids": self.bid,
            "targets": self.target,
            "agents": self.agent,
            "payments": self.payment,
            "campaigns": self.campaign,
            "alerts": self.alert,
        }

    def play(self, moments: list[Moment]) -> None:
        last = -600.0
        for moment in moments:
            assert moment.at >= last
            last = moment.at
            assert len({step.id for step in moment.steps}) == len(moment.steps)
            for step in moment.steps:
                known = self.rows[step.table]
                assert (step.kind == "insert") == (step.id not in known), step
                before = known.get(step.id, {})
                after = dict(before)
                for name, value in step.values.items():
                    after[name] = round(before[name] + value, 2) if isinstance(value, Plus) else value
                known[step.id] = after
                check = self._checks.get(step.table)
                if check is not None:
                    check(moment.at, step, before, after)

    def call(self, at: float, step: Step, before: dict[str, Any], after: dict[str, Any]) -> None:
        if not before:
            assert after["status"] == "queued"
            assert re.fullmatch(r"\+1\d{3}555\d{4}", after["caller_number"])
            return
        assert "ended_at" not in before, "nothing happens to a call that has ended"
        if after["status"] != before["status"]:
            assert after["status"] in CALL_FOLLOWS[before["status"]]
        if "ended_at" in after:
            assert after["ended_at"] == pytest.approx(at, abs=0.001)
            assert after["ended_by"]
        assert ("ended_at" in after) == (after["status"] in ENDED)
        assert ("connected_seconds" in after) == (after["status"] == "completed")
        if "connected_at" in after and "ended_at" in after:
            assert after["created_at"] < after["ringing_at"] < after["connected_at"] < after["ended_at"]
            assert after["connected_seconds"] is TALK_TIME
        if after.get("is_converted"):
            assert not after["is_duplicate"]
            assert 0 < after["payout"] < after["revenue"] <= BY_TARGET[after["target_id"]].max_bid
        campaign = after["campaign_id"]
        if after["status"] == "initiated" and self.rows["campaigns"][campaign]["status"] == "paused":
            assert at - after["created_at"] < 10, "only calls that were on their way come through"
        if step.values.get("status") in ("no-answer", "busy"):
            self.missed[campaign] += 1
        if step.values.get("status") == "in-progress":
            self.missed[campaign] = 0
        if step.values.get("winning_bid_id") is not None:
            bid = self.rows["bids"][after["winning_bid_id"]]
            assert bid["is_winning"]
            assert (bid["call_id"], bid["target_id"]) == (step.id, after["target_id"])
        if "revenue" in step.values and after.get("winning_bid_id") is not None:
            assert after["revenue"] == self.rows["bids"][after["winning_bid_id"]]["adjusted_amount"]

    def bid(self, at: float, step: Step, before: dict[str, Any], after: dict[str, Any]) -> None:
        target = BY_TARGET[after["target_id"]]
        assert (after["campaign_id"], after["buyer_id"]) == (target.campaign.id, target.buyer.id)
        if not before:
            assert after["adjusted_amount"] <= target.max_bid
            assert after["expires_at"] > at
            return
        assert after["status"] in BID_FOLLOWS[before["status"]]
        assert after.get("is_winning", False) == (after["status"] == "accepted")
        assert ("reject_reason" in after) == (after["status"] == "rejected")

    def target(self, at: float, step: Step, before: dict[str, Any], after: dict[str, Any]) -> None:
        target = BY_TARGET[step.id]
        if "live_calls" in step.values:
            assert abs(after["live_calls"] - before["live_calls"]) == 1
        # Calls that were on their way when the cap was reached may still come.
        assert 0 <= after["live_calls"] <= target.concurrency_cap + 4
        if after["live_calls"] >= target.concurrency_cap:
            assert after["status"] == "capped"
        if "base_bid" in after:
            assert target.min_bid <= after["base_bid"] <= target.max_bid

    def agent(self, at: float, step: Step, before: dict[str, Any], after: dict[str, Any]) -> None:
        assert after["state"] in AGENT_FOLLOWS[before["state"]]

    def payment(self, at: float, step: Step, before: dict[str, Any], after: dict[str, Any]) -> None:
        assert not before or after["status"] in PAYMENT_FOLLOWS[before["status"]]
        assert ("confirmed_at" in after) == (after["status"] == "paid")
        assert after["amount"] >= FULL

    def campaign(self, at: float, step: Step, before: dict[str, Any], after: dict[str, Any]) -> None:
        assert {before["status"], after["status"]} == {"active", "paused"}
        if after["status"] == "paused":
            assert self.missed[step.id] >= 3

    def alert(self, at: float, step: Step, before: dict[str, Any], after: dict[str, Any]) -> None:
        assert after["severity"] in ("info", "warning", "critical")
        assert after["message"]
        for name in ("acknowledged_at", "resolved_at"):
            assert not {name} <= before.keys() & step.values.keys(), "once only"
        assert ("acknowledged_by" in after) == ("acknowledged_at" in after)


@pytest.fixture(scope="module")
def hour() -> list[Moment]:
    return told(7)[1]


@given(st.integers(0, 10_000), st.sampled_from(list(SCENARIOS)))
@settings(max_examples=settings().max_examples // 4)
def test_every_row_makes_sense_at_every_moment(seed: int, scenario: str) -> None:
    story, moments = told(seed, scenario, until=2400)
    world = World()
    world.play(moments)
    calls, bids = world.rows["calls"].values(), world.rows["bids"].values()
    winners = Counter(bid["request_id"] for bid in bids if bid.get("is_winning"))
    assert set(winners.values()) == {1}, "one winning bid a request"
    best: dict[UUID, float] = {}
    for bid in bids:
        if bid.get("reject_reason") != "below minimum":
            best[bid["request_id"]] = max(best.get(bid["request_id"], 0), bid["adjusted_amount"])
    assert all(bid["adjusted_amount"] == best[bid["request_id"]] for bid in bids if bid.get("is_winning"))
    live = Counter(call["target_id"] for call in calls if call["status"] in ("ringing", "in-progress"))
    for target in TARGETS:
        assert world.rows["targets"][target.id]["live_calls"] == live[target.id]
    on_call = {call["agent_id"] for call in calls if call["status"] == "in-progress"} - {None}
    assert on_call == {name for name, row in world.rows["agents"].items() if row["state"] == "on_call"}
    books_add_up(story, world)


def books_add_up(story: Story, world: World) -> None:
    calls = [call for call in world.rows["calls"].values() if call.get("is_converted")]
    payments = world.rows["payments"].values()
    for side, amount in (("buyer_id", "revenue"), ("publisher_id", "payout")):
        for party in {call[side] for call in calls}:
            earned = sum(call[amount] for call in calls if call[side] == party and "ended_at" in call)
            paid = sum(payment["amount"] for payment in payments if payment.get(side) == party)
            # The account; a payment that is about to be written; and calls whose wrap-up still lasts.
            assert paid + story.payments.open.get(party, 0.0) <= earned + 0.01
            late = sum(
                call[amount] for call in calls if call[side] == party and call.get("ended_at", 0) > 2300
            )
            assert earned - late - paid - story.payments.open.get(party, 0.0) <= 2 * FULL
    for buyer in BUYERS:
        confirmed = sum(
            p["amount"] for p in payments if p.get("buyer_id") == buyer.id and p["status"] == "paid"
        )
        assert world.rows["buyers"][buyer.id]["balance"] == pytest.approx(confirmed)


def test_the_same_seed_tells_the_same_story(hour: list[Moment]) -> None:
    assert told(7)[1] == hour
    assert list(islice(Story(8), 50)) != hour[:50]
    assert list(islice(Story(7, chapter=1), 50)) != hour[:50]
    for scenario in SCENARIOS:
        assert told(7, scenario, 300)[1] == told(7, scenario, 300)[1]


def test_ids_of_chapters_differ(hour: list[Moment]) -> None:
    def inserted(moments: Any) -> set[UUID]:
        return {step.id for moment in moments for step in moment.steps if step.kind == "insert"}

    assert not inserted(hour) & inserted(islice(Story(7, chapter=1), 3000))
    assert {identity.version for identity in inserted(hour)} == {8}


def test_a_day_at_the_call_centre_is_readable() -> None:
    """A few dozen live calls, and a handful of alerts an hour that call for somebody."""
    live, most, least = 0, 0, 1000
    rules: Counter[str] = Counter()
    for moment in told(7, until=3 * 3600)[1]:
        for step in moment.steps:
            if step.table == "calls":
                live += (step.kind == "insert") - ("ended_at" in step.values)
            if step.table == "alerts" and step.kind == "insert":
                rules[step.values["rule"]] += 1
        if moment.at > 0:
            most, least = max(most, live), min(least, live)
    assert least >= 12
    assert most <= 60
    assert 1 <= rules["unanswered calls"] <= 30
    assert rules["concurrency cap"]
    assert rules["payment confirmed"]
    assert not rules["buyer unreachable"]


def test_buyers_differ_in_what_they_answer_and_convert() -> None:
    _, moments = told(7, until=6 * 3600)
    world = World()
    world.play(moments)
    calls = [c for c in world.rows["calls"].values() if "ended_at" in c and "target_id" in c]

    def share(buyer: Any, of: str, among: list[dict[str, Any]]) -> float:
        own = [call for call in among if call["buyer_id"] == buyer.id]
        return sum(bool(call.get(of)) for call in own) / len(own)

    best, worst = BUYERS[6], BUYERS[5]
    assert share(best, "connected_at", calls) > share(worst, "connected_at", calls) + 0.15
    for buyer in BUYERS:
        assert share(buyer, "connected_at", calls) == pytest.approx(buyer.answers, abs=0.06)
    connected = [call for call in calls if call.get("connected_at")]
    assert 0.3 < sum(bool(call.get("is_converted")) for call in connected) / len(connected) < 0.6
    assert 0.02 < sum(call["is_duplicate"] for call in calls) / len(calls) < 0.12


def counts(scenario: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for moment in told(7, scenario, until=2 * 3600)[1]:
        for step in moment.steps:
            what = "new" if step.kind == "insert" else "changed"
            found[f"{step.table} {what}"] += 1
            found[str(step.values.get("rule"))] += step.kind == "insert"
            found[str(step.values.get("disposition"))] += 1
            found["terms"] += "base_bid" in step.values
    return found


def test_each_scenario_shows_what_it_is_named_for() -> None:
    normal, rush, outage, war = (counts(name) for name in ("normal", "rush", "outage", "bid_war"))
    assert rush["calls new"] > 1.8 * normal["calls new"]
    assert rush["no target"] > 5 * normal["no target"]
    assert outage["buyer unreachable"] >= 10
    assert outage["unanswered calls"] > normal["unanswered calls"]
    assert war["bids new"] / war["calls new"] > 1.3 * normal["bids new"] / normal["calls new"]
    assert war["terms"] > 5 * normal["terms"] > 0
    with pytest.raises(SandboxStartError, match="normal, rush, outage, bid_war"):
        scenario_named("quiet")


def test_the_scenario_may_change_while_the_story_is_told() -> None:
    story = Story(7)
    moments = iter(story)
    list(takewhile(lambda moment: moment.at < 600, moments))
    story.scenario = SCENARIOS["outage"]
    rules = {
        step.values.get("rule")
        for moment in takewhile(lambda moment: moment.at < 700, moments)
        for step in moment.steps
    }
    assert "buyer unreachable" in rules


def test_the_day_has_a_shape() -> None:
    shape = [day_shape((hour - 10.5) * 3600) for hour in range(24)]
    assert max(shape) == shape[11] == shape[14] == 1.0
    assert 0 < shape[3] < shape[9] < shape[12] < shape[11]
    assert until_midnight(0) == 13.5 * 3600
    for scenario in SCENARIOS.values():
        rates = [scenario.rate(at * 60.0) for at in range(1440)]
        assert min(rates) > 0
        assert max(rates) <= scenario.peak
    assert SCENARIOS["normal"].peak == PEAK_RATE


def test_daily_caps_hold_until_midnight() -> None:
    _, moments = told(7, "rush", until=13.8 * 3600)
    day_over = 13.5 * 3600
    reached = {
        step.values["entity_id"]: moment.at
        for moment in moments
        for step in moment.steps
        if step.values.get("rule") == "daily cap"
    }
    assert reached
    begun: Counter[UUID] = Counter()
    opened = set()
    for moment in moments:
        for step in moment.steps:
            if step.table == "calls" and "target_id" in step.values and moment.at < day_over:
                begun[step.values["target_id"]] += 1
            if step.table == "targets" and step.values.get("status") == "active" and moment.at >= day_over:
                opened.add(step.id)
    for target in reached:
        assert begun[target] <= BY_TARGET[target].daily_cap + 4
    assert reached.keys() <= opened


def test_the_opening_is_what_the_prelude_left(hour: list[Moment]) -> None:
    story = iter(Story(7))
    steps, first = opening(story)
    assert first.at >= 0
    assert first == next(moment for moment in hour if moment.at >= 0)
    assert next(story) == next(moment for moment in hour if moment.at >= 0 and moment != first)
    assert len({step.id for step in steps}) == len(steps)
    live = [step for step in steps if step.table == "calls" and step.values["status"] in LIVE]
    assert 10 < len(live) < 60
    assert all(step.kind == "insert" for step in steps if step.table == "calls")


def test_amounts_to_add_are_added_up_in_the_opening() -> None:
    identity = TARGETS[0].id
    moments = iter(
        [
            Moment(-2, (Step("update", "buyers", identity, {"balance": Plus(2)}),)),
            Moment(-1, (Step("update", "buyers", identity, {"balance": Plus(3)}),)),
            Moment(1, ()),
        ]
    )
    steps, _ = opening(moments)
    assert steps[0].values["balance"] == 5
    assert isinstance(steps[0].values["balance"], Plus)
    assert TALK_TIME not in steps[0].values.values()
