"""The link of the Binder badge: a Jupyter server with Voila in it, begun by ``binder/start``, below a path of its own."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from livewidgets import dashboards
from livewidgets.testing import wait_until
from tests.notebooks.binder_start import PAGE, started

TOKEN = "a-token-of-the-test"
CLOSED = re.compile(r"^tornado\.(iostream\.StreamClosedError|websocket\.WebSocketClosedError)", re.MULTILINE)


@pytest.mark.timeout(180)
def test_the_link_shows_the_call_center_on_the_sandbox(page: Page, tmp_path: Path):
    port = dashboards.free_port()
    base = f"http://127.0.0.1:{port}/user/somebody/"
    options = (
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    )
    server = (sys.executable, "-m", "jupyter_server", *options, "--ServerApp.base_url=/user/somebody/")

    def answers() -> bool:
        try:
            return httpx.get(f"{base}api", trust_env=False).is_success
        except httpx.HTTPError:
            return False

    with started(tmp_path, *server, f"--IdentityProvider.token={TOKEN}"):
        wait_until(answers, 60, f"the server; see {tmp_path / 'said.txt'}")
        page.goto(f"{base}{PAGE}?token={TOKEN}")
        expect(page.locator(".lw-call-tracker[data-state=live] [data-key]").first).to_be_visible(
            timeout=90_000
        )
        expect(page.locator(".lw-campaign-metrics[data-state=live]")).to_be_visible()
        expect(page.locator(".lw-online-status")).to_contain_text("Live")
        # The page ends its kernel, which is a part of our template.
        kernels = f"{base}api/kernels?token={TOKEN}"
        assert len(httpx.get(kernels, trust_env=False).json()) == 1
        # Left, not closed: a browser that is slow may give a closed page no time for its word.
        page.goto(f"{base}api?token={TOKEN}")
        wait_until(
            lambda: httpx.get(kernels, trust_env=False, timeout=30).json() == [], 60, "the kernel's end"
        )
    # Tornado reports as an error what was on its way to a page that has just gone.
    errors = (tmp_path / "said.txt").read_text().split("Traceback (most recent call last):")[1:]
    assert [error for error in errors if not CLOSED.search(error)] == []
