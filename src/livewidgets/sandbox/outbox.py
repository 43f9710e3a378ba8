"""The frames that wait for one socket: bounded, so that a slow reader costs itself and nobody else."""

from __future__ import annotations

import asyncio
from collections import deque

#: Bytes (of text) that may wait for one socket.
LIMIT = 32 * 1024 * 1024


class Outbox:
    """A queue of frames with one reader.

    Parameters
    ----------
    limit
        Bytes; beyond it everything is dropped and `overflow` is set, for the socket is to be cut off then.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._frames: deque[tuple[str | bytes, str]] = deque()
        self._limit = limit
        self._size = 0
        self._wake = asyncio.Event()
        self.overflow = asyncio.Event()
        #: Set by `close`: the code to close with once all before it is sent.
        self.close_code: int | None = None

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, head: str | bytes, tail: str = "") -> None:
        """Take a frame. Its head may be shared with other sockets; the two are joined when it is sent."""
        if self.overflow.is_set() or self.close_code is not None:
            return
        self._frames.append((head, tail))
        self._size += len(head) + len(tail)
        if self._size > self._limit:
            self.overflow.set()
            self._frames.clear()
            self._size = 0
        self._wake.set()

    def close(self, code: int) -> None:
        """Close the socket when what waits is sent."""
        if self.close_code is None:
            self.close_code = code
        self._wake.set()

    async def wait(self) -> None:
        """Wait until there is something to do."""
        await self._wake.wait()
        self._wake.clear()

    def take(self) -> str | bytes | None:
        """Take the next frame; None when there is none."""
        if not self._frames:
            return None
        head, tail = self._frames.popleft()
        self._size -= len(head) + len(tail)
        return head + tail if isinstance(head, str) else head
