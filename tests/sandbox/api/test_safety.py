"""Safe by default: who gets in, how much a request may take, and that nobody takes it all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from livewidgets.sandbox import intake, rest_run
from livewidgets.sandbox.app import AppOptions
from livewidgets.sandbox.border import Limits
from livewidgets.sandbox.gate import Gate, GateClosedError

from .conftest import Cluster, Server

Db = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def narrow(cluster: Cluster) -> Iterator[Server]:
    """A server with room for little."""
    options = AppOptions(limits=Limits(body=100_000, held=150_000))
    server = Server(cluster.dsn, cluster.keys, options).start()
    yield server
    server.stop()


@pytest.fixture
def hasty(cluster: Cluster) -> Iterator[Server]:
    """A server that does not wait for long."""
    server = Server(cluster.dsn, cluster.keys, AppOptions(limits=Limits(body_seconds=0.5))).start()
    yield server
    server.stop()


async def until(condition: Callable[[], object], limit: float = 30) -> None:
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


def head(server: Server, length: int) -> bytes:
    """What comes before a body."""
    return (
        f"POST /rest/v1/todos HTTP/1.1\r\nHost: localhost\r\napikey: {server.keys.anon_key}\r\n"
        f"Connection: close\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


async def raw(
    server: Server, data: bytes, limit: float = 10, rest: asyncio.Future[bytes] | None = None
) -> bytes:
    """Send bytes, and the rest when it is there; give what is answered until the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    found = b""

    def add(done: asyncio.Future[bytes]) -> None:
        if not writer.is_closing():
            writer.write(done.result())

    try:
        writer.write(data)
        if rest is not None:
            rest.add_done_callback(add)
        # A server that gives up does not read the rest, and so the connection may end with a reset.
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(limit):
                while part := await reader.read(4096):
                    found += part
        return found
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    "host", ["evil.test", "127.0.0.1.evil.test", "evil.test:80", "[::2]", "", "127.0.0.2", "[", "localhost."]
)
async def test_it_answers_to_names_of_this_machine_only(server: Server, host: str) -> None:
    paths = ["/health", "/rest/v1/todos", "/auth/v1/settings", "/realtime/v1/api/broadcast"]
    async with httpx.AsyncClient(base_url=server.url, headers={"host": host}, timeout=30) as client:
        for path in paths:
            assert (await client.get(path)).status_code == 421
    with pytest.raises(InvalidStatus) as caught:
        async with connect(server.socket_url(), additional_headers={"host": host}):
            pass
    assert caught.value.response.status_code in (400, 421)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.test",
        "https://127.0.0.1.evil.test",
        "null",
        "file://",
        "http://[",
        "http://localhost.evil.test",
    ],
)
async def test_pages_of_other_sites_are_turned_away(server: Server, origin: str) -> None:
    headers = {"origin": origin, "apikey": server.keys.service_key}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
        for method in ("GET", "POST", "OPTIONS"):
            answer = await client.request(method, "/rest/v1/todos")
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers
    with pytest.raises(InvalidStatus) as caught:
        async with connect(server.socket_url(), origin=origin):  # type: ignore[arg-type]
            pass
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["http://localhost:8888", "http://127.0.0.1:8866", "http://[::1]:1"])
async def test_pages_of_this_machine_may_ask(server: Server, origin: str) -> None:
    asked = {"origin": origin, "access-control-request-headers": "apikey,prefer"}
    async with httpx.AsyncClient(base_url=server.url, headers=asked, timeout=30) as client:
        allowed = await client.options("/rest/v1/todos")
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == origin
        assert allowed.headers["access-control-allow-headers"] == "apikey,prefer"
        # A refusal has to be readable, too.
        refused = await client.get("/rest/v1/todos")
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == origin


async def test_a_body_is_bounded_however_it_comes(narrow: Server) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000

    headers = {"apikey": narrow.keys.anon_key}
    async with httpx.AsyncClient(base_url=narrow.url, headers=headers, timeout=30) as client:
        for path in ("/rest/v1/todos", "/realtime/v1/api/broadcast"):
            assert (await client.post(path, content=b"x" * 100_001)).status_code == 413
            assert (await client.post(path, content=parts())).status_code in (413, 503)
        # A liar about its length.
        answer = await raw(
            narrow,
            b"POST /rest/v1/todos HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 4")
        assert (await client.get("/health")).status_code == 200


async def test_a_body_that_trickles_is_given_up(hasty: Server) -> None:
    # By default it would have more time than we wait here.
    answer = await raw(hasty, head(hasty, 100) + b"{", limit=20)
    assert answer.startswith(b"HTTP/1.1 408")


async def test_bodies_together_are_bounded(narrow: Server) -> None:
    rest: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    begun = head(narrow, 90_000) + b"x" * 80_000
    tasks = [asyncio.create_task(raw(narrow, begun, 20, rest)) for _ in range(6)]
    # There is room for one of them, which goes on once the others are sent away.
    await until(lambda: sum(task.done() for task in tasks) == 5)
    rest.set_result(b"x" * 10_000)
    answers = await asyncio.gather(*tasks)
    assert sorted(answer.split()[1] for answer in answers) == [b"400", *[b"503"] * 5]
    headers = {"apikey": narrow.keys.anon_key}
    async with httpx.AsyncClient(base_url=narrow.url, headers=headers, timeout=30) as client:
        # What they held is free again.
        assert (await client.post("/rest/v1/todos", content=b"x" * 90_000)).status_code == 400


async def test_a_head_is_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await raw(server, b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 100_000)).startswith(
        b"HTTP/1.1 400"
    )
    assert (await raw(server, b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400")
    monkeypatch.setattr(intake, "HEAD_SECONDS", 0.3)
    assert await raw(server, b"") == b""
    assert await raw(server, b"GET /health HTTP/1.1\r\nHost: local") == b""
    monkeypatch.undo()
    ok = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert (await raw(server, ok)).startswith(b"HTTP/1.1 200")


async def test_a_slow_statement_ends_and_others_are_served(
    server: Server, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.execute("create view sleepy as select pg_sleep(60)::text as s")
    db.execute("grant select on sleepy to anon")
    key, other = server.keys.anon_key, server.keys.manager_token

    def asleep() -> set[int]:
        """The statements of the crowd that are under way."""
        found = db.execute("select pid from pg_stat_activity where wait_event = 'PgSleep'")
        return {pid for (pid,) in found}

    def cancel() -> None:
        for pid in asleep():
            db.execute("select pg_cancel_backend(%s)", [pid])

    try:
        async with httpx.AsyncClient(
            base_url=f"{server.url}/rest/v1", headers={"apikey": key}, timeout=30
        ) as client:
            with monkeypatch.context() as patch:
                patch.setitem(rest_run.TIMEOUTS, "anon", 20_000)
                crowd = [asyncio.create_task(client.get("/sleepy")) for _ in range(12)]
                await until(lambda: len(asleep()) == 6)
                inside = asleep()
                for _ in range(5):
                    answer = await client.get("/campaigns", headers={"authorization": f"Bearer {other}"})
                    assert answer.status_code == 200
                assert asleep() == inside, "it waited for the crowd's statements to end"
                await until(lambda: all(task.done() for task in crowd) or cancel())
            codes = {(task.result().status_code, task.result().json()["code"]) for task in crowd}
            assert codes <= {(500, "57014"), (504, "PGRST003")}
            assert (500, "57014") in codes
            # Left to itself one ends after the time of its role.
            answer = await client.get("/sleepy")
            assert (answer.status_code, answer.json()["code"]) == (500, "57014")
    finally:
        db.execute("drop view sleepy")


async def test_a_gate_takes_turns() -> None:
    gate = Gate(at_once=2, each=2)
    order: list[str] = []
    go = asyncio.Event()

    async def visit(name: str) -> None:
        async with gate.turn(name):
            order.append(name)
            await go.wait()

    tasks = [asyncio.create_task(visit(name)) for name in "aaaaaabbc"]
    await asyncio.sleep(0)
    assert order == ["a", "a"]
    go.set()
    await asyncio.gather(*tasks)
    assert order[:6] == ["a", "a", "a", "b", "c", "a"]
    assert sorted(order) == list("aaaaaabbc")


async def test_a_gate_leaves_room_for_others() -> None:
    gate = Gate(at_once=3, each=2)
    async with gate.turn("a"), gate.turn("a"):
        waiting = asyncio.create_task(gate.turn("a").__aenter__())
        await asyncio.sleep(0)
        async with gate.turn("b"):
            assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
    async with gate.turn("a"), gate.turn("a"), gate.turn("b"):
        pass


async def test_a_gate_sends_away_whom_it_cannot_serve() -> None:
    gate = Gate(at_once=1, each=1, waiting=1, patience=0.05)
    async with gate.turn("a"):
        waiting = asyncio.create_task(gate.turn("a").__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(GateClosedError):
            await gate.turn("a").__aenter__()
        with pytest.raises(GateClosedError):
            await waiting
        with pytest.raises(GateClosedError):
            await gate.turn("b").__aenter__()
    async with gate.turn("b"):
        pass


async def test_a_gate_survives_visitors_that_leave() -> None:
    gate = Gate(at_once=2, each=2, patience=5)

    async def visit(name: str, pause: float) -> None:
        async with gate.turn(name):
            await asyncio.sleep(pause)

    for _ in range(30):
        tasks = [asyncio.create_task(visit("abc"[n % 3], 0.001 * (n % 4))) for n in range(12)]
        await asyncio.sleep(0.001)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(1), gate.turn("a"), gate.turn("b"):
        pass
