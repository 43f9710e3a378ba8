"""Who is here: what the user holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from livewidgets.core.presence import Entry, PresenceChange, merge
from livewidgets.errors import RoomError
from livewidgets.live.delivery import Mailbox
from livewidgets.live.kept import kept
from livewidgets.live.presence_link import check_me
from livewidgets.live.room import RoomHandle
from livewidgets.live.room_link import RoomLink

if TYPE_CHECKING:
    from livewidgets.live.client import Live
    from livewidgets.live.subscription import Subscription

_count = kept(__name__, lambda: itertools.count(1))


class Presence(RoomHandle):
    """Who is in a room, and that we are; made by `Live.presence`. It stays through reconnects, without flicker.

    Examples
    --------
    >>> users = live.presence("dashboard", me={"name": "Ana"})
    >>> [user.meta["name"] for user in users.who()]
    >>> users.on_change(lambda change: print(change.joined, change.left))
    """

    def __init__(
        self, live: Live, link: RoomLink, release: Callable[[], object], me: dict[str, Any] | None, key: str
    ) -> None:
        number = next(_count)
        thread = live._upstream.thread  # noqa: SLF001 - one room

        def end() -> None:
            # On the I/O thread in this order: what we say ends before the room may be left.
            thread.call(_say, link, number, None)
            release()

        super().__init__(live, link, end)
        self._number = number
        self._key = key
        thread.call(link.with_presence, key)
        if me is not None:
            thread.call(_say, link, number, me)

    @property
    def key(self) -> str:
        """By which we are known in the room."""
        return self._key

    @property
    def synced(self) -> bool:
        """Whether who is here is known as of now: the room is joined, and the server has told who is in it."""
        presence = self._link.presence
        return self.joined and presence is not None and presence.synced

    def who(self) -> list[Entry]:
        """Give those who are here, the longest first; who is known before the first join is nobody."""
        presence = self._link.presence
        return [] if presence is None else list(presence.present)

    def __len__(self) -> int:
        return len(self.who())

    def __bool__(self) -> bool:
        return True  # a room with nobody in it is still a room

    def update(self, me: Mapping[str, Any] | None) -> None:
        """Say something else about us; None: be here no longer, and go on watching.

        Updates in quick succession become one: the server allows five in 30 s.

        Raises
        ------
        CommandError
            JSON cannot hold it, or it is too large.
        """
        self._check_open()
        self._live._upstream.thread.call(_say, self._link, self._number, check_me(me))  # noqa: SLF001

    def on_change(self, callback: Callable[[PresenceChange], object]) -> Subscription:
        """Call a function with each change, on the kernel's main loop; one that is slow gets several as one."""
        mailbox: Mailbox[PresenceChange] = Mailbox(callback, merge, f"{self.topic}.on_change")
        return self._tap(mailbox.put, mailbox.close)

    def _tap(
        self, listener: Callable[[PresenceChange], object], on_close: Callable[[], object] | None = None
    ) -> Subscription:
        """Call a function on the I/O thread with each change."""
        link = self._link

        def add() -> None:
            if link.presence is not None:
                link.presence.takers.append(listener)

        def remove() -> None:
            if on_close is not None:
                on_close()
            if link.presence is not None and listener in link.presence.takers:
                link.presence.takers.remove(listener)

        return self._subscribe(add, remove, f"to who is in {self.topic}")


def open_presence(
    live: Live, room: str, me: Mapping[str, Any] | None, *, key: str, private: bool
) -> Presence:
    """Check what `Live.presence` was given, and enter."""
    told = check_me(me)
    rooms = live._rooms  # noqa: SLF001 - one room
    link = rooms.acquire(room, private=private)
    if link.presence is not None and link.presence.key != key:
        rooms.release(link)
        raise RoomError(
            room, f"We are in {room!r} by another key already.", "Leave the key out, or use the same."
        )
    return Presence(live, link, lambda: rooms.release(link), told, key)


def _say(link: RoomLink, number: int, me: dict[str, Any] | None) -> None:
    if link.presence is not None:
        link.presence.say(number, me)
