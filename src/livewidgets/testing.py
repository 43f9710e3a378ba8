"""Pytest fixtures and doubles for whoever builds on livewidgets.

In a ``conftest.py``::

    pytest_plugins = ["livewidgets.testing"]

and a test of a dashboard, with a backend of its own and a network that fails on command::

    def test_my_dashboard_survives_a_cut(sandbox, sandbox_db, fault_proxy):
        live = livewidgets.connect(fault_proxy.url, sandbox.anon_key, access_token=sandbox.manager_token)
        calls = live.table("calls").ready()
        fault_proxy.cut()
        sandbox_db.execute("insert into calls (status) values ('ringing')")
        fault_proxy.restore()
        wait_until(lambda: len(calls) == 1, message="the call that came meanwhile")

A whole bad day is a `Schedule`; the same seed gives the same one::

    Schedule([(0.5, "stall"), (2.0, "restore"), (2.5, "reset_connections", 1012)]).run(fault_proxy)
    Schedule.random(seed=7, seconds=5).run(fault_proxy)

For a backend that is killed and comes back, and for traffic that is let in and held, take one of your own::

    info = launch(tmp_path, traffic=True, speed=50, scenario="outage", exit_when_idle=60)
    with FaultProxy.running(info.url, restart=lambda: restart(info)) as proxy:
        ...
        proxy.restart_backend()
        pause(launch(tmp_path))                          # nothing is written from here on

It needs the extra ``livewidgets[sandbox]`` and pytest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from livewidgets.sandbox.faults import FaultProxy
from livewidgets.sandbox.faults_schedule import Fault, Schedule
from livewidgets.sandbox.launcher import launch, pause, play, restart, resume, stop

if TYPE_CHECKING:
    import psycopg

    from livewidgets.sandbox.launcher import SandboxInfo

__all__ = [
    "Fault",
    "FaultProxy",
    "ManualClock",
    "RecordingComm",
    "Schedule",
    "fault_proxy",
    "launch",
    "pause",
    "play",
    "restart",
    "resume",
    "sandbox",
    "sandbox_db",
    "stop",
    "wait_until",
]

T = TypeVar("T")

_PAUSE = 0.02


def wait_until(predicate: Callable[[], T], timeout: float = 10.0, message: str = "the condition") -> T:
    """Wait for a condition, and give what it gave.

    Parameters
    ----------
    predicate
        Called again and again until it gives something true.
    timeout
        Seconds.
    message
        What is waited for, for the failure.

    Raises
    ------
    AssertionError
        When the time is over.
    """
    end = time.monotonic() + timeout
    while True:
        found = predicate()
        if found:
            return found
        if time.monotonic() >= end:
            raise AssertionError(f"Waited {timeout:g} s in vain for {message}.")
        time.sleep(_PAUSE)


class ManualClock:
    """A clock that moves only when it is told to; calling it gives seconds.

    Parameters
    ----------
    now
        Where it begins.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Say what time it is."""
        return self.now

    def __repr__(self) -> str:
        return f"<ManualClock at {self.now:g}>"

    def advance(self, seconds: float) -> float:
        """Let time pass."""
        if seconds < 0:
            raise ValueError("time passes forwards only")
        self.now += seconds
        return self.now


class RecordingComm:
    """Stands in for a widget's connection to the page: keeps what was sent, and says what a page would.

    Attributes
    ----------
    sent
        Content and buffers of each message, in order.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        self.closed = False
        self._listeners: list[Callable[[Any, dict[str, Any], list[bytes]], object]] = []

    def __repr__(self) -> str:
        return f"<RecordingComm, {len(self.sent)} messages>"

    def send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        """Take a message to the page, as ``Widget.send`` does; a closed one takes none."""
        if not self.closed:
            self.sent.append((content, [bytes(buffer) for buffer in buffers or []]))

    def on_msg(
        self, callback: Callable[[Any, dict[str, Any], list[bytes]], object], remove: bool = False
    ) -> None:
        """Have a callback hear what the page says, as ``Widget.on_msg`` does."""
        if remove:
            self._listeners.remove(callback)
        else:
            self._listeners.append(callback)

    def say(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        """Say something as the page."""
        for listener in tuple(self._listeners):
            listener(self, content, buffers or [])

    def close(self) -> None:
        """Send nothing any more."""
        self.closed = True

    def take(self) -> list[tuple[dict[str, Any], list[bytes]]]:
        """Give what was sent since the last call."""
        taken, self.sent = self.sent, []
        return taken


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxInfo]:
    """Give a backend of the test run's own, without traffic: a process with its own data."""
    info = launch(tmp_path_factory.mktemp("sandbox"), traffic=False, exit_when_idle=3600, timeout=60)
    try:
        yield info
    finally:
        stop(info)


@pytest.fixture
def sandbox_db(sandbox: SandboxInfo) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to the sandbox's database as its owner; each statement is committed at once."""
    import psycopg

    with psycopg.connect(sandbox.dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def fault_proxy(sandbox: SandboxInfo) -> Iterator[FaultProxy]:
    """Give a proxy in front of the sandbox that fails on command."""
    with FaultProxy.running(sandbox.url) as proxy:
        yield proxy
