"""The one line between a kernel and its pages. It has no view; components open feeds on it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import anywidget

from livewidgets.core.page_info import PageInfo
from livewidgets.live.kept import kept
from livewidgets.live.thread import IoThread, io_thread
from livewidgets.widgets.assets import bundle, check_built
from livewidgets.widgets.comm_line import CommLine
from livewidgets.widgets.exchange import Exchange, Source
from livewidgets.widgets.probe import MainLoopProbe


class Hub(anywidget.AnyWidget):
    """Carries the frames of all components to all pages, and what pages say back.

    There is one a kernel, see `hub`. It is made on the main thread; from then on only the I/O thread sends on it.
    What pages say is handed to that thread on whichever it arrives.
    """

    _esm = bundle("hub.js")
    _exchange: Exchange | None = None

    def __init__(self) -> None:
        check_built(type(self))
        super().__init__()
        self._thread: IoThread = io_thread()
        self._probe = MainLoopProbe()
        self._line = CommLine(self.comm)
        self._exchange = Exchange(
            secrets.token_hex(6), self._line.send, self._thread.loop, self._probe, tell=_tell_pages
        )
        self.on_msg(self._heard)

    def __repr__(self) -> str:
        return f"<Hub, {'open' if self.usable else 'closed'}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401
        return {"text/plain": repr(self)}, {}

    @property
    def usable(self) -> bool:
        """Whether feeds can be opened on it."""
        return self.comm is not None and self._exchange is not None and self._thread.is_usable()

    def register(self, name: str, source: Source) -> None:
        """Offer a feed, from any thread."""
        self._on_thread("register", name, source)

    def unregister(self, name: str) -> None:
        """Take a feed back, from any thread."""
        self._on_thread("unregister", name)

    def refresh(self, name: str, change: Callable[[], object] | None = None) -> None:
        """Change a feed's source and begin it again, from any thread."""

        def do(exchange: Exchange) -> None:
            if change is not None:
                change()
            exchange.refresh(name)

        if self._exchange is not None:
            self._thread.call(do, self._exchange)

    def _on_thread(self, method: str, *arguments: object) -> None:
        if self._exchange is not None:
            self._thread.call(getattr(self._exchange, method), *arguments)

    def _heard(self, _widget: object, content: object, _buffers: object) -> None:
        # Only hand over: this may be the main thread between two cells, or a subshell's beside a long one.
        self._on_thread("hear", content)

    def close(self) -> None:
        """Close it for all pages; the next component makes another one."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self._line.close()
            self._probe.close()
            self._thread.call(exchange.close)
        if self.comm is not None:
            layout = self.layout
            super().close()
            layout.close()


class _Kept(SimpleNamespace):
    """The one there is."""

    lock: threading.Lock
    hub: Hub | None
    #: Who is told on the I/O thread which pages are there; they outlive a hub.
    listeners: set[Callable[[tuple[PageInfo, ...]], object]]


# A reload of this module must not make a second one.
_kept = kept(__name__, lambda: _Kept(lock=threading.Lock(), hub=None, listeners=set()))


def pages_there() -> tuple[PageInfo, ...]:
    """Return what the pages that are there say of themselves, the one that came last at the end."""
    exchange = _kept.hub._exchange if _kept.hub is not None else None  # noqa: SLF001 - same file
    return exchange.pages.present if exchange is not None else ()


def listen_to_pages(listener: Callable[[tuple[PageInfo, ...]], object]) -> Callable[[], None]:
    """Tell `listener` on the I/O thread whenever a page comes, goes or says something new; returns what ends it."""
    _kept.listeners.add(listener)
    return lambda: _kept.listeners.discard(listener)


def _tell_pages(pages: tuple[PageInfo, ...]) -> None:
    for listener in tuple(_kept.listeners):
        listener(pages)


def hub() -> Hub:
    """Return this kernel's hub; it is made at the first call, and again after it was closed."""
    with _kept.lock:
        if _kept.hub is None or not _kept.hub.usable:
            if _kept.hub is not None:
                _kept.hub.close()
            _kept.hub = Hub()
        return _kept.hub
