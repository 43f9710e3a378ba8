"""A saved notebook without a kernel: each component says quietly what it is, and no row is in the file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from livewidgets.testing import wait_until

from .components import MADE, Stage, staging
from .conftest import open_in_lab, run_all_cells

pytestmark = pytest.mark.timeout(240)

#: By which components without a kernel say what they are.
TITLES = (
    "Here",
    "Calls",
    "Call duration",
    "Activity",
    "Notifications",
    "Calls by campaign",
    "Bids",
    "Campaign metrics",
)
#: What the story writes into rows and must not be found in a file; a figure's sums are by names of campaigns.
OF_ROWS = ("Alert 1", "Target 1", "Buyer 0", "Person 1", "4321", "+1555")

#: Each once more without a box around it: of a box nothing but its own text is left in a file.
BARE = tuple(f"shown[{name!r}]" for name in MADE)


@pytest.fixture(scope="module")
def saved(chromium: Browser, sandbox, tmp_path_factory):
    """The page, and the notebook that it has saved with the widgets' state."""
    folder = tmp_path_factory.mktemp("static")
    settings = folder / "settings" / "@jupyter-widgets" / "jupyterlab-manager"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text('{"saveState": true}')
    env = {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    with staging("lab", chromium, sandbox, folder, env=env, more=BARE) as stage:
        stage.expect_told(stage.story.go_on())
        notebook = folder / "components.ipynb"
        stage.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        wait_until(
            lambda: nbformat.read(notebook, as_version=4).metadata.get("widgets"), 60, "the state to be saved"
        )
        yield stage, notebook


def test_neither_notebook_nor_html_holds_a_row(saved, sandbox):
    _, notebook = saved
    # As JupyterLab saves it by itself: without the widgets' state.
    plain = nbformat.read(notebook, as_version=4)
    del plain.metadata["widgets"]
    nbformat.write(plain, notebook.with_name("plain.ipynb"))
    pages = {path.name: exported(path) for path in (notebook, notebook.with_name("plain.ipynb"))}
    for title in (*TITLES, "OnlineStatus"):
        assert f"<strong>{title}</strong>" in pages["plain.ipynb"], title
    for place, text in {"notebook": notebook.read_text(), **pages}.items():
        for secret in (sandbox.service_key, sandbox.service_key.split(".")[2], *OF_ROWS):
            assert secret not in text, f"{secret!r} is in the {place}"


def exported(notebook: Path) -> str:
    """Return a notebook as nbconvert makes HTML of it."""
    convert = [sys.executable, "-m", "nbconvert", "--to", "html", str(notebook)]
    subprocess.run(convert, check=True, capture_output=True, timeout=120)
    return notebook.with_suffix(".html").read_text()


def test_without_a_kernel_each_says_so(saved):
    stage, notebook = saved
    copy = nbformat.read(notebook, as_version=4)
    # As on a machine that has no such kernel: JupyterLab asks which one to take.
    copy.metadata["kernelspec"] = {"name": "elsewhere", "display_name": "Elsewhere", "language": "other"}
    copy.metadata.pop("language_info", None)
    nbformat.write(copy, notebook.with_name("static.ipynb"))
    # A page of its own: the other one asks before it is left.
    stage.page = page = stage.page.context.new_page()
    page.goto(f"{stage.url}doc/tree/static.ipynb?reset")
    page.locator(".jp-Dialog").get_by_role("button", name="No Kernel").click()
    # JupyterLab draws no widget where there is no kernel: what is in the file speaks for itself.
    outputs = page.locator(".jp-OutputArea-output")
    for title in (*TITLES, "OnlineStatus"):
        said = outputs.filter(has_text=re.compile(f"^\\s*{title}"))
        expect(said.first).to_contain_text("It is live: run the notebook to see it.")
    expect(outputs.filter(has_text="<Dashboard 'All of it': calls, metrics>").last).to_be_visible()
    assert not any(row in page.inner_text("body") for row in OF_ROWS)


def test_a_kernel_and_a_run_bring_it_to_life(saved: tuple[Stage, Path]):
    stage, notebook = saved
    open_in_lab(stage.page, stage.url, notebook.name)
    run_all_cells(stage.page)
    stage.expect_told(stage.story.go_on())
