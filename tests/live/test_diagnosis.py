"""Plain questions to the sandbox, and to servers that are none."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from livewidgets.core.change import ChangeKind
from livewidgets.errors import NotPublishedError, UnreachableError
from livewidgets.live.diagnosis import Questions, Reply, contact
from livewidgets.live.diagnosis_ear import Ear

LIMIT = 5.0


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that says the same to everybody, after the first bytes that it gets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def asked(
    url: str, key: str = "key", *, wall: Callable[[], float] = time.time, limit: float = LIMIT
) -> Reply:
    async def ask() -> Reply:
        async with Questions(url, key, None, "public", limit, wall) as questions:
            return await questions.get()

    return asyncio.run(ask())


# -- how far one comes ---------------------------------------------------------------------------------------------


def test_the_sandbox_is_reached(sandbox):
    found = asyncio.run(contact(sandbox.url, LIMIT))
    assert (found.reached, found.trouble, found.addresses, found.tls) == (
        "encryption",
        "",
        ("127.0.0.1",),
        "",
    )


def test_a_closed_port_has_a_name_only(fault_proxy):
    fault_proxy.cut()
    found = asyncio.run(contact(fault_proxy.url, LIMIT))
    assert (found.reached, found.trouble) == ("name", "connection refused")


def test_a_name_that_nobody_has():
    found = asyncio.run(contact("https://nobody.invalid", LIMIT))
    assert (found.reached, found.addresses) == ("nothing", ())
    assert found.trouble


def test_a_server_without_tls_has_a_connection_only():
    with answering(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n") as host:
        found = asyncio.run(contact(f"https://{host}", LIMIT))
    assert (found.reached, found.trouble) == ("connection", "the server does not speak TLS")


def test_a_proxy_is_left_to_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert asyncio.run(contact("https://abc.supabase.co", LIMIT)).proxied


# -- REST ----------------------------------------------------------------------------------------------------------


def test_an_answer_of_rest(sandbox):
    reply = asked(sandbox.url, sandbox.anon_key)
    assert reply.ok
    assert "calls" in reply.body["definitions"]
    assert abs(reply.skew or 99) < 2
    assert "definitions" not in repr(reply)


def test_a_clock_that_is_ahead(sandbox):
    reply = asked(sandbox.url, sandbox.anon_key, wall=lambda: time.time() + 100)
    assert reply.skew == pytest.approx(100, abs=2)


def test_a_refusal_keeps_its_words(sandbox):
    reply = asked(sandbox.url, "wrong")
    assert (reply.status, reply.message) == (401, "Invalid API key")
    assert (reply.ok, reply.code, reply.total) == (False, "", None)


def test_what_is_no_json_and_has_no_date():
    with answering(b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nhello") as host:
        reply = asked(f"http://{host}")
    assert (reply.status, reply.body, reply.skew, reply.message) == (404, None, None, "")


def test_no_answer_is_our_error_without_the_key(fault_proxy):
    fault_proxy.stall()
    with pytest.raises(UnreachableError) as caught:
        asked(fault_proxy.url, "sb_secret_key", limit=0.3)
    assert "does not answer in time" in str(caught.value)
    assert "sb_secret_key" not in str(caught.value)


# -- Realtime ------------------------------------------------------------------------------------------------------


def test_a_change_is_heard(sandbox, make_table):
    table = make_table()

    async def listen():
        ear = Ear(sandbox.url, sandbox.anon_key, None, "public", LIMIT)
        try:
            await ear.open()
            assert not ear.joined
            await ear.join(table.name)
            assert ear.joined
            assert await ear.hear(0.05, lambda _: True) is None
            table.run("insert into {} values (1, 'x')")
            table.run("insert into {} values (2, 'y')")
            return await ear.hear(LIMIT, lambda change: change.record.get("id") == 2)
        finally:
            await ear.close()

    heard = asyncio.run(listen())
    assert heard is not None
    assert (heard.kind, heard.record["title"]) == (ChangeKind.INSERT, "y")


def test_a_table_that_is_not_published_is_joined_and_refused(sandbox, make_table):
    table = make_table(publish=False)

    async def join() -> bool:
        ear = Ear(sandbox.url, sandbox.anon_key, None, "public", LIMIT)
        try:
            await ear.open()
            with pytest.raises(NotPublishedError):
                await ear.join(table.name)
            return ear.joined
        finally:
            await ear.close()

    assert asyncio.run(join())


def test_a_connection_that_is_lost_while_one_listens(sandbox, fault_proxy, make_table):
    table = make_table()

    async def listen() -> None:
        ear = Ear(fault_proxy.url, sandbox.anon_key, None, "public", LIMIT)
        try:
            await ear.open()
            with pytest.raises(UnreachableError, match="Nothing was joined"):
                await ear.hear(LIMIT, lambda _: True)
            await ear.join(table.name)
            hearing = asyncio.ensure_future(ear.hear(LIMIT, lambda _: True))
            await asyncio.to_thread(fault_proxy.cut)
            with pytest.raises(UnreachableError, match="was lost"):
                await hearing
        finally:
            await ear.close()

    asyncio.run(listen())
