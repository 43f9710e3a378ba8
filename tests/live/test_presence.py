"""Who is here: known through reconnects, without flicker, and never told more often than the server allows."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from livewidgets.core.presence import PresenceChange
from livewidgets.errors import ClosedError, CommandError, RoomError
from livewidgets.live.client import Live
from livewidgets.live.presence import Presence
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import IMPATIENT, QUICK, BackFrom, eventually

OpenLive = Callable[..., Live]


def names(users: Presence) -> list[str]:
    return sorted(user.meta.get("name", "") for user in users.who())


def is_known(newcomer: Live, topic: str, wanted: list[str]) -> bool:
    """Whether one that comes now is told of these by the server; who was there before may be showing a memory."""
    with newcomer.presence(topic).ready() as users:
        return names(users) == wanted


def test_who_is_here(live: Live, open_live: OpenLive, proxy: FaultProxy) -> None:
    mine = live.presence("dashboard", me={"name": "Ana"})
    others = open_live().presence("dashboard", me={"name": "Bob"})
    eventually(lambda: names(mine) == names(others) == ["Ana", "Bob"])
    assert [user.meta["name"] for user in mine.who() if user.is_me] == ["Ana"]
    (me,) = [user for user in mine.who() if user.is_me]
    assert me.meta == {"name": "Ana"}
    assert abs(me.since - time.time()) < 30
    assert [user.since for user in others.who()] == [user.since for user in mine.who()]
    proxy.stall()
    watcher = open_live(url=proxy.url).presence("dashboard")
    assert not watcher.synced
    proxy.restore()
    eventually(lambda: names(watcher) == ["Ana", "Bob"])
    eventually(lambda: watcher.synced)
    assert len(mine) == 2


def test_an_update_and_a_leave_are_told(live: Live, open_live: OpenLive) -> None:
    changes: list[PresenceChange] = []
    users = open_live(timings=replace(QUICK, grace=0.2)).presence("told")
    users.on_change(changes.append)
    users.ready()
    mine = live.presence("told", me={"name": "Ana", "page": "calls"})
    eventually(lambda: changes)
    mine.update({"name": "Ana", "page": "bids"})
    eventually(lambda: any(change.updated for change in changes))
    mine.update(None)
    eventually(lambda: any(change.left for change in changes))
    assert [len(change.joined) for change in changes] == [1, 0, 0]
    assert changes[1].updated[0].meta == {"name": "Ana", "page": "bids"}
    assert users.who() == []


def test_handles_share_the_room_and_the_newest_word_counts(live: Live, open_live: OpenLive) -> None:
    room = live.channel("both").ready()
    first = live.presence("both", me={"name": "Ana"})
    second = live.presence("both", me={"name": "Ana M."})
    users = open_live(timings=replace(QUICK, grace=0.1)).presence("both")
    eventually(lambda: names(users) == ["Ana M."])
    second.close()
    eventually(lambda: names(users) == ["Ana"])
    room.broadcast("ping", {}).result(5)
    first.close()
    eventually(lambda: users.who() == [])
    assert room.joined
    with pytest.raises(RoomError):
        live.presence("both", key="another")


@pytest.mark.parametrize("fault", ["cut", "stall", "reset", "close"])
def test_a_fault_is_no_leave(
    open_live: OpenLive, proxy: FaultProxy, live: Live, fault: str, back_from: BackFrom
) -> None:
    name = f"dashboard {fault}"
    timings = IMPATIENT if fault == "stall" else QUICK
    far = open_live(url=proxy.url, timings=replace(timings, grace=8.0))
    watcher = open_live(timings=replace(QUICK, grace=8.0))
    mine = far.presence(name, me={"name": "Ana"})
    others = watcher.presence(name, me={"name": "Bob"})
    eventually(lambda: names(mine) == names(others) == ["Ana", "Bob"])
    changes: list[PresenceChange] = []
    mine._tap(changes.append)
    others._tap(changes.append)
    was, newcomer = mine._link.joiner.channel, open_live()
    {
        "cut": proxy.cut,
        "stall": proxy.stall,
        "reset": proxy.reset_connections,
        "close": lambda: proxy.reset_connections(1012),
    }[fault]()
    eventually(lambda: mine._link.joiner.channel is not was, limit=30)
    assert names(mine) == ["Ana", "Bob"]
    joining = live.presence(name, me={"name": "Cy"})
    with back_from(f"presence: known and told again after a {fault}"):
        proxy.restore()
        far.retry_now()
        eventually(lambda: names(mine) == ["Ana", "Bob", "Cy"])
        eventually(lambda: is_known(newcomer, name, ["Ana", "Bob", "Cy"]))
    assert names(others) == ["Ana", "Bob", "Cy"]
    assert not any(change.left for change in changes)
    assert {entry.meta["name"] for change in changes for entry in change.joined} == {"Cy"}
    joining.close()


def test_the_database_restarts(live: Live, sandbox_db: psycopg.Connection[Any]) -> None:
    users = live.presence("restart", me={"name": "Ana"})
    eventually(lambda: names(users) == ["Ana"])
    sandbox_db.execute("select pg_terminate_backend(pid) from pg_stat_replication")
    live.table("campaigns").ready()
    assert names(users) == ["Ana"]


def test_many_updates_become_few(open_live: OpenLive) -> None:
    # The sandbox closes the channel of one that says more than five in 30 s.
    live = open_live(timings=replace(QUICK, presence_window=30.5))
    users = live.presence("busy", me={"n": 0})
    eventually(lambda: users.who())
    channel = users._link.joiner.channel
    pushed: list[Any] = []
    original = channel.push  # type: ignore[union-attr]

    async def push(event: str, payload: dict[str, Any]) -> str | None:
        pushed.append(payload)
        return await original(event, payload)

    channel.push = push  # type: ignore[union-attr, method-assign]
    numbers = itertools.count(1)

    def budget_is_spent() -> bool:
        # As long as it takes: a thread that is held up meanwhile makes one of them all.
        for _ in range(100):
            users.update({"n": next(numbers)})
        return len(pushed) >= 4

    eventually(budget_is_spent)
    last = next(numbers)
    users.update({"n": last})
    presence = users._link.presence
    assert presence is not None
    eventually(lambda: (presence._wanted() or {}).get("n") == last)
    assert presence._budget.wait(time.monotonic()) > 0  # the newest waits for its turn
    assert len(pushed) == 4
    assert users._link.joiner.channel is channel


def test_a_callback_that_raises_or_blocks(
    live: Live, open_live: OpenLive, caplog: pytest.LogCaptureFixture
) -> None:
    users = open_live(timings=replace(QUICK, grace=0.05)).presence("slow")
    go_on = threading.Event()
    seen: list[PresenceChange] = []

    def block(change: PresenceChange) -> None:
        seen.append(change)
        go_on.wait(20)

    def fail(_: PresenceChange) -> None:
        raise ZeroDivisionError

    users.on_change(block)
    users.on_change(fail)
    users._tap(fail)
    users.ready()
    mine = live.presence("slow", me={"name": "Ana"})
    eventually(lambda: names(users) == ["Ana"])
    assert mine.joined
    go_on.set()
    eventually(lambda: "A callback of slow.on_change raised" in caplog.text)
    assert "A listener of the presence in 'slow' failed" in caplog.text


def test_what_cannot_be_told(live: Live) -> None:
    for me in ([], {"x": object()}, {"x": float("nan")}, {"x": "x" * 20_000}):
        with pytest.raises(CommandError):
            live.presence("odd", me=me)  # type: ignore[arg-type]
    with pytest.raises(RoomError):
        live.presence("")
    assert len(live._rooms) == 0


def test_a_closed_connection(open_live: OpenLive) -> None:
    with open_live() as live:
        users = live.presence("closed", me={"name": "Ana"})
        eventually(lambda: users.who())
    for call in (lambda: users.update({}), lambda: users.on_change(print), lambda: live.presence("closed")):
        with pytest.raises(ClosedError):
            call()
    users.close()
