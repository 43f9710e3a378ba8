"""Whatever happens to the connection: the status says so in time, and in the end the rows are right."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from livewidgets.core.change import Patch
from livewidgets.core.connection import ConnectionState, ConnectionStatus
from livewidgets.live.client import Live
from livewidgets.live.rest import Answer, Rest
from livewidgets.live.table import TableState
from livewidgets.live.timings import Timings
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import IMPATIENT, BackFrom, Table, comes_back, end_right, eventually

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]


@pytest.fixture
def impatient(open_live: OpenLive, proxy: FaultProxy) -> Live:
    """A connection over a network of ours that soon takes silence for a loss."""
    return open_live(url=proxy.url, timings=IMPATIENT)


def test_an_outage_with_changes_meanwhile(
    far: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    data.run("insert into {} select g, 'a' from generate_series(1, 100) g")
    table, other = far.table(data.name).ready(), far.table(data.name, where={"id": ("gt", 50)}).ready()
    patches: list[Patch] = []
    states: list[str] = []
    table._tap(patches.append, lambda status: states.append(status.state))
    proxy.cut()
    eventually(lambda: table.status.state is TableState.STALE)
    assert far.status.state is ConnectionState.RECONNECTING
    assert table.status.error is not None
    assert len(table) == 100
    data.run("insert into {} values (101, 'new'), (102, 'new')")
    data.run("update {} set title = 'b' where id in (60, 61)")
    data.run("delete from {} where id = 70")
    time_before = table.age
    eventually(lambda: (table.age or 0) > (time_before or 0))
    with back_from("an outage: with changes meanwhile"):
        proxy.restore()
        end_right(table, data)
    eventually(lambda: len(other) == 51)
    eventually(lambda: far.status.state is ConnectionState.LIVE)
    assert far.status.error is None
    (patch,) = patches
    assert patch.reset
    assert set(patch.upserted) == {(60,), (61,), (101,), (102,)}
    assert set(patch.removed) == {(70,)}
    assert states[0] == "live"
    assert states[-1] == "live"
    assert "stale" in states


def test_an_outage_longer_than_the_package_endures(
    far: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    proxy.cut()

    def tried_often() -> bool:
        far.retry_now()  # the waits between are not what is tested
        return far.status.attempt > 7

    eventually(tried_often)
    data.run("insert into {} values (1, 'a')")
    with back_from("an outage: longer than the package endures"):
        proxy.restore()
        far.retry_now()
        comes_back(table, data)


@pytest.mark.parametrize("code", [None, 1000, 1001, 1011, 1012])
def test_connections_that_end(
    far: Live, proxy: FaultProxy, make_table: MakeTable, code: int | None, back_from: BackFrom
) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    with back_from(f"a connection that ends: {f'close {code}' if code else 'reset'}"):
        proxy.reset_connections(code)
        data.run("insert into {} values (1, 'a')")
        comes_back(table, data)


def test_a_peer_that_falls_silent(
    impatient: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    table = impatient.table(data.name).ready()
    proxy.stall()
    data.run("insert into {} values (1, 'a')")
    eventually(lambda: table.status.state is TableState.STALE, limit=30)
    with back_from("a peer that falls silent"):
        proxy.restore()
        impatient.retry_now()
        comes_back(table, data)


def test_closing_does_not_wait_for_a_silent_peer(
    open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    far = open_live(url=proxy.url)
    far.table(data.name).ready()
    proxy.stall()
    with back_from("a peer that falls silent: closed meanwhile, and connected anew"):
        far.close()
        proxy.restore()
        comes_back(open_live(url=proxy.url).table(data.name).ready(), data)


@pytest.mark.parametrize("lost", ["the answers", "the heartbeats"])
def test_heartbeats_that_are_lost(
    impatient: Live, proxy: FaultProxy, make_table: MakeTable, lost: str, back_from: BackFrom
) -> None:
    data = make_table()
    table = impatient.table(data.name).ready()
    seen: list[ConnectionStatus] = []
    impatient._watch_status(seen.append)
    if lost == "the answers":
        proxy.drop('"topic":"phoenix"')
    else:
        proxy.swallow_heartbeats()
    eventually(lambda: any(status.state is ConnectionState.RECONNECTING for status in seen), limit=30)
    with back_from(f"heartbeats without an answer: {lost} are lost"):
        proxy.restore()
        data.run("insert into {} values (1, 'a')")
        comes_back(table, data)


def test_changes_that_come_twice(
    far: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    proxy.duplicate('"event":"postgres_changes"', 6)
    with back_from("changes that come twice"):
        data.run("insert into {} values (1, 'a'), (2, 'b'), (3, 'c')")
        data.run("update {} set title = 'B' where id = 2")
        data.run("delete from {} where id = 1")
        comes_back(table, data)


def test_a_cut_while_the_first_snapshot_is_read(
    far: Live,
    proxy: FaultProxy,
    make_table: MakeTable,
    back_from: BackFrom,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = make_table()
    data.run("insert into {} select g, 'a' from generate_series(1, 4000) g")
    pages = itertools.count(1)
    is_half_read, is_cut = threading.Event(), threading.Event()
    original = Rest.select

    async def select(self: Rest, *args: Any, **options: Any) -> Answer:
        if next(pages) == 2:
            is_half_read.set()
            await asyncio.to_thread(is_cut.wait, 60)
        return await original(self, *args, **options)

    monkeypatch.setattr(Rest, "select", select)
    table = far.table(data.name)
    eventually(is_half_read.is_set)
    assert table._follower.replica.snapshotting
    proxy.cut()
    is_cut.set()
    eventually(lambda: far.status.state is ConnectionState.RECONNECTING)
    data.run("update {} set title = 'b' where id = 1")
    with back_from("an outage: while the first snapshot is read"):
        proxy.restore()
        comes_back(table.ready(), data)


def test_the_stream_of_the_database_restarts(
    live: Live, make_table: MakeTable, sandbox_db: psycopg.Connection[Any], back_from: BackFrom
) -> None:
    data = make_table()
    table = live.table(data.name).ready()
    # Realtime loses its replication connection and what happens before the next; it says so by a second "Subscribed".
    with back_from("the stream of the database restarts"):
        sandbox_db.execute("select pg_terminate_backend(pid) from pg_stat_replication")
        data.run("insert into {} values (1, 'a')")
        comes_back(table, data)


def test_a_machine_that_slept_reads_everything_again(
    open_live: OpenLive, make_table: MakeTable, back_from: BackFrom
) -> None:
    ahead = [0.0]
    timings = Timings(heartbeat=0.05, wall=lambda: time.time() + ahead[0])
    live = open_live(timings=timings)
    data = make_table()
    table = live.table(data.name).ready()
    data.run("truncate {}")
    data.run("insert into {} values (1, 'a')")
    end_right(table, data)
    seen: list[ConnectionState] = []
    live._watch_status(lambda status: seen.append(status.state))
    with back_from("a machine that slept"):
        ahead[0] = 3600.0
        eventually(lambda: ConnectionState.RECONNECTING in seen)
        comes_back(table, data)


def test_a_thread_that_was_held_up_blames_nobody(
    impatient: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    table = impatient.table(data.name).ready()
    wire = impatient._upstream._wire
    assert wire is not None
    seen: list[ConnectionState] = []
    impatient._watch_status(lambda status: seen.append(status.state))

    async def hold() -> None:
        while wire._answered.is_set():  # noqa: ASYNC110 - until a heartbeat is on its way
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)  # its answer is being waited for
        # As a cell does that keeps the interpreter to itself for longer than that may take.
        time.sleep(1.2 * IMPATIENT.heartbeat_reply + 0.6)  # noqa: ASYNC251

    # No answer lies there when it goes on: what else runs on this machine was held up as well.
    proxy.stall()
    impatient._upstream.thread.run(hold(), 60)
    with back_from("a thread that was held up"):
        proxy.restore()
        comes_back(table, data)
    told = len(seen)
    eventually(lambda: len(seen) > told + 1)  # two more heartbeats
    assert ConnectionState.RECONNECTING not in seen
    assert impatient._upstream._wire is wire


def test_retry_now_does_not_wait(
    open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    proxy.cut()
    live = open_live(url=proxy.url)
    table = live.table(data.name)
    eventually(lambda: live.status.attempt > 0)
    with back_from("an outage: from the start, retried by hand"):
        proxy.restore()
        live.retry_now()
        comes_back(table.ready(), data)


def test_a_storm(
    impatient: Live, proxy: FaultProxy, make_table: MakeTable, sandbox: Any, back_from: BackFrom
) -> None:
    """Writes go on while everything that can happen to a network happens to it, by a seeded throw of dice."""
    far = impatient
    data = make_table()
    plain = far.table(data.name).ready()
    window = far.table(data.name, order="-id", limit=20).ready()
    dice = random.Random(7)
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(sandbox.dsn, autocommit=True) as db:
            mine = random.Random(8)
            number = 0
            while not stop.wait(0.002):
                number += 1
                db.execute(f"insert into public.{data.name} values (%s, 'new')", (number,))
                some = mine.randint(1, number)
                db.execute(
                    f"update public.{data.name} set title = %s, version = version + 1 where id = %s",
                    (f"u{number}", some),
                )
                if mine.random() < 0.3:
                    db.execute(f"delete from public.{data.name} where id = %s", (mine.randint(1, number),))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(8):
            fault = dice.choice(["cut", "reset", "close", "stall", "duplicate", "delay"])
            if fault == "cut":
                proxy.cut()
                eventually(lambda: far.status.state is not ConnectionState.LIVE)
            elif fault == "reset":
                proxy.reset_connections()
            elif fault == "close":
                proxy.reset_connections(1012)
            elif fault == "stall":
                proxy.stall()
            elif fault == "duplicate":
                proxy.duplicate('"event":"postgres_changes"', 5)
            else:
                proxy.delay(0.02)
            before = plain.version
            proxy.restore()
            far.retry_now()
            eventually(lambda was=before: plain.version > was, f"nothing came after {fault}")
    finally:
        stop.set()
        writer.join()
    with back_from("a storm of faults"):
        end_right(plain, data)
    eventually(
        lambda: (
            [row["id"] for row in window.rows()]
            == [one for (one,) in data.rows("id", "order by id desc limit 20")]
        )
    )


def test_opening_and_closing_leaves_nothing(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    thread = live._upstream.thread

    async def count() -> int:
        return len(asyncio.all_tasks())

    # The first round starts what stays: the one thread for callbacks.
    with live.table(data.name) as table:
        seen: list[Patch] = []
        table.on_change(seen.append)
        eventually(lambda: seen)
    eventually(lambda: len(live._upstream._followers) == 0 and thread.run(count()) < 8)
    tasks, threads = thread.run(count()), threading.active_count()
    for number in range(40):
        with live.table(data.name, where={"id": ("gt", number)}) as table:
            table.on_change(seen.append)
            if number % 10 == 0:
                table.ready()
    eventually(lambda: thread.run(count()) <= tasks and threading.active_count() <= threads)
    wire = live._upstream._wire
    assert wire is not None
    assert len(wire._client.channels) == len(wire._listeners) == 0
    assert not live._upstream.kept
    assert live._upstream._machine.behind == frozenset()
