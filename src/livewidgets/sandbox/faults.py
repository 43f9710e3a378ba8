"""A proxy on loopback that fails on command: the network between a client and a server, for tests.

It passes bytes on both ways, and knows as much of websockets as it needs to close one with a code, or to lose or double
single messages. Nothing it does is left to chance: a fault begins when its method returns and ends with `restore`.

::

    with FaultProxy.running(sandbox.url) as proxy:
        live = livewidgets.connect(proxy.url, sandbox.anon_key)
        proxy.cut()
        ...
        proxy.restore()
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from livewidgets.errors import SandboxStartError

_CHUNK = 65536
_LONGEST_HEAD = 65536
#: Chunks that wait in one direction before the sender feels it.
_QUEUED = 256
_PATIENCE = 10.0
_BLANK_LINE = b"\r\n\r\n"
_TEXT_IN_ONE_FRAME = 0x81


@dataclass(slots=True, eq=False)
class _Rule:
    """What happens to the next messages of the server that hold a text."""

    text: bytes
    copies: int
    left: int


@dataclass(slots=True, eq=False)
class _Pipe:
    """One client's connection and the one to the server behind it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_websocket: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def reset(self) -> None:
        _reset(self.client)
        _reset(self.server)


class FaultProxy:
    """A TCP proxy in front of one server; every fault applies to all connections through it.

    Its faults may be called from any thread; they return once they are in effect.

    Parameters
    ----------
    upstream
        The server's address, such as ``http://127.0.0.1:54321``, or its port on 127.0.0.1.
    """

    def __init__(self, upstream: str | int) -> None:
        parts = urlsplit(f"http://127.0.0.1:{upstream}" if isinstance(upstream, int) else upstream)
        if parts.scheme not in ("http", "ws") or not parts.hostname:
            raise SandboxStartError(
                "The proxy stands in front of plain http addresses only.", "Give http://127.0.0.1:<port>."
            )
        self._upstream = (parts.hostname, parts.port or 80)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: socket.socket | None = None
        self._is_listening = False
        self._port = 0
        self._pipes: set[_Pipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._rules: list[_Rule] = []
        self._delay = 0.0
        self._flowing = asyncio.Event()
        self._flowing.set()
        #: Connections that were accepted, ever.
        self.accepted = 0

    def __repr__(self) -> str:
        return f"<FaultProxy {self.url}, {len(self._pipes)} connections>"

    # -- life ------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._pipes)

    @property
    def websockets(self) -> int:
        """Those of them that are websockets."""
        return sum(pipe.is_websocket for pipe in tuple(self._pipes))

    async def start(self) -> Self:
        """Listen on a free port."""
        self._loop = asyncio.get_running_loop()
        self._listener = _bind(0)
        self._port = int(self._listener.getsockname()[1])
        self._listen()
        return self

    async def stop(self) -> None:
        """End all connections and listen no more."""
        self._cut()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @classmethod
    @contextlib.contextmanager
    def running(cls, upstream: str | int) -> Iterator[Self]:
        """Run one on a thread of its own, for tests that are not asynchronous."""
        proxy = cls(upstream)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="livewidgets-fault-proxy", daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(_PATIENCE)
            yield proxy
        finally:
            asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result(_PATIENCE)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_PATIENCE)
            loop.close()

    # -- faults ----------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._do(self._cut)

    def stall(self) -> None:
        """Pass nothing on, either way: connections stay open and new ones are accepted, but no answer comes."""
        self._do(self._flowing.clear)

    def restore(self) -> None:
        """End every fault; what a stall held back is passed on."""
        self._do(self._restore)

    def delay(self, seconds: float) -> None:
        """Pass everything on this much later, each way; the order is kept."""
        self._do(lambda: setattr(self, "_delay", seconds))

    def reset_connections(self, code: int | None = None) -> None:
        """End every connection, while new ones are welcome.

        Parameters
        ----------
        code
            Websockets are closed by a close frame with this code, as a server does it; without one, and for all other
            connections, TCP is reset.
        """
        self._do(lambda: self._end_all(code))

    def drop(self, text: str, count: int = 1_000_000) -> None:
        """Lose the server's next websocket messages that hold a text, such as ``"phoenix"`` for heartbeats."""
        self._do(lambda: self._rules.append(_Rule(text.encode(), 0, count)))

    def duplicate(self, text: str, count: int = 1) -> None:
        """Pass the server's next websocket messages that hold a text on twice."""
        self._do(lambda: self._rules.append(_Rule(text.encode(), 2, count)))

    # -- on the loop -----------------------------------------------------------------------------------------------

    def _do(self, act: Callable[[], object]) -> None:
        """Do it on the proxy's loop, and wait for it when this is another thread."""
        if self._loop is None:
            raise SandboxStartError(
                "The proxy was not started.", "Use: with FaultProxy.running(url) as proxy: ..."
            )
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self._loop:
            act()
            return
        done: concurrent.futures.Future[None] = concurrent.futures.Future()

        def there() -> None:
            try:
                act()
            except Exception as error:  # noqa: BLE001 - it is raised where the fault was called
                done.set_exception(error)
            else:
                done.set_result(None)

        self._loop.call_soon_threadsafe(there)
        done.result(_PATIENCE)

    def _listen(self) -> None:
        assert self._listener is not None
        assert self._loop is not None
        self._listener.listen(128)
        self._loop.add_reader(self._listener, self._accept)
        self._is_listening = True

    def _cut(self) -> None:
        if self._is_listening and self._listener is not None and self._loop is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            # The port is kept, so that nobody else takes it; a socket that does not listen refuses.
            self._listener = _bind(self._port)
            self._is_listening = False
        self._end_all(None)

    def _restore(self) -> None:
        self._delay = 0.0
        self._rules.clear()
        self._flowing.set()
        if not self._is_listening:
            self._listen()

    def _end_all(self, code: int | None) -> None:
        for pipe in tuple(self._pipes):
            if code is not None and pipe.is_websocket:
                # Only whole frames are ever written, so this stands between two.
                pipe.client.write(b"\x88\x02" + code.to_bytes(2, "big"))
                pipe.client.close()
                _reset(pipe.server)
            else:
                pipe.reset()
            for task in pipe.tasks:
                task.cancel()
            self._pipes.discard(pipe)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        self.accepted += 1
        task = asyncio.ensure_future(self._serve(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        client_reader, client = await asyncio.open_connection(sock=connection)
        try:
            server_reader, server = await asyncio.open_connection(*self._upstream)
        except OSError:
            _reset(client)
            return
        pipe = _Pipe(client, server)
        if not self._is_listening:
            pipe.reset()
            return
        self._pipes.add(pipe)
        pipe.tasks = [
            asyncio.ensure_future(self._pump(self._requests(pipe, client_reader), server)),
            asyncio.ensure_future(self._pump(self._answers(pipe, server_reader), client)),
        ]
        await asyncio.gather(*pipe.tasks, return_exceptions=True)
        self._pipes.discard(pipe)
        for writer in (client, server):
            writer.close()

    async def _pump(self, chunks: AsyncIterator[bytes], writer: asyncio.StreamWriter) -> None:
        """Pass chunks on, each after the delay that held when it came and not while the flow is stalled."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED)

        async def take() -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                async for chunk in chunks:
                    await queue.put((loop.time() + self._delay, chunk))
            await queue.put((loop.time() + self._delay, b""))

        taking = asyncio.ensure_future(take())
        try:
            while True:
                due, chunk = await queue.get()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                await self._flowing.wait()
                if not chunk:
                    break
                writer.write(chunk)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            # One side is gone: the other has to learn of it.
            writer.close()
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    async def _requests(self, pipe: _Pipe, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        head = await _head(reader)
        if b"\r\nupgrade: websocket" in head.lower():
            pipe.is_websocket = True
            # Compressed frames could not be told apart.
            lines = head.split(b"\r\n")
            head = b"\r\n".join(
                line for line in lines if not line.lower().startswith(b"sec-websocket-extensions:")
            )
        yield head
        async for chunk in _chunks(reader):
            yield chunk

    async def _answers(self, pipe: _Pipe, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        head = await _head(reader)
        yield head
        if not pipe.is_websocket or b" 101 " not in head.partition(b"\r\n")[0]:
            pipe.is_websocket = False
            async for chunk in _chunks(reader):
                yield chunk
            return
        while True:
            frame = await _frame(reader)
            for _ in range(self._copies(frame)):
                yield frame

    def _copies(self, frame: bytes) -> int:
        if frame[0] == _TEXT_IN_ONE_FRAME:
            for rule in self._rules:
                if rule.left and rule.text in frame:
                    rule.left -= 1
                    return rule.copies
        return 1


def _bind(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    bound.setblocking(False)
    return bound


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a pulled cable does: no goodbye, and what was not sent is lost."""
    with contextlib.suppress(OSError):
        raw = writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _head(reader: asyncio.StreamReader) -> bytes:
    """Read an HTTP head with the blank line after it; less where the stream ends before."""
    try:
        return await reader.readuntil(_BLANK_LINE)
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError:
        return await reader.read(_LONGEST_HEAD)


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while chunk := await reader.read(_CHUNK):
        yield chunk


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """Read one unmasked websocket frame, header and all."""
    frame = await reader.readexactly(2)
    length = frame[1] & 0x7F
    if length >= 126:
        more = await reader.readexactly(2 if length == 126 else 8)
        frame += more
        length = int.from_bytes(more, "big")
    return frame + await reader.readexactly(length)
