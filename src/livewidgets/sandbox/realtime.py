"""The Realtime half: websockets, the stream of changes and the clock around the sans-I/O parts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import psycopg
from psycopg_pool import PoolTimeout
from starlette.responses import JSONResponse, Response

from livewidgets.errors import LiveWidgetsError
from livewidgets.sandbox import connection as effects
from livewidgets.sandbox.auth import Refusal, TokenRefusedError, Tokens
from livewidgets.sandbox.bindings import BindingError
from livewidgets.sandbox.connection import Channel, Connection, Effect
from livewidgets.sandbox.outbox import Outbox
from livewidgets.sandbox.phoenix import V1, Codec, Message
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
#: Frames sent between two turns of the loop.
BURST = 64
#: Seconds that a socket that is cut off has to take its close frame.
FAREWELL = 2.0
#: Close code for a reader that was too slow: try again later.
TOO_SLOW = 1013
#: The protocol versions by the ``vsn`` of the address.
CODECS: dict[str, Callable[[], Codec]] = {"1.0.0": V1}


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

    idle: float | None = effects.IDLE
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
        self._published: frozenset[int] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        catalog.on_change(self._changed.set)

    async def start(self) -> None:
        """Read the stream, watch the clock and the publication."""
        self._tasks = [
            asyncio.create_task(self._read(), name="sandbox changes"),
            asyncio.create_task(self._tick(), name="sandbox clock"),
            asyncio.create_task(self._watch_publication(), name="sandbox publication"),
        ]

    async def stop(self) -> None:
        """Close every socket with 1012, as a server does that restarts."""
        for socket in list(self.sockets):
            socket.outbox.close(1012)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one websocket (ASGI)."""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        key = (query.get("apikey") or [headers.get(b"x-api-key") or headers.get(b"apikey")])[0]
        refusal = self._refusal(key)
        codec = CODECS.get((query.get("vsn") or ["1.0.0"])[0])
        if refusal is not None or codec is None:
            await asyncio.sleep(self.options.refusal_delay if refusal else 0)
            answer = JSONResponse({"error": refusal}, 401) if refusal else Response(status_code=403)
            await receive()
            await _deny(answer, scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        claims = self._tokens.verify(str(key), self.clock())
        connection = Connection(claims, self._tokens.verify, codec(), self.clock(), self.options.idle)
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
                    self._announce(list(self._members()))
                continue
            await self._deliver(batch)

    async def _deliver(self, batch: list[RowChange]) -> None:
        try:
            await self.subscriptions.deliver(batch)
        except (psycopg.Error, PoolTimeout, OSError):
            # The database went away between the log and the question who may see it. The changes of this batch
            # are lost to those who had them coming: tell them to read again.
            logger.warning("The database did not answer while changes were given out.")
            self._announce(list(self._members()))
        except Exception:
            logger.exception("Changes could not be given out.")
            self._announce(list(self._members()))

    def _members(self) -> dict[Channel, Socket]:
        return {
            channel: socket
            for socket in self.sockets
            for channel in socket.connection.channels.values()
            if channel in socket.subscribed
        }

    def _announce(self, channels: list[Channel]) -> None:
        members = self._members()
        for channel in channels:
            socket = members.get(channel)
            if socket is not None:
                socket.perform(socket.connection.subscribed(channel))

    async def _watch_publication(self) -> None:
        """When tables enter or leave the publication, subscribe everything anew."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            with suppress(psycopg.Error, PoolTimeout, OSError):
                snapshot = await self._catalog.snapshot()
                published = frozenset(snapshot.tables[name].oid for name in snapshot.published)
                if self._published is not None and published != self._published:
                    await self.subscriptions.prepare_again(snapshot)
                    self._announce(list(self._members()))
                self._published = published

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            now = self.clock()
            for socket in list(self.sockets):
                deadline = socket.connection.deadline()
                if deadline is not None and deadline <= now:
                    socket.perform(socket.connection.tick(now))


class Socket:
    """The I/O of one websocket.

    Parameters
    ----------
    realtime
        The server that it belongs to.
    connection
        Its protocol state.
    receive, send
        The accepted ASGI websocket.
    """

    def __init__(self, realtime: Realtime, connection: Connection, receive: Receive, send: Send) -> None:
        self._realtime = realtime
        self.connection = connection
        self._receive = receive
        self._send = send
        self.outbox = Outbox(realtime.options.outbox_limit)
        #: Channels whose changes are being delivered.
        self.subscribed: set[Channel] = set()
        self._asking: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve it until either side closes it."""
        self._realtime.sockets.add(self)
        writer = asyncio.create_task(self._write(), name="sandbox socket writer")
        reader = asyncio.create_task(self._read(), name="sandbox socket reader")
        overflow = asyncio.create_task(self.outbox.overflow.wait(), name="sandbox socket overflow")
        tasks: list[asyncio.Task[Any]] = [writer, reader, overflow]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if overflow.done():
                logger.warning("A socket read too slowly and was cut off.")
                writer.cancel()
                await self._close(TOO_SLOW)
        finally:
            self._realtime.sockets.discard(self)
            for channel in list(self.connection.channels.values()):
                self._leave(channel)
            tasks += self._asking
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            frame = message.get("text")
            frame = message.get("bytes") or b"" if frame is None else frame
            self.perform(self.connection.receive(frame, self._realtime.clock()))

    async def _write(self) -> None:
        """Send what waits, and close when told so."""
        sent = 0
        while True:
            frame = self.outbox.take()
            if frame is None:
                if self.outbox.close_code is not None:
                    await self._close(self.outbox.close_code)
                    return
                await self.outbox.wait()
                continue
            kind = "text" if isinstance(frame, str) else "bytes"
            await self._send({"type": "websocket.send", kind: frame})
            sent += 1
            if sent % BURST == 0:
                await asyncio.sleep(0)

    async def _close(self, code: int) -> None:
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(FAREWELL):
                await self._send({"type": "websocket.close", "code": code})

    def perform(self, todo: list[Effect]) -> None:
        """Carry out effects in their order."""
        for effect in todo:
            match effect:
                case effects.Send(frame):
                    self.outbox.put(frame)
                case effects.Refuse(frame):
                    if self._realtime.options.join_refusal_delay:
                        asyncio.get_running_loop().call_later(
                            self._realtime.options.join_refusal_delay, self.outbox.put, frame
                        )
                    else:
                        self.outbox.put(frame)
                case effects.Close(code):
                    self.outbox.close(code)
                case effects.Joined(channel, presence):
                    self._realtime.rooms.enter(channel, self._deliver, presence=presence)
                case effects.Left(channel):
                    self._leave(channel)
                case effects.Subscribe(channel, generation):
                    task = asyncio.create_task(self._subscribe(channel, generation))
                    self._asking.add(task)
                    task.add_done_callback(self._asking.discard)
                case effects.Broadcast(channel, payload):
                    self._realtime.rooms.broadcast(channel, payload)
                case effects.Presence(channel, meta):
                    self._realtime.rooms.track(channel, meta)

    def _deliver(self, message: Message) -> None:
        self.outbox.put(self.connection.codec.encode(message))

    def _leave(self, channel: Channel) -> None:
        self.subscribed.discard(channel)
        self._realtime.subscriptions.remove(channel)
        self._realtime.rooms.leave(channel)

    async def _subscribe(self, channel: Channel, generation: int) -> None:
        """Have the bindings checked; from the ``system`` frame on every commit is delivered."""
        subscriptions = self._realtime.subscriptions
        while True:
            await self._realtime.streaming.wait()
            try:
                group = await subscriptions.check(channel.claims, channel.raw_bindings)
            except BindingError as error:
                if not channel.closed and channel.generation == generation:
                    subscriptions.remove(channel)
                    self.subscribed.discard(channel)
                    self.perform(self.connection.failed(channel, error.message))
                return
            except (psycopg.Error, PoolTimeout, OSError):
                await asyncio.sleep(TICK)  # the database is away: ask again when it is back
                continue
            if channel.closed or channel.generation != generation:
                return
            if not self._realtime.streaming.is_set():
                continue
            subscriptions.add(channel, group, self.outbox, self.connection.codec.around_change(channel.topic))
            self.subscribed.add(channel)
            self.perform(self.connection.subscribed(channel))
            return


async def _deny(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a websocket with an HTTP answer."""
    if "websocket.http.response" in scope.get("extensions", {}):
        await answer({**scope, "type": "websocket"}, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008})
