"""``%autoreload 2``: an edited module between two cells breaks no live table, no thread and no widget."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

import livewidgets

SETUP = """
%load_ext autoreload
%autoreload 2
import os, threading
import livewidgets as lw
from livewidgets.live.thread import io_thread
from livewidgets.live.table import LiveTable
from livewidgets.widgets.hub import hub
live = lw.Live(os.environ["TEST_URL"], os.environ["TEST_KEY"], access_token=os.environ["TEST_TOKEN"])
table = live.table("campaigns", order="name").ready()
seen = []
subscription = table.on_change(seen.append)
tracker = lw.CallTracker(live)
hook = live.on("edited", "*", seen.append, table="calls").ready()
thread, line = io_thread(), hub()
def threads(): return sorted(t.name for t in threading.enumerate() if t.name.startswith("livewidgets"))
before = threads()
print(lw.__file__)
"""

#: What a cell after the edit finds: everything is the same, everything works, old handles and new ones.
CHECK = """
import time
from livewidgets.live.thread import io_thread
from livewidgets.widgets.hub import hub
assert io_thread() is thread, "another I/O thread"
assert hub() is line and line.usable, "another hub"
assert table.status.state == "live", table.status
other = live.table("campaigns", order="name").ready()
assert isinstance(table, LiveTable) and isinstance(other, LiveTable)
assert other.rows() == table.rows()
other.close()
# What is numbered goes on being numbered: neither a topic nor a label is given twice.
joined = set(live._upstream._wire._client.channels)
another = live.table("campaigns", order="-name", limit=NUMBER).ready()
second = live.on("edited", "*", seen.append, table="calls").ready()
assert len(set(live._upstream._wire._client.channels) - joined) == 2, "a topic was given twice"
assert second._source.joiner._label != hook._source.joiner._label, "a label was given twice"
second.close()
another.close()
made = lw.CallTracker(live)
assert made.hub is tracker.hub
made.close()
mutation = table.update(table.rows()[0]["id"], {"name": NAME})
mutation.result(10)
end = time.monotonic() + 10
while not any(row["name"] == NAME for patch in seen for row in patch.upserted.values()) or not mutation.settled:
    assert time.monotonic() < end, (table.status, len(seen), mutation)
    time.sleep(0.01)
    import asyncio; await asyncio.sleep(0.01)
assert table.rows()[0]["name"] == NAME
assert threads() == before, threads()
live2 = lw.Live(os.environ["TEST_URL"], os.environ["TEST_KEY"])
live2.close()
print("right", len(seen))
"""


class Kernel:
    """A kernel that imports a copy of the package, which may be edited."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.package = folder / "copy" / "livewidgets"
        shutil.copytree(
            Path(livewidgets.__file__).parent, self.package, ignore=shutil.ignore_patterns("__pycache__")
        )
        # Older than any edit.
        self._edited = time.time()
        self.manager = KernelManager(kernel_name="python3", transport="ipc", ip=str(folder / "k"))
        self.manager.start_kernel(
            cwd=str(folder), env={**os.environ, "PYTHONPATH": str(self.package.parent), **environment}
        )
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    def edit(self, name: str) -> None:
        """Add a line to a module, as an editor does."""
        path = self.package / name
        path.write_text(path.read_text() + "\nEDITED = True\n")
        # Some file systems know whole seconds only.
        self._edited += 2
        os.utime(path, (self._edited, self._edited))

    def run(self, code: str) -> str:
        said: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])
            assert message["msg_type"] != "error", "\n".join(message["content"]["traceback"])

        self.client.execute_interactive(code, output_hook=hear, timeout=60)
        return "".join(said)


@pytest.fixture
def kernel(tmp_path: Path, sandbox: Any) -> Iterator[Kernel]:
    made = Kernel(
        tmp_path,
        {"TEST_URL": sandbox.url, "TEST_KEY": sandbox.anon_key, "TEST_TOKEN": sandbox.manager_token},
    )
    try:
        assert str(tmp_path) in made.run(SETUP)
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize(
    "names",
    [
        ["widgets/calls.py"],
        ["live/table.py"],
        ["live/thread.py"],
        ["widgets/hub.py"],
        ["live/client.py", "live/follower.py", "live/delivery.py"],
        ["widgets/call_tracker.py", "widgets/exchange.py"],
        ["core/replica.py", "core/mutation_queue.py", "core/mutation_overlay.py"],
        ["live/upstream.py", "live/writes.py", "live/presence.py", "live/room.py"],
        ["live/channel.py", "live/joiner.py"],
    ],
    ids=lambda names: "+".join(Path(name).stem for name in names),
)
def test_an_edited_module_breaks_nothing(kernel: Kernel, names: list[str]) -> None:
    for turn in range(2):
        for name in names:
            kernel.edit(name)
        said = kernel.run(f"NAME = ' {turn}'; NUMBER = {turn + 1}\n" + CHECK)
        assert said.startswith("right"), said
    modules = ["livewidgets." + name[:-3].replace("/", ".") for name in names]
    assert "True" in kernel.run(
        f"import sys; print(all(hasattr(sys.modules[name], 'EDITED') for name in {modules}))"
    )
