"""What a connection says of itself, and that it keeps secrets."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from livewidgets.core.connection import ConnectionState, ConnectionStatus
from livewidgets.errors import ClosedError, NoRightsError, UnreachableError
from livewidgets.live.client import Live
from livewidgets.live.rest import Answer, Rest
from livewidgets.live.table import TableState
from livewidgets.live.timings import Timings
from tests.live.conftest import Table, eventually

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]


def test_it_connects_by_itself_and_measures(live: Live) -> None:
    eventually(lambda: live.status.state is ConnectionState.LIVE)
    eventually(lambda: live.status.latency_ms is not None)
    live.table("campaigns").ready()
    status = live.status
    assert status.attempt == 0
    assert status.error is None
    assert 0 < (status.latency_ms or 0) < 5000
    assert all(age is not None and 0 <= age < 5 for age in status.legs.values())


def test_making_one_waits_for_nothing(open_live: OpenLive, silent_server: str) -> None:
    live = open_live(url=silent_server, timings=Timings(open=60))
    assert live.status.state is ConnectionState.CONNECTING
    assert repr(live) == f"<Live {silent_server.removeprefix('http://')}, connecting>"
    assert "connecting" in live._repr_html_()


def test_a_preheated_kernel_connects_when_there_is_use_for_it(
    open_live: OpenLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOILA_PREHEAT", "True")
    uses: tuple[Callable[[Live], object], ...] = (
        lambda live: live.table("campaigns"),
        lambda live: live.channel("heated"),
        lambda live: live.on_status(print),
        lambda live: live.retry_now(),
    )
    for use in uses:
        live = open_live()
        upstream = live._upstream
        upstream.thread.run(asyncio.sleep(0))  # what was asked of the thread is done
        assert upstream._task is None
        assert live.status.state is ConnectionState.CONNECTING
        kept = use(live)
        eventually(lambda live=live: live.status.state is ConnectionState.LIVE)
        live.close()
        del kept


def test_catching_up_is_told_from_live(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    data.run("insert into {} select g, 'x' from generate_series(1, 5000) g")
    eventually(lambda: live.status.state is ConnectionState.LIVE)
    states: list[ConnectionState] = []
    with live._watch_status(lambda status: states.append(status.state)):
        live.table(data.name).ready()
        eventually(lambda: states[-1] is ConnectionState.LIVE and ConnectionState.CATCHING_UP in states)
    live._upstream.thread.run(asyncio.sleep(0))  # the end of the subscription has got there
    told = len(states)
    live.table(data.name, limit=3).ready()
    assert len(states) == told


def test_a_status_listener_that_raises_stops_nothing(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[ConnectionStatus] = []

    def broken(_: ConnectionStatus) -> None:
        raise ZeroDivisionError

    live._watch_status(broken)
    live._watch_status(seen.append)
    eventually(lambda: len(seen) > 2)
    assert "ZeroDivisionError" in caplog.text


async def test_the_status_comes_on_the_main_loop(live: Live) -> None:
    threads: list[int] = []
    with live.on_status(lambda _: threads.append(threading.get_ident())):
        await asyncio.to_thread(eventually, lambda: threads)
    assert set(threads) == {threading.get_ident()}


def test_a_closed_connection_is_closed(open_live: OpenLive) -> None:
    with open_live() as live:
        subscription = live.on_status(print)
    assert subscription.closed
    assert live.status.state is ConnectionState.CLOSED
    for call in (lambda: live.table("calls"), lambda: live.on_status(print)):
        with pytest.raises(ClosedError):
            call()
    live.retry_now()
    assert live.status.state is ConnectionState.CLOSED


def test_rest_out_of_order_is_not_the_end(
    live: Live, make_table: MakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_table()
    table = live.table(data.name).ready()
    down = threading.Event()
    down.set()
    original = Rest.select

    async def select(self: Rest, *args: Any, **options: Any) -> Answer:
        if down.is_set():
            raise UnreachableError("The REST service is out of order (HTTP 503).")
        return await original(self, *args, **options)

    monkeypatch.setattr(Rest, "select", select)
    live._upstream._wire.tell_loss("was lost")  # type: ignore[union-attr]
    data.run("insert into {} values (1, 'a')")
    eventually(lambda: "503" in str(table.status.error))
    assert table.status.state is TableState.STALE
    assert live.status.state is ConnectionState.CATCHING_UP
    down.clear()
    eventually(lambda: table.status.state is TableState.LIVE)
    assert 1 in table


def test_rights_that_are_taken_away(open_live: OpenLive, make_table: MakeTable) -> None:
    live = open_live()
    data = make_table()
    table = live.table(data.name).ready()
    data.run("revoke all on {} from anon")

    def refused() -> bool:
        # The server may go by the old rights for a moment; it tells only when there is something to tell.
        data.run("insert into {} select coalesce(max(id), 0) + 1, 'a' from {}")
        return isinstance(table.status.error, NoRightsError)

    eventually(refused)
    assert table.status.state is TableState.ERROR
    data.run("grant select on {} to anon")
    eventually(lambda: table.status.state is TableState.LIVE)
    eventually(lambda: sorted(row["id"] for row in table.rows()) == [one for (one,) in data.rows("id")])


def test_a_row_that_is_too_large_for_the_stream_is_read(live: Live, make_table: MakeTable) -> None:
    data = make_table("id int primary key, body text")
    table = live.table(data.name).ready()
    data.run("insert into {} values (1, repeat('x', 1200000))")
    eventually(lambda: 1 in table)
    assert len(table[1]["body"]) == 1_200_000


def test_no_log_line_holds_a_key_or_a_number(
    open_live: OpenLive, sandbox: Any, sandbox_db: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sink = io.StringIO()
    handler = logging.StreamHandler(sink)
    logging.getLogger().addHandler(handler)
    live = open_live(token=sandbox.manager_token)
    number = "+15557654321"
    table = live.table("calls", where={"caller_number": number}).ready()
    try:
        sandbox_db.execute("insert into campaigns (name) values ('of a test')")
        sandbox_db.execute(
            "insert into calls (campaign_id, direction, caller_number, status) "
            "select id, 'inbound', %s, 'ringing' from campaigns where name = 'of a test'",
            (number,),
        )
        eventually(lambda: len(table) == 1)
        states: list[TableState] = []
        table._tap(lambda _: None, lambda status: states.append(status.state))
        live._upstream._wire.tell_loss("was lost")  # type: ignore[union-attr]
        eventually(lambda: TableState.STALE in states)
        eventually(lambda: table.status.state is TableState.LIVE)
        said = (
            sink.getvalue()
            + repr(live)
            + repr(table)
            + repr(live.status)
            + repr(table.status)
            + str(vars(live))
        )
    finally:
        logging.getLogger().removeHandler(handler)
        sandbox_db.execute("delete from calls where caller_number = %s", (number,))
        sandbox_db.execute("delete from campaigns where name = 'of a test'")
    for secret in (sandbox.anon_key, sandbox.manager_token, sandbox.service_key, number, number[1:]):
        assert secret not in said
