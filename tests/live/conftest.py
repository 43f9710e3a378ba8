"""Connections and tables of their own for the tests of `livewidgets.live`."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from livewidgets.live.client import Live
from livewidgets.live.timings import Timings

#: Short, so that a fault is over in a second; the order among them is as in the defaults.
QUICK = Timings(open=3, heartbeat=0.3, heartbeat_reply=1.0, rest_retry=0.1, table_retry=0.3, refill=0.02)

_number = itertools.count(1)


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
