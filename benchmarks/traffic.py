"""How fast the sandbox's traffic writes its story into the database."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from livewidgets.sandbox import schema
from livewidgets.sandbox.postgres import Postgres
from livewidgets.sandbox.traffic import Pace, Traffic, seed_base

from .table import Figure

#: A speed that asks for more than 2,000 changes a second.
SPEED = 600.0
SECONDS = 5


async def _changes_a_second(dsn: str) -> float:
    traffic = Traffic(dsn, pace=Pace(speed=SPEED))
    playing = asyncio.create_task(traffic.play())
    while traffic.written < 1000:  # noqa: ASYNC110 - the day has to begin; nobody tells
        await asyncio.sleep(0.05)
    started, before = time.monotonic(), traffic.written
    await asyncio.sleep(SECONDS)
    rate = (traffic.written - before) / (time.monotonic() - started)
    playing.cancel()
    await asyncio.wait((playing,))
    return rate


def figures() -> list[Figure]:
    """Measure the changes a second."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        postgres = Postgres.start(Path(folder))
        try:
            schema.apply(postgres.dsn)
            seed_base(postgres.dsn)
            rate = asyncio.run(_changes_a_second(postgres.dsn))
        finally:
            postgres.stop()
    return [Figure(f"traffic at speed {SPEED:g} (at least 2,000)", rate, "changes/s")]
