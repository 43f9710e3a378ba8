"""What happens to broadcasts and presence: both ways again, everybody known, and no answer that never comes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from livewidgets.errors import NotAcknowledgedError
from livewidgets.live.client import Live
from livewidgets.live.room import Room
from livewidgets.live.room_link import Broadcast
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import QUICK, BackFrom, eventually
from tests.live.test_outages_frames import altered, frame, joins
from tests.live.test_presence import is_known, names

OpenLive = Callable[..., Live]


@pytest.fixture
def far(open_live: OpenLive, proxy: FaultProxy) -> Live:
    """A connection over a network of ours, with a long memory for who was there."""
    return open_live(url=proxy.url, timings=replace(QUICK, grace=8.0))


class Pair:
    """A room seen from two connections, and what arrived at each."""

    def __init__(self, far: Live, live: Live, name: str) -> None:
        self.room, self.other = far.channel(name).ready(), live.channel(name).ready()
        self.seen: list[Broadcast] = []
        self.back: list[Broadcast] = []
        self.room.on_broadcast("ping", self.seen.append)
        self.other.on_broadcast("ping", self.back.append)
        self._count = 0

    def both_ways(self) -> None:
        """Wait until what is sent arrives, in both directions."""
        for sender, seen in ((self.other, self.seen), (self.room, self.back)):
            eventually(lambda s=sender, got=seen: self._reaches(s, got))

    def _reaches(self, sender: Room, seen: list[Broadcast]) -> bool:
        self._count += 1
        sender.broadcast("ping", {"n": self._count}).result(15)
        return any("n" in message for message in seen)


def test_a_broadcast_above_one_mebibyte(
    far: Live, live: Live, proxy: FaultProxy, back_from: BackFrom
) -> None:
    pair = Pair(far, live, "large")
    wire = far._upstream._wire
    with back_from("a broadcast of 2.5 MB, each way"):
        pair.other.broadcast("ping", {"text": "x" * 2_500_000}).result(15)
        pair.room.broadcast("ping", {"text": "y" * 2_500_000}).result(15)
        eventually(lambda: pair.seen and pair.back)
        pair.both_ways()
    assert len(pair.seen[0]["text"]) == len(pair.back[0]["text"]) == 2_500_000
    assert far._upstream._wire is wire


def test_messages_that_are_no_objects(
    far: Live, live: Live, proxy: FaultProxy, back_from: BackFrom, caplog: pytest.LogCaptureFixture
) -> None:
    pair = Pair(far, live, "odd")
    everything: list[Broadcast] = []
    pair.room.on_broadcast("*", everything.append)
    ((topic, _),) = joins(far).items()
    channel = pair.room._link.joiner.channel
    with back_from("broadcasts whose payload is no object"):
        for payload in ([1, 2], "words", None, 7, {"event": ["x"], "payload": "words"}):
            proxy.send(frame(topic, "broadcast", payload))
        for payload in ([1, 2], "words", {"event": "ping", "payload": "words", "type": "broadcast"}):
            proxy.send(frame(topic, "presence_diff", payload))
        proxy.send(frame(topic, "broadcast", {"event": "text", "payload": "words", "type": "broadcast"}))
        pair.both_ways()
    assert pair.room._link.joiner.channel is channel
    assert [message.payload for message in everything if message.event == "text"] == ["words"]


@pytest.mark.parametrize("answer", ["words", None, [1]], ids=["text", "null", "array"])
def test_an_answer_that_is_no_object(
    open_live: OpenLive,
    live: Live,
    proxy: FaultProxy,
    back_from: BackFrom,
    answer: object,
    request: pytest.FixtureRequest,
) -> None:
    kind = request.node.callspec.id
    # It waits in vain for a true answer; the answers after that are in time.
    far = open_live(url=proxy.url, timings=replace(QUICK, ack=3.0))
    pair = Pair(far, live, f"answered by {kind}")
    ((topic, _),) = joins(far).items()
    proxy.alter(f'"topic":"{topic}"', altered(lambda found: found.update(payload=answer)))
    sent = pair.room.broadcast("ping", {"text": "it arrives"})
    assert isinstance(sent.exception(15), NotAcknowledgedError)
    with back_from(f"an answer that is no object: {kind}"):
        pair.both_ways()


def test_a_room_that_is_left_and_joined_again_at_once(far: Live, live: Live, back_from: BackFrom) -> None:
    other = live.channel("again").ready()
    seen: list[Broadcast] = []
    other.on_broadcast("ping", seen.append)
    wires: set[object] = set()
    with back_from("a room: left and joined again at once, ten times"):
        for number in range(10):
            with far.channel("again") as room:
                room.broadcast("ping", {"n": number}).result(15)
                wires.add(far._upstream._wire)
        eventually(lambda: len(seen) == 10)
    assert [message["n"] for message in seen] == list(range(10))
    assert wires == {far._upstream._wire}


@pytest.mark.parametrize("event", ["phx_close", "phx_error"])
def test_the_end_of_a_rooms_join(
    far: Live, live: Live, open_live: OpenLive, proxy: FaultProxy, back_from: BackFrom, event: str
) -> None:
    pair = Pair(far, live, f"ended by {event}")
    users = far.presence(pair.room.topic, me={"name": "Ana"})
    others = live.presence(pair.room.topic)
    eventually(lambda: names(users) == names(others) == ["Ana"])
    pair.both_ways()
    ((topic, ref),) = joins(far).items()
    channel, wire = pair.room._link.joiner.channel, far._upstream._wire
    proxy.send(frame(topic, event, {}, "0"))
    pair.both_ways()
    assert pair.room._link.joiner.channel is channel
    pair.seen.clear()
    newcomer = open_live()
    with back_from(f"a room: the server ends it, {event}"):
        proxy.send(frame(topic, event, {}, ref))
        eventually(lambda: pair.room._link.joiner.channel not in (channel, None))
        pair.both_ways()
        eventually(lambda: is_known(newcomer, pair.room.topic, ["Ana"]))
        eventually(lambda: names(users) == names(others) == ["Ana"])
    assert far._upstream._wire is wire


def test_presence_is_wanted_after_the_join_and_known_after_a_reconnect(
    far: Live, live: Live, open_live: OpenLive, proxy: FaultProxy, back_from: BackFrom
) -> None:
    newcomer = open_live()
    pair = Pair(far, live, "later")
    users = far.presence("later", me={"name": "Ana"})
    others = live.presence("later", me={"name": "Bob"})
    eventually(lambda: names(users) == names(others) == ["Ana", "Bob"])
    channel = pair.room._link.joiner.channel
    with back_from("presence: tracked again after a reconnect"):
        proxy.reset_connections()
        eventually(lambda: pair.room._link.joiner.channel not in (channel, None))
        pair.both_ways()
        eventually(lambda: is_known(newcomer, "later", ["Ana", "Bob"]))
        eventually(lambda: names(users) == names(others) == ["Ana", "Bob"])


def test_a_channel_that_is_closed_for_too_much_presence(
    far: Live, live: Live, open_live: OpenLive, back_from: BackFrom
) -> None:
    newcomer = open_live()
    users = far.presence("chatty", me={"name": "Ana"})
    others = live.presence("chatty")
    eventually(lambda: names(users) == names(others) == ["Ana"])
    channel = users._link.joiner.channel
    assert channel is not None

    async def chatter() -> None:
        message = {"type": "presence", "event": "track", "payload": {"name": "Ana"}}
        await asyncio.gather(*(channel.push("presence", message) for _ in range(6)), return_exceptions=True)

    with back_from("presence: the server closes the channel of one that says too much"):
        far._upstream.thread.run(chatter())
        eventually(lambda: users._link.joiner.channel not in (channel, None))
        eventually(lambda: is_known(newcomer, "chatty", ["Ana"]))
        eventually(lambda: names(users) == names(others) == ["Ana"])


def test_callbacks_and_senders_on_loops_and_threads_of_their_own(
    far: Live, live: Live, back_from: BackFrom
) -> None:
    pair = Pair(far, live, "loops")
    awaited: list[Any] = []

    async def later(message: Broadcast) -> None:
        await asyncio.sleep(0)
        awaited.append(message["n"])

    async def send(number: int) -> None:
        async with asyncio.timeout(15):
            await pair.other.broadcast("from a loop", {"n": number})

    pair.room.on_broadcast("from a loop", later)
    with back_from("async callbacks, and senders on five loops"):
        threads = [threading.Thread(target=lambda n=number: asyncio.run(send(n))) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        eventually(lambda: sorted(awaited) == list(range(5)))
        pair.both_ways()
