"""The fixtures and doubles that users get."""

from __future__ import annotations

import httpx
import pytest

from livewidgets.testing import ManualClock, RecordingComm, Schedule, pause, play, wait_until


def test_waiting_gives_what_the_condition_gave():
    answers = iter([None, 0, "there"])
    assert wait_until(lambda: next(answers)) == "there"


def test_waiting_in_vain_says_for_what():
    with pytest.raises(AssertionError, match=r"0\.05 s in vain for rain"):
        wait_until(lambda: False, timeout=0.05, message="rain")


def test_the_clock_moves_when_it_is_told_to():
    clock = ManualClock(100.0)
    assert clock() == clock() == 100.0
    assert clock.advance(2.5) == clock() == 102.5
    assert repr(clock) == "<ManualClock at 102.5>"
    with pytest.raises(ValueError, match="forwards"):
        clock.advance(-1)


def test_the_comm_keeps_what_was_sent_and_says_what_a_page_would():
    comm = RecordingComm()
    heard = []
    listener = lambda *said: heard.append(said)  # noqa: E731
    comm.on_msg(listener)
    comm.send({"t": "tick"}, [memoryview(b"rows")])
    comm.say({"t": "hello"})
    assert heard == [(comm, {"t": "hello"}, [])]
    assert repr(comm) == "<RecordingComm, 1 messages>"
    assert comm.take() == [({"t": "tick"}, [b"rows"])]
    assert comm.take() == []
    comm.on_msg(listener, remove=True)
    comm.say({"t": "bye"})
    assert len(heard) == 1
    comm.close()
    comm.send({"t": "tick"})
    assert comm.sent == []


def health(of):
    return httpx.get(f"{of.url}/health", timeout=20)


def test_the_sandbox_runs_and_its_database_can_be_written(sandbox, sandbox_db):
    assert health(sandbox).status_code == 200
    assert sandbox_db.execute("select 1").fetchone() == (1,)
    assert sandbox.anon_key not in repr(sandbox)


def test_the_proxy_stands_in_front_of_the_sandbox(sandbox, fault_proxy):
    assert fault_proxy.url != sandbox.url
    assert health(fault_proxy).status_code == 200
    fault_proxy.cut()
    with pytest.raises(httpx.ConnectError):
        health(fault_proxy)


def test_a_bad_day_behind_the_proxy(sandbox, fault_proxy):
    clock = ManualClock()
    day = Schedule([(1.0, "cut"), (2.0, "restore")]).play(fault_proxy, clock)
    assert day.advance() == 1.0
    assert health(fault_proxy).status_code == 200
    clock.advance(1.0)
    day.advance()
    with pytest.raises(httpx.ConnectError):
        health(fault_proxy)
    clock.advance(1.0)
    assert day.advance() is None
    assert health(fault_proxy).status_code == 200


def test_the_traffic_of_the_sandbox_is_held(sandbox):
    assert play(sandbox)["state"] == pause(sandbox)["state"] == "paused"
