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
        self._frames: deque[str | bytes | tuple[str, str, str]] = deque()
        self._limit = limit
        self._size = 0
        self._wake = asyncio.Event()
        self.overflow = asyncio.Event()
        #: Set by `close`: the code to close with once all before it is sent.
        self.close_code: int | None = None

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: str | bytes) -> None:
        """Take a frame."""
        self._put(frame, len(frame))

    def put_change(self, before: str, payload: str, after: str) -> None:
        """Take a frame in parts: the payload is shared with other sockets, and they are joined when it is sent."""
        self._put((before, payload, after), len(before) + len(payload) + len(after))

    def _put(self, frame: str | bytes | tuple[str, str, str], size: int) -> None:
        if self.overflow.is_set() or self.close_code is not None:
            return
        self._frames.append(frame)
        self._size += size
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
        frame = self._frames.popleft()
        if isinstance(frame, tuple):
            frame = "".join(frame)
        self._size -= len(frame)
        return frame
