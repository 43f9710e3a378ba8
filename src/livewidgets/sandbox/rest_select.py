"""Reading: rows, their range and their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livewidgets.sandbox import rest_sql
from livewidgets.sandbox.rest_http import content_range, not_one, out_of_range
from livewidgets.sandbox.rest_run import Runner, fetch, respond
from livewidgets.sandbox.rest_sql import Form, Statement

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow
    from starlette.responses import Response

    from livewidgets.sandbox.rest_ask import Ask


async def select(runner: Runner, ask: Ask, max_rows: int) -> Response:
    """Answer GET and HEAD.

    Raises
    ------
    RestError
        PGRST103 beyond the last row, PGRST116 when one row is asked for and not found.
    """
    query = ask.query
    limit = max_rows if query.limit is None else min(query.limit, max_rows)
    count = ask.prefer.count
    statement = Statement(ask.table)
    # The total stands before the rows' own name in the text, yet after them in the order of parameters.
    rows = rest_sql.read(statement, query, ask.readable, limit)
    total = rest_sql.NO_TOTAL
    if count in ("exact", "estimated"):
        total = rest_sql.total(statement, query, max_rows if count == "estimated" else None)
    made = rest_sql.answer(rows, form_of(ask), strip_nulls=ask.strip_nulls, total=total)
    async with runner.transaction(ask) as connection:
        found, page, body = await fetch(connection, made, statement)
        if count == "planned" or (count == "estimated" and found is not None and found > max_rows):
            found = max(found or 0, await _planned(connection, ask))
    if found is not None and query.offset > found:
        raise out_of_range(query.offset, found)
    if ask.single and page != 1:
        raise not_one(page)
    headers = {"content-range": content_range(query.offset, page, found), "content-location": ask.location}
    status = 206 if found is not None and page < found else 200
    names = Statement(ask.table).names(query.select, ask.readable)
    return respond(ask, status, body or "", headers, runner.known_zones(), names)


async def _planned(connection: AsyncConnection[TupleRow], ask: Ask) -> int:
    statement = Statement(ask.table)
    made = rest_sql.estimate(statement, ask.query)
    row = await (await connection.execute(made, statement.parameters, prepare=False)).fetchone()
    return int(row[0][0]["Plan"]["Plan Rows"]) if row else 0


def form_of(ask: Ask) -> Form:
    """Say how the rows are written."""
    if ask.accept == "text/csv":
        return "csv"
    return "object" if ask.single else "array"
