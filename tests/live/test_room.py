"""Channels to broadcast on: acknowledged or said why not, shared, kept through everything that a network does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from livewidgets.core.connection import ConnectionState
from livewidgets.core.gap import Gap
from livewidgets.errors import ClosedError, CommandError, NotAcknowledgedError, NotConnectedError, RoomError
from livewidgets.live import room as room_module
from livewidgets.live.client import Live
from livewidgets.live.room import Room
from livewidgets.live.room_link import Broadcast
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import IMPATIENT, QUICK, BackFrom, eventually

OpenLive = Callable[..., Live]


def reaches(sender: Room, seen: list[Broadcast], number: int) -> bool:
    """Whether a broadcast arrives, sent as often as it takes."""
    sender.broadcast("ping", {"n": number}).result(15)
    return any(message == {"n": number} for message in seen)


def test_a_broadcast_reaches_the_others(live: Live, open_live: OpenLive) -> None:
    other = open_live()
    seen: list[Broadcast] = []
    everything: list[Broadcast] = []
    room = other.channel("ops")
    room.on_broadcast("ping", seen.append)
    room.on_broadcast("*", everything.append)
    room.ready()
    mine = live.channel("ops")
    sent = mine.broadcast("ping", {"n": 1, "text": "ü"})
    sent.result(5)
    assert sent.acknowledged
    for number in range(50):
        mine.broadcast("other", {"n": number})
    eventually(lambda: len(everything) == 51)
    assert seen == [{"n": 1, "text": "ü"}]
    assert [message["n"] for message in everything[1:]] == list(range(50))
    assert {message.event for message in everything} == {"ping", "other"}


async def test_a_broadcast_can_be_awaited(live: Live) -> None:
    with live.channel("awaited") as room:
        sent = room.broadcast("ping", {"n": 1})
        async with asyncio.timeout(10):
            await sent
        assert sent.acknowledged


def test_equal_names_share_a_channel(live: Live) -> None:
    first, second = live.channel("shared").ready(), live.channel("shared")
    assert first._link is second._link
    assert second.joined
    first.close()
    first.close()
    assert second.joined
    second.broadcast("ping", {}).result(5)
    second.close()
    eventually(lambda: not live._upstream.joiners)
    eventually(lambda: not live._upstream._wire._client.channels)  # type: ignore[union-attr]
    assert len(live._rooms) == 0
    with pytest.raises(ClosedError):
        second.broadcast("ping", {})
    with live.channel("shared"), pytest.raises(RoomError):
        live.channel("shared", private=True)


@pytest.mark.parametrize("fault", ["cut", "stall", "reset", "close"])
def test_a_room_stays_through_faults(
    open_live: OpenLive, live: Live, proxy: FaultProxy, fault: str, back_from: BackFrom
) -> None:
    far = open_live(url=proxy.url, timings=IMPATIENT if fault == "stall" else QUICK)
    name = f"through {fault}"
    seen: list[Broadcast] = []
    back: list[Broadcast] = []
    gaps: list[Gap] = []
    room, other = far.channel(name).ready(), live.channel(name).ready()
    room.on_broadcast("ping", seen.append)
    room.on_gap(gaps.append)
    other.on_broadcast("ping", back.append)
    eventually(lambda: reaches(other, seen, 0))
    {
        "cut": proxy.cut,
        "stall": proxy.stall,
        "reset": proxy.reset_connections,
        "close": lambda: proxy.reset_connections(1012),
    }[fault]()
    eventually(lambda: not room.joined or gaps, limit=30)
    with back_from(f"a room: both ways again after a {fault}"):
        proxy.restore()
        far.retry_now()
        eventually(lambda: gaps)
        eventually(lambda: reaches(other, seen, 1))
        eventually(lambda: reaches(room, back, 2))


def test_the_database_restarts(live: Live, open_live: OpenLive, sandbox_db: psycopg.Connection[Any]) -> None:
    seen: list[Broadcast] = []
    room, other = live.channel("restart").ready(), open_live().channel("restart").ready()
    room.on_broadcast("ping", seen.append)
    sandbox_db.execute("select pg_terminate_backend(pid) from pg_stat_replication")
    eventually(lambda: reaches(other, seen, 1))


def test_without_a_connection_it_says_so_at_once(open_live: OpenLive, proxy: FaultProxy) -> None:
    # So patient that what it says within 5 s it does not say for want of an answer.
    far = open_live(url=proxy.url, timings=replace(QUICK, ack=60.0))
    room = far.channel("away").ready()
    proxy.cut()
    eventually(lambda: far.status.state is ConnectionState.RECONNECTING)
    with pytest.raises(NotConnectedError, match="may not have arrived"):
        room.broadcast("ping", {}).result(5)


@pytest.fixture
def hasty(open_live: OpenLive, proxy: FaultProxy) -> Live:
    """A connection over a network of ours, impatient for answers."""
    return open_live(url=proxy.url, timings=replace(QUICK, ack=2.0))


def test_one_on_its_way_when_the_peer_falls_silent_does_not_hang(hasty: Live, proxy: FaultProxy) -> None:
    room = hasty.channel("silent").ready()
    proxy.stall()
    with pytest.raises((NotConnectedError, NotAcknowledgedError)):
        room.broadcast("ping", {}).result(15)


def test_an_answer_that_is_lost(hasty: Live, proxy: FaultProxy) -> None:
    room = hasty.channel("unanswered").ready()
    proxy.drop('"topic":"realtime:unanswered"', 1)
    sents = [room.broadcast("ping", {"n": n}) for n in range(3)]
    failures = [sent.exception(15) for sent in sents]
    assert all(
        error is None or isinstance(error, NotAcknowledgedError | NotConnectedError) for error in failures
    )
    assert any(failures)


def test_a_callback_that_raises_or_blocks(
    live: Live, open_live: OpenLive, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_module, "MOST_WAITING", 10)
    room, other = live.channel("slow").ready(), open_live().channel("slow").ready()
    go_on = threading.Event()
    slow: list[Broadcast] = []
    gaps: list[Gap] = []

    def block(message: Broadcast) -> None:
        slow.append(message)
        go_on.wait(20)

    def fail(_: Broadcast) -> None:
        raise ZeroDivisionError

    room.on_broadcast("ping", block)
    room.on_broadcast("ping", fail)
    room.on_gap(gaps.append)
    for number in range(50):
        other.broadcast("ping", {"n": number})
    other.broadcast("ping", {"n": 50}).result(5)
    live.table("campaigns").ready()  # the I/O thread is free
    go_on.set()
    eventually(lambda: gaps and len(slow) + sum(gap.missed or 0 for gap in gaps if gap.missed) >= 51)
    eventually(lambda: "not reported again" in caplog.text)
    assert "left out" in caplog.text


def test_what_cannot_be_sent(live: Live) -> None:
    room = live.channel("odd")
    for call in (
        lambda: room.broadcast("", {}),
        lambda: room.broadcast("*", {}),
        lambda: room.broadcast("ping", [1]),  # type: ignore[arg-type]
        lambda: room.broadcast("ping", {"x": object()}),
        lambda: room.broadcast("ping", {"x": float("nan")}),
        lambda: room.on_broadcast("", print),
    ):
        with pytest.raises(CommandError):
            call()
    with pytest.raises(RoomError):
        live.channel("")
    with pytest.raises(RoomError, match="refused"):
        room.broadcast("ping", {"x": "x" * 3_100_000}).result(10)


def test_a_private_channel_without_a_policy_is_refused(open_live: OpenLive) -> None:
    room = open_live().channel("private of a test", private=True)
    with pytest.raises(RoomError):
        room.ready(8)
    assert isinstance(room.error, RoomError)


def test_a_closed_connection_closes_its_rooms(open_live: OpenLive) -> None:
    with open_live() as live:
        room = live.channel("closed").ready()
        subscription = room.on_broadcast("ping", print)
    assert subscription.closed
    assert not room.joined
    for call in (lambda: room.broadcast("ping", {}), room.ready, lambda: live.channel("closed")):
        with pytest.raises(ClosedError):
            call()
