"""Reads and writes by REST, through the request builders of the Supabase client.

The builders make the request; the answer is taken raw, because the package's models would check every value of every
row once more and hide the HTTP status behind an exception. Retrying is the callers' business.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from livewidgets.core.change import Row
from livewidgets.core.postgrest import quoted_column
from livewidgets.errors import (
    ClosedError,
    LiveWidgetsError,
    NotConnectedError,
    ProtocolError,
    UnreachableError,
)
from livewidgets.live.timings import Timings
from livewidgets.live.translate import rest_error, unreachable
from livewidgets.live.writes_errors import write_error

#: Failures before anything was sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows, and how many there are in all where that was asked for."""

    rows: list[Row]
    total: int | None = None


class Rest:
    """The REST half of a project. Make it with `create`, on the I/O thread."""

    def __init__(self, client: AsyncClient, session: httpx.AsyncClient, host: str) -> None:
        self.client = client
        self._session = session
        self._host = host
        #: The requests under way, each with what ends it.
        self._sending: dict[asyncio.Future[Any], anyio.CancelScope] = {}
        #: The most rows that an answer has held: the project gives at least so many at once.
        self.longest_page = 0
        #: When an answer of any kind last came (monotonic seconds).
        self.last_heard: float | None = None

    @classmethod
    async def create(cls, url: str, key: str, schema: str, timings: Timings) -> Rest:
        """Make the Supabase client; opens no connection yet."""
        parts = urlsplit(url)
        session = httpx.AsyncClient(
            timeout=timings.request,
            follow_redirects=True,
            # A proxy of the environment is for the way out, not for this machine.
            trust_env=parts.hostname not in ("127.0.0.1", "localhost", "::1"),
        )
        options = AsyncClientOptions(
            schema=schema, auto_refresh_token=False, persist_session=False, httpx_client=session
        )
        return cls(await acreate_client(url, key, options), session, parts.netloc)

    def set_token(self, token: str | None) -> None:
        """Send this access token from now on; None: the key's own role."""
        bearer = f"Bearer {token or self.client.supabase_key}"
        self.client.options.headers["Authorization"] = bearer
        self.client.postgrest.headers["Authorization"] = bearer

    async def select(self, table: str, params: Sequence[tuple[str, str]], *, count: bool = False) -> Answer:
        """Read rows of a table.

        Parameters
        ----------
        table
            Its name in the client's schema.
        params
            PostgREST's parameters, ``select`` among them or not.
        count
            Ask how many rows there are in all.

        Raises
        ------
        LiveWidgetsError
            Refused, not understood or not answered; see `translate`.
        """
        request = self.client.from_(table).select("*").request
        given = list(params)
        if not any(name == "select" for name, _ in given):
            given.insert(0, ("select", "*"))
        request.params = httpx.QueryParams(tuple(given))
        response = await self._send(request.send(httpx.Headers({"Prefer": "count=exact"} if count else {})))
        if response.status_code >= 300:
            raise self._refusal(response, table)
        rows = _json(response)
        if not isinstance(rows, list):
            raise ProtocolError(
                f"{self._host} answered a read of {table!r} with something that is no list of rows."
            )
        total = response.headers.get("content-range", "").partition("/")[2]
        return Answer(rows, int(total) if total.isdigit() else None)

    async def insert(self, table: str, row: Row, key: Sequence[str]) -> list[Row]:
        """Insert a row, unless there is one with its key; give it as it is then, or nothing.

        Raises
        ------
        NotConnectedError
            It was not sent.
        UnreachableError
            It was sent and not answered.
        LiveWidgetsError
            Refused; see `write_error`.
        """
        request = (
            self.client.from_(table)
            .upsert(dict(row), ignore_duplicates=True, on_conflict=",".join(map(quoted_column, key)))
            .request
        )
        return await self._write(request, table)

    async def update(self, table: str, values: Row, params: Sequence[tuple[str, str]]) -> list[Row]:
        """Update the rows that the parameters mean; give them as they are then. Raises as `insert` does."""
        request = self.client.from_(table).update(dict(values)).request
        request.params = httpx.QueryParams(tuple(params))
        return await self._write(request, table)

    async def delete(self, table: str, params: Sequence[tuple[str, str]]) -> list[Row]:
        """Delete the rows that the parameters mean; give them as they were. Raises as `insert` does."""
        request = self.client.from_(table).delete().request
        request.params = httpx.QueryParams(tuple(params))
        return await self._write(request, table)

    async def _write(self, request: Any, table: str) -> list[Row]:  # noqa: ANN401 - the package's request
        try:
            response = await self._send(request.send(httpx.Headers()))
        except UnreachableError as error:
            if isinstance(error.__cause__, _NOT_SENT):
                raise NotConnectedError(
                    f"{self._host} cannot be reached.", "It is tried again."
                ) from error.__cause__
            raise
        if response.status_code >= 300:
            body = _json(response)
            refusal = write_error(body if isinstance(body, dict) else {}, table)
            raise refusal or self._refusal(response, table)
        rows = _json(response)
        return rows if isinstance(rows, list) else []

    async def document(self) -> dict[str, Any] | None:
        """Read the OpenAPI description of what this role may see; None where the project does not give it."""
        postgrest = self.client.postgrest
        response = await self._send(
            postgrest.session.get(f"{postgrest.base_url}/", headers=postgrest.headers)
        )
        if response.status_code == 401 and not _is_forbidden_document(response):
            raise self._refusal(response, "")
        found = _json(response) if response.status_code < 300 else None
        return found if isinstance(found, dict) else None

    async def close(self) -> None:
        """Close the connections, and end what is still asked for."""
        for scope in tuple(self._sending.values()):
            scope.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._session.aclose()

    async def _send(self, sending: Any) -> httpx.Response:  # noqa: ANN401 - the package's awaitable has no type
        # In a task of its own, which is never cancelled as asyncio does it. The packages close several connections at
        # once, such as those that a reset has ended, and shield that from the cancelling of their own kind only: any
        # other would leave the rest of them open, and known to nobody.
        scope = anyio.CancelScope()
        task = asyncio.ensure_future(_within(scope, sending))
        self._sending[task] = scope
        task.add_done_callback(self._ended)
        try:
            response = await asyncio.shield(task)
        except asyncio.CancelledError:
            scope.cancel()
            await asyncio.wait((task,))
            raise
        except httpx.HTTPError as error:
            raise unreachable(error, self._host) from error
        if response is None:
            raise ClosedError(f"The connection to {self._host} was closed.", "Connect again.")
        self.last_heard = time.monotonic()
        return response

    def _ended(self, task: asyncio.Future[Any]) -> None:
        del self._sending[task]
        if not task.cancelled():
            task.exception()  # nobody may be waiting for it any more

    def _refusal(self, response: httpx.Response, table: str) -> LiveWidgetsError:
        body = _json(response)
        return rest_error(response.status_code, body if isinstance(body, dict) else {}, table, self._host)


async def _within(scope: anyio.CancelScope, sending: Any) -> httpx.Response | None:  # noqa: ANN401 - as above
    """Wait for an answer; None when the scope was cancelled before it came."""
    with scope:
        response: httpx.Response = await sending
        return response
    return None


def _is_forbidden_document(response: httpx.Response) -> bool:
    """Tell a project that keeps its description to secret keys from one that refuses the key altogether."""
    body = _json(response)
    text = str(body.get("message", "")) if isinstance(body, dict) else ""
    return "schema" in text.lower() or "secret" in text.lower() or "service_role" in text


def _json(response: httpx.Response) -> Any:  # noqa: ANN401 - JSON is anything
    try:
        return response.json()
    except ValueError:
        return None
