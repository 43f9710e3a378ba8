"""Requests made up by a machine: never a 500, never a traceback, and the process answers afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Cluster, Server

#: The nightly profile is for the whole of the issue's 100,000 inputs; each of the three tests gets a third.
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
FUZZ = settings(
    max_examples=34_000 if NIGHTLY else 150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SECONDS = 6 * 3600 if NIGHTLY else 120

NAMES = [
    "todos",
    "kitchen",
    "nopk",
    "secrets",
    "calls",
    "nothing",
    "",
    "rpc/f",
    "todos/1",
    "%00",
    "tödö%FF",
    "a" * 3000,
]
COLUMNS = [
    "id",
    "t",
    "n",
    "b",
    "tz",
    "ia",
    "r",
    "jb",
    "i8",
    "title",
    "u",
    "iv",
    "ip",
    "nocol",
    '"i d"',
    "jb->a->>0",
    "*",
]
OPERATORS = [
    "eq",
    "neq",
    "gt",
    "gte",
    "lt",
    "lte",
    "like",
    "ilike",
    "match",
    "imatch",
    "in",
    "is",
    "isdistinct",
    "fts",
    "plfts",
    "phfts",
    "wfts",
    "cs",
    "cd",
    "ov",
    "sl",
    "sr",
    "nxr",
    "nxl",
    "adj",
    "not.eq",
    "not.in",
    "eq(any)",
    "like(all)",
    "fts(english)",
    "not.is",
    "foo",
]
VALUES = [
    "1", "-1", "1e400", "nan", "null", "true", "(1,2)", '("a,b",c)', "{1,2}", "{}", "[1,5)", '{"a":1}', "(", "*x*", "%", "\\",
    "99999999999999999999", "2026-01-01", "infinity", "\U0001f600", "\ud7ff", "a'b", 'a"b', "--", ";", "\x01", "x" * 2000, "((((", "[[[",
]  # fmt: skip
texts = (
    st.sampled_from(VALUES)
    | st.text(max_size=30)
    | st.text(alphabet="ab1.,:()[]{}\"'\\->*% !&|", max_size=40)
)
columns = st.sampled_from(COLUMNS) | st.text(max_size=8)
conditions = st.builds("{}.{}".format, st.sampled_from(OPERATORS), texts)
logic = st.recursive(
    st.builds("{}.{}".format, columns, conditions),
    lambda inner: st.builds(
        "{}({})".format,
        st.sampled_from(["and", "or", "not.and", "not.or"]),
        st.lists(inner, max_size=3).map(",".join),
    ),
    max_leaves=6,
)
items = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "x:", "::"]),
    columns,
    st.sampled_from(["", "::text", "::int", "::nope", "(a)", ".sum()"]),
)
parameters = st.one_of(
    st.tuples(columns, conditions),
    st.tuples(st.just("select"), st.lists(items, max_size=4).map(",".join) | texts),
    st.tuples(
        st.just("order"),
        st.lists(
            st.builds("{}{}".format, columns, st.sampled_from(["", ".desc", ".asc.nullsfirst", ".up"])),
            max_size=3,
        ).map(",".join),
    ),
    st.tuples(
        st.sampled_from(["limit", "offset"]),
        st.sampled_from(["0", "1", "-1", "x", "999999999999999", "9" * 30]) | texts,
    ),
    st.tuples(st.sampled_from(["or", "and", "not.or"]), logic.map("({})".format) | texts),
    st.tuples(st.sampled_from(["columns", "on_conflict"]), st.lists(columns, max_size=3).map(",".join)),
    st.tuples(texts, texts),
)
preferences = st.lists(
    st.sampled_from(
        [
            "return=representation",
            "return=minimal",
            "return=headers-only",
            "resolution=merge-duplicates",
            "resolution=ignore-duplicates",
            "missing=default",
            "count=exact",
            "count=planned",
            "count=estimated",
            "handling=strict",
            "max-affected=1",
            "max-affected=x",
            "timezone=Europe/Berlin",
            "timezone=x",
            "tx=rollback",
            "junk",
            "==",
        ]
    ),
    max_size=4,
).map(",".join)
ascii_text = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(str.strip)
headers = st.fixed_dictionaries(
    {},
    optional={
        "prefer": preferences | ascii_text,
        "range": st.sampled_from(["0-1", "5-", "3-1", "-", "0-999999999999999"]) | ascii_text,
        "accept": st.sampled_from(
            ["text/csv", "application/vnd.pgrst.object+json", "application/json;nulls=stripped", "*/*", "text/html"]
        ) | ascii_text,
        "content-type": st.sampled_from(["text/csv", "application/json", "application/x-www-form-urlencoded"]) | ascii_text,
        "accept-profile": st.sampled_from(["public", "auth"]) | ascii_text,
        "content-profile": st.sampled_from(["public", "auth"]) | ascii_text,
        "authorization": st.sampled_from(["Bearer", "Bearer a.b.c", "Basic x"]) | ascii_text,
        "x-supabase-api-version": ascii_text,
    },
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(COLUMNS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
bodies = st.one_of(
    st.binary(max_size=60),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.lists(st.dictionaries(st.sampled_from(COLUMNS), json_values, max_size=3), max_size=3).map(
        lambda rows: json.dumps(rows).encode()
    ),
    st.sampled_from(
        [
            b"[" * 3000,
            b'{"a":' * 900 + b"1" + b"}" * 900,
            b'{"t":"\\ud800"}',
            b'{"jb":"\\u0000"}',
            b'{"i8":' + b"9" * 5000 + b"}",
        ]
    ),
)


@pytest.fixture(scope="module")
def client(server: Server, cluster: Cluster) -> Iterator[httpx.Client]:
    """Asks as service_role: more is allowed, and so more is reached."""
    with psycopg.connect(cluster.dsn, autocommit=True) as db:
        db.execute("insert into kitchen (t, jb, ia) values ('alpha', '{\"a\": [1]}', '{1}')")
    with httpx.Client(base_url=server.url, headers={"apikey": server.keys.service_key}, timeout=30) as client:
        yield client
        assert client.get("/health").json() == {"status": "ok"}
    with psycopg.connect(cluster.dsn, autocommit=True) as db:
        db.execute("delete from calls")
        db.execute("truncate kitchen, todos, nopk, secrets restart identity")


def check(answer: httpx.Response) -> None:
    told = answer.content[:2000]
    assert answer.status_code < 500, told
    for word in (b"Traceback", b"psycopg", b'File "', b"site-packages"):
        assert word not in told or word in answer.request.content or word.decode() in str(answer.request.url)


def send(client: httpx.Client, method: str, path: str, **options: Any) -> None:
    try:
        request = client.build_request(method, path, **options)
    except (httpx.InvalidURL, UnicodeEncodeError, ValueError):
        return  # the client itself cannot write this down
    check(client.send(request))


@pytest.mark.timeout(SECONDS)
@FUZZ
@given(st.sampled_from(NAMES), st.lists(parameters, max_size=5), headers, st.sampled_from(["GET", "HEAD"]))
def test_any_question_is_answered(
    client: httpx.Client, name: str, query: list[tuple[str, str]], more: dict[str, str], method: str
) -> None:
    send(client, method, f"/rest/v1/{name}", params=query, headers=more)


@pytest.mark.timeout(SECONDS)
@FUZZ
@given(
    st.sampled_from(NAMES),
    st.lists(parameters, max_size=3),
    headers,
    bodies,
    st.sampled_from(["POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE"]),
)
def test_any_change_is_answered(
    client: httpx.Client,
    name: str,
    query: list[tuple[str, str]],
    more: dict[str, str],
    body: bytes,
    method: str,
) -> None:
    send(client, method, f"/rest/v1/{name}", params=query, headers=more, content=body)


account_bodies = (
    st.dictionaries(
        st.sampled_from(
            [
                "email",
                "password",
                "refresh_token",
                "data",
                "phone",
                "id",
                "role",
                "ban_duration",
                "email_confirm",
                "user_metadata",
                "app_metadata",
            ]
        ),
        json_values | st.sampled_from(["a@b.test", "a good password", "24h"]),
    ).map(lambda value: json.dumps(value).encode())
    | bodies
)
ACCOUNT_PATHS = [
    "signup",
    "token?grant_type=password",
    "token?grant_type=refresh_token",
    "token",
    "user",
    "logout?scope=local",
    "logout?scope=x",
    "settings",
    "health",
    "otp",
    "admin/users",
    "admin/users?page=2&per_page=1",
    "admin/users?page=x",
    "admin/users/x",
    "nothing",
    "admin/users/00000000-0000-4000-8000-00000000000f",
]


@pytest.mark.timeout(SECONDS)
@FUZZ
@given(
    st.sampled_from(ACCOUNT_PATHS), st.sampled_from(["GET", "POST", "PUT", "DELETE"]), headers, account_bodies
)
def test_any_account_request_is_answered(
    client: httpx.Client, path: str, method: str, more: dict[str, str], body: bytes
) -> None:
    if "authorization" not in more:
        key = client.headers["apikey"]
        more = {**more, "authorization": f"Bearer {key}"}
    send(client, method, f"/auth/v1/{path}", headers=more, content=body)
