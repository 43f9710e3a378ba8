"""Plays what a recorded client sent, and tells what the server under test answered beside what the real one did."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from livewidgets.sandbox.keys import sign

from .conftest import RECORDINGS, Server

Frame = dict[str, Any]
#: Strings in the recordings are cut here.
CUT = 120


def records(name: str) -> list[dict[str, Any]]:
    lines = (RECORDINGS / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


class Replay:
    """One recording against one server.

    Parameters
    ----------
    actions
        Called in turn, one before each recorded frame that only something outside of the recording (an SQL
        statement, say) explains: ``needs_action`` says which.
    """

    def __init__(
        self,
        server: Server,
        name: str,
        actions: list[Callable[[], object]] | None = None,
        *,
        only: Callable[[dict[str, Any]], bool] = lambda record: True,
        token: Callable[[str, str], str] | None = None,
    ) -> None:
        self._server = server
        self._records = [record for record in records(name) if only(record)]
        self._actions = iter(actions or [])
        self._token = token
        self._sockets: dict[int, ClientConnection] = {}
        #: What was recorded and what came, side by side, where they differ.
        self.differences: list[tuple[Any, Any]] = []
        self.compared = 0
        self._recorded, self._heard = Normal(), Normal()

    async def run(self) -> None:
        try:
            for record in self._records:
                await self._step(record)
        finally:
            for socket in self._sockets.values():
                await socket.close()

    async def _step(self, record: dict[str, Any]) -> None:
        conn, direction, kind = record["conn"], record["dir"], record["op"]
        if direction == "http":
            if kind == "request":
                query = parse_qs(urlsplit(record["line"].split()[1]).query)
                url = self._server.socket_url(vsn=query.get("vsn", ["1.0.0"])[0])
                self._sockets[conn] = await connect(url, max_size=None)
            return
        socket = self._sockets[conn]
        if direction == "c2s":
            if kind == "close":
                await self._nothing_more(conn)
                await socket.close()
            else:
                await socket.send(self._outgoing(record))
        elif kind == "text":
            if record["json"].get("event") == "postgres_changes":
                action = next(self._actions, None)
                if action is not None:
                    await asyncio.to_thread(action)
            self._compare(conn, record["json"], await self._receive(socket))
        elif conn in self._sockets and socket.close_code is None:
            self._compare(conn, {"close": record["code"]}, await self._receive(socket))

    async def _receive(self, socket: ClientConnection) -> Frame:
        try:
            return json.loads(await asyncio.wait_for(socket.recv(), 5))
        except ConnectionClosed:
            return {"close": socket.close_code}
        except TimeoutError:
            return {"nothing": "came"}

    async def _nothing_more(self, conn: int) -> None:
        """Between the answers nothing else came: a heartbeat is answered next."""
        socket = self._sockets[conn]
        await socket.send('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"end"}')
        while True:
            frame = await self._receive(socket)
            if frame.get("ref") == "end":
                return
            self._compare(conn, {"nothing": "came"}, frame)
            if "close" in frame or "nothing" in frame:
                return

    def _compare(self, conn: int, recorded: Frame, heard: Frame) -> None:
        self.compared += 1
        a, b = self._recorded(conn, recorded), self._heard(conn, heard)
        if a != b:
            self.differences.append((a, b))

    def _outgoing(self, record: dict[str, Any]) -> str:
        frame = record.get("json")
        if frame is None:
            return str(record.get("text", record.get("raw")))
        payload = frame.get("payload") if isinstance(frame, dict) else None
        if isinstance(payload, dict) and isinstance(payload.get("access_token"), str):
            payload["access_token"] = self._fresh(payload["access_token"], record, frame["topic"])
        return json.dumps(frame)

    def _fresh(self, token: str, record: dict[str, Any], topic: str) -> str:
        """The same claims, signed with this server's secret and as far from their end as they were then."""
        if self._token is not None:
            token = self._token(topic, token)
        if token.count(".") != 2:
            return token
        body = token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if "iat" in claims:
            sent = datetime.fromisoformat(record["t"]).timestamp()
            # A token that ends while the recording runs does so sooner here.
            left = claims["exp"] - sent
            claims["exp"] = time.time() + (left / 5 if 0 < left < 60 else left)
        secret = "x" * 64 if topic.endswith("badsig") else self._server.keys.secret
        return signed(secret, claims)


def signed(secret: str, claims: Mapping[str, Any]) -> str:
    """A token with exactly these claims."""
    import jwt

    return jwt.encode(dict(claims), secret, algorithm="HS256")


class Normal:
    """Takes out of a frame what differs from run to run: ids, refs, times."""

    def __init__(self) -> None:
        self._bindings: dict[tuple[int, str], dict[int, str]] = defaultdict(dict)
        self._refs: dict[str, str] = {}

    def __call__(self, conn: int, frame: Frame) -> Frame:
        frame = json.loads(json.dumps(frame))
        payload = frame.get("payload")
        topic = str(frame.get("topic"))
        if frame.get("event") == "phx_reply" and isinstance(payload.get("response"), dict):
            for binding in payload["response"].get("postgres_changes", []):
                number = binding.pop("id")
                assert isinstance(number, int)
                self._bindings[conn, topic][number] = json.dumps(binding, sort_keys=True)
        if frame.get("event") == "postgres_changes":
            known = self._bindings[conn, topic]
            payload["ids"] = sorted(known[number] for number in payload["ids"])
            if payload["data"]["commit_timestamp"] is not None:
                assert re.fullmatch(
                    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", payload["data"]["commit_timestamp"]
                )
                payload["data"]["commit_timestamp"] = "then"
        return self._walk(frame)

    def _walk(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                self._name(key, name): self._ref(self._walk(inner))
                if key.startswith("phx_ref")
                else self._walk(inner)
                for key, inner in value.items()
                for name in [key]
            }
        if isinstance(value, list):
            return [self._walk(inner) for inner in value]
        if isinstance(value, str) and len(value) > CUT and "characters in all>" not in value:
            return f"{value[:CUT]}...<{len(value)} characters in all>" if len(value) > 1000 else value
        return value

    def _name(self, key: str, name: str) -> str:
        # A presence key that the server made up.
        return self._ref(key) if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key) else name

    def _ref(self, ref: str) -> str:
        return self._refs.setdefault(ref, f"ref {len(self._refs)}")


def sign_for(server: Server, role: str, **claims: object) -> str:
    return sign(server.keys.secret, {"role": role, **claims})
