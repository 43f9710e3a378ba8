from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.core.filters import OPERATORS, Order, Where, after
from livewidgets.errors import FilterError


def matches(condition, value, column="a"):
    return Where.parse({column: condition}).matches({column: value})


def params(where):
    return Where.parse(where).params()


# -- what is sent --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (7, "eq.7"),
        ("ringing", "eq.ringing"),
        ("a,b", "eq.a,b"),
        (True, "eq.true"),
        (None, "is.null"),
        (Decimal("1.50"), "eq.1.50"),
        (float("inf"), "eq.Infinity"),
        (datetime(2026, 11, 22, 10, tzinfo=UTC), "eq.2026-11-22T10:00:00+00:00"),
        (date(2026, 11, 22), "eq.2026-11-22"),
        (uuid.UUID(int=1), "eq.00000000-0000-0000-0000-000000000001"),
        (("neq", "x"), "neq.x"),
        (("not.eq", "x"), "not.eq.x"),
        (("gte", 0.1), "gte.0.1"),
        (("like", "a%"), "like.a%"),
        (("not.is", None), "not.is.null"),
        (("is", "not_null"), "not.is.null"),
        (("is", True), "is.true"),
        (("is", "unknown"), "is.unknown"),
        (("isdistinct", 5), "isdistinct.5"),
        (("in", [3, 1, 2, 2]), "in.(1,2,3)"),
        (("in", ("a,b", 'c"d', "e\\f", "g", "", " h", "(i)")), r'in.(""," h","(i)","a,b","c\"d","e\\f",g)'),
        (("not.in", {"x"}), "not.in.(x)"),
        (("in", []), "in.()"),
        (("match", "^a.*[[:digit:]]$"), "match.^a.*[[:digit:]]$"),
    ],
)
def test_a_condition_as_postgrest_reads_it(condition, text):
    assert params({"a": condition}) == [("a", text)]


def test_several_conditions_on_one_column_and_odd_names():
    assert params({"t": [("gte", 1), ("lt", 5)], "odd name": 1, "select": 2, 'q"': 3}) == [
        ("odd name".join('""'), "eq.1"),
        (r'"q\""', "eq.3"),
        ('"select"', "eq.2"),
        ("t", "gte.1"),
        ("t", "lt.5"),
    ]
    assert Where.parse({"t": [("gte", 1)], "b": None}).columns() == {"t", "b"}


def test_equal_filters_are_equal_and_others_are_not():
    one = Where.parse({"a": 1, "b": ("in", ["x", "y"])})
    assert one == Where.parse({"b": ("in", ("y", "x", "x")), "a": ("eq", 1)})
    assert hash(one) == hash(Where.parse({"b": ("in", ["y", "x"]), "a": 1}))
    assert Where.parse({"a": 1}) != Where.parse({"a": True})
    assert Where.parse({"a": None}) != Where.parse({"a": ("not.is", None)})
    assert not Where.parse(None)
    assert not Where.parse({})
    assert one


@pytest.mark.parametrize(
    ("where", "fixed", "text"),
    [
        ({"a": 7, "b": 8}, ("a",), "a=eq.7"),
        ({"a": 7, "b": ("in", ["x", "y z", "p,q"])}, ("a", "b"), 'a=eq.7,b=in.("p,q",x,"y z")'),
        ({"a": ("not.eq", "x y")}, ("a",), "a=not.eq.x y"),
        ({"a": ("like", "x*")}, ("a",), "a=like.x%"),
        ({"a": None}, ("a",), "a=is.null"),
        ({"a": 7}, (), None),
        ({"a": 7}, ("b",), None),
        # What Realtime might misread is judged in the kernel alone.
        ({"a": "x,y"}, ("a",), None),
        ({"a": "(x)"}, ("a",), None),
        ({"a": " x"}, ("a",), None),
        ({"a": ""}, ("a",), None),
        ({"a": ("in", ['x"'])}, ("a",), None),
        ({"a": ("in", [])}, ("a",), None),
        ({"a": ("in", range(101))}, ("a",), None),
        ({"odd name": 1}, ("odd name",), None),
    ],
)
def test_what_realtime_is_told(where, fixed, text):
    assert Where.parse(where).realtime(fixed) == text


# -- the predicate -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "value", "selected"),
    [
        # numbers, however they are spelt
        (7, 7, True),
        (7, 7.0, True),
        ("7", 7, True),
        (7, "7", True),
        (Decimal("0.10"), 0.1, True),
        (("gt", 9), "10", True),
        (("gt", 2**53), 2**53 + 1, True),
        ("x", 7, False),
        (("neq", "x"), 7, False),
        (("lt", "NaN"), 5, True),
        ("NaN", "NaN", True),
        (("gt", 5), float("nan"), True),
        # text by code point
        ("Ringing", "ringing", False),
        (("gt", "a"), "b", True),
        (("lte", "a"), "b", False),
        # booleans
        (True, True, True),
        ("t", True, True),
        (("neq", True), False, True),
        (True, False, False),
        (("gt", False), True, True),
        # uuids
        ("0000000A-0000-0000-0000-000000000001", "0000000a-0000-0000-0000-000000000001", True),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001", True),
        # instants
        ("2026-11-22 10:00:00+00", "2026-11-22T10:00:00+00:00", True),
        ("2026-11-22T12:00:00+02:00", "2026-11-22T10:00:00.000000+00:00", True),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00+00:00", True),
        (("lt", "2026-11-22T10:00:00.5Z"), "2026-11-22T10:00:00.25+00:00", True),
        (datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=2))), "2026-11-22T10:00:00+00:00", True),
        (("gte", date(2026, 11, 22)), "2026-11-22T00:00:00+00:00", True),
        (("lt", "infinity"), "2026-11-22T00:00:00+00:00", True),
        (("gt", "2026-01-01"), "infinity", True),
        # without a zone Postgres reads the clock and ignores the offset
        ("2026-11-22T10:00:00+02:00", "2026-11-22T10:00:00", True),
        ("2026-11-22T10:00:00", "2026-11-22", True),
        # null is neither
        (7, None, False),
        (("neq", 7), None, False),
        (("not.eq", 7), None, False),
        (("not.in", [7]), None, False),
        (("not.like", "a"), None, False),
        (None, None, True),
        (None, 0, False),
        (("not.is", None), 0, True),
        (("isdistinct", 7), None, True),
        (("isdistinct", 7), 7, False),
        (("not.isdistinct", 7), 7, True),
        (("is", True), True, True),
        (("is", False), None, False),
        (("is", "unknown"), None, True),
        (("not.is", True), None, True),
        # lists
        (("in", ["a", "b"]), "b", True),
        (("in", [1, 2]), 2.0, True),
        (("not.in", ["a"]), "b", True),
        (("in", []), "a", False),
        (("not.in", []), "a", True),
        # patterns
        (("like", "a%"), "abc", True),
        (("like", "a*"), "a\nc", True),
        (("like", "a_c"), "abc", True),
        (("like", r"a\%"), "a%", True),
        (("like", r"a\%"), "ab", False),
        (("like", "a.c"), "abc", False),
        (("like", "A%"), "abc", False),
        (("ilike", "A%"), "abc", True),
        (("like", "1%"), 12, False),
        (("match", "b$"), "ab", True),
        (("match", "b$"), "ab\n", False),
        (("match", r"\mcall\M"), "a call came", True),
        (("match", r"\mcal\M"), "a call came", False),
        (("match", "^[[:digit:]]+$"), "123", True),
        (("match", "^[^[:alpha:]]$"), "1", True),
        (("match", "^[^[:alpha:]x]$"), "a", False),
        (("match", "[[:alpha:]5]"), "5", True),
        (("match", "[]a]"), "]", True),
        (("match", r"[\d]"), "5", True),
        (("match", "B"), "abc", False),
        (("imatch", "B"), "abc", True),
        # documents cannot be compared here
        ("x", {"a": 1}, False),
        (("neq", "x"), [1], False),
    ],
)
def test_the_predicate_follows_sql(condition, value, selected):
    assert matches(condition, value) is selected


def test_all_conditions_hold_and_a_missing_column_is_null():
    where = Where.parse({"a": ("gte", 1), "b": None})
    assert where.matches({"a": 1})
    assert not where.matches({"a": 0})
    assert not where.matches({"b": None})
    assert Where().matches({})


VALUES = st.one_of(
    st.none(), st.integers(-3, 3), st.floats(-3, 3), st.booleans(), st.sampled_from(["a", "b", "2026-01-01"])
)
LITERALS = st.one_of(st.integers(-3, 3), st.sampled_from(["a", "2026-01-01 00:00:00+00", "true"]))


@given(st.sampled_from(["eq", "neq", "gt", "gte", "lt", "lte", "in"]), LITERALS, VALUES)
def test_not_is_the_complement_except_for_the_unknown(operator, literal, value):
    given_value = [literal] if operator == "in" else literal
    yes = matches((operator, given_value), value)
    no = matches((f"not.{operator}", given_value), value)
    assert not (yes and no)
    if value is None:
        assert not yes
        assert not no


@given(LITERALS, VALUES)
def test_the_comparisons_agree_with_each_other(literal, value):
    holds = {
        operator: matches((operator, literal), value) for operator in ("eq", "neq", "gt", "gte", "lt", "lte")
    }
    known = holds["eq"] or holds["neq"]
    assert (holds["lt"] + holds["eq"] + holds["gt"]) == known
    assert holds["lte"] == (holds["lt"] or holds["eq"])
    assert holds["gte"] == (holds["gt"] or holds["eq"])
    assert matches(("in", [literal]), value) == holds["eq"]
    assert matches(("isdistinct", literal), value) == (not holds["eq"])


# -- what bad input gets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "says", "advises"),
    [
        ({"a": ("equals", 1)}, "unknown operator 'equals'", "Did you mean 'eq'?"),
        ({"a": (">=", 1)}, "unknown operator '>='", "Did you mean 'gte'?"),
        ({"a": ("ilkie", 1)}, "unknown operator", "Did you mean 'ilike'?"),
        ({"a": ("zzzzzz", 1)}, "unknown operator", "Known are eq, neq"),
        ({"a": ["x"]}, "is a list", '("in", [...])'),
        ({"a": {"x"}}, "is a set", '("in", [...])'),
        ({"a": ("eq", 1, 2)}, "no pair", '("gte", 5)'),
        ({"a": (1, 2)}, "no pair", '("gte", 5)'),
        ({"a": ("eq", None)}, "null", '("is", None)'),
        ({"a": ("neq", None)}, "null", '("not.is", None)'),
        ({"a": ("not.neq", None)}, "null", '("is", None)'),
        ({"a": ("in", [1, None])}, "null", '{"a": None}'),
        ({"a": ("in", "abc")}, "no list", "in"),
        ({"a": ("in", 5)}, "no list", "in"),
        ({"a": ("is", 5)}, "'is'", "'eq'"),
        ({"a": ("is", 1)}, "'is'", "'eq'"),
        ({"a": ("like", 5)}, "int", "text pattern"),
        ({"a": ("match", "(")}, "pattern", "expression"),
        ({"a": ("match", "[a")}, "not closed", "expression"),
        ({"a": ("match", "[[:none:]]")}, "character class", "expression"),
        ({"a": ("match", "(?i)a")}, "options", "expression"),
        ({"a": object()}, "type object", "Use text"),
        ({"a": {"b": 1}}, "type dict", "Use text"),
        ({"a->>b": 1}, "path into JSON", "generated column"),
        ({"": 1}, "no name", "column"),
        ({5: 1}, "no name", "column"),
        (["a"], "not a dict", "where="),
    ],
)
def test_bad_input_is_a_filter_error_that_names_it(where, says, advises):
    with pytest.raises(FilterError) as caught:
        Where.parse(where)
    assert says in caught.value.message
    assert advises in caught.value.advice


def test_an_unknown_operator_lists_all_that_are_known():
    with pytest.raises(FilterError, match=r"'caller'") as caught:
        Where.parse({"caller": ("foo", "+15551234567")})
    assert all(operator in caught.value.advice for operator in OPERATORS)
    assert "5551234567" not in str(caught.value)


def test_repr_shows_no_number():
    where = Where.parse({"caller_number": "911", "note": ("like", "%5551234567%"), "id": ("not.in", [1, 2])})
    assert repr(where) == "Where(<caller_number eq •••>, <id not in 1, 2>, <note like %••• ••• 4567%>)"
    assert repr(Where()) == "Where()"


def test_fixed_as_a_text_is_refused():
    with pytest.raises(FilterError, match=r"fixed=\('a',\)"):
        Where.parse({"a": 1}).realtime("a")


# -- order ---------------------------------------------------------------------------------------------------------


def in_order(order, *values):
    parsed = Order.parse(order)
    return sorted(values, key=lambda value: parsed.sort_key({"a": value}))


@pytest.mark.parametrize(
    ("order", "values"),
    [
        ("a", [1, 2.5, 10, None]),
        ("-a", [None, 10, 2.5, 1]),
        ("a", ["B", "a", "b", None]),
        ("-a", [None, "b", "ab", "a", "B"]),
        ("a", [False, True, None]),
        ("-a", [None, True, False]),
        ("a", ["-infinity", "2026-01-01T00:00:00+00:00", "2026-01-01 01:00:00.5+01", "infinity"]),
        ("-a", ["2026-01-01 01:00:00.5+01", "2026-01-01T00:00:00+00:00"]),
        ("a", [1, float("nan"), None]),
        ("-a", [None, float("nan"), 1]),
    ],
)
def test_an_order_as_postgres_has_it(order, values):
    assert list(map(repr, in_order(order, *reversed(values)))) == list(map(repr, values))


def test_an_order_of_several_columns():
    order = Order.parse(("-a", "b"))
    rows = [{"a": 1, "b": 2}, {"a": 2, "b": 2}, {"a": 2, "b": 1}, {"a": 2}]
    assert sorted(rows, key=order.sort_key) == [rows[2], rows[1], rows[3], rows[0]]
    assert order.params() == [("order", "a.desc,b.asc")]
    assert order.params(("b", "id")) == [("order", "a.desc,b.asc,id.asc")]
    assert order.columns() == {"a", "b"}
    assert order == Order.parse(["-a", "b"])


@pytest.mark.parametrize("nothing", [None, "", (), []])
def test_no_order(nothing):
    assert Order.parse(nothing) is None


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ("a.desc", 'order="-a"'),
        ("a.asc.nullslast", 'order="a"'),
        (("a", "-a"), "twice"),
        ("-", "no name"),
        (5, "int"),
        ((5,), "int"),
        ("a->b", "path into JSON"),
    ],
)
def test_a_bad_order_is_a_filter_error(order, says):
    with pytest.raises(FilterError) as caught:
        Order.parse(order)
    assert says in str(caught.value)


@given(st.lists(st.one_of(VALUES, st.text()), max_size=8), st.sampled_from(["a", "-a"]))
def test_values_of_any_kinds_can_be_sorted(values, order):
    in_order(order, *values)


# -- pages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "row", "order", "wanted"),
    [
        (("id",), {"id": 7}, None, [("id", "gt.7")]),
        (("id",), {"id": "a,b"}, None, [("id", "gt.a,b")]),
        (("a", "b"), {"a": 1, "b": "x,y"}, None, [("or", '(a.gt.1,and(a.eq.1,b.gt."x,y"))')]),
        (("id",), {"id": 7, "t": 5}, "-t", [("or", "(t.lt.5,and(t.eq.5,id.gt.7))")]),
        (("id",), {"id": 7, "t": 5}, "t", [("or", "(t.gt.5,t.is.null,and(t.eq.5,id.gt.7))")]),
        (("id",), {"id": 7, "t": None}, "-t", [("or", "(t.not.is.null,and(t.is.null,id.gt.7))")]),
        (("id",), {"id": 7, "t": None}, "t", [("or", "(and(t.is.null,id.gt.7))")]),
        (("id",), {"id": 7}, "-id", [("or", "(id.lt.7)")]),
        (("id",), {"id": 7}, "id", [("or", "(id.gt.7)")]),
    ],
)
def test_the_page_after_a_row(key, row, order, wanted):
    parsed = Order.parse(order)
    assert after(key, row, parsed.terms if parsed else ()) == wanted


def test_a_document_cannot_be_paged_by():
    with pytest.raises(FilterError, match="dict"):
        after(("id",), {"id": {}})
