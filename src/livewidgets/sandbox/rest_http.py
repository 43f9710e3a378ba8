"""REST's HTTP side: what headers and bodies say, and how answers and refusals are written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import psycopg

from livewidgets.sandbox.auth import Refusal, TokenRefusedError
from livewidgets.sandbox.rest_errors import RestError, bad_body, from_postgres

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


def preferences(headers: Sequence[str]) -> dict[str, str]:
    """Read the ``Prefer`` headers; of a repeated preference the first counts."""
    found: dict[str, str] = {}
    for part in ",".join(headers).split(","):
        name, equals, value = part.strip().partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


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


def read_rows(body: bytes) -> tuple[list[dict[str, Any]], bool]:
    """Read the rows of a body, and whether it was one object."""
    try:
        found = json.loads(body.decode(), parse_float=str, parse_int=str, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise bad_body("Empty or invalid json") from error
    rows = [found] if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise bad_body("Empty or invalid json")
    return rows, isinstance(found, dict)


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
    rows = f"{offset}-{offset + page - 1}" if page else "*"
    return f"{rows}/{'*' if total is None else total}"


def to_csv(body: str) -> str:
    """Turn a JSON array into CSV."""
    rows = json.loads(body, parse_float=str, parse_int=str)
    rows = [rows] if isinstance(rows, dict) else rows
    out = io.StringIO()
    if rows:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(rows[0])
        for row in rows:
            writer.writerow([_csv_value(value) for value in row.values()])
    return out.getvalue().removesuffix("\n")


def _csv_value(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    return value if isinstance(value, str) else json.dumps(value)
