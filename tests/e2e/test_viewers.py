"""Many viewers of a dashboard, who come, leave, crash, sleep and reload: what is left at the end is what is looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Error, Page, expect

from livewidgets import dashboards
from livewidgets.sandbox.instance import SandboxInfo
from livewidgets.sandbox.launcher import clients
from livewidgets.testing import FaultProxy, wait_until

from .conftest import PATIENCE, REPOSITORY, write_notebook
from .hosts import expect_live

CELLS = (
    "import pathlib\nimport livewidgets as lw\nlive = lw.connect()",
    "lw.CallTracker(live, height=300)",
    "lw.OnlineStatus(live)",
    "_ = pathlib.Path('has-run').touch()",
)
TOKEN = "a-token-of-the-test"

#: As our own settings, only faster: a page that is gone is found out in seconds.
ALONE = {"alone_timeout": 4.0, "meet_timeout": 60.0, "look_interval": 0.2}
PINGS = {"ws_ping_interval": 2_000, "ws_ping_timeout": 9_000}

#: Seconds in which all that is left behind must have ended.
SOON = 90.0


def kernels_of(server: int) -> set[int]:
    """Return the processes of a server's kernels."""
    found = set()
    for child in psutil.Process(server).children():
        with suppress(psutil.Error):
            if "ipykernel_launcher" in child.cmdline():
                found.add(child.pid)
    return found


class Audience:
    """Pages on one dashboard, what they take of the server, and what they take of the sandbox."""

    def __init__(self, chromium: Browser, sandbox: SandboxInfo, server: int) -> None:
        self._chromium = chromium
        self._sandbox = sandbox
        self._server = server
        #: What one viewer takes of the sandbox.
        self.each: dict[str, int] = {}

    def come(self, *addresses: str) -> list[Page]:
        """Open pages at the same time, each as somebody else, and wait until all are live."""
        pages = []
        for address in addresses:
            page = self._chromium.new_context(viewport={"width": 900, "height": 600}).new_page()
            page.goto(address, wait_until="commit", timeout=PATIENCE)
            pages.append(page)
        for page in pages:
            expect_live(page)
            expect(page.locator(".lw-online-status")).to_contain_text("Live")
        return pages

    def measure(self) -> None:
        """Take what the sandbox counts now as what one viewer takes."""
        self.each = clients(self._sandbox)
        assert self.each["sockets"] == 1
        assert self.each["subscriptions"] > 0

    def expect(self, viewers: int, others: int = 0, sockets: int = 0) -> None:
        """Wait until there is as much as so many viewers take, with so many other kernels and sockets."""

        def is_right() -> bool:
            wanted = {what: number * viewers for what, number in self.each.items()}
            wanted["sockets"] += sockets
            return self._found() == (viewers + others, wanted)

        try:
            wait_until(is_right, SOON)
        except AssertionError:
            pytest.fail(f"With {viewers} viewers ({self.each} each) there is: {self._found()}")

    def _found(self) -> tuple[int, dict[str, int]]:
        return len(kernels_of(self._server)), clients(self._sandbox)


def crash(page: Page) -> None:
    """End the page's process, as one that ran out of memory."""
    with suppress(Error):
        page.goto("chrome://crash")


def leave(page: Page) -> None:
    """Close a page. It may have no time to say so, where the browser is slow."""
    page.context.close()


def go_elsewhere(page: Page, address: str) -> None:
    """Go to another page of the same server, without a kernel: the one that is left has the time to say so."""
    page.goto(f"{address}api")


def write_settings(folder: Path, name: str, settings: dict[str, object]) -> None:
    (folder / name).write_text(json.dumps(settings))


@pytest.fixture
def audience_of(chromium: Browser, sandbox: SandboxInfo) -> Iterator[Callable[[int], Audience]]:
    before = list(chromium.contexts)
    wait_until(lambda: clients(sandbox)["sockets"] == 0, SOON, "those of other tests to leave the sandbox")
    yield lambda server: Audience(chromium, sandbox, server)
    for context in chromium.contexts:
        if context not in before:
            context.close()


@pytest.mark.timeout(240)
def test_what_ten_viewers_leave_behind_ends(audience_of, sandbox, sandbox_db, tmp_path: Path):
    notebook = write_notebook(tmp_path / "live.ipynb", *CELLS)
    write_settings(tmp_path, "voila.json", {"DashboardKernels": ALONE, "Voila": {"tornado_settings": PINGS}})
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    with (
        dashboards.serve(notebook, env=env, log=tmp_path / "voila.log") as dashboard,
        FaultProxy.running(dashboard.url) as cable,
    ):
        audience = audience_of(dashboard.process.pid)
        (stays,) = audience.come(dashboard.url)
        audience.measure()
        closes, crashes, reloads = audience.come(*[dashboard.url] * 3)
        closes_too, crashes_too, reloads_too = audience.come(*[dashboard.url] * 3)
        sleeps, sleeps_too, moves_on = audience.come(cable.url, cable.url, dashboard.url)
        audience.expect(viewers=10)

        cable.stall()  # two of them are asleep: their connections stay, and nothing comes
        for page in (crashes, crashes_too):
            crash(page)
        for page in (closes, closes_too):
            leave(page)
        moves_on.goto("about:blank")
        for page in (reloads, reloads_too):
            page.reload(wait_until="commit")
        for page in (reloads, reloads_too):
            expect_live(page)
        audience.expect(viewers=3)

        sandbox_db.execute("insert into calls (status, caller_number) values ('ringing', '+15550107001')")
        for page in (stays, reloads, reloads_too):
            expect(page.locator(".lw-call-tracker")).to_contain_text("7001")
            leave(page)
        audience.expect(viewers=0)
        leave(sleeps)
        leave(sleeps_too)


@pytest.mark.timeout(180)
def test_a_kernel_that_is_killed_ends_in_a_page_with_another(audience_of, sandbox, tmp_path: Path):
    notebook = write_notebook(tmp_path / "live.ipynb", *CELLS)
    write_settings(tmp_path, "voila.json", {"DashboardKernels": ALONE})
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    with dashboards.serve(notebook, env=env, log=tmp_path / "voila.log") as dashboard:
        audience = audience_of(dashboard.process.pid)
        (page,) = audience.come(dashboard.url)
        audience.measure()
        for kernel in kernels_of(dashboard.process.pid):
            psutil.Process(kernel).kill()
        tracker = page.locator(".lw-call-tracker")
        expect(tracker).not_to_have_attribute("data-state", "live")
        page.reload()
        expect_live(page)
        # That which Jupyter has started in its place has no page.
        audience.expect(viewers=1)


@pytest.mark.timeout(180)
def test_preheated_kernels_follow_nothing_until_a_page_comes(audience_of, sandbox, tmp_path: Path):
    notebook = write_notebook(tmp_path / "live.ipynb", *CELLS)
    write_settings(tmp_path, "voila.json", {"DashboardKernels": ALONE})
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    log = tmp_path / "voila.log"
    with dashboards.serve(notebook, preheated=1, env=env, log=log) as dashboard:
        audience = audience_of(dashboard.process.pid)
        wait_until((tmp_path / "has-run").exists, 60, "a kernel to have run the notebook")
        (heated,) = kernels_of(dashboard.process.pid)
        assert clients(sandbox) == {"sockets": 0, "channels": 0, "subscriptions": 0}
        (page,) = audience.come(dashboard.url)
        assert "Using pre-heated kernel" in log.read_text()
        assert psutil.pid_exists(heated)
        wait_until(lambda: len(kernels_of(dashboard.process.pid)) == 2, SOON, "the pool to be filled again")
        audience.measure()
        leave(page)
        audience.expect(viewers=0, others=1)
        assert heated not in kernels_of(dashboard.process.pid)


@dataclass
class Server:
    """A Jupyter server with Voila as its extension."""

    url: str
    process: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask its API."""
        headers = {"Authorization": f"token {TOKEN}"}
        return httpx.request(method, f"{self.url}{path}", headers=headers, trust_env=False, **options)

    def answers(self) -> bool:
        """Say whether it does."""
        try:
            return self.ask("GET", "api/kernels").is_success
        except httpx.HTTPError:
            return False


@contextmanager
def serving_extension(folder: Path, env: dict[str, str]) -> Iterator[Server]:
    """Run a Jupyter server as Binder does, with the same settings."""
    config = folder / ".jupyter"
    config.mkdir()
    ours = (REPOSITORY / "binder" / "jupyter_server_config.py").read_text()
    faster = f"c.DashboardKernels.update({ALONE!r})\nc.ServerApp.tornado_settings.update({PINGS!r})\n"
    (config / "jupyter_server_config.py").write_text(ours + faster)
    port = dashboards.free_port()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyter_server",
                "--no-browser",
                "--allow-root",
                "--ip=127.0.0.1",
                f"--port={port}",
                "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={TOKEN}",
                f"--ServerApp.root_dir={folder}",
                "--ServerApp.jpserver_extensions={'voila.server_extension': True}",
            ],
            cwd=folder,
            env={
                **os.environ,
                **env,
                "JUPYTER_CONFIG_DIR": str(config),
                "JUPYTER_CONFIG_PATH": str(REPOSITORY / "notebooks"),
                "HOME": str(folder),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}/", process)
    try:
        wait_until(server.answers, 60, f"the server to answer; see {folder / 'server.log'}")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.timeout(180)
def test_beside_notebooks_only_kernels_of_pages_end(audience_of, sandbox, tmp_path: Path):
    notebook = write_notebook(tmp_path / "live.ipynb", *CELLS)
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    with serving_extension(tmp_path, env) as server:
        audience = audience_of(server.process.pid)
        # An analyst's notebook, which nobody has open at this moment.
        session = {"path": "mine.ipynb", "name": "", "type": "notebook", "kernel": {"name": "python3"}}
        assert server.ask("POST", "api/sessions", json=session).status_code == 201
        address = f"{server.url}voila/render/{notebook.name}?token={TOKEN}"
        (stays,) = audience.come(address)
        audience.measure()
        closes, crashes, reloads = audience.come(*[address] * 3)
        audience.expect(viewers=4, others=1)
        crash(crashes)
        go_elsewhere(closes, server.url)
        reloads.reload(wait_until="commit")
        expect_live(reloads)
        audience.expect(viewers=2, others=1)
        expect_live(stays)
        go_elsewhere(stays, server.url)
        go_elsewhere(reloads, server.url)
        audience.expect(viewers=0, others=1)

        def listed() -> list[dict[str, Any]]:
            return server.ask("GET", "api/kernels").json()

        # The server's list may still hold one whose process has just ended.
        wait_until(lambda: len(listed()) == 1, 60, "the analyst's kernel to be the only one")
        assert listed()[0]["connections"] == 0
        # All others have said themselves that they go.
        assert (tmp_path / "server.log").read_text().count("no page is connected") == 1


@pytest.mark.timeout(180)
def test_only_its_own_page_can_end_a_kernel(audience_of, sandbox, tmp_path: Path):
    notebook = write_notebook(tmp_path / "live.ipynb", *CELLS)
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    log = tmp_path / "voila.log"
    with dashboards.serve(notebook, env=env, log=log) as dashboard:
        audience = audience_of(dashboard.process.pid)
        (page,) = audience.come(dashboard.url)
        kernel = page.evaluate(
            "() => JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId"
        )
        address = f"{dashboard.url}voila/api/shutdown/{kernel}"
        for made_up in ({}, {"_xsrf": "00ff"}):
            answer = httpx.post(address, data=made_up, trust_env=False)
            assert answer.status_code == 403
        foreign = {"origin": "http://example.com", "cookie": "_xsrf=00ff"}
        answer = httpx.post(address, data={"_xsrf": "00ff"}, headers=foreign, trust_env=False)
        assert answer.status_code in (403, 404)
        assert len(kernels_of(dashboard.process.pid)) == 1
        expect_live(page)
        # Its own page can: long before it would be missed.
        audience.measure()
        go_elsewhere(page, dashboard.url)
        audience.expect(viewers=0)
        assert "no page is connected" not in log.read_text()
