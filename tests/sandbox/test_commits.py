"""A change is given out only once everybody can see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from livewidgets.sandbox.commits import all_visible
from livewidgets.sandbox.wal import StreamEvent, WalStream
from tests.sandbox.cluster import Connection, cluster_dsn, db, wait_until

__all__ = ["cluster_dsn", "db"]

WRAP = 2**32


@pytest.mark.parametrize(
    ("snapshot", "xids", "visible"),
    [
        ("100:100:", [99], True),
        ("100:100:", [100], False),
        ("100:105:102,104", [101, 103], True),
        ("100:105:102,104", [101, 104], False),
        ("100:105:", [], True),
        # The log has 32 bits of the number, a snapshot 64.
        (f"{WRAP + 5}:{WRAP + 5}:", [WRAP - 1, 4], True),
        (f"{WRAP + 5}:{WRAP + 9}:{WRAP + 7}", [7], False),
        (f"{WRAP + 5}:{WRAP + 5}:", [6], False),
    ],
)
def test_what_a_snapshot_sees(snapshot: str, xids: list[int], visible: bool):
    assert all_visible(snapshot, xids) is visible


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - the database tells nobody; the caller has a limit
        await asyncio.sleep(0.01)


HELD = "from pg_stat_activity where wait_event = 'SyncRep'"


async def commits_are_held(dsn: str, db: Connection) -> None:
    """Wait until a commit waits for its standby: a process of its own has to take note of the setting first."""
    writer = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    held = False
    while not held:
        writing = asyncio.create_task(writer.execute("insert into nobody_hears values (1)"))
        while not writing.done() and not held:
            await asyncio.sleep(0.01)
            # Cancelled, it no longer waits, and is committed all the same.
            held = db.execute(f"select pg_cancel_backend(pid) {HELD}").rowcount == 1
        await writing
    await writer.close()


async def test_a_change_is_visible_when_it_arrives(cluster_dsn: str, db: Connection):
    db.execute("drop table if exists slow")
    db.execute("create table slow (id int primary key)")
    db.execute("create table nobody_hears (id int)")
    db.execute("alter publication supabase_realtime add table slow")
    # A commit that waits for a standby which does not exist is in the log, and nobody can see it.
    db.execute("alter system set synchronous_standby_names = 'nobody'")
    db.execute("select pg_reload_conf()")
    wait_until(
        lambda: db.execute("show synchronous_standby_names").fetchone() == ("nobody",), what="the setting"
    )
    stream = WalStream(cluster_dsn)
    arrived: list[bool] = []

    async def read() -> None:
        async for batch in stream:
            if batch is StreamEvent.READY:
                ready.set()
            elif isinstance(batch, list):
                arrived.append(db.execute("select exists (select from slow)").fetchone() == (True,))

    ready = asyncio.Event()
    reader = asyncio.create_task(read())
    try:
        async with asyncio.timeout(30):
            await ready.wait()
            await commits_are_held(cluster_dsn, db)
            writer = await psycopg.AsyncConnection.connect(cluster_dsn, autocommit=True)
            writing = asyncio.create_task(writer.execute("insert into slow values (1)"))
            await until(lambda: db.execute(f"select {HELD}").rowcount == 1)
            # The log's end has been read, the change with it, and it was kept back.
            flushed = "select pg_current_wal_flush_lsn() <= max(sent_lsn) from pg_stat_replication"
            await until(lambda: db.execute(flushed).fetchone() == (True,))
            db.execute("alter system reset synchronous_standby_names")
            db.execute("select pg_reload_conf()")
            await writing
            await until(lambda: arrived)
            await writer.close()
    finally:
        db.execute("alter system reset synchronous_standby_names")
        db.execute("select pg_reload_conf()")
        await stream.close()
        await reader
        db.execute("drop table slow, nobody_hears")
    assert arrived == [True]
