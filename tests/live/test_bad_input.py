"""What is wrong is said by `ready`, in the status, in our words, in time, and without a key in it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from livewidgets.core.connection import ConnectionState
from livewidgets.errors import (
    ConfigError,
    KeyRefusedError,
    LiveWidgetsError,
    NoPrimaryKeyError,
    NoRightsError,
    NotPublishedError,
    NotReadyError,
    UnknownColumnError,
    UnknownTableError,
    UnreachableError,
)
from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable, TableState
from livewidgets.live.timings import Timings
from tests.live.conftest import Table, eventually

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]


def refused_by(table: LiveTable, kind: type[LiveWidgetsError]) -> LiveWidgetsError:
    """Check that `ready` raises this kind, shortly and in time, and that the status tells the same."""
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        table.ready(60)
    assert time.monotonic() - started < 40  # it knew, and did not just come to its limit
    assert caught.value.advice
    assert table.status.error is caught.value
    wall = "".join(traceback.format_exception(caught.value))
    assert wall.count("\n") < 20, wall
    return caught.value


def test_a_table_that_is_not_there(live: Live) -> None:
    assert "'nowhere'" in str(refused_by(live.table("nowhere"), UnknownTableError))


def test_a_table_outside_of_the_publication(live: Live, make_table: MakeTable) -> None:
    data = make_table(publish=False)
    data.run("insert into {} values (1, 'a')")
    table = live.table(data.name)
    assert "alter publication" in str(refused_by(table, NotPublishedError))
    assert table.status.state is TableState.ERROR
    data.run("alter publication supabase_realtime add table {}")
    eventually(lambda: table.status.state is TableState.LIVE, "it is not tried again")
    assert table.status.error is None
    assert table.ready()[1]["title"] == "a"


def test_a_table_that_this_role_may_not_read(open_live: OpenLive, make_table: MakeTable) -> None:
    data = make_table(grant=False)
    table = open_live().table(data.name)
    assert "grant select" in str(refused_by(table, NoRightsError))
    data.run("grant select on {} to anon")
    eventually(lambda: table.status.state is TableState.LIVE, "it is not tried again")


def test_a_table_without_a_primary_key(live: Live, make_table: MakeTable) -> None:
    data = make_table("a int, b text")
    assert "add primary key" in str(refused_by(live.table(data.name), NoPrimaryKeyError))


@pytest.mark.parametrize(
    "arguments", [{"where": {"nope": 1}}, {"order": "-nope"}, {"fixed": ("nope",)}, {"key": "nope"}]
)
def test_a_column_that_is_not_there(live: Live, make_table: MakeTable, arguments: dict[str, Any]) -> None:
    data = make_table()
    error = refused_by(live.table(data.name, **arguments), UnknownColumnError)
    assert isinstance(error, UnknownColumnError)
    assert error.column == "nope"
    assert "title" in str(error)


def test_a_bad_table_does_not_trouble_a_good_one(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    bad, good = live.table("nowhere"), live.table(data.name)
    refused_by(bad, UnknownTableError)
    assert good.ready().status.state is TableState.LIVE
    eventually(lambda: live.status.state is ConnectionState.LIVE)
    data.run("insert into {} values (1, 'a')")
    eventually(lambda: 1 in good)


def test_a_value_that_the_column_cannot_hold(live: Live, make_table: MakeTable) -> None:
    data = make_table()
    with pytest.raises(LiveWidgetsError, match="filter"):
        live.table(data.name, where={"id": "no number"}).ready()


def test_a_wrong_key(open_live: OpenLive) -> None:
    key = "not-the-key-of-this-project"
    live = open_live(key=key)
    error = refused_by(live.table("calls"), KeyRefusedError)
    assert live.status.state is ConnectionState.REFUSED
    # One that is asked for now does not wait for the next try to hear of it.
    refused_by(live.table("alerts"), KeyRefusedError)
    assert key not in str(error) + repr(live) + repr(live.status) + repr(vars(live._upstream))


def test_a_wrong_token(open_live: OpenLive, sandbox: Any) -> None:
    token = sandbox.manager_token[:-4] + "AAAA"
    error = refused_by(open_live(token=token).table("calls"), KeyRefusedError)
    assert token not in str(error)


def test_nobody_at_the_address(open_live: OpenLive) -> None:
    live = open_live(url="http://127.0.0.1:9")
    table = live.table("calls")
    refused_by(table, UnreachableError)
    assert table.status.state is TableState.LOADING
    tries = live.status.attempt
    assert live.status.state is ConnectionState.RECONNECTING
    # The waits between the tries are up to half a minute by now.
    eventually(lambda: live.status.attempt > tries, "it is not tried again", 40)


def test_an_address_that_never_answers(open_live: OpenLive, silent_server: str) -> None:
    refused_by(open_live(url=silent_server, timings=Timings(open=0.8)).table("calls"), UnreachableError)


def test_the_limit_of_ready(open_live: OpenLive, silent_server: str) -> None:
    table = open_live(url=silent_server, timings=Timings()).table("calls")
    with pytest.raises(NotReadyError):  # long before there is anything else to raise
        table.ready(timeout=0.2)


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://x.supabase.co", "https://", "postgresql://u:p@h/db"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Live(url, "key")
    assert "https://" in str(caught.value)


@pytest.mark.parametrize("key", ["", "  ", "schlüssel", None])
def test_a_key_that_is_none(key: Any) -> None:
    with pytest.raises(ConfigError):
        Live("https://x.supabase.co", key)
