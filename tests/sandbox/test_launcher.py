"""Starting a sandbox from a kernel: detached, joined, with its last words when it fails."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest

from livewidgets.errors import PortInUseError, SandboxStartError
from livewidgets.sandbox.launcher import launch, running
from tests.sandbox.cluster import wait_until
from tests.sandbox.processes import LIMIT, stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    if folder.exists():
        stop(folder)


def test_several_at_once_get_the_same_one(data: Path) -> None:
    assert running(data) is None
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda _: launch(data, traffic=False, timeout=LIMIT), range(3)))
    assert len({info.pid for info in found}) == 1
    assert sum(info.started for info in found) == 1
    again = launch(data)
    assert again.pid == found[0].pid
    assert not again.started
    assert wait_until(lambda: running(data), LIMIT, "it answers") == again
    assert os.getsid(again.pid) != os.getsid(0), "Ctrl-C here does not reach it"
    log = (data / "sandbox.log").read_text()
    for secret in (again.anon_key, again.service_key, again.manager_token, again.dsn):
        assert secret not in log


def test_it_outlives_the_one_who_started_it(data: Path) -> None:
    code = (
        "import sys\n"
        "from livewidgets.sandbox.launcher import launch\n"
        "print(launch(sys.argv[1], traffic=False, exit_when_idle=30, timeout=60).pid)\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(data)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert result.stderr == ""
    assert psutil.pid_exists(int(result.stdout))
    info = wait_until(lambda: running(data), LIMIT, "it answers")
    assert info.pid == int(result.stdout)


def test_a_port_in_use(data: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=str(port)):
            launch(data, port=port, traffic=False, timeout=LIMIT)


def test_a_database_that_cannot_be_served_is_said_without_its_password(data: Path) -> None:
    with pytest.raises(SandboxStartError, match="does not answer") as caught:
        launch(data, postgres="postgresql://postgres:hunter2@127.0.0.1:1/postgres", timeout=LIMIT)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in (data / "sandbox.log").read_text()


def test_finding_one_needs_neither_driver_nor_server() -> None:
    code = (
        "import sys, livewidgets.sandbox.launcher\n"
        "print([name for name in ('psycopg', 'starlette', 'uvicorn', 'supabase') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    assert result.stdout.strip() == "[]"
