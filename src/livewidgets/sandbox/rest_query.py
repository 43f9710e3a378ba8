"""The query string of a REST request → what is asked for. Text in, frozen records out; no SQL, no database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from livewidgets.sandbox.quoting import closing_quote, enclosed, partition, split, unquoted
from livewidgets.sandbox.rest_errors import RestError, unparsable

#: Comparisons with one value, with PostgREST's names.
OPERATORS = frozenset(
    [
        "eq",
        "gt",
        "gte",
        "lt",
        "lte",
        "neq",
        "like",
        "ilike",
        "match",
        "imatch",
        "in",
        "is",
        "isdistinct",
        "fts",
        "plfts",
        "phfts",
        "wfts",
        "cs",
        "cd",
        "ov",
        "sl",
        "sr",
        "nxr",
        "nxl",
        "adj",
    ]
)
#: Those that take ``(any)`` and ``(all)``.
QUANTIFIABLE = frozenset(["eq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch"])
FULL_TEXT = frozenset({"fts", "plfts", "phfts", "wfts"})
#: Parameters that are not filters.
RESERVED = frozenset(
    {"select", "order", "limit", "offset", "columns", "on_conflict", "and", "or", "not.and", "not.or"}
)
#: Deepest nesting of and and or.
MAX_DEPTH = 32

_MODIFIED = re.compile(r"(\w+)(?:\(([^()]*)\))?")
_AGGREGATE = re.compile(r"(?:^|[.:])(?:count|sum|avg|min|max)\(\)(?:::\w+)?$")
#: A parameter for another table's rows: ``owner.name``, ``owner.order``, ``owner.or``.
_EMBEDDED = re.compile(r"(\w+)\.[\w.]+(?:->.*)?", re.DOTALL)
_STEP = re.compile(r"(->>|->)(-?\d+(?=->|$)|[^-]+(?:-(?!>)[^-]*)*)")


@dataclass(frozen=True, slots=True)
class Field:
    """A column, and the way into its JSON.

    Attributes
    ----------
    steps
        Each an arrow (``->`` or ``->>``) and a key or an index.
    """

    column: str
    steps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """A comparison.

    Attributes
    ----------
    modifier
        ``any``, ``all``, or the language of a full-text search; empty for none.
    value
        Its text; the values of ``in`` and of any/all stand in ``values``.
    """

    field: Field
    operator: str
    value: str = ""
    values: tuple[str, ...] = ()
    modifier: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions joined by ``and`` or ``or``."""

    joined_by: str
    parts: tuple[Filter | Group, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to select."""

    field: Field
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """One term of the order."""

    field: Field
    descending: bool = False
    nulls_first: bool | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """What a query string asks for.

    Attributes
    ----------
    select
        None stands for all columns.
    columns
        The columns of the body to write; None for those that it has.
    """

    select: tuple[Item | None, ...] = (None,)
    where: tuple[Filter | Group, ...] = ()
    order: tuple[OrderTerm, ...] = ()
    limit: int | None = None
    offset: int = 0
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] = field(default=())


def parse(parameters: Iterable[tuple[str, str]], table: str) -> Query:
    """Read a query string.

    Raises
    ------
    RestError
        PGRST100, or PGRST200 for another table's columns in ``select``.
    """
    select: tuple[Item | None, ...] = (None,)
    where: list[Filter | Group] = []
    order: tuple[OrderTerm, ...] = ()
    limit, offset = None, 0
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] = ()
    for name, value in parameters:
        if name == "select":
            select = parse_select(value, table)
        elif name == "order":
            order = parse_order(value)
        elif name == "limit":
            limit = _whole(value, name)
        elif name == "offset":
            offset = _whole(value, name)
        elif name == "columns":
            columns = tuple(unquoted(part) for part in split(value) if part)
        elif name == "on_conflict":
            on_conflict = tuple(unquoted(part) for part in split(value) if part)
        elif name in RESERVED:
            negated, joined_by = name.startswith("not."), name.removeprefix("not.")
            where.append(_group(joined_by, value, negated, f"logic tree ({name})", 0))
        elif found := _EMBEDDED.fullmatch(name):
            raise RestError(
                400,
                "PGRST108",
                f"'{found[1]}' is not an embedded resource in this request",
                None,
                f"Verify that '{found[1]}' is included in the 'select' query parameter.",
            )
        else:
            where.append(parse_filter(parse_field(name), value))
    return Query(select, tuple(where), order, limit, offset, columns, on_conflict)


def parse_select(text: str, table: str) -> tuple[Item | None, ...]:
    """Read ``alias:column->path::cast,*``; an empty select is all."""
    items: list[Item | None] = []
    for part in split(text):
        if part in ("*", ""):
            items.append(None)
            continue
        if _AGGREGATE.search(part):
            raise RestError(400, "PGRST123", "Use of aggregate functions is not allowed")
        if "(" in part and not part.startswith('"'):
            other = re.split(r"[(!]", part.rpartition(":")[2] if ":" in part.partition("(")[0] else part)[0]
            raise RestError(
                400,
                "PGRST200",
                f"Could not find a relationship between '{table}' and '{other.strip('.')}' in the schema cache",
                "The sandbox serves one table a request.",
            )
        rest, found, cast = partition(part, "::")
        alias, colon, expression = partition(rest, ":")
        items.append(
            Item(
                parse_field(expression if colon else alias),
                unquoted(alias) if colon else None,
                cast.strip() if found else None,
            )
        )
    return tuple(items) or (None,)


def parse_order(text: str) -> tuple[OrderTerm, ...]:
    """Read ``column.desc.nullslast,other``."""
    terms = []
    for part in split(text):
        if not part:
            continue
        words = _words(part)
        descending, nulls_first = False, None
        for word in words[1:]:
            if word in ("asc", "desc"):
                descending = word == "desc"
            elif word in ("nullsfirst", "nullslast"):
                nulls_first = word == "nullsfirst"
            else:
                raise unparsable(
                    "order", text, text.find(word), "expecting asc, desc, nullsfirst or nullslast"
                )
        terms.append(OrderTerm(parse_field(words[0]), descending, nulls_first))
    return tuple(terms)


def parse_field(text: str) -> Field:
    """Read ``column``, ``"a column"`` or ``column->key->>0``."""
    text = text.strip()
    if text.startswith('"'):
        end = closing_quote(text)
        column, rest = unquoted(text[: end + 1]), text[end + 1 :]
    else:
        at = text.find("->")
        column, rest = (text, "") if at < 0 else (text[:at], text[at:])
    steps: list[tuple[str, str]] = []
    at = 0
    while at < len(rest):
        found = _STEP.match(rest, at)
        if found is None:
            raise unparsable("field", text, len(column) + at, 'expecting "->" or "->>" and a key')
        steps.append((found[1], unquoted(found[2])))
        at = found.end()
    if not column:
        raise unparsable("field", text, 0, "expecting a column's name")
    return Field(column, tuple(steps))


def parse_filter(column: Field, text: str) -> Filter:
    """Read ``not.op(modifier).value``."""
    head, dot, value = text.partition(".")
    negated = head == "not"
    if negated:
        head, dot, value = value.partition(".")
    found = _MODIFIED.fullmatch(head)
    # A language may have a dot in it no more than an operator has.
    if found is None or found[1] not in OPERATORS or not dot:
        raise unparsable("filter", text, 0, f'unexpected "{head[:20]}" expecting operator (eq, gt, ...)')
    operator, modifier = found[1], found[2] or ""
    if (
        modifier
        and operator not in FULL_TEXT
        and not (operator in QUANTIFIABLE and modifier in ("any", "all"))
    ):
        raise unparsable("filter", text, len(operator), "expecting (any), (all) or a value")
    if operator == "in":
        values = enclosed(value, "(", ")")
        if values is None:
            raise unparsable("filter", text, 3, "expecting a list in parentheses")
        return Filter(column, operator, "", tuple(values), "", negated)
    if operator == "is" and value.lower() not in ("null", "not_null", "true", "false", "unknown"):
        raise unparsable("filter", text, 3, "expecting null, not_null, true, false or unknown")
    if modifier in ("any", "all") and operator not in FULL_TEXT:
        values = enclosed(value, "{", "}")
        if values is None:
            raise unparsable("filter", text, len(head), "expecting a list in braces")
        return Filter(column, operator, "", tuple(values), modifier, negated)
    return Filter(column, operator, value, (), modifier, negated)


def _group(joined_by: str, text: str, negated: bool, what: str, depth: int) -> Group:
    """Read ``(a.eq.1,not.or(b.gt.2,c.is.null))``."""
    inner = text.strip()
    if depth > MAX_DEPTH or len(inner) < 3 or inner[0] != "(" or inner[-1] != ")":
        raise unparsable(what, text, 0, "expecting conditions in parentheses")
    parts: list[Filter | Group] = []
    for part in split(inner[1:-1]):
        found = re.match(r"\s*(not\.)?(and|or)(?=\()", part)
        if found is not None:
            parts.append(_group(found[2], part[found.end() :], found[1] is not None, what, depth + 1))
            continue
        words = _words(part, 1)
        if len(words) < 2:
            raise unparsable(what, text, max(0, text.find(part)), 'expecting "column.operator.value"')
        condition = parse_filter(parse_field(words[0]), words[1])
        if condition.operator != "in" and not condition.values and condition.value.startswith('"'):
            condition = Filter(
                condition.field,
                condition.operator,
                unquoted(condition.value),
                (),
                condition.modifier,
                condition.negated,
            )
        parts.append(condition)
    return Group(joined_by, tuple(parts), negated)


def _words(text: str, most: int = -1) -> list[str]:
    """Split at dots outside of quotes, at most so many times."""
    text = text.strip()
    end = closing_quote(text) + 1 if text.startswith('"') else 0
    head, dot, rest = text[end:].partition(".")
    first = text[:end] + head
    if not dot:
        return [first]
    return [first, rest] if most == 1 else [first, *rest.split(".")]


def _whole(text: str, name: str) -> int:
    if not re.fullmatch(r"\d{1,15}", text):
        raise unparsable(name, text, 0, "expecting a whole number")
    return int(text)
