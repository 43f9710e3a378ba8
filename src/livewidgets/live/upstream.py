"""The connection to a project, supervised: one websocket after the other, for ever, and the REST client.

All of it runs on the I/O thread. The packages below (0.75 s of import) are loaded there, at the first connection.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from livewidgets.core.connection import Connection, ConnectionState, ConnectionStatus, backoff, retryable
from livewidgets.errors import ClosedError, LiveWidgetsError
from livewidgets.live.closing import Endings
from livewidgets.live.credentials import Credentials, Token
from livewidgets.live.follower import Follower
from livewidgets.live.renewal import Renewal
from livewidgets.live.request import FollowedTable, Request, TableState
from livewidgets.live.subscription import Subscription
from livewidgets.live.thread import IoThread
from livewidgets.live.timings import Timings

if TYPE_CHECKING:
    from livewidgets.live.catalog import Catalog
    from livewidgets.live.joiner import Joiner
    from livewidgets.live.rest import Rest
    from livewidgets.live.wire import Wire
    from livewidgets.live.writes_mutation import Mutation

logger = logging.getLogger(__name__)

__all__ = ["Token", "Upstream"]


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
        self._url, self._key = url, key
        self.credentials = Credentials(token, timings.wall, timings.token_margin, timings.request)
        self._rest: Rest | None = None
        self._catalog: Catalog | None = None
        self._wire: Wire | None = None
        self._followers: dict[Request, Follower] = {}
        self._lock = threading.Lock()
        #: What is joined besides tables.
        self.joiners: set[Joiner[Any]] = set()
        self._heard: float | None = None
        self._renew_from = 0.0
        #: Open subscriptions: they keep what they belong to.
        self.kept: set[Subscription] = set()
        #: Open subscriptions that may be dropped.
        self.handles: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._listeners: list[Callable[[ConnectionStatus], object]] = []
        self.endings = Endings(thread)
        #: Called with each write that the database did not take.
        self.write_listeners: list[Callable[[Mutation], object]] = []
        self._task: asyncio.Task[Any] | None = None
        self._hurry = asyncio.Event()
        self._hurries = 0
        self._opened = asyncio.Event()
        self._machine = Connection(self.wall())
        self._renewal = Renewal(self, self.credentials)

    def __repr__(self) -> str:
        return f"<Upstream {self.host}, {self._machine.state}>"

    # -- any thread ------------------------------------------------------------------------------------------------

    def status(self) -> ConnectionStatus:
        """Give the state now, with the ages of both legs."""
        return replace(self._machine.status(self.wall()), legs=self._legs())

    @property
    def is_closed(self) -> bool:
        """Whether it was closed for good."""
        return self._machine.state is ConnectionState.CLOSED

    @property
    def is_open(self) -> bool:
        """Whether there is a connection now."""
        return self._wire is not None and not self._wire.lost.done()

    @property
    def last_heard(self) -> float | None:
        """When the websocket last gave a sign of life (monotonic seconds)."""
        wire = self._wire
        return self._heard if wire is None else wire.last_heard

    def tables(self) -> tuple[FollowedTable, ...]:
        """Give what is followed now."""
        with self._lock:
            followers = tuple(self._followers.values())
        return tuple(
            FollowedTable(
                follower.request.table,
                follower.request.where,
                follower.request.order,
                follower.request.limit,
                follower.handles,
                follower.status,
            )
            for follower in followers
        )

    def acquire(self, request: Request) -> Follower:
        """Give the follower for a request, shared with whoever asked the same; each call needs a `release`."""
        with self._lock:
            follower = self._followers.get(request)
            if follower is None:
                follower = self._followers[request] = Follower(self, request)
                self.thread.call(self._admit, follower)
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
        if self._task is None and not self.is_closed:
            self._task = self.thread.start(self._run(), "livewidgets-upstream")

    def prepare(self) -> None:
        """Load what connecting needs; it begins with the first use."""
        from livewidgets.live import catalog, rest, wire  # noqa: F401 - for their imports

    async def close(self) -> None:
        """Close tables, websocket and REST, and end the tasks."""
        with self._lock:
            followers = tuple(self._followers.values())
            self._followers.clear()
        self._machine.close(self.wall())
        self._tell_all()
        for follower in followers:
            self.endings.start(follower.close(), "livewidgets-table-end")
        for joiner in tuple(self.joiners):
            self.endings.start(joiner.close(), "livewidgets-join-end")
        # What was closed just before is waited for, too: a request that outlives the session leaves a socket behind.
        await self.endings.settle()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.endings.wait()
        if self._rest is not None:
            await self._rest.close()
        self._listeners.clear()

    def watch(self, listener: Callable[[ConnectionStatus], object]) -> None:
        """Call a function with the present status and each new one, and at each heartbeat."""
        self.start()
        self._listeners.append(listener)
        self._tell(listener, self.status())

    def unwatch(self, listener: Callable[[ConnectionStatus], object]) -> None:
        """Call it no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def retry_now(self) -> None:
        """End every wait for another try."""
        self.start()
        self._machine.retry(self.wall())
        self._tell_all()
        self.hurry()

    def hurry(self) -> None:
        """End the waits before the next tries."""
        self._hurries += 1
        self._hurry.set()
        self._hurry.clear()

    async def pause(self, seconds: float) -> None:
        """Wait, unless somebody asks to retry now."""
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return

    def renew_token(self) -> None:
        """Connect anew where that brings another token: the last resort, when the server has refused the present one."""
        renewable = self.credentials.renewable
        if renewable and self._wire is not None and time.monotonic() >= self._renew_from:
            self._renew_from = time.monotonic() + self.timings.token
            self._wire.tell_loss("is made again with a fresh access token")

    def replace_token(self, token: Token | None) -> None:
        """Use another access token, or another function that gives one."""
        self.credentials.replace(token)
        wire = self._wire
        if wire is None or token is None:
            # Back to the key's own role: channels would keep the old one.
            self.retry_now()
            if wire is not None:
                wire.tell_loss("is made again without an access token")
        else:
            self._renewal.start(wire, at_once=True)

    async def connected(self) -> Wire:
        """Wait for an open websocket."""
        self.start()
        while True:
            await self._opened.wait()
            if self._wire is not None and not self._wire.lost.done():
                return self._wire
            await asyncio.sleep(0)

    def stream_error(self, text: str, table: str) -> LiveWidgetsError:
        """Make an error of Realtime's words about a table."""
        from livewidgets.live.translate import stream_error

        return stream_error(text, table)

    def _admit(self, follower: Follower) -> None:
        """Begin with a follower: what stands in its way by now it hears at once, not with the next try."""
        self.note_table(follower)
        error = self.status().error
        if error is not None:
            follower.on_upstream_error(error)

    def note_table(self, follower: Follower) -> None:
        """Tell `live` from `catching-up`, after a table has changed its state."""
        state = follower.status.state
        if state is TableState.CLOSED:
            self.note_left(follower.label)
        else:
            self.note(follower.label, is_behind=state in (TableState.LOADING, TableState.STALE))

    def note(self, label: str, *, is_behind: bool) -> None:
        """Tell `live` from `catching-up`, after something that is joined has changed its state."""
        before = self._machine.state
        if is_behind:
            self._machine.fell_behind(label, self.wall())
        else:
            self._machine.caught_up(label, self.wall())
        if self._machine.state is not before:
            self._tell_all()

    def note_left(self, label: str) -> None:
        """Wait no more for something that was closed."""
        before = self._machine.state
        self._machine.left(label, self.wall())
        if self._machine.state is not before:
            self._tell_all()

    async def _run(self) -> None:
        machine, wall = self._machine, self.wall
        delays = backoff(random.random)
        try:
            while True:
                hurries = self._hurries
                try:
                    wire = await self._connect()
                except LiveWidgetsError as error:
                    # A refused key is tried again too, rarely: it may have been a gateway that restarted.
                    delay = next(delays) if retryable(error) else self.timings.refused_retry
                    machine.lost(wall(), error, retry_in=delay)
                    self._tell_all()
                    for follower in tuple(self._followers.values()):
                        follower.on_upstream_error(error)
                    # Who asked to retry now while this try was under way meant the next one.
                    await self.pause(delay if hurries == self._hurries else 0.0)
                    if machine.state is not ConnectionState.REFUSED:
                        machine.retry(wall())
                        self._tell_all()
                    continue
                delays = backoff(random.random)
                self._wire = wire
                wire.on_beat = self._on_beat
                machine.retry(wall())  # for one that had been refused
                machine.opened(wall())
                self._tell_all()
                self._opened.set()
                self._renewal.start(wire)
                reason = await asyncio.shield(wire.lost)
                await self._drop_wire()
                delay = next(delays)
                machine.lost(wall(), reason, retry_in=delay)
                self._tell_all()
                await self.pause(delay)
                machine.retry(wall())
                self._tell_all()
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
        self._rest.longest_page = 0  # the project's limit may have been changed
        wire = Wire(self._url, self._key, token, self.timings)
        try:
            self._rest.client.realtime = await wire.open()
        except BaseException:
            await wire.close()
            raise
        return wire

    async def _drop_wire(self) -> None:
        self._opened.clear()
        self._renewal.stop()
        wire, self._wire = self._wire, None
        if wire is not None:
            self._heard = wire.last_heard
            await wire.close()

    async def _present_token(self) -> str | None:
        credentials = self.credentials
        try:
            return await credentials.ask()
        except LiveWidgetsError:
            if credentials.present is None or credentials.expired:
                raise
            return credentials.present  # still good: the next try to renew it is soon enough

    def _release(self, follower: Follower) -> None:
        with self._lock:
            follower.handles -= 1
            if follower.handles > 0:
                return
            if self._followers.get(follower.request) is follower:
                del self._followers[follower.request]
        self.endings.start(follower.close(), "livewidgets-table-end")

    # -- telling ---------------------------------------------------------------------------------------------------

    def _on_beat(self) -> None:
        if self._wire is not None and self._wire.latency is not None:
            self._machine.proof("realtime", self.wall(), latency_ms=self._wire.latency * 1000)
        self._tell_all()

    def tell_failed(self, mutation: Mutation) -> None:
        """Tell of a write that the database did not take."""
        for listener in tuple(self.write_listeners):
            try:
                listener(mutation)
            except Exception:
                logger.exception("A listener of failed writes failed.")

    def _tell_all(self) -> None:
        status = self.status()
        for listener in tuple(self._listeners):
            self._tell(listener, status)

    def _tell(self, listener: Callable[[ConnectionStatus], object], status: ConnectionStatus) -> None:
        try:
            listener(status)
        except Exception:
            logger.exception("A listener of the connection failed.")

    def _legs(self) -> dict[str, float | None]:
        now = time.monotonic()
        heard = {"rest": None if self._rest is None else self._rest.last_heard, "realtime": self.last_heard}
        return {leg: None if at is None else max(now - at, 0.0) for leg, at in heard.items()}
