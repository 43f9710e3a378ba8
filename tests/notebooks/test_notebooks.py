"""Every notebook of the repository runs from top to bottom, under nbval, against a sandbox with traffic."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import psycopg
import pytest

from livewidgets.dashboards import notebooks
from livewidgets.sandbox.launcher import SandboxInfo

from .checks import CHECKS, with_checks

NOTEBOOKS = sorted(notebooks().glob("*.ipynb"))
PHONE = re.compile(r"\+1\d{10}\b")
MAIL = re.compile(r"\b[\w.+-]+@[\w-]+(\.[\w-]+)*\.[a-z]{2,}\b")
#: What has to be among all that the cells told, for us to know that something was listened to.
TOLD = {"quickstart": "+1 ••• ••• ", "explore": "Look at the last five minutes."}


def run(path: Path, folder: Path, env: dict[str, str]) -> str:
    """Run a copy of a notebook with its checks; gives all that left its kernel."""
    copy = folder / path.name
    notebook = with_checks(nbformat.read(path, as_version=4), CHECKS[path.stem])
    nbformat.write(notebook, copy)
    told = folder / "told.txt"
    options = ("--nbval-lax", "--nbval-cell-timeout=60", "-p", "no:cacheprovider", "-c", os.devnull)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(copy)],
        cwd=folder,
        env={**os.environ, **env, "TOLD": str(told), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    assert f"{cells} passed" in ran.stdout
    return told.read_text(encoding="utf-8")


def secrets_in(text: str, info: SandboxInfo) -> list[str]:
    """Return what of a sandbox's keys and callers, or of anybody's numbers and addresses, is in a text."""
    with psycopg.connect(info.dsn) as db:
        callers = [number for (number,) in db.execute("select distinct caller_number from calls")]
    known = [info.anon_key, info.service_key, info.manager_token, *filter(None, callers)]
    assert len(known) > 100
    return [one for one in known if one in text] + PHONE.findall(text) + [m[0] for m in MAIL.finditer(text)]


@pytest.mark.timeout(360)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom_and_tells_no_secret(path: Path, busy_sandbox: SandboxInfo, tmp_path: Path):
    told = run(path, tmp_path, {"LIVEWIDGETS_SANDBOX": str(busy_sandbox.data)})
    assert TOLD.get(path.stem, "comm_id") in told
    assert secrets_in(told, busy_sandbox) == []
    for kept in tmp_path.rglob("*.jsonl"):
        assert "+1 ••• ••• " in kept.read_text(encoding="utf-8")
        assert secrets_in(kept.read_text(encoding="utf-8"), busy_sandbox) == []


@pytest.mark.timeout(360)
def test_shows_the_project_that_is_configured(busy_sandbox: SandboxInfo, tmp_path: Path):
    project = {"SUPABASE_URL": busy_sandbox.url, "SUPABASE_KEY": busy_sandbox.service_key}
    (path,) = (path for path in NOTEBOOKS if path.stem == "quickstart")
    told = run(path, tmp_path, project)
    assert f"<Live {busy_sandbox.url.removeprefix('http://')}" in told
    assert secrets_in(told, busy_sandbox) == []


def test_a_secret_would_be_found(busy_sandbox: SandboxInfo):
    told = f"Ana (ana@example.com, +12025550123) has {busy_sandbox.anon_key}"
    assert secrets_in(told, busy_sandbox) == [busy_sandbox.anon_key, "+12025550123", "ana@example.com"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_holds_no_outputs_and_a_sentence_for_each_cell(path: Path):
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    before = None
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert cell.id.startswith(path.stem.replace("_", "-"))
        if cell.cell_type == "code":
            explained = before is not None and before.cell_type == "markdown"
            assert explained or cell.source.startswith("# "), cell.source
        before = cell


def test_quickstart_has_five_cells():
    (path,) = (path for path in NOTEBOOKS if path.stem == "quickstart")
    assert sum(cell.cell_type == "code" for cell in nbformat.read(path, as_version=4).cells) == 5
