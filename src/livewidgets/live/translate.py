"""The border where exceptions and answers of the packages below become ours."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import Any

import httpx
import websockets

from livewidgets.errors import (
    FilterError,
    KeyRefusedError,
    LiveWidgetsError,
    NoPrimaryKeyError,
    NoRightsError,
    NotPublishedError,
    ProtocolError,
    RoomError,
    UnknownColumnError,
    UnknownTableError,
    UnreachableError,
)

_CHECK_URL = "Check SUPABASE_URL and the network; it is tried again for ever."
_CHECK_KEY = "Check SUPABASE_KEY: it must be a key of this project (Project Settings, API Keys)."


def key_refused(host: str) -> KeyRefusedError:
    """Return the error for a key or token that `host` does not accept."""
    return KeyRefusedError(f"{host} refused the API key or the access token.", _CHECK_KEY)


def opening_error(error: Exception, host: str) -> LiveWidgetsError:
    """Translate what opening a websocket raised."""
    if isinstance(error, LiveWidgetsError):
        return error
    if isinstance(error, websockets.InvalidStatus):
        status = error.response.status_code
        if status in (401, 403):
            return key_refused(host)
        if status == 429:
            return UnreachableError(
                f"{host} has too many connections.", "It is tried again; close what is not used."
            )
        if status >= 500:
            return UnreachableError(f"{host} is out of order (HTTP {status}).", _CHECK_URL)
        return UnreachableError(f"There is no Realtime server at {host} (HTTP {status}).", _CHECK_URL)
    if isinstance(error, websockets.InvalidHandshake | websockets.InvalidURI):
        return UnreachableError(f"There is no Realtime server at {host}.", _CHECK_URL)
    return unreachable(error, host)


def unreachable(error: Exception, host: str) -> UnreachableError:
    """Translate a failure of the network."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        why = "does not answer in time"
    elif isinstance(error, ssl.SSLError):
        why = "does not speak TLS as expected"
    elif isinstance(error, ConnectionRefusedError):
        why = "refuses connections"
    else:
        why = "cannot be reached"
    return UnreachableError(f"{host} {why}.", _CHECK_URL)


def rest_error(status: int, body: Mapping[str, Any], table: str, host: str) -> LiveWidgetsError:
    """Translate a refusal by the REST service.

    Parameters
    ----------
    status
        The HTTP status, 300 or above.
    body
        Its JSON, empty where it has none.
    table
        The table that was asked for.
    host
        Who answered.
    """
    code, message = str(body.get("code") or ""), str(body.get("message") or "")
    if code in ("PGRST205", "42P01", "PGRST106"):
        return UnknownTableError(table)
    if code == "42501":
        return NoRightsError(table)
    if code == "42703":
        found = re.search(r'column "?(?:[\w]+\.)?([\w$ ]+?)"? does not exist', message)
        return UnknownColumnError(table, found[1] if found else "?")
    if code.startswith(("22", "PGRST1")):
        return FilterError(f"The database cannot read the filter on {table!r}: {_mild(message)}")
    if status == 401 or code.startswith("PGRST3"):
        return key_refused(host)
    if status == 403:
        return NoRightsError(table)
    if status == 404:
        return (
            UnknownTableError(table)
            if code
            else UnreachableError(f"There is no REST service at {host}.", _CHECK_URL)
        )
    if status == 429 or status >= 500:
        return UnreachableError(f"The REST service of {host} is out of order (HTTP {status}).", _CHECK_URL)
    return ProtocolError(f"{host} answered a read of {table!r} with HTTP {status} {code}.".replace(" .", "."))


def stream_error(text: str, table: str) -> LiveWidgetsError:
    """Translate the words of a `system` error or a refused join."""
    if "check Realtime is enabled" in text:
        return NotPublishedError(table)
    if found := re.search(r"invalid column for (?:filter|select) (\S+)", text):
        return UnknownColumnError(table, found[1])
    if "Error parsing `filter`" in text or "invalid_text_representation" in text:
        return FilterError(
            f"Realtime cannot read the filter on {table!r}.", "Use `fixed` with plain values only."
        )
    if "Unauthorized" in text or "permission denied" in text:
        return NoRightsError(table)
    if "no primary key" in text:
        return NoPrimaryKeyError(table)
    if re.search(r"token|jwt", text, re.IGNORECASE):
        return KeyRefusedError("Realtime refused the access token.", "Sign in again.")
    return UnreachableError(f"Realtime stopped the changes of {table!r}: {_mild(text)}", "It is tried again.")


def room_error(text: str, topic: str) -> LiveWidgetsError:
    """Translate the words of a refused join of a room, or of the end of one."""
    if "permission" in text or "Unauthorized" in text:
        return RoomError(
            topic,
            f"The role may not be in the channel {topic!r}.",
            "Check the policies on realtime.messages, and the access token.",
        )
    if re.search(r"token|jwt", text, re.IGNORECASE):
        return KeyRefusedError("Realtime refused the access token.", "Sign in again.")
    if "PrivateOnly" in text:
        return RoomError(topic, "This project allows private channels only.", "Write private=True.")
    return UnreachableError(f"Realtime ended the channel {topic!r}: {_mild(text)}", "It is tried again.")


def _mild(text: str) -> str:
    """Return the start of a foreign message, without the values that it may quote."""
    return re.sub(r"\"[^\"]*\"|'[^']*'", "…", text)[:160]
