"""``/sandbox/v1``: how the traffic is played, and who is connected. For whoever holds the service key.

::

    GET  /sandbox/v1/traffic   →  {"state": "playing", "speed": 1.0, "scenario": "normal"}
    POST /sandbox/v1/traffic   {"state": "paused"}, or any other part of it; the answer is the whole
    GET  /sandbox/v1/clients   →  {"sockets": 2, "channels": 9, "subscriptions": 7}
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from livewidgets.errors import SandboxStartError
from livewidgets.sandbox.auth import Tokens, bearer
from livewidgets.sandbox.traffic import Pace

if TYPE_CHECKING:
    from starlette.requests import Request

    from livewidgets.sandbox.keys import Keys
    from livewidgets.sandbox.realtime import Realtime
    from livewidgets.sandbox.traffic import Traffic

PATH = "/sandbox/v1/traffic"
CLIENTS_PATH = "/sandbox/v1/clients"
_LONGEST = 4096
_PARTS = {field.name for field in fields(Pace)}


def traffic_route(keys: Keys, traffic: Traffic | None) -> Route:
    """Make the route.

    Parameters
    ----------
    keys
        The sandbox's keys.
    traffic
        What is controlled; None where the database has no call business to play.
    """
    tokens = Tokens(keys)

    async def answer(request: Request) -> Response:
        if not _holds_service_key(request, tokens):
            return _says(401, "The traffic is controlled with the service key.")
        if traffic is None:
            return _says(409, "This database has no tables of the call business, so it has no traffic.")
        if request.method == "POST":
            try:
                await traffic.set(replace(traffic.pace, **await _wanted(request)))
            except (ValueError, SandboxStartError) as error:
                return _says(400, str(error))
        return JSONResponse(asdict(traffic.pace))

    return Route(PATH, answer, methods=["GET", "POST"])


def clients_route(keys: Keys) -> Route:
    """Make the route that counts websockets, joined channels, and those of them that follow tables.

    Parameters
    ----------
    keys
        The sandbox's keys.
    """
    tokens = Tokens(keys)

    async def answer(request: Request) -> Response:
        if not _holds_service_key(request, tokens):
            return _says(401, "Who is connected is told to the service key.")
        realtime: Realtime = request.app.state.realtime
        return JSONResponse(
            {
                "sockets": len(realtime.sockets),
                "channels": len(realtime.rooms),
                "subscriptions": len(realtime.subscriptions),
            }
        )

    return Route(CLIENTS_PATH, answer, methods=["GET"])


def _holds_service_key(request: Request, tokens: Tokens) -> bool:
    token = request.headers.get("apikey") or bearer(request.headers.get("authorization")) or ""
    claims = tokens.api_key(token, time.time())
    return claims is not None and claims.role == "service_role"


async def _wanted(request: Request) -> dict[str, Any]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST:
            raise ValueError("Send an object with state, speed or scenario.")
    try:
        wanted = json.loads(body)
    except (ValueError, RecursionError):
        wanted = None
    if not isinstance(wanted, dict) or not wanted.keys() <= _PARTS:
        raise ValueError("Send an object with state, speed or scenario.")
    return wanted


def _says(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)
