"""From the I/O thread to the user's code: patches and statuses, called where the user subscribed.

In a notebook that is the kernel's main loop, so a callback may touch widgets; in a plain script, which runs no loop,
a thread of our own. A reader that is slow gets merged patches, never a queue without end; a callback that raises is
reported once and stays subscribed.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import queue
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

from livewidgets.core.change import Patch
from livewidgets.live.kept import kept
from livewidgets.live.thread import io_thread

logger = logging.getLogger("livewidgets")

T = TypeVar("T")

#: Above so many waiting items the two newest become one.
_MOST_WAITING = 256
#: Callbacks in one turn of the user's loop.
_CALLS_A_TURN = 32


class _Merged(Patch):
    """Made here of several that wait for a slow reader; nobody else has it yet, so it may still grow."""

    __slots__ = ()


def merge(first: Patch, second: Patch) -> Patch:
    """Make one patch of two that follow each other.

    It costs as much as the second of them: where the first is one that was made here it is used up.
    """
    upserted, removed = first.upserted, first.removed
    if not isinstance(first, _Merged) or not isinstance(upserted, dict) or not isinstance(removed, dict):
        upserted, removed = dict(upserted), dict(removed)
    for key, row in second.removed.items():
        upserted.pop(key, None)
        removed[key] = row
    for key, row in second.upserted.items():
        removed.pop(key, None)
        upserted[key] = row
    return _Merged(second.version, upserted, removed, first.reset or second.reset)


def newest(_: T, second: T) -> T:
    """Keep the second of two states."""
    return second


class Waiting(Generic[T]):
    """A bounded queue between two threads: what is too much is joined, not dropped."""

    def __init__(self, join: Callable[[T, T], T], most: int = _MOST_WAITING) -> None:
        self._items: deque[T] = deque()
        self._join = join
        self._most = most
        self._lock = threading.Lock()

    def put(self, item: T) -> bool:
        """Add an item; True when it is the only one, so that the reader must be woken."""
        with self._lock:
            if len(self._items) >= self._most:
                item = self._join(self._items.pop(), item)
            self._items.append(item)
            return len(self._items) == 1

    def take(self) -> tuple[T, ...]:
        """Take the first item, as a tuple of one; empty when there is none."""
        with self._lock:
            return (self._items.popleft(),) if self._items else ()

    def __bool__(self) -> bool:
        return bool(self._items)


class Mailbox(Generic[T]):
    """Calls a user's function with each item, on the loop that is running where the mailbox is made.

    Parameters
    ----------
    callback
        The user's function; a coroutine function is awaited.
    join
        Makes one item of two when too many wait.
    name
        What it listens to, for the report of an exception.
    most
        How many items may wait before the newest are joined.
    """

    def __init__(
        self,
        callback: Callable[[T], object],
        join: Callable[[T, T], T],
        name: str,
        most: int = _MOST_WAITING,
    ) -> None:
        self._callback = callback
        self._name = name
        self._waiting = Waiting(join, most)
        self._closed = False
        self._reported = False
        self._tasks: set[asyncio.Future[Any]] = set()
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        if io_thread().is_current():  # user code does not belong on the thread that does all the work
            self._loop = None

    def put(self, item: T) -> None:
        """Hand over an item, from any thread; never raises and never waits."""
        if not self._closed and self._waiting.put(item):
            self._schedule()

    def close(self) -> None:
        """Call nothing any more."""
        self._closed = True

    def _schedule(self) -> None:
        if self._loop is None:
            _dispatcher.put(self._deliver)
            return
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop that subscribed is gone, and with it whoever wanted to know
            self._closed = True

    def _deliver(self) -> None:
        for _ in range(_CALLS_A_TURN):
            if self._closed:
                return
            for item in self._waiting.take():
                self._call(item)
            if not self._waiting:
                return
        self._schedule()

    def _call(self, item: T) -> None:
        try:
            result = self._callback(item)
            if inspect.iscoroutine(result):
                self._await(result)
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything
            self._report(error)

    def _await(self, coro: Any) -> None:  # noqa: ANN401 - a coroutine of any result
        if self._loop is None:
            asyncio.run(coro)
            return
        task = self._loop.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._awaited)

    def _awaited(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report(error)

    def _report(self, error: BaseException) -> None:
        if not self._reported:
            self._reported = True
            logger.error(
                "A callback of %s raised. It stays subscribed; it is not reported again.",
                self._name,
                exc_info=(type(error), error, error.__traceback__),
            )


class Stream(Generic[T]):
    """An async iterator over items that come from the I/O thread, for one reader on the running loop."""

    def __init__(self, join: Callable[[T, T], T]) -> None:
        self._waiting = Waiting(join)
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._closed = False

    def put(self, item: T) -> None:
        """Hand over an item, from any thread."""
        if self._waiting.put(item):
            self._notify()

    def close(self) -> None:
        """End the iteration, from any thread."""
        self._closed = True
        self._notify()

    def _notify(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:
            self._closed = True

    async def items(self) -> AsyncIterator[T]:
        """Yield items as they come, until `close`."""
        while True:
            self._wake.clear()
            while taken := self._waiting.take():
                yield taken[0]
            if self._closed:
                return
            await self._wake.wait()


class _Dispatcher:
    """One daemon thread for callbacks of programs that run no loop."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def put(self, function: Callable[[], None]) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="livewidgets-callbacks", daemon=True)
                self._thread.start()
        self._queue.put(function)

    def _run(self) -> None:
        while True:
            self._queue.get()()


_dispatcher = kept(__name__, _Dispatcher)
