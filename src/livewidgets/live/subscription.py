"""A handle on something that goes on until it is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from livewidgets.live.closing import Closing


class Subscription(Closing):
    """Ends a subscription when it is closed, once; also a context manager.

    Parameters
    ----------
    on_close
        Called at the first `close`, on the thread that closes.
    name
        What is subscribed to; for the repr.
    """

    def __init__(self, on_close: Callable[[], object], name: str = "") -> None:
        self._on_close: Callable[[], object] | None = on_close
        self._name = name
        self._lock = threading.Lock()

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._on_close is None

    def close(self) -> None:
        """End it; a second call does nothing."""
        with self._lock:
            on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()

    def __repr__(self) -> str:
        return f"<Subscription {self._name or 'to changes'}, {'closed' if self.closed else 'open'}>"
