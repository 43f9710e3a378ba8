"""What whoever writes waits for: until the row shows it, until the database has it, until it is taken back."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from threading import Event

from livewidgets.core.mutation import MutationState
from livewidgets.errors import ConflictError, LiveWidgetsError, WriteRefusedError
from livewidgets.live.table import LiveTable
from livewidgets.live.writes_mutation import Mutation

from .backend import Backend, backend
from .table import Figure

ROWS = 1_000
WRITES = 60
LIMIT = 10.0


def _synced(table: LiveTable, key: int) -> tuple[float, float, float]:
    """Write, and give the milliseconds until it is shown, accepted and synced."""
    done = Event()
    started = time.perf_counter()
    mutation = table.update(key, {"status": "ringing"})
    assert table[key]["status"] == "ringing"
    shown = time.perf_counter()
    mutation.on_settled(lambda _: done.set())
    mutation.result()
    accepted = time.perf_counter()
    assert done.wait(LIMIT), mutation
    synced = time.perf_counter()
    assert mutation.state is MutationState.SYNCED, mutation
    return (shown - started) * 1e3, (accepted - started) * 1e3, (synced - started) * 1e3


def _taken_back(
    write: Callable[[], Mutation], back: Callable[[], bool], why: type[LiveWidgetsError]
) -> float | None:
    """Write what cannot be, and give the milliseconds until the row shows what is; None where it was taken."""
    started = time.perf_counter()
    mutation = write()
    try:
        mutation.result()
    except why:
        while not back():
            if time.perf_counter() - started > LIMIT:
                raise TimeoutError(f"{mutation!r} is still shown") from None
            time.sleep(0)
        return (time.perf_counter() - started) * 1e3
    return None


def _conflict(there: Backend, table: LiveTable, key: int) -> float | None:
    """Write a row that another has changed a moment ago, of which we have not heard."""
    there.run("update {} set status = 'theirs' where id = %s", key)
    return _taken_back(
        lambda: table.update(key, {"status": "mine"}), lambda: table[key]["status"] == "theirs", ConflictError
    )


def _rejected(table: LiveTable, key: int) -> float | None:
    """Write what a check of the database refuses."""
    before = table[key]["seconds"]
    return _taken_back(
        lambda: table.update(key, {"seconds": 10_000}),
        lambda: table[key]["seconds"] == before,
        WriteRefusedError,
    )


def figures() -> list[Figure]:
    """Measure them through the sandbox, one after another."""
    keys = range(1, WRITES + 1)
    with backend(ROWS) as there:
        table = there.live.table("bench").ready(LIMIT)
        _synced(table, ROWS)
        written = [_synced(table, key) for key in keys]
        lost = [_conflict(there, table, key + WRITES) for key in keys]
        refused = [_rejected(table, key + 2 * WRITES) for key in keys]
    conflicts = [took for took in lost if took is not None]
    # Where the news came first there was none.
    assert len(conflicts) > WRITES / 4, conflicts
    shown, accepted, synced = (statistics.median(column) for column in zip(*written, strict=True))
    return [
        Figure("a write, until it is shown", shown * 1e3, "µs"),
        Figure("  until the database has it", accepted, "ms"),
        Figure("  until the stream has brought it", synced, "ms"),
        Figure(
            f"  conflict found and rolled back ({len(conflicts)} of {WRITES} races)",
            statistics.median(conflicts),
            "ms",
        ),
        Figure(
            "  refused and rolled back", statistics.median(took for took in refused if took is not None), "ms"
        ),
    ]
