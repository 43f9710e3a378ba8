"""The Realtime half: websockets, the stream of changes and the clock around the sans-I/O parts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Callable, Container
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import psycopg
from psycopg_pool import PoolTimeout
from starlette.responses import JSONResponse, Response

from livewidgets.errors import LiveWidgetsError
from livewidgets.sandbox import realtime_messages, realtime_policies
from livewidgets.sandbox.auth import Refusal, TokenRefusedError, Tokens
from livewidgets.sandbox.connection import IDLE, Connection
from livewidgets.sandbox.connection_effects import Ask, Channel, Verdict
from livewidgets.sandbox.phoenix import codec_for
from livewidgets.sandbox.realtime_socket import Socket
from livewidgets.sandbox.rooms import Rooms
from livewidgets.sandbox.subscriptions import Subscriptions
from livewidgets.sandbox.wal import StreamEvent

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from livewidgets.sandbox.catalog import Catalog
    from livewidgets.sandbox.pgoutput import RowChange
    from livewidgets.sandbox.postgres import Database

logger = logging.getLogger(__name__)

#: Seconds between looks at the clock.
TICK = 0.5
#: Seconds until the publication is looked at again when the database was away.
LOOK_AGAIN = 0.5
#: Seconds between two rounds against stored messages that are too old.
FORGET_EVERY = 3600.0


@dataclass(frozen=True)
class RealtimeOptions:
    """What can be set.

    Attributes
    ----------
    idle
        Seconds without a frame until a socket is closed; None for never.
    refusal_delay, join_refusal_delay
        Seconds that a refused connection, and a refused join, wait for their answer (2 and 5 on the real server).
    outbox_limit
        Bytes that may wait for one socket.
    """

    idle: float | None = IDLE
    refusal_delay: float = 0.0
    join_refusal_delay: float = 0.0
    outbox_limit: int = 32 * 1024 * 1024


class Realtime:
    """All sockets and the one stream of changes that feeds them.

    Parameters
    ----------
    database, catalog, tokens
        Where to look things up.
    stream
        Batches of changes and what the stream says about itself.
    clock
        Epoch seconds.
    """

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        tokens: Tokens,
        stream: AsyncIterable[list[RowChange] | StreamEvent],
        options: RealtimeOptions | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._tokens = tokens
        self._stream = stream
        self.options = options or RealtimeOptions()
        self.clock = clock
        self.subscriptions = Subscriptions(database, catalog)
        self.rooms = Rooms()
        self.sockets: set[Socket] = set()
        #: Set while the stream runs: what is committed now will be delivered.
        self.streaming = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        catalog.on_change(self._changed.set)

    async def start(self) -> None:
        """Read the stream, watch the clock and the publication."""
        self._tasks = [
            asyncio.create_task(self._read(), name="sandbox changes"),
            asyncio.create_task(self._tick(), name="sandbox clock"),
            asyncio.create_task(self._watch_publication(), name="sandbox publication"),
            asyncio.create_task(self._forget(), name="sandbox messages"),
        ]

    async def stop(self) -> None:
        """Close every socket with 1012, as a server does that restarts."""
        for socket in list(self.sockets):
            socket.outbox.close(1012)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def disconnect(self) -> None:
        """Send every client away, to come again at once, as the real server does when a project's settings change."""
        for socket in list(self.sockets):
            socket.perform(socket.connection.disconnect())

    async def judge(self, ask: Ask) -> Verdict:
        """Ask the database what the policies say."""
        return await realtime_policies.judge(self._database, ask)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one websocket (ASGI)."""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        key = (query.get("apikey") or [headers.get(b"x-api-key") or headers.get(b"apikey")])[0]
        refusal = self._refusal(key)
        codec = codec_for((query.get("vsn") or ["1.0.0"])[0])
        if refusal is not None or codec is None:
            await asyncio.sleep(self.options.refusal_delay if refusal else 0)
            answer = JSONResponse({"error": refusal}, 401) if refusal else Response(status_code=403)
            await receive()
            await _deny(answer, scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        claims = self._tokens.verify(str(key), self.clock())
        connection = Connection(claims, self._tokens.verify, codec, self.clock(), self.options.idle)
        await Socket(self, connection, receive, send).run()

    def _refusal(self, key: str | None) -> str | None:
        """Why a connection with this key is refused, in the recorded words."""
        if not key:
            return "API key is missing"
        try:
            self._tokens.verify(key, self.clock())
        except TokenRefusedError as error:
            return "Token has expired" if error.refusal is Refusal.EXPIRED else error.message
        return None

    async def _read(self) -> None:
        try:
            await self._read_stream()
        except LiveWidgetsError as error:
            logger.error("The stream of changes ended: %s", error)  # noqa: TRY400 - the words say it all
        except Exception:
            logger.exception("The stream of changes ended.")
        finally:
            self.streaming.clear()

    async def _read_stream(self) -> None:
        async for batch in self._stream:
            if isinstance(batch, StreamEvent):
                if batch is StreamEvent.LOST:
                    self.streaming.clear()
                    continue
                self.streaming.set()
                if batch is StreamEvent.RESUMED:
                    # What was committed meanwhile is lost: clients read again when they hear this.
                    self._catalog.invalidate()
                    self._announce()
                continue
            messages, changes = realtime_messages.split(batch)
            if changes:
                await self._deliver(changes)
            for message in messages:
                realtime_messages.tell(message, self.rooms)

    async def _deliver(self, batch: list[RowChange]) -> None:
        try:
            await self.subscriptions.deliver(batch)
        except (psycopg.Error, PoolTimeout, OSError):
            # The database went away between the log and the question who may see it. The changes of this batch
            # are lost to those who had them coming: tell them to read again.
            logger.warning("The database did not answer while changes were given out.")
            self._announce()
        except Exception:
            logger.exception("Changes could not be given out.")
            self._announce()

    def _members(self) -> dict[Channel, Socket]:
        return {
            channel: socket
            for socket in self.sockets
            for channel in socket.connection.channels.values()
            if channel in socket.subscribed
        }

    def _announce(self, channels: Container[object] | None = None) -> None:
        """Tell channels, all if none are named, to read again."""
        for channel, socket in self._members().items():
            if channels is None or channel in channels:
                socket.perform(socket.connection.subscribed(channel))

    async def _watch_publication(self) -> None:
        """When tables enter or leave the publication, subscribe everything anew."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                self._announce(await self.subscriptions.prepare_again())
            except (psycopg.Error, PoolTimeout, OSError):
                # The database is away: the change is still to be told when it is back.
                await asyncio.sleep(LOOK_AGAIN)
                self._changed.set()

    async def _forget(self) -> None:
        while True:
            with suppress(psycopg.Error, PoolTimeout, OSError):
                await realtime_policies.forget(self._database)
            await asyncio.sleep(FORGET_EVERY)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = self.clock()
            for socket in list(self.sockets):
                deadline = socket.connection.deadline()
                if deadline is not None and deadline <= now:
                    socket.perform(socket.connection.tick(now))


async def _deny(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a websocket with an HTTP answer."""
    if "websocket.http.response" in scope.get("extensions", {}):
        await answer({**scope, "type": "websocket"}, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008})
