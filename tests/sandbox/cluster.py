"""One embedded Postgres with the sandbox's schema for all tests of the database half."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from livewidgets.sandbox import schema
from livewidgets.sandbox.postgres import Postgres
from livewidgets.sandbox.traffic import seed_base

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from livewidgets.sandbox.wal import RowChange, WalStream

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="session")
def cluster_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    postgres = Postgres.start(tmp_path_factory.mktemp("cluster"))
    try:
        assert schema.apply(postgres.dsn)
        seed_base(postgres.dsn)
        yield postgres.dsn
    finally:
        postgres.stop()


@pytest.fixture
def db(cluster_dsn: str) -> Iterator[Connection]:
    with psycopg.connect(cluster_dsn, autocommit=True) as connection:
        yield connection


def wait_until(condition: Callable[[], Any], limit: float = 15.0, what: str = "condition") -> Any:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {limit} s")


class Reader:
    """Takes single row changes and events from a stream, each with a limit."""

    def __init__(self, stream: WalStream) -> None:
        self._items: AsyncIterator[Any] = aiter(stream)
        self._waiting: list[Any] = []

    async def next(self, limit: float = 10.0) -> Any:
        while not self._waiting:
            async with asyncio.timeout(limit):
                item = await anext(self._items)
            self._waiting += item if isinstance(item, list) else [item]
        return self._waiting.pop(0)

    async def changes(self, number: int) -> list[RowChange]:
        return [await self.next() for _ in range(number)]

    async def close(self) -> None:
        await self._items.aclose()  # type: ignore[attr-defined]
