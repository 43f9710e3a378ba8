"""What is in ``binder/``, as far as that can be seen in seconds; ``python -m benchmarks.binder`` builds it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from packaging.requirements import Requirement

from .binder_start import BINDER, PAGE, ROOT, started


def lines(path: Path) -> list[str]:
    """Return the lines of a list of packages without its comments."""
    found = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in found if line]


def locked() -> dict[str, Requirement]:
    return {one.name: one for one in map(Requirement, lines(ROOT / "requirements.lock"))}


def test_versions_are_those_of_the_lock():
    first, package, *others = lines(BINDER / "requirements.txt")
    option, _, path = first.partition(" ")
    assert option == "-c"
    assert (BINDER / path).resolve() == ROOT / "requirements.lock"
    extras = Requirement(f"livewidgets{package.removeprefix('.')}").extras
    assert extras == {"sandbox", "voila", "plots"}
    # Of what it names beside the package the lock says the version, and it adds none of its own.
    for other in map(Requirement, others):
        assert not other.specifier
        assert str(locked()[other.name].specifier).startswith("==")
    # A list with extras, or with what is editable, cannot be a constraint.
    assert not [one for one in locked().values() if one.extras or one.url]


def test_python_is_one_that_the_package_supports():
    version = re.fullmatch(r"python-(3\.\d+)\n", (BINDER / "runtime.txt").read_text())
    assert version is not None
    assert f"Python :: {version[1]}" in (ROOT / "pyproject.toml").read_text()
    # And for which the lock has one version of everything.
    names = [
        one.name
        for one in map(Requirement, lines(ROOT / "requirements.lock"))
        if one.marker is None
        or one.marker.evaluate({"python_version": version[1], "python_full_version": f"{version[1]}.9"})
    ]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_scripts_are_bash(name: str):
    script = BINDER / name
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_badge_opens_the_call_center():
    found = re.search(r"https://mybinder\.org/v2/\S+?urlpath=[^)`\s]+", (ROOT / "README.md").read_text())
    assert found is not None
    path = unquote(parse_qs(urlsplit(found[0]).query)["urlpath"][0])
    assert path == PAGE
    assert (ROOT / path.removeprefix("voila/render/")).is_file()


def test_start_runs_what_it_is_given_and_the_sandbox(tmp_path: Path):
    with started(tmp_path, "bash", "-c", 'echo "$JUPYTER_CONFIG_PATH"; exit 7') as process:
        assert process.wait(60) == 7
        said = (tmp_path / "said.txt").read_text().strip()
        assert [Path(path).resolve() for path in said.split(os.pathsep)[:2]] == [BINDER, ROOT / "notebooks"]
    assert (tmp_path / "said.txt").read_text().strip() == said


def test_start_leads_the_server_to_our_settings(tmp_path: Path):
    with started(tmp_path, sys.executable, "-m", "jupyter_server", "--show-config-json") as process:
        assert process.wait(60) == 0
    said = (tmp_path / "said.txt").read_text()
    assert '"kernel_manager_class": "livewidgets.voila_kernels.DashboardKernels"' in said
    assert "'ws_ping_interval': 20000, 'ws_ping_timeout': 50000" in said
