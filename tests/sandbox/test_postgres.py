"""The embedded server: quick, durable, and able to cope with whatever a killed one leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from livewidgets.errors import PostgresUnavailableError
from livewidgets.sandbox import cluster
from livewidgets.sandbox.postgres import Database, Postgres
from tests.sandbox.cluster import Connection, cluster_dsn, db, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["cluster_dsn", "db"]

WRITE = "create table if not exists kept (id int); insert into kept values (1)"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    pid = postmaster(folder)  # whatever a failed test left running
    if pid and psutil.pid_exists(pid):
        psutil.Process(pid).kill()


def postmaster(folder: Path) -> int:
    try:
        return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return 0


def count(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select count(*) from kept").fetchone()
    assert row
    return int(row[0])


def write(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(WRITE)


def test_start_stop_start(data: Path) -> None:
    first = Postgres.start(data)
    assert first.embedded
    assert first.alive
    assert first.dsn.startswith("postgresql://postgres:")
    password = first.dsn.split(":")[2].split("@")[0]
    assert password not in repr(first)
    write(first.dsn)
    pid = postmaster(data)
    first.stop()
    assert not first.alive
    assert not psutil.pid_exists(pid)
    assert not (data / "postgres" / "postmaster.pid").exists()
    first.stop()  # again does nothing
    second = Postgres.start(data)
    assert count(second.dsn) == 1
    second.stop()


def test_it_is_what_the_rest_needs(db: Connection) -> None:
    row = db.execute(
        "select current_setting('wal_level'), current_setting('server_version_num')::int"
    ).fetchone()
    assert row
    assert row[0] == "logical"
    assert row[1] >= 180_000


def test_nobody_comes_in_without_the_password(cluster_dsn: str) -> None:
    password = cluster_dsn.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(cluster_dsn.replace(password, "postgres"))


def test_a_killed_postmaster_is_started_again_on_its_port(data: Path) -> None:
    postgres = Postgres.start(data)
    write(postgres.dsn)
    os.kill(postmaster(data), signal.SIGKILL)
    wait_until(lambda: not postgres.alive, what="killed")
    dsn = postgres.dsn
    postgres.restart()
    assert postgres.dsn == dsn
    assert count(dsn) == 1
    postgres.stop()


def test_a_pid_file_of_a_killed_postmaster_is_no_obstacle(data: Path) -> None:
    first = Postgres.start(data)
    write(first.dsn)
    os.kill(postmaster(data), signal.SIGKILL)
    wait_until(lambda: not first.alive, what="killed")
    assert postmaster(data)
    second = Postgres.start(data)
    assert count(second.dsn) == 1
    second.stop()


def test_a_pid_that_belongs_to_another_program_now_is_no_obstacle(data: Path) -> None:
    first = Postgres.start(data)
    write(first.dsn)
    path = data / "postgres" / "postmaster.pid"
    text = path.read_text().splitlines()
    first.stop()
    path.write_text("\n".join([str(os.getpid()), *text[1:]]) + "\n")
    second = Postgres.start(data)
    assert count(second.dsn) == 1
    second.stop()
    assert psutil.pid_exists(os.getpid())


def test_a_running_postmaster_is_taken_over(data: Path) -> None:
    first = Postgres.start(data)
    write(first.dsn)
    second = Postgres.start(data)
    assert second.dsn == first.dsn
    assert count(second.dsn) == 1
    second.stop()
    wait_until(lambda: not first.alive, what="stopped by the second")
    first.stop()


def test_postgres_ends_with_a_killed_parent_and_keeps_what_was_committed(data: Path) -> None:
    code = (
        "import sys, psycopg, pathlib, time\n"
        "from livewidgets.sandbox.postgres import Postgres\n"
        "p = Postgres.start(pathlib.Path(sys.argv[1]))\n"
        f"psycopg.connect(p.dsn, autocommit=True).execute({WRITE!r})\n"
        "print('written', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(data)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "written\n"
        pid = postmaster(data)
        process.kill()
    if sys.platform == "linux":  # elsewhere the next start takes it over
        wait_until(lambda: not psutil.pid_exists(pid), what="Postgres gone")
    postgres = Postgres.start(data)
    assert count(postgres.dsn) == 1
    postgres.stop()


def test_half_an_init_is_made_anew(data: Path) -> None:
    (data / "postgres.new").mkdir(parents=True)
    (data / "postgres.new" / "junk").write_text("x")
    (data / "postgres").mkdir()
    postgres = Postgres.start(data)
    write(postgres.dsn)
    postgres.stop()


def test_a_lost_password_destroys_nothing(data: Path) -> None:
    first = Postgres.start(data)
    write(first.dsn)
    first.stop()
    kept = (data / "password").read_text()
    (data / "password").unlink()
    with pytest.raises(PostgresUnavailableError, match="password"):
        Postgres.start(data)
    (data / "password").write_text(kept)
    second = Postgres.start(data)
    assert count(second.dsn) == 1
    second.stop()


def test_a_log_shows_no_rows(data: Path) -> None:
    postgres = Postgres.start(data)
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute("create table numbers (number text primary key)")
        for _ in range(2):
            try:
                connection.execute("insert into numbers values ('+12125550142')")
            except psycopg.errors.UniqueViolation:
                break
    postgres.stop()
    log = (data / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "5550142" not in log


def test_another_database_is_served_when_it_can_be(cluster_dsn: str) -> None:
    postgres = Postgres.start(dsn=cluster_dsn)
    assert not postgres.embedded
    assert postgres.alive
    postgres.stop()
    with psycopg.connect(cluster_dsn):
        pass  # it is not ours to stop


@pytest.mark.parametrize(
    ("user", "match"), [("plain_visitor", "superuser"), ("nobody_there", "does not answer")]
)
def test_another_database_that_cannot_be_served_says_why(
    cluster_dsn: str, db: Connection, user: str, match: str
) -> None:
    db.execute("drop role if exists plain_visitor")
    db.execute("create role plain_visitor login password 'hunter2'")
    try:
        address = cluster_dsn.split("@")[1]
        with pytest.raises(PostgresUnavailableError, match=match) as caught:
            Postgres.start(dsn=f"postgresql://{user}:hunter2@{address}")
    finally:
        db.execute("drop role plain_visitor")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(caught.value.__cause__)


def test_a_database_without_logical_replication_says_what_to_do(data: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cluster._SETTINGS, "wal_level", "replica")
        other = Postgres.start(data)
    try:
        with pytest.raises(PostgresUnavailableError, match=r"wal_level=replica.*alter system"):
            Postgres.start(dsn=other.dsn)
    finally:
        other.stop()


async def test_the_pool_outlives_a_restart(data: Path) -> None:
    postgres = Postgres.start(data)
    try:
        async with Database(postgres.dsn) as database:
            assert postgres.dsn not in repr(database)
            async with database.pool.connection() as connection:
                await connection.execute(WRITE)
            await asyncio.to_thread(postgres.stop)
            await asyncio.to_thread(postgres.restart)
            started = time.monotonic()
            async with database.pool.connection(timeout=10) as connection:
                cursor = await connection.execute("select count(*) from kept")
                assert await cursor.fetchone() == (1,)
            assert time.monotonic() - started < 10
    finally:
        postgres.stop()


async def test_the_pool_finds_one_dead_connection_and_makes_all_anew(
    cluster_dsn: str, db: Connection
) -> None:
    ours = "from pg_stat_activity where application_name = 'livewidgets sandbox'"
    async with Database(cluster_dsn) as database:
        together = asyncio.Barrier(6)

        async def use() -> None:
            async with database.pool.connection():
                await together.wait()

        async with asyncio.timeout(30):
            await asyncio.gather(*(use() for _ in range(6)))
        db.execute(f"select pg_terminate_backend(pid) {ours}")
        wait_until(lambda: db.execute(f"select {ours}").rowcount == 0, what="they are gone")
        async with database.pool.connection() as connection:
            await connection.execute("select")
        # Each that is found dead makes the pool wait twice as long before it looks at the next.
        assert database.pool.get_stats()["connections_lost"] == 1
