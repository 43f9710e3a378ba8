"""The I/O of one websocket: reads frames, carries out what its protocol state asks for, sends what waits."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import PoolTimeout

from livewidgets.sandbox import connection_effects as effects
from livewidgets.sandbox.bindings import BindingError
from livewidgets.sandbox.outbox import Outbox

if TYPE_CHECKING:
    from starlette.types import Receive, Send

    from livewidgets.sandbox.connection import Connection
    from livewidgets.sandbox.connection_effects import Channel, Effect
    from livewidgets.sandbox.realtime import Realtime

logger = logging.getLogger(__name__)

#: Seconds until a database that is away is asked again.
ASK_AGAIN = 0.5
#: Frames sent between two turns of the loop.
BURST = 64
#: Seconds that a socket that is cut off has to take its close frame.
FAREWELL = 2.0
#: Close code for a reader that was too slow: try again later.
TOO_SLOW = 1013


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
        self._waiting: set[asyncio.Task[None]] = set()

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
                channel.closed = True
                self._leave(channel)
            tasks += self._waiting
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
            await self._carry_out(self.connection.receive(frame, self._realtime.clock()))

    async def _carry_out(self, todo: list[Effect]) -> None:
        """Carry out what a frame leads to, before the next one is read: as on the real server, a join holds it up."""
        queue = deque(todo)
        while queue:
            match queue.popleft():
                case effects.Ask() as question:
                    verdict = await self._realtime.judge(question)
                    queue.extendleft(reversed(question.resume(verdict)))
                case effects.Refuse(frame):
                    await asyncio.sleep(self._realtime.options.join_refusal_delay)
                    self.outbox.put(frame)
                case effect:
                    self.perform([effect])

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
        """Carry out effects that need no waiting, in their order."""
        rooms = self._realtime.rooms
        for effect in todo:
            match effect:
                case effects.Send(frame) | effects.Refuse(frame):
                    self.outbox.put(frame)
                case effects.Close(code):
                    self.outbox.close(code)
                case effects.Joined(channel):
                    rooms.enter(channel, self.connection.codec, self.outbox.put)
                case effects.Left(channel):
                    self._leave(channel)
                case effects.Subscribe(channel, generation):
                    self._start(self._subscribe(channel, generation))
                case effects.AwaitStream(channel):
                    if self._realtime.streaming.is_set():
                        self.perform(self.connection.replicating(channel))
                    else:
                        self._start(self._await_stream(channel))
                case effects.Broadcast(channel, payload):
                    rooms.broadcast(channel, payload)
                case effects.Presence(channel, meta):
                    rooms.track(channel, meta)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    def _leave(self, channel: Channel) -> None:
        self.subscribed.discard(channel)
        self._realtime.subscriptions.remove(channel)
        self._realtime.rooms.leave(channel)

    async def _await_stream(self, channel: Channel) -> None:
        await self._realtime.streaming.wait()
        if not channel.closed:
            self.perform(self.connection.replicating(channel))

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
                await asyncio.sleep(ASK_AGAIN)  # the database is away: ask again when it is back
                continue
            if channel.closed or channel.generation != generation:
                return
            if not self._realtime.streaming.is_set():
                continue
            subscriptions.add(channel, group, self.outbox, self.connection.codec.around_change(channel.topic))
            self.subscribed.add(channel)
            self.perform(self.connection.subscribed(channel))
            return
