"""Who is in which channel: broadcast to the others, and presence."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from livewidgets.sandbox.connection_effects import Channel
from livewidgets.sandbox.phoenix import Codec, Message, UserBroadcast

#: Takes a frame for one socket.
Put = Callable[[str | bytes], None]


@dataclass(eq=False)
class _Member:
    channel: Channel
    codec: Codec
    put: Put
    #: What it told about itself, and that as the others see it; None when it does not show itself.
    tracked: Mapping[str, Any] | None = None
    meta: dict[str, Any] | None = None


#: Topic, and whether it is the private channel of that name.
_Room = tuple[str, bool]


@dataclass
class Rooms:
    """The channels of all sockets, by topic."""

    _members: dict[_Room, dict[Channel, _Member]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the channels that are joined, each socket's for itself."""
        return sum(map(len, self._members.values()))

    def enter(self, channel: Channel, codec: Codec, put: Put) -> None:
        """Let a channel in; one that takes part in presence is told who is here."""
        room = _room(channel)
        self._members.setdefault(room, {})[channel] = _Member(channel, codec, put)
        if channel.presence and channel.hears_presence:
            put(
                codec.encode(
                    Message(channel.topic, "presence_state", self._state(room), None, channel.join_ref)
                )
            )

    def leave(self, channel: Channel) -> None:
        """Let a channel out."""
        room = _room(channel)
        members = self._members.get(room)
        member = members.pop(channel, None) if members else None
        if members is not None and not members:
            del self._members[room]
        if member is not None and member.meta is not None:
            self._diff(room, {}, _entry(channel, member.meta))

    def broadcast(self, channel: Channel, payload: object) -> None:
        """Tell the others of the topic; the sender too when its join asked for that."""
        members = self._members.get(_room(channel), {}).values()
        hearers = [
            m for m in members if m.channel.hears_broadcast and (m.channel is not channel or channel.own)
        ]
        _tell(hearers, Message(channel.topic, "broadcast", payload))

    def tell(self, topic: str, payload: object, *, private: bool, message_id: str | None = None) -> None:
        """Tell all of a topic something that no member of it says.

        Parameters
        ----------
        message_id
            Of a stored message: who got it when joining does not get it again.
        """
        members = self._members.get((topic, private), {}).values()
        hearers = [m for m in members if m.channel.hears_broadcast and message_id not in m.channel.replayed]
        _tell(hearers, Message(topic, "broadcast", payload))

    def track(self, channel: Channel, meta: Mapping[str, Any] | None) -> None:
        """Show a user as present with this meta; None: no longer. The same again is no news."""
        member = self._members.get(_room(channel), {}).get(channel)
        if member is None or member.tracked == meta:
            return
        member.tracked = meta
        before, member.meta = member.meta, None
        leaves = {} if before is None else _entry(channel, before)
        joins = {}
        if meta is not None:
            member.meta = {**meta, "phx_ref": secrets.token_urlsafe(12)}
            if before is not None:
                member.meta["phx_ref_prev"] = before["phx_ref"]
            joins = _entry(channel, member.meta)
        self._diff(_room(channel), joins, leaves)

    def _diff(self, room: _Room, joins: dict[str, Any], leaves: dict[str, Any]) -> None:
        hearers = [member for member in self._members.get(room, {}).values() if member.channel.hears_presence]
        _tell(hearers, Message(room[0], "presence_diff", {"joins": joins, "leaves": leaves}))

    def _state(self, room: _Room) -> dict[str, Any]:
        state: dict[str, Any] = {}
        for member in self._members[room].values():
            if member.meta is not None:
                state.setdefault(member.channel.presence_key, {"metas": []})["metas"].append(member.meta)
        return state


def _room(channel: Channel) -> _Room:
    return channel.topic, channel.private


def _entry(channel: Channel, meta: dict[str, Any]) -> dict[str, Any]:
    return {channel.presence_key: {"metas": [meta]}}


def _tell(members: Iterable[_Member], message: Message) -> None:
    """Send a message to all of them, written once for each protocol version."""
    written: dict[type[Codec], str | bytes | None] = {}
    for member in members:
        version = type(member.codec)
        if version not in written:
            written[version] = _write(member.codec, message)
        frame = written[version]
        if frame is not None:
            member.put(frame)


def _write(codec: Codec, message: Message) -> str | bytes | None:
    if isinstance(message.payload, UserBroadcast):
        return codec.encode_broadcast(message.topic, message.payload)
    return codec.encode(message)
