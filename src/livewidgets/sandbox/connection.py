"""One Realtime socket without its I/O: frames in, effects out, the clock an argument.

A channel lives from a good join to a leave, a second join of its topic, a refused token or the socket's end::

    (nothing) --phx_join, token good, policies allow--> joined --phx_leave | rejoin--> closed
                                                         |  ^    token refused | expiry | too much presence--> closed
                                                Subscribe|  |subscribed / failed (a ``system`` frame either way)
                                                         v  |
                                                 the database is asked

Whoever drives it carries out the effects in their order; `Ask` has to be answered before the next frame is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from livewidgets.sandbox import bindings
from livewidgets.sandbox.auth import Claims, Refusal, TokenRefusedError
from livewidgets.sandbox.connection_config import Config, JoinRefusedError, read_config
from livewidgets.sandbox.connection_effects import (
    Ask,
    AwaitStream,
    Broadcast,
    Channel,
    Close,
    Effect,
    Joined,
    Left,
    Policies,
    Presence,
    Refuse,
    Send,
    Stored,
    Subscribe,
    Verdict,
)
from livewidgets.sandbox.phoenix import Codec, Message, UserBroadcast

PREFIX = "realtime:"
#: A socket that says nothing for so long is closed with 1000.
IDLE = 66.0
#: Channels that one socket may hold.
MAX_CHANNELS = 100
#: Bytes of one broadcast's frame.
MAX_BROADCAST = 3_000_000
#: Presence messages that a channel may send in so many seconds.
PRESENCE_CALLS, PRESENCE_WINDOW = 5, 30.0
EXTENSIONS = ("broadcast", "presence")
UNAVAILABLE = "Realtime was unable to connect to the project database"


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

    def replicating(self, channel: Channel) -> list[Effect]:
        """Say that what the database broadcasts is delivered from here on."""
        return [self._system(channel, "system", "Replication connection established", "ok")]

    def disconnect(self) -> list[Effect]:
        """Send the client away, to come again at once: the project's settings have changed."""
        payload = {"extension": "system", "message": "Server requested disconnect", "status": "ok"}
        farewells = [Message(topic, "system", payload) for topic in self.channels]
        return [*(Send(self.codec.encode(message)) for message in farewells), Close(1012)]

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
            return self._presence(channel, message, now)
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
            config = read_config(message.payload, name)
        except TokenRefusedError as error:
            return self._refuse(message, f"{error.refusal.code}: {error.message}")
        except JoinRefusedError as error:
            return self._refuse(message, error.message)
        if not config.private:
            return self._enter(message, name, claims, config)

        def resume(verdict: Verdict) -> list[Effect]:
            if not verdict.available:
                return self._refuse(message, f"UnableToConnectToProject: {UNAVAILABLE}")
            policies = _may_read(Policies(), verdict)
            replay_denied = config.replay is not None and not policies.broadcast_read
            if replay_denied or not (policies.broadcast_read or policies.presence_read):
                return self._refuse(message, f"Unauthorized: {_no_rights(name)}")
            return self._enter(message, name, claims, config, policies, verdict.messages)

        read = EXTENSIONS if config.presence else EXTENSIONS[:1]
        return [Ask(name, claims, resume, read=read, replay=config.replay)]

    def _enter(
        self,
        message: Message,
        name: str,
        claims: Claims,
        config: Config,
        policies: Policies | None = None,
        stored: tuple[Stored, ...] = (),
    ) -> list[Effect]:
        channel = Channel(
            message.topic,
            name,
            message.ref if message.join_ref is None else message.join_ref,
            claims,
            config.bindings,
            ack=config.ack,
            own=config.own,
            presence=config.presence,
            presence_key=config.presence_key,
            policies=policies,
            replayed=frozenset(one.id for one in stored),
        )
        reply = self._reply(message, "ok", {"postgres_changes": [bindings.echo(b) for b in config.bindings]})
        effects: list[Effect] = [reply]
        # A second join of a topic is answered first; then the old one is closed, with its old ref.
        before = self.channels.pop(message.topic, None)
        if before is not None:
            effects += self._close(before)
        self.channels[message.topic] = channel
        effects += self._replays(channel, stored)
        if config.replication_ready:
            effects.append(AwaitStream(channel))
        effects.append(Joined(channel))
        if channel.raw_bindings:
            effects.append(Subscribe(channel, channel.generation))
        return effects

    def _replays(self, channel: Channel, stored: tuple[Stored, ...]) -> list[Effect]:
        """Send stored messages to the one who asked for them."""
        frames: list[str | bytes | None] = []
        for one in stored:
            meta = {"id": one.id, "replayed": True}
            if isinstance(one.body, bytes):
                frames.append(
                    self.codec.encode_broadcast(
                        channel.topic, UserBroadcast(one.event, one.body, is_json=False, meta=meta)
                    )
                )
            else:
                payload = {"event": one.event, "meta": meta, "payload": one.body, "type": "broadcast"}
                message = Message(channel.topic, "broadcast", payload, None, channel.join_ref)
                frames.append(self.codec.encode(message))
        return [Send(frame) for frame in frames if frame is not None]

    def _claims(self, token: object, now: float) -> Claims:
        if not isinstance(token, str) or token.startswith("sb_"):
            return self.claims
        return self.verify(token, now)

    def _refresh(self, channel: Channel, payload: object, now: float) -> list[Effect]:
        token = payload.get("access_token") if isinstance(payload, dict) else None
        if not isinstance(token, str) or token.startswith("sb_"):
            return []
        try:
            claims = self.verify(token, now)
        except TokenRefusedError as error:
            # The real server shows its own name for this one.
            forged = error.refusal is Refusal.SIGNATURE
            return self._expel(channel, ":signature_error" if forged else error.message)
        if claims == channel.claims:
            return []
        if channel.policies is None:
            return self._renew(channel, claims, None)
        before = channel.policies

        def resume(verdict: Verdict) -> list[Effect]:
            if channel.closed:
                return []
            if not verdict.available:
                return self._expel(channel, UNAVAILABLE)
            after = _may_read(Policies(), verdict)
            if not (after.broadcast_read or after.presence_read):
                return self._expel(channel, _no_rights(channel.name))
            if (before.broadcast_read and after.broadcast_read is False) or (
                before.presence_read and after.presence_read is False
            ):
                text = f"You no longer have permission to read from this Channel topic: {channel.name}"
                return self._expel(channel, text)
            return self._renew(channel, claims, after)

        read = EXTENSIONS if channel.presence else EXTENSIONS[:1]
        return [Ask(channel.name, claims, resume, read=read)]

    def _renew(self, channel: Channel, claims: Claims, policies: Policies | None) -> list[Effect]:
        channel.claims, channel.policies = claims, policies
        channel.generation += 1
        return [Subscribe(channel, channel.generation)] if channel.raw_bindings else []

    def _broadcast(self, channel: Channel, message: Message, size: int) -> list[Effect]:
        if channel.policies is not None and channel.policies.broadcast_write is None:
            return self._ask_to_write(channel, (), lambda: self._broadcast(channel, message, size))
        if channel.policies is not None and not channel.policies.broadcast_write:
            return []
        if not isinstance(message.payload, dict | UserBroadcast):
            return self._crash(channel)
        if size > MAX_BROADCAST:
            return [self._reply(message, "error", "payload_size_exceeded")] if channel.ack else []
        effects: list[Effect] = [Broadcast(channel, message.payload)]
        if channel.ack:
            effects.append(self._reply(message, "ok", {}))
        return effects

    def _presence(self, channel: Channel, message: Message, now: float) -> list[Effect]:
        if not isinstance(message.payload, dict) or "event" not in message.payload:
            return [self._reply(message, "ok", {})]
        what = message.payload["event"]
        if not isinstance(what, str):
            return self._crash(channel)
        if now > channel.presence_window:
            channel.presence_calls, channel.presence_window = 0, now + PRESENCE_WINDOW
        if channel.presence_calls >= PRESENCE_CALLS:
            return self._expel(channel, "Client presence rate limit exceeded")
        channel.presence_calls += 1
        match what.lower():
            case "track":
                return self._track(channel, message)
            case "untrack":
                return [self._reply(message, "ok", {}), Presence(channel, None)]
            case _:
                return [self._reply(message, "error", {})]

    def _track(self, channel: Channel, message: Message) -> list[Effect]:
        policies = channel.policies
        if policies is not None and policies.presence_write is None:
            read = () if policies.presence_read is not None else EXTENSIONS[1:]
            return self._ask_to_write(
                channel,
                read,
                lambda: self._track(channel, message),
                lambda: [self._reply(message, "error", {})],
            )
        if policies is not None and not policies.presence_write:
            return [self._reply(message, "error", {})]
        meta = message.payload.get("payload", {})
        if not isinstance(meta, dict):
            reason = "Presence track payload must be a map"
            return [self._reply(message, "error", {"reason": reason})]
        channel.presence = True
        return [self._reply(message, "ok", {}), Presence(channel, meta)]

    def _ask_to_write(
        self,
        channel: Channel,
        read: tuple[str, ...],
        go_on: Callable[[], list[Effect]],
        give_up: Callable[[], list[Effect]] = list,
    ) -> list[Effect]:
        """Find out once what a private channel may send; a database that is away is asked again the next time."""

        def resume(verdict: Verdict) -> list[Effect]:
            if channel.closed or channel.policies is None:
                return []
            if not verdict.available:
                return give_up()
            channel.policies = replace(
                _may_read(channel.policies, verdict),
                broadcast_write=verdict.write.get("broadcast", False),
                presence_write=verdict.write.get("presence", False),
            )
            return go_on()

        return [Ask(channel.name, channel.claims, resume, read=read, write=EXTENSIONS)]

    def _refuse(self, message: Message, reason: str) -> list[Effect]:
        return [Refuse(self._reply(message, "error", {"reason": reason}).frame)]

    def _expel(self, channel: Channel, message: str) -> list[Effect]:
        return [self._system(channel, "system", message, "error"), *self._close(channel)]

    def _crash(self, channel: Channel) -> list[Effect]:
        """End a channel over a message that the real server's process for it does not survive."""
        return self._close(channel, "phx_error")

    def _close(self, channel: Channel, event: str = "phx_close") -> list[Effect]:
        channel.closed = True
        if self.channels.get(channel.topic) is channel:
            del self.channels[channel.topic]
        message = Message(channel.topic, event, {}, channel.join_ref, channel.join_ref)
        return [Left(channel), Send(self.codec.encode(message))]

    def _reply(self, message: Message, status: str, response: object) -> Send:
        payload = {"status": status, "response": response}
        return Send(
            self.codec.encode(Message(message.topic, "phx_reply", payload, message.ref, message.join_ref))
        )

    def _system(self, channel: Channel, extension: str, text: str, status: str) -> Send:
        payload = {"channel": channel.name, "extension": extension, "message": text, "status": status}
        return Send(self.codec.encode(Message(channel.topic, "system", payload, None, channel.join_ref)))


def _may_read(policies: Policies, verdict: Verdict) -> Policies:
    return replace(
        policies,
        broadcast_read=verdict.read.get("broadcast", policies.broadcast_read),
        presence_read=verdict.read.get("presence", policies.presence_read),
    )


def _no_rights(name: str) -> str:
    return f"You do not have permissions to read from this Channel topic: {name}"
