"""One websocket: what the server may do to it, and what must come of that."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import replace

import pytest

from livewidgets.core.change import Change
from livewidgets.errors import KeyRefusedError, LiveWidgetsError, NotPublishedError, UnreachableError
from livewidgets.live import wire as wire_module
from livewidgets.live.channel import TableChannel, bindings_for
from livewidgets.live.timings import Timings
from livewidgets.live.translate import stream_error
from livewidgets.live.wire import Wire
from tests.live.scripted import Peer, ScriptedServer

#: Both sides run on one loop: where that is held up, so are the answers.
QUICK = Timings(open=10, heartbeat=0.1, heartbeat_reply=5, join=10, stream=10)
KEY = "a-key-of-no-project"


@pytest.fixture(params=["quick", "stock"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways through the package: its inside known, or not."""
    if request.param == "stock":
        monkeypatch.setattr(wire_module, "_KNOWN_INSIDES", ("0.0.",))
    return str(request.param)


class Ends:
    """A table channel and what came out of it."""

    def __init__(self, wire: Wire, fixed: str | None = None) -> None:
        self.changes: list[Change] = []
        self.gaps = 0
        self.channel = TableChannel(
            wire,
            "todos",
            bindings_for("public", "todos", fixed),
            take=self.changes.append,
            gap=self._count_gap,
            translate=lambda text: stream_error(text, "todos"),
        )

    def _count_gap(self) -> None:
        self.gaps += 1


async def until(predicate, limit: float = 20.0) -> None:
    async with asyncio.timeout(limit):
        while not predicate():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.005)


async def opened(server: ScriptedServer, timings: Timings = QUICK) -> Wire:
    wire = Wire(server.url, KEY, None, timings)
    await wire.open()
    return wire


async def accept_all(peer: Peer) -> None:
    while True:
        frame = await peer.read()
        if frame["event"] == "phx_join":
            await peer.accept(frame)


async def test_changes_come_through_both_paths(path: str) -> None:
    async def script(peer: Peer) -> None:
        join = await peer.read()
        await peer.accept(join)
        await peer.change(join["topic"], {"id": 1, "title": "a"}, commit_timestamp="2026-11-22T10:00:00.000Z")
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        ends = Ends(wire)
        await ends.channel.open()
        await until(lambda: ends.changes)
        assert ends.changes[0].record == {"id": 1, "title": "a"}
        assert wire.quick is (path == "quick")
        await ends.channel.close()
        await wire.close()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_deletes_are_bound_without_the_filter_of_fixed_columns() -> None:
    async with ScriptedServer(accept_all) as server:
        wire = await opened(server)
        ends = Ends(wire, "campaign_id=eq.7")
        await ends.channel.open()
        asked = server.peers[0].joins[0]["payload"]["config"]["postgres_changes"]
        assert [(one["event"], one.get("filter")) for one in asked] == [
            ("INSERT", "campaign_id=eq.7"),
            ("UPDATE", "campaign_id=eq.7"),
            ("DELETE", None),
        ]
        await ends.channel.close()
        await wire.close()


async def test_the_end_of_an_older_join_is_not_the_end_of_this_one() -> None:
    async def script(peer: Peer) -> None:
        join = await peer.read()
        await peer.accept(join)
        await peer.send(join["topic"], "phx_close", {}, "0")
        await peer.send(join["topic"], "phx_error", {}, "0")
        await peer.change(join["topic"], {"id": 1})
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        ends = Ends(wire)
        await ends.channel.open()
        await until(lambda: ends.changes)
        assert not ends.channel.broken.done()
        await ends.channel.close()
        await wire.close()


async def test_the_end_of_this_join_breaks_the_channel() -> None:
    is_open = asyncio.Event()

    async def script(peer: Peer) -> None:
        join = await peer.read()
        await peer.accept(join)
        await is_open.wait()
        await peer.send(join["topic"], "phx_close", {}, join["ref"])
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        ends = Ends(wire)
        await ends.channel.open()
        is_open.set()
        error = await asyncio.wait_for(ends.channel.broken, 20)
        assert isinstance(error, UnreachableError)
        await ends.channel.close()
        await wire.close()


async def test_a_system_error_is_told_once_and_starts_no_rejoining(path: str) -> None:
    text = "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given ..."

    async def script(peer: Peer) -> None:
        join = await peer.read()
        await peer.reply(
            join, {"postgres_changes": [{"id": 1, "event": "*", "schema": "public", "table": "todos"}]}
        )
        await peer.system(join["topic"], text, "error")
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        ends = Ends(wire)
        with pytest.raises(NotPublishedError):
            await ends.channel.open()
        await ends.channel.close()
        await until(lambda: server.peers[0].leaves)
        assert len(server.peers[0].joins) == 1
        await wire.close()


async def test_a_repeated_subscribed_is_a_gap() -> None:
    async def script(peer: Peer) -> None:
        join = await peer.read()
        await peer.accept(join)
        await peer.system(join["topic"], "Subscribed to PostgreSQL")
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        ends = Ends(wire)
        await ends.channel.open()
        await until(lambda: ends.gaps == 1)
        await ends.channel.close()
        await wire.close()


async def test_a_join_that_is_answered_too_late_is_given_up_and_the_answer_ignored() -> None:
    late: asyncio.Future[Peer] = asyncio.get_running_loop().create_future()

    async def script(peer: Peer) -> None:
        join = await peer.read()
        while not peer.leaves:
            await peer.read()
        await peer.accept(join)
        await peer.send(join["topic"], "phx_close", {}, join["ref"])
        late.set_result(peer)
        again = await peer.read()
        await peer.accept(again)
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        wire = await opened(server, replace(QUICK, join=1, stream=2))
        first, second = Ends(wire), Ends(wire)
        with pytest.raises(UnreachableError):
            await first.channel.open()
        await first.channel.close()
        await late
        wire.timings = QUICK  # this one is to be in time
        await second.channel.open()
        assert not second.channel.broken.done()
        topics = [join["topic"] for join in server.peers[0].joins]
        assert len(set(topics)) == 2
        await second.channel.close()
        await wire.close()


async def test_a_refused_join_says_why(path: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.reply(await peer.read(), {"reason": "Token has expired 5 seconds ago"}, "error")
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        ends = Ends(wire)
        with pytest.raises(KeyRefusedError):
            await ends.channel.open()
        await ends.channel.close()
        await wire.close()


@pytest.mark.parametrize(
    "frame",
    [
        "no json",
        "[]",
        '{"topic": "realtime:x"}',
        '{"topic": "phoenix", "event": "phx_reply", "payload": "words", "ref": "1"}',
        '{"topic": "TOPIC", "event": "postgres_changes", "payload": {"data": {"type": "TRUNCATE"}}, "ref": null}',
        '{"topic": "TOPIC", "event": "system", "payload": {"message": "Server requested disconnect", "status": "ok"}}',
    ],
)
async def test_no_frame_stops_the_stream(frame: str, caplog: pytest.LogCaptureFixture) -> None:
    async def script(peer: Peer) -> None:
        join = await peer.read()
        await peer.accept(join)
        await peer.socket.send(frame.replace("TOPIC", join["topic"]))
        await peer.change(join["topic"], {"id": 1})
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        ends = Ends(wire)
        await ends.channel.open()
        await until(lambda: ends.changes)
        await ends.channel.close()
        await wire.close()


async def test_a_listener_that_raises_stops_nothing(path: str, caplog: pytest.LogCaptureFixture) -> None:
    async def script(peer: Peer) -> None:
        join = await peer.read()
        await peer.accept(join)
        for number in (1, 2):
            await peer.change(join["topic"], {"id": number}, commit_timestamp="2026-11-22T10:00:00.000Z")
        await peer.until_gone()

    seen = []

    def take(change: Change) -> None:
        seen.append(change)
        raise ZeroDivisionError

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        channel = TableChannel(
            wire,
            "todos",
            bindings_for("public", "todos", None),
            take=take,
            gap=lambda: None,
            translate=lambda text: stream_error(text, "todos"),
        )
        await channel.open()
        await until(lambda: len(seen) == 2)
        assert not wire.lost.done()
        await channel.close()
        await wire.close()
    assert "ZeroDivisionError" in caplog.text


async def test_a_dead_peer_is_found_and_closing_does_not_wait_for_it() -> None:
    async def script(peer: Peer) -> None:
        await peer.read(beats=False)

    async with ScriptedServer(script) as server:
        wire = await opened(server, replace(QUICK, heartbeat_reply=0.4))
        error = await asyncio.wait_for(wire.lost, 20)
        assert isinstance(error, UnreachableError)
        assert "sign of life" in str(error)
        async with asyncio.timeout(10):
            await wire.close()


async def test_a_stream_without_heartbeat_answers_is_alive() -> None:
    stop = asyncio.Event()

    async def script(peer: Peer) -> None:
        join = await peer.read()
        await peer.accept(join)
        while not stop.is_set():
            await peer.change(join["topic"], {"id": 1})
            await asyncio.sleep(0.02)
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        # Above the time for which a busy machine may hold up both sides.
        wire = await opened(server, replace(QUICK, heartbeat_reply=2.2))
        ends = Ends(wire)
        await ends.channel.open()
        await until(lambda: len(ends.changes) > 150)  # they take longer than an answer may
        assert not wire.lost.done()
        stop.set()
        await ends.channel.close()
        await wire.close()


async def test_heartbeats_measure_the_latency() -> None:
    beats = []
    async with ScriptedServer(accept_all) as server:
        wire = await opened(server)
        wire.on_beat = lambda: beats.append(wire.latency)
        await until(lambda: len(beats) > 1)
        assert all(latency is not None and latency > 0 for latency in beats)
        await wire.close()


async def test_a_machine_that_slept_drops_the_connection() -> None:
    ahead = 0.0
    timings = replace(QUICK, heartbeat=0.05, wall=lambda: time.time() + ahead)
    async with ScriptedServer(accept_all) as server:
        wire = await opened(server, timings)
        await until(lambda: wire.latency is not None)
        ahead = 600.0
        assert "slept" in str(await asyncio.wait_for(wire.lost, 20))
        await wire.close()


@pytest.mark.filterwarnings("ignore:ConnectionClosed:DeprecationWarning")  # the package's own, stock path
@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012])
async def test_every_close_by_the_server_is_a_loss(path: str, code: int) -> None:
    async def script(peer: Peer) -> None:
        await peer.socket.close(code)

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        assert isinstance(await asyncio.wait_for(wire.lost, 20), UnreachableError)
        await wire.close()


async def test_a_frame_of_three_megabytes_comes_through() -> None:
    async def script(peer: Peer) -> None:
        join = await peer.read()
        await peer.accept(join)
        await peer.change(join["topic"], {"id": 1, "body": "x" * 3_000_000})
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        ends = Ends(wire)
        await ends.channel.open()
        await until(lambda: ends.changes)
        await ends.channel.close()
        await wire.close()


async def test_a_flood_does_not_starve_the_loop() -> None:
    async def script(peer: Peer) -> None:
        join = await peer.read()
        await peer.accept(join)
        for number in range(10_000):
            await peer.change(join["topic"], {"id": number})
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        ends = Ends(wire)
        await ends.channel.open()
        # What this thread works in one turn; how long it has to wait for its turn is the machine's affair.
        longest, last = 0.0, time.thread_time()
        while len(ends.changes) < 10_000:
            await asyncio.sleep(0)
            longest, last = max(longest, time.thread_time() - last), time.thread_time()
        assert longest < 0.5
        await ends.channel.close()
        await wire.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, KeyRefusedError),
        (403, KeyRefusedError),
        (404, UnreachableError),
        (502, UnreachableError),
        (429, UnreachableError),
    ],
)
async def test_a_refused_upgrade_is_told_apart(status: int, kind: type[LiveWidgetsError], path: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        wire = Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", KEY, None, QUICK)
        with pytest.raises(kind) as caught:
            await wire.open()
        assert KEY not in repr(caught.value)
        await wire.close()


async def test_nobody_there_is_unreachable(path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wire = Wire("http://127.0.0.1:9", KEY, None, QUICK)
    with pytest.raises(UnreachableError) as caught:
        await wire.open()
    await wire.close()
    assert KEY not in caplog.text + repr(caught.value.__cause__)


async def test_no_log_line_holds_the_key_or_a_row(path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def script(peer: Peer) -> None:
        join = await peer.read()
        await peer.accept(join)
        await peer.change(
            join["topic"], {"id": 1, "phone": "+15551234567"}, commit_timestamp="2026-11-22T10:00:00Z"
        )
        await peer.socket.send(json.dumps({"odd": "+15551234567"}))
        await peer.until_gone()

    async with ScriptedServer(script) as server:
        wire = await opened(server)
        ends = Ends(wire)
        await ends.channel.open()
        await until(lambda: ends.changes)
        await ends.channel.close()
        await wire.close()
    ours = "\n".join(
        record.getMessage()
        for record in caplog.records
        # The other side is not ours; and frames of the stock path are logged where websockets is set to DEBUG.
        if record.name != "websockets.server" and "TEXT" not in record.getMessage()
    )
    assert KEY not in ours
    assert "5551234567" not in ours
