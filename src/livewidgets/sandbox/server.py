"""The sandbox as one process: Postgres, its stream of changes, the web application and the traffic."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import uvicorn

from livewidgets.errors import LiveWidgetsError, PortInUseError, SandboxStartError
from livewidgets.sandbox import schema
from livewidgets.sandbox.app import create_app, serve_options
from livewidgets.sandbox.control import clients_route, traffic_route
from livewidgets.sandbox.instance import INFO_FILE, Lock, SandboxInfo, running
from livewidgets.sandbox.keys import Keys
from livewidgets.sandbox.postgres import Database, Postgres
from livewidgets.sandbox.scenario import scenario_named
from livewidgets.sandbox.traffic import Pace, Traffic, seed_base
from livewidgets.sandbox.wal import WalStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST = "127.0.0.1"
#: Seconds that a second start waits for the first to be ready, or to be gone.
JOIN_LIMIT = 60.0
#: Seconds that requests in flight get at the end.
GRACE = 1
_log = logging.getLogger("livewidgets.sandbox")


@dataclass(frozen=True)
class ServerOptions:
    """What `serve` is asked for.

    Attributes
    ----------
    data
        The data folder.
    port
        The port to listen on; 0 takes a free one.
    traffic
        Whether calls come in by themselves from the start; else they wait for somebody to let them.
    seed, speed, scenario
        Of the traffic: which story, how many times faster than life, and on what kind of day.
    postgres
        The address of a database to serve instead of the embedded one.
    exit_when_idle
        Stop after so many seconds without a websocket and without a request; None never stops.
    """

    data: Path
    port: int = 0
    traffic: bool = True
    seed: int = 7
    speed: float = 1.0
    scenario: str = "normal"
    postgres: str | None = None
    exit_when_idle: float | None = None


def serve(options: ServerOptions, announce: Callable[[SandboxInfo], None]) -> None:
    """Run the sandbox until a signal ends it, or join the one that runs on this data folder.

    Call it on the main thread.

    Parameters
    ----------
    options
        See `ServerOptions`.
    announce
        Called once with where it is: ``info.started`` is False when it had been running already, and then `serve`
        returns at once.

    Raises
    ------
    PortInUseError, PostgresUnavailableError, SandboxStartError
    """
    scenario_named(options.scenario)
    data = options.data.expanduser().resolve()
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SandboxStartError(
            f"The data folder {data} cannot be made.", "Name another one with --data DIR."
        ) from error
    with Lock(data) as lock:
        joined = _take_or_join(lock, data)
        if joined is not None:
            announce(joined)
            return
        (data / INFO_FILE).unlink(missing_ok=True)
        with contextlib.closing(_listen(options.port)) as listener:
            keys = Keys.load(data)
            postgres = Postgres.start(data, options.postgres)
            try:
                business = schema.apply(postgres.dsn)
                if business:
                    seed_base(postgres.dsn)
                port = listener.getsockname()[1]
                info = SandboxInfo(
                    url=f"http://{HOST}:{port}",
                    anon_key=keys.anon_key,
                    service_key=keys.service_key,
                    manager_token=keys.manager_token,
                    dsn=postgres.dsn,
                    pid=os.getpid(),
                    port=port,
                    data=data,
                    started=True,
                    publishable_key=keys.publishable_key,
                    secret_key=keys.secret_key,
                )
                running_sandbox = _Sandbox(options, info, keys, postgres, business)
                _run(running_sandbox.run(listener, announce))
            finally:
                (data / INFO_FILE).unlink(missing_ok=True)
                postgres.stop()


def _take_or_join(lock: Lock, data: Path) -> SandboxInfo | None:
    """Take the lock, or wait until the one who has it is ready; None says that it is ours."""
    deadline = time.monotonic() + JOIN_LIMIT
    while not lock.take():
        info = running(data)
        if info is not None:
            return info
        if time.monotonic() > deadline:
            raise SandboxStartError(
                f"Another sandbox holds {data}, yet does not answer.",
                "Stop it, or name another folder with --data DIR.",
            )
        time.sleep(0.05)
    return None


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio turns Nagle's algorithm off; else each answer waits 40 ms for an ack.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":
        # Connections of the last run may linger; a live listener still refuses us.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(512)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortInUseError(
                f"Port {port} is in use by another program, or not allowed.",
                "Choose another with --port N; 0 takes a free one.",
            ) from error
        raise SandboxStartError(
            f"The sandbox cannot listen on port {port}.", "Choose another with --port N."
        ) from error
    listener.setblocking(False)
    return listener


def _run(main: Any) -> None:  # noqa: ANN401 - a coroutine of no interest
    # Windows' default loop knows neither psycopg nor add_reader.
    factory = asyncio.SelectorEventLoop if sys.platform == "win32" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals are ours: uvicorn would raise them again after its end, in the middle of our own.
        yield


class _Sandbox:
    """The parts that run in the event loop."""

    def __init__(
        self, options: ServerOptions, info: SandboxInfo, keys: Keys, postgres: Postgres, business: bool
    ) -> None:
        self._options = options
        self._info = info
        self._keys = keys
        self._postgres = postgres
        self._business = business

    async def run(self, listener: socket.socket, announce: Callable[[SandboxInfo], None]) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            if sys.platform == "win32":
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
            else:
                loop.add_signal_handler(number, stop.set)
        database = Database(self._postgres.dsn)
        wal = WalStream(self._postgres.dsn)
        traffic = self._traffic()
        app = create_app(
            database, wal, self._keys, routes=[traffic_route(self._keys, traffic), clients_route(self._keys)]
        )
        server = _Server(
            # A connection's line may hold a key: uvicorn's own log configuration stays out.
            uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=GRACE, **serve_options())
        )
        async with database, asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listener]))
            while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)
            if serving.done():
                raise SandboxStartError("The sandbox's web server does not start.", "Its log says why.")
            self._info.write()
            announce(self._info)
            others = [group.create_task(self._keep_postgres())]
            if traffic is not None:
                others.append(group.create_task(traffic.play()))
            if self._options.exit_when_idle is not None:
                others.append(group.create_task(self._watch_idle(app.state.activity, stop)))
            waiting = group.create_task(stop.wait())
            await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
            for task in (*others, waiting):
                task.cancel()
            server.should_exit = True
            await asyncio.wait((serving,))
            await wal.close()

    def _traffic(self) -> Traffic | None:
        if not self._business:
            return None
        options = self._options
        state: Literal["playing", "paused"] = "playing" if options.traffic else "paused"
        return Traffic(self._postgres.dsn, options.seed, Pace(state, options.speed, options.scenario))

    async def _keep_postgres(self) -> None:
        """Start Postgres again when it was killed or stopped from outside; the rest reconnects by itself."""
        while True:
            await asyncio.sleep(0.25)
            if not self._postgres.alive:
                _log.warning("Postgres is gone; starting it again")
                try:
                    await asyncio.to_thread(self._postgres.restart)
                except LiveWidgetsError as error:
                    _log.error("%s", error)

    async def _watch_idle(self, activity: Any, stop: asyncio.Event) -> None:  # noqa: ANN401 - the application's counters
        limit = self._options.exit_when_idle or 0.0
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < limit:
            await asyncio.sleep(min(0.25, limit / 4))
            idle_since = time.monotonic() if activity.sockets > 0 else max(idle_since, activity.last_request)
        stop.set()


_STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM] + ([] if sys.platform == "win32" else [signal.SIGHUP])
