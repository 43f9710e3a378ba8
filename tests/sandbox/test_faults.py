"""The fault proxy, in front of servers as small as can be."""

from __future__ import annotations

import asyncio
import contextlib
import time

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from livewidgets.errors import SandboxStartError
from livewidgets.sandbox.faults import FaultProxy
from livewidgets.testing import wait_until


@contextlib.asynccontextmanager
async def echo_through_a_proxy():
    async def echo(websocket):
        with contextlib.suppress(ConnectionClosed):
            async for message in websocket:
                await websocket.send(message)

    async with serve(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with FaultProxy(port) as proxy:
            yield proxy, proxy.url.replace("http", "ws")


async def answer(websocket, message="hello", limit=5.0):
    await websocket.send(message)
    async with asyncio.timeout(limit):
        return await websocket.recv()


async def test_it_passes_everything_on():
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        for size in (0, 5, 125, 126, 65535, 65536, 300_000):
            assert await answer(websocket, "x" * size) == "x" * size
        assert (proxy.connections, proxy.websockets, proxy.accepted) == (1, 1, 1)
        assert repr(proxy) == f"<FaultProxy {proxy.url}, 1 connections>"


async def test_a_cut_ends_connections_and_refuses_new_ones_until_it_is_restored():
    async with echo_through_a_proxy() as (proxy, url):
        async with connect(url) as websocket:
            assert await answer(websocket) == "hello"
            proxy.cut()
            with pytest.raises(ConnectionClosedError):
                await answer(websocket)
        with pytest.raises(ConnectionRefusedError):
            await connect(url)
        assert proxy.connections == 0
        proxy.cut()
        proxy.restore()
        async with connect(url) as websocket:
            assert await answer(websocket) == "hello"


async def test_a_stall_is_half_open_and_passes_on_what_it_held():
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        proxy.stall()
        with pytest.raises(TimeoutError):
            await answer(websocket, limit=0.1)
        with pytest.raises(TimeoutError):
            await connect(url, open_timeout=0.1)
        assert proxy.accepted == 2
        proxy.restore()
        async with asyncio.timeout(5):
            assert await websocket.recv() == "hello"
        assert await answer(websocket, "again") == "again"


async def test_a_delay_holds_each_way_and_keeps_the_order():
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        proxy.delay(0.05)
        began = time.monotonic()
        for number in range(5):
            await websocket.send(str(number))
        async with asyncio.timeout(5):
            assert [await websocket.recv() for _ in range(5)] == list("01234")
        assert time.monotonic() - began >= 0.1


async def test_connections_are_reset_while_new_ones_are_welcome():
    async with echo_through_a_proxy() as (proxy, url):
        async with connect(url) as websocket:
            proxy.reset_connections()
            with pytest.raises(ConnectionClosedError) as caught:
                await answer(websocket)
            assert caught.value.rcvd is None
        async with connect(url) as websocket:
            assert await answer(websocket) == "hello"


async def test_a_websocket_is_closed_with_a_code():
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        assert await answer(websocket) == "hello"
        proxy.reset_connections(1012)
        with pytest.raises(ConnectionClosed) as caught:
            await answer(websocket)
        assert caught.value.rcvd.code == 1012


async def test_single_messages_are_lost_and_doubled():
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        proxy.drop("heartbeat", 1)
        proxy.duplicate("change", 1)
        for message in ("heartbeat 1", "change", "heartbeat 2", "end"):
            await websocket.send(message)
        async with asyncio.timeout(5):
            assert [await websocket.recv() for _ in range(4)] == ["change", "change", "heartbeat 2", "end"]
        proxy.drop("heartbeat")
        proxy.restore()
        assert await answer(websocket, "heartbeat 3") == "heartbeat 3"


async def test_a_server_that_is_not_there_resets():
    async with FaultProxy(1) as proxy:
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.TransportError):
                await client.get(proxy.url)
        assert proxy.accepted == 1


async def test_plain_requests_pass_with_their_keep_alive():
    async def answers(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    async with server, FaultProxy(server.sockets[0].getsockname()[1]) as proxy:
        async with httpx.AsyncClient(base_url=proxy.url) as client:
            for _ in range(3):
                assert (await client.get("/")).text == "ok"
            assert (proxy.accepted, proxy.websockets) == (1, 0)
        for _ in range(200):
            if not proxy.connections:
                break
            await asyncio.sleep(0.01)
        assert proxy.connections == 0


def test_it_runs_on_a_thread_of_its_own(background_server):
    with FaultProxy.running(background_server) as proxy:
        assert httpx.get(proxy.url).text == "ok"
        proxy.cut()
        with pytest.raises(httpx.ConnectError):
            httpx.get(proxy.url)
        proxy.restore()
        assert httpx.get(proxy.url).text == "ok"
        wait_until(lambda: proxy.connections == 0, message="the client's connections to end")
    with pytest.raises(httpx.ConnectError):
        httpx.get(proxy.url)


@pytest.mark.parametrize("upstream", ["https://example.org", "no address", "http://"])
def test_only_plain_http_can_stand_behind_it(upstream):
    with pytest.raises(SandboxStartError, match="plain http"):
        FaultProxy(upstream)


def test_a_proxy_that_was_not_started_says_so():
    with pytest.raises(SandboxStartError, match="not started"):
        FaultProxy(1).cut()


@pytest.fixture
def background_server():
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
