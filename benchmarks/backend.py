"""A sandbox of the benchmark's own, behind a network that fails on command, with one table."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from livewidgets.live.client import Live
from livewidgets.sandbox.faults import FaultProxy
from livewidgets.sandbox.launcher import launch, stop

TABLE = "bench"
COLUMNS = (
    "id int primary key, status text, campaign int, caller text, state text, created_at timestamptz, "
    "seconds int check (seconds < 10000), revenue numeric(10,2), version bigint not null default 1, "
    "updated_at timestamptz"
)
FILL = (
    "insert into {} (id, status, campaign, caller, state, created_at, seconds, revenue) "
    "select n, 'queued', n %% 7, '+1 ••• ••• ' || lpad((n %% 10000)::text, 4, '0'), 'CA', "
    "timestamptz '2026-11-22' + n * interval '1 second', n %% 900, n %% 5000 / 100.0 from generate_series(1, %s) n"
)


class Backend(NamedTuple):
    """What a benchmark works with."""

    live: Live
    proxy: FaultProxy
    db: psycopg.Connection[Any]

    def run(self, statement: str, *values: object) -> psycopg.Cursor[Any]:
        """Execute SQL past the proxy; ``{}`` is the table."""
        return self.db.execute(statement.replace("{}", f"public.{TABLE}"), values or None)


@contextlib.contextmanager
def backend(rows: int) -> Iterator[Backend]:
    """Start it with a table of ten columns and so many rows; stop it at the end."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        info = launch(Path(folder) / "sandbox", traffic=False)
        stack.callback(stop, info)
        db = stack.enter_context(psycopg.connect(info.dsn, autocommit=True))
        proxy = stack.enter_context(FaultProxy.running(info.url))
        live = stack.enter_context(Live(proxy.url, info.anon_key, info.manager_token))
        made = Backend(live, proxy, db)
        made.run(f"create table {{}} ({COLUMNS})")
        made.run(FILL, rows)
        made.run("create trigger touch before update on {} for each row execute function sandbox.touch()")
        made.run("grant all on {} to anon, authenticated, service_role")
        made.run("alter publication supabase_realtime add table {}")
        yield made
