"""Postgres' text → JSON text, held against what ``to_jsonb`` writes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from livewidgets.sandbox.catalog import _TYPES, _type
from livewidgets.sandbox.values import Encoders, TypeInfo, array_to_json, record_fields

Db = psycopg.Connection[Any]

#: Type and value; bytea and bpchar differ from ``to_jsonb`` as recorded, and have their own test.
CASES = [
    ("int8", "-9223372036854775808"),
    ("numeric", "123456789012345678901234567890.123456789"),
    ("numeric", "1e-20"),
    ("float8", "1e+300"),
    ("float4", "1.5"),
    ("bool", "true"),
    ("text", 'a "quoted" \\ line\nnext\ttab \x01 é 😀'),
    ("timestamptz", "2024-02-29 01:02:03.456789+05:30"),
    ("timestamptz", "infinity"),
    ("timestamptz", "0044-03-15 12:00:00+00 BC"),
    ("timestamp", "2024-02-29 01:02:03"),
    ("timestamp", "-infinity"),
    ("date", "2024-02-29"),
    ("timetz", "01:02:03+02"),
    ("interval", "1 year 2 mons 3 days 04:05:06.7"),
    ("json", '{"b": 1, "a": [1.50, null]}'),
    ("jsonb", '{"b": 1, "a": [1.50, null]}'),
    ("uuid", "5E0A4F0C-0000-4000-8000-000000000001"),
    ("inet", "10.0.0.1"),
    ("int4range", "[1,5)"),
    ("point", "(1,2)"),
    ("int4[]", "{1,NULL,3}"),
    ("int4[]", "{}"),
    ("int4[]", "{{1,2},{3,4}}"),
    ("int4[]", "[0:1]={1,2}"),
    ("text[]", '{a,"b,c","d\\"e","f\\\\g","",NULL,"NULL","{x}"}'),
    ("timestamptz[]", '{"2024-02-29 01:02:03+00"}'),
    ("bool[]", "{t,f}"),
    ("jsonb[]", '{"{\\"a\\": [1]}"}'),
    ("box[]", "{(2,2),(1,1);(4,4),(3,3)}"),
    ("mood", "so so"),
    ("short", "7"),
    ("pair", '(1,"a ""b"" \\\\c")'),
    ("pair", "(,)"),
    ("pair[]", '{"(1,x)","(2,\\"y z\\")"}'),
]


@pytest.fixture(scope="module")
def types(cluster: Any) -> Any:
    with psycopg.connect(cluster.dsn, autocommit=True) as db:
        db.execute("drop type if exists pair, mood cascade; drop domain if exists short")
        db.execute(
            "create type mood as enum ('so so'); create domain short as int2; create type pair as (n int, t text)"
        )
        yield {row[0]: _type(row) for row in db.execute(_TYPES).fetchall()}
        db.execute("drop type pair, mood cascade; drop domain short")


@pytest.mark.parametrize(("name", "text"), CASES)
def test_as_to_jsonb_has_it(db: Db, types: dict[int, TypeInfo], name: str, text: str) -> None:
    db.execute("set timezone = 'UTC'; set extra_float_digits = 1")
    oid, written, wanted = db.execute(
        f"select %(type)s::regtype::oid::int8, format('%%s', v), to_jsonb(v)::text from (select %(value)s::{name} v) x",
        {"type": name, "value": text},
    ).fetchone() or (0, "", "")
    heard = Encoders(types)[oid](written)
    assert exactly(heard) == exactly(wanted)


def exactly(text: str) -> Any:
    """JSON with its numbers by their digits."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("name", ["float4", "float8", "numeric"])
def test_what_is_no_number_is_null(text: str, name: str) -> None:
    assert Encoders({1: TypeInfo(1, "pg_catalog", name)})[1](text) == "null"


def test_recorded_peculiarities() -> None:
    encoders = Encoders({1: TypeInfo(1, "pg_catalog", "bytea"), 2: TypeInfo(2, "pg_catalog", "bpchar")})
    assert encoders[1]("\\xdeadbeef") == '"deadbeef"'
    assert encoders[2]("a   ") == '"a"'
    assert encoders[3]("an unknown type") == '"an unknown type"'


def test_a_users_type_named_as_a_number_is_none() -> None:
    assert Encoders({1: TypeInfo(1, "public", "int4", "e")})[1]("x") == '"x"'


def test_literals() -> None:
    assert array_to_json('{"a""b"}', json.dumps) == '["a\\"b"]'
    assert record_fields('(a,,"b,c","")') == ["a", None, "b,c", ""]
