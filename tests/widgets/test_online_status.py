from __future__ import annotations

import gc
import threading

import pytest
from ipywidgets.widgets.widget import _instances

from livewidgets.core.connection import ConnectionState, ConnectionStatus
from livewidgets.errors import KeyRefusedError
from livewidgets.widgets.hub import hub
from livewidgets.widgets.online_status import OnlineStatus, StatusSource, status_meta
from tests.widgets.conftest import MemoryLive
from tests.widgets.test_call_tracker import settled


@pytest.fixture
def shown(bench):
    bench.live = MemoryLive()
    bench.exchange.register("status", StatusSource(bench.live))
    bench.show("status")
    bench.loop.run(0.2)
    return bench


def meta_of(bench):
    return bench.pages[0].feeds["status"].meta


def test_the_connection_is_told_at_once(shown):
    meta = meta_of(shown)
    assert meta["connection"] == {
        "state": "live",
        "since": 1_700_000_000_000,
        "attempt": 0,
        "retry_at": None,
        "error": None,
        "latency_ms": 12,
        "legs": {"rest": 1000, "realtime": 0},
    }
    assert meta["tables"] == {"live": 0, "stale": 0, "loading": 0, "error": 0}
    assert meta["rows"] == 0


def test_each_change_of_state_is_told(shown):
    shown.live.turn(state=ConnectionState.RECONNECTING, attempt=3, retry_in=4.0)
    shown.loop.run(0.1)
    assert meta_of(shown)["connection"]["attempt"] == 3
    assert meta_of(shown)["connection"]["retry_at"] > 0
    shown.live.turn(
        state=ConnectionState.REFUSED, error=KeyRefusedError("The key is not accepted.", "Check it.")
    )
    shown.loop.run(0.1)
    assert meta_of(shown)["connection"]["error"] == {
        "kind": "KeyRefusedError",
        "message": "The key is not accepted.",
        "advice": "Check it.",
    }
    shown.live.turn(state=ConnectionState.CLOSED)
    shown.loop.run(0.1)
    assert meta_of(shown)["state"] == "closed"


def test_retry_is_carried_out_and_answered(shown):
    said = {"t": "cmd", "client": "page-0", "feed": "status", "args": None}
    shown.exchange.hear(said | {"id": "1", "name": "retry"})
    shown.exchange.hear(said | {"id": "2", "name": "explode"})
    shown.loop.run(0.1)
    assert shown.live.retries == 1
    assert [answer["ok"] for answer in shown.answers] == [True, False]
    assert "knows: retry" in shown.answers[1]["error"]["advice"]


def test_nothing_is_watched_while_nobody_looks(shown):
    assert len(shown.live.listeners) == 1
    shown.show()
    shown.loop.run(0.1)
    assert shown.live.listeners == []


def test_the_tables_of_the_connection_are_counted(bench):
    bench.live = MemoryLive(calls=[], bids=[])
    bench.exchange.register("status", StatusSource(bench.live))
    bench.show("status")
    bench.loop.run(0.2)
    assert meta_of(bench)["tables"] == {"live": 2, "stale": 0, "loading": 0, "error": 0}


def test_what_lags_is_counted_and_named():
    status = ConnectionStatus(ConnectionState.CATCHING_UP, 10.0, 0, None, None, None, {"rest": None})
    meta = status_meta(status, {"live": ["a"], "stale": ["c", "b", "b"], "error": ["d"]}, 20.0)
    assert meta["tables"] == {"live": 1, "stale": 3, "loading": 0, "error": 1}
    assert meta["lagging"] == ["b", "c", "d"]


def test_it_takes_a_connection_and_nothing_else(comms):
    with pytest.raises(TypeError, match="takes a Live"):
        OnlineStatus("https://example.test")
    with pytest.raises(TypeError, match="Did you mean 'compact'"):
        OnlineStatus(MemoryLive(), compakt=True)


def test_its_repr_is_stable_and_its_state_holds_no_status(comms):
    widget = OnlineStatus(MemoryLive(), compact=True)
    assert repr(widget) == "<OnlineStatus>"
    assert set(widget.get_state()) >= {"compact", "theme", "size", "hub", "feed"}
    assert widget.get_state()["hub"] == f"anywidget:{hub().model_id}"
    assert "12.4" not in str({k: v for k, v in widget.get_state().items() if k not in ("_esm", "_css")})
    widget.close()


def test_a_thousand_leave_nothing(comms):
    live = MemoryLive()
    OnlineStatus(live).close()
    settled()
    gc.collect()
    widgets, threads = len(_instances), set(threading.enumerate())
    for _ in range(1000):
        OnlineStatus(live).close()
        comms.clear()
    settled()
    assert len(_instances) == widgets
    assert set(threading.enumerate()) <= threads
    assert live.listeners == []
    assert hub()._exchange._sources == {}
