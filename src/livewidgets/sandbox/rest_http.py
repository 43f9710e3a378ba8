"""REST's HTTP side: what headers and bodies say, and how answers and refusals are written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import psycopg

from livewidgets.sandbox.auth import Refusal, TokenRefusedError
from livewidgets.sandbox.rest_errors import RestError, bad_body, from_postgres

if TYPE_CHECKING:
    from starlette.requests import Request

OBJECT = "application/vnd.pgrst.object+json"
ARRAY = "application/vnd.pgrst.array+json"


def refused(error: TokenRefusedError, token: str) -> RestError:
    """Make the answer to a token that is not accepted."""
    headers = {"www-authenticate": f'Bearer error="invalid_token", error_description="{error.message}"'}
    if error.refusal is Refusal.EXPIRED:
        return RestError(401, "PGRST303", "JWT expired", headers=headers)
    if error.refusal is Refusal.SIGNATURE:
        details = "None of the keys was able to decode the JWT"
        return RestError(401, "PGRST301", "No suitable key or wrong key type", details, headers=headers)
    return RestError(401, "PGRST301", f"Expected 3 parts in JWT; got {token.count('.') + 1}", headers=headers)


def translated(error: psycopg.Error, *, anonymous: bool) -> RestError:
    """Make the answer to what Postgres, or the driver before it, refused."""
    if error.sqlstate is None and isinstance(error, psycopg.DataError):
        # The driver's own: a NUL in a text.
        return RestError(400, "22021", 'invalid byte sequence for encoding "UTF8": 0x00')
    return from_postgres(error, anonymous=anonymous)


def media_type(header: str) -> tuple[str, bool]:
    """Return the media type to answer with, and whether nulls are to be left out."""
    for part in header.split(","):
        name, *options = (word.strip().lower() for word in part.split(";"))
        strip = "nulls=stripped" in options
        if name in ("*/*", "application/*", "application/json", ARRAY, ""):
            return "application/json" if name != ARRAY else ARRAY, strip
        if name == "application/vnd.pgrst.object":
            name = OBJECT
        if name in (OBJECT, "text/csv"):
            return name, strip
    raise RestError(406, "PGRST107", f"None of these media types are available: {header[:200]}")


@dataclass(frozen=True)
class Body:
    """The rows that a request brings.

    Attributes
    ----------
    rows
        The rows, for their keys: numbers are texts in them.
    text
        The same as a JSON array, as it came.
    """

    rows: Sequence[Mapping[str, Any]] = ()
    text: str = "[]"


async def read_body(request: Request, most: int) -> Body:
    """Read the rows of a body, whatever its type."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > most:
            raise RestError(413, "PGRST102", f"A body may have {most} bytes.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        text = raw.decode()
        if kind == "text/csv":
            text = json.dumps(_csv_rows(text))
        elif kind == "application/x-www-form-urlencoded":
            text = json.dumps(dict(parse_qsl(text, keep_blank_values=True, max_num_fields=1000)))
        elif kind not in ("", "application/json", "*/*", OBJECT, ARRAY):
            raise bad_body(f"Content-Type not acceptable: {kind[:200]}")
        found = json.loads(text, parse_float=str, parse_int=str, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise bad_body("Empty or invalid json") from error
    rows = [found] if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise bad_body("Empty or invalid json")
    return Body(rows, f"[{text}]" if isinstance(found, dict) else text)


def _csv_rows(text: str) -> list[dict[str, str | None]]:
    """Read CSV with a line of names; ``NULL`` stands for null."""
    try:
        names, *lines = [line for line in csv.reader(io.StringIO(text), strict=True) if line]
    except (ValueError, csv.Error) as error:
        raise bad_body("parse error (not enough input)") from error
    if any(len(line) != len(names) for line in lines):
        raise bad_body("All lines must have same number of fields")
    return [
        {name: None if value == "NULL" else value for name, value in zip(names, line, strict=True)}
        for line in lines
    ]


def _no_constant(name: str) -> None:
    raise ValueError(name)


def not_one(count: int) -> RestError:
    """Make PGRST116: the result is not one row."""
    return RestError(
        406,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        f"The result contains {count} rows",
    )


def out_of_range(offset: int, total: int | None) -> RestError:
    """Make PGRST103: the range begins beyond the last row."""
    if total is None:
        return RestError(
            416,
            "PGRST103",
            "Requested range not satisfiable",
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        )
    details = f"An offset of {offset} was requested, but there are only {total} rows."
    headers = {"content-range": f"*/{total}"}
    return RestError(416, "PGRST103", "Requested range not satisfiable", details, headers=headers)


def content_range(offset: int, page: int, total: int | None) -> str:
    """Write the ``Content-Range`` header."""
    rows = f"{offset}-{offset + page - 1}" if page and total != 0 else "*"
    return f"{rows}/{'*' if total is None else total}"


def csv_line(names: Sequence[str]) -> str:
    """Write the line of names of a CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(names)
    return out.getvalue()
