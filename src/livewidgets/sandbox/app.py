"""One ASGI application for everything that the sandbox serves, on one port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from livewidgets.sandbox.accounts import Accounts
from livewidgets.sandbox.accounts_http import AccountsHttp
from livewidgets.sandbox.auth import Tokens
from livewidgets.sandbox.border import LOOPBACK, Activity, Border, Limits
from livewidgets.sandbox.catalog import Catalog
from livewidgets.sandbox.intake import Intake
from livewidgets.sandbox.realtime import Realtime, RealtimeOptions
from livewidgets.sandbox.realtime_http import BroadcastHttp
from livewidgets.sandbox.rest import Rest

if TYPE_CHECKING:
    from livewidgets.sandbox.keys import Keys
    from livewidgets.sandbox.postgres import Database
    from livewidgets.sandbox.wal import WalStream

#: Bytes of a websocket frame: above a broadcast's limit, so that one gets its error reply.
MAX_FRAME = 4 * 1024 * 1024
METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE"]


@dataclass(frozen=True)
class AppOptions:
    """What can be set.

    Attributes
    ----------
    hosts
        Names that a request may be for, and pages may come from, besides those of the loopback.
    max_rows
        Rows of one REST answer.
    limits
        What a request may take.
    """

    realtime: RealtimeOptions = field(default_factory=RealtimeOptions)
    hosts: frozenset[str] = frozenset()
    max_rows: int = 1000
    limits: Limits = field(default_factory=Limits)


def serve_options() -> dict[str, Any]:
    """Uvicorn's settings that this application counts on.

    Compressing each frame would cost more than sending it, and access lines would hold API keys.
    """
    return {
        "ws": "websockets-sansio",
        "ws_per_message_deflate": False,
        "ws_max_size": MAX_FRAME,
        "http": Intake,
        "access_log": False,
        "log_level": "warning",
        "lifespan": "on",
        "server_header": False,
    }


def create_app(
    database: Database,
    wal: WalStream,
    keys: Keys,
    options: AppOptions | None = None,
    routes: Sequence[BaseRoute] = (),
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
    routes
        More of them, beside those that Supabase has.
    """
    options = options or AppOptions()
    tokens = Tokens(keys)
    catalog = Catalog(database)
    rest = Rest(database, catalog, tokens, max_rows=options.max_rows, max_body=options.limits.body)
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

    served: list[BaseRoute] = [
        WebSocketRoute("/realtime/v1/websocket", realtime),
        *BroadcastHttp(realtime, tokens, options.limits.body).routes(),
        Route("/health", health),
        *accounts.routes(),
        Route("/rest/v1/", rest.root, methods=METHODS),
        Route("/rest/v1/rpc/{name}", rest.function, methods=METHODS),
        Route("/rest/v1/{table}", rest.table, methods=METHODS),
        *routes,
    ]
    activity = Activity()
    border = Middleware(Border, allowed=LOOPBACK | options.hosts, activity=activity, limits=options.limits)
    app = Starlette(routes=served, lifespan=lifespan, middleware=[border])
    app.state.activity = activity
    app.state.realtime = realtime
    app.state.catalog = catalog
    return app
