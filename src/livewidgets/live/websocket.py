"""How the websocket is opened, and in what words its end is told."""

from __future__ import annotations

import inspect
import logging
from typing import Any
from urllib.parse import urlsplit

import websockets
from websockets.asyncio.client import ClientConnection

#: A change is at most 1 MB, a broadcast 3 MB; the package's default of 1 MiB would drop the connection.
_MAX_FRAME_BYTES = 16 * 2**20
#: How long closing may wait for the other side (seconds).
CLOSE_LIMIT = 1.0


def closed_words(socket: ClientConnection) -> str:
    """Say how a connection ended; goes on from "The connection to HOST"."""
    code, reason = socket.close_code, socket.close_reason
    if code is None or code == websockets.CloseCode.ABNORMAL_CLOSURE:
        return "was lost"
    return f"was closed by the server (code {code}{f', {reason}' if reason else ''})"


def connect_options(url: str, open_timeout: float) -> dict[str, Any]:
    """Give the arguments of `websockets.connect` for an address."""
    options: dict[str, Any] = {
        "open_timeout": open_timeout,
        "close_timeout": CLOSE_LIMIT,
        "max_size": _MAX_FRAME_BYTES,
        "ping_interval": None,  # heartbeats do that, and are watched
        "compression": None,
        "logger": _silent,  # its debug lines hold the address with the key
    }
    is_here = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    if is_here and "proxy" in inspect.signature(websockets.connect).parameters:
        options["proxy"] = None
    return options


_silent = logging.getLogger("livewidgets.silent")
_silent.propagate = False
_silent.setLevel(logging.CRITICAL + 1)
