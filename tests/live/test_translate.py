"""Foreign words become our errors, and no secret gets through."""

from __future__ import annotations

import logging
import ssl

import httpx
import pytest

from livewidgets.errors import (
    FilterError,
    KeyRefusedError,
    LiveWidgetsError,
    NoPrimaryKeyError,
    NoRightsError,
    NotPublishedError,
    ProtocolError,
    UnknownColumnError,
    UnknownTableError,
    UnreachableError,
)
from livewidgets.live.journal import quiet_the_packages, without_secrets
from livewidgets.live.translate import rest_error, stream_error, unreachable


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"code": "PGRST205", "message": "Could not find the table"}, UnknownTableError),
        (404, {"code": "42P01", "message": 'relation "public.x" does not exist'}, UnknownTableError),
        (406, {"code": "PGRST106", "message": "The schema must be one of the following"}, UnknownTableError),
        (401, {"code": "42501", "message": "permission denied for table x"}, NoRightsError),
        (403, {"code": "42501", "message": "permission denied for table x"}, NoRightsError),
        (403, {}, NoRightsError),
        (400, {"code": "42703", "message": "column x.nope does not exist"}, UnknownColumnError),
        (400, {"code": "22P02", "message": 'invalid input syntax for type uuid: "secret"'}, FilterError),
        (400, {"code": "PGRST100", "message": "failed to parse filter"}, FilterError),
        (401, {"message": "Invalid API key"}, KeyRefusedError),
        (401, {"code": "PGRST303", "message": "JWT expired"}, KeyRefusedError),
        (404, {}, UnreachableError),
        (429, {}, UnreachableError),
        (503, {"code": "PGRST000"}, UnreachableError),
        (418, {}, ProtocolError),
    ],
)
def test_answers_of_rest(status: int, body: dict[str, str], kind: type[LiveWidgetsError]) -> None:
    error = rest_error(status, body, "x", "host")
    assert type(error) is kind
    assert "secret" not in str(error)
    if isinstance(error, UnknownColumnError):
        assert error.column == "nope"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            (
                "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given "
                "connect parameters: [event: *, schema: public, table: x, filters: [], select: nil]"
            ),
            NotPublishedError,
        ),
        (
            (
                "Unable to subscribe to changes with given parameters. An exception happened so please check your connect "
                "parameters: [event: *, ...]. Exception: ERROR P0001 (raise_exception) invalid column for filter nope"
            ),
            UnknownColumnError,
        ),
        ('Error parsing `filter` params: ["foo", "1"]', FilterError),
        ("Error 401: Unauthorized", NoRightsError),
        ("Error 400: Bad Request, no primary key", NoPrimaryKeyError),
        ("Token has expired 12 seconds ago", KeyRefusedError),
        ("Too many channels", UnreachableError),
    ],
)
def test_words_of_realtime(text: str, kind: type[LiveWidgetsError]) -> None:
    assert type(stream_error(text, "x")) is kind


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "in time"),
        (httpx.ConnectTimeout(""), "in time"),
        (ConnectionRefusedError(), "refuses"),
        (ssl.SSLError(), "TLS"),
        (OSError(), "reached"),
    ],
)
def test_failures_of_the_network(error: Exception, words: str) -> None:
    assert words in str(unreachable(error, "host"))


@pytest.mark.parametrize(
    "text",
    [
        "wss://h/realtime/v1/websocket?apikey=SECRET&vsn=1.0.0",
        "Bearer eyJhbGciOi.eyJSECRET.SECRET_x-y",
        "key sb_secret_SECRET and sb_publishable_SECRET",
    ],
)
def test_secrets_are_taken_out(text: str) -> None:
    assert "SECRET" not in without_secrets(text)
    assert "<key>" in without_secrets(text)


def test_the_packages_are_discreet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    quiet_the_packages()
    quiet_the_packages()
    logging.getLogger("httpx").info(
        "HTTP Request: %s %s", "GET", "http://h/rest/v1/calls?caller_number=eq.5551234"
    )
    logging.getLogger("realtime._async.client").error(
        "Unrecognized message format %r", '{"phone": "5551234"}'
    )
    logging.getLogger("realtime._async.client").debug("receive: 5551234")
    logging.getLogger("httpx").info("a plain line")
    assert "5551234" not in caplog.text
    assert "/rest/v1/calls?…" in caplog.text
    assert "Unrecognized message format" in caplog.text
    assert "a plain line" in caplog.text
    assert len(logging.getLogger("httpx").filters) == 1
