"""Presence over a room's channel: who is here, and that we are."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from livewidgets.core.presence import SINCE, CallBudget, Entry, PresenceChange, Roster
from livewidgets.errors import CommandError, LiveWidgetsError

if TYPE_CHECKING:
    from livewidgets.live.channel import RoomChannel
    from livewidgets.live.upstream import Upstream

logger = logging.getLogger(__name__)

#: What is told about us may have so many bytes of JSON.
MOST_META = 16_384


class PresenceLink:
    """The I/O half of presence in one room, shared by its handles.

    Parameters
    ----------
    upstream
        The connection.
    topic
        The room.
    key
        By which this program is known in it.
    """

    def __init__(self, upstream: Upstream, topic: str, key: str) -> None:
        self.key = key
        self._upstream = upstream
        self._topic = topic
        timings = upstream.timings
        self._roster = Roster(key, timings.grace)
        self._budget = CallBudget(5, timings.presence_window)
        self._since: float | None = None
        #: What each handle says of us, the newest last.
        self._said: dict[int, dict[str, Any]] = {}
        self._told: dict[str, Any] | None = None
        self._dirty = asyncio.Event()
        self._speaker: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.takers: list[Callable[[PresenceChange], object]] = []
        #: Who is here; replaced as a whole, so that any thread may read it.
        self.present: tuple[Entry, ...] = ()

    @property
    def synced(self) -> bool:
        """Whether the server has told who is here since the last join."""
        return self._roster.synced

    # -- the channel -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Note that a join begins: what comes before its state counts once that is there."""
        self._roster.rejoin()

    def opened(self, channel: RoomChannel) -> None:
        """Say again who we are: the server forgets it with each connection."""
        self.ended()
        self._budget.renew()
        self._told = None
        self._dirty.set()
        self._speaker = self._upstream.thread.start(
            self._speak(channel), f"livewidgets-presence-{self._topic}"
        )

    def ended(self) -> None:
        """Say nothing any more."""
        if self._speaker is not None:
            self._speaker.cancel()
            self._speaker = None

    def close(self) -> None:
        """End the task and the timer."""
        self.ended()
        self.takers.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def take(self, event: str, payload: Any) -> None:  # noqa: ANN401 - what the server sent
        """Take what the server says about who is here."""
        now = self._upstream.wall()
        if event == "presence_state":
            change = self._roster.state(payload, now)
        elif event == "presence_sync":  # the package's own bookkeeping, where its inside is unknown
            self._roster.rejoin()
            change = self._roster.state(_as_told(payload), now)
        elif isinstance(payload, Mapping):
            change = self._roster.diff(payload.get("joins"), payload.get("leaves"), now)
        else:
            return
        self._tell(change)

    # -- what we say -----------------------------------------------------------------------------------------------

    def say(self, handle: int, me: Mapping[str, Any] | None) -> None:
        """Take what a handle says of us; None: it says nothing any more."""
        self._said.pop(handle, None)
        if me is not None:
            if self._since is None:
                self._since = self._upstream.wall()
            self._said[handle] = {SINCE: self._since, **me}
        elif not self._said:
            self._since = None
        self._dirty.set()

    async def _speak(self, channel: RoomChannel) -> None:
        """Tell the server the newest, as often as it allows."""
        while True:
            await self._dirty.wait()
            if self._wanted() == self._told:
                self._dirty.clear()
                continue
            wait = self._budget.wait(time.monotonic())
            if wait > 0:
                await asyncio.sleep(wait)
                continue
            self._dirty.clear()
            me = self._wanted()
            if me == self._told:
                continue
            self._budget.spend(time.monotonic())
            message = {"type": "presence", "event": "untrack" if me is None else "track", "payload": me or {}}
            try:
                reason = await channel.push("presence", message)
            except TimeoutError:
                self._dirty.set()  # nobody knows whether it arrived; the budget keeps this from being often
                continue
            except LiveWidgetsError:
                return  # the channel has ended; the next one tells it again
            self._told = me
            if reason is not None:
                logger.warning("Presence in %r was refused: %s", self._topic, reason[:160])

    def _wanted(self) -> dict[str, Any] | None:
        return next(reversed(self._said.values()), None)

    # -- telling ---------------------------------------------------------------------------------------------------

    def _tell(self, change: PresenceChange) -> None:
        self._set_timer()
        if not change:
            return
        self.present = tuple(self._roster.who())
        for taker in tuple(self.takers):
            try:
                taker(change)
            except Exception:
                logger.exception("A listener of the presence in %r failed.", self._topic)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._roster.deadline()
        if deadline is not None:
            wait = min(max(deadline - self._upstream.wall(), 0.0), self._roster.grace) + 0.001
            self._timer = self._upstream.thread.loop.call_later(wait, self._expire)

    def _expire(self) -> None:
        self._tell(self._roster.expire(self._upstream.wall()))


def check_me(me: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Copy what is to be told about the user.

    Raises
    ------
    CommandError
        JSON cannot hold it, or it is too large.
    """
    if me is None:
        return None
    if not isinstance(me, Mapping):
        raise CommandError(f"`me` is a {type(me).__name__}.", 'Give a dict, such as {"name": "Ana"}.')
    try:
        text = json.dumps(dict(me), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CommandError(
            f"`me` cannot be written as JSON ({type(error).__name__}).",
            "Use text, finite numbers, booleans, lists and dicts.",
        ) from error
    if len(text) > MOST_META:
        raise CommandError(
            f"`me` has {len(text):,} bytes, more than {MOST_META:,}.", "It goes to all who are here."
        )
    found: dict[str, Any] = json.loads(text)
    return found


def _as_told(state: Any) -> dict[str, Any]:  # noqa: ANN401 - the package's shape
    """Write the package's state as the server tells it."""

    def metas(presences: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
        for presence in presences:
            yield {**presence, "phx_ref": presence.get("presence_ref")}

    return {key: {"metas": list(metas(presences))} for key, presences in dict(state).items()}
