"""Who is in which channel: broadcast to the others, and presence."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from livewidgets.sandbox.connection import Channel
from livewidgets.sandbox.phoenix import Message

#: Sends a message to one socket, in its protocol version.
Deliver = Callable[[Message], None]


@dataclass(eq=False)
class _Member:
    channel: Channel
    deliver: Deliver
    #: Wants to hear of presence: its join asked for it, or it tracked itself.
    presence: bool
    meta: dict[str, Any] | None = None


@dataclass
class Rooms:
    """The channels of all sockets, by topic."""

    _members: dict[str, dict[Channel, _Member]] = field(default_factory=dict)

    def enter(self, channel: Channel, deliver: Deliver, *, presence: bool) -> None:
        """Let a channel in; one that asked for presence is told who is here."""
        self._members.setdefault(channel.topic, {})[channel] = _Member(channel, deliver, presence)
        if presence:
            deliver(
                Message(channel.topic, "presence_state", self._state(channel.topic), None, channel.join_ref)
            )

    def leave(self, channel: Channel) -> None:
        """Let a channel out."""
        members = self._members.get(channel.topic)
        member = members.pop(channel, None) if members else None
        if members is not None and not members:
            del self._members[channel.topic]
        if member is not None and member.meta is not None:
            self._diff(channel.topic, {}, _entry(channel, member.meta))

    def broadcast(self, channel: Channel, payload: object) -> None:
        """Tell the others of the topic; the sender too when its join asked for that."""
        message = Message(channel.topic, "broadcast", payload)
        for member in list(self._members.get(channel.topic, {}).values()):
            if member.channel is not channel or channel.own:
                member.deliver(message)

    def track(self, channel: Channel, meta: Mapping[str, Any] | None) -> None:
        """Show a user as present with this meta; None: no longer."""
        member = self._members.get(channel.topic, {}).get(channel)
        if member is None:
            return
        before, member.meta = member.meta, None
        leaves = {} if before is None else _entry(channel, before)
        joins = {}
        if meta is not None:
            member.presence = True
            member.meta = {**meta, "phx_ref": secrets.token_urlsafe(12)}
            if before is not None:
                member.meta["phx_ref_prev"] = before["phx_ref"]
            joins = _entry(channel, member.meta)
        if joins or leaves:
            self._diff(channel.topic, joins, leaves)

    def _diff(self, topic: str, joins: dict[str, Any], leaves: dict[str, Any]) -> None:
        message = Message(topic, "presence_diff", {"joins": joins, "leaves": leaves})
        for member in list(self._members.get(topic, {}).values()):
            if member.presence:
                member.deliver(message)

    def _state(self, topic: str) -> dict[str, Any]:
        state: dict[str, Any] = {}
        for member in self._members[topic].values():
            if member.meta is not None:
                state.setdefault(member.channel.presence_key, {"metas": []})["metas"].append(member.meta)
        return state


def _entry(channel: Channel, meta: dict[str, Any]) -> dict[str, Any]:
    return {channel.presence_key: {"metas": [meta]}}
