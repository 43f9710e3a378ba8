"""A proxy on loopback that fails on command: the network between a client and a server, for tests.

It passes bytes on both ways, and knows as much of websockets and Phoenix as it needs to close a socket with a code, to
lose, double or cut off single messages, and to tell heartbeats and answers to joins from the rest. Nothing it does is
left to chance: a fault begins when its method returns and ends with `restore`.

Put your dashboard behind it and see what it makes of a bad day::

    with FaultProxy.running(sandbox.url) as proxy:
        live = livewidgets.connect(proxy.url, sandbox.anon_key)
        calls = live.table("calls").ready()
        proxy.cut()                                     # the cable is pulled
        wait_until(lambda: calls.status.state == "stale")
        proxy.restore()
        wait_until(lambda: calls.status.state == "live")

What else can go wrong: `stall` (half-open), `delay`, `throttle`, `reset_connections` (with any close code), `drop`,
`duplicate`, `truncate`, `swallow_heartbeats`, `answer_joins_late`, `send_garbage`, `restart_backend`. A series of them
at set times is a `livewidgets.sandbox.faults_schedule.Schedule`. For what only a test knows to say there are `send`,
`alter` and `refuse`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Self
from urllib.parse import urlsplit

from livewidgets.errors import SandboxStartError
from livewidgets.sandbox.faults_frames import garbage, listener, refuse, reset, text_frame
from livewidgets.sandbox.faults_pipe import Pipe, Rule, Weather

#: Seconds that a fault may take to be in effect.
_PATIENCE = 10.0


class FaultProxy:
    """A TCP proxy in front of one server; every fault applies to all connections through it.

    Its faults may be called from any thread; they return once they are in effect.

    Parameters
    ----------
    upstream
        The server's address, such as ``http://127.0.0.1:54321``, or its port on 127.0.0.1.
    restart
        What `restart_backend` calls, such as ``lambda: launcher.restart(info)``.
    """

    def __init__(self, upstream: str | int, restart: Callable[[], object] | None = None) -> None:
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
        self._pipes: set[Pipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._restart = restart
        self._weather = Weather()
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
    def carried(self) -> int:
        """Bytes that were passed on to clients, ever."""
        return self._weather.carried

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
        self._listener = listener(0)
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
    def running(cls, upstream: str | int, restart: Callable[[], object] | None = None) -> Iterator[Self]:
        """Run one on a thread of its own, for tests that are not asynchronous."""
        proxy = cls(upstream, restart)
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
        self._do(self._weather.flowing.clear)

    def restore(self) -> None:
        """End every fault; what a stall held back is passed on."""
        self._do(self._restore)

    def delay(self, seconds: float) -> None:
        """Pass everything on this much later, each way; the order is kept."""
        self._do(lambda: setattr(self._weather, "delay", seconds))

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
        self._do(lambda: self._weather.rules.append(Rule(text.encode(), 0, count)))

    def duplicate(self, text: str, count: int = 1) -> None:
        """Pass the server's next websocket messages that hold a text on twice."""
        self._do(lambda: self._weather.rules.append(Rule(text.encode(), 2, count)))

    def throttle(self, bytes_per_second: float) -> None:
        """Pass no more than so many bytes a second on, in each direction of each connection."""
        self._do(lambda: setattr(self._weather, "rate", bytes_per_second))

    def truncate(self, text: str = "", count: int = 1) -> None:
        """Break off in the middle of the server's next websocket messages that hold a text, and end the connection."""
        self._do(lambda: self._weather.rules.append(Rule(text.encode(), 1, count, truncates=True)))

    def swallow_heartbeats(self) -> None:
        """Lose the clients' heartbeats on their way: the server answers none, and may think them gone."""
        self._do(lambda: setattr(self._weather, "swallows_heartbeats", True))

    def answer_joins_late(self, seconds: float) -> None:
        """Hold the answer to every join that comes from now on back for so long; all else passes it."""
        self._do(lambda: setattr(self._weather, "join_delay", seconds))

    def send_garbage(self, seed: int = 0) -> None:
        """Send every websocket's client messages that no protocol knows: the same for the same seed."""
        self._do(lambda: self._send(garbage(seed)))

    def send(self, text: str) -> None:
        """Send every websocket's client a message, as if it came from the server."""
        self._do(lambda: self._send([text_frame(text.encode())]))

    def alter(self, text: str, make: Callable[[bytes], bytes], count: int = 1) -> None:
        """Pass the server's next websocket messages that hold a text on as a function makes them."""
        self._do(lambda: self._weather.rules.append(Rule(text.encode(), 1, count, make=make)))

    def refuse(self, status: int) -> None:
        """Answer all new connections with an HTTP status, as a gateway does that does not let anybody through."""
        self._do(lambda: setattr(self._weather, "refusal", status))

    def restart_backend(self) -> None:
        """Kill what stands behind the proxy and start it again; returns when it is back.

        It takes about a second, and blocks: call it from a thread, not from the proxy's own loop.
        """
        if self._restart is None:
            raise SandboxStartError(
                "The proxy does not know how to restart what is behind it.",
                "Use: FaultProxy(url, restart=lambda: launcher.restart(info))",
            )
        self._restart()

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
            self._listener = listener(self._port)
            self._is_listening = False
        self._end_all(None)

    def _restore(self) -> None:
        self._weather.clear()
        if not self._is_listening:
            self._listen()

    def _end_all(self, code: int | None) -> None:
        for pipe in tuple(self._pipes):
            pipe.end(code)
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
        if self._weather.refusal:
            await refuse(client_reader, client, self._weather.refusal)
            return
        try:
            server_reader, server = await asyncio.open_connection(*self._upstream)
        except OSError:
            reset(client)
            return
        pipe = Pipe(self._weather, client, server)
        if not self._is_listening:
            pipe.end(None)
            return
        self._pipes.add(pipe)
        await pipe.run(client_reader, server_reader)
        self._pipes.discard(pipe)

    def _send(self, frames: list[bytes]) -> None:
        for pipe in self._pipes:
            if pipe.is_websocket:
                for frame in frames:
                    pipe.insert(frame)
