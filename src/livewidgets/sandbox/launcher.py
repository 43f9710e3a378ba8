"""Starts a sandbox as a process of its own, or joins the one that runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Literal

from livewidgets.errors import PortInUseError, SandboxError, SandboxStartError
from livewidgets.sandbox.instance import LOG_FILE, SandboxInfo, default_data, is_held, running

__all__ = [
    "SandboxInfo",
    "clients",
    "kill",
    "launch",
    "pause",
    "play",
    "restart",
    "resume",
    "running",
    "stop",
]

_POLL = 0.02
#: Seconds for an answer about the traffic: the player may be in the middle of a large transaction.
_TRAFFIC_LIMIT = 15.0


def launch(
    data: Path | str | None = None,
    *,
    port: int = 0,
    traffic: bool = True,
    seed: int = 7,
    speed: float = 1.0,
    scenario: str = "normal",
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
    port, traffic, seed, speed, scenario, postgres, exit_when_idle
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
    command += ["--seed", str(seed), "--speed", str(speed), "--scenario", scenario]
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


def kill(info: SandboxInfo, timeout: float = 15.0) -> None:
    """End a sandbox as a crash does, at once and without a goodbye, and wait until its data folder is free.

    What was committed is there when it is started again.

    Parameters
    ----------
    info
        Which; one that has ended already is no error.
    timeout
        Seconds to wait.

    Raises
    ------
    SandboxStartError
        Its process does not end.
    """
    deadline = time.monotonic() + timeout
    while is_held(info.data):
        with contextlib.suppress(ProcessLookupError):
            os.kill(info.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        if time.monotonic() > deadline:
            raise SandboxStartError(
                f"The sandbox's process {info.pid} does not end.", "Look what holds it up."
            )
        time.sleep(_POLL)


def restart(info: SandboxInfo, **options: Any) -> SandboxInfo:  # noqa: ANN401 - of `launch`
    """Kill a sandbox and start it again, at the same address and with the same keys and data.

    Parameters
    ----------
    info
        Which.
    options
        Further arguments of `launch`.

    Returns
    -------
    SandboxInfo
        The new one: another process, and another address of the database.
    """
    kill(info)
    return launch(info.data, port=info.port, **options)


def pause(info: SandboxInfo) -> dict[str, Any]:
    """Let the traffic rest. Once this returns nothing more is written; live calls stay live.

    Parameters
    ----------
    info
        A running sandbox, as `launch` and `running` give it.

    Returns
    -------
    dict
        ``state``, ``speed`` and ``scenario``.
    """
    return play(info, state="paused")


def resume(info: SandboxInfo) -> dict[str, Any]:
    """Let the traffic go on where it was paused, or begin where the sandbox was started without.

    Parameters
    ----------
    info
        A running sandbox.
    """
    return play(info, state="playing")


def play(
    info: SandboxInfo,
    *,
    state: Literal["playing", "paused"] | None = None,
    speed: float | None = None,
    scenario: str | None = None,
) -> dict[str, Any]:
    """Change how the traffic of a running sandbox is played, and say how it is played now.

    Parameters
    ----------
    info
        A running sandbox.
    state
        ``playing`` or ``paused``.
    speed
        How many times faster than life.
    scenario
        ``normal``, ``rush``, ``outage`` or ``bid_war``.

    Raises
    ------
    SandboxError
        It cannot be played so, or does not answer.
    """
    wanted = {"state": state, "speed": speed, "scenario": scenario}
    return _ask(info, "traffic", {name: value for name, value in wanted.items() if value is not None})


def clients(info: SandboxInfo) -> dict[str, int]:
    """Count who is connected to a running sandbox now.

    Parameters
    ----------
    info
        Which.

    Returns
    -------
    dict
        ``sockets``: websockets; ``channels``: joined on them; ``subscriptions``: those of the channels that follow
        tables.

    Raises
    ------
    SandboxError
        It does not answer.
    """
    return _ask(info, "clients", {})


def _ask(info: SandboxInfo, what: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - our own loopback address
        f"{info.url}/sandbox/v1/{what}",
        data=json.dumps(body).encode() if body else None,
        headers={"apikey": info.service_key, "content-type": "application/json"},
    )
    # Never through a proxy that the environment names: it is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TRAFFIC_LIMIT) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except urllib.error.HTTPError as error:
        with error:
            said = json.load(error).get("message", "")
        raise SandboxError(said or f"The sandbox answers {error.code}.") from None
    except (OSError, ValueError) as error:
        raise SandboxError(
            f"The sandbox at {info.url} does not answer.", "Start it with launch()."
        ) from error


def _failure(words: str) -> SandboxStartError | PortInUseError:
    if words.startswith("Port "):
        return PortInUseError(words)
    return SandboxStartError("The sandbox did not come up.", words)


def _last_words(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else f"It said nothing; its log is {log}."
