"""The I/O thread: starts by itself, can be interrupted, survives forks, and is gone at exit."""

from __future__ import annotations

import _thread
import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest

from livewidgets.errors import ClosedError
from livewidgets.live.thread import IoThread, io_thread
from tests.live.conftest import eventually


async def name() -> str:
    return threading.current_thread().name


def test_there_is_one() -> None:
    assert io_thread() is io_thread()
    assert io_thread().run(name()) == "livewidgets-io"
    assert not io_thread().is_current()
    assert "running" in repr(io_thread())


def test_a_wait_has_a_limit_and_cancels_what_it_waited_for() -> None:
    ended = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        io_thread().run(endless(), 0.05)
    assert ended.wait(20)


def test_a_wait_can_be_interrupted() -> None:
    ended = threading.Event()

    async def endless() -> None:
        # From here, for then the wait has begun for certain.
        asyncio.get_running_loop().call_later(0.2, _thread.interrupt_main)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    # A program that was started in the background may have been told to ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            io_thread().run(endless(), 20)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.wait(10)


def test_it_does_not_wait_for_itself() -> None:
    async def inner() -> None:
        io_thread().run(name())

    with pytest.raises(RuntimeError, match="itself"):
        io_thread().run(inner())


def test_a_stopped_thread_takes_no_work() -> None:
    thread = IoThread()
    started = threading.Event()
    ended = threading.Event()

    async def endless() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    thread.submit(endless())
    assert started.wait(20)
    thread.stop(30)
    assert ended.is_set()
    assert not thread.is_usable()
    assert thread.loop.is_closed()
    with pytest.raises(ClosedError):
        thread.submit(name())
    thread.call(print)
    thread.stop()


def run_script(source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "default", "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this platform")
def test_a_forked_child_gets_a_thread_of_its_own(sandbox: Any) -> None:
    done = run_script(
        """
        import os, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what this is about
        from livewidgets.errors import ClosedError
        from livewidgets.live.client import Live
        url, key = os.environ["LW_URL"], os.environ["LW_KEY"]
        with Live(url, key) as parent:
            table = parent.table("campaigns").ready()
            child = os.fork()
            if child == 0:
                try:
                    table.on_change(print).close()
                    parent.close()
                    with Live(url, key) as own, own.table("campaigns").ready() as there:
                        assert there.status.state == "live"
                except BaseException:
                    import traceback
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            with parent.table("targets").ready() as other:
                assert other.status.state == "live"
        print("fine")
        """,
        LW_URL=sandbox.url,
        LW_KEY=sandbox.anon_key,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("fine\n", "", 0)


def test_a_program_that_closes_nothing_ends_quietly(sandbox: Any) -> None:
    done = run_script(
        """
        import os
        from livewidgets.live.client import Live
        live = Live(os.environ["LW_URL"], os.environ["LW_KEY"])
        table = live.table("campaigns").ready()
        table.on_change(print)
        print(table.status.state)
        """,
        LW_URL=sandbox.url,
        LW_KEY=sandbox.anon_key,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("live\n", "", 0)


def test_a_connection_that_is_forgotten_is_closed_and_warned_about(sandbox: Any) -> None:
    done = run_script(
        """
        import gc, os, time
        from livewidgets.live.client import Live
        from livewidgets.live.thread import io_thread
        live = Live(os.environ["LW_URL"], os.environ["LW_KEY"])
        live.table("campaigns").ready()
        upstream = live._upstream
        del live
        gc.collect()
        deadline = time.monotonic() + 20
        while not upstream.is_closed and time.monotonic() < deadline:
            time.sleep(0.01)
        print(upstream.is_closed)
        """,
        LW_URL=sandbox.url,
        LW_KEY=sandbox.anon_key,
    )
    assert done.stdout == "True\n"
    assert "ResourceWarning" in done.stderr
    assert sandbox.anon_key not in done.stderr


def test_threads_do_not_multiply() -> None:
    for _ in range(3):
        io_thread().run(name())
    eventually(lambda: sum(thread.name == "livewidgets-io" for thread in threading.enumerate()) == 1)
