"""Every notebook of the repository runs from top to bottom, under nbval, against a sandbox with traffic."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from livewidgets.dashboards import notebooks

NOTEBOOKS = sorted(notebooks().glob("*.ipynb"))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(path: Path, busy_sandbox, tmp_path: Path):
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--nbval-lax",
            "--nbval-cell-timeout=60",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            str(path),
        ],
        cwd=tmp_path,
        env={**os.environ, "SUPABASE_URL": busy_sandbox.url, "SUPABASE_KEY": busy_sandbox.anon_key},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:]
    cells = sum(cell.cell_type == "code" for cell in nbformat.read(path, as_version=4).cells)
    assert f"{cells} passed" in run.stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_holds_no_outputs(path: Path):
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
