"""Query strings: read, or refused with PGRST100."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.sandbox.rest_errors import RestError
from livewidgets.sandbox.rest_query import (
    Field,
    Filter,
    Group,
    Item,
    OrderTerm,
    parse,
    parse_field,
    parse_select,
)


def test_a_query_is_read() -> None:
    query = parse(
        [
            ("select", "id,nr:n::text,data->a->>b,*"),
            ("id", 'not.in.(1,"a,b")'),
            ("not.or", '(a.eq.1,not.and(b.is.null,"c d".like(any).{x*,y}))'),
            ("order", "a.desc.nullslast,data->>k"),
            ("limit", "5"),
            ("columns", '"a","b c"'),
        ],
        "t",
    )
    assert query.select == (
        Item(Field("id")),
        Item(Field("n"), "nr", "text"),
        Item(Field("data", (("->", "a"), ("->>", "b")))),
        None,
    )
    inner = Group(
        "and",
        (Filter(Field("b"), "is", "null"), Filter(Field("c d"), "like", "", ("x*", "y"), "any")),
        negated=True,
    )
    assert query.where == (
        Filter(Field("id"), "in", "", ("1", "a,b"), "", negated=True),
        Group("or", (Filter(Field("a"), "eq", "1"), inner), negated=True),
    )
    assert query.order == (OrderTerm(Field("a"), True, False), OrderTerm(Field("data", (("->>", "k"),))))
    assert (query.limit, query.columns) == (5, ("a", "b c"))


def test_names_may_hold_anything_in_quotes() -> None:
    assert parse_field('"a->b"->c') == Field("a->b", (("->", "c"),))
    assert parse_select('"x:y":"a,b"', "t") == (Item(Field("a,b"), "x:y"),)


def test_another_tables_columns_are_refused() -> None:
    with pytest.raises(RestError, match="relationship between 't' and 'owner'"):
        parse_select("id,owner(name)", "t")


NAMES = st.sampled_from(
    ["select", "order", "limit", "offset", "and", "or", "not.or", "columns", "on_conflict", "id"]
)
TEXTS = st.text(alphabet='ab19.,:(){}"\\->*% not in eq is and or', max_size=60) | st.text(max_size=20)


@given(st.lists(st.tuples(NAMES | TEXTS, TEXTS), max_size=4))
def test_any_query_string_is_read_or_refused(parameters: list[tuple[str, str]]) -> None:
    code = "PGRST100"
    try:
        parse(parameters, "t")
    except RestError as error:
        code = error.code
    assert code in ("PGRST100", "PGRST108", "PGRST200")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(RestError):
        parse([("or", "(not.and" * 5000)], "t")
    with pytest.raises(RestError):
        parse([("or", "(" + "and(" * 500 + "a.eq.1" + ")" * 500 + ")")], "t")
