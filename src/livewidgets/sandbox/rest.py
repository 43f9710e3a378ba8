"""The REST half: the part of PostgREST's dialect that the Supabase clients speak, one table a request."""

from __future__ import annotations

import asyncio
import difflib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import psycopg
from psycopg import sql
from psycopg_pool import PoolTimeout
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from livewidgets.sandbox import openapi, rest_query, rest_sql
from livewidgets.sandbox.auth import Claims, GatewayRefusal, TokenRefusedError, Tokens, visitor
from livewidgets.sandbox.rest_errors import RestError, bad_body, unknown_column, unknown_table
from livewidgets.sandbox.rest_http import (
    OBJECT,
    content_range,
    media_type,
    not_one,
    out_of_range,
    preferences,
    read_rows,
    refused,
    to_csv,
    translated,
)
from livewidgets.sandbox.rest_sql import Statement

if TYPE_CHECKING:
    from livewidgets.sandbox.catalog import Catalog, Rights, Table
    from livewidgets.sandbox.postgres import Database

#: The schemas that requests may name.
SCHEMAS = ("public",)
#: Milliseconds that a statement may take, by role; as Supabase sets them.
TIMEOUTS = {"anon": 3000}
TIMEOUT = 8000
#: Requests at the database at once; the pool has more connections, so that Realtime is never locked out.
AT_ONCE = 8


@dataclass(frozen=True)
class _Ask:
    """A request, read."""

    method: str
    table: Table
    rights: Rights
    claims: Claims
    query: rest_query.Query
    prefer: Mapping[str, str]
    accept: str
    strip_nulls: bool
    body: bytes

    @property
    def single(self) -> bool:
        return self.accept == OBJECT

    @property
    def readable(self) -> frozenset[str]:
        return self.rights.readable.get(self.table.oid, frozenset())


class Rest:
    """The endpoints under ``/rest/v1``.

    Parameters
    ----------
    database, catalog, tokens
        Where to look things up.
    max_rows
        Rows of one answer.
    max_body
        Bytes of a request's body.
    clock
        Epoch seconds.
    """

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        tokens: Tokens,
        *,
        max_rows: int = 1000,
        max_body: int = 16 * 1024 * 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._tokens = tokens
        self._max_rows = max_rows
        self._max_body = max_body
        self._clock = clock
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def table(self, request: Request) -> Response:
        """Answer ``/rest/v1/{table}``."""
        return await self._guarded(request, self._answer)

    async def root(self, request: Request) -> Response:
        """Answer ``/rest/v1/`` with the OpenAPI document of what the role may read."""
        return await self._guarded(request, self._document)

    async def function(self, request: Request) -> Response:
        """Answer ``/rest/v1/rpc/{name}``: the sandbox serves no functions."""

        async def missing(request: Request, _: Claims) -> Response:
            name = request.path_params["name"]
            raise RestError(
                404,
                "PGRST202",
                f"Could not find the function public.{name} in the schema cache",
                "The sandbox serves tables only.",
            )

        return await self._guarded(request, missing)

    async def _guarded(self, request: Request, answer: Callable[[Request, Claims], Any]) -> Response:
        claims: Claims | None = None
        try:
            turned_away, claims = self._who(request)
            if turned_away is not None:
                return turned_away
            response: Response = await answer(request, claims)
            return response
        except RestError as error:
            return error.response()
        except ClientDisconnect:
            return Response(status_code=400)
        except psycopg.Error as error:
            anonymous = claims is None or claims.role == "anon"
            return translated(error, anonymous=anonymous).response()
        except (PoolTimeout, OSError):
            return RestError(503, "PGRST001", "Database client error. Retrying the connection.").response()

    def _who(self, request: Request) -> tuple[Response | None, Claims]:
        """Check the API key as the gateway does, then the token as PostgREST does."""
        now = self._clock()
        found = visitor(request, self._tokens, now)
        if isinstance(found, GatewayRefusal):
            return JSONResponse(found.body, 401), Claims("anon", "{}")
        if found.token is None:
            return None, found.by_key
        try:
            return None, self._tokens.verify(found.token, now, strict=False)
        except TokenRefusedError as error:
            raise refused(error, found.token) from error

    async def _document(self, request: Request, claims: Claims) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise RestError(405, "PGRST117", f"Unsupported HTTP method: {request.method}")
        snapshot = await self._catalog.snapshot()
        rights = await self._catalog.rights(claims.role, snapshot)
        document = openapi.document(
            [table for table in snapshot.tables.values() if table.schema in SCHEMAS],
            rights,
            str(request.base_url),
        )
        text = json.dumps(document, ensure_ascii=False)
        return Response(text, media_type="application/openapi+json; charset=utf-8")

    async def _answer(self, request: Request, claims: Claims) -> Response:
        if request.method not in ("GET", "HEAD", "POST", "PATCH", "DELETE"):
            raise RestError(405, "PGRST117", f"Unsupported HTTP method: {request.method}")
        ask = await self._read(request, claims)
        if ask.method in ("GET", "HEAD"):
            return await self._select(ask, request.headers.get("range"))
        if ask.method == "POST":
            return await self._insert(ask)
        if not ask.query.where:
            # Supabase loads pg-safeupdate for every visitor.
            verb = "UPDATE" if ask.method == "PATCH" else "DELETE"
            raise RestError(400, "21000", f"{verb} requires a WHERE clause")
        return await (self._update(ask) if ask.method == "PATCH" else self._delete(ask))

    async def _read(self, request: Request, claims: Claims) -> _Ask:
        reading = request.method in ("GET", "HEAD")
        schema = request.headers.get("accept-profile" if reading else "content-profile") or SCHEMAS[0]
        if schema not in SCHEMAS:
            exposed = f"Only the following schemas are exposed: {', '.join(SCHEMAS)}"
            raise RestError(406, "PGRST106", f"Invalid schema: {schema}", None, exposed)
        name = request.path_params["table"]
        snapshot = await self._catalog.snapshot()
        if (schema, name) not in snapshot.tables:
            snapshot = await self._catalog.fresh()
        table = snapshot.tables.get((schema, name))
        if table is None:
            known = [other for of, other in snapshot.tables if of == schema]
            near = difflib.get_close_matches(name, known, 1)
            hint = f"Perhaps you meant the table '{schema}.{near[0]}'" if near else None
            raise unknown_table(schema, name, hint)
        rights = await self._catalog.rights(claims.role, snapshot)
        if not rights.exists:
            raise RestError(401, "22023", f'role "{claims.role}" does not exist')
        query_string = request.scope.get("query_string", b"").decode("latin-1")
        parameters = [
            (key, value)
            for key, value in parse_qsl(query_string, keep_blank_values=True, errors="replace")
            if key != "apikey"
        ]
        if "\0" in query_string or any("\0" in key + value for key, value in parameters):
            raise RestError(400, "22021", 'invalid byte sequence for encoding "UTF8": 0x00')
        accept, strip_nulls = media_type(request.headers.get("accept", "*/*"))
        return _Ask(
            request.method,
            table,
            rights,
            claims,
            rest_query.parse(parameters, name),
            preferences(request.headers.getlist("prefer")),
            accept,
            strip_nulls,
            b"" if reading else await self._body(request),
        )

    async def _body(self, request: Request) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > self._max_body:
                raise RestError(413, "PGRST102", f"A body may have {self._max_body} bytes.")
            parts.append(part)
        return b"".join(parts)

    async def _select(self, ask: _Ask, range_header: str | None) -> Response:
        query = ask.query
        offset, limit = query.offset, query.limit
        found = re.fullmatch(r"(?:items=)?(\d{1,15})-(\d{0,15})", (range_header or "").strip())
        if found is not None and limit is None and not offset:
            offset = int(found[1])
            if found[2]:
                limit = int(found[2]) - offset + 1
                if limit < 0:
                    raise out_of_range(offset, None)
        limit = self._max_rows if limit is None else min(limit, self._max_rows)
        query = rest_query.Query(query.select, query.where, query.order, limit, offset)
        counted = ask.prefer.get("count") in ("exact", "planned", "estimated")
        statement = Statement(ask.table)
        # The total stands before the rows' own name in the text, yet after them in the order of parameters.
        rows, total = rest_sql.read(statement, query, ask.readable, limit, counted=counted)
        made = rest_sql.answer(rows, single=ask.single, strip_nulls=ask.strip_nulls, total=total)
        all_rows, page, body = await self._run(ask, made, statement.parameters)
        if all_rows is not None and offset > 0 and offset >= all_rows:
            raise out_of_range(offset, all_rows)
        partial = all_rows is not None and page < all_rows
        headers = {"content-range": content_range(offset, page, all_rows)}
        if ask.single and page != 1:
            raise not_one(page)
        return self._respond(ask, body, 206 if partial else 200, headers)

    async def _insert(self, ask: _Ask) -> Response:
        rows, single_row = read_rows(ask.body)
        columns = _columns(ask, rows)
        resolution = ask.prefer.get("resolution")
        conflict = None
        if resolution in ("merge-duplicates", "ignore-duplicates"):
            conflict = (ask.query.on_conflict or ask.table.key, resolution == "ignore-duplicates")
        text = ask.body.decode()
        statement = Statement(ask.table)
        if not rows:
            return self._respond(ask, "[]", 201, {"content-range": "*/*"})
        change = rest_sql.insert(
            statement,
            f"[{text}]" if single_row else text,
            columns,
            defaults=ask.prefer.get("missing") == "default",
            conflict=conflict,
        )
        return await self._change(ask, statement, change, 201, 201)

    async def _update(self, ask: _Ask) -> Response:
        rows, single_row = read_rows(ask.body)
        columns = _columns(ask, rows)
        if not rows or not columns:
            return self._respond(ask, "[]", 200 if _represented(ask) else 204, {"content-range": "*/*"})
        text = ask.body.decode()
        statement = Statement(ask.table)
        change = rest_sql.update(statement, ask.query, f"[{text}]" if single_row else text, columns)
        return await self._change(ask, statement, change, 200, 204)

    async def _delete(self, ask: _Ask) -> Response:
        statement = Statement(ask.table)
        return await self._change(ask, statement, rest_sql.delete(statement, ask.query), 200, 204)

    async def _change(
        self, ask: _Ask, statement: Statement, change: sql.Composable, shown: int, silent: int
    ) -> Response:
        represented = _represented(ask)
        rows = rest_sql.returning(statement, change, ask.query, ask.readable if represented else None)
        made = rest_sql.answer(
            rows, single=ask.single and represented, strip_nulls=ask.strip_nulls, total=sql.SQL("null::int8")
        )

        def check(count: int) -> None:
            if ask.single and represented and count != 1:
                raise not_one(count)
            most = ask.prefer.get("max-affected", "")
            if ask.prefer.get("handling") == "strict" and most.isdecimal() and count > int(most):
                raise RestError(
                    400,
                    "PGRST124",
                    "Query result exceeds max-affected preference constraint",
                    f"The query affects {count} rows",
                )

        _, count, body = await self._run(ask, made, statement.parameters, check)
        total = count if ask.prefer.get("count") else None
        if ask.method == "PATCH":
            headers = {"content-range": content_range(0, count, total)}
        else:
            headers = {"content-range": f"*/{'*' if total is None else total}"}
        return self._respond(ask, body, shown if represented else silent, headers)

    async def _run(
        self,
        ask: _Ask,
        statement: sql.Composed,
        parameters: Sequence[object],
        check: Callable[[int], None] | None = None,
    ) -> tuple[int | None, int, str | None]:
        """Run one statement in one transaction, as the token's role and with its claims."""
        claims = ask.claims
        reading = ask.method in ("GET", "HEAD")
        async with self._gate, self._database.pool.connection() as connection, connection.transaction():
            await connection.execute(
                "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
                " set_config('request.method', %s, true), set_config('request.path', %s, true),"
                " set_config('statement_timeout', %s, true), set_config('TimeZone', 'UTC', true),"
                " set_config('transaction_read_only', %s, true)",
                [
                    claims.role,
                    claims.text,
                    ask.method,
                    f"/{ask.table.name}",
                    str(TIMEOUTS.get(claims.role, TIMEOUT)),
                    "on" if reading else "off",
                ],
            )
            cursor = await connection.execute(statement, parameters, prepare=False)
            row = await cursor.fetchone()
            total, count, body = row or (None, 0, None)
            if check is not None:
                check(count)
        return total, count, body

    def _respond(self, ask: _Ask, body: str | None, status: int, headers: dict[str, str]) -> Response:
        applied = [
            f"{name}={value}"
            for name, value in ask.prefer.items()
            if name in ("return", "resolution", "missing", "count", "handling", "max-affected")
        ]
        if applied:
            headers["preference-applied"] = ", ".join(applied)
        silent = ask.method not in ("GET", "HEAD") and not _represented(ask)
        if silent or ask.method == "HEAD":
            if not silent:
                headers["content-type"] = f"{ask.accept}; charset=utf-8"
            return Response(status_code=status, headers=headers)
        if ask.accept == "text/csv":
            return Response(to_csv(body or "[]"), status, headers, "text/csv; charset=utf-8")
        return Response((body or "[]").encode(), status, headers, f"{ask.accept}; charset=utf-8")


def _represented(ask: _Ask) -> bool:
    return ask.prefer.get("return") == "representation"


def _columns(ask: _Ask, rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Return the columns that a body writes."""
    columns = ask.query.columns
    if columns is None:
        columns = tuple(rows[0]) if rows else ()
        if any(row.keys() != rows[0].keys() for row in rows):
            raise bad_body("All object keys must match")
    for name in columns:
        if name not in ask.table.columns:
            raise unknown_column(ask.table.name, name)
    return tuple(dict.fromkeys(columns))
