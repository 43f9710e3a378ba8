"""`livewidgets dashboard` and `livewidgets replay` as pages, from the command to Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect

import livewidgets as lw
from livewidgets.testing import wait_until

from .conftest import write_notebook
from .hosts import expect_live


@contextmanager
def page_of(output: Path, env: dict[str, str], *arguments: str) -> Iterator[str]:
    """Run a command that serves a page; gives its address, ends it by Ctrl-C, and looks that nothing is left."""
    with output.open("w") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "livewidgets", *arguments, "--no-browser"],
            stdout=told,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **env},
        )
    started: list[psutil.Process] = []
    try:
        found = wait_until(
            lambda: (
                process.poll() is not None
                or re.search(r"^Dashboard\s+(http://127\.0\.0\.1:\d+/)$", output.read_text(), re.MULTILINE)
            ),
            90,
            "the page's address",
        )
        assert found is not True, output.read_text()
        yield found[1]
        started = psutil.Process(process.pid).children(recursive=True)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        status = process.wait(40)
    assert status == 0
    assert "Stopping" in output.read_text()
    assert "Traceback" not in output.read_text()
    psutil.wait_procs(started, timeout=60)
    assert not [child for child in started if child.is_running()]


@pytest.mark.timeout(180)
def test_a_notebook_of_ones_own_as_a_dashboard(page: Page, sandbox: Any, sandbox_db: Any, tmp_path: Path):
    sandbox_db.execute("insert into calls (status, ringing_at) values ('ringing', now())")
    notebook = write_notebook(
        tmp_path / "mine.ipynb", "import livewidgets as lw\nlive = lw.demo()", "lw.CallTracker(live)"
    )
    env = {"LIVEWIDGETS_SANDBOX": str(sandbox.data)}
    with page_of(tmp_path / "told.txt", env, "dashboard", str(notebook)) as url:
        page.goto(url)
        expect_live(page)
        expect(page.locator(".lw-call-tracker [data-key]").first).to_be_visible()


@pytest.mark.timeout(180)
def test_a_recording_as_a_page(page: Page, sandbox: Any, sandbox_db: Any, tmp_path: Path):
    sandbox_db.execute("insert into calls (status, ringing_at) values ('ringing', now())")
    file = tmp_path / "day.jsonl"
    with lw.connect(sandbox.url, sandbox.anon_key, access_token=sandbox.manager_token) as live:
        calls = live.table("calls")
        with lw.record(calls, file):
            count = len(calls)
    # No backend: what the machine has configured is not there either.
    env = {"SUPABASE_URL": "http://127.0.0.1:1", "SUPABASE_KEY": "sb_publishable_of_nobody"}
    with page_of(tmp_path / "told.txt", env, "replay", str(file), "--speed", "1") as url:
        page.goto(url)
        rows = page.locator(".lw-call-tracker [data-key]")
        expect(rows.first).to_be_visible()
        expect(page.get_by_text("calls, replayed")).to_be_visible()
        assert count >= 1
