"""The call centre, as `livewidgets demo` shows it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from livewidgets.sandbox.launcher import running
from livewidgets.testing import wait_until

from .hosts import expect_live


@pytest.mark.timeout(180)
def test_the_demo_shows_calls_and_stops_all_it_started(page: Page, tmp_path: Path):
    data = tmp_path / "sandbox"
    output = tmp_path / "demo.txt"
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    # What the user of this machine has configured must not be shown for the demo.
    env = {
        **os.environ,
        "SUPABASE_URL": "https://example.supabase.co",
        "SUPABASE_KEY": "sb_publishable_of_nobody",
    }
    with output.open("w") as told:
        demo = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "livewidgets",
                "demo",
                "--no-browser",
                "--data",
                str(data),
                "--speed",
                "5",
            ],
            stdout=told,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=env,
        )
    try:
        address = wait_until(
            lambda: re.search(r"^Dashboard\s+(http://127\.0\.0\.1:\d+/)$", output.read_text(), re.MULTILINE),
            90,
            "the demo's address",
        )
        page.goto(address[1])
        expect_live(page)
        rows = page.locator(".lw-call-tracker [data-key]")
        expect(rows.first).to_be_visible()
        first = rows.first.get_attribute("data-key")
        # The newest call is on top: another one comes in.
        expect(page.locator(".lw-call-tracker [data-key]").first).not_to_have_attribute(
            "data-key", first or "", timeout=30_000
        )
        expect(page.locator(".lw-online-status")).to_contain_text("Live")
        expect_campaign_filter_to_work(page)
        started = psutil.Process(demo.pid).children(recursive=True)
        info = running(data)
        assert info is not None
        started.append(psutil.Process(info.pid))
        started += started[-1].children(recursive=True)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(40)
    psutil.wait_procs(started, timeout=20)
    assert not [process for process in started if process.is_running()]
    assert running(data) is None
    assert errors == []
    assert "Traceback" not in output.read_text()


def expect_campaign_filter_to_work(page: Page) -> None:
    choice = page.get_by_label("Campaign")
    names = page.locator(".lw-call-tracker .lw-row:not(.lw-head) .lw-campaign")
    wanted = names.first.inner_text()
    choice.select_option(label=wanted)
    expect(names.filter(has_not_text=wanted)).to_have_count(0)
    expect(names.filter(has_text=wanted).first).to_be_visible()
    choice.select_option(label="All campaigns")
    expect(names.filter(has_not_text=wanted).first).to_be_visible(timeout=30_000)
