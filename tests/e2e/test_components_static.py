"""A saved notebook without a kernel: each component says quietly what it is, and no row is in the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from livewidgets.testing import wait_until

from .components import PATIENCE, ROOTS, Stage, staging
from .conftest import open_in_lab

pytestmark = pytest.mark.timeout(240)

#: What the story writes into rows and must not be found in a file; a figure's sums are by these names.
OF_ROWS = ("Alert 1", "Target 1", "Buyer 0", "Person 1", "4321", "+1555")


@pytest.fixture(scope="module")
def saved(chromium: Browser, sandbox, tmp_path_factory):
    """The page, and the notebook that it has saved with the widgets' state."""
    folder = tmp_path_factory.mktemp("static")
    settings = folder / "settings" / "@jupyter-widgets" / "jupyterlab-manager"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text('{"saveState": true}')
    env = {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    with staging("lab", chromium, sandbox, folder, env=env) as stage:
        stage.expect_told(stage.story.go_on())
        notebook = folder / "components.ipynb"
        stage.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        wait_until(
            lambda: nbformat.read(notebook, as_version=4).metadata.get("widgets"), 60, "the state to be saved"
        )
        yield stage, notebook


def test_neither_notebook_nor_html_holds_a_row(saved, sandbox):
    _, notebook = saved
    exported = notebook.with_suffix(".html")
    convert = [sys.executable, "-m", "nbconvert", "--to", "html", str(notebook), "--output", str(exported)]
    subprocess.run(convert, check=True, capture_output=True, timeout=120)
    page = exported.read_text()
    for place, text in {"notebook": notebook.read_text(), "html": page}.items():
        for secret in (sandbox.service_key, sandbox.service_key.split(".")[2], *OF_ROWS):
            assert secret not in text, f"{secret!r} is in the {place}"


def test_without_a_kernel_each_says_so(saved):
    stage, notebook = saved
    copy = nbformat.read(notebook, as_version=4)
    copy.metadata.pop("kernelspec")
    nbformat.write(copy, notebook.with_name("static.ipynb"))
    page = stage.page
    page.goto(f"{stage.url}doc/tree/static.ipynb?reset")
    choice = page.locator(".jp-Dialog")
    choice.locator("select").select_option(label="No Kernel")
    choice.locator(".jp-mod-accept").click()
    for name in ROOTS:
        expect(stage.root(name)).to_have_attribute("data-state", "none", timeout=PATIENCE)
        expect(stage.root(name)).to_contain_text("No kernel")
    expect(stage.place("dashboard").locator(".lw-alarm")).to_contain_text("No kernel")
    assert not any(row in page.inner_text("body") for row in OF_ROWS)


def test_a_kernel_and_a_run_bring_it_to_life(saved: tuple[Stage, Path]):
    stage, notebook = saved
    open_in_lab(stage.page, stage.url, notebook.name)
    stage.expect_told(stage.story.go_on())
