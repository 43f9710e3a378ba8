"""Many changes to many sockets: none is lost, doubled or out of order."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest

from .clients import Phoenix
from .conftest import Server

TODOS = {"event": "*", "schema": "public", "table": "todos"}


@pytest.mark.parametrize(("sockets", "count"), [(1, 20000), (30, 1000)])
async def test_every_change_reaches_every_socket(
    server: Server, db: psycopg.Connection[Any], sockets: int, count: int
) -> None:
    async def listen(number: int) -> list[int]:
        async with Phoenix(server) as phoenix:
            await phoenix.subscribe(f"realtime:load{number}", TODOS)
            ready.release()
            frames = [await phoenix.text(60) for _ in range(count)]
            return [json.loads(frame)["payload"]["data"]["record"]["id"] for frame in frames]

    def fill() -> None:
        with psycopg.connect(server.dsn, autocommit=True) as connection, connection.pipeline():
            for number in range(count):
                connection.execute("insert into todos (title) values (%s)", [str(number)])

    ready = asyncio.Semaphore(0)
    listeners = [asyncio.create_task(listen(number)) for number in range(sockets)]
    for _ in range(sockets):
        await ready.acquire()
    # One transaction each, as fast as Postgres commits them.
    await asyncio.to_thread(fill)
    for heard in await asyncio.gather(*listeners):
        assert heard == list(range(1, count + 1))
