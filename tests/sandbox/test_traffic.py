"""The story is played into a real database, at any pace, and whatever happens to that."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from livewidgets.errors import SandboxStartError
from livewidgets.sandbox import traffic_writer
from livewidgets.sandbox.traffic import Pace, Traffic, seed_base
from tests.sandbox.cluster import Connection, cluster_dsn, db, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cluster_dsn", "db"]


TRAFFIC = "from pg_stat_activity where application_name = 'livewidgets sandbox: traffic'"


class _Playing:
    """A story that is played; at the end the player must have been alive, and stop at once."""

    def __init__(self, dsn: str, **pace: Any) -> None:
        self._traffic = Traffic(dsn, pace=Pace(**pace))
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Traffic:
        self._task = asyncio.create_task(self._traffic.play())
        return self._traffic

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
    # What it was about to commit when it was ended.
    wait_until(lambda: db.execute(f"select {TRAFFIC}").rowcount == 0, what="the traffic's connection ends")
    for table in ("bids", "calls", "alerts", "payments"):
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


async def test_what_the_last_run_paused_and_fired_is_resolved(cluster_dsn: str, stage: Connection) -> None:
    open_alerts = "select from alerts where resolved_at is null and rule not in ('payment confirmed', 'payment disputed')"
    async with _Playing(cluster_dsn, speed=300.0, scenario="outage") as traffic:
        while True:
            await until(stage, f"{open_alerts} and rule = 'unanswered calls'")
            await traffic.set(replace(traffic.pace, state="paused"))
            # A campaign's pause lasts less than a second here: it may be over already, and there are more to come.
            if stage.execute("select from campaigns where status = 'paused'").rowcount:
                break
            await traffic.set(replace(traffic.pace, state="playing"))
    old = stage.execute("select id from alerts").fetchall()
    async with _Playing(cluster_dsn, speed=0.001):
        await until(stage, "select from campaigns where status = 'paused' having count(*) = 0")
        left = stage.execute(f"{open_alerts} and id = any(%s)", ([row[0] for row in old],)).rowcount
        assert left == 0


async def test_a_pause_writes_nothing_and_tears_no_call(cluster_dsn: str, stage: Connection) -> None:
    version = "select sum(version) from (select version from calls union all select version from bids) v"
    async with _Playing(cluster_dsn, speed=200.0) as traffic:
        await until(stage, "select from calls having count(*) > 150")
        for speed in (1.0, 800.0, 0.01, 300.0):
            await traffic.set(replace(traffic.pace, state="paused"))
            before, written = stage.execute(version).fetchone(), traffic.written
            await asyncio.sleep(0.1)  # time in which something could be written
            assert stage.execute(version).fetchone() == before
            assert traffic.written == written
            assert stage.execute("select from calls where ended_at is null").rowcount
            await traffic.set(replace(traffic.pace, state="playing", speed=speed))
            await asyncio.sleep(0.1)
            # The dates of every call agree with each other, across the change of speed too.
            assert await asyncio.to_thread(lambda: stage.execute(INCONSISTENT).fetchall()) == []
        written = traffic.written
        await until(stage, "select from calls having count(*) > 250")
        assert traffic.written > written


async def test_the_pace_may_change_before_it_begins(cluster_dsn: str, stage: Connection) -> None:
    async with _Playing(cluster_dsn, state="paused") as traffic:
        await traffic.set(Pace("paused", 50.0, "bid_war"))
        assert traffic.pace == Pace("paused", 50.0, "bid_war")
        assert stage.execute("select from calls").rowcount == 0
        await traffic.set(Pace("playing", 50.0, "bid_war"))
        await until(stage, "select from bids where reject_reason = 'replaced' having count(*) > 20")
    traffic = Traffic(cluster_dsn)
    await traffic.set(Pace("paused"))
    assert repr(traffic) == "<Traffic paused, normal, speed 1>"


@pytest.mark.parametrize(
    "pace", [{"state": "away"}, {"speed": 0}, {"speed": "fast"}, {"speed": True}, {"scenario": "calm"}]
)
def test_a_pace_that_cannot_be(pace: dict[str, Any]) -> None:
    with pytest.raises(SandboxStartError):
        Pace(**pace)


async def test_rows_deleted_under_its_feet_do_not_stop_it(cluster_dsn: str, stage: Connection) -> None:
    async with _Playing(cluster_dsn, speed=100.0) as traffic:
        await until(stage, "select from calls having count(*) > 100")
        for query in (
            "delete from calls",
            "delete from targets where campaign_id = (select id from campaigns order by name limit 1)",
        ):
            # In the middle of a transaction of the traffic's the two might wait for each other's rows.
            await traffic.set(replace(traffic.pace, state="paused"))
            await asyncio.to_thread(stage.execute, query)
            await traffic.set(replace(traffic.pace, state="playing"))
        stage.execute(f"select pg_terminate_backend(pid) {TRAFFIC}")
        await until(stage, "select from calls having count(*) > 100")
    stage.execute("delete from sandbox.notes where name = 'base'")
    await asyncio.to_thread(seed_base, cluster_dsn)


async def test_old_calls_are_deleted(
    cluster_dsn: str, stage: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.execute("insert into calls (status, created_at) values ('queued', 'epoch')")
    monkeypatch.setattr(traffic_writer, "SWEEP_EVERY", 500)
    monkeypatch.setattr(
        traffic_writer,
        "_SWEEP",
        tuple(text.replace(str(traffic_writer.KEEP_CALLS), "60") for text in traffic_writer._SWEEP),
    )
    async with _Playing(cluster_dsn, speed=300.0):
        await until(
            stage, "select from calls where created_at > now() - interval '20 s' having count(*) > 60"
        )
        await until(stage, "select from calls where ended_at is not null having count(*) between 1 and 140")
    assert stage.execute("select count(*) from calls where created_at = 'epoch'").fetchone() == (1,)


def test_the_base_is_seeded_once(cluster_dsn: str, db: Connection) -> None:
    seed_base(cluster_dsn)
    row = db.execute("select id, name from agents limit 1").fetchone()
    assert row
    db.execute("delete from agents where id = %s", (row[0],))
    seed_base(cluster_dsn)
    assert db.execute("select from agents where id = %s", (row[0],)).rowcount == 0
    db.execute("delete from sandbox.notes where name = 'base'")
    seed_base(cluster_dsn)
    assert db.execute("select name from agents where id = %s", (row[0],)).fetchone() == (row[1],)
