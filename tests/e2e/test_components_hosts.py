"""One smoke in each of the other hosts: Notebook 7 and marimo show a committed row."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from livewidgets import dashboards
from livewidgets.testing import wait_until

from .components import Story
from .conftest import answers, serving_lab, write_notebook

pytestmark = pytest.mark.timeout(240)

MADE = {
    "tracker": "lw.CallTracker(live, height=300)",
    "status": "lw.OnlineStatus(live)",
    "chart": "lw.RealtimeChart(live, by='campaign_id', every='5s', window='15m', height=260)",
}


@pytest.fixture
def story(sandbox_db) -> Story:
    return Story(sandbox_db)


def expect_to_follow(page: Page, story: Story, within: Locator) -> None:
    """Expect the three components to be live, and to show what is committed now."""
    for root in (".lw-call-tracker", ".lw-online-status", ".lw-realtime-chart"):
        shown = within.locator(root)
        shown.scroll_into_view_if_needed()
        expect(shown).to_have_attribute("data-state", "live")
    chapter = story.go_on()
    row = within.locator(f".lw-call-tracker [data-key='{chapter.call}']")
    row.scroll_into_view_if_needed()
    expect(row).to_contain_text("Campaign 1")
    expect(row.locator(".lw-chip-label")).to_have_text("Ringing")
    within.locator(".lw-realtime-chart").scroll_into_view_if_needed()
    expect(within.locator(".lw-legend")).to_contain_text("Campaign 1")


def test_notebook_7(page: Page, sandbox, story: Story, tmp_path: Path):
    notebook = write_notebook(
        tmp_path / "smoke.ipynb", "import livewidgets as lw\nlive = lw.connect()", *MADE.values()
    )
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    with serving_lab(tmp_path, env, app="notebook") as url:
        page.goto(f"{url}notebooks/{notebook.name}")
        page.wait_for_function(
            "() => window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status"
            " === 'idle'"
        )
        page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        expect_to_follow(page, story, page.locator("body"))


MARIMO = """
import marimo
app = marimo.App()

@app.cell
def _():
    import marimo as mo
    import livewidgets as lw
    live = lw.connect()
    return live, lw, mo

{cells}
"""
MARIMO_CELL = """
@app.cell
def _(live, lw, mo):
    mo.ui.anywidget({made})
    return
"""


@contextmanager
def serving_marimo(folder: Path, env: dict[str, str]) -> Iterator[str]:
    """Run a marimo app with the three components until the block ends; gives its address."""
    app = folder / "app.py"
    app.write_text(MARIMO.format(cells="\n".join(MARIMO_CELL.format(made=made) for made in MADE.values())))
    port = dashboards.free_port()
    with (folder / "marimo.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "marimo", "-y", "run", str(app)),
                *("--headless", "--no-token", "--host=127.0.0.1", f"--port={port}"),
            ],
            cwd=folder,
            env={**os.environ, **env, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(lambda: answers(port, "/health"), 90, f"marimo to answer; see {folder / 'marimo.log'}")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_marimo(page: Page, sandbox, story: Story, tmp_path: Path):
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    with serving_marimo(tmp_path, env) as url:
        page.goto(url)
        expect_to_follow(page, story, page.locator("body"))
