"""What is opened and closed a thousand times leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import tracemalloc
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livewidgets.live.client import Live
from tests.live.conftest import Table, eventually

MakeTable = Callable[..., Table]

CYCLES = 1000


def sockets() -> int:
    """How many sockets this process has open; 0 where the system does not say."""
    found = 0
    for path in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):
            found += str(path.readlink()).startswith("socket:")
    return found


@pytest.mark.timeout(240)
def test_a_thousand_cycles_leave_nothing(live: Live, make_table: MakeTable, capsys: Any) -> None:
    data = make_table()
    upstream = live._upstream
    thread = upstream.thread
    seen: deque[Any] = deque(maxlen=10)

    async def tasks() -> int:
        return len(asyncio.all_tasks())

    def cycle(number: int) -> None:
        table = live.table(data.name, where={"id": ("gt", number % 50)})
        hook = live.on(f"hook {number}", "*", seen.append, table=data.name)
        room = live.channel(f"room {number % 7}")
        users = live.presence(f"room {number % 7}", me={"n": number})
        table.on_change(seen.append)
        room.on_broadcast("ping", seen.append)
        users.on_change(seen.append)
        if number % 100 == 0:
            table.ready(60)
            hook.ready(60)
            room.broadcast("ping", {"n": number}).result(60)
            eventually(users.who, limit=60.0)
        for one in (table, hook, room, users):
            one.close()

    def is_idle() -> bool:
        wire = upstream._wire
        return wire is not None and not (
            upstream._followers or upstream.joiners or live._rooms or wire._client.channels or wire._listeners
        )

    def counts() -> dict[str, int]:
        # The pool of REST keeps a connection for some seconds: always one from here, and none that is too old.
        with live.table(data.name) as table:
            table.ready(60)
        eventually(is_idle, "something stayed open", limit=30.0)
        eventually(lambda: thread.run(tasks()) < 10, "tasks stayed", limit=30.0)
        gc.collect()
        wire = upstream._wire
        assert wire is not None
        return {
            "tasks": thread.run(tasks()),
            "threads": threading.active_count(),
            "sockets": sockets(),
            "channels": len(wire._client.channels),
            "listeners": len(wire._listeners),
            "known to the status": len(upstream._machine._channels),
            "subscriptions": len(upstream.kept) + len(upstream.handles),
        }

    for number in range(100):
        cycle(number)
    before = counts()
    tracemalloc.start()
    memory: list[int] = []
    for part in range(4):
        for number in range(CYCLES // 4):
            cycle(part * CYCLES // 4 + number)
        counts()
        memory.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    after: dict[str, int] = {}

    def is_as_before() -> bool:
        # A heartbeat that waits for its answer at this moment is one task more, and none the next.
        after.update(counts())
        return all(after[name] <= before[name] for name in before)

    with contextlib.suppress(AssertionError):  # told below, with the numbers
        eventually(is_as_before, limit=30.0)
    with capsys.disabled():
        print(
            f"\n{CYCLES} cycles: {before} -> {after}; kB held after each quarter: {[m // 1000 for m in memory]}"
        )
    assert all(after[name] <= before[name] for name in before)
    # The first quarter fills caches.
    assert memory[-1] - memory[1] < 200_000
