"""PostgREST's errors: code, status, message, details and hint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.responses import Response

from livewidgets.errors import SandboxError

if TYPE_CHECKING:
    import psycopg

#: SQLSTATE, or its class of two letters → HTTP status, as PostgREST's documentation lists them.
_STATUS = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "22023": 400,
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "25": 500,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "53": 503,
    "53400": 500,
    # PostgREST says 500; yet it is the request that is too deep or too wide.
    "54": 400,
    "55": 500,
    "57": 500,
    "57P01": 503,
    "57P03": 503,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0001": 400,
    "P0": 500,
    "XX": 500,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
}


class RestError(SandboxError):
    """An answer that is an error.

    Parameters
    ----------
    status
        The HTTP status.
    code, message, details, hint
        The body's members.
    headers
        More headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: str | None = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details
        self.hint = hint
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Make the HTTP answer."""
        body = {"code": self.code, "details": self.details, "hint": self.hint, "message": self.message}
        return Response(
            json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
            self.status,
            {**self.headers, "proxy-status": f"PostgREST; error={self.code}"},
            "application/json; charset=utf-8",
        )


def from_postgres(error: psycopg.Error, *, anonymous: bool) -> RestError:
    """Translate what Postgres said. Without rights, the anonymous are asked who they are (401), others not (403)."""
    state = error.sqlstate or "08006"
    if state == "42501":
        status = 401 if anonymous else 403
    else:
        status = _STATUS.get(state) or _STATUS.get(state[:2]) or 400
    diag = error.diag
    message = diag.message_primary or "The database does not answer."
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    return RestError(status, state, message, diag.message_detail, diag.message_hint, headers)


def unparsable(what: str, text: str, at: int, expected: str) -> RestError:
    """PGRST100: a parameter cannot be read."""
    return RestError(
        400,
        "PGRST100",
        f'"failed to parse {what} ({text[:200]})" (line 1, column {at + 1})',
        expected,
    )


def bad_body(message: str) -> RestError:
    """PGRST102: the body cannot be used."""
    return RestError(400, "PGRST102", message)


def unknown_table(schema: str, name: str, hint: str | None) -> RestError:
    """PGRST205."""
    return RestError(
        404, "PGRST205", f"Could not find the table '{schema}.{name}' in the schema cache", None, hint
    )


def unknown_column(table: str, name: str) -> RestError:
    """PGRST204."""
    return RestError(400, "PGRST204", f"Could not find the '{name}' column of '{table}' in the schema cache")
