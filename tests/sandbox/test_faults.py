"""The fault proxy, in front of servers as small as can be."""

from __future__ import annotations

import asyncio
import contextlib
import time

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

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


async def test_a_throttle_lets_so_much_through_and_no_more():
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        proxy.throttle(100_000)
        began = time.monotonic()
        assert await answer(websocket, "x" * 20_000) == "x" * 20_000
        assert time.monotonic() - began >= 0.39  # there and back
        proxy.throttle(1000)
        with pytest.raises(TimeoutError):
            await answer(websocket, "y" * 20_000, limit=0.2)
        proxy.restore()
        async with asyncio.timeout(5):
            assert await websocket.recv() == "y" * 20_000
        assert await answer(websocket, "again") == "again"


async def part_of_the_answer(proxy):
    async with asyncio.timeout(10):
        while not any(pipe._is_torn for pipe in proxy._pipes):  # noqa: ASYNC110 - the proxy tells nobody
            await asyncio.sleep(0.005)


async def test_nothing_falls_into_the_middle_of_a_frame():
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        assert await answer(websocket) == "hello"
        proxy.throttle(40_000)
        await websocket.send("x" * 20_000)
        await part_of_the_answer(proxy)
        proxy.send_garbage(1)
        async with asyncio.timeout(5):
            assert await websocket.recv() == "x" * 20_000
            assert isinstance(await websocket.recv(), str)
        await websocket.send("y" * 20_000)
        await part_of_the_answer(proxy)
        proxy.reset_connections(1012)
        await asyncio.wait_for(websocket.wait_closed(), 5)
        assert websocket.close_code == 1006, "a close frame there would be read as part of the message"


async def test_a_truncated_message_ends_the_connection():
    async with echo_through_a_proxy() as (proxy, url):
        proxy.truncate("change")
        async with connect(url) as websocket:
            assert await answer(websocket, "another") == "another"
            with pytest.raises(ConnectionClosedError) as caught:
                await answer(websocket, "a change that is long enough to be torn")
            assert caught.value.rcvd is None
        async with connect(url) as websocket:
            assert await answer(websocket, "a change") == "a change"


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1009, 1011, 1012, 1013, 3000, 4000, 4999])
async def test_any_code_closes_a_websocket(code):
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        assert await answer(websocket) == "hello"
        proxy.reset_connections(code)
        with pytest.raises(ConnectionClosed) as caught:
            await answer(websocket)
        assert caught.value.rcvd.code == code


async def test_heartbeats_are_swallowed_on_their_way():
    beats = {
        "1": '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}',
        "2": '[null,"2","phoenix","heartbeat",{}]',
    }
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        for beat in beats.values():
            assert await answer(websocket, beat) == beat
        proxy.swallow_heartbeats()
        for beat in beats.values():
            await websocket.send(beat)
        assert await answer(websocket, "else") == "else"
        proxy.restore()
        assert await answer(websocket, beats["1"]) == beats["1"]


async def test_answers_to_joins_come_late_and_nothing_else_does():
    joins = [
        '{"topic":"a","event":"phx_join","payload":{},"ref":"1","x":"phx_reply"}',
        '["2","2","b","phx_join",{"x":"phx_reply"}]',
    ]
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        proxy.answer_joins_late(3)
        began = time.monotonic()
        for join in joins:
            await websocket.send(join)
        for number in range(3):
            assert await answer(websocket, f"meanwhile {number}") == f"meanwhile {number}"
        async with asyncio.timeout(30):
            assert [await websocket.recv(), await websocket.recv()] == joins
        assert time.monotonic() - began >= 3
        proxy.restore()
        assert await answer(websocket, joins[0]) == joins[0]


async def test_garbage_is_the_same_for_the_same_seed():
    async def heard(seed):
        async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
            assert await answer(websocket) == "hello"
            proxy.send_garbage(seed)
            await websocket.send("end")
            messages = []
            async with asyncio.timeout(5):
                while (message := await websocket.recv()) != "end":
                    messages.append(message)
            return messages

    first = await heard(1)
    assert len(first) > 5
    assert await heard(1) == first != await heard(2)


def test_a_proxy_that_cannot_restart_says_so():
    with pytest.raises(SandboxStartError, match="how to restart"):
        FaultProxy(1).restart_backend()
    restarted = []
    FaultProxy(1, restart=lambda: restarted.append(True)).restart_backend()
    assert restarted == [True]


async def test_a_message_is_sent_and_one_is_altered():
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        assert await answer(websocket) == "hello"
        proxy.send("from nobody")
        proxy.alter("change", lambda payload: payload.upper() + b"!" * 70_000)
        async with asyncio.timeout(5):
            assert await websocket.recv() == "from nobody"
        assert await answer(websocket, "other") == "other"
        assert await answer(websocket, "a change") == "A CHANGE" + "!" * 70_000
        assert await answer(websocket, "a change") == "a change"


async def test_a_gateway_that_lets_nobody_through():
    async with echo_through_a_proxy() as (proxy, url), connect(url) as websocket:
        proxy.refuse(401)
        with pytest.raises(InvalidStatus) as caught:
            await connect(url)
        assert caught.value.response.status_code == 401
        async with httpx.AsyncClient() as client:
            assert (await client.get(proxy.url)).status_code == 401
        assert await answer(websocket) == "hello"  # who is in stays in
        proxy.restore()
        async with connect(url) as another:
            assert await answer(another) == "hello"
