"""One connection through the fault proxy, and what the weather does to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from livewidgets.sandbox.faults_frames import (
    Frame,
    close_frame,
    read_chunks,
    read_frame,
    read_head,
    reset,
    text_frame,
)

#: Chunks that wait in one direction before the sender feels it.
_QUEUED = 256
#: Pieces that a throttled connection passes on in a second.
_PIECES = 20


@dataclass(slots=True, eq=False)
class Rule:
    """What happens to the next messages of the server that hold a text."""

    text: bytes
    copies: int
    left: int
    truncates: bool = False
    make: Callable[[bytes], bytes] | None = None


class Weather:
    """What holds for all connections of a proxy.

    Attributes
    ----------
    delay
        Seconds that everything is late, each way.
    rate
        Bytes a second that are passed on; 0 for no limit.
    swallows_heartbeats
        Whether the clients' heartbeats get lost.
    join_delay
        Seconds that answers to joins are late.
    refusal
        The HTTP status that new connections are answered with; 0 for none.
    flowing
        Set while anything is passed on at all.
    carried
        Bytes that were passed on to clients; what the weather was does not change it.
    """

    def __init__(self) -> None:
        self.flowing = asyncio.Event()
        self.carried = 0
        self.rules: list[Rule] = []
        self.clear()

    def clear(self) -> None:
        """Let the sun shine."""
        self.delay = self.rate = self.join_delay = 0.0
        self.swallows_heartbeats = False
        self.refusal = 0
        self.rules.clear()
        self.flowing.set()

    def rule_for(self, frame: Frame) -> Rule | None:
        """Find what is to happen to a message of the server."""
        if frame.is_message:
            for rule in self.rules:
                if rule.left and rule.text in frame.payload:
                    rule.left -= 1
                    return rule
        return None


class Pipe:
    """One client's connection and the one to the server behind it.

    Parameters
    ----------
    weather
        Of its proxy.
    client, server
        Where to write.
    """

    def __init__(self, weather: Weather, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._weather = weather
        self._client = client
        self._server = server
        self.is_websocket = False
        #: A frame to the client is only half written, or none may follow any more.
        self._is_torn = False
        #: Frames to be written when it is whole.
        self._waiting: list[bytes] = []
        #: Refs of joins whose answers are to be late.
        self._joins: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, from_client: asyncio.StreamReader, from_server: asyncio.StreamReader) -> None:
        """Pass everything on until both sides are done."""
        self._tasks = [
            asyncio.ensure_future(self._pump(self._requests(from_client), self._server)),
            asyncio.ensure_future(self._pump(self._answers(from_server), self._client)),
        ]
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in (self._client, self._server):
            writer.close()

    def end(self, code: int | None) -> None:
        """End it: by a close frame where there is a code and it is a websocket; else as a pulled cable does."""
        if code is not None and self.is_websocket and not self._is_torn and not self._client.is_closing():
            self._client.write(close_frame(code))
            self._client.close()
        else:
            reset(self._client)
        reset(self._server)
        for task in self._tasks:
            task.cancel()

    def insert(self, frame: bytes) -> None:
        """Write a frame to the client, between two others."""
        if self._is_torn:
            self._waiting.append(frame)
        elif not self._client.is_closing():
            self._write(frame, self._client)

    async def _pump(self, chunks: AsyncIterator[bytes], writer: asyncio.StreamWriter) -> None:
        """Pass chunks on, each after the delay that held when it came and not while the flow is stalled."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED)

        async def take() -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                async for chunk in chunks:
                    await queue.put((loop.time() + self._weather.delay, chunk))
            await queue.put((loop.time() + self._weather.delay, b""))

        taking = asyncio.ensure_future(take())
        try:
            while True:
                due, chunk = await queue.get()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                await self._weather.flowing.wait()
                if not chunk:
                    break
                await self._pass_on(chunk, writer)
            if writer is self._client:
                self._is_torn = True
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            # One side is gone: the other has to learn of it.
            writer.close()
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    async def _pass_on(self, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        """Write a chunk, at the rate that holds."""
        while self._weather.rate and chunk:
            rate = self._weather.rate
            length = max(1, int(rate / _PIECES))
            piece, chunk = chunk[:length], chunk[length:]
            if writer is self._client:
                self._is_torn = True
            self._write(piece, writer)
            await writer.drain()
            await asyncio.sleep(len(piece) / rate)
        self._write(chunk, writer)
        if writer is self._client:
            self._is_torn = False
            for frame in self._waiting:
                self._write(frame, writer)
            self._waiting.clear()
        await writer.drain()

    def _write(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if writer is self._client:
            self._weather.carried += len(data)
        writer.write(data)

    async def _requests(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        head = await read_head(reader)
        if b"\r\nupgrade: websocket" not in head.lower():
            yield head
            async for chunk in read_chunks(reader):
                yield chunk
            return
        self.is_websocket = True
        # Compressed frames could not be told apart.
        lines = head.split(b"\r\n")
        yield b"\r\n".join(
            line for line in lines if not line.lower().startswith(b"sec-websocket-extensions:")
        )
        while True:
            frame = await read_frame(reader)
            is_heartbeat = b'"heartbeat"' in frame.payload and b'"phoenix"' in frame.payload
            if self._weather.swallows_heartbeats and is_heartbeat:
                continue
            if self._weather.join_delay and b'"phx_join"' in frame.payload:
                self._joins.add(_ref(frame))
            yield frame.wire

    async def _answers(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        head = await read_head(reader)
        yield head
        if not self.is_websocket or b" 101 " not in head.partition(b"\r\n")[0]:
            self.is_websocket = False
            async for chunk in read_chunks(reader):
                yield chunk
            return
        while True:
            frame = await read_frame(reader)
            if self._joins and b'"phx_reply"' in frame.payload and _ref(frame) in self._joins:
                self._joins.discard(_ref(frame))
                asyncio.get_running_loop().call_later(self._weather.join_delay, self.insert, frame.wire)
                continue
            rule = self._weather.rule_for(frame)
            if rule is not None and rule.truncates:
                yield frame.wire[: len(frame.wire) // 2]
                return
            wire = frame.wire
            if rule is not None and rule.make is not None:
                wire = text_frame(rule.make(frame.payload))
            for _ in range(1 if rule is None else rule.copies):
                yield wire


def _ref(frame: Frame) -> str:
    """Read topic and ref of a Phoenix message, of either protocol version."""
    try:
        found = json.loads(frame.payload)
        parts = (found["topic"], found["ref"]) if isinstance(found, dict) else (found[2], found[1])
        return json.dumps(parts)
    except (ValueError, LookupError, TypeError):
        return ""
