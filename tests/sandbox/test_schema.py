"""The schema: safe to apply again, versions rise, every role sees what DOMAIN.md says and no more."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import CheckViolation, InsufficientPrivilege, UniqueViolation

from livewidgets.sandbox import schema
from livewidgets.sandbox.story_cast import BUYERS, CAMPAIGNS
from tests.sandbox.cluster import Connection, cluster_dsn, db

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cluster_dsn", "db"]

MANAGER = {"role": "authenticated", "app_metadata": {"role": "manager"}}
STRANGER = {"role": "authenticated", "sub": str(uuid4())}


def buyer(number: int) -> dict[str, Any]:
    return {"role": "authenticated", "app_metadata": {"buyer_id": str(BUYERS[number].id)}}


@contextmanager
def acting(db: Connection, role: str, claims: dict[str, Any] | None = None) -> Iterator[Connection]:
    """Be somebody, as the REST half is somebody, for one transaction that leaves nothing."""
    with db.transaction(force_rollback=True):
        db.execute(
            "select set_config('request.jwt.claims', %s, true)", (json.dumps(claims or {"role": role}),)
        )
        db.execute(f"set local role {role}")
        yield db


@pytest.fixture
def calls(db: Connection) -> Iterator[None]:
    for number in (0, 1):
        with db.transaction():
            row = db.execute(
                "insert into calls (campaign_id, buyer_id, caller_number) values (%s, %s, %s) returning id",
                (CAMPAIGNS[0].id, BUYERS[number].id, f"+1212555010{number}"),
            ).fetchone()
            assert row
            db.execute(
                "insert into bids (call_id, buyer_id, request_id, amount) values (%s, %s, gen_random_uuid(), 10)",
                (row[0], BUYERS[number].id),
            )
    yield
    db.execute("delete from calls")


def number_of(db: Connection, table: str) -> int:
    row = db.execute(f"select count(*) from {table}").fetchone()
    assert row
    return int(row[0])


def test_applying_it_again_changes_nothing(cluster_dsn: str, db: Connection) -> None:
    before = db.execute("select oid, relname, xmin::text from pg_class where relname = 'calls'").fetchall()
    assert schema.apply(cluster_dsn)
    assert (
        db.execute("select oid, relname, xmin::text from pg_class where relname = 'calls'").fetchall()
        == before
    )


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_rows(cluster_dsn: str, db: Connection) -> None:
    db.execute("update sandbox.notes set value = 'older' where name = 'schema'")
    row = db.execute("insert into todos (title) values ('kept') returning id").fetchone()
    assert schema.apply(cluster_dsn)
    assert db.execute("select title from todos where id = %s", row).fetchone() == ("kept",)


def test_a_foreign_database_keeps_its_tables(db: Connection, cluster_dsn: str) -> None:
    db.execute("create database elsewhere")
    other = cluster_dsn.rsplit("/", 1)[0] + "/elsewhere"
    try:
        with psycopg.connect(other, autocommit=True) as connection:
            connection.execute("create table calls (id int primary key, note text)")
        assert not schema.apply(other)
        assert not schema.apply(other)
        with psycopg.connect(other, autocommit=True) as connection:
            tables = connection.execute(
                "select tablename from pg_tables where schemaname = 'public'"
            ).fetchall()
            assert tables == [("calls",)]
            assert connection.execute("select auth.role()").fetchone() == (None,)
            names = connection.execute("select pubname from pg_publication order by 1").fetchall()
            assert names == [("supabase_realtime",), ("supabase_realtime_messages_publication",)]
    finally:
        db.execute("drop database elsewhere with (force)")


def test_an_update_raises_the_version_whatever_the_writer_says(db: Connection) -> None:
    row = db.execute("insert into alerts (message) values ('x') returning id, version, updated_at").fetchone()
    assert row
    after = db.execute(
        "update alerts set message = 'y', version = 99, updated_at = 'epoch' where id = %s returning version, updated_at",
        (row[0],),
    ).fetchone()
    assert after
    assert (row[1], after[0]) == (1, 2)
    assert after[1] > row[2]
    db.execute("delete from alerts where id = %s", (row[0],))


def test_what_cannot_be(db: Connection) -> None:
    with pytest.raises(CheckViolation):
        db.execute("insert into calls (status, ended_at) values ('ringing', now())")
    request = uuid4()
    db.execute("insert into bids (request_id, is_winning) values (%s, true)", (request,))
    with pytest.raises(UniqueViolation):
        db.execute("insert into bids (request_id, is_winning) values (%s, true)", (request,))
    db.execute("delete from bids where request_id = %s", (request,))


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+12125550142", "+1 ••• ••• 0142"),
        ("(212) 555-0143", "+1 ••• ••• 0143"),
        ("12345", "•••"),
        (None, None),
    ],
)
def test_masking(db: Connection, number: str | None, masked: str | None) -> None:
    assert db.execute("select sandbox.mask_phone(%s)", (number,)).fetchone() == (masked,)


def test_auth_functions_read_the_claims(db: Connection) -> None:
    query = "select auth.uid()::text, auth.role(), auth.jwt() ->> 'sub'"
    with acting(db, "authenticated", STRANGER):
        assert db.execute(query).fetchone() == (STRANGER["sub"], "authenticated", STRANGER["sub"])
    assert db.execute(query).fetchone() == (None, None, None)


def test_anon_sees_masked_calls_and_names(db: Connection, calls: None) -> None:
    with acting(db, "anon"):
        seen = db.execute("select caller_masked, status from calls order by 1").fetchall()
        assert seen == [("+1 ••• ••• 0100", "queued"), ("+1 ••• ••• 0101", "queued")]
        names = "select (select count(name) from campaigns), (select count(name) from publishers),"
        names += " (select count(company_name) from buyers), (select count(name) from targets), (select count(name) from agents)"
        row = db.execute(names).fetchone()
        assert row
        assert all(row)


@pytest.mark.parametrize(
    "query",
    [
        "select caller_number from calls",
        "select * from calls",
        "select credit_limit from buyers",
        "select balance from buyers",
        "select base_bid from targets",
        "select default_payout from campaigns",
        "select id from bids",
        "select id from payments",
        "select id from alerts",
        "insert into calls (status) values ('queued')",
        "update calls set status = 'failed'",
        "delete from calls",
        "insert into campaigns (name) values ('mine')",
        "select * from sandbox.notes",
        "truncate todos",
    ],
)
def test_what_anon_may_not(db: Connection, query: str) -> None:
    with acting(db, "anon"), pytest.raises(InsufficientPrivilege):
        db.execute(query)


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_everybody_reads_and_writes_the_examples(db: Connection, role: str) -> None:
    with acting(db, role):
        db.execute("insert into todos (title) values ('x')")
        db.execute("update todos set done = true")
        assert number_of(db, "todos") >= 1
        db.execute("delete from todos")
        db.execute("insert into messages (content) values ('hello')")
        assert number_of(db, "messages") >= 1


def test_a_buyer_sees_its_own(db: Connection, calls: None) -> None:
    with acting(db, "authenticated", buyer(0)):
        assert db.execute("select caller_number from calls").fetchall() == [("+12125550100",)]
        assert number_of(db, "bids") == 1
        assert db.execute("select id from buyers").fetchall() == [(BUYERS[0].id,)]
        assert number_of(db, "campaigns") == len(CAMPAIGNS)
        assert number_of(db, "alerts") == 0
        assert db.execute("update calls set disposition = 'mine'").rowcount == 0
        with pytest.raises(InsufficientPrivilege), db.transaction():
            db.execute("insert into bids (buyer_id, amount) values (%s, 1)", (BUYERS[0].id,))


def test_somebody_signed_in_who_is_nobody_sees_no_calls(db: Connection, calls: None) -> None:
    with acting(db, "authenticated", STRANGER):
        assert [number_of(db, table) for table in ("calls", "bids", "buyers", "payments", "alerts")] == [
            0
        ] * 5


def test_user_metadata_makes_no_manager(db: Connection, calls: None) -> None:
    with acting(db, "authenticated", {"role": "authenticated", "user_metadata": {"role": "manager"}}):
        assert number_of(db, "calls") == 0


@pytest.mark.parametrize(
    ("role", "claims"), [("authenticated", MANAGER), ("service_role", {"role": "service_role"})]
)
def test_a_manager_and_the_service_see_and_change_all(
    db: Connection, calls: None, role: str, claims: dict[str, Any]
) -> None:
    with acting(db, role, claims):
        assert number_of(db, "calls") == 2
        assert number_of(db, "bids") == 2
        assert db.execute("update calls set disposition = 'seen'").rowcount == 2
        db.execute("insert into alerts (message) values ('x')")
        assert db.execute("delete from calls").rowcount == 2


def test_the_service_reaches_tables_made_later(db: Connection) -> None:
    db.execute("create table later (id int primary key)")
    try:
        with acting(db, "service_role"):
            db.execute("insert into later values (1)")
        with acting(db, "anon"), pytest.raises(InsufficientPrivilege):
            db.execute("select * from later")
    finally:
        db.execute("drop table later")


def test_the_publication_holds_the_dashboard(db: Connection) -> None:
    rows = db.execute(
        "select tablename from pg_publication_tables where pubname = 'supabase_realtime'"
    ).fetchall()
    assert {name for (name,) in rows} >= {*schema.BUSINESS_TABLES, "todos", "messages"}
    generated = db.execute("select pubgencols from pg_publication where pubname = 'supabase_realtime'")
    assert generated.fetchall() == [("s",)]
