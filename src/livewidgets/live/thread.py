"""The one I/O thread of a process: everything that waits on the network runs there.

It is a daemon with a loop of its own, so neither a busy cell nor a blocked main loop stops the updates. It starts
when it is first needed, stops at exit, and is started afresh in a forked child: the parent's loop, sockets and
selector must not be touched there.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import threading
import time
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar, TypeVarTuple

from livewidgets.errors import ClosedError
from livewidgets.live.kept import kept

T = TypeVar("T")
Args = TypeVarTuple("Args")

#: A blocking wait wakes this often (seconds), so that an interrupt gets through on every platform.
_WAIT_SLICE = 0.2
#: How long the tasks may take to end when the process ends (seconds).
_EXIT_LIMIT = 2.0


class IoThread:
    """An asyncio loop on a daemon thread. Use `io_thread`; a process needs only one."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._stopped = False
        self._keep: set[asyncio.Task[Any]] = set()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="livewidgets-io", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<IoThread {'running' if self.is_usable() else 'stopped'}>"

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def is_current(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.current_thread() is self._thread

    def is_usable(self) -> bool:
        """Whether work can be given to it: not stopped, and not inherited through a fork."""
        return not self._stopped and os.getpid() == self._pid and self._thread.is_alive()

    def submit(self, coro: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start a coroutine on the thread, from any thread.

        Raises
        ------
        ClosedError
            The thread was stopped, or belongs to the parent process.
        """
        if not self.is_usable():
            coro.close()
            raise ClosedError(
                "The connection belongs to a process that was forked or is ending.",
                "Connect again in this process.",
            )
        return asyncio.run_coroutine_threadsafe(coro, self.loop)

    def run(self, coro: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the thread and wait for it; an interrupt cancels it.

        Raises
        ------
        TimeoutError
            It took longer than `timeout` seconds; it is cancelled.
        RuntimeError
            Called on the thread itself, which would wait for itself for ever.
        """
        if self.is_current():
            coro.close()
            raise RuntimeError("A blocking call on the I/O thread would wait for itself.")
        future = self.submit(coro)
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                left = _WAIT_SLICE if deadline is None else min(_WAIT_SLICE, deadline - time.monotonic())
                done, _ = concurrent.futures.wait([future], timeout=max(left, 0.0))
                if done:
                    return future.result()
                if deadline is not None and time.monotonic() >= deadline:
                    raise TimeoutError
        finally:
            future.cancel()

    def call(self, function: Callable[[*Args], object], *args: *Args) -> None:
        """Call a function on the thread soon, from any thread; nothing happens once the thread has stopped."""
        if not self.is_usable():
            return
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the loop was closed between the check and the call
            return

    def start(self, coro: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start a task and keep it from being collected while it runs; on this thread only."""
        task = self.loop.create_task(coro, name=name)
        self._keep.add(task)
        task.add_done_callback(self._keep.discard)
        return task

    def stop(self, limit: float = _EXIT_LIMIT) -> None:
        """Cancel what runs, stop the loop and wait for the thread, at most about `limit` seconds."""
        if not self.is_usable() or self.is_current():
            return
        ending = asyncio.run_coroutine_threadsafe(self._cancel_all(limit), self.loop)
        self._stopped = True
        concurrent.futures.wait([ending], timeout=limit + 0.5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=limit)

    async def _cancel_all(self, limit: float) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=limit)


class _Kept(SimpleNamespace):
    """The one there is."""

    lock: threading.Lock
    current: IoThread | None
    #: A parent's threads, as a forked child sees them. Collecting their loops would close selectors that the child
    #: shares with its parent, so they are kept.
    inherited: list[IoThread]


# A reload of this module must not start a second one.
_kept = kept(__name__, lambda: _Kept(lock=threading.Lock(), current=None, inherited=[]))


def io_thread() -> IoThread:
    """Return the I/O thread of this process; it starts at the first call, and again after a stop or a fork."""
    with _kept.lock:
        if _kept.current is None or not _kept.current.is_usable():
            _kept.current = IoThread()
        return _kept.current


def stop_io_thread() -> None:
    """Stop the I/O thread if it runs; the next use starts a new one."""
    with _kept.lock:
        thread, _kept.current = _kept.current, None
    if thread is not None:
        thread.stop()


def _after_fork_in_child() -> None:
    _kept.lock = threading.Lock()  # the parent may have held it at the fork
    if _kept.current is not None:
        _kept.inherited.append(_kept.current)
        _kept.current = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(stop_io_thread)
