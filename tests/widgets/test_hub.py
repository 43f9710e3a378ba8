from __future__ import annotations

import threading

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

from livewidgets.errors import SetupError
from livewidgets.live.thread import io_thread
from livewidgets.widgets.call_tracker import CallTracker
from livewidgets.widgets.cells import MadeByCells, Run
from livewidgets.widgets.comm_line import CommLine
from livewidgets.widgets.hub import Hub, hub
from tests.widgets.conftest import MemoryLive
from tests.widgets.test_call_tracker import settled


def hello(feed: str, client: str = "c") -> dict:
    feeds = [{"feed": feed, "have": None}]
    return {"t": "hello", "v": 1, "client": client, "epoch": None, "feeds": feeds, "now": 1}


def custom(comms) -> list[dict]:
    return [
        data["content"] for _, kind, data, _ in comms if kind == "comm_msg" and data["method"] == "custom"
    ]


def test_there_is_one_hub_and_a_closed_one_is_replaced(comms):
    first = hub()
    assert hub() is first
    first.close()
    first.close()
    second = hub()
    assert second is not first
    assert second.usable
    assert repr(first) == "<Hub, closed>"
    assert hub()._repr_mimebundle_() == ({"text/plain": "<Hub, open>"}, {})


def test_closing_the_hub_leaves_nothing(comms):
    before = len(_instances)
    line = hub()
    tracker = CallTracker(MemoryLive())
    line.close()
    tracker.close()
    settled()
    assert len(_instances) == before
    comms.clear()
    line.send({"t": "tick"})
    assert comms == []


def test_close_all_of_ipywidgets_closes_it_and_the_next_component_makes_another(comms):
    CallTracker(MemoryLive())
    ipywidgets.Widget.close_all()
    tracker = CallTracker(MemoryLive())
    assert tracker.hub.usable
    tracker.close()


def test_only_the_io_thread_sends(comms, monkeypatch):
    tracker = CallTracker(MemoryLive())
    line = hub()
    threads = []
    send = line._exchange._send
    sent = threading.Event()

    def note(message, buffers):
        threads.append(threading.current_thread().name)
        send(message, buffers)
        sent.set()

    line._exchange._send = note
    comms.clear()
    line._handle_custom_msg(hello(tracker.feed), [])
    assert sent.wait(10)
    settled()
    assert set(threads) == {"livewidgets-io"}
    assert custom(comms)[0]["to"][0]["client"] == "c"
    tracker.close()


def test_pages_may_speak_on_any_thread(comms):
    tracker = CallTracker(MemoryLive())
    line = hub()
    exchange = line._exchange
    speakers = [
        threading.Thread(target=lambda n=n: line._handle_custom_msg(hello(tracker.feed, f"c{n}"), []))
        for n in range(20)
    ]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join(10)
    settled()
    assert exchange.pages.count == 20
    tracker.close()


def test_where_the_kernel_is_ipykernel_messages_go_out_without_a_parent():
    class Session:
        def __init__(self) -> None:
            self.sent = []

        def send(self, socket, kind, content, **keywords):
            self.sent.append((socket, kind, content, keywords))

    class Kernel:
        session = Session()
        iopub_socket = "iopub"

    class Comm:
        kernel = Kernel()
        topic = b"comm-1"
        comm_id = "1"

        def __init__(self) -> None:
            self._reply_subshell_id = None

    comm = Comm()
    line = CommLine(comm)
    assert not hasattr(comm, "_reply_subshell_id")
    line.send({"t": "tick"}, [b"x"])
    [(socket, kind, content, keywords)] = Kernel.session.sent
    assert (socket, kind) == ("iopub", "comm_msg")
    assert content == {"data": {"method": "custom", "content": {"t": "tick"}}, "comm_id": "1"}
    assert keywords == {"parent": {}, "ident": b"comm-1", "buffers": [b"x"], "metadata": {}}
    line.close()
    line.send({"t": "tick"}, [])
    assert len(Kernel.session.sent) == 1


def test_a_checkout_without_a_front_end_says_what_to_run(comms, monkeypatch):
    monkeypatch.setattr(Hub, "_esm", "")
    with pytest.raises(SetupError, match="hatch_build"):
        Hub()


class Made:
    def __init__(self, made: MadeByCells) -> None:
        self.made, self.closed = made, False

    def close(self) -> None:
        self.closed = True
        self.made.discard(self)


def test_what_a_cell_made_is_closed_when_it_runs_again():
    made = MadeByCells()
    first, second, elsewhere, third = (Made(made) for _ in range(4))
    made.add(first, Run("cell", "1"))
    made.add(second, Run("cell", "1"))
    made.add(elsewhere, Run("other", "2"))
    assert not first.closed
    made.add(third, Run("cell", "3"))
    assert (first.closed, second.closed, elsewhere.closed, third.closed) == (True, True, False, False)
    made.add(Made(made), None)
    third.close()
    elsewhere.close()
    assert made._made == {}


def test_the_io_thread_is_one(comms):
    hub()
    assert sum(thread.name == "livewidgets-io" for thread in threading.enumerate()) == 1
    assert io_thread().is_usable()
