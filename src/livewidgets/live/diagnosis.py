"""Plain questions to a project, one at a time and without retries: what `livewidgets doctor` looks at.

Everything else here hides trouble behind another try. A diagnosis wants the trouble itself: at which step the network
gives up, which code PostgREST answers, whether it is the join or the stream that does not come.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from livewidgets.live.credentials import Secret
from livewidgets.live.journal import quiet_the_packages
from livewidgets.live.translate import unreachable

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Contact:
    """How far one came towards a server.

    Attributes
    ----------
    reached
        The last step that worked: ``nothing``, ``name``, ``connection`` or ``encryption`` (also where none is needed).
    trouble
        Why the next one did not; empty when all worked.
    addresses
        What the name stands for.
    seconds
        How long the TCP connection took.
    tls
        The version of TLS; empty for plain http.
    proxied
        The environment names a proxy for this address: nothing was tried.
    """

    reached: Literal["nothing", "name", "connection", "encryption"]
    trouble: str = ""
    addresses: tuple[str, ...] = ()
    seconds: float = 0.0
    tls: str = ""
    proxied: bool = False


async def contact(url: str, limit: float) -> Contact:
    """Look a name up, open a TCP connection, and speak TLS where the address asks for it.

    Parameters
    ----------
    url
        The project's address.
    limit
        Seconds for each step.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    if host not in _LOOPBACK and parts.scheme in getproxies() and not proxy_bypass(host):
        return Contact("encryption", proxied=True)
    try:
        async with asyncio.timeout(limit):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as error:
        return Contact("nothing", _words(error, "no such name"))
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    started = time.monotonic()
    try:
        async with asyncio.timeout(limit):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        return Contact("name", _words(error, "no answer"), addresses)
    seconds = time.monotonic() - started
    try:
        if not secure:
            return Contact("encryption", "", addresses, seconds)
        async with asyncio.timeout(limit):
            await writer.start_tls(httpx.create_ssl_context(), server_hostname=host)
        tls = writer.get_extra_info("ssl_object")
        return Contact("encryption", "", addresses, seconds, (tls.version() or "TLS") if tls else "TLS")
    except (OSError, TimeoutError) as error:
        return Contact("connection", _words(error, "no TLS"), addresses, seconds)
    finally:
        writer.transport.abort()


def _words(error: Exception, otherwise: str) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid ({error.verify_message.rstrip('.')})"
    if isinstance(error, ssl.SSLError):
        return "the server does not speak TLS"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return "no such name"
    return (error.strerror or otherwise).lower() if isinstance(error, OSError) else otherwise


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered.

    Attributes
    ----------
    status
        The HTTP status.
    body
        The JSON, or None where it is none.
    total
        How many rows there are in all, where that was asked for and told.
    seconds
        How long it took.
    skew
        By how many seconds this machine's clock is ahead of the server's; None where the server does not tell.
    """

    status: int
    body: Any = field(repr=False)
    total: int | None = None
    seconds: float = 0.0
    skew: float | None = None

    @property
    def ok(self) -> bool:
        """Whether it was granted."""
        return self.status < 300

    @property
    def code(self) -> str:
        """PostgREST's or Postgres' code of a refusal; empty where there is none."""
        return self._said("code")

    @property
    def message(self) -> str:
        """The words of a refusal."""
        return self._said("message") or self._said("msg")

    @property
    def hint(self) -> str:
        """What the server proposes."""
        return self._said("hint")

    def _said(self, name: str) -> str:
        return str(self.body.get(name) or "") if isinstance(self.body, dict) else ""


class Questions:
    """Asks the REST service, as one key and token; a context manager.

    Parameters
    ----------
    url, key, token, schema
        As for `Live`.
    limit
        Seconds for an answer.
    wall
        This machine's clock.
    """

    def __init__(
        self, url: str, key: str, token: str | None, schema: str, limit: float, wall: Callable[[], float]
    ) -> None:
        quiet_the_packages()
        parts = urlsplit(url)
        self._host = parts.netloc
        self._wall = wall
        self._session = httpx.AsyncClient(
            base_url=f"{url}/rest/v1",
            headers={
                "apikey": key,
                "Authorization": Secret(f"Bearer {token or key}"),
                "Accept-Profile": schema,
                "Content-Profile": schema,
            },
            timeout=limit,
            follow_redirects=True,
            trust_env=parts.hostname not in _LOOPBACK,
        )

    def __repr__(self) -> str:
        return f"<Questions to {self._host}>"

    async def __aenter__(self) -> Questions:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.aclose()

    async def get(
        self, table: str = "", params: Sequence[tuple[str, str]] = (), *, count: bool = False
    ) -> Reply:
        """Read from a table, or the description of all of them.

        Raises
        ------
        UnreachableError
            There was no answer.
        """
        return await self._ask("GET", table, params, {"Prefer": "count=exact"} if count else {})

    async def patch(
        self, table: str, params: Sequence[tuple[str, str]], values: Mapping[str, Any], select: str
    ) -> Reply:
        """Update rows; the answer holds the columns `select` of those that were. Raises as `get` does."""
        return await self._ask(
            "PATCH", table, (*params, ("select", select)), {"Prefer": "return=representation"}, dict(values)
        )

    async def _ask(
        self,
        method: str,
        table: str,
        params: Sequence[tuple[str, str]],
        headers: Mapping[str, str],
        values: Any = None,  # noqa: ANN401 - JSON
    ) -> Reply:
        started, clock = self._wall(), time.monotonic()
        try:
            response = await self._session.request(
                method, f"/{table}", params=httpx.QueryParams(tuple(params)), headers=headers, json=values
            )
        except httpx.HTTPError as error:
            raise unreachable(error, self._host) from error
        took = time.monotonic() - clock
        try:
            body = response.json()
        except ValueError:
            body = None
        total = response.headers.get("content-range", "").partition("/")[2]
        return Reply(
            response.status_code,
            body,
            int(total) if total.isdigit() else None,
            took,
            _skew(response.headers.get("date"), started + took / 2),
        )


def _skew(date: str | None, now: float) -> float | None:
    """Compare the clocks. The header has whole seconds, cut off: on average it is half a second behind."""
    if date is None:
        return None
    try:
        return now - (parsedate_to_datetime(date).timestamp() + 0.5)
    except ValueError:
        return None
