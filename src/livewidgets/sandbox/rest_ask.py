"""One REST request, read: its table, its visitor, its query, its wishes, its body."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

from livewidgets.sandbox import rest_query
from livewidgets.sandbox.rest_errors import RestError, bad_body, unknown_column, unknown_table
from livewidgets.sandbox.rest_http import OBJECT, Body, media_type, out_of_range, read_body
from livewidgets.sandbox.rest_prefer import Preferences, read_preferences

if TYPE_CHECKING:
    from starlette.requests import Request

    from livewidgets.sandbox.auth import Claims
    from livewidgets.sandbox.catalog import Catalog, Rights, Table

#: The schemas that requests may name.
SCHEMAS = ("public",)


@dataclass(frozen=True)
class Ask:
    """A request, read."""

    method: str
    table: Table
    rights: Rights
    claims: Claims
    query: rest_query.Query
    prefer: Preferences
    accept: str
    strip_nulls: bool
    body: Body
    location: str

    @property
    def reading(self) -> bool:
        """Whether it changes nothing."""
        return self.method in ("GET", "HEAD")

    @property
    def single(self) -> bool:
        """Whether one object is asked for."""
        return self.accept == OBJECT

    @property
    def readable(self) -> frozenset[str]:
        """The columns that the role may read."""
        return self.rights.readable.get(self.table.oid, frozenset())

    @property
    def represented(self) -> bool:
        """Whether the answer holds rows."""
        return self.reading or self.prefer.represented

    def columns(self) -> tuple[str, ...]:
        """Return the columns that the body writes."""
        rows = self.body.rows
        columns: Sequence[str] | None = self.query.columns
        if columns is None:
            columns = tuple(rows[0]) if rows else ()
            if any(row.keys() != rows[0].keys() for row in rows):
                raise bad_body("All object keys must match")
        for name in columns:
            if name not in self.table.columns:
                raise unknown_column(self.table.name, name)
        return tuple(dict.fromkeys(columns))


async def read_ask(request: Request, claims: Claims, catalog: Catalog, max_body: int) -> Ask:
    """Read a request.

    Raises
    ------
    RestError
    """
    reading = request.method in ("GET", "HEAD")
    name = request.path_params["table"]
    table, rights = await find_table(request, claims.role, catalog, reading=reading)
    query_string = request.scope.get("query_string", b"").decode("latin-1")
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="replace", max_num_fields=1000)
    except ValueError as error:
        raise RestError(400, "PGRST100", "A query string may have 1000 parameters.") from error
    parameters = [(key, value) for key, value in pairs if key != "apikey"]
    if "\0" in query_string or any("\0" in key + value for key, value in parameters):
        raise RestError(400, "22021", 'invalid byte sequence for encoding "UTF8": 0x00')
    accept, strip_nulls = media_type(request.headers.get("accept", "*/*"))
    query = rest_query.parse(parameters, name)
    if reading:
        query = ranged(query, request.headers.get("range"))
    body = Body()
    if request.method in ("POST", "PATCH", "PUT"):
        body = await read_body(request, max_body)
    return Ask(
        request.method,
        table,
        rights,
        claims,
        query,
        read_preferences(request.headers.getlist("prefer")),
        accept,
        strip_nulls,
        body,
        f"/{quote(name)}?{urlencode(sorted(parameters))}" if parameters else f"/{quote(name)}",
    )


async def find_table(request: Request, role: str, catalog: Catalog, *, reading: bool) -> tuple[Table, Rights]:
    """Find the table of a request, and what the role may do with it."""
    schema = request.headers.get("accept-profile" if reading else "content-profile") or SCHEMAS[0]
    if schema not in SCHEMAS:
        exposed = f"Only the following schemas are exposed: {', '.join(SCHEMAS)}"
        raise RestError(406, "PGRST106", f"Invalid schema: {schema[:200]}", None, exposed)
    name = request.path_params["table"]
    snapshot = await catalog.snapshot()
    if (schema, name) not in snapshot.tables:
        snapshot = await catalog.fresh()
    table = snapshot.tables.get((schema, name))
    if table is None:
        known = [other for of, other in snapshot.tables if of == schema]
        near = difflib.get_close_matches(name[:100], known, 1)
        hint = f"Perhaps you meant the table '{schema}.{near[0]}'" if near else None
        raise unknown_table(schema, name, hint)
    rights = await catalog.rights(role, snapshot)
    if not rights.exists:
        raise RestError(401, "22023", f'role "{role}" does not exist')
    return table, rights


def ranged(query: rest_query.Query, header: str | None) -> rest_query.Query:
    """Narrow limit and offset to a ``Range`` header (``items`` from 0, both ends included)."""
    found = re.fullmatch(r"(?:items=)?(\d{1,15})-(\d{0,15})", (header or "").strip())
    if found is None:
        return query
    first, last = int(found[1]), int(found[2]) if found[2] else None
    if last is not None and last < first:
        raise out_of_range(first, None)
    ends = [
        end
        for end in (last, None if query.limit is None else query.offset + query.limit - 1)
        if end is not None
    ]
    offset = max(first, query.offset)
    return replace(query, offset=offset, limit=max(0, min(ends) - offset + 1) if ends else None)
