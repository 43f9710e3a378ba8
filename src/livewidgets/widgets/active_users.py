"""ActiveUsers: who is here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import traitlets

from livewidgets.core.presence import Entry
from livewidgets.errors import ClosedError, LiveWidgetsError
from livewidgets.live.client import Live
from livewidgets.live.presence_link import check_me
from livewidgets.traits import Count, Flag, Owner, Text
from livewidgets.widgets.active_users_source import PeopleSource
from livewidgets.widgets.assets import bundle
from livewidgets.widgets.base import LiveWidget


class ActiveUsers(LiveWidget):
    """Shows who is looking at this now, by presence: who they are, since when, and what they do.

    Each kernel is one person, who is here while one of its pages can be seen. In Voila each viewer has a kernel.

    Parameters
    ----------
    live
        The connection.
    room
        The topic of the presence, the same for all who are to see each other.
    me
        What the others see of us: ``{"name": "Ana", "doing": "looks at bids"}``; None for a guest without a name,
        False to watch only. May be set later.
    key
        By which we are known; those of one key are one person with several tabs. The connection's own if not given.
    private
        Whether the policies on ``realtime.messages`` decide who may enter.
    masked
        Mask phone numbers and e-mail addresses in what people tell of themselves, before it leaves the kernel.
    **options
        `title`, `most`, `compact`, `theme`, `size`, and ``layout``.

    Examples
    --------
    >>> users = lw.ActiveUsers(live, room="dashboard", me={"name": "Ana"})
    >>> users.me = {"name": "Ana", "doing": "looks at bids"}
    >>> [user.meta.get("name") for user in users.who()]
    """

    _esm = bundle("active_users.js")
    _css = bundle("active_users.css")
    _stem = "active_users"
    _what = "Who is here now."

    title = Text("", owner=Owner.KERNEL, help="What stands before the faces; empty for nothing.")
    most = Count(5, least=1, most=50, owner=Owner.KERNEL, help="Faces that are shown before “+3”.")
    compact = Flag(False, owner=Owner.KERNEL, help="Only the faces and the count, for a header.")
    me = traitlets.Any(None, allow_none=True, help="What the others see of us; False to watch only.").tag(
        option=True
    )

    def __init__(
        self,
        live: Live,
        room: str = "dashboard",
        me: Mapping[str, Any] | Literal[False] | None = None,
        *,
        key: str | None = None,
        private: bool = False,
        masked: bool = True,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if not isinstance(live, Live):
            raise TypeError(f"ActiveUsers takes a Live, as lw.connect() gives it, not {type(live).__name__}.")
        if not isinstance(room, str) or not room:
            raise TypeError('`room` is the name of a channel, such as "dashboard".')
        self._live = live
        self._people = PeopleSource(live, room, self._told(me), key=key, private=private, masked=masked)
        try:
            super().__init__(self._people, me=me, **options)
        except BaseException:
            self._release()
            raise

    def who(self) -> list[Entry]:
        """Give who is here, the longest first; nobody while no page looks, for then neither do we."""
        return self._people.who()

    def _told(self, me: Mapping[str, Any] | Literal[False] | None) -> dict[str, Any] | None:
        if me is False:
            return None
        return check_me(guest(self._live._key) if me is None else me)  # noqa: SLF001 - same house

    @traitlets.validate("me")
    def _valid_me(self, proposal: Mapping[str, Any]) -> Any:  # noqa: ANN401
        try:
            self._told(proposal["value"])
        except LiveWidgetsError as error:
            raise traitlets.TraitError(f"{error.message} {error.advice}") from error
        return proposal["value"]

    @traitlets.observe("me")
    def _changed_me(self, change: Mapping[str, Any]) -> None:
        if self.comm is not None:
            told = self._told(change["new"])
            self._line.refresh(self.feed, lambda: _say(self._people, told))

    def _release(self) -> None:
        self._people.close()


def guest(key: str) -> dict[str, Any]:
    """Name somebody who has not said who they are, always the same by a connection's own key."""
    return {"name": f"Guest {hashlib.sha256(key.encode()).hexdigest()[:4]}"}


def _say(people: PeopleSource, me: Mapping[str, Any] | None) -> None:
    try:
        people.say(me)
    except ClosedError:
        return  # the view says that it is closed
