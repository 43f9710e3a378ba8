"""The Realtime half over real sockets: who gets which changes, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import psycopg
import pytest
from psycopg_pool import PoolTimeout
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from livewidgets.sandbox import realtime
from livewidgets.sandbox.app import AppOptions
from livewidgets.sandbox.realtime import RealtimeOptions

from .clients import Phoenix
from .conftest import Cluster, Server

Db = psycopg.Connection[Any]
OWNER = "5e0a4f0c-0000-4000-8000-000000000001"
OTHER = "5e0a4f0c-0000-4000-8000-000000000002"


def binding(table: str, event: str = "*", **more: object) -> dict[str, Any]:
    return {"event": event, "schema": "public", "table": table, **more}


async def until(condition: Callable[[], object], limit: float = 10) -> None:
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110 - the condition is on the server's thread
            await asyncio.sleep(0.01)


def data(frame: dict[str, Any]) -> dict[str, Any]:
    assert frame["event"] == "postgres_changes", frame
    found: dict[str, Any] = frame["payload"]["data"]
    return found


async def test_row_level_security_decides_for_each_token(server: Server, db: Db) -> None:
    mine = server.keys.sign({"role": "authenticated", "sub": OWNER})
    others = server.keys.sign({"role": "authenticated", "sub": OTHER})
    async with Phoenix(server) as a, Phoenix(server) as b, Phoenix(server) as c, Phoenix(server) as d:
        await a.subscribe("realtime:s", binding("secrets"), token=mine)
        await b.subscribe("realtime:s", binding("secrets"), token=others)
        await c.subscribe("realtime:s", binding("secrets"))
        await d.subscribe("realtime:s", binding("secrets"), token=server.keys.service_key)
        db.execute("insert into secrets values (1, %s, 'x'), (2, %s, 'y')", [OWNER, OTHER])
        db.execute("update secrets set body = 'z' where id = 1")
        for phoenix, ids in ((a, [1, 1]), (b, [2]), (c, []), (d, [1, 2, 1])):
            for number in ids:
                assert data(await phoenix.frame())["record"]["id"] == number
            await phoenix.quiet()
        db.execute("delete from secrets where id = 2")
        for phoenix in (a, b, c, d):
            gone = data(await phoenix.frame())
            # A delete is told to all, with nothing but the key.
            assert (gone["type"], gone["old_record"]) == ("DELETE", {"id": 2})
            await phoenix.quiet()


async def test_a_row_is_judged_by_what_it_is_now(server: Server, db: Db) -> None:
    mine = server.keys.sign({"role": "authenticated", "sub": OWNER})
    async with Phoenix(server) as phoenix:
        await phoenix.subscribe("realtime:s", binding("secrets"), token=mine)
        db.execute("insert into secrets values (1, %s, 'x')", [OWNER])
        assert data(await phoenix.frame())["type"] == "INSERT"
        db.execute("update secrets set owner = %s where id = 1", [OTHER])
        await phoenix.quiet()


async def test_columns_that_a_role_may_not_read_are_left_out(server: Server, db: Db) -> None:
    async with Phoenix(server) as anon, Phoenix(server) as service:
        await anon.subscribe("realtime:calls", binding("calls"))
        await service.subscribe("realtime:calls", binding("calls"), token=server.keys.service_key)
        db.execute(
            "insert into calls (direction, caller_number, status, queued_at)"
            " values ('inbound', '+15551234567', 'queued', now())"
        )
        seen, all_of_it = data(await anon.frame()), data(await service.frame())
        assert all_of_it["record"]["caller_number"] == "+15551234567"
        assert "5551234567" not in str(seen)
        assert seen["record"]["caller_masked"].endswith("4567")
        assert {column["name"] for column in seen["columns"]} == set(seen["record"])
        refused = await anon.join("realtime:f", binding("calls", filter="caller_number=eq.x"))
        assert refused["payload"]["status"] == "ok"
        assert "invalid column for filter caller_number" in (await anon.frame())["payload"]["message"]
        db.execute("delete from calls")


async def test_a_policy_that_fails_hides_its_rows_only(server: Server, db: Db) -> None:
    db.execute(
        """create table moody (id int primary key); grant all on moody to anon;
        alter table moody enable row level security;
        create policy moody on moody using (1 / (id - 1) >= 0);
        alter publication supabase_realtime add table moody"""
    )
    async with Phoenix(server) as phoenix:
        await phoenix.subscribe("realtime:m", binding("moody"))
        db.execute("insert into moody select generate_series(0, 4)")
        assert [data(await phoenix.frame())["record"]["id"] for _ in range(3)] == [2, 3, 4]
        await phoenix.quiet()
    db.execute("drop table moody")


async def test_without_a_grant_there_is_an_error_instead_of_the_row(server: Server, db: Db) -> None:
    db.execute(
        "create table locked (id int primary key, body text); alter publication supabase_realtime add table locked"
    )
    async with Phoenix(server) as phoenix:
        await phoenix.subscribe("realtime:l", binding("locked"))
        db.execute("insert into locked values (1, 'x'); update locked set body = 'y'")
        for kind, old in (("INSERT", None), ("UPDATE", {})):
            change = data(await phoenix.frame())
            assert change["errors"] == ["Error 401: Unauthorized"]
            assert (change["type"], change["record"], change["columns"]) == (kind, {}, [])
            assert change.get("old_record") == old
            assert change["commit_timestamp"] is None
    db.execute("drop table locked")


@pytest.mark.parametrize(
    ("condition", "titles"),
    [
        ("id=gt.2", ["c", None]),
        ("title=eq.a", ["a"]),
        ("title=neq.a", ["b%", "c"]),
        ("title=in.(a,c)", ["a", "c"]),
        ("title=not.in.(a,c)", ["b%"]),
        ("title=like.b\\%", ["b%"]),
        ("title=ilike.B_", ["b%"]),
        ("title=match.^[ab]", ["a", "b%"]),
        ("title=imatch.^C", ["c"]),
        ("title=gte.b", ["b%", "c"]),
        ("title=is.null", [None]),
        ("title=not.is.null", ["a", "b%", "c"]),
        ("title=isdistinct.a", ["b%", "c", None]),
        ("title=not.isdistinct.a", ["a"]),
        ("done=is.true", ["a"]),
        ("done=eq.false", ["b%"]),
        ("id=gte.2,title=neq.c", ["b%"]),
        ("id=not.lt.3", ["c", None]),
        (f"user_id=eq.{OWNER.upper()}", ["a"]),
    ],
)
async def test_filters_choose_as_sql_does(
    server: Server, db: Db, condition: str, titles: list[str | None]
) -> None:
    async with Phoenix(server) as phoenix:
        await phoenix.subscribe(
            "realtime:f", binding("todos", filter=condition), token=server.keys.service_key
        )
        db.execute(
            "insert into todos (title, done, user_id) values"
            " ('a', true, %s), ('b%%', false, null), ('c', null, null), (null, null, null)",
            [OWNER],
        )
        for title in titles:
            assert data(await phoenix.frame())["record"]["title"] == title
        await phoenix.quiet()


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("n=eq.1.50", [1]),
        ("n=gt.12345678901234.000001", [2]),
        ("i8=eq.9007199254740993", [2]),
        ("f8=lt.0.2", [1]),
        ("tz=gt.2026-01-01T00:00:00+01:00", [1]),
        ("d=lte.2024-02-29", [1]),
        ("tz=in.(2026-01-01T01:00:00+01:00,2020-01-01)", [1]),
        ("tz=not.in.(2026-01-01T01:00:00+01:00)", [2]),
        ("b=in.(true)", []),
        ("iv=eq.1 hour", [1]),
        ("c=eq.ab", [1]),
        ("jb=eq.{}", [2]),
        ("v=like.%a%b%c%", [1]),
    ],
)
async def test_filters_know_the_types(server: Server, db: Db, condition: str, ids: list[int]) -> None:
    async with Phoenix(server) as phoenix, Phoenix(server) as everything:
        await phoenix.subscribe("realtime:k", binding("kitchen", filter=condition))
        await everything.subscribe("realtime:k", binding("kitchen"))
        db.execute(
            """insert into kitchen (n, i8, f8, tz, d, iv, c, jb, v) values
            (1.5, 9007199254740992, 0.1, '2026-01-01 00:00+00', '2024-02-29', '60 min', 'ab', '{"a":1}', 'xaybzc'),
            (12345678901234.00001, 9007199254740993, 'nan', '2025-12-31', '2024-03-01', '2 h', 'abc', '{}', 'cba')"""
        )
        # Where the filter lets nothing pass, this tells that all has come.
        assert [data(await everything.frame())["record"]["id"] for _ in range(2)] == [1, 2]
        for number in ids:
            assert data(await phoenix.frame())["record"]["id"] == number
        await phoenix.quiet()


async def test_select_names_the_columns(server: Server, db: Db) -> None:
    async with Phoenix(server) as phoenix:
        await phoenix.subscribe("realtime:sel", binding("todos", select=["id", "done"]))
        db.execute("insert into todos (title) values ('x')")
        assert data(await phoenix.frame())["record"] == {"id": 1, "done": False}


async def test_a_changed_key_comes_with_the_old_one(server: Server, db: Db) -> None:
    async with Phoenix(server) as phoenix:
        await phoenix.subscribe("realtime:key", binding("todos"))
        db.execute("insert into todos (title) values ('x')")
        await phoenix.frame()
        db.execute("update todos set id = 100")
        change = data(await phoenix.frame())
        assert (change["old_record"], change["record"]["id"]) == ({"id": 1}, 100)


async def test_a_transaction_arrives_whole_and_in_order_and_truncate_says_nothing(
    server: Server, db: Db
) -> None:
    async with Phoenix(server) as phoenix:
        await phoenix.subscribe("realtime:tx", binding("todos"))
        with db.transaction():
            db.execute("insert into todos (title) values ('1')")
            db.execute("update todos set title = '2'")
            db.execute("delete from todos")
        db.execute("insert into todos (title) values ('gone')")
        db.execute("truncate todos")
        kinds = [data(await phoenix.frame())["type"] for _ in range(4)]
        assert kinds == ["INSERT", "UPDATE", "DELETE", "INSERT"]
        await phoenix.quiet()


async def test_after_a_leave_or_a_lost_token_nothing_comes(server: Server, db: Db) -> None:
    async with Phoenix(server) as phoenix:
        await phoenix.subscribe("realtime:a", binding("todos"))
        await phoenix.push("realtime:a", "phx_leave", {})
        assert [(await phoenix.frame())["event"] for _ in range(2)] == ["phx_reply", "phx_close"]
        await phoenix.subscribe("realtime:b", binding("todos"))
        await phoenix.push("realtime:b", "access_token", {"access_token": "garbage"})
        assert [(await phoenix.frame())["event"] for _ in range(2)] == ["system", "phx_close"]
        db.execute("insert into todos (title) values ('x')")
        await phoenix.quiet()


async def test_a_fresh_token_subscribes_anew_with_its_rights(server: Server, db: Db) -> None:
    async with Phoenix(server) as phoenix:
        await phoenix.subscribe("realtime:t", binding("secrets"))
        token = server.keys.sign({"role": "authenticated", "sub": OWNER})
        await phoenix.push("realtime:t", "access_token", {"access_token": token})
        assert (await phoenix.frame())["payload"]["message"] == "Subscribed to PostgreSQL"
        db.execute("insert into secrets values (1, %s, 'x')", [OWNER])
        assert data(await phoenix.frame())["record"]["id"] == 1


async def test_a_table_made_and_published_meanwhile_is_live_at_once(server: Server, db: Db) -> None:
    async with Phoenix(server) as everything, Phoenix(server) as one:
        await everything.subscribe("realtime:all", {"event": "*", "schema": "public"})
        db.execute("create table young (id int primary key); grant all on young to anon")
        reply = await one.join("realtime:young", binding("young"))
        assert reply["payload"]["status"] == "ok"
        assert "Please check Realtime is enabled" in (await one.frame())["payload"]["message"]
        db.execute("alter publication supabase_realtime add table young")
        # Who follows the whole schema is told to read again, and follows the new table.
        assert (await everything.frame())["payload"]["message"] == "Subscribed to PostgreSQL"
        await one.subscribe("realtime:young2", binding("young"))
        db.execute("insert into young values (7)")
        assert data(await one.frame())["record"] == {"id": 7}
        assert data(await everything.frame())["record"] == {"id": 7}
        db.execute("alter table young add column note text default 'n'")
        db.execute("insert into young values (8)")
        assert data(await one.frame())["record"] == {"id": 8, "note": "n"}
    db.execute("drop table young")


async def test_who_joins_after_a_table_was_published_is_not_told_of_it_again(server: Server, db: Db) -> None:
    async with Phoenix(server) as before, Phoenix(server) as after:
        await before.subscribe("realtime:before", binding("todos"))
        for number in range(10):
            db.execute(
                f"create table late{number} (id int primary key); grant all on late{number} to anon;"
                f"alter publication supabase_realtime add table late{number}"
            )
            await after.subscribe(f"realtime:late{number}", binding(f"late{number}"))
            assert (await before.frame())["payload"]["message"] == "Subscribed to PostgreSQL"
            await after.quiet()
            await after.push(f"realtime:late{number}", "phx_leave", {})
            assert [(await after.frame())["event"] for _ in range(2)] == ["phx_reply", "phx_close"]
    db.execute("drop table " + ", ".join(f"late{number}" for number in range(10)))


async def test_a_change_of_the_publication_is_told_though_the_database_was_away(
    server: Server, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriptions = server.app.state.realtime.subscriptions
    failures = [psycopg.OperationalError("away"), PoolTimeout(), OSError("away")]
    prepare_again = subscriptions.prepare_again

    async def failing() -> set[object]:
        if failures:
            raise failures.pop()
        told: set[object] = await prepare_again()
        return told

    async with Phoenix(server) as phoenix:
        await phoenix.subscribe("realtime:todos", binding("todos"))
        monkeypatch.setattr(subscriptions, "prepare_again", failing)
        monkeypatch.setattr(realtime, "LOOK_AGAIN", 0.01)
        db.execute("create table away (id int); alter publication supabase_realtime add table away")
        assert (await phoenix.frame())["payload"]["message"] == "Subscribed to PostgreSQL"
        assert failures == []
    db.execute("drop table away")


async def test_a_lost_stream_is_told_when_it_is_back(server: Server, db: Db) -> None:
    async with Phoenix(server) as phoenix:
        await phoenix.subscribe("realtime:lost", binding("todos"))
        db.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
        # Its rows may have changed unheard: clients read again when they hear this. Another word of that kind may
        # have come first, so each time there is a row: the one after the last is heard.
        while (frame := await phoenix.frame())["event"] == "system":
            assert frame["payload"]["message"] == "Subscribed to PostgreSQL"
            db.execute("insert into todos (title) values ('after')")
        assert data(frame)["record"]["title"] == "after"
    async with httpx.AsyncClient(
        base_url=server.url, headers={"apikey": server.keys.anon_key}, timeout=30
    ) as client:
        assert (await client.get("/rest/v1/todos")).json()[0]["title"] == "after"


async def test_a_slow_reader_is_cut_off_and_the_others_go_on(cluster: Cluster, db: Db) -> None:
    options = AppOptions(realtime=RealtimeOptions(outbox_limit=2_000_000))
    server = Server(cluster.dsn, cluster.keys, options).start()
    try:
        sockets = server.app.state.realtime.sockets
        async with Phoenix(server) as quick, Phoenix(server) as slow:
            await quick.subscribe("realtime:q", binding("kitchen"))
            await slow.subscribe("realtime:s", binding("kitchen"))
            slow.socket.transport.pause_reading()
            sent = 0
            async with asyncio.timeout(30):
                while len(sockets) == 2:
                    await asyncio.to_thread(
                        db.execute, "insert into kitchen (big) values (repeat('x', 200000))"
                    )
                    sent += 1
                    assert data(await quick.frame())["record"]["id"] == sent
            slow.socket.transport.abort()
            await quick.quiet()
    finally:
        server.stop()


async def test_an_idle_socket_is_closed_and_heartbeats_keep_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    def clock() -> float:
        looks.append(time.time() + ahead)
        return looks[-1]

    async with Phoenix(server) as phoenix:
        ahead = 0.0
        monkeypatch.setattr(server.app.state.realtime, "clock", clock)
        # Each time most of the 66 seconds have passed, of which the real time is what this test takes.
        for _ in range(2):
            ahead += 50
            looks.clear()
            await until(lambda: looks)
            await phoenix.quiet()
        ahead += 67
        await asyncio.wait_for(phoenix.socket.wait_closed(), 10)
        assert phoenix.socket.close_code == 1000


async def test_an_oversized_frame_closes_the_socket(server: Server) -> None:
    async with Phoenix(server) as phoenix:
        with suppress(ConnectionClosed):
            await phoenix.socket.send("x" * 5_000_000)
        await asyncio.wait_for(phoenix.socket.wait_closed(), 10)
        assert phoenix.socket.close_code == 1009


async def test_half_a_letter_does_not_end_the_sockets_of_others(server: Server) -> None:
    async with Phoenix(server) as a, Phoenix(server) as b:
        await a.join("realtime:x")
        await b.join("realtime:x")
        text = '{"topic":"realtime:x","event":"broadcast","payload":{"event":"e","payload":"\\ud800 \\ud83d\\ude00"},"ref":null}'
        await a.socket.send(text)
        assert (await b.frame())["payload"]["payload"] == "? 😀"
        await a.socket.send(
            '{"topic":"realtime:x","event":"broadcast","ref":null,"payload":' + "[" * 3000 + "]" * 3000 + "}"
        )
        await a.quiet()
        await b.quiet()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost.evil.example"}, 403),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:80"}, 421),
        ({"host": "["}, 421),
        ({"origin": "http://localhost:8888"}, 200),
        ({"host": "localhost:1234"}, 200),
        ({}, 200),
    ],
)
async def test_only_this_machine_is_answered(server: Server, headers: dict[str, str], status: int) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        answer = await client.get("/rest/v1/todos", headers={"apikey": server.keys.anon_key, **headers})
        assert answer.status_code == status
        if status == 200 and "origin" in headers:
            assert answer.headers["access-control-allow-origin"] == headers["origin"]
        assert answer.headers.get("access-control-allow-origin") != "*"
        asked = {"access-control-request-headers": "apikey", **headers}
        if "origin" in headers:
            assert (await client.options("/rest/v1/todos", headers=asked)).status_code == status
    if status != 200 and "origin" in headers:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(server.socket_url(), origin=headers["origin"]):  # type: ignore[arg-type]
                pass
        assert caught.value.response.status_code == status


async def test_the_activity_counts_sockets(server: Server) -> None:
    activity = server.app.state.activity
    before = activity.sockets
    async with Phoenix(server) as phoenix:
        await phoenix.quiet()
        assert activity.sockets == before + 1
    await until(lambda: activity.sockets == before)
