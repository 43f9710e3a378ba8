"""What a role may do in a private channel: row-level security on ``realtime.messages``, asked with probe rows.

As the real server does it: a probe is inserted, looked for or refused as the role with its claims and topic, and rolled
back, so that it is never in the log.
"""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import PoolTimeout

from livewidgets.sandbox.connection_effects import Ask, Stored, Verdict
from livewidgets.sandbox.phoenix import load

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow

    from livewidgets.sandbox.postgres import Database

logger = logging.getLogger(__name__)

#: Milliseconds that the policies may take.
TIMEOUT = 5000
#: Stored messages are kept so long.
KEEP = "72 hours"

_PROBE = "insert into realtime.messages (id, topic, extension) values (%s, %s, %s)"
_BECOME = """
select set_config('role', %(role)s, true), set_config('realtime.topic', %(topic)s, true),
  set_config('request.jwt.claims', %(claims)s, true), set_config('statement_timeout', %(timeout)s, true)
"""
_STORED = """
select id::text, event, payload::text, binary_payload from (
  select * from realtime.messages where topic = %s and private and extension = 'broadcast' and event is not null
    and inserted_at >= to_timestamp(%s) at time zone 'UTC' order by inserted_at desc limit %s
) newest order by inserted_at
"""


async def judge(database: Database, ask: Ask) -> Verdict:
    """Answer a question about a private channel. What a failing policy should decide is refused."""
    try:
        async with database.pool.connection() as connection:
            read = await _readable(connection, ask)
            write = await _writable(connection, ask)
            stored = await _stored(connection, ask) if read.get("broadcast") else ()
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OSError):
        return Verdict(available=False)
    return Verdict(read, write, stored)


async def forget(database: Database) -> None:
    """Delete the stored messages that are too old for a replay."""
    async with database.pool.connection() as connection:
        await connection.execute(
            "delete from realtime.messages where inserted_at < now() at time zone 'UTC' - %s::interval",
            [KEEP],
        )


async def _readable(connection: AsyncConnection[TupleRow], ask: Ask) -> dict[str, bool]:
    """Insert one row for each extension as ourselves, and look which of them the role sees."""
    if not ask.read:
        return {}
    probes = {str(uuid.uuid4()): extension for extension in ask.read}
    try:
        async with connection.transaction(force_rollback=True):
            for probe, extension in probes.items():
                await connection.execute(_PROBE, [probe, ask.name, extension])
            await _become(connection, ask)
            cursor = await connection.execute(
                "select id::text from realtime.messages where id = any(%s::uuid[])", [list(probes)]
            )
            seen = {str(row[0]) for row in await cursor.fetchall()}
    except psycopg.DatabaseError as error:
        return _refused(error, ask.read)
    return {extension: probe in seen for probe, extension in probes.items()}


async def _writable(connection: AsyncConnection[TupleRow], ask: Ask) -> dict[str, bool]:
    """Insert one row for each extension as the role, and see which of them is taken."""
    if not ask.write:
        return {}
    allowed = dict.fromkeys(ask.write, False)
    try:
        async with connection.transaction(force_rollback=True):
            await _become(connection, ask)
            for extension in ask.write:
                try:
                    async with connection.transaction():
                        await connection.execute(_PROBE, [uuid.uuid4(), ask.name, extension])
                    allowed[extension] = True
                except psycopg.errors.InsufficientPrivilege:
                    continue
    except psycopg.DatabaseError as error:
        return _refused(error, ask.write)
    return allowed


async def _become(connection: AsyncConnection[TupleRow], ask: Ask) -> None:
    parameters: dict[str, Any] = {
        "role": ask.claims.role,
        "topic": ask.name,
        "claims": ask.claims.text,
        "timeout": str(TIMEOUT),
    }
    await connection.execute(_BECOME, parameters)


def _refused(error: psycopg.DatabaseError, extensions: tuple[str, ...]) -> dict[str, bool]:
    """Refuse all after a policy's failure; that the database is away is another matter."""
    if isinstance(error, psycopg.OperationalError) and not isinstance(error, psycopg.errors.QueryCanceled):
        raise error
    logger.warning("A policy on realtime.messages failed (%s); nothing is allowed by it.", error.sqlstate)
    return dict.fromkeys(extensions, False)


async def _stored(connection: AsyncConnection[TupleRow], ask: Ask) -> tuple[Stored, ...]:
    if ask.replay is None:
        return ()
    cursor = await connection.execute(_STORED, [ask.name, ask.replay.since / 1000, ask.replay.limit])
    found = []
    for number, event, payload, binary in await cursor.fetchall():
        if binary is not None:
            found.append(Stored(number, event, binary))
            continue
        try:
            found.append(Stored(number, event, load(payload or "null")))
        except (ValueError, RecursionError):
            continue  # a number that no JSON reader takes
    return tuple(found)
