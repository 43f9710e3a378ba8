"""The sandbox's Postgres: an embedded one, or one that is there already."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool


class Database:
    """A pool of connections, as the superuser; whoever serves a request sets the role for its transaction.

    Attributes
    ----------
    dsn
        A ``postgresql://`` address.
    pool
        Opened by `open`, closed by `close`. Connections are in autocommit mode; for a role of its own use
        ``async with database.pool.connection() as connection: async with connection.transaction(): ...``.
    """

    def __init__(self, dsn: str, *, size: int = 12) -> None:
        self.dsn = dsn
        self.pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
            dsn,
            min_size=2,
            max_size=size,
            open=False,
            name="sandbox",
            kwargs={"autocommit": True, "application_name": "livewidgets sandbox"},
            # After a restart of the database the pool would hand out dead connections: each is looked at first.
            check=AsyncConnectionPool.check_connection,
            reconnect_timeout=3600.0,
        )

    async def open(self) -> Self:
        """Open the pool and wait for its first connections."""
        await self.pool.open(wait=True, timeout=10.0)
        return self

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close(timeout=1.0)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        # The address holds a password.
        return f"<{type(self).__name__}>"
