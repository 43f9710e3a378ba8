"""The house rules that a machine can check: who is tested where, how long files are, what stems are shared."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "livewidgets"
SCRIPT = ROOT / "js" / "src"
TESTS = ROOT / "tests"

# Modules without a test file of their name: the file that tests them, by way of the module that they are part of.
TESTED_IN = {
    "__init__": "test_public",
    "__main__": "test_cli",
    "component": "e2e/test_own_component",
    "demonstration": "e2e/test_dashboard",
    "dashboards": "e2e/test_dashboard",
    "doctor/case": "doctor/test_way",
    "doctor/finding": "doctor/test_examination",
    "doctor/touch": "doctor/test_stream",
    "core/change": "core/test_replica",
    "core/held": "core/test_replica",
    "core/order": "core/test_filters",
    "core/patterns": "core/test_filters",
    "core/postgrest": "core/test_filters",
    "core/values": "core/test_filters_postgres",
    "core/pages": "core/test_link",
    "core/shown": "core/test_link",
    "core/gap": "live/test_hook",
    "live/alerts": "live/test_notifications",
    "live/answers": "live/test_room",
    "live/joiner": "live/test_hook",
    "live/notification": "live/test_notifications",
    "live/renewal": "live/test_credentials",
    "live/websocket": "live/test_wire",
    "live/channel": "live/test_table",
    "live/client": "live/test_table",
    "live/closing": "live/test_table",
    "live/dataframe": "live/test_table",
    "live/follower": "live/test_table",
    "live/journal": "live/test_outages",
    "live/request": "live/test_table",
    "live/snapshot": "live/test_table",
    "live/subscription": "live/test_table",
    "live/timings": "live/conftest",
    "live/upstream": "live/test_outages",
    "sandbox/app": "sandbox/test_server",
    "sandbox/auth": "sandbox/api/test_accounts",
    "sandbox/border": "sandbox/api/test_safety",
    "sandbox/bindings": "sandbox/api/test_realtime",
    "sandbox/catalog": "sandbox/api/test_realtime",
    "sandbox/cluster": "sandbox/test_postgres",
    "sandbox/conditions": "sandbox/api/test_rest",
    "sandbox/encoding": "sandbox/api/test_rest",
    "sandbox/files": "sandbox/test_keys",
    "sandbox/gate": "sandbox/api/test_safety",
    "sandbox/instance": "sandbox/test_launcher",
    "sandbox/intake": "sandbox/api/test_safety",
    "sandbox/openapi": "sandbox/api/test_rest",
    "sandbox/outbox": "sandbox/api/test_realtime",
    "sandbox/phoenix": "sandbox/api/test_conformance",
    "sandbox/quoting": "sandbox/api/test_rest",
    "sandbox/rooms": "sandbox/api/test_conformance",
    "sandbox/scenario": "sandbox/test_story",
    "sandbox/subscriptions": "sandbox/api/test_realtime",
    "sandbox/visibility": "sandbox/api/test_realtime",
    "widgets/assets": "widgets/test_hub",
    "widgets/base": "widgets/test_call_tracker",
    "widgets/cells": "widgets/test_call_tracker",
    "widgets/comm_line": "widgets/test_kernel",
    "widgets/lookup": "widgets/test_call_tracker",
    "widgets/of_campaign": "widgets/test_call_tracker",
    "widgets/probe": "widgets/test_exchange",
}

# Above 400 lines there is a reason.
LONG = {
    "src/livewidgets/core/replica.py": "one state machine; its rules for one row are in held.py",
    "src/livewidgets/live/client.py": "the names that a user types, and what is said of them",
    "src/livewidgets/live/table.py": "what the user holds, and what is said of it",
    "src/livewidgets/live/follower.py": "one table's life, from join to close",
    "src/livewidgets/live/upstream.py": "one owner of the connection, from the first try to close",
    "src/livewidgets/widgets/exchange.py": "one state machine",
    "js/src/lib/exchange.ts": "one state machine",
    "js/src/styles/call_tracker.css": "one component's looks",
}

#: Widgets that are seen: the hub is not.
COMPONENTS = (
    "active_users",
    "call_duration",
    "call_tracker",
    "campaign_metrics",
    "dashboard",
    "live_bidding",
    "live_feed",
    "notification_toast",
    "online_status",
    "realtime_chart",
)
#: Components without a page of their own: another package draws them.
PYTHON_ONLY = ("live_figure",)


def modules():
    return sorted(p for p in SOURCE.rglob("*.py") if p.parent.name != "static")


def stem_of(path):
    return path.relative_to(SOURCE).with_suffix("").as_posix()


@pytest.mark.parametrize("path", modules(), ids=stem_of)
def test_every_module_is_tested_somewhere(path):
    stem = stem_of(path)
    if stem.endswith("/__init__"):
        assert len(ast.parse(path.read_text()).body) <= 1, (
            f"{stem} holds code: give that a module of its own."
        )
        return
    folder = TESTS / path.parent.relative_to(SOURCE)
    if stem in TESTED_IN:
        named = TESTS / f"{TESTED_IN[stem]}.py"
        assert named.exists(), f"{stem}.py is said to be tested in {named.name}, which is not there."
        return
    # What was split off a module keeps its stem in front, and its tests.
    words = path.stem.split("_")
    stems = ["_".join(words[:n]) for n in range(len(words), 0, -1)]
    assert any(list(folder.rglob(f"test_{name}.py")) for name in stems), (
        f"{stem}.py has no test file: write tests/{path.parent.relative_to(SOURCE)}/test_{path.stem}.py,"
        " or name in TESTED_IN the one that tests it."
    )


def test_the_list_of_exceptions_names_nothing_that_is_gone():
    assert set(TESTED_IN) <= set(map(stem_of, modules()))
    assert all((ROOT / name).exists() for name in LONG)


@pytest.mark.parametrize("stem", COMPONENTS)
def test_one_widget_one_stem(stem):
    for path in (
        SOURCE / "widgets" / f"{stem}.py",
        TESTS / "widgets" / f"test_{stem}.py",
        SCRIPT / "widgets" / f"{stem}.ts",
        SCRIPT / "components" / f"{stem}.ts",
        SCRIPT / "styles" / f"{stem}.css",
    ):
        assert path.exists(), f"{path.relative_to(ROOT)} is missing"


@pytest.mark.parametrize("stem", PYTHON_ONLY)
def test_a_component_of_another_package_has_no_script(stem):
    assert (SOURCE / "widgets" / f"{stem}.py").exists()
    assert (TESTS / "widgets" / f"test_{stem}.py").exists()
    assert not list(SCRIPT.rglob(f"{stem}*"))


def test_every_script_and_style_of_a_widget_belongs_to_one():
    scripts = {p.stem for p in (SCRIPT / "widgets").glob("*.ts") if not p.name.endswith(".test.ts")}
    styles = {p.stem for p in (SCRIPT / "styles").glob("*.css")}
    assert scripts == {*COMPONENTS, "hub"}
    assert {*COMPONENTS, "tokens"} <= styles
    # A part of a component that has a script of its own may have a style of its own.
    parts = {p.stem for p in (SCRIPT / "components").glob("*.ts")}
    assert styles - {*COMPONENTS, "tokens"} <= parts


def written_files():
    own = [
        *SOURCE.rglob("*.py"),
        *SOURCE.rglob("*.sql"),
        *TESTS.rglob("*.py"),
        *SCRIPT.rglob("*.ts"),
        *SCRIPT.rglob("*.css"),
    ]
    return sorted(p for p in own if "static" not in p.parts)


def test_no_file_is_too_long():
    lengths = {p.relative_to(ROOT).as_posix(): len(p.read_text().splitlines()) for p in written_files()}
    assert {name: n for name, n in lengths.items() if n > 800} == {}
    # A test file is read a test at a time: it may be longer.
    long = {name: n for name, n in lengths.items() if n > 400 and "test" not in name}
    assert set(long) <= set(LONG), f"Split what is above 400 lines, or say why it is: {long}"


@pytest.mark.parametrize("word", ["utils", "util", "helpers", "helper", "manager", "misc", "common"])
def test_no_module_has_a_name_that_says_nothing(word):
    assert [p.name for p in written_files() if word in p.stem.split("_")] == []


@pytest.mark.parametrize("path", sorted((SOURCE / "core").glob("*.py")), ids=lambda p: p.stem)
def test_the_core_imports_the_standard_library_and_itself(path):
    forbidden = {
        "asyncio",
        "socket",
        "threading",
        "time",
        "random",
        "secrets",
        "selectors",
        "subprocess",
        "uuid",
        "logging",
    }
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module]
        for name in names:
            top = name.partition(".")[0]
            if top == "livewidgets":
                assert name.startswith(("livewidgets.core", "livewidgets.errors")), (
                    f"{path.name} imports {name}"
                )
            else:
                assert top in sys.stdlib_module_names, f"{path.name} imports {name}"
                assert top not in forbidden, f"{path.name} imports {name}"


def test_the_core_reads_no_clock():
    calls = ("datetime.now", "datetime.utcnow", "date.today", "os.environ", "os.urandom")
    found = [
        (p.name, call) for p in (SOURCE / "core").glob("*.py") for call in calls if call in p.read_text()
    ]
    assert found == []


def test_the_specification_names_tests_that_exist():
    text = (SOURCE / "core" / "SPEC.md").read_text()
    named = {word.strip("`.,;)(") for word in text.split() if word.strip("`(").startswith("test_")}
    known = {
        node.name
        for path in TESTS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    } | {path.name for path in TESTS.rglob("test_*.py")}
    assert named - known == set()
    assert len(named) > 20
