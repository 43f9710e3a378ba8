"""Plays what a recorded client sent, and tells what the server under test answered beside what the real one did."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from livewidgets.sandbox.keys import sign

from .conftest import RECORDINGS, Server

Frame = dict[str, Any]
Record = dict[str, Any]
#: Strings in the recordings are cut here.
CUT = 120
#: Seconds that tokens last which ended while it was recorded: more than a test takes, and less than until a socket is
#: idle.
SHORT_LIFE = 40.0
AGO = re.compile(r"expired \d+ seconds ago")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LONG = re.compile(r"\.\.\.<(\d+) characters in all>$")


def records(*names: str) -> list[Record]:
    """The lines of recordings, in the order in which they happened."""
    found = [
        json.loads(line)
        for name in names
        for line in (RECORDINGS / f"{name}.jsonl").read_text("utf-8").splitlines()
    ]
    return found if len(names) == 1 else sorted(found, key=lambda record: record["t"])


class Replay:
    """Recordings against one server.

    Parameters
    ----------
    before
        Called before each recorded server frame (as `unfold` gives it) and close: does what only something outside
        of the recording (an SQL statement, say) explains.
    only
        Which records are played.
    extra
        Frames that the real server does not send and that are let pass; counted in `extras`.
    """

    def __init__(
        self,
        server: Server,
        *names: str,
        before: Callable[[Frame], Awaitable[object] | None] = lambda frame: None,
        only: Callable[[Record], bool] = lambda record: True,
        extra: Callable[[Frame], bool] = lambda frame: False,
        token: Callable[[str, str], str] | None = None,
    ) -> None:
        self._server = server
        self._records = [record for record in records(*names) if only(record)]
        self._before = before
        self._extra = extra
        self._token = token
        self.sockets: dict[int, ClientConnection] = {}
        self._v2: set[int] = set()
        #: The sockets that the client has closed.
        self._closed: set[int] = set()
        #: Frames that came and were not yet compared, by socket.
        self._came: dict[int, list[Frame]] = defaultdict(list)
        #: What was recorded and what came, side by side, where they differ.
        self.differences: list[tuple[Any, Any]] = []
        self.compared = 0
        self.extras = 0
        self._recorded, self._heard = Normal(), Normal()

    async def run(self) -> None:
        try:
            for record in self._records:
                await self._step(record)
        finally:
            for socket in self.sockets.values():
                await socket.close()

    async def _step(self, record: Record) -> None:
        conn, direction, kind = record["conn"], record["dir"], record["op"]
        if direction == "http":
            if kind == "request":
                await self._connect(conn, record["line"])
            return
        socket = self.sockets[conn]
        if direction == "c2s":
            if kind == "close":
                await self._nothing_more(conn)
                # What is recorded after this line was on its way already.
                await socket.close()
                self._closed.add(conn)
            else:
                await socket.send(self._outgoing(record))
        elif kind == "close":
            recorded = {"close": record["code"], "conn": conn}
            if conn not in self._closed:
                await self._act(recorded)
                self._compare(conn, {"close": record["code"]}, await self._receive(conn, None))
        else:
            recorded = unfold(record["json"]) if "json" in record else {"binary": record["hex"]}
            await self._act(recorded)
            heard = await self._receive(conn, recorded)
            if recorded != heard and not self._extra(recorded) and self._extra(heard):
                self.extras += 1
                heard = await self._receive(conn, recorded)
            self._compare(conn, recorded, heard)

    async def _act(self, recorded: Frame) -> None:
        doing = self._before(recorded)
        if doing is not None:
            await doing

    async def _connect(self, conn: int, line: str) -> None:
        query = parse_qs(urlsplit(line.split()[1]).query)
        vsn = query.get("vsn", [None])[0]
        if vsn == "2.0.0":
            self._v2.add(conn)
        self.sockets[conn] = await connect(self._server.socket_url(vsn=vsn), max_size=None)

    async def _receive(self, conn: int, wanted: Frame | None) -> Frame:
        """The next frame of the wanted one's topic: between topics the real server keeps no order."""
        socket, waiting = self.sockets[conn], self._came[conn]
        for at, frame in enumerate(waiting):
            if wanted is None or _lane(frame) == _lane(wanted):
                return waiting.pop(at)
        while True:
            try:
                text = await asyncio.wait_for(socket.recv(), 20)
            except ConnectionClosed:
                return {"close": socket.close_code}
            except TimeoutError:
                return {"nothing": "came"}
            frame = {"binary": text.hex()} if isinstance(text, bytes) else unfold(json.loads(text))
            if wanted is None or _lane(frame) == _lane(wanted):
                return frame
            waiting.append(frame)

    async def _nothing_more(self, conn: int) -> None:
        """Between the answers nothing else came, but what is recorded later: a heartbeat is answered next."""
        message: Any = {"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "end"}
        if conn in self._v2:
            message = [None, "end", "phoenix", "heartbeat", {}]
        await self.sockets[conn].send(json.dumps(message))
        while (frame := await self._receive(conn, {"topic": "phoenix"})).get("ref") != "end":
            if "close" in frame or "nothing" in frame:
                self._compare(conn, {"ref": "end"}, frame)
                return
        later = sum(
            1
            for record in self._records[self._index(conn) :]
            if record["conn"] == conn and record["dir"] == "s2c" and record["op"] != "close"
        )
        for frame in self._came[conn][later:]:
            self._compare(conn, {"nothing": "came"}, frame)

    def _index(self, conn: int) -> int:
        return next(
            at
            for at, record in enumerate(self._records)
            if (record["conn"], record["dir"], record["op"]) == (conn, "c2s", "close")
        )

    def _compare(self, conn: int, recorded: Frame, heard: Frame) -> None:
        self.compared += 1
        a, b = self._recorded(conn, recorded), self._heard(conn, heard)
        if a != b:
            self.differences.append((a, b))

    def _outgoing(self, record: Record) -> str | bytes:
        if "hex" in record:
            return bytes.fromhex(record["hex"])
        frame = record.get("json")
        if frame is None:
            return str(record.get("text", record.get("raw")))
        array = isinstance(frame, list) and len(frame) == 5
        payload = frame[4] if array else frame.get("payload") if isinstance(frame, dict) else None
        topic = frame[2] if array else frame.get("topic") if isinstance(frame, dict) else ""
        if isinstance(payload, dict):
            if isinstance(payload.get("access_token"), str):
                payload["access_token"] = self._fresh(payload["access_token"], record, str(topic))
            replay = ((payload.get("config") or {}).get("broadcast") or {}) if "config" in payload else {}
            if isinstance(replay, dict) and "replay" in replay:
                # Two minutes ago, then as now.
                replay["replay"]["since"] = int((time.time() - 120) * 1000)
        return json.dumps(_whole(frame) if record.get("trimmed") else frame)

    def _fresh(self, token: str, record: Record, topic: str) -> str:
        """The same claims, signed with this server's secret and, but for `SHORT_LIFE`, as far from their end."""
        if self._token is not None:
            token = self._token(topic, token)
        if token.count(".") != 2:
            return token
        body = token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if "iat" in claims:
            sent = datetime.fromisoformat(record["t"]).timestamp()
            left = claims["exp"] - sent
            # One that ends while the recording runs: here the server's clock has to be moved on for that.
            claims["exp"] = time.time() + (SHORT_LIFE if 0 < left < SHORT_LIFE else left)
        secret = "x" * 64 if topic.endswith("badsig") else self._server.keys.secret
        return signed(secret, claims)


def unfold(frame: Any) -> Frame:
    """A frame of either protocol as an object; the array keeps its ``join_ref``."""
    if isinstance(frame, list):
        return dict(zip(("join_ref", "ref", "topic", "event", "payload"), frame, strict=True))
    assert isinstance(frame, dict)
    return frame


def _lane(frame: Frame) -> object:
    if "binary" not in frame:
        return frame.get("topic")
    raw = bytes.fromhex(frame["binary"])
    return raw[5 : 5 + raw[1]].decode()


def _whole(value: Any) -> Any:
    """What a recording has cut, in its full length."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    found = LONG.search(value) if isinstance(value, str) else None
    return value[0] * int(found[1]) if found else value


def signed(secret: str, claims: Mapping[str, Any]) -> str:
    """A token with exactly these claims."""
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
        if frame.get("event") == "broadcast" and UUID.fullmatch(str((payload.get("meta") or {}).get("id"))):
            for part in (payload["meta"], payload["payload"]):
                part["id"] = self._ref(part["id"])
        return self._walk(frame)

    def _walk(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                self._name(key): self._ref(inner) if key.startswith("phx_ref") else self._walk(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self._walk(inner) for inner in value]
        if isinstance(value, str):
            value = AGO.sub("expired N seconds ago", value)
            if len(value) > 1000 and "characters in all>" not in value:
                return f"{value[:CUT]}...<{len(value)} characters in all>"
        return value

    def _name(self, key: str) -> str:
        # A presence key that the server made up.
        return self._ref(key) if UUID.fullmatch(key) else key

    def _ref(self, ref: str) -> str:
        return self._refs.setdefault(ref, f"ref {len(self._refs)}")


def in_turn(
    actions: Iterable[Callable[[], object] | None],
    cue: Callable[[Frame], bool] = lambda frame: frame.get("event") == "postgres_changes",
) -> Callable[[Frame], Awaitable[object] | None]:
    """Do one action before each frame that gives the cue; None where a frame follows from the action before."""
    left = iter(actions)

    def before(frame: Frame) -> Awaitable[object] | None:
        action = next(left, None) if cue(frame) else None
        return asyncio.to_thread(action) if action is not None else None

    return before


def sign_for(server: Server, role: str, **claims: object) -> str:
    return sign(server.keys.secret, {"role": role, **claims})
