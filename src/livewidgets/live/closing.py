"""What may be opened has to be closed: the end of a ``with`` block does it, and at the latest the collection."""

from __future__ import annotations

import asyncio
import warnings
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from livewidgets.live.thread import IoThread
    from livewidgets.live.upstream import Upstream

#: How long what is closed may use the connection (seconds): a bit more than tables wait for their last writes.
_END_LIMIT = 2.2


class Closing(ABC):
    """Something with a `close`, to be used in a ``with`` block."""

    __slots__ = ()

    @classmethod
    def __subclasshook__(cls, other: type) -> Any:  # noqa: ANN401 - as the protocol has it
        # A module that is reloaded makes its classes anew: what is of the new one is still of the old one, which other
        # modules know.
        name = (cls.__module__, cls.__qualname__)
        return True if any((k.__module__, k.__qualname__) == name for k in other.__mro__) else NotImplemented

    @abstractmethod
    def close(self) -> None:
        """Free what is held; closing twice does no harm."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def warn_dropped(thing: object, upstream: Upstream) -> None:
    """Warn that something was dropped unclosed; for its ``__del__``.

    Silent where there is nothing left to close: the connection was closed, or the process ends. Python shows such
    warnings only when it is asked to (``-X dev``), pytest shows them always.
    """
    if not upstream.is_closed and upstream.thread.is_usable():
        warnings.warn(f"{thing!r} was never closed", ResourceWarning, source=thing, stacklevel=3)


class Endings:
    """What ends things that were closed: tasks that still use the connection. On the I/O thread."""

    def __init__(self, thread: IoThread) -> None:
        self._thread = thread
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, coro: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Begin to end something; the connection's `close` waits for it."""
        task = self._thread.start(coro, name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settle(self) -> None:
        """Wait for all, but not long: who hangs in a send to a dead peer is freed by the end of the websocket."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=_END_LIMIT)

    async def wait(self) -> None:
        """Wait for all."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
