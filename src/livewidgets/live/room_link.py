"""The I/O half of the channels that people share, and which of them are open.

Handles on a room of one name share one channel: a connection may join a topic once only.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from livewidgets.core.connection import ConnectionState
from livewidgets.core.gap import Gap, GapReason
from livewidgets.errors import (
    LiveWidgetsError,
    NotAcknowledgedError,
    NotConnectedError,
    RoomError,
    UpstreamError,
)
from livewidgets.live.channel import RoomChannel
from livewidgets.live.joiner import Joiner
from livewidgets.live.presence_link import PresenceLink

if TYPE_CHECKING:
    from livewidgets.live.upstream import Upstream
    from livewidgets.live.wire import Wire

logger = logging.getLogger(__name__)


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
        #: Whether a channel was made before presence was wanted.
        self._made = False
        self._sending = asyncio.Lock()
        self.joiner: Joiner[RoomChannel] = Joiner(
            upstream, f"The channel {topic!r}", self._make, on_open=self._opened, on_end=self._ended
        )

    def start(self, after: asyncio.Future[Any] | None = None) -> None:
        """Begin to join, once `after` is done; on the I/O thread."""
        self.joiner.start(after)

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
            if self._made:
                self._lost_at = self.upstream.wall() if self.joiner.channel is not None else None
                self.joiner.join_again()  # also one that is still being joined: it has not asked for presence
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
        self._made = True
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
        # One that was made without presence is about to be joined anew; the server knows it by another key.
        if self.presence is not None and channel.presence is not None:
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
        #: Rooms that are being left: one of the same topic is joined after that, or the two would be one channel.
        self._ending: dict[str, asyncio.Task[Any]] = {}

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
        self._upstream.thread.call(self._start, link)
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
        before = self._ending.get(link.topic)
        ending = self._upstream.endings.start(self._end(link, before), "livewidgets-room-end")
        self._ending[link.topic] = ending

    def _start(self, link: RoomLink) -> None:
        link.start(self._ending.get(link.topic))

    async def _end(self, link: RoomLink, before: asyncio.Task[Any] | None) -> None:
        await link.close()
        if before is not None:
            await asyncio.wait((before,))
        if self._ending.get(link.topic) is asyncio.current_task():
            del self._ending[link.topic]
