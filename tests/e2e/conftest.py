"""A Chromium for the whole package, and real JupyterLab and Voila servers whose kernels follow the test sandbox."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from livewidgets import dashboards
from livewidgets.testing import wait_until

from .browser import FLAGS, install

REPOSITORY = Path(__file__).parents[2]

#: Between a commit and a page stand four processes, each of which a busy machine may hold up; where all is well nothing
#: waits. In ms.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    # The package's scope, not the session's: Playwright keeps an event loop running in this thread as long as it lives.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=install(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    yield page
    context.close()


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


@contextmanager
def serving_lab(folder: Path, env: dict[str, str], app: str = "jupyterlab") -> Iterator[str]:
    """Run JupyterLab, or the ``notebook`` that is made of it, on `folder` until the block ends; gives its address."""
    port = dashboards.free_port()
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                app,
                "--no-browser",
                "--allow-root",
                "--ip=127.0.0.1",
                f"--port={port}",
                "--ServerApp.port_retries=0",
                "--IdentityProvider.token=",
                "--expose-app-in-browser",
                "--LabApp.news_url=",
                f"--ServerApp.root_dir={folder}",
            ],
            cwd=folder,
            # Settings and workspaces of the person at this machine stay out of the test, and the test out of theirs.
            env={**os.environ, **env, "JUPYTER_CONFIG_DIR": str(folder / ".jupyter"), "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(lambda: answers(port, "/api"), 60, f"JupyterLab to answer; see {folder / 'lab.log'}")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def open_in_lab(page: Page, lab: str, notebook: str) -> None:
    """Open a notebook in JupyterLab's single-document mode, with its kernel ready."""
    page.goto(f"{lab}doc/tree/{notebook}?reset")
    page.wait_for_function(
        """() => {
            const shell = window.jupyterapp?.shell;
            return shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle';
        }"""
    )


def run_all_cells(page: Page) -> None:
    """Run every cell, without waiting for the last one to end."""
    page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }")


def answers(port: int, path: str) -> bool:
    """Return whether a server on this machine answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def port_of(url: str) -> int:
    """Return the port of an address."""
    port = urlsplit(url).port
    assert port is not None
    return port
