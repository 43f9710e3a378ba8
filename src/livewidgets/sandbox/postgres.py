"""The sandbox's Postgres: an embedded one, or one that is there already."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import psycopg
from psycopg_pool import AsyncConnectionPool

from livewidgets.errors import PostgresUnavailableError
from livewidgets.sandbox.cluster import Cluster

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow


class Database:
    """A pool of connections, as the superuser; whoever serves a request sets the role for its transaction.

    Attributes
    ----------
    dsn
        A ``postgresql://`` address.
    pool
        Opened by `open`, closed by `close`. Connections are in autocommit mode; for a role of its own use
        ``async with database.pool.connection() as connection, connection.transaction(): ...``.
    """

    def __init__(self, dsn: str, *, size: int = 12) -> None:
        self.dsn = dsn
        #: When the pool's connections were last thrown away, by `time.monotonic`.
        self._drained = 0.0
        self.pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
            dsn,
            min_size=2,
            max_size=size,
            open=False,
            name="sandbox",
            kwargs={"autocommit": True, "application_name": "livewidgets sandbox"},
            # After a restart of the database the pool would hand out dead connections: each is looked at first.
            check=self._check,
            reconnect_timeout=3600.0,
        )

    async def open(self) -> Self:
        """Open the pool and wait for its first connections."""
        await self.pool.open(wait=True, timeout=10.0)
        return self

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close(timeout=1.0)

    async def _check(self, connection: AsyncConnection[TupleRow]) -> None:
        began = time.monotonic()
        try:
            await AsyncConnectionPool.check_connection(connection)
        except psycopg.Error:
            # Where one is dead the others are, as a rule. The pool would find that out one by one, and make its
            # caller wait longer each time. Once is enough for all who found out together.
            if began > self._drained:
                self._drained = time.monotonic()
                await self.pool.drain()
            raise

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        # The address holds a password.
        return f"<{type(self).__name__}>"


class Postgres:
    """A running Postgres with logical replication. Use `start`; `stop` ends what `start` began.

    Attributes
    ----------
    dsn
        The superuser's ``postgresql://`` address; psql accepts it.
    embedded
        Whether the server is ours, to stop and to start again.
    """

    def __init__(self, dsn: str, cluster: Cluster | None = None) -> None:
        self.dsn = dsn
        self._cluster = cluster

    def __repr__(self) -> str:
        return f"<Postgres {'embedded' if self._cluster else 'elsewhere'}>"

    @property
    def embedded(self) -> bool:
        """Whether the server is ours."""
        return self._cluster is not None

    @classmethod
    def start(cls, data: Path | None = None, dsn: str | None = None) -> Postgres:
        """Start the embedded server of a data folder, or check the one at an address.

        Blocks. Call it on the main thread: there, on Linux, the server is bound to the life of this process.

        Parameters
        ----------
        data
            The sandbox's data folder; the cluster lies in its ``postgres``.
        dsn
            Serve this database instead.

        Raises
        ------
        PostgresUnavailableError
            No wheel for this platform, the server does not start, or the one at the address cannot be used.
        """
        if dsn is not None:
            _check(dsn)
            return cls(dsn)
        if data is None:
            raise PostgresUnavailableError("An embedded Postgres needs a data folder.", "Pass data or a dsn.")
        cluster = Cluster(data)
        cluster.start()
        return cls(cluster.dsn, cluster)

    @property
    def alive(self) -> bool:
        """Whether the server process runs; True for one that is not ours."""
        return self._cluster is None or self._cluster.alive

    def restart(self) -> None:
        """Start the embedded server again on its old port, after it was killed or stopped from outside."""
        if self._cluster is not None:
            self._cluster.start()

    def stop(self) -> None:
        """Stop the embedded server and wait until it is gone; one that is not ours stays as it is."""
        if self._cluster is not None:
            self._cluster.stop()


def _check(dsn: str) -> None:
    """Look whether a database can be served, and say what to do where it cannot."""
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            row = connection.execute(
                "select current_setting('wal_level'), current_setting('server_version_num')::int,"
                " rolsuper from pg_roles where rolname = current_user"
            ).fetchone()
    except psycopg.Error as error:
        # The driver's own words may repeat the address, and with it the password.
        raise PostgresUnavailableError(
            "The database given with --postgres does not answer.",
            "Check the address (postgresql://user:password@host:port/database) with psql.",
        ) from _without_address(error)
    wal_level, version, superuser = row or ("", 0, False)
    if wal_level != "logical":
        raise PostgresUnavailableError(
            f"The database has wal_level={wal_level}, so it gives out no changes.",
            "Run: alter system set wal_level = 'logical'; then restart it.",
        )
    if version < 150000:
        raise PostgresUnavailableError("The database is older than Postgres 15.", "Use 15 or later.")
    if not superuser:
        raise PostgresUnavailableError(
            "The user of the database is no superuser.",
            "The sandbox makes roles and a publication: use postgres.",
        )


def _without_address(error: psycopg.Error) -> Exception:
    return type(error)(error.sqlstate or "no connection")
