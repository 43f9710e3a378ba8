"""The predicate and the order of the kernel against those of a real Postgres, type by type."""

from __future__ import annotations

import itertools

import pytest

from livewidgets.core.filters import Order, Where

TYPES = {
    "bigint": (["0", "-5", "7", "9007199254740993", None], ["7", "9007199254740992", "-5"]),
    "numeric": (["0.1", "1.50", "-2", "12345678901.123", "NaN", None], ["0.10", "1.5", "NaN", "0"]),
    "double precision": (["0.1", "1e20", "-3.5", None], ["0.1", "100000000000000000000", "-4"]),
    'text collate "C"': (["", "a", "B", "ab", "a%", "é", "{x}", None], ["a", "B", "", "a%", "z"]),
    "boolean": (["true", "false", None], ["true", "f", "1"]),
    "uuid": (
        ["0000000a-0000-0000-0000-000000000001", "ffffffff-0000-0000-0000-000000000001", None],
        ["0000000A-0000-0000-0000-000000000001", "0000000a000000000000000000000001"],
    ),
    "timestamptz": (
        ["2026-11-22 10:00:00+00", "2026-11-22 10:00:00.25+00", "2026-02-28 23:59:59+00", "infinity", None],
        ["2026-11-22T12:00:00+02:00", "2026-11-22", "2026-11-22 10:00:00.5Z", "infinity", "-infinity"],
    ),
    "timestamp": (
        ["2026-11-22 10:00:00", "2026-11-22 00:00:00", "-infinity", None],
        ["2026-11-22T10:00:00+05:00", "2026-11-22", "2026-11-22T10:00:00.000001"],
    ),
    "date": (["2026-11-22", "2026-11-23", None], ["2026-11-22", "2026-11-22T23:00:00"]),
}
OPERATORS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "isdistinct": "is distinct from",
}
PATTERNS = {"like": "like", "ilike": "ilike", "match": "~", "imatch": "~*"}
TEXTS = ["", "call", "Call 7", "a%b", "a_b", "line\nbreak", "end\n", "caller", "a.b", "tab\t", "]", None]
EXPRESSIONS = {
    "like": ["c%", "%7", r"a\%b", "a_b", "%", "", "line_break", "a.b"],
    "match": [
        "^c",
        "7$",
        "end$",
        r"\mcall\M",
        r"\yCall\y",
        "[[:digit:]]",
        "[^[:alpha:]]",
        "a.b",
        "line.break",
        "[]]",
        r"\d$",
        "(call|end)",
        "a{1,2}",
    ],
}


@pytest.mark.parametrize("type_", TYPES)
def test_comparisons(sandbox_db, type_):
    values, literals = TYPES[type_]
    for value, literal, (name, sign) in itertools.product(values, literals, OPERATORS.items()):
        plain = type_.partition(" collate")[0]
        cell, yes, no = sandbox_db.execute(
            f"select to_json(v), (v {sign} %s::{plain}) is true, (not v {sign} %s::{plain}) is true"
            f" from (select (%s::{plain}) {type_.removeprefix(plain)} as v) as one",
            (literal, literal, value),
        ).fetchone()
        said = (
            Where.parse({"v": (name, literal)}).matches({"v": cell}),
            Where.parse({"v": (f"not.{name}", literal)}).matches({"v": cell}),
        )
        assert said == (yes, no), f"{cell!r} {name} {literal!r}"


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns(sandbox_db, name):
    for text, pattern in itertools.product(TEXTS, EXPRESSIONS["like" if "like" in name else "match"]):
        (yes,) = sandbox_db.execute(
            f"select (%s::text {PATTERNS[name]} %s) is true", (text, pattern)
        ).fetchone()
        assert Where.parse({"v": (name, pattern)}).matches({"v": text}) is yes, f"{text!r} {name} {pattern!r}"


@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize("type_", TYPES)
def test_orders(sandbox_db, type_, direction):
    values, _ = TYPES[type_]
    plain = type_.partition(" collate")[0]
    rows = [
        {"id": id_, "v": cell}
        for id_, cell in sandbox_db.execute(
            f"select id, to_json(v) from (select id, x::{plain} {type_.removeprefix(plain)} as v"
            " from unnest(%s::text[]) with ordinality as given (x, id)) as cast_ order by v"
            f" {'desc' if direction else 'asc'}, id",
            (values + values,),
        )
    ]
    order = Order.parse(f"{direction}v")
    assert sorted(rows, key=lambda row: (order.sort_key(row), row["id"])) == rows
