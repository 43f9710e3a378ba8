"""Runs what a request asks for: in one transaction, as the token's role, with its claims set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.responses import Response

from livewidgets.sandbox.rest_http import csv_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection, sql
    from psycopg.rows import TupleRow

    from livewidgets.sandbox.gate import Gate
    from livewidgets.sandbox.postgres import Database
    from livewidgets.sandbox.rest_ask import Ask
    from livewidgets.sandbox.rest_sql import Statement

#: Milliseconds that a statement may take, by role; as Supabase sets them.
TIMEOUTS = {"anon": 3000}
TIMEOUT = 8000


class Runner:
    """Opens transactions on behalf of requests.

    Parameters
    ----------
    database
        The pool, as the superuser.
    gate
        Who may ask when: the pool has more connections than it lets in, so that Realtime is never locked out.
    """

    def __init__(self, database: Database, gate: Gate) -> None:
        self._database = database
        self._gate = gate
        self._zones: frozenset[str] = frozenset()

    async def zones(self) -> frozenset[str]:
        """Return the time zones that the database knows."""
        if not self._zones:
            async with self._database.pool.connection() as connection:
                cursor = await connection.execute("select name from pg_timezone_names")
                self._zones = frozenset(row[0] for row in await cursor.fetchall())
        return self._zones

    def known_zones(self) -> frozenset[str]:
        """Return the time zones, if they have been asked for."""
        return self._zones

    @asynccontextmanager
    async def transaction(self, ask: Ask) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """Open a transaction in which the database takes us for the visitor."""
        claims = ask.claims
        zone = ask.prefer.timezone if ask.prefer.timezone in self._zones else "UTC"
        async with (
            self._gate.turn(claims.text),
            self._database.pool.connection() as connection,
            connection.transaction(),
        ):
            await connection.execute(
                "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
                " set_config('request.method', %s, true), set_config('request.path', %s, true),"
                " set_config('statement_timeout', %s, true), set_config('TimeZone', %s, true),"
                " set_config('transaction_read_only', %s, true)",
                [
                    claims.role,
                    claims.text,
                    ask.method,
                    f"/{ask.table.name}",
                    str(TIMEOUTS.get(claims.role, TIMEOUT)),
                    zone,
                    "on" if ask.reading else "off",
                ],
            )
            yield connection


async def fetch(
    connection: AsyncConnection[TupleRow], made: sql.Composed, statement: Statement
) -> tuple[int | None, int, str | None]:
    """Run a statement that `rest_sql.answer` made: the number of all rows, of those here, and their text."""
    cursor = await connection.execute(made, statement.parameters, prepare=False)
    row = await cursor.fetchone()
    return (row[0], row[1], row[2]) if row else (None, 0, None)


def respond(
    ask: Ask,
    status: int,
    body: str | None,
    headers: dict[str, str],
    zones: frozenset[str],
    names: Sequence[str] = (),
) -> Response:
    """Write the answer.

    Parameters
    ----------
    body
        The rows as text; None for an answer without any.
    zones
        The time zones that are known.
    names
        Of the columns, for CSV.
    """
    applied = ask.prefer.applied(ask.method, zones)
    if applied:
        headers["preference-applied"] = applied
    if body is None:
        return Response(status_code=status, headers=headers)
    if ask.accept == "text/csv" and body:
        body = f"{csv_line(names)}\n{body}"
    media_type = f"{ask.accept}; charset=utf-8"
    if ask.method == "HEAD":
        return Response(status_code=status, headers={**headers, "content-type": media_type})
    return Response(body.encode(), status, headers, media_type)
