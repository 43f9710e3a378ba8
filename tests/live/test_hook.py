"""The raw hook: every change once, gaps told, nothing left when it is dropped."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from livewidgets.core.change import Change, ChangeKind
from livewidgets.core.gap import Gap, GapReason
from livewidgets.errors import ClosedError, FilterError, NotPublishedError
from livewidgets.live import hook as hook_module
from livewidgets.live.client import Live
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import IMPATIENT, Table, eventually

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]


@pytest.fixture
def proxy(sandbox: Any) -> Iterator[FaultProxy]:
    with FaultProxy.running(sandbox.url) as running:
        yield running


def ids(items: list[Any]) -> list[Any]:
    return [item.record.get("id") for item in items if isinstance(item, Change)]


def test_a_callback_hears_each_change(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    seen: list[Change] = []
    with live.on("all", "*", seen.append, table=data.name).ready() as sub:
        assert sub.joined
        data.run("insert into {} values (1, 'a')")
        data.run("update {} set title = 'b'")
        data.run("delete from {}")
        eventually(lambda: len(seen) == 3)
    assert [change.kind for change in seen] == ["INSERT", "UPDATE", "DELETE"]
    assert seen[0].record["title"] == "a"
    assert seen[2].old_record == {"id": 1}
    assert sub.closed


@pytest.mark.parametrize("event", ["INSERT", "UPDATE", "DELETE"])
def test_one_kind_of_change(live: Live, make_table: MakeTable, event: str) -> None:
    data = make_table()
    seen: list[Change] = []
    with live.on("one", event, seen.append, table=data.name).ready():
        for number in (1, 2):
            data.run("insert into {} values (%s, 'a')", number)
            data.run("update {} set title = 'b' where id = %s", number)
            data.run("delete from {} where id = %s", number)
        eventually(lambda: len(seen) == 2)
    assert {change.kind for change in seen} == {ChangeKind(event)}


def test_a_filter(live: Live, make_table: MakeTable) -> None:
    data = make_table("id bigint primary key, title text, campaign_id int")
    seen: list[Change] = []
    where = {"campaign_id": 7, "title": ("like", "a*")}
    with live.on("campaign", "*", seen.append, table=data.name, where=where).ready():
        data.run("insert into {} values (1, 'a', 7), (2, 'a', 8), (3, 'b', 7)")
        data.run("delete from {} where id = 2")
        data.run("insert into {} values (4, 'abc', 7)")
        eventually(lambda: len(seen) == 3)
    # The delete carries no campaign: it is passed on.
    assert [(change.kind, (change.record or change.old_record)["id"]) for change in seen] == [
        ("INSERT", 1),
        ("DELETE", 2),
        ("INSERT", 4),
    ]


async def test_iterating(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    got: list[Any] = []
    async with live.on("iterated", table=data.name) as sub:
        await asyncio.to_thread(sub.ready)
        await asyncio.to_thread(data.run, "insert into {} select g, 'a' from generate_series(1, 500) g")
        async with asyncio.timeout(10):
            async for change in sub:
                got.append(change)
                if len(got) == 500:
                    break
    assert ids(got) == list(range(1, 501))
    assert [item async for item in sub] == []


def test_an_outage_is_told_as_a_gap(open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable) -> None:
    live = open_live(url=proxy.url, timings=IMPATIENT)
    data = make_table()
    seen: list[Change] = []
    gaps: list[Gap] = []
    sub = live.on("cut", "*", seen.append, table=data.name).ready()
    sub.on_gap(gaps.append)
    for fault in (proxy.cut, proxy.stall, proxy.reset_connections):
        told, topics = len(gaps), sub._source.joiner.channel
        fault()
        eventually(lambda was=topics: sub._source.joiner.channel is not was, limit=30)
        proxy.restore()
        live.retry_now()
        eventually(lambda was=told: len(gaps) > was)
        number = len(seen) + 1
        data.run("insert into {} values (%s, 'a')", number)
        eventually(lambda n=number: ids(seen)[-1:] == [n])
    assert {gap.reason for gap in gaps} == {GapReason.RECONNECTED}
    assert all(gap.since for gap in gaps)
    assert (gaps[0].kind, gaps[0].record, gaps[0].old_record) == ("GAP", {}, {})
    sub.close()


async def test_a_gap_has_its_place_in_the_iteration(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    sub = live.on("placed", table=data.name)
    await asyncio.to_thread(sub.ready)
    await asyncio.to_thread(data.run, "insert into {} values (1, 'a')")
    async with asyncio.timeout(10):
        first = await anext(sub)
        live._upstream.thread.call(live._upstream._wire.tell_loss, "was lost")  # type: ignore[union-attr]
        second = await anext(sub)
        await asyncio.to_thread(data.run, "insert into {} values (2, 'a')")
        third = await anext(sub)
    assert isinstance(second, Gap)
    assert ids([first, third]) == [1, 2]
    sub.close()


def test_a_database_that_restarts_its_stream(
    live: Live, make_table: MakeTable, sandbox_db: psycopg.Connection[Any]
) -> None:
    data = make_table()
    gaps: list[Gap] = []
    seen: list[Change] = []
    with live.on("restart", "*", seen.append, table=data.name).ready() as sub:
        sub.on_gap(gaps.append)
        sandbox_db.execute("select pg_terminate_backend(pid) from pg_stat_replication")
        eventually(lambda: gaps)
        data.run("insert into {} values (1, 'a')")
        eventually(lambda: ids(seen) == [1])
    assert gaps[0].reason in (GapReason.RESTARTED, GapReason.RECONNECTED)


def test_a_callback_that_raises_or_blocks(
    live: Live, make_table: MakeTable, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook_module, "MOST_WAITING", 10)
    data, other = make_table(), make_table()
    go_on = threading.Event()
    slow: list[Change] = []
    gaps: list[Gap] = []

    def block(change: Change) -> None:
        slow.append(change)
        go_on.wait(20)

    raised: list[int] = []

    def fail(change: Change) -> None:
        raised.append(change.record["id"])
        raise ZeroDivisionError

    with (
        live.on("slow", "*", block, table=data.name).ready() as sub,
        live.on("failing", "*", fail, table=other.name).ready(),
        live.table(data.name).ready() as table,
    ):
        sub.on_gap(gaps.append)
        data.run("insert into {} select g, 'a' from generate_series(1, 100) g")
        # Neither the I/O thread nor a table waits for it.
        eventually(lambda: len(table) == 100)
        other.run("insert into {} values (1, 'a')")
        other.run("insert into {} values (2, 'a')")
        go_on.set()
        eventually(lambda: raised == [1, 2])
        eventually(lambda: gaps)
        eventually(lambda: len(slow) + sum(gap.missed or 0 for gap in gaps) == 100)
        assert ids(slow) == list(range(1, len(slow) + 1))
    assert caplog.text.count("not reported again") == 1
    assert "left out" in caplog.text


def test_what_cannot_be_followed_is_named(live: Live, make_table: MakeTable) -> None:
    data = make_table(publish=False)
    with live.on("hidden", table=data.name) as sub:
        with pytest.raises(NotPublishedError):
            sub.ready()
        assert isinstance(sub.error, NotPublishedError)
        data.run("alter publication supabase_realtime add table {}")
        live.retry_now()
        eventually(lambda: sub.joined)
        assert sub.error is None


def test_bad_arguments(live: Live) -> None:
    for call in (
        lambda: live.on("", "*", table="calls"),
        lambda: live.on("t", "UPSERT", table="calls"),
        lambda: live.on("t", "*", 7, table="calls"),  # type: ignore[arg-type]
        lambda: live.on("t", "*", where={"id": 1}),
        lambda: live.on("t", "*", table="calls", where={"id": ("like-ish", 1)}),
    ):
        with pytest.raises(FilterError):
            call()


def test_a_hook_that_is_dropped_is_cleaned_up(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    sub = live.on("dropped", "*", print, table=data.name).ready()
    assert len(live._upstream.joiners) == 1
    gc.collect()  # what others have left is not told of in here
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del sub  # no collection is needed
    assert [warning.category for warning in caught] == [ResourceWarning]
    caught.clear()  # a warning keeps what it is about
    eventually(lambda: not live._upstream.joiners)
    eventually(lambda: not live._upstream._wire._listeners)  # type: ignore[union-attr]
    assert live._upstream._machine.behind == frozenset()


def test_a_closed_connection_closes_its_hooks(open_live: OpenLive, make_table: MakeTable) -> None:
    data = make_table()
    with open_live() as live:
        sub = live.on("closed", "*", print, table=data.name).ready()
    assert sub.closed
    assert not live._upstream.joiners
    for call in (sub.ready, lambda: sub.on_gap(print), lambda: live.on("t", "*", print, table=data.name)):
        with pytest.raises(ClosedError):
            call()
    gc.collect()
