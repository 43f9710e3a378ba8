"""A gate to the database that lets a few in at a time, and each in turn: one client's crowd keeps nobody out."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from livewidgets.errors import SandboxError


class GateClosedError(SandboxError):
    """Too many wait already, or the wait was too long."""

    def __init__(self) -> None:
        super().__init__("Too many requests wait for the database.")


class Gate:
    """Lets a number of visitors in at once, fewer of the same one; those who wait take turns, client by client.

    Parameters
    ----------
    at_once
        Visitors inside.
    each
        Of these, with the same name.
    waiting
        Most that wait under one name.
    patience
        Seconds after which a visitor is sent away.
    """

    def __init__(self, at_once: int = 8, each: int = 6, waiting: int = 200, patience: float = 10.0) -> None:
        self._free = at_once
        self._each = each
        self._waiting = waiting
        self._patience = patience
        self._inside: dict[Hashable, int] = {}
        self._queues: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, name: Hashable) -> AsyncIterator[None]:
        """Wait for a turn, and hold it.

        Raises
        ------
        GateClosedError
        """
        await self._enter(name)
        try:
            yield
        finally:
            self._leave(name)

    async def _enter(self, name: Hashable) -> None:
        if name not in self._queues and self._open(name):
            self._admit(name)
            return
        queue = self._queues.setdefault(name, deque())
        if len(queue) >= self._waiting:
            raise GateClosedError
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The turn had come in the same moment.
                self._leave(name)
            elif turn in queue:
                queue.remove(turn)
                self._tidy(name)
            if isinstance(error, TimeoutError):
                raise GateClosedError from error
            raise

    def _open(self, name: Hashable) -> bool:
        return self._free > 0 and self._inside.get(name, 0) < self._each

    def _admit(self, name: Hashable) -> None:
        self._free -= 1
        self._inside[name] = self._inside.get(name, 0) + 1

    def _leave(self, name: Hashable) -> None:
        self._free += 1
        self._inside[name] -= 1
        if not self._inside[name]:
            del self._inside[name]
        for waiting in list(self._queues):
            if self._free <= 0:
                break
            queue = self._queues[waiting]
            while queue and queue[0].done():
                queue.popleft()
            if queue and self._open(waiting):
                self._admit(waiting)
                queue.popleft().set_result(None)
                # The next turn is another's.
                self._queues.move_to_end(waiting)
            self._tidy(waiting)

    def _tidy(self, name: Hashable) -> None:
        if name in self._queues and not self._queues[name]:
            del self._queues[name]
