"""How long a table is behind after an outage in which much of it changed, and how long others wait for it meanwhile."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from livewidgets.live.table import LiveTable, TableState
from livewidgets.live.thread import io_thread

from .backend import Backend, backend
from .table import Figure

ROWS = 100_000
CHANGED = 10_000
RUNS = 3
#: Seconds; far above what it takes.
LIMIT = 60
LOOK = 0.01
_LOOK_AGAIN = 0.002

Rows = dict[int, tuple[str, int, int]]


def _shown(table: LiveTable) -> Rows:
    return {row["id"]: (row["status"], row["seconds"], row["version"]) for row in table.rows()}


def _selected(there: Backend) -> Rows:
    found = there.run("select id, status, seconds, version from {}")
    return {key: (status, seconds, version) for key, status, seconds, version in found}


class Holds:
    """How long the I/O thread did nothing else, at the longest (seconds of its own CPU: others' do not count)."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        """Look at the clock as often as the thread lets one."""
        while True:
            last = time.thread_time()
            await asyncio.sleep(_LOOK_AGAIN)
            self.longest = max(self.longest, time.thread_time() - last)


@contextmanager
def _holds() -> Iterator[Holds]:
    holds = Holds()
    watching = io_thread().submit(holds.watch())
    try:
        yield holds
    finally:
        watching.cancel()


def _seconds(there: Backend, table: LiveTable, number: int) -> float:
    """Cut the network, change every tenth row, mend the network, and wait for the rows of a select."""
    there.proxy.cut()
    while table.status.state is TableState.LIVE:
        time.sleep(LOOK)
    there.run(
        "update {} set status = 'completed', seconds = seconds + 1 where id %% %s = %s",
        ROWS // CHANGED,
        number,
    )
    right, last = _selected(there), ROWS - ROWS // CHANGED + number
    started = time.perf_counter()
    there.proxy.restore()
    while True:
        now = time.perf_counter()
        # Comparing all of them takes a while: only when it is worth it.
        if table[last]["version"] == right[last][2] and _shown(table) == right:
            return now - started
        if now - started > LIMIT:
            raise TimeoutError(f"{table!r} is not what a select returns")
        time.sleep(LOOK)


def figures() -> list[Figure]:
    """Measure it through the sandbox, with the wait before the connection is tried again."""
    with backend(ROWS) as there:
        started = time.perf_counter()
        table = there.live.table("bench").ready(LIMIT)
        first = time.perf_counter() - started
        took: list[float] = []
        held: list[float] = []
        for number in range(1, RUNS + 1):
            with _holds() as holds:
                took.append(_seconds(there, table, number))
            held.append(holds.longest)
    return [
        Figure(
            f"catch-up after an outage, {CHANGED:,} of {ROWS:,} rows changed",
            statistics.median(took),
            "s",
            "the first read",
            first,
        ),
        Figure(
            "  the I/O thread held meanwhile, at the longest", statistics.median(held) * 1000, "ms", budget=50
        ),
    ]
