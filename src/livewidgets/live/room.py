"""Channels that people share: broadcast; presence is in `presence`.

Handles on a room of one name share one channel: a connection may join a topic once only.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import weakref
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from livewidgets.core.connection import ConnectionState
from livewidgets.core.gap import Gap, GapReason, overflow
from livewidgets.errors import (
    ClosedError,
    CommandError,
    LiveWidgetsError,
    NotAcknowledgedError,
    NotConnectedError,
    RoomError,
    UpstreamError,
)
from livewidgets.live.channel import RoomChannel
from livewidgets.live.delivery import Mailbox, newest
from livewidgets.live.joiner import Joiner
from livewidgets.live.presence_link import PresenceLink
from livewidgets.live.subscription import Subscription

if TYPE_CHECKING:
    from livewidgets.live.client import Live
    from livewidgets.live.upstream import Upstream
    from livewidgets.live.wire import Wire

logger = logging.getLogger(__name__)

#: So many broadcasts may wait for a callback; what comes then is counted in a `Gap`.
MOST_WAITING = 1_000


class Broadcast(dict[str, Any]):
    """What was broadcast: the payload itself, and by what name it was sent.

    Attributes
    ----------
    event
        The name.
    payload
        As it was sent; the same as the dict, unless it was no object.
    """

    def __init__(self, event: str, payload: Any) -> None:  # noqa: ANN401 - any JSON
        super().__init__(payload if isinstance(payload, Mapping) else {})
        self.event = event
        self.payload = payload

    def __repr__(self) -> str:
        return f"<Broadcast {self.event}>"


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


class RoomLink:
    """The I/O half of a room, shared by its handles."""

    def __init__(self, upstream: Upstream, topic: str, *, private: bool) -> None:
        self.upstream = upstream
        self.topic = topic
        self.private = private
        #: How many handles are open; guarded by the registry's lock.
        self.handles = 0
        self.takers: list[tuple[str, Callable[[Broadcast | Gap], object]]] = []
        self.gap_takers: list[Callable[[Gap], object]] = []
        self.presence: PresenceLink | None = None
        self._lost_at: float | None = None
        self._sending = asyncio.Lock()
        self.joiner: Joiner[RoomChannel] = Joiner(
            upstream, f"The channel {topic!r}", self._make, on_open=self._opened, on_end=self._ended
        )

    def start(self) -> None:
        """Begin to join; on the I/O thread."""
        self.joiner.start()

    async def close(self) -> None:
        """Leave; on the I/O thread."""
        self.takers.clear()
        self.gap_takers.clear()
        if self.presence is not None:
            self.presence.close()
        await self.joiner.close()

    def with_presence(self, key: str) -> PresenceLink:
        """Take part in presence from now on; a channel that is joined without has to be joined anew."""
        if self.presence is None:
            self.presence = PresenceLink(self.upstream, self.topic, key)
            if self.joiner.channel is not None:
                self._lost_at = self.upstream.wall()
                self.joiner.join_again()
        return self.presence

    async def send(self, event: str, payload: Mapping[str, Any]) -> None:
        """Broadcast, and wait for the acknowledgement."""
        state = self.upstream.status().state
        if state in (ConnectionState.RECONNECTING, ConnectionState.REFUSED):
            raise self._not_connected("There is no connection now") from None
        limit = self.upstream.timings.ack
        try:
            try:
                async with asyncio.timeout(limit), self._sending:  # in the order of the calls
                    channel = await self.joiner.joined(limit)
            except TimeoutError as error:
                raise self._not_connected("The channel was not joined in time") from error
            message = {"type": "broadcast", "event": event, "payload": payload}
            reason = await channel.push("broadcast", message)
        except TimeoutError:
            raise NotAcknowledgedError(
                f"The broadcast {event!r} on {self.topic!r} was not acknowledged in time.",
                "It may have arrived. Where policies forbid to send, the server says nothing either.",
            ) from None
        except UpstreamError as error:
            raise self._not_connected("The connection was lost before the answer") from error
        if reason is not None:
            raise RoomError(
                self.topic, f"The broadcast {event!r} on {self.topic!r} was refused ({reason}).", "Send less."
            )

    def _not_connected(self, why: str) -> NotConnectedError:
        return NotConnectedError(
            f"{why}: the broadcast on {self.topic!r} may not have arrived.", "Send it again when it is live."
        )

    def _make(self, wire: Wire) -> RoomChannel:
        if self.presence is not None:
            self.presence.begin()
        return RoomChannel(
            wire,
            self.topic,
            private=self.private,
            presence=None if self.presence is None else self.presence.key,
            take=self._take,
            translate=self._translate,
        )

    def _translate(self, text: str) -> LiveWidgetsError:
        from livewidgets.live.translate import room_error

        return room_error(text, self.topic)

    def _opened(self, channel: RoomChannel, before: int) -> None:
        if before and self._lost_at is not None:
            gap = Gap(GapReason.RECONNECTED, None, self._lost_at)
            for taker in tuple(self.gap_takers):
                taker(gap)
        self._lost_at = None
        if self.presence is not None:
            self.presence.opened(channel)

    def _ended(self, _: LiveWidgetsError) -> None:
        self._lost_at = self._lost_at or self.upstream.wall()
        if self.presence is not None:
            self.presence.ended()

    def _take(self, event: str, payload: Any) -> None:  # noqa: ANN401 - whatever somebody sent
        if event != "broadcast":
            if self.presence is not None:
                self.presence.take(event, payload)
            return
        if not isinstance(payload, Mapping):
            return  # the server passes on what is no broadcast, too
        name = str(payload.get("event", ""))
        message = Broadcast(name, payload.get("payload"))
        for wanted, taker in tuple(self.takers):
            if wanted in ("*", name):
                taker(message)


class Rooms:
    """The rooms of one connection, by topic; any thread."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._links: dict[tuple[str, bool], RoomLink] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._links)

    def acquire(self, topic: str, *, private: bool) -> RoomLink:
        """Give the link of a room, shared; each call needs a `release`."""
        if not isinstance(topic, str) or not topic:
            raise RoomError(
                str(topic), "The channel's name is empty or no text.", 'Write live.channel("ops").'
            )
        with self._lock:
            link = self._links.get((topic, private))
            if link is None:
                if (topic, not private) in self._links:
                    raise RoomError(
                        topic,
                        f"The channel {topic!r} is open as a {'public' if private else 'private'} one.",
                        "A connection can be in one of the two only.",
                    )
                link = self._links[topic, private] = RoomLink(self._upstream, topic, private=private)
            link.handles += 1
        self._upstream.thread.call(link.start)
        return link

    def release(self, link: RoomLink) -> None:
        """Give a link back. Takes no lock on the caller's thread: a collection may call this at any point."""
        self._upstream.thread.call(self._release, link)

    def _release(self, link: RoomLink) -> None:
        with self._lock:
            link.handles -= 1
            if link.handles > 0:
                return
            if self._links.get((link.topic, link.private)) is link:
                del self._links[link.topic, link.private]
        self._upstream.thread.start(link.close(), "livewidgets-room-end")


class RoomHandle:
    """What the handles of a room have in common.

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

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
