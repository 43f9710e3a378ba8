"""A websocket that is joined to one table's changes once, and says at which step that fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from livewidgets.core.change import Change
from livewidgets.errors import LiveWidgetsError, UnreachableError
from livewidgets.live.channel import Binding, TableChannel
from livewidgets.live.credentials import Secret
from livewidgets.live.timings import Timings
from livewidgets.live.translate import stream_error
from livewidgets.live.wire import Wire

#: Heartbeats while a change is waited for (seconds): a dead peer is found within that time.
_BEAT = 1.0


class _Listener(TableChannel):
    joined = False

    def on_joined(self) -> None:
        self.joined = True


class Ear:
    """One websocket, joined to the changes of one table.

    Parameters
    ----------
    url, key, token, schema
        As for `Live`.
    limit
        Seconds for each step.
    """

    def __init__(self, url: str, key: str, token: str | None, schema: str, limit: float) -> None:
        self._schema = schema
        self._timings = Timings(
            open=limit, join=limit, stream=limit, heartbeat=_BEAT, heartbeat_reply=min(limit, 3 * _BEAT)
        )
        self._wire = Wire(url, Secret(key), None if token is None else Secret(token), self._timings)
        self._channel: _Listener | None = None
        self._heard: asyncio.Queue[Change] = asyncio.Queue()

    def __repr__(self) -> str:
        return f"<Ear on {self._wire.host}>"

    @property
    def joined(self) -> bool:
        """Whether the join was accepted."""
        return self._channel is not None and self._channel.joined

    async def open(self) -> float:
        """Open the websocket; gives the seconds that it took.

        Raises
        ------
        LiveWidgetsError
            It cannot be opened, and why.
        """
        started = time.monotonic()
        await self._wire.open()
        return time.monotonic() - started

    async def join(self, table: str) -> float:
        """Join the changes of a table and wait until they flow; gives the seconds that it took.

        Raises
        ------
        LiveWidgetsError
            The join or the subscription was refused or not answered; `joined` tells which.
        """
        started = time.monotonic()
        self._channel = _Listener(
            self._wire,
            f"doctor:{table}",
            (Binding("*", self._schema, table),),
            take=self._heard.put_nowait,
            gap=lambda: None,
            translate=lambda words: stream_error(words, table),
        )
        await self._channel.open()
        return time.monotonic() - started

    async def hear(self, limit: float, wanted: Callable[[Change], bool]) -> Change | None:
        """Wait for a change; None when there was none in time.

        Raises
        ------
        LiveWidgetsError
            The connection or the channel broke, or a change came as an error.
        """
        if self._channel is None:
            raise UnreachableError("Nothing was joined.", "Join first.")
        ends = (self._channel.broken, self._wire.lost)
        try:
            async with asyncio.timeout(limit):
                while True:
                    next_one = asyncio.ensure_future(self._heard.get())
                    try:
                        await asyncio.wait((next_one, *ends), return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        if not next_one.done():
                            next_one.cancel()
                    if next_one.done() and not next_one.cancelled():
                        change = next_one.result()
                        if wanted(change):
                            return change
                        continue
                    error: LiveWidgetsError = next(end.result() for end in ends if end.done())
                    raise error
        except TimeoutError:
            return None

    async def close(self) -> None:
        """Leave and close."""
        if self._channel is not None:
            await self._channel.close()
        await self._wire.close()
