"""Each role sees over REST exactly what ``set role`` and its claims show in psql: every table, every column."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from livewidgets.sandbox.schema import BUSINESS_TABLES
from livewidgets.sandbox.traffic import seed_base

from .conftest import Cluster, Server

Db = psycopg.Connection[Any]
TABLES = [*BUSINESS_TABLES, "todos", "messages", "kitchen", "secrets"]
OWNER = "5e0a4f0c-0000-4000-8000-000000000001"
VISITORS = ["anon", "stranger", "owner", "buyer", "manager", "service_role"]


@pytest.fixture(scope="module")
def business(cluster: Cluster) -> Iterator[str]:
    """A small call centre; gives the id of a buyer."""
    seed_base(cluster.dsn)
    with psycopg.connect(cluster.dsn, autocommit=True) as db:
        buyers = [str(row[0]) for row in db.execute("select id from buyers order by id limit 2")]
        for buyer in (*buyers, None):
            db.execute(
                "with c as (insert into calls (buyer_id, caller_number, status) values (%s, '+15551234567', 'queued')"
                " returning id) insert into bids (buyer_id, call_id, amount) select %s, id, 5 from c",
                [buyer, buyer],
            )
            db.execute(
                "insert into payments (buyer_id, direction, amount) values (%s, 'receivable', 7)", [buyer]
            )
        db.execute("insert into alerts (message) values ('a')")
        db.execute("insert into messages (content) values ('m')")
        yield buyers[0]
        for table in ("bids", "calls", "payments", "alerts", "messages"):
            db.execute(sql.SQL("delete from {}").format(sql.Identifier(table)))


@pytest.fixture
def rows(db: Db) -> None:
    db.execute("insert into secrets values (1, %s, 'mine'), (2, null, 'other')", [OWNER])
    db.execute("insert into todos (title, user_id) values ('a', %s), ('b', null)", [OWNER])
    db.execute("insert into kitchen (t, n, tz, ia, jb) values ('k', 1.50, now(), '{1,null}', '{\"a\": [1]}')")


def claims_of(visitor: str, buyer: str) -> dict[str, Any]:
    match visitor:
        case "stranger":
            return {"role": "authenticated", "sub": "5e0a4f0c-0000-4000-8000-000000000009"}
        case "owner":
            return {"role": "authenticated", "sub": OWNER}
        case "buyer":
            return {"role": "authenticated", "sub": OWNER, "app_metadata": {"buyer_id": buyer}}
        case "manager":
            return {"role": "authenticated", "app_metadata": {"role": "manager"}}
    return {"role": visitor}


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"apikey": server.keys.anon_key}
    async with httpx.AsyncClient(base_url=f"{server.url}/rest/v1", headers=headers, timeout=30) as client:
        yield client


def in_psql(db: Db, claims: dict[str, Any], table: str) -> list[dict[str, Any]] | str:
    """Read a table as the role: its rows with the columns that are granted, or the error's code."""
    try:
        with db.transaction(force_rollback=True):
            db.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
            db.execute(sql.SQL("set local role {}").format(sql.Identifier(claims["role"])))
            db.execute("set local time zone 'UTC'")
            granted = db.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
                " and has_column_privilege(attrelid, attnum, 'select') order by attnum",
                [f"public.{table}"],
            ).fetchall()
            columns = (
                sql.SQL(", ").join(sql.Identifier(name) for (name,) in granted) if granted else sql.SQL("*")
            )
            found = db.execute(
                sql.SQL("select row_to_json(_row.*)::text from (select {} from {} order by id) _row").format(
                    columns, sql.Identifier(table)
                )
            )
            return [json.loads(row[0]) for row in found]
    except psycopg.Error as error:
        return error.sqlstate or ""


@pytest.mark.parametrize("visitor", VISITORS)
async def test_rest_shows_what_psql_shows(
    client: httpx.AsyncClient, server: Server, db: Db, business: str, rows: None, visitor: str
) -> None:
    claims = claims_of(visitor, business)
    headers = {"authorization": f"Bearer {server.keys.sign(claims)}"}
    seen = 0
    for table in TABLES:
        wanted = in_psql(db, claims, table)
        answer = await client.get(f"/{table}?order=id", headers=headers)
        if isinstance(wanted, str):
            assert (table, answer.status_code >= 400 and answer.json()["code"]) == (table, wanted)
            assert answer.status_code == (401 if visitor == "anon" else 403)
            continue
        assert answer.status_code == 200, (table, answer.text)
        assert answer.json() == wanted, table
        seen += len(wanted)
    assert seen


@pytest.mark.parametrize("visitor", VISITORS)
async def test_rest_changes_what_psql_would_change(
    client: httpx.AsyncClient, server: Server, db: Db, business: str, rows: None, visitor: str
) -> None:
    claims = claims_of(visitor, business)
    headers = {"authorization": f"Bearer {server.keys.sign(claims)}", "prefer": "count=exact"}
    changes = {
        "calls": "ended_by",
        "targets": "name",
        "buyers": "company_name",
        "todos": "title",
        "secrets": "body",
    }
    for table, column in changes.items():
        count = _changed_in_psql(db, claims, table, column)
        path = f"/{table}?id=not.is.null"
        answer = await client.patch(path, json={column: "changed"}, headers=headers)
        if isinstance(count, str):
            assert (table, answer.json()["code"]) == (table, count)
        else:
            assert (table, answer.status_code) == (table, 204)
            assert answer.headers["content-range"].partition("/")[2] == str(count), table


def _changed_in_psql(db: Db, claims: dict[str, Any], table: str, column: str) -> int | str:
    try:
        with db.transaction(force_rollback=True):
            db.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
            db.execute(sql.SQL("set local role {}").format(sql.Identifier(claims["role"])))
            return db.execute(
                sql.SQL("update {} set {} = 'changed' where id is not null").format(
                    sql.Identifier(table), sql.Identifier(column)
                )
            ).rowcount
    except psycopg.Error as error:
        return error.sqlstate or ""
