"""One channel on one connection: its bindings, and what its messages mean for whoever is behind it.

A channel is used for one join and thrown away at the first trouble; the next one gets a topic of its own, since the
end of an old join may arrive late and would be taken for the end of the new one.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from livewidgets.core.change import Change, ChangeKind
from livewidgets.errors import LiveWidgetsError, UnreachableError
from livewidgets.live.kept import kept

if TYPE_CHECKING:
    from realtime import AsyncRealtimeChannel
    from realtime.types import RealtimeChannelConfig

    from livewidgets.live.wire import Wire

# A reload must not begin anew: a topic would be used twice.
_count = kept(__name__, lambda: itertools.count(1))


class ChannelListener(Protocol):
    """What a joined channel tells; called on the I/O thread, must not block."""

    def on_joined(self) -> None:
        """Note that the join was accepted; changes may still be missed."""

    def on_streaming(self) -> None:
        """Note that changes flow from here on; said again when some may have been missed."""

    def on_change(self, data: dict[str, Any]) -> None:
        """Take the ``data`` of one postgres_changes message."""

    def on_trouble(self, text: str) -> None:
        """Take the words of an error: the channel is of no more use."""

    def on_message(self, event: str, payload: Any) -> None:  # noqa: ANN401 - whatever somebody sent
        """Take a broadcast, or who is present."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One postgres_changes subscription of a channel."""

    event: str
    schema: str
    table: str
    filter: str | None = None


def bindings_for(schema: str, table: str, fixed_filter: str | None) -> tuple[Binding, ...]:
    """Say what to subscribe to, so that every change that matters arrives.

    Parameters
    ----------
    schema, table
        The table.
    fixed_filter
        A Realtime filter of columns that never change after insert, or None.

    Returns
    -------
    tuple of Binding
        One for everything; or inserts and updates by filter, and deletes without: a delete carries the key only, so
        any other filter would lose it.
    """
    if fixed_filter is None:
        return (Binding("*", schema, table),)
    return (
        Binding("INSERT", schema, table, fixed_filter),
        Binding("UPDATE", schema, table, fixed_filter),
        Binding("DELETE", schema, table),
    )


class Channel:
    """A topic that is joined over one connection; a `ChannelListener`.

    Parameters
    ----------
    wire
        The open connection.
    topic
        Without ``realtime:``.
    bindings
        What to subscribe to.
    translate
        Makes an error of the server's words.
    """

    def __init__(
        self,
        wire: Wire,
        topic: str,
        bindings: Sequence[Binding],
        translate: Callable[[str], LiveWidgetsError],
        config: RealtimeChannelConfig | None = None,
    ) -> None:
        self._wire = wire
        self._topic = topic
        self._bindings = bindings
        self._translate = translate
        self._config = config
        self._channel: AsyncRealtimeChannel | None = None
        self._usable = asyncio.Event()
        #: Resolves with the reason when the channel is of no more use.
        self.broken: asyncio.Future[LiveWidgetsError] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Join and wait until the channel is of use.

        Raises
        ------
        LiveWidgetsError
            The join or the subscription was refused, or not answered in time.
        """
        timings = self._wire.timings
        joining = asyncio.ensure_future(self._join())
        usable = asyncio.ensure_future(self._usable.wait())
        try:
            await asyncio.wait(
                (usable, self.broken, self._wire.lost),
                timeout=timings.stream,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for end in (self.broken, self._wire.lost):
                if end.done():
                    raise end.result()
            if not usable.done():
                raise UnreachableError(
                    f"Realtime did not start the changes within {timings.stream:g} s.", "It is tried again."
                )
        finally:
            usable.cancel()
            joining.cancel()
            await asyncio.gather(joining, usable, return_exceptions=True)

    async def _join(self) -> None:
        self._channel = self._wire.channel(self._topic, self._bindings, self, self._config)
        await self._wire.join(self._channel)

    async def close(self) -> None:
        """Leave; nothing is told any more."""
        if not self.broken.done():
            self.broken.cancel()
        if self._channel is not None:
            await self._wire.leave(self._channel)

    # -- ChannelListener -------------------------------------------------------------------------------------------

    def on_joined(self) -> None:
        """Note that the join was accepted."""

    def on_streaming(self) -> None:
        """Note that changes flow."""

    def on_change(self, data: dict[str, Any]) -> None:
        """Take one change."""

    def on_message(self, event: str, payload: Any) -> None:  # noqa: ANN401
        """Take a broadcast, or who is present."""

    def on_trouble(self, text: str) -> None:
        """Give the channel up."""
        if not self.broken.done():
            self.broken.set_result(self._translate(text))


class TableChannel(Channel):
    """The changes of one table over one connection, on a topic of its own.

    Parameters
    ----------
    wire
        The open connection.
    name
        Starts the topic; a number follows.
    bindings
        What to subscribe to.
    take
        Called with each change, in commit order.
    gap
        Called when the server says that it has started streaming again: changes may have been missed.
    translate
        Makes an error of the server's words.
    """

    def __init__(
        self,
        wire: Wire,
        name: str,
        bindings: Sequence[Binding],
        *,
        take: Callable[[Change], None],
        gap: Callable[[], None],
        translate: Callable[[str], LiveWidgetsError],
    ) -> None:
        super().__init__(wire, f"livewidgets:{name}:{next(_count)}", bindings, translate)
        self._take = take
        self._gap = gap

    async def close(self) -> None:
        """Leave; nothing is told any more."""
        self._take = _ignore
        self._gap = _ignore
        await super().close()

    def on_streaming(self) -> None:
        """Note that the stream is open, or report a gap when it was already."""
        if self._usable.is_set():
            self._gap()
        self._usable.set()

    def on_change(self, data: dict[str, Any]) -> None:
        """Take one change, or the error that stands in its place."""
        errors = data.get("errors")
        record, old = data.get("record") or {}, data.get("old_record") or {}
        if errors and not record and not old:
            self.on_trouble(errors if isinstance(errors, str) else "; ".join(map(str, errors)))
            return
        self._take(
            Change(
                kind=_KINDS[data["type"]],
                table=data["table"],
                record=record,
                old_record=old,
                partial=bool(errors),
                commit_timestamp=data.get("commit_timestamp"),
            )
        )


class RoomChannel(Channel):
    """One join of a topic that others are in, too: broadcast, and presence where that is wanted.

    Parameters
    ----------
    wire
        The open connection.
    topic
        The topic's own name: the others use the same.
    private
        Whether policies decide who may be in it.
    presence
        The key to be present by; None to take no part in presence.
    take
        Called with the event and the payload of each message.
    translate
        Makes an error of the server's words.
    """

    def __init__(
        self,
        wire: Wire,
        topic: str,
        *,
        private: bool,
        presence: str | None,
        take: Callable[[str, Any], None],
        translate: Callable[[str], LiveWidgetsError],
    ) -> None:
        config: RealtimeChannelConfig = {
            "broadcast": {"ack": True, "self": False},
            "presence": {"key": presence or "", "enabled": presence is not None},
            "private": private,
        }
        super().__init__(wire, topic, (), translate, config)
        self._take = take
        #: The key to be present by, or None.
        self.presence = presence

    async def close(self) -> None:
        """Leave; nothing is told any more."""
        self._take = _ignore
        await super().close()

    async def push(self, event: str, payload: dict[str, Any]) -> str | None:
        """Send a message and wait for the answer; see `answers.push`."""
        from livewidgets.live.answers import push

        if self._channel is None:
            raise UnreachableError("The channel is not joined.")
        return await push(self._channel, event, payload, self._wire.timings.ack, self.broken, self._wire.lost)

    def on_joined(self) -> None:
        """Note that it may be used."""
        self._usable.set()

    def on_message(self, event: str, payload: Any) -> None:  # noqa: ANN401
        """Pass a message on."""
        self._take(event, payload)


def _ignore(*_: object) -> None:
    pass


# A dict is three times as fast as the enum's call, and this runs once a change.
_KINDS = {kind.value: kind for kind in ChangeKind}
