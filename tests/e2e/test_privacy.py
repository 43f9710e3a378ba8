"""Neither the saved notebook nor the page's models hold a key, a token or an unmasked phone number."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from livewidgets.testing import wait_until

from .conftest import open_in_lab, run_all_cells, serving_lab, write_notebook
from .hosts import expect_live

NUMBERS = ("+15550107788", "+15550109911")

CELLS = (
    (
        "import logging\nlogging.basicConfig(level=logging.DEBUG, filename='kernel.log')\nimport livewidgets as lw\n"
        "live = lw.connect()\nlive"
    ),
    "calls = live.table('calls').ready()\ncalls",
    "tracker = lw.CallTracker(calls, linger=600)\ntracker",
    "lw.OnlineStatus(live)",
    "repr(tracker), str(tracker.get_state()), repr(live.status), repr(calls.status)",
    "try:\n    live.table('no_such_table').ready()\nexcept lw.LiveWidgetsError as error:\n    print(error)",
)


@pytest.mark.timeout(180)
def test_the_saved_notebook_holds_no_secret(page: Page, sandbox, sandbox_db, tmp_path: Path):
    sandbox_db.execute("delete from calls")
    for number in NUMBERS:
        sandbox_db.execute("insert into calls (status, caller_number) values ('ringing', %s)", (number,))
    # JupyterLab is told to put the widgets' state into the notebook, as an analyst may.
    settings = tmp_path / "settings" / "@jupyter-widgets" / "jupyterlab-manager"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text('{"saveState": true}')
    notebook = write_notebook(tmp_path / "private.ipynb", *CELLS)
    env = {
        "SUPABASE_URL": sandbox.url,
        "SUPABASE_KEY": sandbox.service_key,
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
    }
    with serving_lab(tmp_path, env) as lab:
        open_in_lab(page, lab, notebook.name)
        run_all_cells(page)
        expect_live(page)
        expect(page.locator(".lw-call-tracker [data-key]")).to_have_count(2)
        expect(page.locator(".lw-call-tracker")).to_contain_text("7788")
        expect(page.get_by_text("There is no table 'no_such_table'").first).to_be_visible()
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        saved = wait_until(
            lambda: widget_states(notebook), 20, "the notebook to be saved with its widgets' state"
        )
        models = page.evaluate(
            """async () => {
                const shell = window.jupyterapp.shell;
                const text = document.documentElement.outerHTML;
                return text + JSON.stringify(shell.currentWidget.content.model.sharedModel.toJSON());
            }"""
        )
    assert any(
        "call_tracker" in json.dumps(state) or "lw-call-tracker" in json.dumps(state) for state in saved
    )
    logs = (tmp_path / "kernel.log").read_text() + (tmp_path / "lab.log").read_text()
    for place, text in {"notebook": notebook.read_text(), "page": models, "logs": logs}.items():
        for secret in (sandbox.anon_key, sandbox.service_key, sandbox.manager_token):
            assert secret not in text, f"a key is in the {place}"
            assert secret.split(".")[2] not in text, f"a key's signature is in the {place}"
        for number in NUMBERS:
            assert number[2:] not in re.sub(r"[\s().-]", "", text), f"a phone number is in the {place}"


def widget_states(notebook: Path) -> list[object]:
    """Return the states of the widgets that a saved notebook holds; empty while it is not saved."""
    states = nbformat.read(notebook, as_version=4).metadata.get("widgets", {})
    return [state for models in states.values() for state in models.get("state", {}).values()]
