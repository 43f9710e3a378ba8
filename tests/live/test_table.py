"""A table over the real sandbox: always what a select would return."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from livewidgets.core.change import Patch
from livewidgets.core.filters import Where
from livewidgets.errors import ClosedError, FilterError
from livewidgets.live.client import Live
from livewidgets.live.rest import Rest
from livewidgets.live.snapshot import pages
from livewidgets.live.table import LiveTable, TableState
from livewidgets.live.thread import io_thread
from livewidgets.live.timings import Timings
from tests.live.conftest import QUICK, Table, eventually

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]


def pairs(table: LiveTable, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row[column] for column in columns) for row in table.rows())


def test_insert_update_and_delete_arrive(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    data.run("insert into {} values (1, 'a')")
    table = live.table(data.name).ready()
    assert table.key == ("id",)
    assert table[1]["title"] == "a"
    data.run("insert into {} values (2, 'b')")
    eventually(lambda: 2 in table)
    data.run("update {} set title = 'B', version = 2 where id = 2")
    eventually(lambda: table[2]["title"] == "B")
    data.run("delete from {} where id = 1")
    eventually(lambda: 1 not in table)
    assert len(table) == 1
    assert bool(table)
    with pytest.raises(KeyError):
        table[1]
    assert table.status.state is TableState.LIVE
    assert table.version >= 4


def test_twenty_thousand_changes_end_right(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    table = live.table(data.name).ready()
    thread = live._upstream.thread
    turns: list[float] = []
    stop = threading.Event()

    def tick(before: float) -> None:
        # What the I/O thread works while the flood comes in, before others have their turn. Not by the clock: how long
        # it has to wait for a turn of its own is the machine's affair.
        now = time.thread_time()
        turns.append(now - before)
        if not stop.is_set():
            thread.loop.call_later(0.01, tick, now)

    thread.call(lambda: tick(time.thread_time()))
    try:
        data.run("insert into {} select g, 'x' || g from generate_series(1, 8000) g")
        data.run("update {} set title = title || '!', version = 2 where id % 2 = 0")
        data.run("delete from {} where id % 4 = 0")
        data.run("update {} set done = true, version = version + 1")
        eventually(lambda: len(table) == 6000 and all(row["done"] for row in table.rows()), limit=60)
    finally:
        stop.set()
    assert pairs(table, "id", "title", "version") == data.rows("id, title, version")
    assert max(turns) < 1.0


def test_a_filter_is_judged_in_the_kernel(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    data.run("insert into {} values (1, 'a', false), (2, 'b', true)")
    table = live.table(data.name, where={"done": False}).ready()
    assert pairs(table, "id") == [(1,)]
    data.run("update {} set done = true where id = 1")
    eventually(lambda: len(table) == 0)
    data.run("update {} set done = false where id = 2")
    eventually(lambda: 2 in table)


def test_fixed_columns_are_filtered_by_the_server(live: Live, make_table: MakeTable) -> None:
    data = make_table("id bigint primary key, room int, title text")
    data.run("insert into {} values (1, 7, 'a'), (2, 8, 'b')")
    table = live.table(data.name, where={"room": 7}, fixed=("room",)).ready()
    other = live.table(data.name, where={"room": 8}).ready()
    data.run("insert into {} values (3, 7, 'c'), (4, 8, 'd')")
    data.run("delete from {} where id = 1")
    eventually(lambda: pairs(table, "id") == [(3,)] and pairs(other, "id") == [(2,), (4,)])


def test_a_window_moves_and_is_refilled(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    data.run("insert into {} select g, 'x' from generate_series(1, 50) g")
    table = live.table(data.name, order="-id", limit=10).ready()
    assert [row["id"] for row in table.rows()] == list(range(50, 40, -1))
    assert table.status.partial
    data.run("insert into {} values (51, 'new')")
    eventually(lambda: [row["id"] for row in table.rows()] == list(range(51, 41, -1)))
    data.run("delete from {} where id between 45 and 48")
    wanted = [51, 50, 49, 44, 43, 42, 41, 40, 39, 38]
    eventually(lambda: [row["id"] for row in table.rows()] == wanted)
    data.run("delete from {} where id > 5")
    eventually(lambda: [row["id"] for row in table.rows()] == [5, 4, 3, 2, 1])
    eventually(lambda: not table.status.partial)


def test_snapshots_larger_than_a_page(live: Live, make_table: MakeTable) -> None:
    data = make_table("a int, b text, note text, primary key (a, b)")
    data.run("insert into {} select g / 3, 'k' || g, 'x' from generate_series(1, 3500) g")
    table = live.table(data.name).ready()
    assert table.key == ("a", "b")
    assert pairs(table, "a", "b") == sorted(data.rows("a, b"))
    assert table[(1, "k3")]["note"] == "x"
    assert (1, "k3") in table
    window = live.table(data.name, order=("-a", "b"), limit=2200).ready()
    assert [(row["a"], row["b"]) for row in window.rows()] == data.rows(
        "a, b", 'order by a desc, b collate "C" limit 2200'
    )


def test_a_table_that_grows_faster_than_it_is_read(live: Live, make_table: MakeTable, sandbox: Any) -> None:
    data = make_table()
    data.run("insert into {} select g, 'x' from generate_series(1, 20) g")
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(sandbox.dsn, autocommit=True) as db:
            number = 100
            while not stop.is_set():
                number += 1
                db.execute(f"insert into public.{data.name} values (%s, 'new')", (number,))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        table = live.table(data.name).ready()
    finally:
        stop.set()
        writer.join()
    eventually(lambda: pairs(table, "id") == data.rows("id"))


@pytest.mark.parametrize("most", [1, 7])
async def test_a_server_that_gives_few_rows_at_once(sandbox: Any, sandbox_db: Any, most: int) -> None:
    rest = await Rest.create(sandbox.url, sandbox.service_key, "public", QUICK)
    full = rest.select

    async def select(table: str, params: list[tuple[str, str]], **options: Any) -> Any:
        return await full(
            table, [*(one for one in params if one[0] != "limit"), ("limit", str(most))], **options
        )

    sandbox_db.execute("delete from todos")
    sandbox_db.execute("insert into todos (title) select 'x' from generate_series(1, 21)")
    rest.select = select  # type: ignore[method-assign, assignment]
    got = [row async for page in pages(rest, "todos", ("id",), Where(), None, None) for row in page]
    sandbox_db.execute("delete from todos")
    await rest.close()
    assert len(got) == 21


def test_windows_page_through_nulls(live: Live, make_table: MakeTable) -> None:
    data = make_table("id int primary key, rank int")
    data.run("insert into {} select g, case when g % 2 = 0 then g / 7 end from generate_series(1, 2600) g")
    for order, sql in (("rank", "order by rank, id"), ("-rank", "order by rank desc, id")):
        table = live.table(data.name, order=order, limit=2500).ready()
        assert [row["id"] for row in table.rows()] == [one for (one,) in data.rows("id", f"{sql} limit 2500")]


def test_toast_columns_that_did_not_change_are_kept(live: Live, make_table: MakeTable) -> None:
    data = make_table("id int primary key, n int, body text")
    data.run("alter table {} alter column body set storage external")
    data.run("insert into {} values (1, 1, repeat('long', 5000))")
    table = live.table(data.name).ready()
    narrow = live.table(data.name, where={"n": 2}).ready()
    data.run("update {} set n = 2 where id = 1")
    eventually(lambda: table[1]["n"] == 2)
    assert len(table[1]["body"]) == 20_000
    # The row entered this filter by a change that carries only a part of it: it is read by its key.
    assert len(eventually(lambda: 1 in narrow and narrow[1])["body"]) == 20_000


def test_a_change_of_the_key_moves_the_row(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    data.run("insert into {} values (1, 'a')")
    table = live.table(data.name).ready()
    data.run("update {} set id = 5 where id = 1")
    eventually(lambda: pairs(table, "id") == [(5,)])


def test_equal_arguments_share_rows_and_channel(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    first = live.table(data.name, where={"done": False, "version": 1}, order="id").ready()
    second = live.table(data.name, where={"version": ("eq", 1), "done": False}, order=("id",)).ready()
    other = live.table(data.name).ready()
    assert first._follower is second._follower
    assert first._follower is not other._follower
    assert live_topics(live) == 2
    first.close()
    first.close()
    data.run("insert into {} values (1, 'a')")
    eventually(lambda: 1 in second)
    assert first.status.state is TableState.CLOSED
    with pytest.raises(ClosedError):
        first.ready()
    with pytest.raises(ClosedError):
        first.on_change(print)
    second.close()
    other.close()
    eventually(lambda: live_topics(live) == 0)


def live_topics(live: Live) -> int:
    wire = live._upstream._wire
    return 0 if wire is None else len(wire._client.channels)


def test_a_collected_handle_leaves_its_channel(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    first, second, other = (
        live.table(data.name),
        live.table(data.name),
        live.table(data.name, where={"id": 1}),
    )
    for table in (first, second, other):
        table.ready()
    assert [(table.name, table.handles) for table in live.tables] == [(data.name, 2), (data.name, 1)]
    assert live_topics(live) == 2
    gc.collect()  # what others have left is not told of in here
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del first, other, table
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning] * 2
    assert "was never closed" in str(caught[0].message)
    caught.clear()  # a warning keeps what it is about
    eventually(lambda: [table.handles for table in live.tables] == [1])
    eventually(lambda: live_topics(live) == 1)
    data.run("insert into {} values (1, 'a')")
    eventually(lambda: live.tables[0].status.rows == 1)  # the other handle goes on
    second.close()
    second.close()
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del second
        gc.collect()
    assert caught == []
    eventually(lambda: not live.tables and live_topics(live) == 0)


def test_a_handle_in_a_cycle_is_collected_wherever_that_happens(live: Live, make_table: MakeTable) -> None:
    data = make_table()

    class Holder:
        def __init__(self) -> None:
            self.table = live.table(data.name).ready()
            self.me = self

    async def collect() -> None:
        gc.collect()

    Holder()
    io_thread().run(collect())  # on the thread that does the closing
    eventually(lambda: not live.tables)


def test_a_subscription_keeps_its_table(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    seen: list[Patch] = []
    subscription = live.table(data.name).ready().on_change(seen.append)
    gc.collect()
    data.run("insert into {} values (1, 'a')")
    eventually(lambda: seen)
    subscription.close()
    del subscription
    gc.collect()
    eventually(lambda: live_topics(live) == 0)


def test_a_callback_that_raises_is_reported_once(
    live: Live, make_table: MakeTable, caplog: pytest.LogCaptureFixture
) -> None:
    data = make_table()
    table = live.table(data.name).ready()
    calls: list[Patch] = []
    others: list[Patch] = []

    def broken(patch: Patch) -> None:
        calls.append(patch)
        raise ZeroDivisionError

    with table.on_change(broken), table.on_change(others.append), caplog.at_level(logging.ERROR):
        for number in range(3):
            data.run(f"insert into {{}} values ({number}, 'a')")
            eventually(lambda n=number: len(calls) == len(others) == n + 1)
    assert caplog.text.count("A callback of") == 1
    assert "broken" in caplog.text


async def test_callbacks_come_on_the_loop_that_subscribed(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    table = live.table(data.name)
    await asyncio.to_thread(table.ready)
    where: list[int] = []
    awaited: list[Patch] = []

    async def later(patch: Patch) -> None:
        await asyncio.sleep(0)
        awaited.append(patch)

    with table.on_change(lambda _: where.append(threading.get_ident())), table.on_change(later):
        data.run("insert into {} values (1, 'a')")
        await asyncio.to_thread(eventually, lambda: where and awaited)
    assert set(where) == {threading.get_ident()}


async def test_a_reader_that_is_too_slow_gets_few_patches_and_all_rows(
    live: Live, make_table: MakeTable
) -> None:
    data = make_table()
    data.run("insert into {} select n, 'first' from generate_series(1, 300) n")
    table = live.table(data.name)
    await asyncio.to_thread(table.ready)
    rows = {(row["id"],): row for row in table.rows()}
    before = table.version
    patches = table.changes()
    first = asyncio.ensure_future(anext(patches))
    await asyncio.to_thread(eventually, lambda: table._subscriptions)
    # The loop does not run while this goes on, as in a cell that computes.
    for number in range(1, 301):
        version = table.version
        data.run("update {} set title = %s where id %% 4 = %s", f"{number}", number % 4)
        data.run("delete from {} where id = %s", 301 - number)
        # A patch each at least, so many more than may wait.
        eventually(lambda version=version: table.version > version)
    data.run("update {} set title = 'last'; insert into {} values (301, 'last')")
    eventually(lambda: 301 in table and len(table) == 1)
    (subscription,) = table._subscriptions
    taken = 0
    patch = await first
    while True:
        taken += 1
        assert patch.version > before
        before = patch.version
        for key in patch.removed:
            rows.pop(key, None)
        rows.update(patch.upserted)
        if patch.version == table.version:
            break
        patch = await anext(patches)
    assert taken <= 257
    assert list(rows.values()) == table.rows()
    await patches.aclose()
    assert subscription.closed


async def test_changes_can_be_iterated(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    table = live.table(data.name)
    await asyncio.to_thread(table.ready)
    seen: list[int] = []

    async def read() -> None:
        async for patch in table.changes():
            seen.extend(row["id"] for row in patch.upserted.values())

    reader = asyncio.create_task(read())
    await asyncio.to_thread(eventually, lambda: table._subscriptions)
    data.run("insert into {} values (1, 'a'), (2, 'b')")
    await asyncio.to_thread(eventually, lambda: len(seen) == 2)
    table.close()
    await asyncio.wait_for(reader, 20)
    assert sorted(seen) == [1, 2]


def test_the_main_thread_may_be_busy(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    table = live.table(data.name).ready()
    seen: list[tuple[int, str]] = []
    thread = live._upstream.thread
    with table._tap(lambda patch: seen.append((len(patch.upserted), threading.current_thread().name))):
        data.run("insert into {} values (1, 'a')")
        deadline = time.monotonic() + 30
        while not seen and time.monotonic() < deadline:
            sum(range(10_000))  # a cell that computes
    assert seen == [(1, "livewidgets-io")]
    assert not thread.is_current()


def test_the_status_is_told_at_once_and_at_each_change(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    table = live.table(data.name)
    states: list[TableState] = []
    with table._tap(lambda patch: None, lambda status: states.append(status.state)):
        table.ready()
        eventually(lambda: states[-1:] == [TableState.LIVE])
    assert states[0] in (TableState.LOADING, TableState.LIVE)


def test_an_audit_finds_what_the_stream_does_not_tell(open_live: OpenLive, make_table: MakeTable) -> None:
    live = open_live(timings=Timings(audit=0.2))
    data = make_table()
    data.run("insert into {} values (1, 'a'), (2, 'b')")
    table = live.table(data.name).ready()
    data.run("truncate {}")
    eventually(lambda: len(table) == 0)
    assert table.status.state is TableState.LIVE


def test_an_audit_of_a_table_that_never_rests(
    open_live: OpenLive, make_table: MakeTable, sandbox: Any
) -> None:
    live = open_live(timings=Timings(audit=0.1))
    data = make_table()
    data.run("insert into {} select g, 'a' from generate_series(1, 50) g")
    table = live.table(data.name).ready()
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(sandbox.dsn, autocommit=True) as db:
            number = 1000
            while not stop.wait(0.001):
                number += 1
                db.execute(f"insert into public.{data.name} values (%s, 'new')", (number,))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        eventually(lambda: len(table) > 60)
        data.run("truncate {}")
        eventually(lambda: 1 not in table)
    finally:
        stop.set()
        writer.join()
    eventually(lambda: pairs(table, "id") == data.rows("id"))


def test_what_a_table_says_of_itself(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    table = live.table(data.name)
    assert table.age is None or table.age < 5
    table.ready()
    assert repr(table) == f"<LiveTable {data.name}: 0 rows, live>"
    assert "0 rows, live" in table._repr_html_()
    assert table.live is live
    assert (table.name, table.schema, table.limit, table.order) == (data.name, "public", None, None)
    assert table.age is not None
    assert table.age < 5
    data.run("insert into {} values (1, 'a')")
    eventually(lambda: len(table))
    assert repr(table) == f"<LiveTable {data.name}: 1 row, live>"


def test_to_pandas_knows_the_types(live: Live, make_table: MakeTable) -> None:
    pandas = pytest.importorskip("pandas")
    data = make_table(
        "id uuid primary key default gen_random_uuid(), at timestamptz, n numeric, k bigint, ok boolean, t text, j jsonb"
    )
    empty = live.table(data.name).ready().to_pandas()
    data.run("""insert into {} (at, n, k, ok, t, j) values ('2026-11-22 10:00+02', 1.5, 9007199254740993, true, 'x',
        '[1]'), (null, null, null, null, null, null)""")
    frame = live.table(data.name, order="t").ready().to_pandas()
    for one in (empty, frame):
        assert {name: str(kind) for name, kind in one.dtypes.items()} == {
            "id": "string",
            "at": "datetime64[us, UTC]",
            "n": "float64",
            "k": "Int64",
            "ok": "boolean",
            "t": "string",
            "j": "object",
        }
    table = live.table(data.name).ready()
    key = uuid.UUID(frame["id"][0])
    assert key in table
    assert table[key] is table[str(key)] is table[(key,)]
    assert frame["at"][0] == pandas.Timestamp("2026-11-22 08:00", tz="UTC")
    assert frame["k"][0] == 9007199254740993


@pytest.mark.parametrize(
    "arguments",
    [
        {"where": {"status": ("between", 1)}},
        {"where": "status"},
        {"order": 5},
        {"limit": 0},
        {"limit": "5"},
        {"fixed": "status"},
    ],
)
def test_arguments_that_cannot_be_understood(live: Live, arguments: dict[str, Any]) -> None:
    with pytest.raises(FilterError):
        live.table("calls", **arguments)


def test_a_closed_connection_leaves_nothing(open_live: OpenLive, make_table: MakeTable) -> None:
    data = make_table()
    live = open_live(timings=QUICK)
    thread = live._upstream.thread
    before = threading.active_count()
    tables = [live.table(data.name), live.table(data.name, order="id", limit=5)]
    for table in tables:
        table.on_change(print)
        table.ready()
    live.close()
    live.close()

    async def tasks() -> set[str]:
        mine = asyncio.current_task()
        return {task.get_name() for task in asyncio.all_tasks() if task is not mine}

    eventually(lambda: not thread.run(tasks()), "tasks are left on the I/O thread")
    assert threading.active_count() <= before + 1  # the dispatcher of callbacks may have started
    assert all(table.status.state is TableState.CLOSED for table in tables)
    with pytest.raises(ClosedError):
        live.table("calls")
