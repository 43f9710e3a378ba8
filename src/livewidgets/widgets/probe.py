"""Is the kernel's main loop free? Asked from the I/O thread.

While it is busy, what pages send is not read, and their silence means nothing. Two things keep it: code that does
not give the loop back (then it does not answer a call), and a cell that runs at all, even one that awaits (then
the kernel reads no other message until the cell has ended).
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any


class MainLoopProbe:
    """Watches the loop of the thread that makes it; in a plain script, which has none, always free.

    To be made on the main thread, closed on any.
    """

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._cell_since: float | None = None
        self._shell = _shell()
        self._loop = _main_loop(self._shell)
        if self._shell is not None:
            self._shell.events.register("pre_run_cell", self._cell_begins)
            self._shell.events.register("post_run_cell", self._cell_ends)
            if _runs_a_cell(self._shell):
                self._cell_since = time.monotonic()

    def ask(self) -> None:
        """Ask the loop to answer, unless it owes an answer already."""
        if self._loop is None or self._asked_at is not None:
            return
        self._asked_at = time.monotonic()
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError:  # closed: the kernel is ending
            self._loop = self._asked_at = None

    def busy_for(self) -> float:
        """Return for how many seconds the main loop has not been able to read a message; 0 when it is free."""
        waits = [since for since in (self._asked_at, self._cell_since) if since is not None]
        return max(0.0, time.monotonic() - min(waits)) if waits else 0.0

    def close(self) -> None:
        """Stop watching."""
        if self._shell is not None:
            self._shell.events.unregister("pre_run_cell", self._cell_begins)
            self._shell.events.unregister("post_run_cell", self._cell_ends)
        self._shell = self._loop = self._asked_at = self._cell_since = None

    def _answer(self) -> None:
        self._asked_at = None

    def _cell_begins(self, _info: object) -> None:
        # A cell on a subshell runs beside the main thread and keeps nobody waiting.
        if threading.current_thread() is threading.main_thread():
            self._cell_since = time.monotonic()

    def _cell_ends(self, _result: object) -> None:
        if threading.current_thread() is threading.main_thread():
            self._cell_since = None


def _shell() -> Any:  # noqa: ANN401 - IPython has no types
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()  # type: ignore[no-untyped-call, unused-ignore]


def _main_loop(shell: Any) -> asyncio.AbstractEventLoop | None:  # noqa: ANN401
    loop = getattr(getattr(getattr(shell, "kernel", None), "io_loop", None), "asyncio_loop", None)
    if isinstance(loop, asyncio.AbstractEventLoop):
        return loop
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _runs_a_cell(shell: Any) -> bool:  # noqa: ANN401
    parent = current_request(shell)
    return (
        parent.get("header", {}).get("msg_type") == "execute_request"
        and not parent.get("content", {}).get("silent")
        and threading.current_thread() is threading.main_thread()
    )


def current_request(shell: Any = None) -> dict[str, Any]:  # noqa: ANN401
    """Return the message that the kernel is carrying out; empty outside a kernel."""
    kernel = getattr(shell if shell is not None else _shell(), "kernel", None)
    get_parent = getattr(kernel, "get_parent", None)
    parent = get_parent() if get_parent is not None else None
    return parent if isinstance(parent, dict) else {}
