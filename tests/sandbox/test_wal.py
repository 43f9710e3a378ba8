"""The stream of changes against a real Postgres: every kind, many types, tables that come and go, restarts."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from livewidgets.errors import PostgresUnavailableError
from livewidgets.sandbox import schema
from livewidgets.sandbox.postgres import Postgres
from livewidgets.sandbox.wal import UNCHANGED, StreamEvent, WalStream
from tests.sandbox.cluster import Connection, Reader, cluster_dsn, db, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from livewidgets.sandbox.wal import RowChange

__all__ = ["cluster_dsn", "db"]


@asynccontextmanager
async def reading(dsn: str) -> AsyncIterator[Reader]:
    stream = WalStream(dsn)
    reader = Reader(stream)
    try:
        assert await reader.next() is StreamEvent.READY
        yield reader
    finally:
        await stream.close()
        await reader.close()


@pytest.fixture
def things(db: Connection) -> Iterator[str]:
    db.execute("drop table if exists things")
    db.execute("create table things (id bigint primary key, name text, big text)")
    db.execute("alter table things alter column big set storage external")
    db.execute("alter publication supabase_realtime add table things")
    yield "things"
    db.execute("drop table if exists things")


def names(change: RowChange) -> list[str]:
    return [column.name for column in change.relation.columns]


async def test_every_kind_of_change(cluster_dsn: str, db: Connection, things: str) -> None:
    async with reading(cluster_dsn) as reader:
        before = datetime.now(UTC)
        db.execute("insert into things values (1, 'a', null)")
        db.execute("update things set name = 'b'")
        db.execute("update things set id = 2")
        db.execute("delete from things")
        db.execute("truncate things")
        inserted, updated, moved, deleted, truncated = await reader.changes(5)
    assert (inserted.kind, inserted.new, inserted.old) == ("INSERT", ("1", "a", None), None)
    assert (updated.kind, updated.new, updated.old) == ("UPDATE", ("1", "b", None), None)
    assert (moved.kind, moved.new, moved.old) == ("UPDATE", ("2", "b", None), ("1", None, None))
    assert moved.old_is_key
    assert (deleted.kind, deleted.new, deleted.old) == ("DELETE", None, ("2", None, None))
    assert deleted.old_is_key
    assert (truncated.kind, truncated.new, truncated.old) == ("TRUNCATE", None, None)
    assert inserted.relation.schema == "public"
    assert inserted.relation.table == things
    assert [(c.name, c.type_name, c.is_key) for c in inserted.relation.columns] == [
        ("id", "int8", True),
        ("name", "text", False),
        ("big", "text", False),
    ]
    lsns = [inserted.lsn, updated.lsn, moved.lsn, deleted.lsn, truncated.lsn]
    assert lsns == sorted(set(lsns))
    assert before - timedelta(seconds=1) < inserted.commit_time < datetime.now(UTC) + timedelta(seconds=1)


async def test_full_identity_brings_the_old_row(cluster_dsn: str, db: Connection, things: str) -> None:
    db.execute(f"alter table {things} replica identity full")
    async with reading(cluster_dsn) as reader:
        db.execute("insert into things values (1, 'a', 'x')")
        db.execute("update things set name = 'b'")
        db.execute("delete from things")
        _, updated, deleted = await reader.changes(3)
    assert updated.relation.replica_identity == "f"
    assert (updated.old, updated.old_is_key) == (("1", "a", "x"), False)
    assert (deleted.old, deleted.old_is_key) == (("1", "b", "x"), False)


async def test_a_large_value_that_was_not_touched(cluster_dsn: str, db: Connection, things: str) -> None:
    async with reading(cluster_dsn) as reader:
        db.execute(f"insert into {things} values (1, 'a', repeat('z', 100000))")
        db.execute("update things set name = 'b'")
        db.execute("update things set big = 'small'")
        inserted, updated, replaced = await reader.changes(3)
    assert inserted.new is not None
    assert inserted.new[2] == "z" * 100_000
    assert updated.new == ("1", "b", UNCHANGED)
    assert replaced.new == ("1", "b", "small")


async def test_values_are_postgres_text(cluster_dsn: str, db: Connection) -> None:
    samples: list[tuple[str, str, str]] = [
        ("boolean", "true", "t"),
        ("smallint", "-3", "-3"),
        ("bigint", "9007199254740993", "9007199254740993"),
        ("real", "1.5", "1.5"),
        ("double precision", "0.1", "0.1"),
        ("numeric(20,6)", "12345678901234.123", "12345678901234.123000"),
        ("text", "'naïve 🙂'", "naïve 🙂"),
        ("varchar(5)", "'v'", "v"),
        ("char(4)", "'a'", "a   "),
        ("json", """'{"a": [1, null]}'""", '{"a": [1, null]}'),
        ("jsonb", """'{"b":1}'""", '{"b": 1}'),
        ("uuid", "'5e0a4f0c-0000-4000-8000-000000000001'", "5e0a4f0c-0000-4000-8000-000000000001"),
        ("date", "'2024-02-29'", "2024-02-29"),
        ("time", "'01:02:03.5'", "01:02:03.5"),
        ("timestamp", "'2024-02-29 01:02:03.456789'", "2024-02-29 01:02:03.456789"),
        ("timestamptz", "'2024-02-29 01:02:03+02'", "2024-02-28 23:02:03+00"),
        ("timestamptz", "'infinity'", "infinity"),
        ("interval", "'1 day 2 hours'", "1 day 02:00:00"),
        ("bytea", r"'\xdeadbeef'", r"\xdeadbeef"),
        ("integer[]", "'{1,2,NULL}'", "{1,2,NULL}"),
        ("text[]", """'{a,"b c"}'""", '{a,"b c"}'),
        ("int4range", "'[1,5)'", "[1,5)"),
        ("inet", "'10.0.0.1'", "10.0.0.1"),
        ("mood", "'glad'", "glad"),
        ("mood[]", "'{sad,glad}'", "{sad,glad}"),
        ("posint", "3", "3"),
    ]
    db.execute("create type mood as enum ('sad', 'glad')")
    db.execute("create domain posint as integer check (value > 0)")
    columns = ", ".join(f"c{i} {kind}" for i, (kind, _, _) in enumerate(samples))
    db.execute(f"create table kinds (id int primary key, {columns})")
    db.execute("alter publication supabase_realtime add table kinds")
    try:
        async with reading(cluster_dsn) as reader:
            # What a user sets for the database must not change the form of the values.
            db.execute("alter database postgres set datestyle = 'German'")
            db.execute(f"insert into kinds values (1, {', '.join(value for _, value, _ in samples)})")
            change = await reader.next()
    finally:
        db.execute("alter database postgres reset datestyle")
        db.execute("drop table kinds")
        db.execute("drop type mood")
        db.execute("drop domain posint")
    assert change.new is not None
    assert list(change.new[1:]) == [text for _, _, text in samples]
    types = [column.type_name for column in change.relation.columns[1:]]
    assert types == [
        "bool",
        "int2",
        "int8",
        "float4",
        "float8",
        "numeric",
        "text",
        "varchar",
        "bpchar",
        "json",
        "jsonb",
        "uuid",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "timestamptz",
        "interval",
        "bytea",
        "_int4",
        "_text",
        "int4range",
        "inet",
        "mood",
        "_mood",
        "int4",
    ]


async def test_a_table_that_appears_is_live_at_once(cluster_dsn: str, db: Connection) -> None:
    async with reading(cluster_dsn) as reader:
        db.execute("create table latecomers (id int primary key)")
        try:
            db.execute("insert into latecomers values (1)")  # not published yet
            db.execute("alter publication supabase_realtime add table latecomers")
            db.execute("insert into latecomers values (2)")
            first = await reader.next()
            db.execute("alter table latecomers add column note text default 'x'")
            db.execute("insert into latecomers values (3, 'new')")
            second = await reader.next()
        finally:
            db.execute("drop table latecomers")
    assert first.new == ("2",)
    assert second.new == ("3", "new")
    assert names(second) == ["id", "note"]


async def test_generated_columns_are_in_the_stream(cluster_dsn: str, db: Connection) -> None:
    async with reading(cluster_dsn) as reader:
        db.execute("insert into calls (caller_number, revenue, payout) values ('+12125550142', 30, 12.5)")
        change = await reader.next()
    db.execute("delete from calls")
    row = dict(zip(names(change), change.new or (), strict=True))
    assert row["caller_masked"] == "+1 ••• ••• 0142"
    assert row["profit"] == "17.5000"


async def test_a_transaction_comes_whole_and_in_order(cluster_dsn: str, db: Connection, things: str) -> None:
    stream = WalStream(cluster_dsn)
    batches: list[Any] = []
    total = 0
    async with asyncio.timeout(20):
        async for item in stream:
            if item is StreamEvent.READY:
                db.execute(f"insert into {things} select g, 'x', null from generate_series(1, 5000) g")
                with db.transaction(force_rollback=True):
                    db.execute("insert into things values (0, 'never', null)")
                db.execute("insert into things values (5001, 'last', null)")
                continue
            assert isinstance(item, list)
            batches.append(item)
            total += len(item)
            if total >= 5001:
                await stream.close()
    rows = [change.new[0] for batch in batches for change in batch]
    assert rows == [str(number) for number in range(1, 5002)]
    assert len(batches[0]) >= 5000  # one transaction is never cut
    assert len({change.lsn for change in batches[0][:5000]}) == 1


async def test_no_slot_is_left(cluster_dsn: str, db: Connection) -> None:
    async with reading(cluster_dsn):
        # One of an earlier test may be on its way out.
        slots = "select temporary from pg_replication_slots"
        await asyncio.to_thread(
            wait_until, lambda: db.execute(slots).fetchall() == [(True,)], what="one slot, a temporary one"
        )
    await asyncio.to_thread(
        wait_until, lambda: db.execute("select from pg_replication_slots").rowcount == 0, what="slot gone"
    )


async def test_a_reader_that_goes_away_takes_its_connection_along(cluster_dsn: str, db: Connection) -> None:
    async def read() -> None:
        async for _ in WalStream(cluster_dsn):
            pass

    task = asyncio.create_task(read())
    query = "select from pg_stat_replication where state = 'streaming'"
    await asyncio.to_thread(wait_until, lambda: db.execute(query).rowcount == 1, what="streaming")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(wait_until, lambda: db.execute(query).rowcount == 0, what="gone")


async def test_a_restart_of_the_database_is_survived(tmp_path: Path) -> None:
    postgres = Postgres.start(tmp_path / "data")
    try:
        schema.apply(postgres.dsn)
        stream = WalStream(postgres.dsn)
        reader = Reader(stream)
        assert await reader.next() is StreamEvent.READY
        # A clean stop waits until the reader has everything, so it must be reading.
        stopping = asyncio.create_task(asyncio.to_thread(postgres.stop))
        assert await reader.next() is StreamEvent.LOST
        await stopping
        postgres.restart()
        assert await reader.next() is StreamEvent.RESUMED
        with psycopg.connect(postgres.dsn, autocommit=True) as connection:
            connection.execute("insert into todos (title) values ('after')")
        change = await reader.next()
        assert change.new is not None
        assert change.new[1] == "after"
        await stream.close()
        await reader.close()
    finally:
        postgres.stop()


async def test_a_cut_connection_is_made_again(cluster_dsn: str, db: Connection) -> None:
    async with reading(cluster_dsn) as reader:
        db.execute("select pg_terminate_backend(pid) from pg_stat_replication")
        assert await reader.next() is StreamEvent.LOST
        assert await reader.next() is StreamEvent.RESUMED
        db.execute("insert into todos (title) values ('again')")
        assert (await reader.next()).new[1] == "again"


async def test_no_database_is_said_and_the_password_is_not() -> None:
    stream = WalStream("postgresql://postgres:hunter2@127.0.0.1:1/postgres")
    with pytest.raises(PostgresUnavailableError) as caught:
        await anext(aiter(stream))
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(stream)
