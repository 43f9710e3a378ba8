from __future__ import annotations

import json
import subprocess
import sys

import pytest

from livewidgets.core.connection import ConnectionState
from livewidgets.errors import ClosedError, FilterError
from livewidgets.live.thread import io_thread
from livewidgets.testing import wait_until
from livewidgets.widgets.lease import Borrowed, Owned, lease_of, own
from tests.widgets.conftest import MemoryLive, MemoryTable


def on_thread(call):
    async def run():
        return call()

    return io_thread().run(run(), 20)


def test_a_borrowed_table_is_never_closed():
    table = MemoryTable()
    lease = Borrowed(table)
    assert lease.take() is lease.table is table
    lease.rest()
    lease.close()
    assert not table.handle_closed


def test_an_owned_table_is_opened_at_the_first_look_and_kept_warm_for_the_next():
    live = MemoryLive()
    lease = own(live, "calls", limit=10, order="id")
    assert (live.opened, lease.table) == ([], None)
    table = on_thread(lease.take)
    on_thread(lease.rest)
    assert on_thread(lease.take) is table
    assert (len(live.opened), table.limit) == (1, 10)
    lease.close()
    wait_until(lambda: table.handle_closed)


def test_it_is_closed_when_nobody_looks_for_a_while_and_opened_anew():
    live = MemoryLive()
    lease = Owned(lambda: live.table("calls"), warm=0.01)
    first = on_thread(lease.take)
    on_thread(lease.rest)
    wait_until(lambda: first.handle_closed)
    assert on_thread(lease.take) is not first
    lease.close()
    wait_until(lambda: all(table.handle_closed for table in live.opened))


def test_what_can_be_told_at_once_is_told_to_who_makes_the_component():
    live = MemoryLive()
    with pytest.raises(FilterError):
        own(live, "calls", where={"id": ("almost", 3)})
    with pytest.raises(FilterError):
        own(live, "calls", order=7)
    live.turn(state=ConnectionState.CLOSED)
    with pytest.raises(ClosedError, match="closed"):
        own(live, "calls")


def test_a_table_or_a_connection_will_do():
    live = MemoryLive()
    table = MemoryTable(live)
    assert lease_of(table, "calls").take() is table
    assert isinstance(lease_of(live, "calls"), Owned)


def test_a_program_that_leaves_a_component_open_ends(tmp_path):
    file = tmp_path / "day.jsonl"
    header = {
        "format": "livewidgets recording",
        "format_version": 1,
        "name": "calls",
        "key": ["id"],
        "types": {},
    }
    header |= {"order": [], "limit": None, "started": 0.0}
    file.write_text(json.dumps(header) + '\n{"at":0.0,"up":[{"id":1}],"more":false}\n')
    # Also one of a replay that is over.
    program = (
        "import sys, time, livewidgets as lw\n"
        "table = lw.replay(sys.argv[1])\n"
        "table.ready()\n"
        "while table.live.status.state != 'closed': time.sleep(0.01)\n"
        "tracker = lw.CallTracker(table)\n"
        "print(len(table))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "1\n", "")
