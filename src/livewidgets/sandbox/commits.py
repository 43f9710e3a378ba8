"""Which transactions other sessions can see.

Postgres writes a commit into the log, from where it is streamed, a moment before other sessions can see its rows. Who is
told of a change and looks at once would not find it; a policy that is asked about the row would hide it for ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

logger = logging.getLogger(__name__)

#: Seconds between two looks; the gap is a few hundred microseconds as a rule.
PAUSE = 0.0005
#: Seconds after which the changes go on all the same: better early than never.
PATIENCE = 5.0

_WRAP = 2**32


def all_visible(snapshot: str, xids: Iterable[int]) -> bool:
    """Say whether a snapshot sees all these transactions, which have committed.

    Parameters
    ----------
    snapshot
        As ``pg_current_snapshot()`` prints it: ``xmin:xmax:xip,xip,...``, in 64 bits.
    xids
        As the log has them, in 32 bits.
    """
    _, end, running = snapshot.split(":")
    limit = int(end)
    unseen = {int(xid) % _WRAP for xid in running.split(",") if xid}
    # Numbers run in a circle of 32 bits: half of it lies before the limit, half behind.
    return all(0 < (limit - xid) % _WRAP < _WRAP // 2 and xid not in unseen for xid in xids)


async def until_visible(connection: AsyncConnection[TupleRow], xids: set[int]) -> None:
    """Wait until other sessions see these transactions, and empty the set.

    Parameters
    ----------
    connection
        In autocommit mode: each look takes a new snapshot.
    xids
        32-bit numbers of committed transactions.
    """
    end = time.monotonic() + PATIENCE
    while xids:
        cursor = await connection.execute("select pg_current_snapshot()::text")
        row = await cursor.fetchone()
        if row is None or all_visible(row[0], xids):
            break
        if time.monotonic() >= end:
            logger.warning(
                "A commit was not visible to others within %g s; its changes are sent now.", PATIENCE
            )
            break
        await asyncio.sleep(PAUSE)
    xids.clear()
