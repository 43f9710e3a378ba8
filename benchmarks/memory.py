"""What a row costs in memory, beside the same rows as a plain list of dicts."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

from livewidgets.core.filters import Where
from livewidgets.core.order import Order
from livewidgets.core.replica import Replica

from .table import Figure

ROWS = 100_000
#: As many as Supabase gives at once.
PAGE = 1_000


def _page(start: int) -> bytes:
    """Give rows of ten columns as REST does: JSON, so that no two rows share a text."""
    return json.dumps(
        [
            {
                "id": f"00000000-0000-4000-8000-{number:012d}",
                "status": ("queued", "ringing", "in-progress", "completed")[number % 4],
                "campaign_id": f"00000000-0000-4000-9000-{number % 7:012d}",
                "caller_masked": f"+1 ••• ••• {number % 10_000:04d}",
                "caller_state": ("CA", "NY", "TX")[number % 3],
                "created_at": f"2026-11-22T10:{number // 60 % 60:02d}:{number % 60:02d}.{number:06d}+00:00",
                "connected_seconds": number % 900 + 300,
                "revenue": number % 5_000 / 100,
                "is_converted": number % 3 == 0,
                "version": number + 1_000,
            }
            for number in range(start, start + PAGE)
        ]
    ).encode()


def _list(pages: list[bytes]) -> object:
    rows: list[dict[str, Any]] = []
    for page in pages:
        rows.extend(json.loads(page))
    return rows


def _replica(pages: list[bytes], order: str | None) -> object:
    replica = Replica(("id",), Where.parse(None), Order.parse(order), version_column="version")
    replica.begin_snapshot()
    for page in pages:
        replica.add_page(json.loads(page))
    replica.finish_snapshot()
    assert len(replica) == ROWS, replica
    return replica


def _bytes(make: Callable[[], object]) -> float:
    """Count what stays allocated; it is the same in each run."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        held = make()
        after, _ = tracemalloc.get_traced_memory()
        del held
    finally:
        tracemalloc.stop()
    return (after - before) / ROWS


def figures() -> list[Figure]:
    """Measure the bytes a row, without what is only held while it is read."""
    # Made before, for each allocation is slow while it is traced.
    pages = [_page(start) for start in range(0, ROWS, PAGE)]
    plain = _bytes(lambda: _list(pages))
    free = _bytes(lambda: _replica(pages, None))
    ordered = _bytes(lambda: _replica(pages, "-created_at"))
    peer = f"a list of {ROWS:,} dicts of ten columns"
    return [
        Figure("memory, a row held", free, "bytes", peer, plain),
        Figure("  in the order of a column", ordered, "bytes", peer, plain),
    ]
