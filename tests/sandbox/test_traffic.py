"""The story is the same for the same seed, makes sense at every moment, and is played into a real database."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

import pytest

from livewidgets.sandbox import traffic
from livewidgets.sandbox.scenario import AGENTS, TARGETS
from livewidgets.sandbox.story import TALK_TIME, Moment, Plus, Step, Story, opening, rate
from livewidgets.sandbox.traffic import play
from tests.sandbox.cluster import Connection, cluster_dsn, db, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

__all__ = ["cluster_dsn", "db"]

LIVE = ("queued", "initiated", "ringing", "in-progress")
ENDED = ("completed", "busy", "no-answer", "canceled", "failed")
FOLLOWS = {
    "queued": ("initiated", "failed"),
    "initiated": ("ringing",),
    "ringing": ("in-progress", "busy", "no-answer", "canceled"),
    "in-progress": ("completed",),
}


def first_hour(seed: int) -> list[Moment]:
    return list(takewhile(lambda moment: moment.at < 3600, Story(seed)))


@pytest.fixture(scope="module")
def hour() -> list[Moment]:
    return first_hour(7)


def test_the_same_seed_tells_the_same_story(hour: list[Moment]) -> None:
    assert first_hour(7) == hour
    assert list(islice(Story(8), 50)) != hour[:50]
    assert list(islice(Story(7, chapter=1), 50)) != hour[:50]


def test_ids_of_chapters_differ(hour: list[Moment]) -> None:
    def inserted(moments: Any) -> set[UUID]:
        return {step.id for moment in moments for step in moment.steps if step.kind == "insert"}

    assert not inserted(hour) & inserted(islice(Story(7, chapter=1), 3000))
    assert {identity.version for identity in inserted(hour)} == {8}


def test_moments_are_in_order(hour: list[Moment]) -> None:
    times = [moment.at for moment in hour]
    assert times == sorted(times)
    assert -600 <= times[0] < -550


def test_every_call_makes_sense_at_every_moment(hour: list[Moment]) -> None:
    calls: dict[UUID, dict[str, Any]] = {}
    for moment in hour:
        for step in moment.steps:
            if step.table != "calls":
                continue
            if step.kind == "insert":
                assert step.values["status"] == "queued"
                assert re.fullmatch(r"\+1\d{3}555\d{4}", step.values["caller_number"])
                calls[step.id] = dict(step.values)
                continue
            call = calls[step.id]
            assert "ended_at" not in call, "nothing happens to a call that has ended"
            if "status" in step.values:
                assert step.values["status"] in FOLLOWS[call["status"]]
            call.update(step.values)
            assert ("ended_at" in call) == (call["status"] in ENDED)
            assert ("connected_seconds" in call) == (call["status"] == "completed")
            if "connected_at" in call and "ended_at" in call:
                assert call["ringing_at"] <= call["connected_at"] < call["ended_at"]
            if call.get("is_converted"):
                assert not call["is_duplicate"]
                assert 0 < call["payout"] < call["revenue"]
    statuses = Counter(call["status"] for call in calls.values())
    assert set(statuses) >= {"completed", "busy", "no-answer", "canceled"}
    ended = [call for call in calls.values() if "ended_at" in call]
    assert 0.5 < sum("connected_at" in call for call in ended) / len(ended) < 0.85
    assert any(call["is_duplicate"] for call in calls.values())


def test_one_bid_wins_a_request(hour: list[Moment]) -> None:
    bids: dict[UUID, dict[str, Any]] = {}
    winners: dict[UUID, UUID] = {}
    for moment in hour:
        for step in moment.steps:
            if step.table == "bids":
                bids.setdefault(step.id, {}).update(step.values)
                if step.values.get("is_winning"):
                    assert winners.setdefault(bids[step.id]["request_id"], step.id) == step.id
            if step.values.get("winning_bid_id") is not None:
                bid = bids[step.values["winning_bid_id"]]
                assert bid["is_winning"]
                assert bid["call_id"] == step.id
                assert bid["target_id"] == step.values["target_id"]
                rivals = [
                    b
                    for b in bids.values()
                    if b["request_id"] == bid["request_id"] and b["status"] == "rejected"
                ]
                assert all(
                    rival["adjusted_amount"] <= bid["adjusted_amount"]
                    or rival["reject_reason"] == "below minimum"
                    for rival in rivals
                )
    assert len(winners) > 300
    assert Counter(bid["status"] for bid in bids.values())["rejected"] > 300


def test_agents_and_targets_are_never_in_two_places(hour: list[Moment]) -> None:
    follows = {
        "available": {"on_call", "break"},
        "on_call": {"acw"},
        "acw": {"available"},
        "break": {"available"},
    }
    agents = {agent.id: "available" for agent in AGENTS}
    live = Counter[Any]()
    caps = {target.id: target.concurrency_cap for target in TARGETS}
    for moment in hour:
        for step in moment.steps:
            if step.table == "agents":
                assert step.values["state"] in follows[agents[step.id]]
                agents[step.id] = step.values["state"]
            if step.table == "targets":
                assert abs(step.values["live_calls"] - live[step.id]) == 1
                live[step.id] = step.values["live_calls"]
                # A call that was on its way when the cap was reached may still come.
                assert 0 <= live[step.id] <= caps[step.id] + 2


def test_the_day_has_a_shape() -> None:
    hours = [rate((hour - 10.5) * 3600) for hour in range(24)]
    assert max(hours) == hours[13] or max(hours) == hours[14]
    assert 0 < hours[3] < hours[9] < hours[13]


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


class _Playing:
    def __init__(self, dsn: str, **options: Any) -> None:
        self._arguments = (dsn, options)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> asyncio.Task[None]:
        dsn, options = self._arguments
        self._task = asyncio.create_task(play(dsn, **options))
        return self._task

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        assert not self._task.done(), self._task
        self._task.cancel()
        done, _ = await asyncio.wait((self._task,), timeout=10)
        assert done, "it does not end"


async def until(db: Connection, query: str, limit: float = 20.0) -> Any:
    return await asyncio.to_thread(wait_until, lambda: db.execute(query).rowcount, limit, query)


@pytest.fixture
def stage(db: Connection) -> Iterator[Connection]:
    yield db
    for table in ("calls", "bids", "alerts", "payments"):
        db.execute(f"delete from {table}")


async def test_something_is_to_be_seen_at_once(cluster_dsn: str, stage: Connection) -> None:
    async with _Playing(cluster_dsn), asyncio.timeout(10):
        await until(stage, "select from calls where ended_at is null having count(*) > 10")
        await until(stage, "select from calls where status = 'completed' having count(*) > 10")
        await until(stage, "select from calls where version > 1")


INCONSISTENT = """
select id, status from calls
where (ended_at is null) <> (status in ('queued', 'initiated', 'ringing', 'in-progress'))
   or (status = 'completed') and (connected_at is null or connected_seconds is null)
   or connected_seconds is not null and abs(connected_seconds - extract(epoch from ended_at - connected_at)) > 1
   or is_converted and revenue <= 0
   or profit <> revenue - payout - telco_cost
   or ringing_at < created_at or connected_at < ringing_at or ended_at < connected_at
   or winning_bid_id is not null and not exists (select from bids where bids.id = winning_bid_id and is_winning)
"""


async def test_rows_are_consistent_while_it_runs_fast(cluster_dsn: str, stage: Connection) -> None:
    async with _Playing(cluster_dsn, speed=400.0):
        for minimum in (300, 500, 700):
            await until(stage, f"select from calls having count(*) > {minimum}")
            rows = await asyncio.to_thread(lambda: stage.execute(INCONSISTENT).fetchall())
            assert rows == []
        now = stage.execute(
            "select count(*) from calls where created_at > now() + interval '1 second'"
        ).fetchone()
        assert now == (0,)


async def test_a_new_start_closes_what_the_last_left_and_goes_on(cluster_dsn: str, stage: Connection) -> None:
    stage.execute("insert into calls (status, disposition) values ('in-progress', 'by hand')")
    async with _Playing(cluster_dsn, speed=50.0):
        await until(stage, "select from calls where status = 'in-progress' having count(*) > 5")
    before = stage.execute("select id from calls where ended_at is null and disposition is null").fetchall()
    assert before
    old = ", ".join(f"'{row[0]}'" for row in before)
    async with _Playing(cluster_dsn, speed=50.0):
        await until(stage, f"select from calls where id in ({old}) and ended_at is null having count(*) = 0")
        await until(stage, "select from calls where status = 'in-progress' having count(*) > 5")
        assert stage.execute(INCONSISTENT).fetchall() == []
    # What somebody else wrote is none of the story's business.
    kept = stage.execute("select status from calls where disposition = 'by hand'").fetchall()
    assert kept == [("in-progress",)]


async def test_rows_deleted_under_its_feet_do_not_stop_it(cluster_dsn: str, stage: Connection) -> None:
    async with _Playing(cluster_dsn, speed=100.0):
        await until(stage, "select from calls having count(*) > 100")
        for query in (
            "delete from calls",
            "delete from targets where campaign_id = (select id from campaigns order by name limit 1)",
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%traffic'",
        ):
            # In a thread: the traffic may hold a lock, and needs the loop to let it go.
            await asyncio.to_thread(stage.execute, query)
        await until(stage, "select from calls having count(*) > 100")
    stage.execute("delete from sandbox.notes where name = 'base'")
    await asyncio.to_thread(traffic.seed_base, cluster_dsn)


async def test_old_calls_are_deleted(
    cluster_dsn: str, stage: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.execute("insert into calls (status, created_at) values ('queued', 'epoch')")
    monkeypatch.setattr(traffic, "SWEEP_EVERY", 500)
    monkeypatch.setattr(
        traffic, "_SWEEP", tuple(text.replace(str(traffic.KEEP_CALLS), "60") for text in traffic._SWEEP)
    )
    async with _Playing(cluster_dsn, speed=300.0):
        await until(
            stage, "select from calls where created_at > now() - interval '20 s' having count(*) > 60"
        )
        await until(stage, "select from calls where ended_at is not null having count(*) between 1 and 140")
    assert stage.execute("select count(*) from calls where created_at = 'epoch'").fetchone() == (1,)


def test_the_base_is_seeded_once(cluster_dsn: str, db: Connection) -> None:
    traffic.seed_base(cluster_dsn)
    row = db.execute("select id, name from agents limit 1").fetchone()
    assert row
    db.execute("delete from agents where id = %s", (row[0],))
    traffic.seed_base(cluster_dsn)
    assert db.execute("select from agents where id = %s", (row[0],)).rowcount == 0
    db.execute("delete from sandbox.notes where name = 'base'")
    traffic.seed_base(cluster_dsn)
    assert db.execute("select name from agents where id = %s", (row[0],)).fetchone() == (row[1],)
