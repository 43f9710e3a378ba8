"""The application's border: who may come in from where, with how much, and how fast."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Bytes of a request's body.
MAX_BODY = 16 * 1024 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Limits:
    """What requests may take.

    Attributes
    ----------
    body
        Bytes of one body.
    body_seconds
        Seconds for a body to come in.
    held
        Bytes of all bodies together that are being read or served.
    """

    body: int = MAX_BODY
    body_seconds: float = 30.0
    held: int = 8 * MAX_BODY


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


class _RefusedError(Exception):
    """A request is given up while its body comes in."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Border:
    """What is looked at before anything else: the Host, the Origin, the size; and CORS for local pages.

    A page on a foreign site must not reach a sandbox on this machine, neither by its own name (Origin) nor by a
    name that it points to 127.0.0.1 (Host).
    """

    def __init__(
        self, app: ASGIApp, allowed: frozenset[str], activity: Activity, limits: Limits | None = None
    ) -> None:
        self._app = app
        self._allowed = allowed
        self._activity = activity
        self._limits = limits or Limits()
        #: Bytes of bodies that are being read or served.
        self._held = 0

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

        await self._bounded(scope, receive, send_with_cors)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose body comes in time, and while there is room for it."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.body_seconds
        mine, whole, answered = 0, False, False

        async def receive_in_time() -> Message:
            nonlocal mine, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(end):
                    message = await receive()
            except TimeoutError as error:
                raise _RefusedError(408, "The request's body came too slowly.") from error
            whole = not message.get("more_body", False)
            size = len(message.get("body", b""))
            mine += size
            self._held += size
            if self._held > self._limits.held:
                raise _RefusedError(503, "Too many large requests at once.")
            return message

        async def note_answer(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, receive_in_time, note_answer)
        except _RefusedError as refusal:
            if not answered:
                # The rest of the body is not waited for.
                close = {"connection": "close"}
                await JSONResponse({"message": str(refusal)}, refusal.status, close)(scope, receive, send)
        finally:
            self._held -= mine

    def _refusal(self, headers: Headers, origin: str | None) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name(f"//{hosts[0]}") not in self._allowed:
            return JSONResponse({"message": "This sandbox answers to the names of this machine only."}, 421)
        if origin is not None and _name(origin) not in self._allowed:
            return JSONResponse({"message": "This sandbox answers pages of this machine only."}, 403)
        length = headers.get("content-length", "0")
        if not re.fullmatch(r"\d{1,18}", length) or int(length) > self._limits.body:
            return JSONResponse({"message": f"A request may have {self._limits.body} bytes."}, 413)
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
