"""Sending custom messages of a widget from the I/O thread."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any


class CommLine:
    """The way from the I/O thread to a widget's models in all pages.

    A comm's own ``send`` puts the message under whatever cell runs (a page may then show it there), and tells
    ipykernel 7.4 to route the page's answers to where that cell came from: they would wait for it. So where the
    kernel is ipykernel, the message goes out by its session, without a parent, and answers are taken by whichever
    thread is free. Everywhere else the comm sends.
    """

    def __init__(self, comm: Any) -> None:  # noqa: ANN401 - each kernel has its own class of comms
        self._comm = comm
        self._closed = False
        self._lock = threading.Lock()
        kernel = getattr(comm, "kernel", None)
        self._session: Any = getattr(kernel, "session", None)
        self._socket = getattr(kernel, "iopub_socket", None)
        self._topic = getattr(comm, "topic", None)
        self._direct = self._session is not None and self._socket is not None
        self._free_answers()

    def send(self, content: Mapping[str, Any], buffers: list[bytes]) -> None:
        """Send one message; nothing after `close`."""
        data = {"method": "custom", "content": content}
        with self._lock:
            comm = self._comm
            if self._closed:
                return
            if not self._direct:
                comm.send(data=data, buffers=buffers)
                return
            self._free_answers()
            self._session.send(
                self._socket,
                "comm_msg",
                {"data": data, "comm_id": comm.comm_id},
                parent={},
                ident=self._topic,
                buffers=buffers,
                metadata={},
            )

    def _free_answers(self) -> None:
        """Forget where answers are to be routed: ipykernel sets it whenever the comm itself sends its state."""
        if self._direct:
            vars(self._comm).pop("_reply_subshell_id", None)

    def close(self) -> None:
        """Send nothing any more."""
        with self._lock:
            self._closed = True
