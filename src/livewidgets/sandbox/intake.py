"""Connections before they are requests: a head that never ends must not cost memory, nor a place for long."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of a request's line and headers.
MAX_HEAD = 64 * 1024
#: Seconds for them to come in.
HEAD_SECONDS = 10.0


class Intake(HttpToolsProtocol):
    """Uvicorn's connection, with a limit to size and time of a request's head."""

    _head_size = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin with the next request of this connection."""
        super().on_message_begin()
        if self._head_timer is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """Take the head as it is: what follows is the body, which the application bounds."""
        self._stop_waiting()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take bytes in, as long as their head is not too long."""
        if self._head_timer is not None:
            self._head_size += len(data)
            # What comes in one piece with its end has been read already, and is bounded by the socket's buffer.
            if self._head_size > MAX_HEAD + len(data):
                self._stop_waiting()
                self.send_400_response("The request's head is too long.")
                return
        super().data_received(data)

    def _expect_head(self) -> None:
        self._head_size = 0
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()
