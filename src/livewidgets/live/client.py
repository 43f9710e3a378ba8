"""`Live`: a supervised connection to one Supabase project."""

from __future__ import annotations

import contextlib
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from livewidgets.core.connection import ConnectionStatus
from livewidgets.core.filters import Where
from livewidgets.core.order import Order
from livewidgets.errors import ClosedError, ConfigError, FilterError
from livewidgets.live.delivery import Mailbox
from livewidgets.live.request import Request
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable
from livewidgets.live.thread import IoThread, io_thread
from livewidgets.live.timings import Timings
from livewidgets.live.upstream import Token, Upstream

#: How long `close` may wait for the I/O thread (seconds).
_CLOSE_LIMIT = 3.0


class _Secret(str):
    """A key that does not show itself in a repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'<key>'"


class Live:
    """A connection to Supabase that is restored for ever; also a context manager.

    It begins to connect at once, on the I/O thread; nothing here waits for it.

    Parameters
    ----------
    url
        The project's address, ``https://....supabase.co``.
    key
        Its anon or publishable key, or a service key.
    access_token
        The token of a signed-in user; or a function that gives one, asked again at each connection.
    schema
        The schema of the tables.
    timings
        Limits and intervals, where the defaults do not fit.

    Raises
    ------
    ConfigError
        The address or the key cannot be one.
    """

    def __init__(
        self,
        url: str,
        key: str,
        access_token: Token | None = None,
        schema: str = "public",
        *,
        timings: Timings | None = None,
    ) -> None:
        self._closed = True  # until there is something to close
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                "The project's URL is no http(s) address.", "Write it like https://abcdefgh.supabase.co."
            )
        if not isinstance(key, str) or not key.strip() or not key.isascii():
            raise ConfigError(
                "The API key is empty or no key.", "Copy the anon or publishable key of the project."
            )
        hidden = _Secret(access_token) if isinstance(access_token, str) else access_token
        self._upstream = Upstream(
            url.rstrip("/"), _Secret(key.strip()), hidden, schema, timings or Timings(), io_thread()
        )
        self._closed = False
        self._finish = weakref.finalize(self, _end, self._upstream)
        self._finish.atexit = False
        self._upstream.thread.call(self._upstream.start)

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def schema(self) -> str:
        """The schema of the tables."""
        return self._upstream.schema

    @property
    def status(self) -> ConnectionStatus:
        """The state of the connection now."""
        return self._upstream.status()

    def __repr__(self) -> str:
        return f"<Live {self._upstream.host}, {self.status.state}>"

    def _repr_html_(self) -> str:
        return f"<code>{self._upstream.host}</code> {self.status.state}"

    # -- tables ----------------------------------------------------------------------------------------------------

    def table(
        self,
        name: str,
        *,
        where: Mapping[str, Any] | None = None,
        order: str | Sequence[str] | None = None,
        limit: int | None = None,
        fixed: Sequence[str] = (),
        key: str | Sequence[str] = (),
    ) -> LiveTable:
        """Follow a table; returns at once.

        Parameters
        ----------
        name
            The table's name.
        where
            Column to value, or to ``(operator, value)`` with PostgREST's names; None for all rows.
        order
            A column, ``"-created_at"`` for downwards, or several.
        limit
            With `order`: the first so many rows, a moving window.
        fixed
            Columns in `where` that never change after insert: their filter goes to the server.
        key
            The columns of the key, where the project does not tell them.

        Returns
        -------
        LiveTable
            A handle; those with equal arguments share their rows and their channel.

        Raises
        ------
        FilterError
            `where`, `order`, `limit` or `fixed` cannot be understood.
        """
        self._check_open()
        if not isinstance(name, str) or not name:
            raise FilterError("The table's name is empty or no text.", 'Write live.table("calls").')
        judged = Where.parse(where)
        judged.realtime(fixed)  # raises for what is no sequence of names
        request = Request(
            name,
            judged,
            Order.parse(order),
            limit,
            tuple(sorted(set(fixed))),
            (key,) if isinstance(key, str) and key else tuple(key),
        )
        upstream = self._upstream
        follower = upstream.acquire(request)
        return LiveTable(self, follower, lambda: upstream.release(follower))

    # -- status ----------------------------------------------------------------------------------------------------

    def on_status(self, callback: Callable[[ConnectionStatus], object]) -> Subscription:
        """Call a function with the present status and each new one, on the kernel's main loop.

        Parameters
        ----------
        callback
            Called with a `ConnectionStatus`; also at each heartbeat, for the latency.
        """
        mailbox = Mailbox[ConnectionStatus](callback, lambda _, newer: newer, "Live.on_status")
        return self._watch(mailbox.put, mailbox.close)

    def _watch_status(self, listener: Callable[[ConnectionStatus], object]) -> Subscription:
        """Call a function on the I/O thread with the present status and each new one."""
        return self._watch(listener, None)

    def _watch(
        self, listener: Callable[[ConnectionStatus], object], on_close: Callable[[], object] | None
    ) -> Subscription:
        self._check_open()
        upstream = self._upstream
        _on_thread(upstream.thread, upstream.watch, listener)

        def end() -> None:
            self._upstream.kept.discard(
                subscription
            )  # `self` on purpose: a subscription keeps its connection
            if on_close is not None:
                on_close()
            _on_thread(upstream.thread, upstream.unwatch, listener)

        subscription = Subscription(end, "to the connection")
        upstream.kept.add(subscription)
        return subscription

    def _retry_now(self) -> None:
        """Try again now, where a retry is being waited for."""
        self._upstream.thread.call(self._upstream.retry_now)

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connection with all its tables; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._finish.detach()
        for subscription in tuple(self._upstream.kept):
            subscription.close()
        thread = self._upstream.thread
        if thread.is_current():
            thread.start(self._upstream.close(), "livewidgets-close")
        else:
            # Where the thread is gone (the process ends, or was forked) there is nothing left to close.
            with contextlib.suppress(ClosedError, TimeoutError):
                thread.run(self._upstream.close(), _CLOSE_LIMIT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._closed and self._upstream.thread.is_usable():
            warnings.warn(f"{self!r} was never closed", ResourceWarning, source=self, stacklevel=2)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("This connection was closed.", "Connect again.")


def _on_thread(thread: IoThread, function: Callable[[Any], object], argument: object) -> None:
    if thread.is_current():
        function(argument)
    else:
        thread.call(function, argument)


def _end(upstream: Upstream) -> None:
    """Close what a collected `Live` left open; any thread, must not wait."""
    thread = upstream.thread
    thread.call(lambda: thread.start(upstream.close(), "livewidgets-close"))
