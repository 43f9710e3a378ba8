"""One Realtime socket without its I/O: frames in, effects out, the clock an argument.

A channel lives from a good join to a leave, a second join of its topic, a refused token or the socket's end::

    (nothing) --phx_join, token good--> joined --phx_leave | rejoin | token refused | expiry--> closed
                                          |  ^
                                 Subscribe|  |subscribed / failed (a ``system`` frame either way)
                                          v  |
                                   the database is asked

Whoever drives it carries out the effects in their order.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from livewidgets.sandbox import bindings
from livewidgets.sandbox.auth import OPAQUE_PREFIXES, Claims, TokenRefusedError
from livewidgets.sandbox.phoenix import Codec, Message

PREFIX = "realtime:"
#: A socket that says nothing for so long is closed with 1000.
IDLE = 66.0
#: Channels that one socket may hold.
MAX_CHANNELS = 100
#: Bytes of one broadcast's frame.
MAX_BROADCAST = 3_000_000


@dataclass(eq=False)
class Channel:
    """A joined topic.

    Attributes
    ----------
    topic, name
        ``realtime:room`` and ``room``.
    join_ref
        The ref of its join; its ``phx_close`` carries it.
    claims
        On whose behalf it reads.
    raw_bindings
        The postgres_changes that it asked for.
    """

    topic: str
    name: str
    join_ref: Any
    claims: Claims
    raw_bindings: list[dict[str, Any]]
    ack: bool = False
    own: bool = False
    presence_key: str = ""
    closed: bool = False
    #: Raised by each token refresh: an answer to an older question is dropped.
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Send:
    """Send this frame."""

    frame: str | bytes


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send this frame, which refuses a join; the real server takes its time for it."""

    frame: str | bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket."""

    code: int


@dataclass(frozen=True, slots=True)
class Joined:
    """The channel is there: others may now talk to it. ``presence``: it wants the state of who is here."""

    channel: Channel
    presence: bool


@dataclass(frozen=True, slots=True)
class Left:
    """The channel is gone: end what it has open."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Ask the database for its bindings, then call `Connection.subscribed` or `Connection.failed`."""

    channel: Channel
    generation: int


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Tell the other channels of the topic, and the sender too when its join asked for that."""

    channel: Channel
    payload: Any


@dataclass(frozen=True, slots=True)
class Presence:
    """A track (with what is told about the user) or an untrack (None)."""

    channel: Channel
    meta: Mapping[str, Any] | None


Effect = Send | Refuse | Close | Joined | Left | Subscribe | Broadcast | Presence


@dataclass
class Connection:
    """One socket.

    Parameters
    ----------
    claims
        Those of the API key it connected with; a join without a token has them too.
    verify
        ``verify(token, now)`` gives a token's claims or raises `TokenRefusedError`.
    codec
        The protocol version's frames.
    now
        Epoch seconds.
    idle
        Seconds without a frame until it is closed; None for never.
    """

    claims: Claims
    verify: Callable[[str, float], Claims]
    codec: Codec
    now: float
    idle: float | None = IDLE
    channels: dict[str, Channel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._last_frame = self.now

    def receive(self, frame: str | bytes, now: float) -> list[Effect]:
        """Take a client's frame. What is no frame gets no answer, as on the real server."""
        self._last_frame = now
        try:
            message = self.codec.decode(frame)
            return [] if message is None else self._handle(message, len(frame), now)
        except RecursionError:
            return []  # nested beyond reason

    def tick(self, now: float) -> list[Effect]:
        """Let time pass: tokens end, an idle socket is closed."""
        effects: list[Effect] = []
        for channel in list(self.channels.values()):
            if channel.claims.expires is not None and channel.claims.expires <= now:
                late = int(now - channel.claims.expires)
                effects += self._expel(channel, f"Token has expired {late} seconds ago")
        if self.idle is not None and now - self._last_frame >= self.idle:
            effects.append(Close(1000))
        return effects

    def deadline(self) -> float | None:
        """When `tick` has something to do, in epoch seconds."""
        moments = [c.claims.expires for c in self.channels.values() if c.claims.expires is not None]
        if self.idle is not None:
            moments.append(self._last_frame + self.idle)
        return min(moments, default=None)

    def subscribed(self, channel: Channel) -> list[Effect]:
        """Say that the database streams the channel's changes from here on, or again after it was away."""
        return [self._system(channel, "postgres_changes", "Subscribed to PostgreSQL", "ok")]

    def failed(self, channel: Channel, message: str) -> list[Effect]:
        """Say that the bindings cannot be served: none of them is."""
        return [self._system(channel, "postgres_changes", message, "error")]

    def _handle(self, message: Message, size: int, now: float) -> list[Effect]:
        if message.topic == "phoenix":
            if message.event == "heartbeat":
                return [self._reply(message, "ok", {})]
            return [self._reply(message, "error", {"reason": "unmatched topic"})]
        if message.event == "phx_join":
            return self._join(message, now)
        channel = self.channels.get(message.topic)
        if message.event == "phx_leave":
            effects: list[Effect] = [self._reply(message, "ok", {})]
            return effects + (self._close(channel) if channel else [])
        if channel is None:
            return [self._reply(message, "error", {"reason": "unmatched topic"})]
        if message.event == "access_token":
            return self._refresh(channel, message.payload, now)
        if message.event == "broadcast":
            return self._broadcast(channel, message, size)
        if message.event == "presence":
            return self._presence(channel, message)
        return []

    def _join(self, message: Message, now: float) -> list[Effect]:
        topic = message.topic
        if not topic.startswith(PREFIX):
            return [self._reply(message, "error", {"reason": "unmatched topic"})]
        name = topic.removeprefix(PREFIX)
        if not name:
            return self._refuse(message, "TopicNameRequired: You must provide a topic name")
        if len(self.channels) >= MAX_CHANNELS and topic not in self.channels:
            return self._refuse(message, "ChannelRateLimitReached: Too many channels")
        payload = message.payload if isinstance(message.payload, dict) else {}
        try:
            claims = self._claims(payload.get("access_token"), now)
        except TokenRefusedError as error:
            return self._refuse(message, f"{error.refusal.code}: {error.message}")
        config = _config(payload, name)
        if config is None:
            return self._refuse(message, "UnknownErrorOnChannel: no function clause matching in Access.get/3")
        if config.private:
            reason = f"Unauthorized: You do not have permissions to read from this Channel topic: {name}"
            return self._refuse(message, reason)
        channel = Channel(
            topic,
            name,
            message.ref if message.join_ref is None else message.join_ref,
            claims,
            config.bindings,
            config.ack,
            config.own,
            config.presence_key or str(uuid.uuid4()),
        )
        reply = self._reply(message, "ok", {"postgres_changes": [bindings.echo(b) for b in config.bindings]})
        effects: list[Effect] = [reply]
        # A second join of a topic is answered first; then the old one is closed, with its old ref.
        before = self.channels.pop(topic, None)
        if before is not None:
            effects += self._close(before)
        self.channels[topic] = channel
        effects.append(Joined(channel, config.presence))
        if channel.raw_bindings:
            effects.append(Subscribe(channel, channel.generation))
        return effects

    def _claims(self, token: object, now: float) -> Claims:
        if not isinstance(token, str) or token.startswith(OPAQUE_PREFIXES):
            return self.claims
        return self.verify(token, now)

    def _refresh(self, channel: Channel, payload: object, now: float) -> list[Effect]:
        token = payload.get("access_token") if isinstance(payload, dict) else None
        if not isinstance(token, str) or token.startswith(OPAQUE_PREFIXES):
            return []
        try:
            claims = self.verify(token, now)
        except TokenRefusedError as error:
            return self._expel(channel, error.message)
        if claims == channel.claims:
            return []
        channel.claims = claims
        channel.generation += 1
        return [Subscribe(channel, channel.generation)] if channel.raw_bindings else []

    def _broadcast(self, channel: Channel, message: Message, size: int) -> list[Effect]:
        if size > MAX_BROADCAST:
            return [self._reply(message, "error", "payload_size_exceeded")]
        effects: list[Effect] = [Broadcast(channel, message.payload)]
        if channel.ack:
            effects.append(self._reply(message, "ok", {}))
        return effects

    def _presence(self, channel: Channel, message: Message) -> list[Effect]:
        payload = message.payload if isinstance(message.payload, dict) else {}
        what = payload.get("event")
        if what not in ("track", "untrack"):
            return [self._reply(message, "error", {"reason": "unknown presence event"})]
        meta = payload.get("payload")
        tracked = (meta if isinstance(meta, dict) else {}) if what == "track" else None
        return [self._reply(message, "ok", {}), Presence(channel, tracked)]

    def _refuse(self, message: Message, reason: str) -> list[Effect]:
        return [Refuse(self._reply(message, "error", {"reason": reason}).frame)]

    def _expel(self, channel: Channel, message: str) -> list[Effect]:
        return [self._system(channel, "system", message, "error"), *self._close(channel)]

    def _close(self, channel: Channel) -> list[Effect]:
        channel.closed = True
        if self.channels.get(channel.topic) is channel:
            del self.channels[channel.topic]
        return [
            Left(channel),
            Send(
                self.codec.encode(Message(channel.topic, "phx_close", {}, channel.join_ref, channel.join_ref))
            ),
        ]

    def _reply(self, message: Message, status: str, response: object) -> Send:
        payload = {"status": status, "response": response}
        return Send(
            self.codec.encode(Message(message.topic, "phx_reply", payload, message.ref, message.join_ref))
        )

    def _system(self, channel: Channel, extension: str, text: str, status: str) -> Send:
        payload = {"channel": channel.name, "extension": extension, "message": text, "status": status}
        return Send(self.codec.encode(Message(channel.topic, "system", payload, None, channel.join_ref)))


@dataclass(frozen=True, slots=True)
class _Config:
    bindings: list[dict[str, Any]]
    ack: bool
    own: bool
    presence: bool
    presence_key: str
    private: bool


def _config(payload: Mapping[str, Any], name: str) -> _Config | None:
    """Read the join's config; None when it has parts of the wrong shape."""
    if "config" not in payload:
        wanted: object = bindings.from_topic(name)
        config: Mapping[str, Any] = {}
    else:
        found = payload["config"] or {}
        if not isinstance(found, dict):
            return None
        config = found
        wanted = config.get("postgres_changes") or []
    broadcast, presence = config.get("broadcast") or {}, config.get("presence") or {}
    if not isinstance(broadcast, dict) or not isinstance(presence, dict) or not isinstance(wanted, list):
        return None
    if not all(isinstance(binding, dict) for binding in wanted):
        return None
    key = presence.get("key")
    return _Config(
        bindings=wanted,
        ack=broadcast.get("ack") is True,
        own=broadcast.get("self") is True,
        presence=presence.get("enabled") is True,
        presence_key=key if isinstance(key, str) else "",
        private=config.get("private") is True,
    )
