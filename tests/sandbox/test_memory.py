"""Garbage leaves nothing behind: the sandbox's memory is flat under requests and frames that make no sense."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from itertools import pairwise

import httpx
import psutil
import pytest
import websockets
from websockets.asyncio.client import connect

from livewidgets.sandbox.launcher import clients
from livewidgets.testing import wait_until

#: Rounds that fill caches and pools, and rounds in which nothing may grow.
WARM, ROUNDS = 2, 4
REQUESTS, FRAMES, SOCKETS = 40, 1_000, 20
#: A leak of 1 kB a request or frame would be 4 MB.
ALLOWED_BYTES = 2_500_000

PATHS = ("todos", "calls", "nothing", "rpc/f", "todos/1", "%00", "a" * 2000)
EVENTS = ("phx_join", "phx_leave", "broadcast", "presence", "access_token", "heartbeat", "nonsense", "")


def junk(chance: random.Random, depth: int = 3) -> object:
    match chance.randrange(7 if depth else 4):
        case 0:
            return chance.choice([None, True, -1, 1e308, 10**30])
        case 1 | 2 | 3:
            return "".join(chance.choices("ab1.,:()[]{}\"'\\ é\U0001f600", k=chance.randrange(40)))
        case 4 | 5:
            return [junk(chance, depth - 1) for _ in range(chance.randrange(4))]
        case _:
            names = ("config", "postgres_changes", "event", "table", "filter", "x")
            return {chance.choice(names): junk(chance, depth - 1) for _ in range(chance.randrange(4))}


async def ask(client: httpx.AsyncClient, chance: random.Random) -> None:
    for _ in range(REQUESTS):
        answer = await client.request(
            chance.choice(["GET", "POST", "PATCH", "DELETE", "PUT"]),
            f"/rest/v1/{chance.choice(PATHS)}",
            params={"select": str(junk(chance))[:200], "id": f"eq.{junk(chance)}"[:200]},
            content=json.dumps(junk(chance)),
            headers={"content-type": "application/json"},
        )
        assert answer.status_code != 500, answer.text


async def chat(url: str, chance: random.Random) -> None:
    async with connect(url, compression=None, proxy=None, close_timeout=1) as socket:
        with contextlib.suppress(websockets.ConnectionClosed):
            for number in range(FRAMES // SOCKETS):
                frame = {
                    "topic": f"realtime:{chance.randrange(5)}",
                    "event": chance.choice(EVENTS),
                    "payload": junk(chance),
                    "ref": str(number),
                    "join_ref": chance.choice([None, "1", 5]),
                }
                await socket.send(json.dumps(frame) if chance.random() < 0.9 else str(junk(chance)))


@pytest.mark.timeout(180)
async def test_garbage_leaves_nothing_behind(sandbox):
    process = psutil.Process(sandbox.pid)
    chance = random.Random(11)
    socket_url = (
        f"{sandbox.url.replace('http', 'ws')}/realtime/v1/websocket?apikey={sandbox.anon_key}&vsn=1.0.0"
    )
    sizes: list[int] = []
    async with httpx.AsyncClient(
        base_url=sandbox.url, headers={"apikey": sandbox.anon_key}, timeout=20
    ) as client:
        for _ in range(WARM + ROUNDS):
            await ask(client, chance)
            await asyncio.gather(*(chat(socket_url, chance) for _ in range(SOCKETS)))
            # What it still has to do for them would count as grown.
            await asyncio.to_thread(wait_until, lambda: clients(sandbox)["sockets"] == 0, 30)
            sizes.append(process.memory_info().rss)
        health = await client.get("/health")
    assert health.status_code == 200
    # A leak grows in every round; a peak is in one.
    grown = min(after - before for before, after in pairwise(sizes[WARM - 1 :]))
    assert grown < ALLOWED_BYTES / ROUNDS, f"memory after each round: {[size // 1000 for size in sizes]} kB"
