"""A table read page by page: each page begins after the last row of the one before, so nothing is skipped.

Offsets would skip a row whenever one before it is deleted meanwhile. A page may be shorter than asked for (projects
return at most 1,000 rows by default, and it can be set lower), so a short page is the end only when a longer one has
been seen; and it must be then, or a table that grows faster than it is read would be read for ever.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from livewidgets.core.change import Key, Row
from livewidgets.core.filters import Order, Where
from livewidgets.core.postgrest import after, bracketed, item, quoted_column
from livewidgets.core.values import literal

if TYPE_CHECKING:
    from livewidgets.live.rest import Rest

#: Rows asked for at once; Supabase's default limit.
PAGE_ROWS = 1000
#: Keys in one request for rows by key; longer addresses are refused by some proxies.
_KEYS_A_REQUEST = 60


async def pages(
    rest: Rest, table: str, key: Sequence[str], where: Where, order: Order | None, limit: int | None
) -> AsyncIterator[list[Row]]:
    """Read all rows that `where` selects, or the first `limit` of them.

    Yields
    ------
    list of Row
        One page; none is empty.
    """
    wanted = order or Order(())
    base = [*where.params(), *wanted.params(key)]
    begin: list[tuple[str, str]] = []
    count = 0
    while limit is None or count < limit:
        size = PAGE_ROWS if limit is None else min(PAGE_ROWS, limit - count)
        rows = (await rest.select(table, [*base, *begin, ("limit", str(size))])).rows
        if not rows:
            return
        is_last = len(rows) < min(size, rest.longest_page)
        rest.longest_page = max(rest.longest_page, len(rows))
        count += len(rows)
        yield rows
        if is_last:
            return
        begin = after(key, rows[-1], wanted.terms)


async def rows_by_key(rest: Rest, table: str, key: Sequence[str], keys: Sequence[Key]) -> list[Row]:
    """Read rows by their keys; those that are gone are left out."""
    found: list[Row] = []
    for start in range(0, len(keys), _KEYS_A_REQUEST):
        some = keys[start : start + _KEYS_A_REQUEST]
        if len(key) == 1:
            texts = [literal(values[0]) or "" for values in some]
            params = [(quoted_column(key[0]), f"in.{bracketed(texts)}")]
        else:
            each = (
                f"and({','.join(_equal(c, v) for c, v in zip(key, values, strict=True))})" for values in some
            )
            params = [("or", f"({','.join(each)})")]
        found += (await rest.select(table, params)).rows
    return found


def one_row(key: Sequence[str], values: Key, version: tuple[str, Any] | None = None) -> list[tuple[str, str]]:
    """Give the parameters that mean one row, and where a version is given only that version of it."""
    wanted = [*zip(key, values, strict=True), *([version] if version is not None else [])]
    return [
        (quoted_column(name), "is.null" if value is None else f"eq.{literal(value) or ''}")
        for name, value in wanted
    ]


def _equal(name: str, value: Any) -> str:  # noqa: ANN401 - a JSON value
    column = quoted_column(name)
    return f"{column}.is.null" if value is None else f"{column}.eq.{item(literal(value) or '')}"
