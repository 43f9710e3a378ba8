"""Channels that people share: what the user holds of them, and broadcast; presence is in `presence`."""

from __future__ import annotations

import asyncio
import json
import logging
import weakref
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self

from livewidgets.core.gap import Gap, overflow
from livewidgets.errors import (
    ClosedError,
    CommandError,
    LiveWidgetsError,
)
from livewidgets.live.closing import Closing, warn_dropped
from livewidgets.live.delivery import Mailbox, newest
from livewidgets.live.room_link import Broadcast, RoomLink
from livewidgets.live.subscription import Subscription

if TYPE_CHECKING:
    from livewidgets.live.client import Live

logger = logging.getLogger(__name__)

#: So many broadcasts may wait for a callback; what comes then is counted in a `Gap`.
MOST_WAITING = 1_000


class Sent:
    """A broadcast on its way: await it, or ask for its `result`. It never hangs."""

    def __init__(self, future: Future[None]) -> None:
        self._future = future

    def __repr__(self) -> str:
        state = "acknowledged" if self.acknowledged else "failed" if self.done() else "on its way"
        return f"<Sent, {state}>"

    @property
    def acknowledged(self) -> bool:
        """Whether the server has taken it."""
        return self.done() and not self._future.cancelled() and self._future.exception() is None

    def done(self) -> bool:
        """Whether it is known what became of it."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> None:
        """Wait until the server has taken it.

        Raises
        ------
        NotConnectedError
            There is no connection, or it was lost before the answer: then nobody knows whether it arrived.
        NotAcknowledgedError
            The server did not answer in time; it does so, too, where policies forbid to send.
        RoomError
            It was refused.
        """
        self._future.result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait, and give what went wrong."""
        return self._future.exception(timeout)

    def __await__(self) -> Generator[Any, None, None]:
        return asyncio.wrap_future(self._future).__await__()


class RoomHandle(Closing):
    """What the handles of a room have in common. One that is dropped unclosed is closed, with a ResourceWarning.

    Parameters
    ----------
    live
        The connection.
    link
        The room.
    release
        Gives it back.
    """

    def __init__(self, live: Live, link: RoomLink, release: Callable[[], object]) -> None:
        self._live = live
        self._link = link
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self._release = weakref.finalize(self, release)
        self._release.atexit = False

    @property
    def topic(self) -> str:
        """The room's name."""
        return self._link.topic

    @property
    def joined(self) -> bool:
        """Whether it is joined now."""
        return not self._closed and self._link.joiner.channel is not None

    @property
    def error(self) -> LiveWidgetsError | None:
        """Why it is not joined; None while it is, and before the first try."""
        return self._link.joiner.error

    def __repr__(self) -> str:
        state = "closed" if self._closed else "joined" if self.joined else "not joined"
        return f"<{type(self).__name__} {self.topic!r}, {state}>"

    def ready(self, timeout: float = 10.0) -> Self:
        """Wait until it is joined.

        Raises
        ------
        LiveWidgetsError
            What stands in the way.
        """
        self._check_open()
        self._live._upstream.thread.run(self._link.joiner.joined(timeout), timeout + 1.0)  # noqa: SLF001
        return self

    def close(self) -> None:
        """End this handle and its subscriptions; the room is left with its last handle."""
        if self._closed:
            return
        self._closed = True
        for subscription in tuple(self._subscriptions):
            subscription.close()
        self._release()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            warn_dropped(self, self._live._upstream)  # noqa: SLF001 - one room

    def _check_open(self) -> None:
        if self._closed or self._live._upstream.is_closed:  # noqa: SLF001
            raise ClosedError(f"This handle on the channel {self.topic!r} was closed.", "Open it again.")

    def _subscribe(self, add: Callable[[], object], remove: Callable[[], object], what: str) -> Subscription:
        """Add something on the I/O thread, and remove it at the end; it keeps the handle, and so the room, open."""
        self._check_open()
        upstream = self._live._upstream  # noqa: SLF001
        upstream.thread.call(add)

        def end() -> None:
            self._subscriptions.discard(subscription)
            upstream.kept.discard(subscription)
            upstream.thread.call(remove)

        subscription = Subscription(end, what)
        self._subscriptions.add(subscription)
        upstream.kept.add(subscription)
        return subscription


class Room(RoomHandle):
    """A channel to broadcast on; made by `Live.channel`. It stays through reconnects.

    Examples
    --------
    >>> room = live.channel("ops")
    >>> room.on_broadcast("ping", lambda message: print(message["from"]))
    >>> room.broadcast("ping", {"from": "Ana"}).result(timeout=5)
    """

    def broadcast(self, event: str, payload: Mapping[str, Any] | None = None) -> Sent:
        """Tell the others of the room something; they are not told who said it.

        Parameters
        ----------
        event
            A name that they listen to.
        payload
            What to tell: a dict that JSON can hold.

        Returns
        -------
        Sent
            Await it, or ask for its ``result(timeout)``: it is settled once the server has acknowledged it, or when it
            is certain that it will not.

        Raises
        ------
        CommandError
            The event or the payload cannot be sent.
        """
        self._check_open()
        if not isinstance(event, str) or not event or event == "*":
            raise CommandError("A broadcast needs the name of an event.", 'Write broadcast("ping", {...}).')
        if payload is not None and not isinstance(payload, Mapping):
            raise CommandError(f"The payload is a {type(payload).__name__}.", "Give a dict.")
        try:
            text = json.dumps(dict(payload or {}), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise CommandError(
                f"The payload of {event!r} cannot be written as JSON ({type(error).__name__}).",
                "Use text, finite numbers, booleans, lists and dicts.",
            ) from error
        # A copy: the caller may go on changing his.
        return Sent(self._live._upstream.thread.submit(self._link.send(event, json.loads(text))))  # noqa: SLF001

    def on_broadcast(self, event: str, callback: Callable[[Broadcast], object]) -> Subscription:
        """Call a function with each broadcast of a name, on the kernel's main loop.

        Parameters
        ----------
        event
            The name, or ``"*"`` for all.
        callback
            Called with a `Broadcast`: a dict, the payload, that knows its ``event``. May be a coroutine function.
        """
        if not isinstance(event, str) or not event:
            raise CommandError("on_broadcast needs the name of an event.", 'Write on_broadcast("ping", ...).')
        link = self._link

        def call(item: Broadcast | Gap) -> object:
            if not isinstance(item, Gap):
                return callback(item)
            logger.warning("A callback on %r was too slow: %s broadcasts left out.", link.topic, item.missed)
            for taker in tuple(link.gap_takers):
                taker(item)
            return None

        mailbox: Mailbox[Broadcast | Gap] = Mailbox(call, overflow, f"{event} on {link.topic}", MOST_WAITING)
        entry = (event, mailbox.put)

        def remove() -> None:
            mailbox.close()
            if entry in link.takers:
                link.takers.remove(entry)

        return self._subscribe(lambda: link.takers.append(entry), remove, f"to {event} on {link.topic}")

    def on_gap(self, callback: Callable[[Gap], object]) -> Subscription:
        """Call a function where broadcasts may be missing: after a reconnect, or when a callback was too slow."""
        link = self._link
        mailbox: Mailbox[Gap] = Mailbox(callback, newest, f"{link.topic}, on_gap")

        def remove() -> None:
            mailbox.close()
            if mailbox.put in link.gap_takers:
                link.gap_takers.remove(mailbox.put)

        return self._subscribe(
            lambda: link.gap_takers.append(mailbox.put), remove, f"to gaps on {link.topic}"
        )
