"""What is said of a table, by PostgREST's answers as its documentation has them."""

from __future__ import annotations

import pytest

from livewidgets.doctor.case import Case, Wanted
from livewidgets.doctor.finding import State
from livewidgets.doctor.table import Sight, judge_exists, judge_key, judge_readable, judge_rows, no_table
from livewidgets.live.catalog import TableShape
from livewidgets.live.diagnosis import Reply


def test_a_hint_of_the_server_is_taken_up():
    reply = Reply(404, {"code": "PGRST205", "hint": "Perhaps you meant the table 'public.calls'"})
    finding = judge_exists("public", "call", reply, ())
    assert finding.mend == "livewidgets doctor calls"


@pytest.mark.parametrize(
    "body",
    [
        {"code": "PGRST106", "message": "The schema must be one of the following: public, graphql_public"},
        {
            "code": "PGRST106",
            "message": "Invalid schema: sales",
            "hint": "Only the following schemas are exposed: public, graphql_public",
        },
    ],
)
def test_a_schema_that_is_not_shown(body: dict[str, str]):
    finding = judge_exists("sales", "orders", Reply(406, body), ())
    assert finding.what == "the API does not show the schema sales, only public, graphql_public"
    assert "add sales" in finding.mend


def test_rights_to_the_table_and_to_its_schema():
    table = Reply(401, {"code": "42501", "message": "permission denied for table orders"})
    assert (
        judge_readable(table, "public.orders", "public", "anon").mend
        == "grant select on public.orders to anon;"
    )
    schema = Reply(403, {"code": "42501", "message": "permission denied for schema sales"})
    assert judge_readable(schema, "sales.orders", "sales", "authenticated").mend == (
        "grant usage on schema sales to authenticated;\ngrant select on sales.orders to authenticated;"
    )


def test_a_policy_that_raises():
    finding = judge_readable(Reply(500, {"code": "42P17"}), "public.t", "public", "anon")
    assert finding.state is State.FAILED
    assert "HTTP 500 42P17" in finding.what


@pytest.mark.parametrize(
    ("sight", "role", "state", "what"),
    [
        (Sight(3, None), "anon", State.OK, "anon sees 3 rows"),
        (Sight(3, 3), "anon", State.OK, "anon sees 3 rows"),
        (Sight(1, 1204), "anon", State.OK, "anon sees 1 row of 1,204: policies hide the rest"),
        (Sight(1, None, exact=False), "anon", State.OK, "there are some; too many to count in time"),
        (Sight(0, 5), "anon", State.FAILED, "anon sees none of 5 rows: row-level security hides them"),
        (Sight(0, 0), "anon", State.UNKNOWN, "the table is empty: there is nothing to show yet"),
        (Sight(0, None), "service_role", State.UNKNOWN, "the table is empty: there is nothing to show yet"),
        (Sight(None, None, exact=False), "anon", State.UNKNOWN, "they could not be counted"),
    ],
)
def test_what_of_the_rows_is_seen(sight: Sight, role: str, state: State, what: str):
    finding = judge_rows(sight, "public.t", role)
    assert (finding.state, finding.what) == (state, what)


def test_none_seen_may_be_either():
    finding = judge_rows(Sight(0, None), "public.t", "authenticated")
    assert finding.state is State.FAILED
    assert "auth.uid()" in finding.mend


def test_the_key():
    assert judge_key(TableShape("t", ("a", "b"), {"a": "int", "b": "int"}), "public.t").what == "a, b"
    assert judge_key(TableShape("t", (), {"x": "int"}), "public.t").mend == (
        "alter table public.t add column id bigint generated always as identity primary key;"
    )
    hidden = judge_key(None, "public.t")
    assert hidden.state is State.UNKNOWN
    assert 'key="id"' in hidden.mend


def test_without_a_table_those_that_are_there_are_named():
    case = Case(Wanted())
    case.shapes = {name: TableShape(name, ("id",), {}) for name in ("b", "a")}
    assert no_table(case).mend == "livewidgets doctor TABLE   # there are a, b"
