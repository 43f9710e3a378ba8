"""One change from the socket to the rows: our path beside the stock clients with a callback that stores the row."""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import realtime
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

import hatch_build
from livewidgets.core.change import Change
from livewidgets.core.filters import Where
from livewidgets.core.replica import Replica
from livewidgets.live.channel import TableChannel, bindings_for
from livewidgets.live.timings import Timings
from livewidgets.live.translate import stream_error
from livewidgets.live.wire import Wire

from .table import Figure

CHANGES = 10_000
ROWS = 2_000
#: The first one warms up.
ROUNDS = 5
#: Where supabase-js is installed, and locked.
JS = Path(__file__).parent.parent / "tests" / "sandbox" / "js"
# A key of no project in the shape that the clients demand.
KEY = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.none"
COLUMNS = (
    "id",
    "status",
    "campaign_id",
    "buyer_id",
    "caller_state",
    "queued_at",
    "connected_at",
    "revenue",
    "version",
    "is_duplicate",
)


class Round(NamedTuple):
    """All changes once: CPU µs a change, and changes a second from the first to the last."""

    cpu: float
    rate: float


def frames(topic: str) -> list[str]:
    """Return updates of ten columns, about 900 bytes each, as Realtime sends them."""
    return [
        json.dumps(
            {
                "event": "postgres_changes",
                "payload": {
                    "data": {
                        "columns": [{"name": name, "type": "text"} for name in COLUMNS],
                        "commit_timestamp": "2026-11-22T10:11:58.453Z",
                        "errors": None,
                        "old_record": {"id": f"row-{number % ROWS}"},
                        "record": dict.fromkeys(COLUMNS, "a value of some length")
                        | {"id": f"row-{number % ROWS}", "version": number},
                        "schema": "public",
                        "table": "calls",
                        "type": "UPDATE" if number >= ROWS else "INSERT",
                    },
                    "ids": [1],
                },
                "ref": None,
                "topic": topic,
            }
        )
        for number in range(CHANGES)
    ]


def _serve(pipe: Connection) -> None:
    """Run a server that answers the first join and then sends all changes; a process of its own."""

    burst: dict[str, bytes] = {}

    async def handle(socket: ServerConnection) -> None:
        async for text in socket:
            frame = json.loads(text)
            answer = {"event": "phx_reply", "ref": frame["ref"], "topic": frame["topic"]}
            if frame["event"] != "phx_join":
                with contextlib.suppress(ConnectionClosed):  # who leaves need not wait for the answer
                    await socket.send(json.dumps(answer | {"payload": {"status": "ok", "response": {}}}))
                continue
            asked = frame["payload"]["config"]["postgres_changes"]
            response = {"postgres_changes": [{"id": index + 1, **one} for index, one in enumerate(asked)]}
            await socket.send(json.dumps(answer | {"payload": {"status": "ok", "response": response}}))
            payload = {
                "extension": "postgres_changes",
                "status": "ok",
                "channel": "calls",
                "message": "Subscribed to PostgreSQL",
            }
            await socket.send(
                json.dumps({"event": "system", "payload": payload, "ref": None, "topic": frame["topic"]})
            )
            if frame["topic"] not in burst:
                burst[frame["topic"]] = b"".join(
                    Frame(Opcode.TEXT, text.encode()).serialize(mask=False) for text in frames(frame["topic"])
                )
            # As bytes made before: the server must not be what is measured.
            socket.transport.write(burst[frame["topic"]])

    async def run() -> None:
        async with serve(handle, "127.0.0.1", 0, compression=None) as server:
            pipe.send(server.sockets[0].getsockname()[1])
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(run())


async def _ours(url: str) -> Round:
    replica = Replica(("id",), Where.parse(None), version_column="version")
    replica.begin_snapshot()
    replica.finish_snapshot()
    waiting: list[Change] = []
    seen = 0
    first = 0.0
    done = asyncio.Event()

    def apply() -> None:
        nonlocal seen
        seen += len(waiting)
        replica.apply(waiting)
        waiting.clear()
        if seen == CHANGES:
            done.set()

    def take(change: Change) -> None:
        nonlocal first
        if not waiting:
            first = first or time.perf_counter()
            asyncio.get_running_loop().call_soon(apply)
        waiting.append(change)

    wire = Wire(url, KEY, None, Timings())
    await wire.open()
    channel = TableChannel(
        wire,
        "calls",
        bindings_for("public", "calls", None),
        take=take,
        gap=lambda: None,
        translate=lambda text: stream_error(text, "calls"),
    )
    started = time.process_time()
    joining = asyncio.create_task(channel.open())
    await done.wait()
    took, spent = time.perf_counter() - first, time.process_time() - started
    joining.cancel()
    await asyncio.gather(joining, return_exceptions=True)
    await wire.close()
    assert len(replica) == ROWS, replica
    return Round(spent / CHANGES * 1e6, CHANGES / took)


async def _stock(url: str) -> Round:
    rows: dict[str, dict[str, object]] = {}
    seen = 0
    first = 0.0
    done = asyncio.Event()

    def store(payload: dict[str, dict[str, dict[str, object]]]) -> None:
        nonlocal seen, first
        first = first or time.perf_counter()
        record = payload["data"]["record"]
        rows[str(record["id"])] = record
        seen += 1
        if seen == CHANGES:
            done.set()

    client = realtime.AsyncRealtimeClient(f"{url}/realtime/v1", token=KEY)
    await client.connect()
    channel = client.channel("calls").on_postgres_changes("*", store, table="calls", schema="public")
    started = time.process_time()
    await channel.subscribe()
    await done.wait()
    took, spent = time.perf_counter() - first, time.process_time() - started
    await client.close()
    assert len(rows) == ROWS
    return Round(spent / CHANGES * 1e6, CHANGES / took)


def _node(url: str) -> tuple[list[Round], str]:
    """Run supabase-js; its rounds are in one process, for its compiler learns in the first."""
    command, env = hatch_build.npm_command()
    lock, mark = JS / "package-lock.json", JS / "node_modules" / ".package-lock.json"
    if not mark.exists() or mark.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([*command, "ci", "--no-audit", "--loglevel=error"], cwd=JS, env=env, check=True)
    arguments = (url, KEY, str(CHANGES), str(ROWS), str(ROUNDS))
    ran = subprocess.run(
        ["node", Path(__file__).with_suffix(".mjs"), *arguments],
        cwd=JS,
        env={**env, "NO_PROXY": "127.0.0.1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    name = f"supabase-js {told[0]['version']} alone, Node {told[0]['node'].removeprefix('v')}"
    return [Round(one["cpu"], one["rate"]) for one in told], name


def _median(rounds: list[Round]) -> Round:
    cpu, rate = zip(*rounds[1:], strict=True)
    return Round(statistics.median(cpu), statistics.median(rate))


def figures() -> list[Figure]:
    """Measure the kernel's CPU a change, and how many a second it takes when they come all at once."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{here.recv()}"
        ours = _median([asyncio.run(_ours(url)) for _ in range(ROUNDS)])
        stock = _median([asyncio.run(_stock(url)) for _ in range(ROUNDS)])
        rounds, javascript = _node(url)
        node = _median(rounds)
    finally:
        here.send(None)
        server.join(5)
    python = f"realtime {realtime.__version__} alone, Python {sys.version.split()[0]}, {os.cpu_count()} cores"
    return [
        Figure("one change, socket to rows (CPU)", ours.cpu, "µs", python, stock.cpu, 60),
        Figure("  beside JavaScript", ours.cpu, "µs", javascript, node.cpu),
        Figure("changes a second, all at once", ours.rate, "/s", python, stock.rate, rising=True),
        Figure("  beside JavaScript", ours.rate, "/s", javascript, node.rate, rising=True),
    ]
