"""The sandbox as a process: start, join, stop, kill, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import psycopg
import pytest
from websockets.asyncio.client import connect

from livewidgets.sandbox.instance import is_held, running
from tests.sandbox.cluster import cluster_dsn, wait_until
from tests.sandbox.processes import LIMIT, postmaster, run, sandbox, stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from livewidgets.sandbox.instance import SandboxInfo

__all__ = ["cluster_dsn"]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], SandboxInfo]]:
    """One sandbox without traffic for the tests that leave it running."""
    with sandbox(tmp_path_factory.mktemp("quiet") / "data", "--no-traffic") as started:
        yield started


Quiet = tuple["subprocess.Popen[str]", "SandboxInfo"]


def websocket_url(info: SandboxInfo) -> str:
    return f"ws://127.0.0.1:{info.port}/realtime/v1/websocket?apikey={info.anon_key}&vsn=1.0.0"


def test_what_it_writes_down_is_private(quiet: Quiet) -> None:
    _, info = quiet
    assert stat.S_IMODE((info.data / "sandbox.json").stat().st_mode) == 0o600
    shown = repr(info)
    keys = (info.anon_key, info.service_key, info.manager_token, info.publishable_key, info.secret_key)
    for secret in (*keys, info.dsn):
        assert secret
        assert secret not in shown


def test_no_traffic_means_none_yet_dashboards_have_names(quiet: Quiet) -> None:
    _, info = quiet
    with psycopg.connect(info.dsn) as connection:
        row = connection.execute(
            "select (select count(*) from calls), (select count(*) from campaigns)"
        ).fetchone()
    assert row
    assert row[0] == 0
    assert row[1] > 0


def test_it_listens_on_loopback_only(quiet: Quiet) -> None:
    process, info = quiet
    listening = {
        connection.laddr.ip
        for pid in (process.pid, postmaster(info.data))
        for connection in psutil.Process(pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_a_second_start_joins_the_first(quiet: Quiet) -> None:
    process, info = quiet
    second = run("--data", str(info.data), "--port", "0")
    assert second.returncode == 0, second.stderr
    assert info.url in second.stdout
    assert info.anon_key in second.stdout
    assert f"process {info.pid}" in second.stdout
    assert process.poll() is None
    assert wait_until(lambda: running(info.data), LIMIT, "it answers") == info


def test_a_port_in_use_is_one_line(quiet: Quiet, tmp_path: Path) -> None:
    _, info = quiet
    failed = run("--data", str(tmp_path / "other"), "--port", str(info.port))
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith(f"Error: Port {info.port} is in use")
    assert len(failed.stderr.splitlines()) == 1


def test_a_killed_postgres_comes_back(quiet: Quiet) -> None:
    _, info = quiet
    with psycopg.connect(info.dsn, autocommit=True) as connection:
        connection.execute("insert into todos (title) values ('kept')")
    old = postmaster(info.data)
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: postmaster(info.data) not in (0, old), LIMIT, "a new Postgres")

    def kept() -> bool:
        try:
            with psycopg.connect(info.dsn) as connection:
                return connection.execute("select from todos where title = 'kept'").rowcount == 1
        except psycopg.OperationalError:
            return False

    wait_until(kept, LIMIT, "rows are back")
    wait_until(info.answers, LIMIT, "it answers again")


def test_an_existing_database_is_served(cluster_dsn: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {**os.environ, "LIVEWIDGETS_POSTGRES": cluster_dsn}
    with sandbox(data, "--no-traffic", env=environment) as (_, info):
        assert info.dsn == cluster_dsn
        assert not (data / "postgres").exists()
    with psycopg.connect(cluster_dsn):
        pass  # still there


async def test_stopping_says_so_to_websockets_and_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with sandbox(data, "--no-traffic") as (process, info):
        pid = postmaster(data)
        assert pid
        async with connect(websocket_url(info)) as socket_:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                await socket_.wait_closed()
        assert socket_.close_code == 1012
        out, err = await asyncio.to_thread(process.communicate, timeout=20)
    assert process.returncode == 0, err
    assert "Ctrl-C stops it" in out
    assert err == ""
    assert not psutil.pid_exists(pid)
    assert not (data / "sandbox.json").exists()
    assert not is_held(data)
    assert running(data) is None


def test_the_traffic_is_seen_within_seconds(tmp_path: Path) -> None:
    with (
        sandbox(tmp_path / "data", "--seed", "3") as (_, info),
        psycopg.connect(info.dsn, autocommit=True) as db,
    ):
        wait_until(lambda: db.execute("select from calls where ended_at is null").rowcount > 5, 10)
        wait_until(lambda: db.execute("select from calls where version > 1").rowcount, 10)


def test_a_killed_one_is_no_obstacle(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with sandbox(data, "--no-traffic") as (process, first), psycopg.connect(first.dsn, autocommit=True) as db:
        db.execute("insert into todos (title) values ('committed')")
        process.kill()
        process.wait()
    assert (data / "sandbox.json").exists(), "a killed one cannot tidy up"
    assert running(data) is None
    with sandbox(data, "--no-traffic") as (_, second):
        assert second.pid != first.pid
        assert second.anon_key.split(".")[0] == first.anon_key.split(".")[0]
        with psycopg.connect(second.dsn) as connection:
            assert connection.execute("select from todos where title = 'committed'").rowcount == 1


def test_it_stops_when_nobody_uses_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    ended = run("--data", str(data), "--no-traffic", "--exit-when-idle", "1")
    assert ended.returncode == 0, ended.stderr
    assert postmaster(data) == 0


async def test_a_websocket_keeps_it_running(tmp_path: Path) -> None:
    data = tmp_path / "data"
    # Time enough to connect on a machine that is busy with other things.
    with sandbox(data, "--no-traffic", "--exit-when-idle", "4") as (process, info):
        async with connect(websocket_url(info)) as socket_:
            with pytest.raises(TimeoutError):
                # Its end would close the socket first of all.
                await asyncio.wait_for(socket_.wait_closed(), 5)
            assert process.poll() is None
        assert await asyncio.to_thread(process.wait, LIMIT) == 0


def test_it_answers_over_http(quiet: Quiet) -> None:
    _, info = quiet
    wait_until(info.answers, LIMIT, "healthy")
    answer: Any = httpx.get(f"{info.url}/health", trust_env=False, timeout=30)
    assert answer.json() == {"status": "ok"}


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    failed = run("--data", str(tmp_path / "file" / "data"))
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1
    assert "cannot be made" in failed.stderr


def test_a_port_of_another_program_is_no_sandbox(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        failed = run("--data", str(tmp_path / "data"), "--port", str(other.getsockname()[1]))
    assert failed.returncode == 1
    assert "in use" in failed.stderr
    stop(tmp_path / "data")
