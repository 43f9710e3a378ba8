"""What is said of packages, kernel, Jupyter and the front end."""

from __future__ import annotations

from pathlib import Path

import pytest

from livewidgets.dashboards import notebooks
from livewidgets.doctor.case import Case, Wanted
from livewidgets.doctor.examination import CHECKS, MACHINE
from livewidgets.doctor.finding import State
from livewidgets.doctor.jupyter_settings import parse_json, parse_python
from livewidgets.doctor.machine import (
    bundles_of,
    judge_bundles,
    judge_kernel,
    judge_packages,
    judge_rate,
    judge_voila,
)
from livewidgets.doctor.versions import Installed, Need
from livewidgets.widgets.assets import STATIC

ROOT = Path(__file__).parents[2]


def test_packages_outside_their_range_are_named_with_the_command():
    found = judge_packages(
        [
            Installed(Need("anywidget", ">=0.11,<0.12"), "0.12.1"),
            Installed(Need("realtime", ">=2.34,<3"), None),
            Installed(Need("rich", ">=13"), "14.0"),
        ]
    )
    assert found.what == "anywidget 0.12.1 is not >=0.11,<0.12, realtime is missing"
    assert found.mend == "pip install 'anywidget>=0.11,<0.12' 'realtime>=2.34,<3'"


def test_a_realtime_that_is_newer_than_the_fast_path_is_said():
    found = [Installed(Need("realtime", ">=2.34,<3"), "2.40.0")]
    assert judge_packages(found).state is State.OK
    assert judge_packages(found, quick=False).state is State.UNKNOWN


def test_the_kernel():
    assert judge_kernel(None, "3.11").state is State.UNKNOWN
    assert judge_kernel("5.5.6", "3.11").mend == "pip install 'ipykernel>=6.29,<8'"
    assert judge_kernel("7.4.0", "3.11.7").what == "ipykernel 7.4.0 on Python 3.11.7"


@pytest.mark.parametrize(
    ("limit", "state"), [(1000, State.OK), (0, State.OK), (1e10, State.OK), (100, State.FAILED)]
)
def test_the_rate_of_messages(limit: float, state: State):
    finding = judge_rate(limit, Path("jupyter_server_config.py"))
    assert finding.state is state
    if state is State.FAILED:
        assert finding.mend == "c.ZMQChannelsWebsocketConnection.iopub_msg_rate_limit = 1000"
        assert "jupyter_server_config.py" in finding.what


def test_a_voila_that_ends_what_nobody_looks_at():
    ours = "livewidgets.voila_kernels.DashboardKernels"
    for name in ("multi_kernel_manager_class", "kernel_manager_class"):
        assert judge_voila("0.5.13", {name: ours}).state is State.OK
    assert judge_voila(None, {}).mend == "pip install 'livewidgets[voila]'"


def test_a_voila_of_ones_own_is_told_of_our_kernels():
    for settings in ({}, {"kernel_manager_class": "another.Kernels"}, {"cull_idle_timeout": 0}):
        finding = judge_voila("0.5.13", settings)
        assert finding.state is State.UNKNOWN
        assert "of your own" in finding.what
        # What is advised is what is looked for, where each kind of server reads it.
        advised = parse_python(finding.mend)
        assert judge_voila("0.5.13", advised).state is State.OK
        assert sorted(advised) == ["kernel_manager_class", "multi_kernel_manager_class"]


def test_culling_does_not_do():
    finding = judge_voila("0.5.13", {"cull_idle_timeout": 120.0})
    assert finding.state is State.UNKNOWN
    assert "idle for 120 s" in finding.what
    assert "DashboardKernels" in finding.mend


def test_our_own_settings_pass():
    for path in (notebooks() / "voila.json", ROOT / "binder" / "jupyter_server_config.py"):
        read = parse_json if path.suffix == ".json" else parse_python
        assert judge_voila("0.5.13", read(path.read_text("utf-8"))).state is State.OK, path


def test_the_bundles():
    assert bundles_of(['_esm = bundle("call_tracker.js")', "x = bundle('hub.js')", 'bundle("a.css")']) == [
        "call_tracker.js",
        "hub.js",
    ]
    assert judge_bundles(["hub.js"], {"hub.js", "other.js"}).state is State.OK
    lost = judge_bundles(["a.js", "b.js", "hub.js"], {"hub.js"})
    assert lost.what == "the front end of a, b was not built"
    assert "hatch_build.py" in lost.mend


def test_the_bundles_that_our_widgets_ask_for_are_found_in_their_source():
    wanted = bundles_of(path.read_text("utf-8") for path in (STATIC.parent / "widgets").glob("*.py"))
    assert {"hub.js", "call_tracker.js"} <= set(wanted)


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if check.section == MACHINE], ids=lambda check: check.name
)
def test_each_check_of_the_machine_says_something(check):
    assert check.run(Case(Wanted())).what
