"""Names, lists and pages as PostgREST spells them; nothing here is percent-encoded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from livewidgets.core.change import Row
from livewidgets.core.values import literal
from livewidgets.errors import FilterError

#: PostgREST's own parameters; a column of that name is quoted to be told apart.
_RESERVED = frozenset(("select", "order", "limit", "offset", "and", "or", "not", "columns", "on_conflict"))
_PLAIN_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_PLAIN_ITEM = re.compile(r"[A-Za-z0-9_:+.-]+")


def check_column(column: object, argument: str = "where") -> None:
    """Raise FilterError for what cannot be a column's name."""
    if not isinstance(column, str) or not column:
        raise FilterError(
            f"{argument} names a column by {column!r}, which is no name.", "Use a column's name."
        )
    if "->" in column:
        raise FilterError(
            f"{argument} names {column!r}, a path into JSON; changes are judged by whole columns.",
            "Add a generated column for that value and name it.",
        )


def quoted_column(column: str) -> str:
    """Spell a column's name for PostgREST."""
    if _PLAIN_COLUMN.fullmatch(column) and column not in _RESERVED:
        return column
    return _quote(column)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def item(text: str) -> str:
    """Spell a value within brackets."""
    return text if _PLAIN_ITEM.fullmatch(text) else _quote(text)


def bracketed(values: Iterable[str]) -> str:
    """Spell a list of values: ``(a,"b,c")``."""
    return f"({','.join(map(item, values))})"


def after(key: Sequence[str], row: Row, terms: Sequence[tuple[str, bool]] = ()) -> list[tuple[str, str]]:
    """Parameters for the page that begins after a row, where offsets would miss rows that move up meanwhile.

    Parameters
    ----------
    key
        The key's columns, which break ties.
    row
        The last row of the page before.
    terms
        `Order.terms`, where there is an order. Nulls stand where Postgres puts them.

    Returns
    -------
    list of tuple
        For the key ``("id",)`` after 7: ``[("id", "gt.7")]``. For ``("a", "b")`` after 1 and 2:
        ``[("or", "(a.gt.1,and(a.eq.1,b.gt.2))")]``.
    """
    if len(key) == 1 and not terms:
        return [(quoted_column(key[0]), f"gt.{_said(row[key[0]])}")]
    ordered = {name for name, _ in terms}
    branches: list[str] = []
    equal: list[str] = []
    for column, down in (*terms, *((name, False) for name in key if name not in ordered)):
        name, value = quoted_column(column), row.get(column)
        if value is None:
            # Upwards nothing comes after a null; downwards every other value does.
            beyond = [f"{name}.not.is.null"] if down else []
            same = f"{name}.is.null"
        else:
            text = item(_said(value))
            beyond = [f"{name}.lt.{text}"] if down else [f"{name}.gt.{text}"]
            if not down and column not in key:
                beyond.append(f"{name}.is.null")
            same = f"{name}.eq.{text}"
        branches += [f"and({','.join([*equal, place])})" if equal else place for place in beyond]
        equal.append(same)
    return [("or", f"({','.join(branches)})")]


def _said(value: object) -> str:
    text = literal(value)
    if text is None:
        raise FilterError(
            f"Rows cannot be paged by a column of type {type(value).__name__}.", "Order by a plain column."
        )
    return text
