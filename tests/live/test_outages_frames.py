"""What a server may send, and when: no frame and no silence ends the stream for good, or leaves a row wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from livewidgets.core.change import Change
from livewidgets.core.connection import ConnectionState
from livewidgets.errors import NotPublishedError
from livewidgets.live.client import Live
from livewidgets.live.table import TableState, TableStatus
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import QUICK, BackFrom, Sign, Table, comes_back, end_right, eventually

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]

CHANGE = '"event":"postgres_changes"'
UNPUBLISHED = (
    "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given "
    "connect parameters: [schema: public, table: todos, filters: []]"
)


def joins(live: Live) -> dict[str, str]:
    """The topics that are joined or whose join was sent, each with the ref of its join."""
    wire = live._upstream._wire
    channels = {} if wire is None else dict(wire._client.channels)
    return {topic: one.join_push.ref for topic, one in channels.items() if one.join_push.ref is not None}


def frame(topic: str, event: str, payload: Any, ref: str | None = None) -> str:
    return json.dumps({"topic": topic, "event": event, "payload": payload, "ref": ref})


def system(topic: str, message: str, extension: str = "postgres_changes", status: str = "error") -> str:
    name = topic.removeprefix("realtime:")
    payload = {"channel": name, "extension": extension, "message": message, "status": status}
    return frame(topic, "system", payload)


def altered(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Make a function that rewrites a frame."""

    def make(payload: bytes) -> bytes:
        found = json.loads(payload)
        change(found)
        return json.dumps(found).encode()

    return make


# -- joins ---------------------------------------------------------------------------------------------------------


def test_a_join_that_is_answered_too_late(
    open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    far = open_live(url=proxy.url, timings=replace(QUICK, join=1))
    data = make_table()
    first = far.table(data.name).ready()
    topics = set(joins(far))
    # So late that a thread that is held up meanwhile does not find the answer before it has given the join up.
    proxy.answer_joins_late(4.0)
    second = far.table(data.name, where={"id": ("gt", -1)})

    def tried_often() -> bool:
        topics.update(joins(far))
        return len(topics) > 5

    eventually(tried_often, limit=30)  # the first answer has come by now, while a later join waited
    data.run("insert into {} values (1, 'a')")
    end_right(first, data)
    ended = time.monotonic()
    with back_from("a join: answered too late"):
        proxy.restore()
        comes_back(second, data)
    # The late answers, and the ends of those joins, are not the end of this one.
    eventually(lambda: time.monotonic() > ended + 4.1)
    comes_back(second, data)


def test_a_connection_that_is_lost_while_a_join_waits(
    far: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    first = far.table(data.name).ready()
    proxy.answer_joins_late(30.0)
    table = far.table(data.name, where={"id": ("gt", -1)})
    eventually(lambda: len(joins(far)) == 2)
    with back_from("a join: the connection is lost while it waits"):
        proxy.restore()
        proxy.reset_connections()
        comes_back(table, data)
    comes_back(first, data)


def test_a_stream_that_is_never_said_to_be_open(
    open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    far = open_live(url=proxy.url, timings=replace(QUICK, stream=1))
    data = make_table()
    proxy.drop("Subscribed to PostgreSQL")
    table = far.table(data.name)
    eventually(lambda: joins(far))
    assert table.status.state is TableState.LOADING
    with back_from("a join: the stream is not said to be open"):
        proxy.restore()
        data.run("insert into {} values (1, 'a')")
        comes_back(table, data)


def test_the_end_of_an_older_join_ends_nothing(
    far: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    states: list[TableState] = []
    table._tap(lambda patch: None, lambda status: states.append(status.state))
    before = joins(far)
    (topic,) = before
    with back_from("the end of a join: of an older one"):
        proxy.send(frame(topic, "phx_error", {}, "0"))
        proxy.send(frame(topic, "phx_close", {}, "0"))
        comes_back(table, data)
    assert joins(far) == before
    assert set(states) == {TableState.LIVE}


@pytest.mark.parametrize("event", ["phx_close", "phx_error"])
def test_the_end_of_the_present_join(
    far: Live, proxy: FaultProxy, make_table: MakeTable, event: str, back_from: BackFrom
) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    ((topic, ref),) = joins(far).items()
    wire = far._upstream._wire
    with back_from(f"the end of a join: of the present one, {event}"):
        proxy.send(frame(topic, event, {}, ref))
        eventually(lambda: joins(far) and topic not in joins(far))
        comes_back(table, data)
    assert far._upstream._wire is wire


@pytest.mark.parametrize(
    ("extension", "message", "closes"),
    [
        ("postgres_changes", UNPUBLISHED, False),
        ("postgres_changes", "Unable to subscribe to changes: connection to the database timed out", False),
        ("system", "Too many messages per second", True),
    ],
    ids=["not published", "database away", "over the limits"],
)
def test_system_errors(
    far: Live,
    proxy: FaultProxy,
    make_table: MakeTable,
    extension: str,
    message: str,
    closes: bool,
    back_from: BackFrom,
    request: pytest.FixtureRequest,
) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    seen: set[str] = set()
    statuses: list[TableStatus] = []
    table._tap(lambda _: None, statuses.append)
    wire = far._upstream._wire
    ((topic, ref),) = joins(far).items()
    proxy.drop(CHANGE)  # a server in this state sends none
    data.run("insert into {} values (1, 'a')")
    with back_from(f"a system error: {request.node.callspec.id}"):
        proxy.send(system(topic, message, extension))
        if closes:
            proxy.send(frame(topic, "phx_close", {}, ref))
        # It may be over before anybody looks.
        troubled = eventually(lambda: [one for one in statuses if one.state is not TableState.LIVE])
        assert isinstance(troubled[0].error, NotPublishedError) is (message == UNPUBLISHED)
        proxy.restore()

        def right_again() -> bool:
            is_live = table.status.state is TableState.LIVE
            seen.update(joins(far))  # after that: what is live has joined
            return is_live

        eventually(right_again)
        comes_back(table, data)
    assert len(seen - {topic}) == 1  # one new join, and no rejoining of the old one
    assert far._upstream._wire is wire


def test_a_table_that_leaves_the_publication_and_returns(
    open_live: OpenLive, sign: Sign, make_table: MakeTable, back_from: BackFrom
) -> None:
    live = open_live(token=sign(3600))
    data = make_table()
    table = live.table(data.name).ready()
    states: list[TableState] = []
    table._tap(lambda patch: None, lambda status: states.append(status.state))
    data.run("alter publication supabase_realtime drop table {}")
    # The server says "Subscribed" again to all. It checks bindings at a join, and when the token is another.
    eventually(lambda: TableState.STALE in states)
    live.set_access_token(sign(7200))
    eventually(lambda: isinstance(table.status.error, NotPublishedError))
    data.run("insert into {} values (1, 'a')")
    with back_from("a system error: the table was not published for a while"):
        data.run("alter publication supabase_realtime add table {}")
        comes_back(table, data)


def test_what_is_closed_and_opened_again_at_once(
    far: Live, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    topics: set[str] = set()
    wires: set[object] = set()
    with back_from("closed and opened again at once, ten times"):
        for number in range(10):
            with far.table(data.name).ready():
                topics.update(joins(far))
                wires.add(far._upstream._wire)
            data.run("insert into {} values (%s, 'a')", number)
        comes_back(far.table(data.name).ready(), data)
    assert len(topics) > 1
    assert wires == {far._upstream._wire}


def test_what_is_asked_for_after_the_join(
    far: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    first = far.table(data.name).ready()
    second = far.table(data.name, where={"id": ("gt", -1)}).ready()
    changes: list[Change] = []
    hook = far.on("later", "INSERT", changes.append, table=data.name).ready()
    states: list[ConnectionState] = []
    far._watch_status(lambda status: states.append(status.state))
    with back_from("bindings after the first join: all are there again"):
        proxy.reset_connections()
        eventually(lambda: ConnectionState.RECONNECTING in states)
        comes_back(first, data)
        comes_back(second, data)
        eventually(lambda: hook.joined)
        data.run("insert into {} values (1, 'a')")
        eventually(lambda: any(change.record["id"] == 1 for change in changes))
    hook.close()


def test_more_channels_than_a_connection_may_have(
    far: Live, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    hooks = [far.on(f"hook {number}", table=data.name) for number in range(100)]
    eventually(lambda: all(hook.joined for hook in hooks), "a hundred are allowed", 30)
    table = far.table(data.name)
    eventually(lambda: table.status.error is not None)
    assert "Too many channels" in str(table.status.error)
    data.run("insert into {} values (1, 'a')")
    with back_from("more channels than allowed: one is closed"):
        hooks.pop().close()
        comes_back(table, data)
    assert all(hook.joined for hook in hooks)
    for hook in hooks:
        hook.close()


# -- frames --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "stays"), [(3_000_000, True), (17 * 2**20, False)])
def test_a_large_frame(
    far: Live, proxy: FaultProxy, make_table: MakeTable, size: int, stays: bool, back_from: BackFrom
) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    wire = far._upstream._wire
    proxy.alter(CHANGE, altered(lambda found: found["payload"].update(more="x" * size)))
    with back_from(f"a frame of {size / 2**20:.0f} MiB: {'taken' if stays else 'a new connection'}"):
        data.run("insert into {} values (1, 'a')")
        comes_back(table, data)
    assert (far._upstream._wire is wire) is stays


def test_a_row_that_is_too_large_for_a_change(far: Live, make_table: MakeTable, back_from: BackFrom) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    wire = far._upstream._wire
    with back_from("a row above 1 MB: read by its key"):
        data.run("insert into {} values (1, repeat('x', 1500000))")
        data.run("update {} set title = repeat('y', 1500000), version = 2 where id = 1")
        comes_back(table, data)
    assert far._upstream._wire is wire


def test_frames_that_the_package_refuses(
    far: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    wire = far._upstream._wire
    before = joins(far)
    ((topic, ref),) = before.items()
    proxy.alter(CHANGE, altered(lambda found: found["payload"]["data"].update(commit_timestamp=None)), 3)
    with back_from("frames that the package's models refuse"):
        proxy.send(frame(topic, "system", {"message": "no channel", "status": "ok"}))
        proxy.send(frame(topic, "phx_reply", "words", ref))
        proxy.send(frame(topic, "phx_reply", {"status": "ok", "response": "words"}, "9999"))
        for payload in ([1, 2], "words", None, 7):
            proxy.send(frame(topic, "broadcast", payload))
            proxy.send(frame(topic, "presence_state", payload))
        data.run("insert into {} values (1, 'a'), (2, 'b')")
        data.run("delete from {} where id = 1")
        comes_back(table, data)
    assert (joins(far), far._upstream._wire) == (before, wire)


def test_frames_that_no_protocol_knows(
    far: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    before = joins(far), far._upstream._wire
    with back_from("frames that no protocol knows"):
        for seed in range(5):
            proxy.send_garbage(seed)
        data.run("insert into {} values (1, 'a')")
        comes_back(table, data)
    assert (joins(far), far._upstream._wire) == before


def test_a_frame_that_breaks_off(
    far: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    proxy.truncate(CHANGE)
    with back_from("a frame that breaks off"):
        data.run("insert into {} values (1, 'a')")
        comes_back(table, data)


def test_changes_that_are_lost_without_a_sign(
    open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    far = open_live(url=proxy.url, timings=replace(QUICK, audit=0.3))
    data = make_table()
    data.run("insert into {} values (1, 'a'), (2, 'a')")
    table = far.table(data.name).ready()
    for statement in (
        "insert into {} values (3, 'a')",
        "update {} set title = 'b', version = version + 1 where id = 1",
        "delete from {} where id = 2",
        "truncate {}",
    ):
        proxy.drop(CHANGE)
        data.run(statement)
        with back_from(f"a change that is lost without a sign: {statement.split()[0]}"):
            end_right(table, data)
        proxy.restore()
    comes_back(table, data)


def test_a_row_that_leaves_the_sight_of_the_role(
    open_live: OpenLive, make_table: MakeTable, back_from: BackFrom
) -> None:
    far = open_live(timings=replace(QUICK, audit=0.3))
    data = make_table()
    data.run("alter table {} enable row level security")
    data.run("create policy sight on {} for select using (title <> 'secret')")
    data.run("insert into {} values (1, 'a'), (2, 'a')")
    table = far.table(data.name).ready()
    assert len(table) == 2
    with back_from("a row that leaves the role's sight"):
        data.run("update {} set title = 'secret' where id = 1")
        eventually(lambda: [row["id"] for row in table.rows()] == [2])
        data.run("insert into {} values (3, 'a')")
        eventually(lambda: [row["id"] for row in table.rows()] == [2, 3])


# -- callbacks and floods ------------------------------------------------------------------------------------------


def test_callbacks_that_raise(
    far: Live, make_table: MakeTable, back_from: BackFrom, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    data = make_table()
    table = far.table(data.name).ready()
    subscriptions = [
        table.on_change(fail),
        table.on_status(fail),
        far.on_status(fail),
        far.on("raises", "*", fail, table=data.name).ready(),
    ]
    table._tap(fail, fail)
    far._watch_status(fail)
    wire, before = far._upstream._wire, joins(far)
    with back_from("callbacks that raise: those of states, too"):
        data.run("insert into {} values (1, 'a')")
        comes_back(table, data)
    eventually(lambda: "A callback of" in caplog.text)
    assert "A listener of the table" in caplog.text
    assert (joins(far), far._upstream._wire) == (before, wire)
    for subscription in subscriptions:
        subscription.close()


def test_many_buffered_messages_and_a_slow_callback(
    open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    far = open_live(url=proxy.url, timings=replace(QUICK, heartbeat_reply=60.0))
    data = make_table()
    table = far.table(data.name).ready()
    called = threading.Semaphore(0)

    def slow(_: object) -> None:
        called.release()
        threading.Event().wait(0.05)

    subscription = table.on_change(slow)
    seen: list[ConnectionState] = []
    far._watch_status(lambda status: seen.append(status.state))
    wire = far._upstream._wire
    proxy.stall()
    for start in range(0, 8_000, 100):
        data.run("insert into {} select g, 'a' from generate_series(%s::int, %s) g", start, start + 99)
    data.run("update {} set title = 'b'")
    with back_from("many buffered messages: 16,000, and callbacks of 50 ms"):
        proxy.restore()
        comes_back(table, data, 60)
    assert called.acquire(timeout=30)
    assert far._upstream._wire is wire
    assert ConnectionState.RECONNECTING not in seen
    subscription.close()


def test_a_reader_that_is_cut_off_as_too_slow(
    far: Live, proxy: FaultProxy, make_table: MakeTable, back_from: BackFrom
) -> None:
    data = make_table()
    table = far.table(data.name).ready()
    proxy.throttle(20_000)
    data.run("insert into {} select g, repeat('x', 1000) from generate_series(1, 2000) g")
    with back_from("a link that is too slow: 2 MB over 20 kB/s, then cut off"):
        proxy.reset_connections(1013)
        proxy.restore()
        comes_back(table, data)
