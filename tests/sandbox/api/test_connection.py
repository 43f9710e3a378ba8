"""The sans-I/O socket: frames in, effects out, no clock and no database."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livewidgets.sandbox import bindings
from livewidgets.sandbox.auth import Claims, Tokens
from livewidgets.sandbox.connection import MAX_CHANNELS, Connection
from livewidgets.sandbox.connection_effects import (
    Ask,
    Broadcast,
    Close,
    Effect,
    Joined,
    Left,
    Presence,
    Refuse,
    Send,
    Subscribe,
    Verdict,
)
from livewidgets.sandbox.keys import Keys
from livewidgets.sandbox.phoenix import V1, V2, Codec, Message, UserBroadcast
from livewidgets.sandbox.rooms import Rooms

KEYS = Keys.from_secret("t" * 64)
TOKENS = Tokens(KEYS)
ANON = Claims("anon", '{"role":"anon"}')
NOW = 2_000_000_000.0
BINDING = {"event": "*", "schema": "public", "table": "todos"}


def connection(codec: Codec | None = None) -> Connection:
    return Connection(ANON, TOKENS.verify, codec or V1(), NOW)


def push(
    socket: Connection, topic: str, event: str, payload: Any, ref: str = "1", now: float = NOW
) -> list[Effect]:
    frame = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": ref}
    return socket.receive(json.dumps(frame), now)


def sent(effects: list[Effect]) -> list[dict[str, Any]]:
    return [json.loads(effect.frame) for effect in effects if isinstance(effect, Send | Refuse)]


def join(
    socket: Connection, topic: str = "realtime:a", token: str | None = None, ref: str = "1", **config: Any
) -> list[Effect]:
    payload = {"config": config, **({"access_token": token} if token else {})}
    return push(socket, topic, "phx_join", payload, ref)


def test_a_join_is_answered_before_it_is_subscribed() -> None:
    effects = join(connection(), postgres_changes=[BINDING])
    assert [type(effect) for effect in effects] == [Send, Joined, Subscribe]
    reply = sent(effects)[0]
    assert reply["payload"]["response"]["postgres_changes"][0].items() > BINDING.items()
    assert "join_ref" not in reply


def test_a_second_join_closes_the_first_with_its_ref() -> None:
    socket = connection()
    first = join(socket, postgres_changes=[BINDING])
    effects = join(socket, ref="2")
    assert [type(effect) for effect in effects] == [Send, Left, Send, Joined]
    assert [frame["ref"] for frame in sent(effects)] == ["2", "1"]
    assert next(e for e in first if isinstance(e, Subscribe)).channel.closed


def test_an_expired_token_closes_its_channel_only() -> None:
    socket = connection()
    token = KEYS.sign({"role": "anon", "exp": NOW + 10})
    join(socket, token=token)
    join(socket, "realtime:b", ref="2")
    assert socket.deadline() == NOW + 10
    assert socket.tick(NOW + 9) == []
    frames = sent(socket.tick(NOW + 13))
    assert [frame["event"] for frame in frames] == ["system", "phx_close"]
    assert frames[0]["payload"]["message"] == "Token has expired 3 seconds ago"
    assert list(socket.channels) == ["realtime:b"]


def test_silence_closes_the_socket_and_a_heartbeat_keeps_it() -> None:
    socket = connection()
    push(socket, "phoenix", "heartbeat", {}, now=NOW + 60)
    assert socket.tick(NOW + 70) == []
    assert socket.tick(NOW + 126) == [Close(1000)]


def test_a_new_token_asks_the_database_again_and_the_same_does_not() -> None:
    socket = connection()
    token = KEYS.sign({"role": "authenticated"})
    join(socket, token=token, postgres_changes=[BINDING])
    assert push(socket, "realtime:a", "access_token", {"access_token": token}) == []
    assert push(socket, "realtime:a", "access_token", {"access_token": "sb_publishable_x"}) == []
    other = KEYS.sign({"role": "authenticated", "sub": "x"})
    (effect,) = push(socket, "realtime:a", "access_token", {"access_token": other})
    assert isinstance(effect, Subscribe)
    assert effect.generation == effect.channel.generation == 1


def test_a_socket_has_a_limit_of_channels() -> None:
    socket = connection()
    for number in range(MAX_CHANNELS):
        join(socket, f"realtime:{number}")
    (refusal,) = sent(join(socket, "realtime:more"))
    assert refusal["payload"] == {
        "status": "error",
        "response": {"reason": "ChannelRateLimitReached: Too many channels"},
    }


def test_broadcast_and_presence_are_effects() -> None:
    socket = connection()
    join(socket, broadcast={"ack": True, "self": True}, presence={"enabled": True, "key": "k"})
    effects = push(socket, "realtime:a", "broadcast", {"event": "e"}, "5")
    assert [type(effect) for effect in effects] == [Broadcast, Send]
    effects = push(socket, "realtime:a", "presence", {"event": "track", "payload": {"n": 1}}, "6")
    assert isinstance(effects[1], Presence)
    assert effects[1].meta == {"n": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
PARTS = {
    "topic": st.sampled_from(["phoenix", "realtime:a", "realtime:", "x"]) | JSON,
    "event": st.sampled_from(["phx_join", "phx_leave", "access_token", "broadcast", "presence", "heartbeat"])
    | JSON,
    "payload": st.fixed_dictionaries(
        {},
        optional={
            "config": st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("broadcast", "presence", "private", "postgres_changes"), JSON)
            )
            | JSON,
            "access_token": st.just(KEYS.anon_key) | JSON,
            "event": st.sampled_from(["track", "untrack"]) | JSON,
            "payload": JSON,
        },
    )
    | JSON,
    "ref": JSON,
    "join_ref": JSON,
}


def text_frame(parts: Any, version: type[Codec]) -> str:
    if version is V2 and isinstance(parts, dict):
        return json.dumps([parts.get(name) for name in ("join_ref", "ref", "topic", "event", "payload")])
    return json.dumps(parts)


def binary_frame(texts: list[str], encoding: int, body: bytes) -> bytes:
    parts = [text.encode() for text in texts]
    return bytes([3, *(len(part) % 256 for part in parts), encoding]) + b"".join(parts) + body


#: What looks like a frame, what has its shape, and anything at all.
INPUTS = st.one_of(
    st.fixed_dictionaries({}, optional=PARTS),
    JSON,
    st.builds(
        binary_frame,
        st.tuples(
            st.text(max_size=3),
            st.text(max_size=3),
            st.sampled_from(["realtime:a", "realtime:"]) | st.text(max_size=90),
            st.text(max_size=9),
            st.just("") | st.just("{}") | st.text(max_size=9),
        ),
        st.integers(0, 255),
        st.binary(max_size=20) | JSON.map(lambda value: json.dumps(value).encode()),
    ),
    st.text(),
    st.binary(),
    st.binary(max_size=40).map(lambda rest: b"\x03" + rest),
)
VERDICTS = st.builds(
    Verdict,
    read=st.dictionaries(st.sampled_from(["broadcast", "presence"]), st.booleans()),
    write=st.dictionaries(st.sampled_from(["broadcast", "presence"]), st.booleans()),
    available=st.booleans(),
)
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


class Floor:
    """Two sockets, one of each version, in the same rooms; whatever is sent can be read."""

    def __init__(self) -> None:
        self.rooms = Rooms()
        self.sockets = [connection(V1()), connection(V2())]
        for socket, config in zip(self.sockets, ({"self": True, "ack": True}, {}), strict=True):
            config = {"broadcast": config, "presence": {"enabled": True}}
            message = Message("realtime:a", "phx_join", {"config": config}, "1", "1")
            self.carry_out(socket, socket.receive(socket.codec.encode(message), NOW), Verdict())

    def carry_out(self, socket: Connection, effects: list[Effect], verdict: Verdict) -> None:
        queue = list(effects)
        while queue:
            match queue.pop(0):
                case Send(frame) | Refuse(frame):
                    self.read(frame)
                case Ask() as ask:
                    json.dumps([ask.name, ask.read, ask.write]).encode()
                    queue = ask.resume(verdict) + queue
                case Joined(channel):
                    assert socket.channels[channel.topic] is channel
                    self.rooms.enter(channel, socket.codec, self.read)
                case Left(channel):
                    assert channel.closed
                    self.rooms.leave(channel)
                case Broadcast(channel, payload):
                    self.rooms.broadcast(channel, payload)
                case Presence(channel, meta):
                    self.rooms.track(channel, meta)

    def read(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            assert frame[0] == 4
            assert len(frame) >= 5 + sum(frame[1:4])
            return
        assert "Traceback" not in frame
        found = json.loads(frame.encode(), parse_constant=pytest.fail)
        assert isinstance(found, dict) or len(found) == 5


@pytest.mark.timeout(1800 if NIGHTLY else 120)
@settings(max_examples=25_000 if NIGHTLY else 150)
@given(st.lists(st.tuples(st.booleans(), INPUTS, VERDICTS), min_size=4, max_size=8))
def test_no_frame_breaks_a_socket(inputs: list[tuple[bool, Any, Verdict]]) -> None:
    floor = Floor()
    now = NOW
    for second, given_frame, verdict in inputs:
        socket = floor.sockets[second]
        frame = given_frame
        if not isinstance(frame, str | bytes):
            frame = text_frame(frame, type(socket.codec))
        now += 1
        floor.carry_out(socket, socket.receive(frame, now), verdict)
        assert not any(channel.closed for channel in socket.channels.values())
    for socket in floor.sockets:
        floor.carry_out(socket, socket.tick(now + 20 * 365 * 86400), Verdict())
        floor.carry_out(socket, socket.disconnect(), Verdict())


@pytest.mark.parametrize("codec", [V1(), V2()])
@pytest.mark.parametrize("depth", [150, 300, 900, 5_000, 200_000])
def test_no_frame_is_too_deep(codec: Codec, depth: int) -> None:
    socket = connection(codec)
    join = codec.encode(
        Message("realtime:a", "phx_join", {"config": {"broadcast": {"self": True}}}, "1", "1")
    )
    socket.receive(join, NOW)
    inner = "[" * depth + "]" * depth
    frame = codec.encode(Message("realtime:a", "broadcast", {"x": 0}, "2", "1")).replace("0}", inner + "}")
    effects = socket.receive(frame, NOW)
    assert len(effects) == (depth < 200)
    for effect in effects:
        assert isinstance(effect, Broadcast)
        codec.encode(Message("realtime:a", "broadcast", effect.payload))


@pytest.mark.parametrize("codec", [V1(), V2()])
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_what_no_reader_takes_is_no_frame(codec: Codec, number: str) -> None:
    frame = codec.encode(Message("phoenix", "heartbeat", {"x": 0}, "1")).replace(":0", ":" + number)
    assert number in frame
    assert connection(codec).receive(frame, NOW) == []


def test_binary_broadcasts_are_read_and_written_to_the_letter() -> None:
    frame = bytes.fromhex(
        "0301020b070d013137377265616c74696d653a626362696e6a736f6e7b22666f6f223a22626172227d7b2261223a317d"
    )
    message = V2().decode(frame)
    body = UserBroadcast("binjson", b'{"a":1}', is_json=True)
    assert message == Message("realtime:bc", "broadcast", body, "77", "1")
    assert V2().encode_broadcast("realtime:bc", body) == bytes.fromhex(
        "040b0700017265616c74696d653a626362696e6a736f6e7b2261223a317d"
    )
    assert V1().encode_broadcast("realtime:bc", body) == (
        '{"event":"broadcast","payload":{"event":"binjson","payload":{"a":1},"type":"broadcast"},'
        '"ref":null,"topic":"realtime:bc"}'
    )
    assert V2().decode(frame[:-20]) is None
    assert V1().encode_broadcast("realtime:bc", UserBroadcast("e", b"{", is_json=True)) is None
    assert V2().encode_broadcast("realtime:" + "é" * 124, body) is None


def track(socket: Connection, now: float, what: Any = "track", payload: Any = None) -> list[Effect]:
    return push(socket, "realtime:a", "presence", {"event": what, "payload": payload or {}}, "9", now)


def test_a_sixth_presence_message_in_half_a_minute_ends_the_channel() -> None:
    socket = connection()
    join(socket)
    for number in range(5):
        assert sent(track(socket, NOW + number))[0]["payload"]["status"] == "ok"
    for number in range(5):
        assert sent(track(socket, NOW + 31 + number, "untrack"))[0]["payload"]["status"] == "ok"
    system, closed = sent(track(socket, NOW + 60))
    assert system["payload"]["message"] == "Client presence rate limit exceeded"
    assert (system["event"], closed["event"], closed["ref"]) == ("system", "phx_close", "1")
    assert socket.channels == {}


def test_odd_presence_is_answered_and_the_worst_ends_the_channel() -> None:
    socket = connection()
    join(socket)
    assert sent(track(socket, NOW, "wave"))[0]["payload"] == {"status": "error", "response": {}}
    (reply,) = sent(track(socket, NOW, payload=[1]))
    assert reply["payload"]["response"]["reason"] == "Presence track payload must be a map"
    (reply,) = sent(push(socket, "realtime:a", "presence", "x"))
    assert reply["payload"]["status"] == "ok"
    assert [frame["event"] for frame in sent(track(socket, NOW, 5))] == ["phx_error"]
    join(socket)
    assert [frame["event"] for frame in sent(push(socket, "realtime:a", "broadcast", "x"))] == ["phx_error"]


def test_a_large_broadcast_is_refused_where_an_answer_is_wanted() -> None:
    socket = connection()
    large = {"event": "e", "payload": "x" * 3_000_000}
    for ack, answers in ((False, []), (True, [{"status": "error", "response": "payload_size_exceeded"}])):
        join(socket, broadcast={"ack": ack})
        effects = push(socket, "realtime:a", "broadcast", large)
        assert [frame["payload"] for frame in sent(effects)] == answers
        assert not any(isinstance(effect, Broadcast) for effect in effects)


def test_the_second_protocol_carries_join_refs() -> None:
    socket = connection(V2())
    reply, _, _ = socket.receive(
        json.dumps(["7", "8", "realtime:a", "phx_join", {"config": {"postgres_changes": [BINDING]}}]), NOW
    )
    assert json.loads(reply.frame)[:4] == ["7", "8", "realtime:a", "phx_reply"]
    (system,) = socket.subscribed(socket.channels["realtime:a"])
    assert json.loads(system.frame)[:4] == ["7", None, "realtime:a", "system"]
    assert json.loads(socket.disconnect()[0].frame)[:4] == [None, None, "realtime:a", "system"]


def test_a_forged_token_ends_the_channel_in_the_servers_own_words() -> None:
    socket = connection()
    join(socket)
    forged = Keys.from_secret("u" * 64).anon_key
    system, closed = sent(push(socket, "realtime:a", "access_token", {"access_token": forged}))
    assert system["payload"]["message"] == ":signature_error"
    assert closed["event"] == "phx_close"


@given(st.text(alphabet='abid=.,(){}"\\ not in eq is', max_size=40))
def test_a_filter_is_read_or_refused(text: str) -> None:
    try:
        read = all(condition.operator in bindings.OPERATORS for condition in bindings.parse_filter(text))
    except bindings.BindingError as error:
        read = "Error parsing `filter` params" in error.message
    assert read


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("id=eq.1", '{"id", "eq", "1", false}'),
        ("id=not.in.(1,2)", '{"id", "in", "{1,2}", true}'),
        ('t=in.("a,b",c)', '{"t", "in", "{\\"a,b\\",c}", false}'),
        ("t=eq.", '{"t", "eq", "", false}'),
        ("t=eq.a.b=c", '{"t", "eq", "a.b=c", false}'),
    ],
)
def test_conditions_are_shown_as_recorded(text: str, shown: str) -> None:
    assert str(bindings.parse_filter(text)[0]) == shown


def test_frames_are_written_to_the_letter() -> None:
    message = Message("realtime:é", "phx_reply", {"status": "ok", "response": {}}, "7", "7")
    assert V1().encode(message) == (
        '{"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"7","topic":"realtime:é"}'
    )
