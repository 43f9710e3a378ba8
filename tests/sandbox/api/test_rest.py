"""REST over real HTTP: operators, errors, rights; and attempts to smuggle SQL in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest

from livewidgets.sandbox.border import MAX_BODY

from .conftest import Cluster, Server

Db = psycopg.Connection[Any]
ROWS = "/kitchen?select=id&order=id&"


@pytest.fixture(scope="module")
def kitchen(cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn, autocommit=True) as db:
        db.execute("truncate kitchen restart identity")
        db.execute(
            """insert into kitchen (i4, t, b, n, tz, ia, r, jb, e) values
            (1, 'alpha', true, 1.5, '2026-01-01 00:00+00', '{1,2}', '[1,5)', '{"a": {"b": "x"}, "n": [10, 20]}', 'x'),
            (2, 'Beta, "b"', false, 2.5, '2026-02-01 00:00+00', '{3}', '[5,9)', '{"a": {"b": "y"}}', 'x'),
            (3, 'gamma_%', null, 'nan', 'infinity', '{}', null, null, null)"""
        )


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("i4=eq.2", [2]),
        ("i4=neq.2", [1, 3]),
        ("i4=gt.1", [2, 3]),
        ("i4=gte.2", [2, 3]),
        ("i4=lt.2", [1]),
        ("i4=lte.2", [1, 2]),
        ("i4=not.eq.2", [1, 3]),
        ("i4=in.(1,3)", [1, 3]),
        ("i4=in.()", []),
        ("i4=not.in.(1,3)", [2]),
        ('t=in.("Beta, \\"b\\"",alpha)', [1, 2]),
        ('t=eq.Beta, "b"', [2]),
        ("t=like.*a", [1]),
        ("t=ilike.BETA*", [2]),
        ("t=like(any).{al*,gam*}", [1, 3]),
        ("t=ilike(all).{*A,AL*}", [1]),
        ("t=match.^g", [3]),
        ("t=imatch.^G", [3]),
        ("b=is.null", [3]),
        ("b=is.true", [1]),
        ("b=not.is.null", [1, 2]),
        ("b=is.not_null", [1, 2]),
        ("b=is.unknown", [3]),
        ("b=isdistinct.true", [2, 3]),
        ("i4=eq(any).{1,2}", [1, 2]),
        ("ia=cs.{1}", [1]),
        ("ia=cd.{1,2,3}", [1, 2, 3]),
        ("ia=ov.{2,3}", [1, 2]),
        ("r=sl.[5,9)", [1]),
        ("r=sr.[1,5)", [2]),
        ("r=adj.[9,10)", [2]),
        ("r=nxr.[1,5)", [1]),
        ("r=nxl.[5,9)", [2]),
        ('jb=cs.{"a":{"b":"x"}}', [1]),
        ("jb->a->>b=eq.y", [2]),
        ("jb->n->>1=eq.20", [1]),
        ("t=fts.alpha", [1]),
        ("t=plfts(english).gamma", [3]),
        ("or=(i4.eq.1,i4.eq.3)", [1, 3]),
        ("and=(i4.gt.1,b.not.is.null)", [2]),
        ("not.or=(i4.eq.1,i4.eq.3)", [2]),
        ('or=(t.eq."Beta, \\"b\\"",and(i4.gt.2,not.or(b.is.true,b.is.false)))', [2, 3]),
        ("or=(i4.in.(1,2),t.like.gamma*)", [1, 2, 3]),
        ("tz=gt.2026-01-15", [2, 3]),
        ("limit=1&offset=1", [2]),
    ],
)
async def test_every_operator(rest: httpx.AsyncClient, kitchen: None, query: str, ids: list[int]) -> None:
    answer = await rest.get(ROWS + query)
    assert answer.status_code == 200, answer.text
    assert [row["id"] for row in answer.json()] == ids


async def test_json_keeps_every_digit(rest: httpx.AsyncClient, db: Db) -> None:
    body = '{"id": 50, "i8": 9007199254740993, "n": 12345678901234.123456, "tz": "2026-01-01T00:00:00.123456+02:00"}'
    made = await rest.post(
        "/kitchen?select=i8,n,tz", content=body, headers={"prefer": "return=representation"}
    )
    assert made.status_code == 201
    assert (
        made.text
        == '[{"i8":9007199254740993,"n":12345678901234.123456,"tz":"2025-12-31T22:00:00.123456+00:00"}]'
    )


async def test_columns_aliases_casts_and_order(rest: httpx.AsyncClient, db: Db) -> None:
    db.execute("insert into todos (title, done) values ('b', true), (null, null), ('a', false)")
    get = rest.get
    answer = await get("/todos?select=nr:id::text,title&order=title.desc.nullslast,id&title=not.is.null")
    assert answer.json() == [{"nr": "1", "title": "b"}, {"nr": "3", "title": "a"}]
    assert [r["id"] for r in (await get("/todos?order=done.nullsfirst,id.desc")).json()] == [2, 3, 1]
    # Names that the statement itself uses.
    answer = await get(
        "/todos?select=_r:id,_rows:title,_p:id,_t:id&id=eq.1", headers={"prefer": "count=exact"}
    )
    assert answer.json() == [{"_r": 1, "_rows": "b", "_p": 1, "_t": 1}]
    assert (await get("/todos?select=_r:id&id=eq.1", headers={"accept": "text/csv"})).text == "_r\n1"
    assert (
        await get("/todos?id=eq.2", headers={"accept": "application/vnd.pgrst.array+json;nulls=stripped"})
    ).json() == [{"id": 2}]


async def test_ranges_and_counts(rest: httpx.AsyncClient, db: Db) -> None:
    db.execute("insert into todos (title) select 't' from generate_series(1, 1500)")
    answer = await rest.get("/todos")
    assert len(answer.json()) == 1000
    assert answer.headers["content-range"] == "0-999/*"
    answer = await rest.get("/todos?order=id", headers={"range": "10-19", "prefer": "count=exact"})
    assert (answer.status_code, answer.headers["content-range"]) == (206, "10-19/1500")
    assert answer.json()[0]["id"] == 11
    answer = await rest.head("/todos?id=lt.5", headers={"prefer": "count=exact"})
    assert (answer.status_code, answer.content, answer.headers["content-range"]) == (200, b"", "0-3/4")
    answer = await rest.get("/todos?offset=5000", headers={"prefer": "count=exact"})
    assert (answer.status_code, answer.json()["code"]) == (416, "PGRST103")


async def test_an_upsert_names_its_conflict(rest: httpx.AsyncClient, db: Db) -> None:
    db.execute("create table if not exists slugs (id int primary key, slug text unique, n int)")
    db.execute("grant all on slugs to anon")
    put = {"prefer": "return=representation,resolution=merge-duplicates"}
    assert (await rest.post("/slugs", json={"id": 1, "slug": "a", "n": 1})).status_code == 201
    answer = await rest.post(
        "/slugs?on_conflict=slug&columns=slug,n", json=[{"slug": "a", "n": 2}], headers=put
    )
    assert answer.status_code == 400  # id is missing
    answer = await rest.post("/slugs?on_conflict=slug", json={"id": 1, "slug": "a", "n": 2}, headers=put)
    assert answer.json() == [{"id": 1, "slug": "a", "n": 2}]
    answer = await rest.post("/slugs", json={"id": 1, "slug": "b", "n": 3})
    assert (answer.status_code, answer.json()["code"]) == (409, "23505")
    db.execute("drop table slugs")


async def test_a_change_is_undone_when_too_many_or_not_one(rest: httpx.AsyncClient, db: Db) -> None:
    db.execute("insert into todos (title) values ('a'), ('a')")
    one = {"accept": "application/vnd.pgrst.object+json", "prefer": "return=representation"}
    answer = await rest.delete("/todos?title=eq.a", headers=one)
    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST116")
    answer = await rest.patch(
        "/todos?title=eq.a", json={"title": "b"}, headers={"prefer": "handling=strict,max-affected=1"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST124")
    assert db.execute("select count(*) from todos where title = 'a'").fetchone() == (2,)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nothing", None, 404, "PGRST205"),
        ("GET", "/todos?nocol=eq.1", None, 400, "42703"),
        ("GET", "/todos?select=nocol", None, 400, "42703"),
        ("GET", "/todos?order=nocol", None, 400, "42703"),
        ("GET", "/todos?id=foo.1", None, 400, "PGRST100"),
        ("GET", "/todos?id=1", None, 400, "PGRST100"),
        ("GET", "/todos?id=in.1", None, 400, "PGRST100"),
        ("GET", "/todos?or=(id.eq.1", None, 400, "PGRST100"),
        ("GET", "/todos?limit=x", None, 400, "PGRST100"),
        ("GET", "/todos?order=id.up", None, 400, "PGRST100"),
        ("GET", "/todos?id=eq.abc", None, 400, "22P02"),
        ("GET", "/todos?select=id,owner(name)", None, 400, "PGRST200"),
        ("GET", "/calls?select=caller_number", None, 401, "42501"),
        ("POST", "/calls", "{}", 401, "42501"),
        ("POST", "/todos", "not json", 400, "PGRST102"),
        ("POST", "/todos", "[1]", 400, "PGRST102"),
        ("POST", "/todos", '[{"title":"a"},{"done":true}]', 400, "PGRST102"),
        ("POST", "/todos", '{"nocol":1}', 400, "PGRST204"),
        ("POST", "/todos", '{"title":"\\u0000"}', 400, "22P05"),
        ("PATCH", "/todos", '{"title":"a"}', 400, "21000"),
        ("DELETE", "/todos", None, 400, "21000"),
        ("TRACE", "/todos", None, 405, "PGRST117"),
        ("PUT", "/todos?id=eq.1", "{}", 400, "PGRST115"),
        ("PUT", "/todos?id=eq.1", '{"id":2,"title":"x"}', 400, "PGRST115"),
        ("PUT", "/todos?id=gt.1", '{"id":2}', 405, "PGRST105"),
        ("PUT", "/todos?id=eq.1&title=eq.a", '{"id":1}', 405, "PGRST105"),
        ("PUT", "/todos?id=eq.1&limit=1", '{"id":1}', 400, "PGRST114"),
        ("GET", "/todos?select=count()", None, 400, "PGRST123"),
        ("GET", "/todos?select=done,n:id.sum()::text", None, 400, "PGRST123"),
        ("GET", "/todos?owner.name=eq.x", None, 400, "PGRST108"),
        ("GET", "/todos?select=...owner(name)", None, 400, "PGRST200"),
        ("GET", "/todos?id=fts.x&title=match.(", None, 400, "2201B"),
        ("POST", "/rpc/f", "{}", 404, "PGRST202"),
        ("GET", "/todos?title=eq.%00", None, 400, "22021"),
    ],
)
async def test_errors_have_postgrests_codes(
    rest: httpx.AsyncClient, db: Db, method: str, path: str, body: str | None, status: int, code: str
) -> None:
    answer = await rest.request(method, path, content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert set(answer.json()) == {"code", "message", "details", "hint"}


async def test_the_words_of_some_errors(rest: httpx.AsyncClient, db: Db) -> None:
    missing = (await rest.get("/todo")).json()
    assert missing["message"] == "Could not find the table 'public.todo' in the schema cache"
    assert missing["hint"] == "Perhaps you meant the table 'public.todos'"
    assert (await rest.get("/todos?nocol=eq.1")).json()["message"] == "column todos.nocol does not exist"
    one = await rest.get("/todos", headers={"accept": "application/vnd.pgrst.object+json"})
    assert one.json() == {
        "code": "PGRST116",
        "message": "Cannot coerce the result to a single JSON object",
        "details": "The result contains 0 rows",
        "hint": None,
    }
    schema = await rest.get("/todos", headers={"accept-profile": "auth"})
    assert (schema.status_code, schema.json()["code"]) == (406, "PGRST106")
    media = await rest.get("/todos", headers={"accept": "application/vnd.pgrst.plan"})
    assert (media.status_code, media.json()["code"]) == (406, "PGRST107")


async def test_keys_and_tokens(server: Server) -> None:
    async with httpx.AsyncClient(base_url=f"{server.url}/rest/v1", timeout=30) as client:
        anon = {"apikey": server.keys.anon_key}
        answer = await client.get("/todos")
        assert answer.status_code == 401
        assert answer.json()["message"] == "No API key found in request"
        answer = await client.get("/todos", headers={"apikey": "wrong"})
        assert (answer.status_code, answer.json()["message"]) == (401, "Invalid API key")
        assert (await client.get("/todos", headers=anon)).status_code == 200
        assert (await client.get(f"/todos?apikey={server.keys.anon_key}")).status_code == 200
        for token, code in [
            (server.keys.sign({"role": "anon"}, -10), "PGRST303"),
            (server.keys.anon_key[:-3] + "AAA", "PGRST301"),
            ("abc", "PGRST301"),
            (server.keys.sign({"role": "nosuch"}), "22023"),
        ]:
            answer = await client.get("/todos", headers={**anon, "authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()["code"]) == (401, code)
            assert token not in answer.text


SMUGGLED = [
    "'; drop table todos; --",
    '"; drop table todos; --',
    "1); delete from todos; --",
    "x%s",
    "%(a)s",
    "%%",
    "{0}",
    "{}",
    "a\\",
    "$1",
    "$$",
    'title"--',
    "pg_sleep(10)",
    "id::text);drop table todos;--",
    "public.todos",
]


@pytest.mark.parametrize("text", SMUGGLED)
async def test_no_text_of_a_request_becomes_sql(rest: httpx.AsyncClient, db: Db, text: str) -> None:
    db.execute("insert into todos (title) values ('kept')")
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    gets: list[dict[str, str]] = [
        {"select": text},
        {"select": f'"{quoted}"'},
        {"select": f'"{quoted}":title'},
        {"select": f"title::{text}"},
        {"select": f'title->"{quoted}"->>"{quoted}"'},
        {"order": text},
        {"order": f'"{quoted}".desc'},
        {text: "eq.1"},
        {f'"{quoted}"': "eq.1"},
        {"title": f"eq.{text}"},
        {"title": f"in.({text})"},
        {"title": f'in.("{quoted}")'},
        {"title": f"fts({text}).x"},
        {"title": f"like(any).{{{text}}}"},
        {"title": text},
        {"or": f"({text})"},
        {"or": f'("{quoted}".eq."{quoted}")'},
        {"limit": text},
        {"offset": text},
    ]
    for parameters in gets:
        answer = await rest.get("/todos", params=parameters)
        assert answer.status_code < 500, (parameters, answer.text)
    for parameters, body in [
        ({"columns": text}, {"title": "x"}),
        ({"columns": f'"{quoted}"'}, {"title": "x"}),
        ({"on_conflict": text}, {"id": 1, "title": "kept"}),
        ({"on_conflict": f'"{quoted}"'}, {"id": 1, "title": "kept"}),
        ({}, {text: 1}),
        ({}, {"title": text}),
    ]:
        answer = await rest.post(
            "/todos", params=parameters, json=body, headers={"prefer": "resolution=merge-duplicates"}
        )
        assert answer.status_code < 500, (parameters, body, answer.text)
    header = text.replace("{", "").strip()
    for name, value in [
        ("prefer", f"timezone={header}"),
        ("prefer", f"handling=strict,max-affected={header}"),
        ("prefer", header),
        ("accept-profile", header),
        ("range", header),
        ("accept", header),
    ]:
        answer = await rest.get("/todos", headers={name: value})
        assert answer.status_code < 500, (name, value, answer.text)
    for kind, content in [
        ("text/csv", f'"{text}",title\n1,x'),
        ("text/csv", f'title\n"{text}"'),
        ("application/x-www-form-urlencoded", f"{text}=1"),
        (text.strip(), "{}"),
    ]:
        answer = await rest.post("/todos", content=content, headers={"content-type": kind})
        assert answer.status_code < 500, (kind, content, answer.text)
    for parameters in ({"id": f"eq.{text}"}, {text: "eq.1"}):
        answer = await rest.put("/todos", params=parameters, json={"id": text, "title": text})
        assert answer.status_code in (400, 405), (parameters, answer.text)
    answer = await rest.get(f"/{httpx.URL(path='/' + text.replace('/', '')).raw_path.decode().lstrip('/')}")
    assert answer.status_code in (400, 404)
    answer = await rest.get("/todos", params={"title": f"eq.{text}"})
    assert {row["title"] for row in answer.json()} == {text}, "a value arrives as it was sent"
    assert db.execute("select title from todos where id = 1").fetchone() == ("kept",)


async def test_a_role_reads_and_writes_what_it_may(server: Server, db: Db) -> None:
    owner = "5e0a4f0c-0000-4000-8000-000000000001"
    db.execute("insert into secrets values (1, %s, 'mine'), (2, null, 'other')", [owner])
    user = server.keys.sign({"role": "authenticated", "sub": owner})
    wanted: dict[str, list[int]] = {server.keys.anon_key: [], user: [1], server.keys.service_key: [1, 2]}
    async with httpx.AsyncClient(
        base_url=f"{server.url}/rest/v1", headers={"apikey": server.keys.anon_key}, timeout=30
    ) as client:
        for token, ids in wanted.items():
            answer = await client.get("/secrets?order=id", headers={"authorization": f"Bearer {token}"})
            assert [row["id"] for row in answer.json()] == ids
        # No role leaks into the next transaction of the same connection.
        assert (await client.get("/secrets")).json() == []
        answer = await client.post("/secrets", json={"id": 3}, headers={"authorization": f"Bearer {user}"})
        assert (answer.status_code, answer.json()["code"]) == (403, "42501")


async def test_all_columns_are_those_that_the_role_may_read(
    rest: httpx.AsyncClient, server: Server, db: Db
) -> None:
    db.execute(
        "insert into calls (direction, caller_number, status, queued_at) values ('inbound', '+15551234567', 'queued', now())"
    )
    rows = (await rest.get("/calls?limit=1")).json()
    assert "caller_number" not in rows[0]
    assert rows[0]["caller_masked"].endswith("4567")
    service = {"apikey": server.keys.service_key, "authorization": f"Bearer {server.keys.service_key}"}
    assert "caller_number" in (await rest.get("/calls?limit=1", headers=service)).json()[0]
    document = (await rest.get("/")).json()
    columns = document["definitions"]["calls"]["properties"]
    assert "caller_number" not in columns
    assert columns["id"]["description"] == "Note:\nThis is a Primary Key.<pk/>"
    assert (columns["created_at"]["format"], columns["version"]["type"]) == (
        "timestamp with time zone",
        "integer",
    )
    db.execute("delete from calls")


async def test_a_new_table_is_there_at_once(rest: httpx.AsyncClient, db: Db) -> None:
    assert (await rest.get("/fresh")).status_code == 404
    db.execute("create table fresh (id int primary key); grant all on fresh to anon")
    assert (await rest.post("/fresh", json={"id": 1})).status_code == 201
    assert (await rest.get("/fresh")).json() == [{"id": 1}]
    db.execute("drop table fresh")
    assert (await rest.get("/fresh")).status_code == 404


async def test_bodies_are_bounded(rest: httpx.AsyncClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b"x" * 2**20

    assert (await rest.post("/todos", content=b"x" * (MAX_BODY + 1))).status_code == 413
    assert (await rest.post("/todos", content=parts())).status_code == 413
    deep = "[" * 5000
    assert (await rest.post("/todos", content=deep)).json()["code"] == "PGRST102"
    assert (await rest.post("/todos", content='{"title":"x"}'.encode("utf-16"))).json()["code"] == "PGRST102"
    assert json.loads((await rest.post("/todos", content=b"\xff")).text)["code"] == "PGRST102"


async def test_what_a_request_may_wish_for(rest: httpx.AsyncClient, db: Db) -> None:
    def prefer(*wishes: str) -> dict[str, str]:
        return {"prefer": ",".join(wishes)}

    db.execute("insert into kitchen (id, tz) values (1, '2026-07-01 12:00+00')")
    answer = await rest.get("/kitchen?select=tz", headers=prefer("timezone=America/New_York"))
    assert answer.json() == [{"tz": "2026-07-01T08:00:00-04:00"}]
    assert answer.headers["preference-applied"] == "timezone=America/New_York"
    lenient = await rest.get("/kitchen?select=tz", headers=prefer("timezone=Mars/Base", "future=1"))
    assert lenient.json() == [{"tz": "2026-07-01T12:00:00+00:00"}]
    assert "preference-applied" not in lenient.headers
    strict = await rest.get("/kitchen", headers=prefer("handling=strict", "timezone=Mars/Base", "future=1"))
    assert strict.status_code == 400
    assert strict.json() == {
        "code": "PGRST122",
        "message": "Invalid preferences given with handling=strict",
        "details": "Invalid preferences: future=1, timezone=Mars/Base",
        "hint": None,
    }
    made = await rest.post(
        "/todos", json={"title": "a"}, headers=prefer("return=headers-only", "tx=rollback", "missing=null")
    )
    assert (made.status_code, made.content) == (201, b"")
    assert made.headers["location"] == "/todos?id=eq.1"
    assert made.headers["preference-applied"] == "missing=null, return=headers-only"
    # As in a project: what is written stays written.
    assert db.execute("select title, done from todos").fetchall() == [("a", False)]
    many = [{"title": "b"}, {"title": "c"}]
    assert (
        "location"
        not in (await rest.post("/todos", json=many, headers=prefer("return=headers-only"))).headers
    )
    counted = await rest.patch("/todos?id=gt.1", json={"done": True}, headers=prefer("count=exact"))
    assert (counted.status_code, counted.headers["content-range"]) == (204, "0-1/2")
    counted = await rest.delete("/todos?id=gt.1", headers=prefer("count=exact", "return=minimal"))
    assert (counted.status_code, counted.headers["content-range"]) == (204, "*/2")


async def test_an_upsert_says_whether_anything_is_new(rest: httpx.AsyncClient, db: Db) -> None:
    put = {"prefer": "resolution=merge-duplicates,return=representation"}
    keep = {"prefer": "resolution=ignore-duplicates"}
    assert (await rest.post("/todos", json={"id": 1, "title": "a"}, headers=put)).status_code == 201
    assert (await rest.post("/todos", json={"id": 1, "title": "b"}, headers=put)).status_code == 200
    both = [{"id": 1, "title": "c"}, {"id": 2, "title": "d"}]
    assert (await rest.post("/todos", json=both, headers=put)).status_code == 201
    assert (await rest.post("/todos", json=both, headers=keep)).status_code == 201
    one = {"prefer": "return=representation"}
    answer = await rest.put("/todos?id=eq.2", json={"id": 2, "title": "e"}, headers=one)
    assert (answer.status_code, answer.json()[0]["title"]) == (200, "e")
    answer = await rest.put("/todos?id=eq.3", json={"id": 3, "title": "f"}, headers=one)
    assert (answer.status_code, answer.json()[0]["title"]) == (201, "f")
    assert (await rest.put("/todos?id=eq.3", json={"id": 3, "title": "g"})).status_code == 204
    rows = db.execute("select id, title from todos order by id").fetchall()
    assert rows == [(1, "c"), (2, "e"), (3, "g")]


async def test_a_change_of_nothing(rest: httpx.AsyncClient, db: Db) -> None:
    whole = {"prefer": "return=representation"}
    one = {**whole, "accept": "application/vnd.pgrst.object+json"}
    answer = await rest.post("/todos", json=[], headers=whole)
    assert (answer.status_code, answer.json()) == (201, [])
    answer = await rest.patch("/todos?id=eq.9", json={}, headers=whole)
    assert (answer.status_code, answer.json()) == (200, [])
    answer = await rest.patch("/todos?id=eq.9", json={"title": "a"}, headers=one)
    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST116")
    assert (await rest.patch("/todos?id=eq.9", json={}, headers=one)).status_code == 406


async def test_counts_that_are_planned(rest: httpx.AsyncClient, db: Db) -> None:
    db.execute("insert into todos (title) select 't' from generate_series(1, 3000)")
    db.execute("analyze todos")

    async def counted(how: str, query: str = "") -> str:
        answer = await rest.head(f"/todos?{query}", headers={"prefer": f"count={how}"})
        assert answer.headers["preference-applied"] == f"count={how}"
        return str(answer.headers["content-range"])

    assert await counted("planned") == "0-999/3000"
    assert await counted("estimated") == "0-999/3000"
    assert await counted("estimated", "id=lte.7") == "0-6/7"
    assert await counted("exact", "id=gt.5000") == "*/0"


@pytest.mark.parametrize(
    ("query", "header", "ids", "status"),
    [
        ("", "0-1", [1, 2], 206),
        ("", "items=1-2", [2, 3], 206),
        ("", "3-", [4, 5], 206),
        ("", "0-9", [1, 2, 3, 4, 5], 200),
        ("limit=2", "1-3", [2], 206),
        ("limit=2&offset=2", "0-9", [3, 4], 206),
        ("limit=0", None, [], 206),
        ("offset=5", None, [], 206),
        ("offset=6", None, None, 416),
        ("", "6-9", None, 416),
        ("", "3-1", None, 416),
        ("", "nonsense", [1, 2, 3, 4, 5], 200),
    ],
)
async def test_ranges_meet_limits(
    rest: httpx.AsyncClient, db: Db, query: str, header: str | None, ids: list[int] | None, status: int
) -> None:
    db.execute("insert into todos (title) select 't' from generate_series(1, 5)")
    headers = {"prefer": "count=exact", **({"range-unit": "items", "range": header} if header else {})}
    answer = await rest.get(f"/todos?select=id&order=id&{query}", headers=headers)
    assert answer.status_code == status
    if ids is None:
        assert answer.json()["code"] == "PGRST103"
    else:
        assert [row["id"] for row in answer.json()] == ids
        assert answer.headers["content-range"].endswith("/5")


async def test_csv_in_and_out(rest: httpx.AsyncClient, db: Db) -> None:
    csv = {"content-type": "text/csv", "accept": "text/csv", "prefer": "return=representation"}
    made = await rest.post(
        "/todos?select=id,title,done", content='title,done\n"a, ""b""",NULL\nc,true\n', headers=csv
    )
    assert made.status_code == 201, made.text
    assert made.headers["content-type"] == "text/csv; charset=utf-8"
    assert made.text == 'id,title,done\n1,"a, ""b""",\n2,c,t'
    wrong = await rest.post("/todos", content="title,done\na\n", headers=csv)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "PGRST102")
    form = await rest.post("/todos", data={"title": "from a form"})
    assert form.status_code == 201
    db.execute("insert into kitchen (id, ia, jb) values (1, '{1,2}', '{\"a\": 1}')")
    assert (await rest.get("/kitchen?select=id,ia,jb", headers=csv)).text == (
        'id,ia,jb\n1,"{1,2}","{""a"": 1}"'
    )
    assert (await rest.get("/kitchen?id=eq.9", headers=csv)).text == ""
    other = await rest.post("/todos", content="x", headers={"content-type": "text/xml"})
    assert other.json()["message"] == "Content-Type not acceptable: text/xml"


async def test_heads_and_options(rest: httpx.AsyncClient, db: Db) -> None:
    head = await rest.head("/todos")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == "application/json; charset=utf-8"
    options = await rest.options("/todos")
    assert (options.status_code, options.headers["allow"]) == (200, "OPTIONS,GET,HEAD,POST,PATCH,PUT,DELETE")
    assert "PUT" not in (await rest.options("/nopk")).headers["allow"]
    assert (await rest.options("/")).headers["allow"] == "OPTIONS,GET,HEAD"
    assert (await rest.options("/nothing")).status_code == 404
    got = await rest.get(f"/todos?select=id&limit=1&apikey={rest.headers['apikey']}")
    assert got.headers["content-location"] == "/todos?limit=1&select=id"


async def test_a_key_that_is_no_jwt_is_no_bearer(server: Server, db: Db) -> None:
    keys = server.keys
    db.execute("insert into secrets (id) values (1)")
    async with httpx.AsyncClient(base_url=f"{server.url}/rest/v1", timeout=30) as client:

        async def rows(key: str, token: str | None = None) -> httpx.Response:
            more = {"authorization": f"Bearer {token}"} if token else {}
            return await client.get("/secrets?select=id", headers={"apikey": key, **more})

        assert (await rows(keys.publishable_key)).json() == []
        assert (await rows(keys.secret_key)).json() == [{"id": 1}]
        assert (await rows(keys.secret_key, keys.secret_key)).json() == [{"id": 1}]
        assert (await rows(keys.publishable_key, keys.service_key)).json() == [{"id": 1}]
        for key in (keys.publishable_key, keys.anon_key):
            other = await rows(key, keys.secret_key)
            assert (other.status_code, other.json()["code"]) == (401, "PGRST301")
            assert keys.secret_key not in other.text
        wrong = await rows(keys.secret_key[:-1] + "~")
        assert (wrong.status_code, wrong.json()["message"]) == (401, "Invalid API key")


@pytest.mark.parametrize("text", SMUGGLED)
async def test_no_text_of_a_token_or_account_becomes_sql(server: Server, db: Db, text: str) -> None:
    db.execute("insert into todos (title) values ('kept')")
    headers = {"apikey": server.keys.service_key, "authorization": f"Bearer {server.keys.service_key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
        for claims in (
            {"role": text},
            {"role": "authenticated", "sub": text, "app_metadata": {"buyer_id": text}},
        ):
            bearer = {"authorization": f"Bearer {server.keys.sign(claims)}"}
            for path in ("/rest/v1/todos", "/rest/v1/calls", "/auth/v1/user"):
                assert (await client.get(path, headers=bearer)).status_code < 500
        body = {
            "email": text,
            "password": text * 6,
            "refresh_token": text,
            "role": text,
            "data": {text: text},
        }
        for path in ("signup", "token?grant_type=password", "token?grant_type=refresh_token", "admin/users"):
            assert (await client.post(f"/auth/v1/{path}", json=body)).status_code in (400, 422)
        made = await client.post(
            "/auth/v1/admin/users",
            json={
                "email": "smuggler@sandbox.test",
                "app_metadata": {text: text},
                "user_metadata": {text: text},
            },
        )
        assert made.json()["user_metadata"][text] == text
        path = f"/auth/v1/admin/users/{made.json()['id']}"
        changed = await client.put(path, json={"app_metadata": {text: None}, "user_metadata": {text: [text]}})
        assert text not in changed.json()["app_metadata"]
        assert changed.json()["user_metadata"][text] == [text]
        assert (await client.delete(path)).status_code == 200
    assert db.execute("select title from todos where id = 1").fetchone() == ("kept",)
