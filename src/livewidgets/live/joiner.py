"""Keeps something joined that is no table, over whatever connection there is: a hook's changes, or a room."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from livewidgets.errors import (
    ClosedError,
    FilterError,
    KeyRefusedError,
    LiveWidgetsError,
    NotReadyError,
    ProtocolError,
    RoomError,
    TableError,
)
from livewidgets.live.channel import Channel
from livewidgets.live.kept import kept

if TYPE_CHECKING:
    from livewidgets.live.upstream import Upstream
    from livewidgets.live.wire import Wire

logger = logging.getLogger(__name__)

C = TypeVar("C", bound=Channel)

# A reload must not begin anew: two that are joined would be counted as one.
_count = kept(__name__, lambda: itertools.count(1))


class Joiner(Generic[C]):
    """One task: wait for a connection, join, wait for the end of either, begin again.

    Parameters
    ----------
    upstream
        The connection, supervised.
    name
        What is joined, for people.
    make
        Makes the channel on a new connection, or after trouble on the old one.
    on_open
        Called with each channel that is joined, and how many there were before it.
    on_end
        Called when it is of no more use, with the reason.
    """

    def __init__(
        self,
        upstream: Upstream,
        name: str,
        make: Callable[[Wire], C],
        *,
        on_open: Callable[[C, int], object],
        on_end: Callable[[LiveWidgetsError], object],
    ) -> None:
        self.name = name
        self._upstream = upstream
        self._label = f"{name}#{next(_count)}"
        self._make = make
        self._on_open = on_open
        self._on_end = on_end
        self._task: asyncio.Task[Any] | None = None
        self._again = asyncio.Event()
        self._changed = asyncio.Event()
        self._reported = ""
        self.is_closed = False
        #: The channel, while it is joined.
        self.channel: C | None = None
        #: Why it is not; None while it is, and before the first try.
        self.error: LiveWidgetsError | None = None

    def __repr__(self) -> str:
        return f"<Joiner of {self.name}, {'joined' if self.channel is not None else 'not joined'}>"

    # All of it on the I/O thread, but for reading.

    def start(self, after: asyncio.Future[Any] | None = None) -> None:
        """Begin once `after` is done; only the first call counts."""
        if self._task is None and not self.is_closed and not self._upstream.is_closed:
            self._upstream.joiners.add(self)
            self._upstream.note(self._label, is_behind=True)
            self._task = self._upstream.thread.start(self._run(after), f"livewidgets-join-{self.name}")

    async def close(self) -> None:
        """Leave, and end the task."""
        self.is_closed = True
        self._changed.set()
        self._upstream.joiners.discard(self)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._upstream.note_left(self._label)

    def join_again(self) -> None:
        """Leave and join at once, since what `make` makes is not what is joined."""
        self._again.set()

    async def joined(self, limit: float) -> C:
        """Wait until it is joined.

        Raises
        ------
        LiveWidgetsError
            What stands in the way, when trying again will not mend it or the limit is reached.
        """
        try:
            async with asyncio.timeout(limit):
                while self.channel is None:
                    if self.is_closed or self._upstream.is_closed:
                        raise ClosedError(f"{self.name} was closed.", "Open it again.")
                    if self.error is not None and not self._may_pass(self.error):
                        raise self.error.with_traceback(None) from None
                    self._changed.clear()
                    await self._changed.wait()
                return self.channel
        except TimeoutError:
            error = self.error or self._upstream.status().error
            raise error or NotReadyError(
                f"{self.name} was not joined within {limit:g} s.", "Look at the status of the connection."
            ) from None

    async def _run(self, after: asyncio.Future[Any] | None) -> None:
        upstream = self._upstream
        failures = opened = 0
        if after is not None:
            await asyncio.wait((after,))
        while True:
            wire = await upstream.connected()
            self._again.clear()
            error: LiveWidgetsError | None = None
            channel = self._make(wire)
            try:
                await channel.open()
                self._open(channel, opened)
                opened += 1
                failures = 0
                error = await self._until_the_end(channel, wire)
            except LiveWidgetsError as trouble:
                error = trouble
                failures += 1
            except Exception as trouble:
                logger.exception("Joining %s failed; it begins again.", self.name)
                error = ProtocolError(f"Joining {self.name} failed ({type(trouble).__name__}).")
                failures += 1
            finally:
                self.channel = None
                await channel.close()
            if error is None:
                continue  # it is joined anew as something else
            if isinstance(error, KeyRefusedError):
                upstream.renew_token()
            self._end(wire.lost.result() if wire.lost.done() else error)
            if not wire.lost.done():
                await upstream.pause(upstream.timings.retry_delay(failures, may_pass=self._may_pass(error)))

    async def _until_the_end(self, channel: C, wire: Wire) -> LiveWidgetsError | None:
        again = asyncio.ensure_future(self._again.wait())
        try:
            await asyncio.wait((channel.broken, wire.lost, again), return_when=asyncio.FIRST_COMPLETED)
        finally:
            again.cancel()
        for end in (channel.broken, wire.lost):
            if end.done():
                return end.result()
        return None

    def _open(self, channel: C, before: int) -> None:
        self.channel, self.error, self._reported = channel, None, ""
        self._changed.set()
        self._upstream.note(self._label, is_behind=False)
        self._on_open(channel, before)

    def _end(self, error: LiveWidgetsError) -> None:
        self.error = error
        self._changed.set()
        may_pass = self._may_pass(error)
        self._upstream.note(self._label, is_behind=may_pass)
        if not may_pass and str(error) != self._reported:
            # Nobody may be waiting for it who would be told otherwise.
            self._reported = str(error)
            logger.warning("%s cannot be joined; it is tried again. %s", self.name, error)
        self._on_end(error)

    def _may_pass(self, error: LiveWidgetsError) -> bool:
        return not isinstance(error, TableError | FilterError | KeyRefusedError | RoomError)
