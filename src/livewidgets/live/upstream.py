"""The connection to a project, supervised: one websocket after the other, for ever, and the REST client.

All of it runs on the I/O thread. The packages below (0.75 s of import) are loaded there, at the first connection.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from livewidgets.core.connection import ConnectionState, ConnectionStatus, backoff, retryable
from livewidgets.errors import ClosedError, KeyRefusedError, LiveWidgetsError
from livewidgets.live.follower import Follower, Request, TableState
from livewidgets.live.subscription import Subscription
from livewidgets.live.thread import IoThread
from livewidgets.live.timings import Timings

if TYPE_CHECKING:
    from livewidgets.live.catalog import Catalog
    from livewidgets.live.rest import Rest
    from livewidgets.live.wire import Wire

logger = logging.getLogger(__name__)

Token = str | Callable[[], str | Awaitable[str]]


class Upstream:
    """One project's connection and the tables that follow over it.

    Parameters
    ----------
    url, key
        The project's address and API key.
    token
        The access token of a user, a function that gives one (asked again at each connection), or None.
    schema
        The schema of all tables.
    timings
        Limits and intervals.
    thread
        Where to run.
    """

    def __init__(
        self, url: str, key: str, token: Token | None, schema: str, timings: Timings, thread: IoThread
    ) -> None:
        self.host = urlsplit(url).netloc
        self.schema = schema
        self.timings = timings
        self.thread = thread
        self.wall = timings.wall
        self._url, self._key, self._token = url, key, token
        self._rest: Rest | None = None
        self._catalog: Catalog | None = None
        self._wire: Wire | None = None
        self._followers: dict[Request, Follower] = {}
        self._lock = threading.Lock()
        self._heard: float | None = None
        #: Open subscriptions: they keep what they belong to.
        self.kept: set[Subscription] = set()
        self._listeners: list[Callable[[ConnectionStatus], object]] = []
        self._task: asyncio.Task[Any] | None = None
        self._hurry = asyncio.Event()
        self._opened = asyncio.Event()
        #: Tries since the last connection; 0 while there is one.
        self.attempt = 0
        self._status = ConnectionStatus(
            state=ConnectionState.CONNECTING,
            since=self.wall(),
            attempt=0,
            retry_in=None,
            error=None,
            latency_ms=None,
            legs={"rest": None, "realtime": None},
        )

    def __repr__(self) -> str:
        return f"<Upstream {self.host}, {self._status.state}>"

    # -- any thread ------------------------------------------------------------------------------------------------

    def status(self) -> ConnectionStatus:
        """Give the state now, with the ages of both legs."""
        return replace(self._status, latency_ms=self._latency_ms(), legs=self._legs())

    @property
    def last_heard(self) -> float | None:
        """When the websocket last gave a sign of life (monotonic seconds)."""
        wire = self._wire
        return self._heard if wire is None else wire.last_heard

    def acquire(self, request: Request) -> Follower:
        """Give the follower for a request, shared with whoever asked the same; each call needs a `release`."""
        with self._lock:
            follower = self._followers.get(request)
            if follower is None:
                follower = self._followers[request] = Follower(self, request)
            follower.handles += 1
        self.thread.call(follower.start)
        return follower

    def release(self, follower: Follower) -> None:
        """Give a follower back. Takes no lock on the caller's thread: a collection may call this at any point."""
        self.thread.call(self._release, follower)

    # -- the I/O thread from here on -------------------------------------------------------------------------------

    @property
    def rest(self) -> Rest:
        """The REST half; there once a connection was tried."""
        if self._rest is None:
            raise ClosedError(f"The connection to {self.host} is closed.", "Connect again.")
        return self._rest

    @property
    def catalog(self) -> Catalog:
        """The shapes of the tables."""
        if self._catalog is None:
            raise ClosedError(f"The connection to {self.host} is closed.", "Connect again.")
        return self._catalog

    def start(self) -> None:
        """Begin to connect; only the first call counts."""
        if self._task is None and self._status.state is not ConnectionState.CLOSED:
            self._task = self.thread.start(self._run(), "livewidgets-upstream")

    async def close(self) -> None:
        """Close tables, websocket and REST, and end the tasks."""
        with self._lock:
            followers = tuple(self._followers.values())
            self._followers.clear()
        self._move(ConnectionState.CLOSED, None)
        await asyncio.gather(*(follower.close() for follower in followers))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._rest is not None:
            await self._rest.close()
        self._listeners.clear()

    def watch(self, listener: Callable[[ConnectionStatus], object]) -> None:
        """Call a function with the present status and each new one, and at each heartbeat."""
        self._listeners.append(listener)
        self._tell(listener, self.status())

    def unwatch(self, listener: Callable[[ConnectionStatus], object]) -> None:
        """Call it no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def retry_now(self) -> None:
        """End every wait for another try."""
        self._hurry.set()
        self._hurry.clear()

    async def pause(self, seconds: float) -> None:
        """Wait, unless somebody asks to retry now."""
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return

    async def connected(self) -> Wire:
        """Wait for an open websocket."""
        while True:
            await self._opened.wait()
            if self._wire is not None and not self._wire.lost.done():
                return self._wire
            await asyncio.sleep(0)

    def stream_error(self, text: str, table: str) -> LiveWidgetsError:
        """Make an error of Realtime's words about a table."""
        from livewidgets.live.translate import stream_error

        return stream_error(text, table)

    def note_tables(self) -> None:
        """Tell `live` from `catching-up`, after a table has changed its state."""
        if self._wire is None or self._status.state is ConnectionState.CLOSED:
            return
        statuses = [follower.status for follower in tuple(self._followers.values())]
        behind = [status for status in statuses if status.state in (TableState.LOADING, TableState.STALE)]
        error = next((status.error for status in behind if status.error is not None), None)
        self._move(ConnectionState.CATCHING_UP if behind else ConnectionState.LIVE, error)

    async def _run(self) -> None:
        delays = backoff(random.random)
        ever = False
        try:
            while True:
                try:
                    wire = await self._connect()
                except LiveWidgetsError as error:
                    refused = not retryable(error)
                    delay = self.timings.refused_retry if refused else next(delays)
                    self.attempt += 1
                    trying = ConnectionState.RECONNECTING if ever else ConnectionState.CONNECTING
                    self._move(ConnectionState.REFUSED if refused else trying, error, delay)
                    for follower in tuple(self._followers.values()):
                        follower.on_upstream_error(error)
                    await self.pause(delay)
                    self._move(trying, error)
                    continue
                ever, self.attempt, delays = True, 0, backoff(random.random)
                self._wire = wire
                wire.on_beat = self._tell_all
                self._opened.set()
                self.note_tables()
                reason = await asyncio.shield(wire.lost)
                self.attempt, delay = 1, next(delays)
                await self._drop_wire()
                self._move(ConnectionState.RECONNECTING, reason, delay)
                await self.pause(delay)
        finally:
            await self._drop_wire()

    async def _connect(self) -> Wire:
        from livewidgets.live.catalog import Catalog
        from livewidgets.live.rest import Rest
        from livewidgets.live.wire import Wire

        if self._rest is None:
            self._rest = await Rest.create(self._url, self._key, self.schema, self.timings)
            self._catalog = Catalog(self._rest)
        token = await self._present_token()
        self._rest.set_token(token)
        wire = Wire(self._url, self._key, token, self.timings)
        try:
            self._rest.client.realtime = await wire.open()
        except BaseException:
            await wire.close()
            raise
        return wire

    async def _drop_wire(self) -> None:
        self._opened.clear()
        wire, self._wire = self._wire, None
        if wire is not None:
            self._heard = wire.last_heard
            await wire.close()

    async def _present_token(self) -> str | None:
        token = self._token
        if token is None or isinstance(token, str):
            return token
        try:
            found = await asyncio.to_thread(token)
            return await found if inspect.isawaitable(found) else found
        except Exception as error:
            raise KeyRefusedError(
                f"The function for the access token raised {type(error).__name__}.", "Sign in again."
            ) from error

    def _release(self, follower: Follower) -> None:
        with self._lock:
            follower.handles -= 1
            if follower.handles > 0:
                return
            if self._followers.get(follower.request) is follower:
                del self._followers[follower.request]
        self.thread.start(self._end(follower), "livewidgets-table-end")

    async def _end(self, follower: Follower) -> None:
        await follower.close()
        self.note_tables()

    # -- telling ---------------------------------------------------------------------------------------------------

    def _move(
        self, state: ConnectionState, error: LiveWidgetsError | None, retry_in: float | None = None
    ) -> None:
        before = self._status
        if before.state is ConnectionState.CLOSED:
            return
        same = state is before.state and str(error) == str(before.error)
        if same and self.attempt == before.attempt and retry_in == before.retry_in:
            return
        self._status = replace(
            before,
            state=state,
            since=before.since if state is before.state else self.wall(),
            attempt=self.attempt,
            retry_in=retry_in,
            error=error,
        )
        self._tell_all()

    def _tell_all(self) -> None:
        status = self.status()
        for listener in tuple(self._listeners):
            self._tell(listener, status)

    def _tell(self, listener: Callable[[ConnectionStatus], object], status: ConnectionStatus) -> None:
        try:
            listener(status)
        except Exception:
            logger.exception("A listener of the connection failed.")

    def _latency_ms(self) -> float | None:
        wire = self._wire
        return None if wire is None or wire.latency is None else wire.latency * 1000

    def _legs(self) -> dict[str, float | None]:
        now = time.monotonic()
        heard = {"rest": None if self._rest is None else self._rest.last_heard, "realtime": self.last_heard}
        return {leg: None if at is None else max(now - at, 0.0) for leg, at in heard.items()}
