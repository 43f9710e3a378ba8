"""Many changes, many sockets, slow readers."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import psycopg

from .clients import Phoenix
from .conftest import Server

TODOS = {"event": "*", "schema": "public", "table": "todos"}


async def test_twenty_thousand_changes_reach_every_socket(server: Server, db: psycopg.Connection[Any]) -> None:
    sockets = 10
    count = 20000

    async def listen(number: int) -> int:
        async with Phoenix(server) as phoenix:
            await phoenix.subscribe(f"realtime:load{number}", TODOS)
            ready.release()
            last = 0
            for _ in range(count):
                last = json.loads(await phoenix.text(30))["payload"]["data"]["record"]["id"]
            return last

    ready = asyncio.Semaphore(0)
    listeners = [asyncio.create_task(listen(number)) for number in range(sockets)]
    for _ in range(sockets):
        await ready.acquire()
    start = time.monotonic()

    def fill() -> None:
        with psycopg.connect(server.dsn, autocommit=True) as connection, connection.pipeline():
            for number in range(count):
                connection.execute("insert into todos (title) values (%s)", [str(number)])

    await asyncio.to_thread(fill)
    print("committed", time.monotonic() - start)
    assert set(await asyncio.gather(*listeners)) == {count}
    print("all", time.monotonic() - start)
