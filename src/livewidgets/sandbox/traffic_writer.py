"""Writes the story's steps into the database, and clears up behind it."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from livewidgets.sandbox.story import TALK_TIME, At, Plus, Step
from livewidgets.sandbox.story_cast import AGENTS, TARGETS, base_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

#: Ended calls, and alerts and payments, that are kept; older ones are deleted.
KEEP_CALLS = 50_000
KEEP_OTHERS = 5_000
#: Rows written between two rounds of deleting.
SWEEP_EVERY = 20_000
RETRY_EVERY = 0.2
#: Seconds between two lines about rows that do not fit.
WARN_EVERY = 60.0
#: Rows from which sending them without waiting for each answer is worth it.
PIPELINE_FROM = 20
_log = logging.getLogger("livewidgets.sandbox")

#: Only the story's own rows are ever closed or deleted: their ids are of version 8.
_OURS = "substr(id::text, 15, 1) = '8'"
_CLOSE = f"""
update calls set status = 'failed', status_raw = 'failed', ended_at = clock_timestamp(), ended_by = 'system',
  connected_seconds = case when connected_at is not null
    then greatest(0, round(extract(epoch from clock_timestamp() - connected_at)))::integer end
where ended_at is null and {_OURS}
"""  # noqa: S608 - a constant
#: Campaigns that the story paused, by the alerts that said so; and then all alerts that something lasts.
_RESOLVE = (
    (
        "update campaigns set status = 'active' where status = 'paused' and id in"  # noqa: S608 - a constant
        f" (select entity_id from alerts where rule = 'unanswered calls' and resolved_at is null and {_OURS})"
    ),
    (
        "update alerts set resolved_at = clock_timestamp() where resolved_at is null"  # noqa: S608 - a constant
        f" and rule not in ('payment confirmed', 'payment disputed') and {_OURS}"
    ),
)
_SWEEP = (
    (
        f"delete from calls where id in (select id from calls where ended_at is not null and {_OURS}"  # noqa: S608
        f" order by created_at desc offset {KEEP_CALLS} limit 5000)"
    ),
    (
        f"delete from alerts where id in (select id from alerts where {_OURS}"  # noqa: S608
        f" order by fired_at desc offset {KEEP_OTHERS})"
    ),
    (
        f"delete from payments where id in (select id from payments where {_OURS}"  # noqa: S608
        f" order by created_at desc offset {KEEP_OTHERS})"
    ),
)

_Connection = psycopg.AsyncConnection[psycopg.rows.TupleRow]


def seed_base(dsn: str) -> None:
    """Put in the campaigns, publishers, buyers, targets and agents, once in a database's life.

    Parameters
    ----------
    dsn
        The superuser's address.
    """
    with psycopg.connect(dsn) as connection:
        done = connection.execute(
            "insert into sandbox.notes values ('base', 'seeded') on conflict do nothing"
        ).rowcount
        if done:
            for statement, values in _base():
                connection.execute(statement, values)


def _base() -> list[tuple[sql.Composed, dict[str, Any]]]:
    return [
        (_insert(table, list(values), [sql.Placeholder(name) for name in values]), values)
        for table, values in base_rows()
    ]


def _insert(table: str, names: Sequence[str], places: Sequence[sql.Composable]) -> sql.Composed:
    return sql.SQL("insert into public.{} ({}) values ({}) on conflict (id) do nothing").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(places)
    )


class Writer:
    """Writes steps, come what may: a database that goes away is waited for.

    Parameters
    ----------
    dsn
        The superuser's address.
    date_of
        Turns a simulated time into a date.
    """

    def __init__(self, dsn: str, date_of: Callable[[float], datetime]) -> None:
        self._dsn = dsn
        self._date_of = date_of
        self._connection: _Connection | None = None
        #: Rows written, ever.
        self.written = 0
        self._sweep_at = SWEEP_EVERY
        self._warn_at = 0.0
        self._statements: dict[tuple[Any, ...], bytes] = {}

    async def close(self) -> None:
        """End the connection at once; what was not committed never was."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()

    async def turn_the_page(self) -> int:
        """Close what the last run left open, put everybody in place, and count the chapters."""
        targets = [target.id for target in TARGETS]
        agents = [agent.id for agent in AGENTS]
        while True:
            try:
                connection = await self._connect()
                async with connection.transaction():
                    for statement, values in _base():
                        await connection.execute(statement, values)
                    await connection.execute(_CLOSE.encode())
                    await connection.execute(
                        "update targets set live_calls = 0, status = 'active'"
                        " where id = any(%s) and (live_calls <> 0 or status = 'capped')",
                        (targets,),
                    )
                    await connection.execute(
                        "update agents set state = 'available', state_since = clock_timestamp()"
                        " where id = any(%s) and state <> 'available'",
                        (agents,),
                    )
                    for query in _RESOLVE:
                        await connection.execute(query.encode())
                    counted = await connection.execute(
                        "insert into sandbox.notes values ('chapter', '0') on conflict (name)"
                        " do update set value = (notes.value::bigint + 1)::text returning value::bigint"
                    )
                    row = await counted.fetchone()
                    return int(row[0]) if row else 0
            except psycopg.OperationalError:
                await self._lost()

    async def _connect(self) -> _Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, application_name="livewidgets sandbox: traffic"
            )
        return self._connection

    async def _lost(self) -> None:
        await self.close()
        await asyncio.sleep(RETRY_EVERY)

    async def write(self, steps: Sequence[Step]) -> None:
        """Write steps in one transaction; come what may, the story goes on."""
        while True:
            try:
                connection = await self._connect()
                many = len(steps) > PIPELINE_FROM
                async with connection.transaction(), connection.pipeline() if many else nullcontext():
                    for step in steps:
                        await connection.execute(*self._statement(step))
                break
            except psycopg.OperationalError:
                # Whether it was committed is unknown, so once more: an insert does nothing the second time.
                await self._lost()
            except psycopg.Error:
                # Somebody has deleted what a step refers to, or changed the table. A pipeline that failed half way
                # leaves its connection in the middle of something, so a new one takes over.
                await self.close()
                await self._write_singly(steps)
                break
        self.written += len(steps)
        if self.written >= self._sweep_at:
            self._sweep_at = self.written + SWEEP_EVERY
            await self._sweep()

    async def _write_singly(self, steps: Sequence[Step]) -> None:
        failed = 0
        for step in steps:
            try:
                await (await self._connect()).execute(*self._statement(step))
            except psycopg.OperationalError:
                await self._lost()
            except psycopg.Error:
                failed += 1
        if failed and time.monotonic() >= self._warn_at:
            self._warn_at = time.monotonic() + WARN_EVERY
            _log.warning(
                "%d of %d rows of the traffic do not fit what is in the database", failed, len(steps)
            )

    async def _sweep(self) -> None:
        with suppress(psycopg.Error):
            connection = await self._connect()
            for statement in _SWEEP:
                await connection.execute(statement.encode())

    def _statement(self, step: Step) -> tuple[bytes, dict[str, Any]]:
        values = {name: self._value(value) for name, value in step.values.items()}
        shape = (step.kind, step.table, tuple((name, _mark(value)) for name, value in step.values.items()))
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements[shape] = _render(step)
        return statement, {"id": step.id, **values}

    def _value(self, value: Any) -> Any:  # noqa: ANN401 - column values
        if isinstance(value, At):
            return self._date_of(value)
        return float(value) if isinstance(value, Plus) else value


def _mark(value: Any) -> str:  # noqa: ANN401 - column values
    """Name what decides how a value is written; the statement is the same for all others."""
    return "talk" if value is TALK_TIME else "plus" if isinstance(value, Plus) else ""


def _render(step: Step) -> bytes:
    if step.kind == "insert":
        names = ["id", *step.values]
        talk = "round(extract(epoch from %(ended_at)s::timestamptz - %(connected_at)s::timestamptz))::integer"
        places = [
            sql.SQL(talk) if step.values.get(name) is TALK_TIME else sql.Placeholder(name) for name in names
        ]
        return _insert(step.table, names, places).as_bytes()
    talk = "round(extract(epoch from %(ended_at)s::timestamptz - connected_at))::integer"
    changes = []
    for name, value in step.values.items():
        place: sql.Composable = sql.Placeholder(name)
        if value is TALK_TIME:
            place = sql.SQL(talk)
        elif isinstance(value, Plus):
            place = sql.SQL("{} + {}").format(sql.Identifier(name), place)
        changes.append(sql.SQL("{} = {}").format(sql.Identifier(name), place))
    return (
        sql.SQL("update public.{} set {} where id = %(id)s")
        .format(sql.Identifier(step.table), sql.SQL(", ").join(changes))
        .as_bytes()
    )
