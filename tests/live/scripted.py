"""A Realtime server that does as a test says, for faults that no real server shows on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import websockets
from websockets.asyncio.server import ServerConnection, serve

Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One connection, seen from the server."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.joins: list[dict[str, Any]] = []
        self.leaves: list[str] = []

    async def read(self, *, beats: bool = True) -> dict[str, Any]:
        """Give the client's next frame that is no heartbeat; those are answered, unless `beats` is false."""
        while True:
            frame = json.loads(await self.socket.recv())
            if frame["event"] == "heartbeat":
                if beats:
                    await self.reply(frame)
                continue
            if frame["event"] == "phx_join":
                self.joins.append(frame)
            if frame["event"] == "phx_leave":
                self.leaves.append(frame["topic"])
            return frame

    async def send(self, topic: str, event: str, payload: Any, ref: str | None = None) -> None:
        await self.socket.send(json.dumps({"topic": topic, "event": event, "payload": payload, "ref": ref}))

    async def reply(self, frame: dict[str, Any], response: Any = None, status: str = "ok") -> None:
        payload = {"status": status, "response": {} if response is None else response}
        await self.send(frame["topic"], "phx_reply", payload, frame["ref"])

    async def accept(self, frame: dict[str, Any]) -> None:
        """Answer a join and say that the changes flow."""
        asked = frame["payload"]["config"]["postgres_changes"]
        await self.reply(frame, {"postgres_changes": [{"id": n + 1, **one} for n, one in enumerate(asked)]})
        await self.system(frame["topic"], "Subscribed to PostgreSQL")

    async def system(self, topic: str, message: str, status: str = "ok") -> None:
        await self.send(
            topic,
            "system",
            {"channel": topic, "extension": "postgres_changes", "message": message, "status": status},
        )

    async def change(self, topic: str, record: dict[str, Any], kind: str = "INSERT", **more: Any) -> None:
        data = {"type": kind, "table": "todos", "schema": "public", "commit_timestamp": None}
        data |= {"errors": None, "columns": []}
        await self.send(topic, "postgres_changes", {"data": {**data, "record": record, **more}, "ids": [1]})

    async def until_gone(self) -> None:
        while True:
            await self.read()


class ScriptedServer:
    """Runs a script for each connection; an async context manager."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.peers: list[Peer] = []
        self.url = ""

    async def __aenter__(self) -> ScriptedServer:
        self._server = await serve(self._handle, "127.0.0.1", 0, close_timeout=0.2, ping_interval=None)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _handle(self, socket: ServerConnection) -> None:
        peer = Peer(socket)
        self.peers.append(peer)
        try:
            await self._script(peer)
        except (websockets.ConnectionClosed, asyncio.CancelledError):
            return
