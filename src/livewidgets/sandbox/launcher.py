"""Starts a sandbox as a process of its own, or joins the one that runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from livewidgets.errors import PortInUseError, SandboxStartError
from livewidgets.sandbox.instance import LOG_FILE, SandboxInfo, default_data, is_held, running

__all__ = ["SandboxInfo", "launch", "running", "stop"]

_POLL = 0.02


def launch(
    data: Path | str | None = None,
    *,
    port: int = 0,
    traffic: bool = True,
    seed: int = 7,
    speed: float = 1.0,
    postgres: str | None = None,
    exit_when_idle: float | None = None,
    timeout: float = 30.0,
) -> SandboxInfo:
    """Start the sandbox of a data folder, or join it when it runs already; waits until it answers.

    The process is in a session of its own: Ctrl-C in the terminal, or the end of this kernel, does not reach it.
    What it has to say goes to ``sandbox.log`` in the data folder.

    Parameters
    ----------
    data
        The data folder; a place in the user's own data folder where it is left out.
    port, traffic, seed, speed, postgres, exit_when_idle
        As for ``livewidgets sandbox``. They have no effect when it runs already.
    timeout
        Seconds to wait.

    Raises
    ------
    PortInUseError
        Another program listens on ``port``.
    SandboxStartError
        It did not come up; the message holds its last words.
    """
    folder = (default_data() if data is None else Path(data)).expanduser().resolve()
    found = running(folder)
    if found is not None:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-P",
        "-m",
        "livewidgets",
        "sandbox",
        "--data",
        str(folder),
        "--port",
        str(port),
    ]
    command += ["--seed", str(seed), "--speed", str(speed)]
    command += [] if traffic else ["--no-traffic"]
    command += [] if exit_when_idle is None else ["--exit-when-idle", str(exit_when_idle)]
    environment = None
    if postgres is not None:
        # Not as an argument: every user of the machine can read those, and it holds a password.
        environment = {**os.environ, "LIVEWIDGETS_POSTGRES": postgres}
    log = folder / LOG_FILE
    with log.open("ab") as sink:
        start = sink.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the keys are printed there
            stderr=sink,
            start_new_session=True,
            env=environment,
            cwd=folder,
        )
    # Somebody has to take note of its end, or it stays in the process table as long as we live.
    threading.Thread(target=process.wait, name="livewidgets sandbox reaper", daemon=True).start()
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        info = running(folder)
        if info is not None:
            return info.as_started(info.pid == process.pid)
        # Code 0 means that it joined another start, which is ours to wait for as well.
        if process.poll() not in (None, 0):
            raise _failure(_last_words(log, start))
        time.sleep(_POLL)
    process.terminate()
    raise SandboxStartError(f"The sandbox did not answer within {timeout:g} s.", f"Its log is {log}.")


def stop(info: SandboxInfo, timeout: float = 15.0) -> None:
    """Stop a sandbox as Ctrl-C does, and wait until its data folder is free.

    Parameters
    ----------
    info
        Which; one that has ended already is no error.
    timeout
        Seconds after which it is killed; nothing that was committed is lost by that.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not is_held(info.data):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(info.pid, number)
        deadline = time.monotonic() + timeout
        while is_held(info.data) and time.monotonic() < deadline:
            time.sleep(_POLL)


def _failure(words: str) -> SandboxStartError | PortInUseError:
    if words.startswith("Port "):
        return PortInUseError(words)
    return SandboxStartError("The sandbox did not come up.", words)


def _last_words(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else f"It said nothing; its log is {log}."
