"""One ASGI application for everything that the sandbox serves, on one port."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from livewidgets.sandbox.accounts import Accounts
from livewidgets.sandbox.accounts_http import AccountsHttp
from livewidgets.sandbox.auth import Tokens
from livewidgets.sandbox.catalog import Catalog
from livewidgets.sandbox.realtime import Realtime, RealtimeOptions
from livewidgets.sandbox.realtime_http import BroadcastHttp
from livewidgets.sandbox.rest import Rest

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from livewidgets.sandbox.keys import Keys
    from livewidgets.sandbox.postgres import Database
    from livewidgets.sandbox.wal import WalStream

#: Bytes of a request's body.
MAX_BODY = 16 * 1024 * 1024
#: Bytes of a websocket frame: above a broadcast's limit, so that one gets its error reply.
MAX_FRAME = 4 * 1024 * 1024
METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE"]
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class AppOptions:
    """What can be set.

    Attributes
    ----------
    hosts
        Names that a request may be for, and pages may come from, besides those of the loopback.
    max_rows
        Rows of one REST answer.
    """

    realtime: RealtimeOptions = field(default_factory=RealtimeOptions)
    hosts: frozenset[str] = frozenset()
    max_rows: int = 1000


class Activity:
    """What tells whether somebody still uses the sandbox.

    Attributes
    ----------
    last_request
        `time.monotonic` of the last HTTP request or websocket's end.
    """

    def __init__(self) -> None:
        self.sockets = 0
        self.last_request = time.monotonic()


def serve_options() -> dict[str, Any]:
    """Uvicorn's settings that this application counts on.

    Compressing each frame would cost more than sending it, and access lines would hold API keys.
    """
    return {
        "ws": "websockets-sansio",
        "ws_per_message_deflate": False,
        "ws_max_size": MAX_FRAME,
        "http": "httptools",
        "access_log": False,
        "log_level": "warning",
        "lifespan": "on",
        "server_header": False,
    }


def create_app(
    database: Database, wal: WalStream, keys: Keys, options: AppOptions | None = None
) -> Starlette:
    """Make the application; its lifespan starts and stops what runs beside the requests.

    Parameters
    ----------
    database
        An open pool.
    wal
        The stream of changes; the application is its one consumer.
    keys
        The sandbox's keys.
    """
    options = options or AppOptions()
    tokens = Tokens(keys)
    catalog = Catalog(database)
    rest = Rest(database, catalog, tokens, max_rows=options.max_rows, max_body=MAX_BODY)
    accounts = AccountsHttp(Accounts(database, keys), tokens)
    realtime = Realtime(database, catalog, tokens, wal, options.realtime)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await catalog.start()
        await realtime.start()
        try:
            yield
        finally:
            await realtime.stop()
            await catalog.stop()

    async def health(_: Request) -> Response:
        ready = realtime.streaming.is_set()
        return JSONResponse({"status": "ok" if ready else "starting"}, 200 if ready else 503)

    routes: list[BaseRoute] = [
        WebSocketRoute("/realtime/v1/websocket", realtime),
        *BroadcastHttp(realtime, tokens, MAX_BODY).routes(),
        Route("/health", health),
        *accounts.routes(),
        Route("/rest/v1/", rest.root, methods=METHODS),
        Route("/rest/v1/rpc/{name}", rest.function, methods=METHODS),
        Route("/rest/v1/{table}", rest.table, methods=METHODS),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(Border, allowed=LOOPBACK | options.hosts, activity=(activity := Activity()))],
    )
    app.state.activity = activity
    app.state.realtime = realtime
    app.state.catalog = catalog
    return app


class Border:
    """What is looked at before anything else: the Host, the Origin, the size; and CORS for local pages.

    A page on a foreign site must not reach a sandbox on this machine, neither by its own name (Origin) nor by a
    name that it points to 127.0.0.1 (Host).
    """

    def __init__(self, app: ASGIApp, allowed: frozenset[str], activity: Activity) -> None:
        self._app = app
        self._allowed = allowed
        self._activity = activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it (ASGI)."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        refusal = self._refusal(headers, origin)
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)
            return
        if scope["type"] == "websocket":
            self._activity.sockets += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._activity.sockets -= 1
                self._activity.last_request = time.monotonic()
            return
        self._activity.last_request = time.monotonic()
        cors = _cors(origin, headers) if origin else []
        if origin and scope["method"] == "OPTIONS":
            await Response(status_code=200, headers=dict(cors))(scope, receive, send)
            return

        async def send_with_cors(message: Message) -> None:
            if message["type"] == "http.response.start" and cors:
                extra = [(name.encode(), value.encode()) for name, value in cors]
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        await self._app(scope, receive, send_with_cors)

    def _refusal(self, headers: Headers, origin: str | None) -> Response | None:
        if _name(f"//{headers.get('host', '')}") not in self._allowed:
            return JSONResponse({"message": "This sandbox answers to the names of this machine only."}, 421)
        if origin is not None and _name(origin) not in self._allowed:
            return JSONResponse({"message": "This sandbox answers pages of this machine only."}, 403)
        length = headers.get("content-length", "0")
        if not re.fullmatch(r"\d{1,18}", length) or int(length) > MAX_BODY:
            return JSONResponse({"message": f"A request may have {MAX_BODY} bytes."}, 413)
        return None


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _cors(origin: str, headers: Headers) -> list[tuple[str, str]]:
    return [
        ("access-control-allow-origin", origin),
        ("access-control-allow-methods", "GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS"),
        ("access-control-allow-headers", headers.get("access-control-request-headers") or "*"),
        ("access-control-expose-headers", "Content-Range, Content-Location, Location, Preference-Applied"),
        ("access-control-max-age", "3600"),
        ("vary", "Origin"),
    ]


async def _refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
    await answer(scope, receive, send)
