"""What is dropped unclosed is closed by that; a program that closes nothing ends by itself."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from livewidgets.core.mutation import MutationState
from livewidgets.live import client
from livewidgets.live.client import Live
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import IMPATIENT, Table, eventually, held_back

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]

#: By its answer, or by the stream as well, whichever came first.
WRITTEN = (MutationState.ACCEPTED, MutationState.SYNCED)
#: Seconds; far above what an end takes, far below a wait that nobody ends.
LIMIT = 60


@contextmanager
def one_is_dropped(said: str) -> Iterator[None]:
    gc.collect()  # what others have left is not told of in here
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]
    assert str(caught[0].message).startswith(said)
    assert str(caught[0].message).endswith("was never closed")
    caught.clear()  # a warning keeps what it is about


def test_a_room_that_is_dropped_is_left(live: Live) -> None:
    room, other = live.channel("dropped").ready(), live.channel("dropped")
    with one_is_dropped("<Room 'dropped', joined>"):
        del other
    with pytest.raises(AssertionError):
        eventually(lambda: not live._rooms, limit=0.3)  # it is shared
    room.broadcast("ping").result(5)
    with one_is_dropped("<Room"):
        del room
    eventually(lambda: not live._rooms and not live._upstream.joiners)


def test_a_presence_that_is_dropped_is_taken_away(live: Live, open_live: OpenLive) -> None:
    watcher = open_live().presence("dropped").ready()
    users = live.presence("dropped", me={"name": "Ana"})
    eventually(lambda: len(watcher) == 1)
    with one_is_dropped("<Presence 'dropped'"):
        del users
    eventually(lambda: len(watcher) == 0)
    eventually(lambda: not live._rooms)


def test_what_is_dropped_after_its_connection_was_closed_is_no_matter(open_live: OpenLive) -> None:
    live = open_live()
    table, room = live.table("calls").ready(), live.channel("late")
    live.close()
    gc.collect()  # what others have left is not told of in here
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del table, room
        gc.collect()
    assert caught == []


@pytest.mark.usefixtures("patient_close")
@pytest.mark.parametrize("closed", ["the connection", "the table and the connection"])
def test_what_is_being_written_at_the_close_is_written(
    open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable, closed: str
) -> None:
    data = make_table()
    data.run("insert into {} (id, title) values (1, 'before')")
    live = open_live(url=proxy.url)
    table = live.table(data.name).ready()
    proxy.delay(0.2)
    mutation = table.update(1, {"title": "after"})
    if closed != "the connection":
        table.close()
    live.close()
    assert mutation.state in WRITTEN
    assert data.rows("title") == [("after",)]


@pytest.mark.usefixtures("patient_close")
def test_nothing_of_a_connection_outlives_its_close(
    open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable
) -> None:
    data = make_table()
    live = open_live(url=proxy.url)
    upstream = live._upstream
    held: list[Any] = []
    for number in range(4):
        held.append(live.table(data.name, where={"id": ("gt", number)}).ready())
        held.append(live.on(f"hook {number}", "*", held.append, table=data.name).ready())
        held.append(live.channel(f"room {number}").ready())
    proxy.delay(0.05)
    live.close()
    # By the time it returns, not soon after.
    assert upstream.thread.run(others()) == []
    assert len(upstream.endings) == 0
    eventually(lambda: proxy.connections == 0)


@pytest.mark.usefixtures("patient_close")
def test_closing_while_a_silent_peer_is_being_given_up_leaves_no_socket(
    open_live: OpenLive, proxy: FaultProxy, make_table: MakeTable
) -> None:
    live = open_live(url=proxy.url, timings=IMPATIENT)
    live.table(make_table().name).ready()
    upstream = live._upstream
    wire = upstream._wire
    assert wire is not None
    assert wire._client._ws_connection is not None
    transport = wire._client._ws_connection.transport
    proxy.stall()
    # It was found to be silent, and is asked to take part in closing, to which it will not answer either.
    eventually(lambda: upstream._wire is None, limit=30)
    assert not transport.is_closing()
    live.close()
    assert transport.is_closing()
    assert upstream.thread.run(others()) == []


@pytest.mark.usefixtures("patient_close")
def test_a_close_that_nobody_waits_for_any_longer_goes_on_to_its_end(
    open_live: OpenLive, sandbox: Any, make_table: MakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_table()
    data.run("insert into {} (id, title) values (1, 'before')")
    # A statement of a user may wait for a row for 8 s, one of anybody for 3 s.
    live = open_live(token=sandbox.manager_token)
    table = live.table(data.name).ready()
    upstream = live._upstream
    wire = upstream._wire
    assert wire is not None
    monkeypatch.setattr(client, "_CLOSE_LIMIT", 0.05)
    with held_back(data, "select 1 from {} where id = 1 for update") as rival:
        mutation = table.update(1, {"title": "after"})
        live.close()
        assert not mutation.settled
        rival.commit()
    eventually(lambda: upstream.thread.run(others()) == [], limit=30)
    assert data.rows("title") == [("after",)]
    assert mutation.state in WRITTEN
    assert upstream._rest is not None
    assert upstream._rest._session.is_closed
    assert wire._client._ws_connection is None


async def others() -> list[str]:
    """Give the tasks that run on the I/O thread besides this."""
    return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]


SCRIPT = """
import os
import livewidgets as lw

live = lw.Live(os.environ["TEST_URL"], os.environ["TEST_KEY"], access_token=os.environ["TEST_TOKEN"])
table = live.table("calls", limit=10, order="-created_at").ready()
seen = []
table.on_change(seen.append)
window = table.window(every="1m")
room = live.channel("script").ready()
users = live.presence("script", me={"name": "Ana"})
hook = live.on("script", "*", seen.append, table="calls").ready()
print(len(table.rows()) <= 10, "read")
"""


def ended(sandbox: Any, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "TEST_URL": sandbox.url,
        "TEST_KEY": sandbox.anon_key,
        "TEST_TOKEN": sandbox.manager_token,
    }
    return subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ("-W", "always")], ids=["plain", "all warnings"])
@pytest.mark.parametrize("end", ["", "raise SystemExit(3)\n"], ids=["at its end", "by exit"])
def test_a_script_that_closes_nothing_ends_by_itself(
    sandbox: Any, tmp_path: Path, options: tuple[str, ...], end: str
) -> None:
    (tmp_path / "script.py").write_text(SCRIPT + end)
    done = ended(sandbox, tmp_path, *options, "script.py")
    assert (done.stdout, done.returncode) == ("True read\n", 3 if end else 0), done.stderr
    # Not even a warning: the process ends, and nothing is left open by that.
    assert done.stderr == ""


def test_a_script_that_fails_shows_its_own_error_and_nothing_else(sandbox: Any, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT + "1 / 0\n")
    done = ended(sandbox, tmp_path, "script.py")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.strip().endswith("ZeroDivisionError: division by zero")
    assert done.stderr.count("Traceback") == 1


def test_a_test_that_closes_nothing_ends_by_itself(sandbox: Any, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    body = "".join(f"    {line}\n" for line in SCRIPT.strip().splitlines())
    (tmp_path / "test_it.py").write_text(f"def test_it():\n{body}    assert table.rows() is not None\n")
    done = ended(
        sandbox, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "test_it.py"
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert done.stderr == ""
