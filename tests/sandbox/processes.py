"""Sandboxes as processes, for the tests of server, launcher and command; none outlives its test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psutil

from livewidgets.sandbox.faults_frames import listener
from livewidgets.sandbox.instance import SandboxInfo, is_held, running
from tests.sandbox.cluster import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Seconds for a start on a machine that is busy with other tests.
LIMIT = 60.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "livewidgets", "sandbox", *arguments]


@contextmanager
def kept_port() -> Iterator[int]:
    """A port for a sandbox that is started again and again: nobody else gets it while it does not run."""
    with listener(0) as keeper:
        port = keeper.getsockname()[1]
        if sys.platform != "linux":
            keeper.close()  # elsewhere a port is not lent to a second one while the first only holds it
        yield port


@contextmanager
def sandbox(
    data: Path, *arguments: str, **options: Any
) -> Iterator[tuple[subprocess.Popen[str], SandboxInfo]]:
    """Start ``livewidgets sandbox`` and wait until it answers."""
    process = subprocess.Popen(
        command("--data", str(data), *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    try:

        def ready() -> SandboxInfo | None:
            assert process.poll() is None, process.communicate()
            return running(data)

        yield process, wait_until(ready, LIMIT, "sandbox ready")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``livewidgets sandbox`` to its end."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=LIMIT, check=False, **options
    )


def postmaster(data: Path) -> int:
    """Process id of the folder's Postgres; 0 when there is none."""
    try:
        pid = int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return 0
    return pid if psutil.pid_exists(pid) else 0


def stop(data: Path) -> None:
    """Stop whatever runs on a data folder."""
    info = SandboxInfo.read(data)
    if info is not None and is_held(data):
        with suppress(ProcessLookupError):
            os.kill(info.pid, signal.SIGTERM)
    wait_until(lambda: not is_held(data), LIMIT, "stopped")
