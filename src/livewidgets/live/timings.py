"""How long things may take on the way to Supabase."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Seconds between two tries of something that goes on failing, at most.
_SLOWEST_RETRY = 60.0


@dataclass(frozen=True, slots=True)
class Timings:
    """Limits and intervals of a connection, in seconds.

    Attributes
    ----------
    open
        For the websocket to open, TLS and upgrade included. Supabase takes 2 s to refuse a key.
    heartbeat, heartbeat_reply
        Between heartbeats, and for the answer to one: a dead peer is found within their sum.
    join
        For the answer to a join.
    stream
        From the join to "Subscribed to PostgreSQL", which takes up to 2 s on a cold project.
    request
        For a REST request.
    rest_retry
        Between reads of a snapshot that fail while the websocket holds.
    table_retry
        Between tries of a table that cannot be followed (unknown, not published, no rights).
    refused_retry
        Between tries after the key was refused: rarely, for it may have been a gateway that restarted.
    token
        At least this long between two connections that are made only to bring a fresh access token.
    token_margin
        An access token is replaced this long before it expires; one of a short life at half of it.
    ack
        For the answer to a broadcast.
    grace
        Who leaves a room is still shown for so long, and whoever returns in it has not left.
    presence_window
        In which a client may say five times who it is; the server closes the channel of one that says more.
    refill
        A window that lost a row is read again after this long, so that many losses cost one read.
    sync
        A row that was written is read again when its change has not come by itself for so long.
    audit
        Between comparisons of the row count with the database's.
    clock_jump
        When the wall clock gains this much on the monotonic one, the machine has slept.
    wall
        The wall clock.
    """

    open: float = 8.0
    heartbeat: float = 5.0
    heartbeat_reply: float = 10.0
    join: float = 10.0
    stream: float = 15.0
    request: float = 10.0
    rest_retry: float = 2.0
    table_retry: float = 5.0
    refused_retry: float = 60.0
    token: float = 30.0
    token_margin: float = 60.0
    ack: float = 10.0
    grace: float = 3.0
    presence_window: float = 30.5
    refill: float = 0.25
    sync: float = 3.0
    audit: float = 60.0
    clock_jump: float = 5.0
    wall: Callable[[], float] = time.time

    def retry_delay(self, failures: int, *, may_pass: bool) -> float:
        """Return the seconds to wait after so many failures in a row of what the open websocket serves.

        Parameters
        ----------
        failures
            How often it failed; the wait doubles with each, up to a minute.
        may_pass
            Whether trying again may help by itself; otherwise somebody has to mend something first.
        """
        first = self.rest_retry if may_pass else self.table_retry
        # A random half keeps many from asking all at once.
        return min(first * 2.0 ** max(failures - 1, 0), _SLOWEST_RETRY) * random.uniform(0.5, 1.0)  # noqa: S311
