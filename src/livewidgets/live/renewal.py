"""Brings each access token to REST and to the channels before the one before it expires."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import TYPE_CHECKING, Any

from livewidgets.core.connection import backoff
from livewidgets.errors import LiveWidgetsError

if TYPE_CHECKING:
    from livewidgets.live.credentials import Credentials
    from livewidgets.live.upstream import Upstream
    from livewidgets.live.wire import Wire

logger = logging.getLogger(__name__)

#: A wait for a token's end is cut into pieces of this (seconds): a machine that slept notices soon after.
_NAP = 5.0


class Renewal:
    """One task while there is a connection; on the I/O thread.

    Parameters
    ----------
    upstream, credentials
        Whose token, and where it comes from.
    """

    def __init__(self, upstream: Upstream, credentials: Credentials) -> None:
        self._upstream = upstream
        self._credentials = credentials
        self._task: asyncio.Task[Any] | None = None

    def start(self, wire: Wire, *, at_once: bool = False) -> None:
        """Begin for a connection; `at_once`: there is another token already."""
        self.stop()
        self._task = self._upstream.thread.start(self._run(wire, at_once=at_once), "livewidgets-token")

    def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self, wire: Wire, *, at_once: bool) -> None:
        credentials = self._credentials
        delays = backoff(random.random)
        warned = False
        while not wire.lost.done():
            due = 0.0 if at_once else credentials.due_in()
            if due is None:
                return
            if due > 0:
                await asyncio.sleep(min(due, _NAP))
                continue
            before = credentials.present
            try:
                token = await credentials.ask()
                if token is not None and (token != before or at_once):
                    await self._spread(wire, token)
                    delays = backoff(random.random)
                    at_once = warned = False
                    continue
            except LiveWidgetsError as error:
                if not warned:
                    logger.warning("The access token could not be renewed; it is tried again. %s", error)
                warned = True
            await self._upstream.pause(1.0 + next(delays))

    async def _spread(self, wire: Wire, token: str) -> None:
        upstream = self._upstream
        upstream.rest.set_token(token)
        # A connection that is stalled: its heartbeats tell, and the next one has the token from the start.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(upstream.timings.request):
                await wire.set_token(token)
        upstream.hurry()
