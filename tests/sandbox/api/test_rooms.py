"""Broadcast and presence over real sockets: who hears what, by which way it came, and what policies decide."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from livewidgets.sandbox.app import AppOptions
from livewidgets.sandbox.realtime import RealtimeOptions

from .clients import Frame, Phoenix
from .conftest import Cluster, Server

Db = psycopg.Connection[Any]
NO_RIGHTS = "Unauthorized: You do not have permissions to read from this Channel topic: "


@pytest.fixture
def policies(db: Db) -> Iterator[None]:
    """Members of a topic read; of these, writers write; presence is for those whose topic says so."""
    db.execute(
        """create policy may_read on realtime.messages for select to authenticated using (
          realtime.topic() = auth.jwt() ->> 'room'
          and (extension = 'broadcast' or realtime.topic() like '%people%'));
        create policy may_write on realtime.messages for insert to authenticated with check (
          realtime.topic() = auth.jwt() ->> 'room' and (auth.jwt() ->> 'writer')::boolean
          and (extension = 'broadcast' or realtime.topic() like '%people%'))"""
    )
    yield
    db.execute("drop policy may_read on realtime.messages; drop policy may_write on realtime.messages")
    db.execute("truncate realtime.messages")


def member(server: Server, room: str, *, writer: bool = True, **claims: object) -> str:
    return server.keys.sign({"role": "authenticated", "room": room, "writer": writer, **claims})


async def enter(phoenix: Phoenix, room: str, token: str, **config: Any) -> Frame:
    return await phoenix.join(f"realtime:{room}", token=token, private=True, **config)


def say(event: str) -> dict[str, Any]:
    return {"type": "broadcast", "event": event, "payload": {}}


async def test_policies_decide_who_enters(server: Server, policies: None) -> None:
    async with Phoenix(server) as phoenix:
        reply = await enter(phoenix, "a", member(server, "b"))
        assert reply["payload"] == {"status": "error", "response": {"reason": NO_RIGHTS + "a"}}
        assert (await enter(phoenix, "a", member(server, "a")))["payload"]["status"] == "ok"
        for odd in ("x' or true --", "\x00", "é" * 300):
            reply = await enter(phoenix, odd, member(server, "a"))
            assert reply["payload"]["response"]["reason"] == NO_RIGHTS + odd
        reply = await enter(phoenix, "c", server.keys.sign({"role": "nobody"}))
        assert reply["payload"]["response"]["reason"] == NO_RIGHTS + "c"
        assert (await enter(phoenix, "d", server.keys.service_key))["payload"]["status"] == "ok"


async def test_a_policy_that_fails_lets_nobody_in(server: Server, db: Db) -> None:
    db.execute("create policy broken on realtime.messages using (1 / (length(topic) - length(topic)) = 1)")
    async with Phoenix(server) as phoenix:
        reply = await enter(phoenix, "a", member(server, "a"))
        assert reply["payload"]["response"]["reason"] == NO_RIGHTS + "a"
    db.execute("drop policy broken on realtime.messages")


async def test_readers_do_not_write_and_public_channels_of_the_name_are_others(
    server: Server, policies: None
) -> None:
    async with Phoenix(server) as writer, Phoenix(server) as reader, Phoenix(server) as public:
        await enter(writer, "a", member(server, "a"), broadcast={"ack": True})
        await enter(reader, "a", member(server, "a", writer=False), broadcast={"ack": True})
        await public.join("realtime:a")
        await reader.push("realtime:a", "broadcast", say("no"))
        await reader.quiet()
        await public.push("realtime:a", "broadcast", say("public"))
        await writer.push("realtime:a", "broadcast", say("yes"))
        assert (await writer.frame())["payload"]["status"] == "ok"
        assert (await reader.frame())["payload"]["event"] == "yes"
        for phoenix in (writer, reader, public):
            await phoenix.quiet()


async def test_presence_in_a_private_channel_needs_a_policy_of_its_own(
    server: Server, policies: None
) -> None:
    track = {"event": "track", "payload": {"n": 1}}
    async with Phoenix(server) as a, Phoenix(server) as b:
        await enter(a, "a", member(server, "a"), presence={"enabled": True})
        await a.push("realtime:a", "presence", track)
        assert (await a.frame())["payload"] == {"status": "error", "response": {}}
        # Without it in the join, the first track finds out.
        await enter(a, "people", member(server, "people"))
        await enter(
            b, "people", member(server, "people", writer=False), presence={"enabled": True, "key": "b"}
        )
        assert (await b.frame())["payload"] == {}
        await b.push("realtime:people", "presence", track)
        assert (await b.frame())["payload"]["status"] == "error"
        await a.push("realtime:people", "presence", track)
        assert (await a.frame())["payload"]["status"] == "ok"
        for phoenix in (a, b):
            (joined,) = (await phoenix.frame())["payload"]["joins"].values()
            assert joined["metas"][0]["n"] == 1


@pytest.mark.parametrize(
    ("room", "message"),
    [
        ("b", "You do not have permissions to read from this Channel topic: a"),
        (None, "You do not have permissions to read from this Channel topic: a"),
    ],
)
async def test_a_token_without_the_right_ends_the_channel_only(
    server: Server, policies: None, room: str | None, message: str
) -> None:
    async with Phoenix(server) as phoenix:
        await enter(phoenix, "a", member(server, "a"))
        token = server.keys.sign({"role": "authenticated", "room": room})
        await phoenix.push("realtime:a", "access_token", {"access_token": token})
        assert (await phoenix.frame())["payload"]["message"] == message
        closed = await phoenix.frame()
        assert (closed["event"], closed["ref"]) == ("phx_close", "1")
        await phoenix.quiet()


async def test_a_fresh_token_keeps_a_private_channel(server: Server, policies: None) -> None:
    async with Phoenix(server) as phoenix:
        await enter(phoenix, "a", member(server, "a"), broadcast={"ack": True})
        await phoenix.push("realtime:a", "broadcast", say("x"))
        assert (await phoenix.frame())["payload"]["status"] == "ok"
        token = member(server, "a", writer=False)
        await phoenix.push("realtime:a", "access_token", {"access_token": token})
        await phoenix.push("realtime:a", "broadcast", say("no longer"))
        await phoenix.quiet()


async def test_the_database_broadcasts_what_is_committed(server: Server, db: Db, policies: None) -> None:
    async with Phoenix(server) as private, Phoenix(server) as public:
        await enter(private, "a", member(server, "a"))
        await public.join("realtime:a")
        with db.transaction(force_rollback=True):
            db.execute("""select realtime.send('{"n": 0}', 'e', 'a', true)""")
        db.execute("""select realtime.send('{"n": 1}', 'e', 'a')""")
        db.execute("""select realtime.send('{"n": 2, "id": "mine"}', 'e', 'a', false)""")
        db.execute("select realtime.send_binary('\\x00ff', 'e', 'a', false)")
        frame = (await private.frame())["payload"]
        assert (frame["event"], frame["payload"]["n"], frame["type"]) == ("e", 1, "broadcast")
        assert frame["meta"] == {"id": frame["payload"]["id"]}
        # Bytes have no form in protocol 1.0.0.
        assert (await public.frame())["payload"]["payload"] == {"n": 2, "id": "mine"}
        await public.quiet()
        await private.quiet()


async def test_a_trigger_tells_of_rows(server: Server, db: Db, policies: None) -> None:
    db.execute(
        """create function tell_todo() returns trigger language plpgsql security definer as $$ begin
          perform realtime.broadcast_changes('a', tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
          return null; end $$;
        create trigger tell after insert or update on todos for each row execute function tell_todo()"""
    )
    async with Phoenix(server) as phoenix:
        await enter(phoenix, "a", member(server, "a"))
        db.execute("insert into todos (title) values ('x')")
        payload = (await phoenix.frame())["payload"]["payload"]
        assert (payload["operation"], payload["record"]["title"]) == ("INSERT", "x")
        assert payload["old_record"] is None
    db.execute("drop function tell_todo cascade")


async def test_stored_messages_are_replayed_once(server: Server, db: Db, policies: None) -> None:
    async with Phoenix(server) as present:
        await enter(present, "a", member(server, "a"))
        for number in range(30):
            db.execute("select realtime.send(jsonb_build_object('n', %s::int), 'e', 'a')", [number])
        # They have been given out, so who enters now gets none but stored ones.
        assert [(await present.frame())["payload"]["payload"]["n"] for _ in range(30)] == list(range(30))
    now = int(time.time() * 1000)
    async with Phoenix(server) as phoenix:
        for replay in ({"since": "x"}, {"since": 10**18}, {"since": now, "limit": "y"}):
            reply = await enter(phoenix, "a", member(server, "a"), broadcast={"replay": replay})
            reason = "UnableToReplayMessages: Replay params are not valid"
            assert reply["payload"]["response"]["reason"] == reason
        reply = await phoenix.join("realtime:a", broadcast={"replay": {"since": now}})
        assert "not allowed for public channels" in reply["payload"]["response"]["reason"]
        since = {"since": now - 60_000}
        await enter(phoenix, "a", member(server, "a"), broadcast={"replay": {**since, "limit": 2}})
        assert [(await phoenix.frame())["payload"]["payload"]["n"] for _ in range(2)] == [28, 29]
        await phoenix.push("realtime:a", "phx_leave", {})
        await phoenix.frame()
        await phoenix.frame()
        await enter(phoenix, "a", member(server, "a"), broadcast={"replay": since})
        assert len([await phoenix.frame() for _ in range(25)]) == 25
        await phoenix.quiet()


async def test_http_broadcasts_are_checked(server: Server, policies: None) -> None:
    root = "/realtime/v1/api/broadcast"
    token = {"authorization": f"Bearer {member(server, 'a/b')}"}
    async with (
        httpx.AsyncClient(
            base_url=server.url, headers={"apikey": server.keys.anon_key}, timeout=30
        ) as client,
        Phoenix(server) as phoenix,
        connect(server.socket_url(vsn="2.0.0")) as second,
    ):
        await enter(phoenix, "a/b", member(server, "a/b"))
        await second.send(json.dumps(["1", "1", "realtime:a/b", "phx_join", {"config": {}}]))
        await second.recv()
        one = {"topic": "a/b", "event": "e", "payload": {"n": 1}, "private": True}
        for status, headers, body in (
            (401, {"authorization": "Bearer x"}, {"messages": [one]}),
            (422, {}, {"messages": []}),
            (422, {}, {"messages": [{**one, "payload": 1}, one]}),
            (422, {}, {"messages": "x"}),
            (422, {}, []),
            (202, {}, {"messages": [one]}),
            (202, token, {"messages": [one, {**one, "private": False, "event": "p"}]}),
        ):
            answer = await client.post(root, json=body, headers=headers)
            assert answer.status_code == status, answer.text
        wrong = (await client.post(root, json={"messages": [{"topic": ""}, one]})).json()
        assert wrong == {
            "errors": {"messages": [{name: ["can't be blank"] for name in ("topic", "event", "payload")}, {}]}
        }
        assert (await client.post(root, content=b"{")).status_code == 400
        single = f"{root}/a%2Fb/events/e%20e"
        assert (await client.post(single, json={}, params={"private": "true"})).status_code == 403
        assert (
            await client.post(single, content=b"x", headers={"content-type": "text/x"})
        ).status_code == 415
        assert (await client.post(single, content=b"{")).status_code == 400
        assert (await client.post(f"{root}/a/b/events/e", json={})).status_code == 404
        answer = await client.post(single, json={"n": 2}, params={"private": "true"}, headers=token)
        assert (answer.status_code, answer.content) == (202, b"")
        octets = {"content-type": "application/octet-stream"}
        assert (await client.post(single, content=b"\x00\xff", headers=octets)).status_code == 202
        for event in ("e", "e e"):
            assert (await phoenix.frame())["payload"]["event"] == event
        await phoenix.quiet()
        assert json.loads(await second.recv())[4]["event"] == "p"
        assert await second.recv() == b"\x04\x0c\x03\x00\x00realtime:a/be e\x00\xff"


async def test_the_delays_of_refusals_are_options(cluster: Cluster) -> None:
    options = RealtimeOptions(refusal_delay=0.2, join_refusal_delay=0.2)
    server = Server(cluster.dsn, cluster.keys, AppOptions(realtime=options)).start()
    try:
        begun = time.monotonic()
        with pytest.raises(InvalidStatus):
            async with connect(server.socket_url("garbage")):
                pass
        assert time.monotonic() - begun >= 0.2
        async with Phoenix(server) as phoenix:
            begun = time.monotonic()
            await phoenix.push("realtime:a", "phx_join", {"access_token": "x", "config": {}})
            # What comes after a join waits with it.
            await phoenix.push("phoenix", "heartbeat", {})
            assert "MalformedJWT" in (await phoenix.frame())["payload"]["response"]["reason"]
            assert time.monotonic() - begun >= 0.2
            assert (await phoenix.frame())["topic"] == "phoenix"
    finally:
        server.stop()
