"""The catalogue is current for whoever asks, also while it is being read and after a reading that failed."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from livewidgets.sandbox.catalog import Catalog
from livewidgets.sandbox.postgres import Database
from tests.sandbox.cluster import Connection, cluster_dsn, db

__all__ = ["cluster_dsn", "db"]


async def test_who_asks_during_a_reading_waits_for_it(cluster_dsn: str, db: Connection) -> None:
    async with Database(cluster_dsn) as database:
        catalog = Catalog(database)
        old = await catalog.snapshot()
        assert await catalog.snapshot() is old
        db.execute("create table fresh (id int primary key)")
        try:
            catalog.invalidate()
            first = asyncio.create_task(catalog.snapshot())
            while catalog._stale:  # noqa: ASYNC110 - the reading is to begin
                await asyncio.sleep(0)
            second = await catalog.snapshot()
            assert ("public", "fresh") in second.tables
            assert await first is second
        finally:
            db.execute("drop table fresh")


async def test_a_reading_that_failed_is_made_up_for(
    cluster_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise psycopg.OperationalError("away")

    async with Database(cluster_dsn) as database:
        catalog = Catalog(database)
        old = await catalog.snapshot()
        catalog.invalidate()
        with monkeypatch.context() as patch:
            patch.setattr(catalog, "_query", fail)
            with pytest.raises(psycopg.OperationalError):
                await catalog.snapshot()
        assert await catalog.snapshot() is not old
