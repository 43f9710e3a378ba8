"""Broadcast by HTTP: ``POST /realtime/v1/api/broadcast`` (a batch) and ``.../{topic}/events/{event}`` (one)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from livewidgets.sandbox.auth import Claims, TokenRefusedError, Tokens, bearer
from livewidgets.sandbox.connection import EXTENSIONS, MAX_BROADCAST, PREFIX
from livewidgets.sandbox.connection_effects import Ask, Verdict
from livewidgets.sandbox.phoenix import UserBroadcast, dump, load

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from livewidgets.sandbox.realtime import Realtime

ROOT = "/realtime/v1/api/broadcast"
BLANK, INVALID = "can't be blank", "is invalid"
TOO_LARGE = "Payload size exceeds tenant limit"
MEDIA = "Unsupported Media Type. Use application/json or application/octet-stream"
UNAVAILABLE = "Tenant database unavailable"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One message of a batch."""

    topic: str
    event: str
    payload: dict[str, Any]
    private: bool
    meta: dict[str, str]


class BroadcastHttp:
    """Reads requests and tells the rooms.

    Parameters
    ----------
    realtime
        Whose rooms they are for.
    tokens
        Checks who sends.
    max_body
        Bytes of a request's body.
    """

    def __init__(self, realtime: Realtime, tokens: Tokens, max_body: int) -> None:
        self._realtime = realtime
        self._tokens = tokens
        self._max_body = max_body

    def routes(self) -> list[BaseRoute]:
        """Return the routes of both forms."""
        return [
            Route(ROOT, self._guarded(self._batch), methods=["POST"]),
            Route(ROOT + "/{rest:path}", self._guarded(self._single), methods=["POST"]),
        ]

    def _guarded(
        self, answer: Callable[[Request, Claims, bytes], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            claims = self._claims(request)
            if claims is None:
                return JSONResponse({"message": "Unauthorized"}, 401)
            try:
                body = await self._body(request)
            except ClientDisconnect:
                return Response(status_code=400)
            if body is None:
                return JSONResponse({"message": f"A request may have {self._max_body} bytes."}, 413)
            return await answer(request, claims, body)

        return endpoint

    def _claims(self, request: Request) -> Claims | None:
        token = bearer(request.headers.get("authorization")) or request.headers.get("apikey")
        try:
            return self._tokens.verify(token, self._realtime.clock()) if token else None
        except TokenRefusedError:
            return None

    async def _body(self, request: Request) -> bytes | None:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > self._max_body:
                return None
        return bytes(body)

    async def _batch(self, _: Request, claims: Claims, body: bytes) -> Response:
        try:
            found = load(body or b"{}")
        except (ValueError, RecursionError):
            return JSONResponse({"message": "The body is no JSON."}, 400)
        entries, errors = _entries(found.get("messages") if isinstance(found, dict) else None)
        if errors is not None:
            return JSONResponse({"errors": {"messages": errors}}, 422)
        allowed: dict[str, bool] = {}
        for entry in entries:
            if entry.private and entry.topic not in allowed:
                allowed[entry.topic] = (await self._ask(entry.topic, claims)).write.get("broadcast", False)
        # The public ones first, as the real server has it; what may not be sent is left out without a word.
        for entry in sorted(entries, key=lambda entry: entry.private):
            if not entry.private or allowed[entry.topic]:
                payload = {"event": entry.event, "payload": entry.payload, "type": "broadcast"}
                if entry.meta:
                    payload["meta"] = entry.meta
                self._realtime.rooms.tell(PREFIX + entry.topic, payload, private=entry.private)
        return Response(status_code=202)

    async def _single(self, request: Request, claims: Claims, body: bytes) -> Response:
        # A topic may hold a slash, as %2F: the path as it was sent tells it from those between the parts.
        raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
        parts = raw.split(b"?")[0].split(b"/")[len(ROOT.split("/")) :]
        if len(parts) != 3 or parts[1] != b"events":
            return JSONResponse({"message": "not found"}, 404)
        kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
        if kind not in ("application/json", "application/octet-stream"):
            return JSONResponse({"error": MEDIA}, 415)
        is_json = kind == "application/json"
        try:
            topic, event = (unquote_to_bytes(part).decode() for part in (parts[0], parts[2]))
            if is_json:
                body = dump(load(body or b"{}")).encode()
        except (ValueError, RecursionError):
            return JSONResponse({"message": "The path is no UTF-8, or the body no JSON."}, 400)
        errors = {name: [BLANK] for name, text in (("topic", topic), ("event", event)) if not text.strip()}
        if len(body) > MAX_BROADCAST:
            errors["payload"] = [TOO_LARGE]
        if errors:
            return JSONResponse({"errors": errors}, 422)
        private = request.query_params.get("private") == "true"
        if private:
            verdict = await self._ask(topic, claims)
            if not verdict.available:
                return JSONResponse({"message": UNAVAILABLE}, 422)
            if not verdict.write.get("broadcast"):
                return JSONResponse({"message": "Unauthorized"}, 403)
        self._realtime.rooms.tell(PREFIX + topic, UserBroadcast(event, body, is_json), private=private)
        return Response(status_code=202)

    async def _ask(self, topic: str, claims: Claims) -> Verdict:
        return await self._realtime.judge(Ask(topic, claims, lambda _: [], write=EXTENSIONS))


def _entries(found: object) -> tuple[list[_Entry], object]:
    """Read a batch's messages; the second part is what is wrong with them, message by message."""
    if found is None or found == []:
        return [], [BLANK]
    if not isinstance(found, list) or not all(isinstance(message, dict) for message in found):
        return [], [INVALID]
    errors = [_wrong(message) for message in found]
    if any(errors):
        return [], errors
    return [
        _Entry(
            message["topic"],
            message["event"],
            message["payload"],
            message.get("private") in (True, "true", "1"),
            {"id": message["id"]} if isinstance(message.get("id"), str) else {},
        )
        for message in found
    ], None


def _wrong(message: dict[str, Any]) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    for name in ("topic", "event"):
        value = message.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            wrong[name] = [BLANK]
        elif not isinstance(value, str):
            wrong[name] = [INVALID]
    payload = message.get("payload")
    if payload is None:
        wrong["payload"] = [BLANK]
    elif not isinstance(payload, dict):
        wrong["payload"] = [INVALID]
    elif len(dump(payload).encode()) > MAX_BROADCAST:
        wrong["payload"] = [TOO_LARGE]
    if message.get("private") not in (None, True, False, "true", "false", "1", "0"):
        wrong["private"] = [INVALID]
    return wrong
