"""The sans-I/O socket: frames in, effects out, no clock and no database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
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
)
from livewidgets.sandbox.keys import Keys
from livewidgets.sandbox.phoenix import V1, V2, Codec, Message

KEYS = Keys.from_secret("t" * 64)
TOKENS = Tokens(KEYS)
ANON = Claims("anon", '{"role":"anon"}')
NOW = 2_000_000_000.0
BINDING = {"event": "*", "schema": "public", "table": "todos"}


def connection() -> Connection:
    return Connection(ANON, TOKENS.verify, V1(), NOW)


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


@given(st.lists(st.fixed_dictionaries({}, optional=PARTS) | JSON, max_size=6))
def test_no_frame_breaks_a_socket(frames: list[Any]) -> None:
    socket = connection()
    for frame in frames:
        for effect in socket.receive(json.dumps(frame), NOW):
            if isinstance(effect, Send):
                json.loads(effect.frame)
    for channel in socket.channels.values():
        assert not channel.closed


@given(st.text() | st.binary())
def test_no_text_is_too_odd(frame: str | bytes) -> None:
    assert connection().receive(frame, NOW) == [] or isinstance(json.loads(frame), dict)


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
