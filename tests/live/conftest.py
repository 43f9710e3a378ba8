"""Connections and tables of their own for the tests of `livewidgets.live`."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import jwt
import psycopg
import pytest

from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable, TableState
from livewidgets.live.timings import Timings
from livewidgets.sandbox.faults import FaultProxy
from livewidgets.sandbox.keys import Keys

#: Short, so that a fault is over in a second; the order among them is as in the defaults. The sandbox may be held up
#: for seconds on a machine with much else to do, and is not silent for that.
QUICK = Timings(open=3, heartbeat=0.3, heartbeat_reply=6.0, rest_retry=0.1, table_retry=0.3, refill=0.02)
#: Where silence is what is tested: still longer than such a machine holds anything up. Whoever waits for it to be found
#: has to be patient, since a wait for an answer begins anew when our own thread was held up.
IMPATIENT = replace(QUICK, heartbeat_reply=3.0)

BackFrom = Callable[[str], AbstractContextManager[None]]
Sign = Callable[[float], str]

_number = itertools.count(1)

#: The property of a test's report that holds a fault and the seconds from its end until all was back and right.
_BACK = "back and right"


def eventually(predicate: Callable[[], Any], message: str = "", limit: float = 10.0) -> Any:
    """Wait until something holds, and give it."""
    deadline = time.monotonic() + limit
    while True:
        found = predicate()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(message or "it did not come true in time")
        time.sleep(0.005)


@pytest.fixture
def back_from(record_property: Callable[[str, object], None]) -> BackFrom:
    """Take the time from a fault's end, where the block begins, until all is right; the run's end tells it."""

    @contextmanager
    def taking(fault: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        record_property(_BACK, (fault, time.monotonic() - started))

    return taking


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell how long it took after each fault; no test depends on it."""
    taken = [
        value
        for report in terminalreporter.stats.get("passed", ())
        if report.when == "call"
        for name, value in report.user_properties
        if name == _BACK
    ]
    if taken:
        terminalreporter.section("after a fault, back and right within")
        for fault, seconds in sorted(taken):
            terminalreporter.write_line(f"{seconds:7.2f} s  {fault}")


@pytest.fixture
def sign(sandbox: Any) -> Sign:
    """Make an access token of the manager that lives for so many seconds; no two are equal."""
    secret = Keys.load(sandbox.data).secret
    claims = jwt.decode(sandbox.manager_token, options={"verify_signature": False})
    numbers = itertools.count()

    def signed(life: float) -> str:
        body = {**claims, "exp": int(time.time() + life), "jti": str(next(numbers))}
        return jwt.encode(body, secret, algorithm="HS256")

    return signed


@pytest.fixture
def proxy(sandbox: Any) -> Iterator[FaultProxy]:
    """The network to the sandbox, ours to break."""
    with FaultProxy.running(sandbox.url) as running:
        yield running


@pytest.fixture
def silent_server() -> Iterator[str]:
    """An address where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def patient_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing waits for whatever it waits for: on a busy machine its limits would be over before what is only slow."""
    monkeypatch.setattr("livewidgets.live.writes._LAST_CHANCE", 30.0)
    monkeypatch.setattr("livewidgets.live.closing._END_LIMIT", 31.0)
    monkeypatch.setattr("livewidgets.live.client._CLOSE_LIMIT", 32.0)
    # For connections that are opened from here on.
    monkeypatch.setattr("livewidgets.live.websocket.CLOSE_LIMIT", 60.0)
    monkeypatch.setattr("livewidgets.live.wire.CLOSE_LIMIT", 60.0)


@pytest.fixture
def open_live(sandbox: Any) -> Iterator[Callable[..., Live]]:
    """Make connections to the sandbox, closed at the end."""
    opened: list[Live] = []

    def make(
        *, url: str = "", key: str = "", token: Any = None, timings: Timings = QUICK, schema: str = "public"
    ) -> Live:
        live = Live(url or sandbox.url, key or sandbox.anon_key, token, schema, timings=timings)
        opened.append(live)
        return live

    yield make
    for live in opened:
        live.close()


@pytest.fixture
def far(open_live: Callable[..., Live], proxy: FaultProxy) -> Live:
    """A connection over that network."""
    return open_live(url=proxy.url)


@pytest.fixture
def live(open_live: Callable[..., Live], sandbox: Any) -> Live:
    """A manager's connection."""
    return open_live(token=sandbox.manager_token)


class Table:
    """A table of a test's own, in the publication."""

    def __init__(self, db: psycopg.Connection[Any], columns: str, *, publish: bool, grant: bool) -> None:
        self.db = db
        self.name = f"t{os.getpid()}_{next(_number)}"
        self.run(f"create table {{}} ({columns})")
        if grant:
            self.run("grant all on {} to anon, authenticated, service_role")
        if publish:
            self.run("alter publication supabase_realtime add table {}")

    def run(self, statement: str, *values: Any) -> None:
        """Execute SQL; ``{}`` is the table."""
        self.db.execute(statement.replace("{}", f"public.{self.name}"), values or None)

    def rows(self, columns: str = "*", more: str = "order by 1") -> list[tuple[Any, ...]]:
        """What a select gives."""
        return self.db.execute(f"select {columns} from public.{self.name} {more}").fetchall()

    def drop(self) -> None:
        self.run("drop table if exists {}")


@pytest.fixture
def make_table(sandbox_db: psycopg.Connection[Any]) -> Iterator[Callable[..., Table]]:
    """Make tables, dropped at the end."""
    made: list[Table] = []

    def make(
        columns: str = "id bigint primary key, title text, done boolean default false, version bigint default 1",
        *,
        publish: bool = True,
        grant: bool = True,
    ) -> Table:
        made.append(Table(sandbox_db, columns, publish=publish, grant=grant))
        return made[-1]

    yield make
    for table in made:
        table.drop()


def held_back(data: Table, statement: str) -> psycopg.Connection[Any]:
    """Another writer who holds the row and has not committed yet."""
    rival = psycopg.connect(data.db.info.dsn + f" password={data.db.info.password}")
    rival.execute(statement.replace("{}", f"public.{data.name}"))
    return rival


def is_right(table: LiveTable, data: Table) -> bool:
    """Whether a table is live and what a select returns."""
    if table.status.state is not TableState.LIVE:
        return False
    return sorted((row["id"], row["title"]) for row in table.rows()) == data.rows("id, title")


def end_right(table: LiveTable, data: Table, limit: float = 10.0) -> None:
    """Wait until it is."""
    eventually(lambda: is_right(table, data), f"{table!r} is not what a select returns", limit)


def comes_back(table: LiveTable, data: Table, limit: float = 10.0) -> None:
    """Wait until it is, and then once more for a change: that one comes by the stream, no audit is due."""
    end_right(table, data, limit)
    data.run("insert into {} (id, title) values (%s, 'after the fault')", 1_000_000 + next(_number))
    end_right(table, data, limit)
