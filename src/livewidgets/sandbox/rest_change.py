"""Changes: insert, upsert, update, delete; and what their answers tell of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from livewidgets.sandbox import rest_sql
from livewidgets.sandbox.rest_errors import RestError
from livewidgets.sandbox.rest_http import content_range, not_one
from livewidgets.sandbox.rest_query import Field, Filter, Item
from livewidgets.sandbox.rest_run import Runner, fetch, respond
from livewidgets.sandbox.rest_select import form_of
from livewidgets.sandbox.rest_sql import INSERTED, Statement

if TYPE_CHECKING:
    from psycopg import sql
    from starlette.responses import Response

    from livewidgets.sandbox.rest_ask import Ask


async def insert(runner: Runner, ask: Ask) -> Response:
    """Answer POST: 201, or 200 when an upsert has inserted nothing."""
    columns = ask.columns()
    resolution = ask.prefer.resolution
    conflict = None
    if resolution is not None:
        conflict = (ask.query.on_conflict or ask.table.key, resolution == "ignore-duplicates")
    if not ask.body.rows:
        return _nothing(runner, ask, 201)
    statement = Statement(ask.table)
    change = rest_sql.insert(
        statement,
        ask.body.text,
        columns,
        defaults=ask.prefer.missing == "default",
        conflict=conflict,
    )
    inserted, count, body = await _run(runner, ask, statement, change)
    headers = {"content-range": f"*/{count if _counting(ask) else '*'}"}
    if ask.prefer.returned == "headers-only" and body is not None:
        headers |= _location(ask, body)
    updated = resolution == "merge-duplicates" and columns and not inserted
    return _answer(runner, ask, 200 if updated else 201, body, headers)


async def replace(runner: Runner, ask: Ask) -> Response:
    """Answer PUT: one row, named by its whole key in the address, inserted or changed."""
    query = ask.query
    if query.limit is not None or query.offset:
        raise RestError(400, "PGRST114", "limit/offset querystring parameters are not allowed for PUT")
    only = [part for part in query.where if isinstance(part, Filter)]
    plain = all(
        part.operator == "eq" and not (part.negated or part.modifier or part.field.steps) for part in only
    )
    names = [part.field.column for part in only]
    if not plain or len(only) != len(query.where) or not names or sorted(names) != sorted(ask.table.key):
        raise RestError(
            405,
            "PGRST105",
            "Filters must include all and only primary key columns with 'eq' operators",
        )
    columns = ask.columns()
    if not ask.body.rows or not set(names) <= set(columns):
        raise _other_key()
    statement = Statement(ask.table)
    change = rest_sql.insert(statement, ask.body.text, columns, conflict=(ask.table.key, False), only=only)
    inserted, _, body = await _run(runner, ask, statement, change, exactly=True)
    status = 204 if not ask.represented else 201 if inserted else 200
    return _answer(runner, ask, status, body, {})


async def update(runner: Runner, ask: Ask) -> Response:
    """Answer PATCH."""
    _demand_where(ask, "UPDATE")
    columns = ask.columns()
    if not columns:
        return _nothing(runner, ask, 200 if ask.represented else 204)
    statement = Statement(ask.table)
    change = rest_sql.update(
        statement, ask.query, ask.body.text, columns, defaults=ask.prefer.missing == "default"
    )
    _, count, body = await _run(runner, ask, statement, change)
    headers = {"content-range": content_range(0, count, count if _counting(ask) else None)}
    return _answer(runner, ask, 200 if ask.represented else 204, body, headers)


async def delete(runner: Runner, ask: Ask) -> Response:
    """Answer DELETE."""
    _demand_where(ask, "DELETE")
    statement = Statement(ask.table)
    _, count, body = await _run(runner, ask, statement, rest_sql.delete(statement, ask.query))
    headers = {"content-range": f"*/{count if _counting(ask) else '*'}"}
    return _answer(runner, ask, 200 if ask.represented else 204, body, headers)


async def _run(
    runner: Runner, ask: Ask, statement: Statement, change: sql.Composable, *, exactly: bool = False
) -> tuple[int | None, int, str | None]:
    """Run a change; it is undone when its rows are not as many as was asked for."""
    items: tuple[Item | None, ...] = ()
    if ask.represented:
        items = ask.query.select
    elif ask.method == "POST" and ask.prefer.returned == "headers-only":
        items = tuple(Item(Field(name)) for name in ask.table.key)
    rows = rest_sql.returning(statement, change, items, ask.readable)
    form = form_of(ask) if ask.represented else "array"
    made = rest_sql.answer(rows, form, strip_nulls=ask.strip_nulls, total=INSERTED)
    async with runner.transaction(ask) as connection:
        inserted, count, body = await fetch(connection, made, statement)
        if ask.single and ask.represented and count != 1:
            raise not_one(count)
        if exactly and count != 1:
            raise _other_key()
        most = ask.prefer.max_affected
        if ask.prefer.handling == "strict" and most is not None and count > most and ask.method != "POST":
            raise RestError(
                400,
                "PGRST124",
                "Query result exceeds max-affected preference constraint",
                f"The query affects {count} rows",
            )
    return inserted, count, (body or "") if items else None


def _answer(runner: Runner, ask: Ask, status: int, body: str | None, headers: dict[str, str]) -> Response:
    names = Statement(ask.table).names(ask.query.select, ask.readable)
    return respond(ask, status, body if ask.represented else None, headers, runner.known_zones(), names)


def _nothing(runner: Runner, ask: Ask, status: int) -> Response:
    """Answer a change without rows."""
    if ask.single and ask.represented:
        raise not_one(0)
    body = "" if ask.accept == "text/csv" else "[]"
    total = "0" if _counting(ask) else "*"
    return _answer(runner, ask, status, body, {"content-range": f"*/{total}"})


def _counting(ask: Ask) -> bool:
    return ask.prefer.count in ("exact", "estimated")


def _demand_where(ask: Ask, verb: str) -> None:
    if not ask.query.where:
        # Supabase loads pg-safeupdate for every visitor.
        raise RestError(400, "21000", f"{verb} requires a WHERE clause")


def _location(ask: Ask, body: str) -> dict[str, str]:
    """Say where the one row is that was inserted."""
    rows = json.loads(body, parse_float=str, parse_int=str)
    if len(rows) != 1 or not ask.table.key:
        return {}
    pairs = [f"{quote(name)}=eq.{quote(str(rows[0][name]))}" for name in ask.table.key]
    return {"location": f"/{quote(ask.table.name)}?{'&'.join(pairs)}"}


def _other_key() -> RestError:
    return RestError(400, "PGRST115", "Payload values do not match URL in primary key column(s)")
