"""What recorded clients sent to a real Realtime server, sent to the sandbox: the answers are the same.

Between topics of one socket no order is kept, as on the real server, where each has a process of its own; ids, refs
and times are taken out. What remains different, each with its reason:

- ``db_kill``: when the stream of changes is back, the sandbox says "Subscribed to PostgreSQL" once more. The real
  server says nothing, though it loses what was committed meanwhile as well; ours lets clients read again.
- ``limits``: the flood of sockets 58 and 59 is left out, for the recording has the last forty replies but not the frames
  that they answer; of the frame that ends socket 61 there is no line either, so we send one of our own.
- ``conn_errors``: the keys are not in the recording; we make such keys ourselves.
- The delays before refusals (2 s at connect, 5 s at join) are options, off by default.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from livewidgets.sandbox.connection import IDLE

from .clients import Phoenix
from .conftest import RECORDINGS, Cluster, Server
from .replay import SHORT_LIFE, Frame, Record, Replay, in_turn, records, sign_for, signed

Db = psycopg.Connection[Any]

#: The row of the recording that has a value in every column.
KITCHEN = """
insert into kitchen (b, i2, i4, i8, f4, f8, n, t, v, c, j, jb, u, d, ti, ts, tz, iv, bt, ia, ta, r, ip) values (
  true, 1, 2, 9007199254740993, 1.5, 0.1, 12345678901234.123456, 'txt', 'v', 'a', '{"a": [1, null]}',
  '{"b": {"c": 1.50}}', '5e0a4f0c-0000-4000-8000-000000000001', '2024-02-29', '01:02:03.5',
  '2024-02-29 01:02:03.456789', '2024-02-29 01:02:03.456789+02', '1 day 2 hours', '\\xdeadbeef',
  '{1,2,null}', '{a,"b c",null}', '[1,4]', '10.0.0.1')
"""


def statements(db: Db, *texts: str | None) -> list[Callable[[], object] | None]:
    """One action a recorded change; None where a change follows from the statement before."""

    def action(text: str) -> Callable[[], object]:
        return lambda: db.execute(text)

    return [None if text is None else action(text) for text in texts]


def inserts(db: Db, *titles: str) -> list[Callable[[], object] | None]:
    return statements(db, *(f"insert into todos (title) values ('{title}')" for title in titles))


def start_at(db: Db, table: str, number: int) -> None:
    db.execute(f"alter sequence {table}_id_seq restart with {number}")


async def same(replay: Replay, least: int) -> None:
    await replay.run()
    differences = [f"recorded {recorded}\nheard    {heard}" for recorded, heard in replay.differences]
    assert not differences, "\n".join(differences[:3])
    assert replay.compared >= least


def test_every_recording_is_played() -> None:
    text = (RECORDINGS.parent / "test_conformance.py").read_text("utf-8")
    for path in RECORDINGS.glob("*.jsonl"):
        stem = path.stem.removesuffix("_v1").removesuffix("_v2")
        assert f'"{path.stem}"' in text or f'"{stem}_{{vsn}}"' in text, path.stem


@pytest.mark.parametrize(("vsn", "first"), [("v1", 25), ("v2", 27)])
async def test_postgres_changes(server: Server, db: Db, vsn: str, first: int) -> None:
    start_at(db, "todos", first)
    actions = statements(
        db,
        "insert into todos (title) values ('match')",
        "insert into todos (title, user_id) values ('é \"q\" other', '5e0a4f0c-0000-4000-8000-000000000001')",
        f"update todos set done = true where id = {first}",
        f"delete from todos where id = {first}",
    )
    await same(Replay(server, f"pg_{vsn}", before=in_turn(actions)), 9)


async def test_client_postgres_changes_v1(server: Server, db: Db) -> None:
    start_at(db, "todos", 29)
    actions = statements(
        db,
        "insert into todos (title) values ('match')",
        "insert into todos (title) values ('other')",
        "update todos set done = true where id = 29",
        "delete from todos where id = 29",
    )
    await same(Replay(server, "client_postgres_changes_v1", before=in_turn(actions)), 9)


async def test_cold(server: Server, db: Db) -> None:
    start_at(db, "todos", 14)
    actions = inserts(db, *(f"cold{n}" for n in range(8)), "before-system", "after-system")
    await same(Replay(server, "cold", before=in_turn(actions)), 14)


async def test_filters(server: Server, db: Db) -> None:
    await same(Replay(server, "filters"), 80)


async def test_pg_errors(server: Server, db: Db) -> None:
    start_at(db, "todos", 9)
    await same(Replay(server, "pg_errors", before=in_turn(inserts(db, "dup"))), 80)


async def test_types(server: Server, db: Db) -> None:
    start_at(db, "kitchen", 6)
    actions = statements(
        db,
        KITCHEN,
        "insert into kitchen (f4, f8, n, ts) values ('nan', 'infinity', 'nan', 'infinity')",
        "insert into kitchen default values",
        "insert into nopk values (1, 'x')",
        "insert into kitchen (big) values (repeat('z', 5000))",
        "update kitchen set t = 'toast' where id = 9",
        "update nopk set b = 'y'",
        "delete from nopk",
        "insert into kitchen (big) values (repeat('z', 2000000))",
    )
    await same(Replay(server, "types", before=in_turn(actions)), 11)


async def test_types_to_the_letter(server: Server, db: Db) -> None:
    """The JSON text itself: every digit of int8 and numeric, the order of the keys."""
    recorded = next(
        record["raw"] for record in records("types") if '"type":"INSERT"' in record.get("raw", "")
    )
    wanted = recorded[recorded.index('"record":') : recorded.index(',"schema"')]
    start_at(db, "kitchen", 6)
    async with Phoenix(server) as phoenix:
        await phoenix.subscribe("realtime:letters", {"event": "*", "schema": "public", "table": "kitchen"})
        db.execute(KITCHEN)
        raw = await phoenix.text()
    heard = raw[raw.index('"record":') : raw.index(',"schema"')]
    assert heard == wanted


async def test_join_errors(server: Server, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    realtime = server.app.state.realtime

    def before(frame: Frame) -> None:
        ends = frame.get("topic") == "realtime:exp" and frame["event"] == "system"
        monkeypatch.setattr(realtime, "clock", (lambda: time.time() + SHORT_LIFE) if ends else time.time)

    await same(Replay(server, "join_errors", before=before), 33)


@pytest.mark.parametrize(("vsn", "least"), [("v1", 14), ("v2", 18)])
async def test_broadcast(server: Server, vsn: str, least: int) -> None:
    headers = {"apikey": server.keys.anon_key}
    api = f"{server.url}/realtime/v1/api/broadcast"

    def batch() -> None:
        message = {"topic": "bc", "event": "rest", "payload": {"k": 1}}
        assert httpx.post(api, json={"messages": [message]}, headers=headers, timeout=30).status_code == 202

    def single() -> None:
        assert (
            httpx.post(f"{api}/bc/events/single", json={"k": 2}, headers=headers, timeout=30).status_code
            == 202
        )

    def cue(frame: Frame) -> bool:
        if "binary" in frame:
            return b"single" in bytes.fromhex(frame["binary"])
        return frame["event"] == "broadcast" and frame["payload"]["event"] in ("rest", "single")

    # Each is heard by two sockets.
    await same(Replay(server, f"bc_{vsn}", before=in_turn([batch, None, single, None], cue)), least)


async def test_client_broadcast(server: Server) -> None:
    await same(Replay(server, "client_broadcast_v1_a", "client_broadcast_v1_b"), 11)


@pytest.mark.parametrize("vsn", ["v1", "v2"])
async def test_presence(server: Server, vsn: str) -> None:
    await same(Replay(server, f"pr_{vsn}"), 25)


async def test_client_presence(server: Server) -> None:
    await same(Replay(server, "client_presence_v1_a", "client_presence_v1_b"), 17)


@pytest.fixture
def policies(db: Db) -> Iterator[None]:
    """The policies of the recording: ``ok-*`` may be read, ``ok-rw*`` also written to."""
    db.execute(
        """create policy may_read on realtime.messages for select to authenticated
          using (realtime.topic() like 'ok-%');
        create policy may_write on realtime.messages for insert to authenticated
          with check (realtime.topic() like 'ok-rw%')"""
    )
    yield
    db.execute("drop policy may_read on realtime.messages; drop policy may_write on realtime.messages")
    db.execute("truncate realtime.messages")


async def test_private(server: Server, db: Db, policies: None) -> None:
    def cue(frame: Frame) -> bool:
        meta = frame["payload"].get("meta") if frame.get("event") == "broadcast" else None
        return meta is not None and "replayed" not in meta

    send = "select realtime.send('{\"from\": \"db\"}', 'dbev', 'ok-rw', true)"
    await same(Replay(server, "private", before=in_turn(statements(db, send), cue)), 10)


async def test_limits(server: Server) -> None:
    replay: Replay

    async def too_much() -> None:
        try:
            await replay.sockets[61].send("x" * 5_000_000)
        except ConnectionClosed:
            return  # before all of it was sent

    replay = Replay(
        server,
        "limits",
        only=lambda record: record["conn"] in (56, 60, 61),
        before=lambda frame: too_much() if frame.get("conn") == 61 else None,
    )
    await same(replay, 78)


async def test_idle(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    realtime = server.app.state.realtime

    def before(frame: Frame) -> None:
        if "close" in frame:
            monkeypatch.setattr(realtime, "clock", lambda: time.time() + IDLE)

    await same(Replay(server, "idle", before=before), 2)


async def test_db_kill(server: Server, db: Db) -> None:
    start_at(db, "todos", 10)
    streaming = server.app.state.realtime.streaming

    def senders() -> set[int]:
        found = db.execute("select pid from pg_stat_activity where backend_type = 'walsender'")
        return {pid for (pid,) in found}

    async def kill() -> None:
        killed = senders()
        db.execute("select pg_terminate_backend(pid) from unnest(%s::int4[]) as pid", (list(killed),))
        async with asyncio.timeout(20):
            # The next one comes after the loss of this one was taken note of.
            while not senders() - killed:  # noqa: ASYNC110 - the server is on another thread
                await asyncio.sleep(0.01)
            while not streaming.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        db.execute("insert into todos (title) values ('after kill')")

    replay = Replay(
        server,
        "db_kill",
        before=lambda frame: kill() if frame.get("event") == "postgres_changes" else None,
        extra=lambda frame: frame["payload"].get("message") == "Subscribed to PostgreSQL",
    )
    await same(replay, 3)
    assert replay.extras == 1


async def test_reload(server: Server, db: Db) -> None:
    async def disconnect() -> None:
        server.app.state.realtime.disconnect()

    def before(frame: Frame) -> None:
        if (frame.get("payload") or {}).get("message") == "Server requested disconnect":
            server.call(disconnect())

    await same(Replay(server, "reload", before=before), 4)


async def test_server_stop(cluster: Cluster, db: Db) -> None:
    stopping = Server(cluster.dsn, cluster.keys).start()
    tasks: list[asyncio.Task[None]] = []

    def before(frame: Frame) -> None:
        if "close" in frame and not tasks:
            tasks.append(asyncio.create_task(asyncio.to_thread(stopping.stop)))

    try:
        await same(Replay(stopping, "server_stop", before=before), 6)
    finally:
        await asyncio.gather(*tasks) if tasks else stopping.stop()


async def test_without_vsn(server: Server) -> None:
    def only(record: Record) -> bool:
        return record["conn"] == 39

    await same(Replay(server, "conn_errors", only=only), 1)


REFUSALS = [record["text"] for record in records("conn_errors") if record["op"] == "body"]


@pytest.mark.parametrize(
    ("key", "vsn", "status", "body"),
    [
        ("", "1.0.0", 401, REFUSALS[0]),
        ("garbage", "1.0.0", 401, REFUSALS[1]),
        ("bad signature", "1.0.0", 401, REFUSALS[2]),
        ("expired", "1.0.0", 401, REFUSALS[3]),
        ("no role", "1.0.0", 401, REFUSALS[4]),
        ("good", "3.0.0", 403, ""),
        ("good", "abc", 403, ""),
    ],
)
async def test_conn_errors(server: Server, key: str, vsn: str, status: int, body: str) -> None:
    keys = {
        "bad signature": signed("x" * 64, {"role": "anon", "exp": 9999999999}),
        "expired": sign_for(server, "anon", exp=1),
        "no role": signed(server.keys.secret, {"exp": 9999999999}),
        "good": server.keys.anon_key,
    }
    url = f"ws://127.0.0.1:{server.port}/realtime/v1/websocket?vsn={vsn}&apikey={keys.get(key, key)}"
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url):
            pass
    response = caught.value.response
    assert response.status_code == status
    assert (response.body or b"").decode() == body


def test_health(server: Server) -> None:
    assert httpx.get(f"{server.url}/health", timeout=30).json() == {"status": "ok"}
