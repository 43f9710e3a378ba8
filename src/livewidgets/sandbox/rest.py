"""The REST half: the part of PostgREST's dialect that the Supabase clients speak, one table a request."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from livewidgets.sandbox import openapi, rest_change
from livewidgets.sandbox.auth import Claims, GatewayRefusal, TokenRefusedError, Tokens, visitor
from livewidgets.sandbox.gate import Gate, GateClosedError
from livewidgets.sandbox.rest_ask import SCHEMAS, find_table, read_ask
from livewidgets.sandbox.rest_errors import RestError
from livewidgets.sandbox.rest_http import refused, translated
from livewidgets.sandbox.rest_run import Runner
from livewidgets.sandbox.rest_select import select

if TYPE_CHECKING:
    from livewidgets.sandbox.catalog import Catalog
    from livewidgets.sandbox.postgres import Database

_TABLE_METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")


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
    gate
        Who may ask the database when.
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
        gate: Gate | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalog = catalog
        self._tokens = tokens
        self._max_rows = max_rows
        self._max_body = max_body
        self._clock = clock
        self._runner = Runner(database, gate or Gate())

    async def table(self, request: Request) -> Response:
        """Answer ``/rest/v1/{table}``."""
        return await self._guarded(request, self._answer)

    async def root(self, request: Request) -> Response:
        """Answer ``/rest/v1/`` with the OpenAPI document of what the role may read."""
        return await self._guarded(request, self._document)

    async def function(self, request: Request) -> Response:
        """Answer ``/rest/v1/rpc/{name}``: the sandbox serves no functions."""
        return await self._guarded(request, _no_function)

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
        except GateClosedError:
            words = "Timed out acquiring connection from connection pool."
            return RestError(504, "PGRST003", words).response()
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
        if request.method == "OPTIONS":
            return Response(headers={"allow": "OPTIONS,GET,HEAD"})
        if request.method not in ("GET", "HEAD"):
            raise _unsupported(request.method)
        # Seldom asked for, and what DDL has changed a moment ago should be in it: word of that takes its time.
        snapshot = await self._catalog.fresh()
        rights = await self._catalog.rights(claims.role, snapshot)
        document = openapi.document(
            [table for table in snapshot.tables.values() if table.schema in SCHEMAS],
            rights,
            str(request.base_url),
        )
        text = json.dumps(document, ensure_ascii=False)
        return Response(text, media_type="application/openapi+json; charset=utf-8")

    async def _answer(self, request: Request, claims: Claims) -> Response:
        if request.method == "OPTIONS":
            table, _ = await find_table(request, claims.role, self._catalog, reading=True)
            methods = [name for name in ("OPTIONS", *_TABLE_METHODS) if name != "PUT" or table.key]
            return Response(headers={"allow": ",".join(methods)})
        if request.method not in _TABLE_METHODS:
            raise _unsupported(request.method)
        ask = await read_ask(request, claims, self._catalog, self._max_body)
        ask.prefer.check(await self._runner.zones() if ask.prefer.timezone else frozenset())
        match ask.method:
            case "POST":
                return await rest_change.insert(self._runner, ask)
            case "PUT":
                return await rest_change.replace(self._runner, ask)
            case "PATCH":
                return await rest_change.update(self._runner, ask)
            case "DELETE":
                return await rest_change.delete(self._runner, ask)
        return await select(self._runner, ask, self._max_rows)


async def _no_function(request: Request, _: Claims) -> Response:
    name = request.path_params["name"]
    raise RestError(
        404,
        "PGRST202",
        f"Could not find the function public.{name} in the schema cache",
        "The sandbox serves tables only.",
    )


def _unsupported(method: str) -> RestError:
    return RestError(405, "PGRST117", f"Unsupported HTTP method: {method}")
