"""A dashboard's worst day: 200 sockets, 2,000 subscriptions, 2,000 changes a second, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from livewidgets.sandbox import cluster, subscriptions
from livewidgets.sandbox.auth import Claims
from livewidgets.sandbox.catalog import Catalog
from livewidgets.sandbox.keys import Keys
from livewidgets.sandbox.postgres import Database, Postgres
from livewidgets.sandbox.visibility import visible
from livewidgets.sandbox.wal import StreamEvent, WalStream
from tests.sandbox.cluster import Connection, Reader, cluster_dsn, db, wait_until
from tests.sandbox.processes import sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from livewidgets.sandbox.instance import SandboxInfo

__all__ = ["cluster_dsn", "db"]

SOCKETS = 200
CHANNELS = 10
TENANTS = 20
ROOMS = 50
RATE = 2000
SECONDS = 4
#: Rows a transaction: as a busy application writes.
TOGETHER = 10

TABLE = """
create table crowd (id bigint primary key, tenant int not null, room int not null, note text);
alter table crowd enable row level security;
create policy own on crowd for select to authenticated
  using (tenant = ((select auth.jwt()) -> 'app_metadata' ->> 'tenant')::int);
grant select on crowd to authenticated;
alter publication supabase_realtime add table crowd;
"""


@pytest.fixture
def strong(tmp_path: Path) -> Iterator[SandboxInfo]:
    with sandbox(tmp_path / "data", "--no-traffic") as (_, info):
        with psycopg.connect(info.dsn, autocommit=True) as db:
            db.execute(TABLE)
        yield info


def room_of(socket: int, channel: int) -> int:
    """A tenant has ten sockets of ten channels: two of them listen to each of its rooms."""
    return (socket // TENANTS * CHANNELS + channel) % ROOMS


def orders(info: SandboxInfo, number: int) -> dict[str, Any]:
    keys = Keys.load(info.data)
    tokens = [
        keys.sign({"role": "authenticated", "sub": f"u{at}", "app_metadata": {"tenant": at}})
        for at in range(TENANTS)
    ]
    return {
        "url": f"ws://127.0.0.1:{info.port}/realtime/v1/websocket?apikey={info.anon_key}&vsn=1.0.0",
        "expected": number,
        "sockets": [
            {
                "table": "crowd",
                "token": tokens[socket % TENANTS],
                "filters": [f"room=eq.{room_of(socket, channel)}" for channel in range(CHANNELS)],
            }
            for socket in range(SOCKETS)
        ],
    }


def write(dsn: str, number: int) -> None:
    """Insert rows at the rate, ten a transaction."""
    began = time.monotonic()
    ids = count()
    with psycopg.connect(dsn, autocommit=True) as db:
        for start in range(0, number, TOGETHER):
            rows = [(at, at % TENANTS, at // TENANTS % ROOMS) for at in (next(ids) for _ in range(TOGETHER))]
            db.execute(
                "insert into crowd select * from unnest(%s::bigint[], %s::int[], %s::int[]), (values ('a note')) n",
                [list(column) for column in zip(*rows, strict=True)],
            )
            ahead = began + start / RATE - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)


def expected(number: int) -> dict[str, list[int]]:
    """What each channel is to hear: its tenant's rows of its room, in their order."""
    rows: dict[tuple[int, int], list[int]] = {}
    for at in range(number):
        rows.setdefault((at % TENANTS, at // TENANTS % ROOMS), []).append(at)
    return {
        f"realtime:{socket}-{channel}": rows.get((socket % TENANTS, room_of(socket, channel)), [])
        for socket in range(SOCKETS)
        for channel in range(CHANNELS)
    }


def test_two_thousand_subscriptions_hear_two_thousand_changes_a_second(strong: SandboxInfo) -> None:
    number = RATE * SECONDS
    wanted = expected(number)
    assert len(wanted) == 2000
    crowd = subprocess.Popen(
        [sys.executable, "-m", "tests.sandbox.crowd"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert crowd.stdin is not None
        assert crowd.stdout is not None
        crowd.stdin.write(json.dumps(orders(strong, sum(map(len, wanted.values())))) + "\n")
        crowd.stdin.flush()
        assert crowd.stdout.readline() == "ready\n"
        write(strong.dsn, number)
        heard = json.loads(crowd.stdout.read())
    finally:
        crowd.kill()
        crowd.communicate()
    # Each row twice, to the two sockets of its tenant that listen to its room; in order, and nobody else's.
    assert sum(map(len, heard.values())) == 2 * number
    assert heard == wanted


class _Heard:
    """An outbox that counts."""

    def __init__(self) -> None:
        self.frames: list[str] = []

    def put_change(self, before: str, payload: str, after: str) -> None:
        self.frames.append(before + payload + after)


async def test_row_security_is_asked_once_a_batch_for_a_role_and_its_claims(
    cluster_dsn: str, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    async def counted(connection: Any, role: str, claims: str, *more: Any) -> Any:
        asked.append((role, claims))
        return await visible(connection, role, claims, *more)

    monkeypatch.setattr(subscriptions, "visible", counted)
    db.execute(TABLE)
    async with Database(cluster_dsn) as database:
        catalog = Catalog(database)
        registry = subscriptions.Subscriptions(database, catalog)
        reader = Reader(WalStream(cluster_dsn))
        try:
            assert await reader.next() is StreamEvent.READY
            outboxes = []
            for tenant in range(3):
                claims = Claims.of({"role": "authenticated", "app_metadata": {"tenant": tenant}})
                for number in range(40):
                    binding = {"event": "*", "schema": "public", "table": "crowd"}
                    raw = [{**binding, "filter": f"room=eq.{number}"} if number % 2 else binding]
                    outbox = _Heard()
                    outboxes.append((tenant, number, outbox))
                    registry.add(object(), await registry.check(claims, raw), outbox, ("", ""))
            rows = [(at, at % 3, at % 40) for at in range(200)]
            with db.cursor() as cursor, db.transaction():
                cursor.executemany("insert into crowd values (%s, %s, %s, 'x')", rows)
            await registry.deliver(await reader.changes(200))
        finally:
            await reader.close()
            db.execute("drop table crowd")
    assert len(asked) == len(set(asked)) == 3, "120 subscriptions, 200 changes, three questions"
    for tenant, number, outbox in outboxes:
        own = [at for at, of, room in rows if of == tenant and (room == number or number % 2 == 0)]
        assert [json.loads(frame)["data"]["record"]["id"] for frame in outbox.frames] == own


def test_a_killed_sandbox_leaves_no_slot_behind(cluster_dsn: str, db: Connection, tmp_path: Path) -> None:
    slots = "select from pg_replication_slots where slot_name like 'livewidgets%'"
    environment = {**os.environ, "LIVEWIDGETS_POSTGRES": cluster_dsn}
    for _ in range(2):
        with sandbox(tmp_path / "data", "--no-traffic", env=environment) as (process, info):
            wait_until(info.answers, what="it answers")
            wait_until(lambda: db.execute(slots).rowcount == 1, what="its slot is the only one")
            process.kill()
            process.wait()
        wait_until(lambda: db.execute(slots).rowcount == 0, what="the slot is gone")


async def test_a_stuck_sandbox_holds_a_bounded_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster._SETTINGS["max_slot_wal_keep_size"] == "1GB"
    small = {"max_slot_wal_keep_size": "16MB", "max_wal_size": "32MB", "wal_keep_size": "0"}
    monkeypatch.setattr(cluster, "_SETTINGS", {**cluster._SETTINGS, **small})
    postgres = Postgres.start(tmp_path)
    reader = Reader(WalStream(postgres.dsn, "everything"))
    try:
        with psycopg.connect(postgres.dsn, autocommit=True) as db:
            db.execute("create table heavy (id int primary key, note text)")
            db.execute("create publication everything for table heavy")
            assert await reader.next() is StreamEvent.READY
            # Nobody reads meanwhile, as when the process is stopped or busy for long.
            for start in range(0, 80_000, 20_000):
                db.execute(
                    "insert into heavy select g, repeat('x', 900) from generate_series(%s::int, %s::int) g",
                    [start, start + 19_999],
                )
            # A checkpoint gives the slot up, and waits for the slot's sender to end. That may sit in the write of its
            # own last words, which somebody has to read: so not on the loop that reads.
            checkpoint = asyncio.create_task(asyncio.to_thread(db.execute, "checkpoint"))
            events = [await reader.next(20)]
            while events[-1] is not StreamEvent.RESUMED:
                events.append(await reader.next(20))
            await checkpoint
            size = db.execute("select sum(size) from pg_ls_waldir()").fetchone()
            assert size
            assert size[0] < 72 * 2**20, "80 MB were written"
            assert StreamEvent.LOST in events, "it says that changes may be missing, and goes on"
            db.execute("insert into heavy values (-1)")
            (change,) = await reader.changes(1)
            assert change.new[0] == "-1"
    finally:
        await reader.close()
        postgres.stop()
