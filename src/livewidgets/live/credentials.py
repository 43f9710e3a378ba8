"""The access token: where it comes from, how long it is good for, and when to ask for the next one."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

from livewidgets.errors import ConfigError, KeyRefusedError, LiveWidgetsError, UnreachableError

Token = str | Callable[[], str | Awaitable[str]]

#: Exceptions of these packages, raised by a provider, say that the network failed it, not that the user is signed out.
_NETWORK_PACKAGES = ("httpx", "httpcore", "requests", "urllib3", "aiohttp")


class Secret(str):
    """A key or token that does not show itself in a repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'<key>'"


def claims_of(token: str | None) -> dict[str, Any]:
    """Read the claims of a JWT without verifying it, which is the server's business; empty for what is none."""
    parts = (token or "").split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def expiry_of(token: str | None) -> float | None:
    """Say when a JWT expires (seconds since 1970); None for one that does not, or that is no JWT."""
    expires = claims_of(token).get("exp")
    return float(expires) if isinstance(expires, int | float) and not isinstance(expires, bool) else None


class Credentials:
    """The present access token of a connection; on the I/O thread, but for reading `present`.

    Parameters
    ----------
    source
        A token; a function that gives one, which may be a coroutine function; or None for the key's own role.
    wall
        The wall clock.
    margin
        How long before its expiry a token is replaced (seconds).
    limit
        How long the function may take (seconds).
    """

    def __init__(self, source: Token | None, wall: Callable[[], float], margin: float, limit: float) -> None:
        self._source = _hidden(source)
        self._wall = wall
        self._margin = margin
        self._limit = limit
        self._due: float | None = None
        #: What is sent now.
        self.present: str | None = None
        if not callable(self._source):
            self._take(self._source)

    def __repr__(self) -> str:
        kind = "none" if self._source is None else "a function" if callable(self._source) else "a token"
        return f"<Credentials: {kind}>"

    @property
    def renewable(self) -> bool:
        """Whether there is somebody to ask for another token."""
        return callable(self._source)

    @property
    def expired(self) -> bool:
        """Whether the present token is of no more use."""
        expires = expiry_of(self.present)
        return expires is not None and expires <= self._wall()

    def due_in(self) -> float | None:
        """Say in how many seconds to ask for another token; None for never."""
        if not self.renewable or self._due is None:
            return None
        return max(self._due - self._wall(), 0.0)

    def replace(self, source: Token | None) -> None:
        """Use another token, or another function, from now on."""
        self._source = _hidden(source)
        self._take(None if callable(self._source) else self._source)

    async def ask(self) -> str | None:
        """Give the token to be used from now on; a function is asked.

        Raises
        ------
        KeyRefusedError
            The function failed, or gave no token: nobody is signed in.
        UnreachableError
            It did not answer in time, or the network failed it.
        """
        source = self._source
        if callable(source):
            token = await self._asked(source)
            if source is self._source:  # it was not replaced meanwhile
                self._take(token)
        return self.present

    async def _asked(self, source: Callable[[], str | Awaitable[str]]) -> str:
        try:
            async with asyncio.timeout(self._limit):
                # On a thread of its own: it may be a blocking request.
                found = await asyncio.to_thread(source)
                token = await found if inspect.isawaitable(found) else found
        except LiveWidgetsError:
            raise
        except Exception as error:
            name = type(error).__name__
            if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _NETWORK_PACKAGES:
                raise UnreachableError(
                    f"The function for the access token did not get through ({name}).", "It is tried again."
                ) from error
            raise KeyRefusedError(
                f"The function for the access token raised {name}.", "Sign in again."
            ) from error
        if not isinstance(token, str) or not token:
            raise KeyRefusedError(
                f"The function for the access token gave {type(token).__name__}, not a token.",
                "Sign in again.",
            )
        return Secret(token)

    def _take(self, token: str | None) -> None:
        self.present = token
        expires, now = expiry_of(token), self._wall()
        # A token of a short life is replaced at half of it.
        left = 0.0 if expires is None else expires - now
        self._due = None if expires is None else now + max(left - self._margin, left / 2)


def check_token(source: object) -> None:
    """Check what a user gives as a token.

    Raises
    ------
    ConfigError
        It cannot be one.
    """
    if source is None or callable(source):
        return
    if not isinstance(source, str) or not source.isascii() or not source.strip():
        what = "empty or no token" if isinstance(source, str) else f"a {type(source).__name__}"
        raise ConfigError(
            f"The access token is {what}.",
            "Give the token of a signed-in user, or a function that returns one.",
        )


def _hidden(source: Token | None) -> Token | None:
    check_token(source)
    return Secret(source.strip()) if isinstance(source, str) else source
