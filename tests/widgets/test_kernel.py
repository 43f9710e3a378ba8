"""The hub in a real ipykernel, spoken to over its own sockets."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

SETUP = """
from tests.widgets.conftest import MemoryLive
from livewidgets.widgets.call_tracker import CallTracker
from livewidgets.widgets.hub import hub
live = MemoryLive(calls=[{"id": 1, "status": "ringing", "ended_at": None}])
calls = live.table("calls")
tracker = CallTracker(calls)
print(hub().model_id, tracker.feed)
"""


class Kernel:
    """A kernel with the page's end of the hub."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3", transport="ipc", ip=str(folder / "k"))
        self.manager.start_kernel(cwd=str(Path(__file__).parents[2]))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.hub = self.feed = ""
        self.epoch = None

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    def run(self, code: str) -> str:
        said = []

        def hear(message):
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])
            assert message["msg_type"] != "error", message["content"]["traceback"]

        self.client.execute_interactive(code, output_hook=hear, timeout=60)
        return "".join(said)

    def run_cell(self, code: str, cell: str = "cell-1") -> None:
        """Run code as a notebook does that says which cell it is."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        message = self.client.session.msg(
            "execute_request",
            content | {"allow_stdin": False, "stop_on_error": True},
            metadata={"cellId": cell},
        )
        self.client.shell_channel.send(message)
        reply = self.client.get_shell_msg(timeout=20)
        while reply["parent_header"]["msg_id"] != message["header"]["msg_id"]:
            reply = self.client.get_shell_msg(timeout=20)
        assert reply["content"]["status"] == "ok"

    def say(self, content: dict, subshell: str | None = None) -> None:
        data = {"method": "custom", "content": {"client": "page", **content}}
        message = self.client.session.msg("comm_msg", {"comm_id": self.hub, "data": data})
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def hello(self, **options) -> None:
        feeds = [{"feed": self.feed, "have": None}]
        self.say({"t": "hello", "v": 1, "epoch": self.epoch, "feeds": feeds, "now": 1}, **options)

    def next_message(self, limit: float = 20.0) -> dict:
        """Return the next message of the hub; acks what is for the page."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            message = self.client.get_iopub_msg(timeout=limit)
            content = message["content"]
            if message["msg_type"] != "comm_msg" or content["comm_id"] != self.hub:
                continue
            self.epoch = content["data"]["content"]["epoch"]
            return message
        raise AssertionError("The hub said nothing.")

    def next_share(self) -> tuple[dict, dict]:
        while True:
            message = self.next_message()
            for share in message["content"]["data"]["content"]["to"]:
                return message, share


@pytest.fixture
def kernel(tmp_path):
    kernel = Kernel(tmp_path)
    try:
        kernel.hub, kernel.feed = kernel.run(SETUP).split()
        yield kernel
    finally:
        kernel.stop()


def test_messages_land_in_no_cell_and_rows_come_in_buffers(kernel):
    kernel.hello()
    message, share = kernel.next_share()
    assert message["parent_header"] == {}
    assert share["frames"][0]["kind"] == "snap"
    assert json.loads(bytes(message["buffers"][0]))["cols"]["status"] == ["ringing"]


def test_updates_go_on_while_a_cell_keeps_the_main_thread(kernel):
    kernel.hello()
    _, share = kernel.next_share()
    kernel.say({"t": "ack", "epoch": kernel.epoch, "n": share["n"], "paint_ms": 1})
    begun = time.monotonic()
    # The cell never ends, so whatever comes does so while it runs.
    kernel.client.execute(
        "import time, threading\n"
        "from livewidgets.live.thread import io_thread\n"
        "def put(n): io_thread().call(calls.put, {'id': 1, 'status': 'busy' if n == 29 else f's{n}'})\n"
        "for n in range(30): threading.Timer(n / 10, put, [n]).start()\n"
        "while True: time.sleep(1)"
    )
    seen, busy = [], 0
    while "busy" not in seen or busy <= 1000:
        message = kernel.next_message()
        content = message["content"]["data"]["content"]
        busy = max(busy, content.get("beat", {}).get("busy_ms", 0))
        for payload in message["buffers"]:
            seen += json.loads(bytes(payload))["cols"]["status"]
    # At most the credit, and two a second.
    assert len(seen) <= 4 + 2 * (time.monotonic() - begun)


def test_a_page_that_speaks_over_a_subshell_is_heard_while_a_cell_runs(kernel):
    supported = kernel.client.kernel_info(reply=True, timeout=20)["content"].get("supported_features", [])
    assert "kernel subshells" in supported
    request = kernel.client.session.msg("create_subshell_request", {})
    kernel.client.control_channel.send(request)
    subshell = kernel.client.get_control_msg(timeout=20)["content"]["subshell_id"]
    kernel.client.execute("import time; time.sleep(8); print('the cell has ended')")
    while True:
        message = kernel.client.get_iopub_msg(timeout=20)
        if message["msg_type"] == "execute_input":
            break
    kernel.hello(subshell=subshell)
    message, share = kernel.next_share()
    assert share["frames"][0]["kind"] == "snap"
    assert message["parent_header"] == {}


def test_a_cell_that_runs_again_closes_what_it_made(kernel):
    for _ in range(5):
        kernel.run_cell(
            "trackers = [CallTracker(live), CallTracker(live)]; kept = globals().setdefault('kept', []) + trackers"
        )
    said = kernel.run(
        "from ipywidgets.widgets.widget import _instances\n"
        "print(sum(isinstance(w, CallTracker) for w in _instances.values()), [w.comm is not None for w in trackers])"
    )
    assert said.strip() == "3 [True, True]"


def test_a_cell_that_awaits_counts_as_busy(kernel):
    kernel.hello()
    kernel.next_share()
    kernel.client.execute("import asyncio; await asyncio.sleep(600)")
    while True:
        message = kernel.next_message()
        if message["content"]["data"]["content"].get("beat", {}).get("busy_ms", 0) > 500:
            break
