"""`Live`: a supervised connection to one Supabase project."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from livewidgets.core.change import Change
from livewidgets.core.connection import ConnectionStatus
from livewidgets.core.filters import Where
from livewidgets.core.mutation_rules import Rule, parse_rule
from livewidgets.core.order import Order
from livewidgets.errors import ClosedError, ConfigError, FilterError
from livewidgets.live.closing import Closing, warn_dropped
from livewidgets.live.credentials import Secret, Token, check_token
from livewidgets.live.delivery import Mailbox
from livewidgets.live.hook import Hook, open_hook
from livewidgets.live.notification import Notification
from livewidgets.live.notifications import Notifications
from livewidgets.live.presence import Presence, open_presence
from livewidgets.live.request import FollowedTable, Request
from livewidgets.live.room import Room
from livewidgets.live.room_link import Rooms
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable
from livewidgets.live.thread import IoThread, io_thread
from livewidgets.live.timings import Timings
from livewidgets.live.upstream import Upstream
from livewidgets.live.writes_mutation import Mutation

#: How long `close` may wait for the I/O thread (seconds).
_CLOSE_LIMIT = 3.0


class Live(Closing):
    """A connection to Supabase that is restored for ever; also a context manager.

    It begins to connect at once, on the I/O thread; nothing here waits for it. In a kernel that Voila has preheated it
    begins when it is first used: by a table, a channel, a component that somebody looks at.

    Parameters
    ----------
    url
        The project's address, ``https://....supabase.co``.
    key
        Its anon or publishable key, or a service key.
    access_token
        The token of a signed-in user; or a function that gives one (it may be a coroutine function), asked again at
        each connection and before the token expires.
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
        self._upstream = Upstream(
            url.rstrip("/"), Secret(key.strip()), access_token, schema, timings or Timings(), io_thread()
        )
        self._rooms = Rooms(self._upstream)
        self._key = str(uuid.uuid4())
        self._notifications: Notifications | None = None
        self._closed = False
        self._finish = weakref.finalize(self, _end, self._upstream)
        self._finish.atexit = False
        # A kernel that Voila has heated for whoever comes next holds no connection for nobody.
        heated = os.environ.get("VOILA_PREHEAT") == "True"
        self._upstream.thread.call(self._upstream.prepare if heated else self._upstream.start)

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def schema(self) -> str:
        """The schema of the tables."""
        return self._upstream.schema

    @property
    def status(self) -> ConnectionStatus:
        """The state of the connection now."""
        return self._upstream.status()

    @property
    def tables(self) -> tuple[FollowedTable, ...]:
        """What is followed now: each table, or part of one, once, with its state and how many handles are open."""
        return self._upstream.tables()

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
        conflict: Rule = "server",
        offline: str = "fail",
        history: bool = True,
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
        conflict
            Who wins when somebody else has changed a row that is being written: ``"server"`` (they do), ``"mine"``,
            ``"merge"`` (both, where they changed different columns), or a function of (mine, theirs, base) that gives
            the row, or None for theirs.
        offline
            ``"fail"``: writing without a connection is an error; ``"queue"``: it waits for one.
        history
            Whether the last 5,000 changes are remembered, for `LiveTable.diff`; each keeps the row that it replaced.

        Returns
        -------
        LiveTable
            A handle; those with equal arguments share their rows and their channel.

        Raises
        ------
        FilterError
            `where`, `order`, `limit`, `fixed`, `conflict` or `offline` cannot be understood.
        """
        self._check_open()
        rule = parse_rule(conflict)
        if offline not in ("fail", "queue"):
            raise FilterError("offline is not understood.", 'Write offline="fail" or offline="queue".')
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
        if history:
            upstream.thread.call(follower.remember)
        return LiveTable(
            self, follower, lambda: upstream.release(follower), conflict=rule, queues=offline == "queue"
        )

    # -- everything else that comes in ------------------------------------------------------------------------------

    def on(
        self,
        topic: str,
        event: str = "*",
        callback: Callable[[Change], object] | None = None,
        *,
        table: str | None = None,
        where: Mapping[str, Any] | None = None,
        schema: str | None = None,
    ) -> Hook:
        """Hear the changes of a table as they come; keeps no rows. Where those are wanted, `table` is better.

        Parameters
        ----------
        topic
            A name for it; each subscription gets a topic of its own at the server.
        event
            ``"INSERT"``, ``"UPDATE"``, ``"DELETE"``, or ``"*"`` for all.
        callback
            Called with each `Change` on the kernel's main loop; without one, iterate over what is returned.
        table
            The table's name; None for all of the schema that are published.
        where
            Which rows, as in `table`. What cannot be judged by what a change carries is passed on: a delete carries
            the key only. A row that leaves the filter is not told of.
        schema
            The connection's if not given.

        Returns
        -------
        Hook
            A subscription that is a context manager and an async iterator. Close it: one that is dropped is closed
            with a ResourceWarning.

        Raises
        ------
        FilterError
            The event or the filter cannot be understood.
        """
        self._check_open()
        return open_hook(self, topic, event, callback, table=table, where=where, schema=schema)

    def channel(self, name: str, private: bool = False) -> Room:
        """Open a channel to broadcast on; equal names share one.

        Parameters
        ----------
        name
            The topic, the same for all who are to be in it.
        private
            Whether the policies on ``realtime.messages`` decide who may.

        Raises
        ------
        RoomError
            The name is none, or is open the other way.
        """
        self._check_open()
        rooms, link = self._rooms, self._rooms.acquire(name, private=bool(private))
        return Room(self, link, lambda: rooms.release(link))

    def presence(
        self, room: str, me: Mapping[str, Any] | None = None, *, key: str | None = None, private: bool = False
    ) -> Presence:
        """See who is in a room, and be seen there.

        Parameters
        ----------
        room
            The topic, the same for all who are to be in it; may be that of a `channel`.
        me
            What the others see of us, such as ``{"name": "Ana"}``; None to watch only.
        key
            By which we are known; those of one key are shown as one. This connection's own if not given.
        private
            As in `channel`.

        Raises
        ------
        CommandError
            `me` cannot be told.
        RoomError
            The name is none, or we are there by another key.
        """
        self._check_open()
        return open_presence(self, room, me, key=key or self._key, private=bool(private))

    @property
    def notifications(self) -> Notifications:
        """What the user was told: a bounded list, and its listeners."""
        if self._notifications is None:
            self._notifications = Notifications(self, self._upstream)
        return self._notifications

    def notify(
        self,
        text: str,
        type: str = "info",  # noqa: A002 - the word of the field
        duration: float | None = 5.0,
        *,
        title: str = "",
        key: str | None = None,
        group: str | None = None,
        pending: bool = False,
        action: str | tuple[str, str] | None = None,
    ) -> Notification:
        """Tell the user something.

        Parameters
        ----------
        text
            What to say.
        type
            ``"info"``, ``"success"``, ``"warning"`` or ``"error"``.
        duration
            For how long to show it (seconds); None until it is dismissed, as errors always are.
        title
            Shown above it.
        key
            While one of this key is to be seen, this is said in its place, and counted.
        group
            Those of one group are shown together: ``"{count} payments confirmed"`` says how many.
        pending
            It says that something goes on: end it by its ``done`` or ``failed``.
        action
            A button: its label, or its label and the name by which ``notifications.on_action`` is told of it.

        Raises
        ------
        CommandError
            No text, or an unknown type.
        """
        self._check_open()
        return self.notifications.notify(
            text, type, duration, title=title, key=key, group=group, pending=pending, action=action
        )

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

    def _on_write_failed(self, listener: Callable[[Mutation], object]) -> Subscription:
        """Call a function on the I/O thread with each write that was rejected or lost a race."""
        self._check_open()
        upstream = self._upstream
        upstream.write_listeners.append(listener)

        def end() -> None:
            upstream.kept.discard(subscription)
            upstream.write_listeners.remove(listener)

        subscription = Subscription(end, "to failed writes")
        upstream.kept.add(subscription)
        return subscription

    def retry_now(self) -> None:
        """Try again now, where a retry is being waited for; closed, it stays closed."""
        self._upstream.thread.call(self._upstream.retry_now)

    def set_access_token(self, access_token: Token | None) -> None:
        """Use another access token, or another function that gives one: somebody has signed in, or out.

        Raises
        ------
        ConfigError
            It is no token.
        """
        self._check_open()
        check_token(access_token)
        self._upstream.thread.call(self._upstream.replace_token, access_token)

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connection with all its tables; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._finish.detach()
        for subscription in (*self._upstream.kept, *self._upstream.handles):
            subscription.close()
        thread = self._upstream.thread
        if thread.is_current():
            _close_soon(self._upstream)
        else:
            # Where the thread is gone (the process ends, or was forked) there is nothing left to close.
            with contextlib.suppress(ClosedError, TimeoutError):
                thread.run(_wait_closed(self._upstream), _CLOSE_LIMIT)

    def __del__(self) -> None:
        if not self._closed:
            warn_dropped(self, self._upstream)

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
    upstream.thread.call(_close_soon, upstream)


def _close_soon(upstream: Upstream) -> asyncio.Task[Any]:
    return upstream.thread.start(upstream.close(), "livewidgets-close")


async def _wait_closed(upstream: Upstream) -> None:
    """Close; who waits no longer leaves it to end by itself, or it would be left half closed."""
    await asyncio.shield(_close_soon(upstream))
