"""Who is in a room as a feed; we are there ourselves while a page looks."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from typing import Any

from livewidgets.core.connection import ConnectionState, ConnectionStatus
from livewidgets.core.mask import keyed_hash, mask_text
from livewidgets.core.presence import Entry
from livewidgets.errors import CommandError, LiveWidgetsError
from livewidgets.live.client import Live
from livewidgets.live.presence import Presence
from livewidgets.live.subscription import Subscription
from livewidgets.live.thread import io_thread
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.trouble import trouble

COLUMNS = ("name", "doing", "since", "is_me", "count", "shade")
#: Seconds that we are still there when nobody looks any more: a page that is reloaded does not leave.
WARM = 4.0
#: People whose entries are sent; how many more there are is told.
SENT = 500
#: Seconds between looks whether the room is joined, while it is not.
LOOK = 0.25
#: Characters of a name or an occupation: what others say of themselves has no limit of ours.
LONGEST = 500


def person_cells(entry: Entry, secret: bytes, *, masked: bool) -> tuple[Any, ...]:
    """Make the cells of somebody, in the order of `COLUMNS`.

    Parameters
    ----------
    entry
        As presence tells of them; what is in it was written by others.
    secret
        At least 16 bytes; the same for all who should see the same colour.
    masked
        Whether phone numbers and e-mail addresses are masked.
    """
    write = mask_text if masked else str

    def said(*names: str) -> str:
        value = next((entry.meta[name] for name in names if entry.meta.get(name) not in (None, "")), "")
        return write(str(value)[:LONGEST]) if isinstance(value, str | int | float) else ""

    shade = int(keyed_hash(entry.key, secret)[:8], 16)
    return (
        said("name", "full_name", "user_name", "username", "email", "user"),
        said("doing", "status", "page"),
        round(entry.since * 1000),
        entry.is_me,
        entry.count,
        shade,
    )


class PeopleSource:
    """Who is in a room.

    Parameters
    ----------
    live
        The connection.
    room
        The topic.
    me
        What is told of us; None to watch only.
    key, private
        As in `Live.presence`.
    masked
        Whether phone numbers and e-mail addresses are masked.
    warm
        Seconds, see `WARM`.
    """

    columns: tuple[str, ...] = COLUMNS

    def __init__(
        self,
        live: Live,
        room: str,
        me: Mapping[str, Any] | None,
        *,
        key: str | None = None,
        private: bool = False,
        masked: bool = True,
        warm: float = WARM,
    ) -> None:
        self._live = live
        self._room = room
        self._me = me
        self._key = key
        self._private = private
        self._masked = masked
        self._warm = warm
        # By the room's name, so that all who look at it see somebody in one colour.
        self._secret = hashlib.sha256(f"livewidgets:{room}".encode()).digest()
        #: Guards the handle: the user asks who is here on any thread.
        self._lock = threading.Lock()
        self._users: Presence | None = None
        self._tap: Subscription | None = None
        self._watch: Subscription | None = None
        self._leaving: Any = None
        self._closed = False
        self._state = "loading"
        self._since = 0.0

    # What the user asks for

    def who(self) -> list[Entry]:
        """Give who is here, while somebody looks; any thread."""
        with self._lock:
            users = self._users
        return [] if users is None else users.who()

    def say(self, me: Mapping[str, Any] | None) -> None:
        """Tell something else of us; on the I/O thread."""
        self._me = me
        if self._users is not None:
            self._users.update(me)

    # What the exchange asks for

    def open(self, feed: OpenFeed) -> Callable[[], None]:
        """Enter the room, and follow who comes and goes."""
        self._stay()
        if self._users is None:
            self._state, self._since = "loading", self._now()
            users = self._live.presence(self._room, self._me, key=self._key, private=self._private)
            with self._lock:
                self._users = users
        self._tap = self._users._tap(lambda _: self._show(feed))  # noqa: SLF001 - I/O thread
        self._watch = self._live._watch_status(lambda _: self._show(feed))  # noqa: SLF001
        self._show(feed)
        return self._end

    def beat(self, feed: OpenFeed) -> float | None:
        """Look whether we are still in the room; return when the server was heard last."""
        self._show(feed)
        if self._state != "live":
            return None
        return self._live.status.legs.get("realtime")

    def command(self, name: str, args: object) -> object:
        """Refuse: it only shows."""
        raise CommandError(f"ActiveUsers knows no command {name!r}.", "It knows none.")

    def close(self) -> None:
        """Leave the room for good, from any thread."""
        self._closed = True
        io_thread().call(self._leave)

    def _end(self) -> None:
        for subscription in (self._tap, self._watch):
            if subscription is not None:
                subscription.close()
        self._tap = self._watch = None
        if not self._closed:
            self._stay()
            self._leaving = io_thread().loop.call_later(self._warm, self._leave)

    def _stay(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _leave(self) -> None:
        self._stay()
        with self._lock:
            users, self._users = self._users, None
        if users is not None:
            users.close()

    # What is shown

    def _show(self, feed: OpenFeed) -> None:
        users = self._users
        if users is None or self._tap is None:
            return  # not begun yet, or ended
        status = self._live.status
        state, error = self._judge(users, status)
        if state != self._state:
            self._state, self._since = state, self._now()
        people = users.who()
        # The reader is always among those that are sent.
        sent = sorted(people, key=lambda entry: not entry.is_me)[:SENT]
        feed.replace(
            {
                keyed_hash(entry.key, self._secret): person_cells(entry, self._secret, masked=self._masked)
                for entry in sent
            }
        )
        meta: dict[str, Any] = {
            "state": state,
            "since": round(1000 * self._since),
            "rows": len(people),
            "partial": len(people) > len(sent),
            "version": 0,
            "masked": self._masked,
        }
        if error is not None:
            meta["error"] = trouble(error)
        feed.describe(meta)
        # Nothing is told of a join in which nobody is; so it is looked for.
        feed.later(LOOK if state in ("loading", "stale") else None, lambda: self._show(feed))

    def _judge(self, users: Presence, status: ConnectionStatus) -> tuple[str, LiveWidgetsError | None]:
        if status.state is ConnectionState.CLOSED:
            return "closed", None
        if users.synced:
            return "live", None
        known = self._state in ("live", "stale")
        if status.state is ConnectionState.REFUSED:
            return ("stale" if known else "error"), status.error
        if users.error is not None:
            return ("stale" if known else "error"), users.error
        return ("stale" if known else "loading"), None

    def _now(self) -> float:
        return self._live._upstream.wall()  # noqa: SLF001
