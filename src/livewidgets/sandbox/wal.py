"""The database's changes as a stream: logical replication (pgoutput) read over a replication connection."""

from __future__ import annotations

import asyncio
import secrets
import struct
import time
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from livewidgets.errors import PostgresUnavailableError, ProtocolError
from livewidgets.sandbox.commits import until_visible
from livewidgets.sandbox.pgoutput import (
    UNCHANGED,
    Column,
    Decoder,
    Kind,
    Relation,
    RowChange,
    Unchanged,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg.pq.abc import PGconn

__all__ = [
    "UNCHANGED",
    "Column",
    "Kind",
    "Relation",
    "RowChange",
    "StreamEvent",
    "Unchanged",
    "Value",
    "WalStream",
]

#: Changes joined into one batch at most, so that one burst does not hold the loop for long.
BATCH = 1000
#: Seconds between reports of how far we have read; Postgres may then drop its log up to there.
FEEDBACK_EVERY = 5.0
#: Seconds between attempts to reach a database that is gone.
RETRY_EVERY = 0.1
_EPOCH_2000 = 946_684_800
_KEEPALIVE = struct.Struct(">qqb")
_FEEDBACK = struct.Struct(">cqqqqb")
_DATA_HEADER = 25  # "w", start, end, send time


class StreamEvent(StrEnum):
    """What the stream says about itself, in its place among the batches."""

    #: The stream is open for the first time: every later commit comes through.
    READY = "ready"
    #: The database is gone; what is committed until `RESUMED` may be missing.
    LOST = "lost"
    #: The stream is open again.
    RESUMED = "resumed"


class WalStream:
    """Changes of a publication's tables, transaction by transaction, as they are committed.

    Iterating yields lists of `RowChange` (whole transactions, several joined when many wait) and `StreamEvent`.
    It reads at the pace of its one consumer; Postgres keeps what waits. The replication slot is temporary, so a
    killed sandbox leaves none behind.

    Parameters
    ----------
    dsn
        A ``postgresql://`` address whose user may replicate.
    publication
        The publication to read.
    also
        A publication to read as well, where there is one of this name.
    """

    def __init__(
        self,
        dsn: str,
        publication: str = "supabase_realtime",
        also: str = "supabase_realtime_messages_publication",
    ) -> None:
        self._dsn = dsn
        self.publication = publication
        self._also = also
        self._closed = False
        self._wake = asyncio.Event()

    def __repr__(self) -> str:
        return f"<WalStream of {self.publication}>"

    async def close(self) -> None:
        """End the stream: the iteration stops and the temporary slot goes with its connection."""
        self._closed = True
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[list[RowChange] | StreamEvent]:
        event = StreamEvent.READY
        while not self._closed:
            try:
                connection, decoder = await self._open()
                looker = await self._connect_looker(connection)
            except psycopg.Error as error:
                if event is StreamEvent.READY:
                    raise PostgresUnavailableError(
                        "The database does not give out its changes.",
                        "It needs wal_level=logical, a free replication slot and a user that may replicate.",
                    ) from error
                await self._readable(None, RETRY_EVERY)
                continue
            try:
                yield event
                async for batch in self._read(connection.pgconn, decoder):
                    await until_visible(looker, decoder.committed)
                    yield batch
            except (psycopg.Error, OSError):
                pass  # gone, or going: the next round finds out when it is back
            finally:
                # Closes the socket at once, and with it goes the slot.
                connection.pgconn.finish()
                looker.pgconn.finish()
            if not self._closed:
                event = StreamEvent.RESUMED
                yield StreamEvent.LOST

    async def _connect_looker(
        self, replication: psycopg.AsyncConnection[psycopg.rows.TupleRow]
    ) -> psycopg.AsyncConnection[psycopg.rows.TupleRow]:
        try:
            return await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, application_name="livewidgets sandbox: commits"
            )
        except BaseException:
            replication.pgconn.finish()
            raise

    async def _open(self) -> tuple[psycopg.AsyncConnection[psycopg.rows.TupleRow], Decoder]:
        """Connect, make a temporary slot, and start the replication from it."""
        connection = await psycopg.AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            replication="database",
            client_encoding="utf8",
            application_name="livewidgets sandbox: changes",
            # A consumer that takes its time is no dead one.
            options="-c wal_sender_timeout=0 -c DateStyle=ISO -c IntervalStyle=postgres -c TimeZone=UTC"
            " -c extra_float_digits=1 -c bytea_output=hex",
        )
        try:
            # The replication protocol knows simple queries only: no parameters, nothing prepared.
            connection.prepare_threshold = None
            slot = f"livewidgets_{secrets.token_hex(8)}"
            types = await connection.execute("select oid::int8, typname from pg_type where oid < 16384")
            decoder = Decoder(dict(await types.fetchall()))
            await connection.execute(
                sql.SQL("CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'nothing')").format(
                    sql.Identifier(slot)
                )
            )
            more = await connection.execute(
                sql.SQL("select pubname from pg_publication where pubname = {}").format(
                    sql.Literal(self._also)
                )
            )
            names = [self.publication, *(str(row[0]) for row in await more.fetchall())]
            start = sql.SQL(
                "START_REPLICATION SLOT {} LOGICAL 0/0 (proto_version '1', publication_names {})"
            ).format(sql.Identifier(slot), sql.Literal(", ".join(f'"{name}"' for name in names)))
            _exec_copy(connection.pgconn, start.as_bytes(connection))
        except BaseException:
            connection.pgconn.finish()
            raise
        return connection, decoder

    async def _read(self, pgconn: PGconn, decoder: Decoder) -> AsyncIterator[list[RowChange]]:
        batch: list[RowChange] = []
        report_at = time.monotonic() + FEEDBACK_EVERY
        position = 0
        while not self._closed:
            size, data = pgconn.get_copy_data(1)
            if size > 0:
                message = bytes(data)
                if message[:1] == b"w":
                    changes = decoder.feed(message[_DATA_HEADER:])
                    if changes:
                        batch += changes
                    position = max(position, decoder.end_lsn)
                    if len(batch) < BATCH:
                        continue
                elif message[:1] == b"k":
                    end, _, reply = _KEEPALIVE.unpack_from(message, 1)
                    if not decoder.in_transaction:
                        position = max(position, end)
                    if reply:
                        _report(pgconn, position)
                    continue
                else:
                    raise ProtocolError(f"The replication stream sent an unknown frame {message[:1]!r}.")
            elif size < 0:
                return
            if batch:
                yield batch
                batch = []
            if time.monotonic() >= report_at:
                _report(pgconn, position)
                report_at = time.monotonic() + FEEDBACK_EVERY
            if size == 0:
                await self._readable(pgconn.socket, FEEDBACK_EVERY)
                if not self._closed:
                    pgconn.consume_input()

    async def _readable(self, socket: int | None, limit: float) -> None:
        """Wait until the socket has something, `close` is called, or the time is over."""
        if self._closed:
            return
        self._wake.clear()
        loop = asyncio.get_running_loop()
        if socket is not None:
            loop.add_reader(socket, self._wake.set)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await self._wake.wait()
        finally:
            # Only while waiting: a reader left in place would spin the loop while the consumer is busy.
            if socket is not None:
                loop.remove_reader(socket)


def _exec_copy(pgconn: PGconn, command: bytes) -> None:
    """Send a command that turns the connection into a stream in both directions."""
    result = pgconn.exec_(command)
    if result.status != ExecStatus.COPY_BOTH:
        raise psycopg.OperationalError("the replication did not start")
    pgconn.nonblocking = 1


def _report(pgconn: PGconn, position: int) -> None:
    """Tell Postgres that everything up to a position has been read."""
    now = int((time.time() - _EPOCH_2000) * 1_000_000)
    pgconn.put_copy_data(_FEEDBACK.pack(b"r", position, position, position, now, 0))
    pgconn.flush()
