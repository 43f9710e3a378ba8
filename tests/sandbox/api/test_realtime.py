"""The Realtime half over real sockets."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from websockets.asyncio.client import connect

from .conftest import Server


async def next_frame(socket: Any) -> dict[str, Any]:
    import asyncio

    return json.loads(await asyncio.wait_for(socket.recv(), 5))


async def test_a_join_hears_of_an_insert(server: Server, db: psycopg.Connection[Any]) -> None:
    async with connect(server.socket_url()) as socket:
        config = {"postgres_changes": [{"event": "*", "schema": "public", "table": "todos"}]}
        await socket.send(
            json.dumps(
                {
                    "topic": "realtime:a",
                    "event": "phx_join",
                    "payload": {"config": config},
                    "ref": "1",
                    "join_ref": "1",
                }
            )
        )
        assert (await next_frame(socket))["event"] == "phx_reply"
        assert (await next_frame(socket))["payload"]["message"] == "Subscribed to PostgreSQL"
        db.execute("insert into todos (title) values ('x')")
        change = await next_frame(socket)
        print(change)
        assert change["payload"]["data"]["record"]["title"] == "x"
