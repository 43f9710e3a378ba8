"""A bare Phoenix client, to see the frames as they are."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import connect

from .conftest import Server

Frame = dict[str, Any]


class Phoenix:
    """One socket; what is not asked for in a call waits for the next."""

    def __init__(self, server: Server, key: str | None = None) -> None:
        self._connecting = connect(server.socket_url(key), max_size=None)
        self._ref = 0

    async def __aenter__(self) -> Self:
        self.socket = await self._connecting
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.socket.close()

    async def push(self, topic: str, event: str, payload: object) -> str:
        self._ref += 1
        ref = str(self._ref)
        await self.socket.send(
            json.dumps({"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": ref})
        )
        return ref

    async def text(self, limit: float = 10) -> str:
        return str(await asyncio.wait_for(self.socket.recv(), limit))

    async def frame(self, limit: float = 10) -> Frame:
        found: Frame = json.loads(await self.text(limit))
        return found

    async def join(
        self, topic: str, *bindings: dict[str, Any], token: str | None = None, **config: object
    ) -> Frame:
        payload: dict[str, Any] = {"config": {"postgres_changes": list(bindings), **config}}
        if token is not None:
            payload["access_token"] = token
        ref = await self.push(topic, "phx_join", payload)
        reply = await self.frame()
        assert reply["ref"] == ref
        return reply

    async def subscribe(self, topic: str, *bindings: dict[str, Any], token: str | None = None) -> Frame:
        """Join, and wait until the changes stream."""
        reply = await self.join(topic, *bindings, token=token)
        assert reply["payload"]["status"] == "ok", reply
        system = await self.frame()
        assert system["payload"]["message"] == "Subscribed to PostgreSQL", system
        return reply

    async def quiet(self) -> None:
        """Nothing has come: the answer to a heartbeat is next."""
        ref = await self.push("phoenix", "heartbeat", {})
        frame = await self.frame()
        assert frame["ref"] == ref, frame
