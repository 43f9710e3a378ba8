"""Keys and tokens that are not accepted for a while: said in time, and in the end the rows are right."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from livewidgets.core.connection import ConnectionState
from livewidgets.errors import KeyRefusedError, UnreachableError
from livewidgets.live.client import Live
from livewidgets.live.credentials import expiry_of
from livewidgets.live.table import TableState
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import QUICK, BackFrom, Sign, Table, comes_back, eventually

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_a_gateway_that_refuses_a_reconnect(
    open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable, status: int, back_from: BackFrom
) -> None:
    far = open_live(url=proxy.url, timings=replace(QUICK, refused_retry=0.3))
    data = make_table()
    table = far.table(data.name).ready()
    proxy.refuse(status)
    tried = proxy.accepted
    proxy.reset_connections()
    refused = status in (401, 403)
    eventually(lambda: isinstance(table.status.error, KeyRefusedError if refused else UnreachableError))
    eventually(lambda: proxy.accepted > tried + 1)
    if refused:
        assert far.status.state is ConnectionState.REFUSED
        assert table.status.state is TableState.ERROR
    else:
        assert table.status.state is TableState.STALE
    data.run("insert into {} values (1, 'a')")
    with back_from(f"an outage: {status} at a reconnect"):
        proxy.restore()
        comes_back(table, data)
    assert far.status.error is None


def test_a_token_that_expires_is_asked_for_again(
    open_live: OpenLive, sign: Sign, make_table: MakeTable, back_from: BackFrom
) -> None:
    asked: list[float] = []

    def token() -> str:
        asked.append(time.time())
        return sign(8 if len(asked) == 1 else 3600)  # long enough to get ready in

    live = open_live(token=token)
    data = make_table()
    table = live.table(data.name).ready()
    states: list[TableState] = []
    table._tap(lambda patch: None, lambda status: states.append(status.state))
    eventually(lambda: len(asked) > 1, "the token was not renewed")
    with back_from("token expiry: renewed in time"):
        data.run("insert into {} values (1, 'a')")
        comes_back(table, data)
    assert TableState.ERROR not in states


def test_a_token_that_expired_while_there_was_no_connection(
    open_live: OpenLive, proxy: FaultProxy, sign: Sign, make_table: MakeTable, back_from: BackFrom
) -> None:
    works = [True]
    life = [3600]

    def token() -> str:
        if not works[0]:
            raise ConnectionError("the identity provider is away, too")
        return sign(life[0])

    far = open_live(url=proxy.url, token=token)
    data = make_table()
    table = far.table(data.name).ready()
    credentials = far._upstream.credentials
    # All is there; only now a token that ends soon.
    life[0] = 2
    far.set_access_token(token)
    eventually(lambda: (expiry_of(credentials.present) or math.inf) < time.time() + 60)
    works[0] = False
    proxy.cut()
    eventually(lambda: credentials.expired)
    data.run("insert into {} values (1, 'a')")
    proxy.restore()
    eventually(lambda: far.status.attempt > 1)
    assert len(table) == 0
    with back_from("token expiry: while there was no connection"):
        life[0] = 3600
        works[0] = True
        far.retry_now()
        comes_back(table, data)
