"""What is said of packages, kernel, Jupyter and the front end."""

from __future__ import annotations

from pathlib import Path

import pytest

from livewidgets.doctor.case import Case, Wanted
from livewidgets.doctor.examination import CHECKS, MACHINE
from livewidgets.doctor.finding import State
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


def test_a_voila_of_ones_own():
    care = {"buffer_offline_messages": False, "cull_idle_timeout": 300.0, "cull_interval": 60}
    assert judge_voila("0.5.13", care).state is State.OK
    half = judge_voila("0.5.13", {**care, "buffer_offline_messages": True})
    assert (half.state, half.mend) == (
        State.UNKNOWN,
        "c.MappingKernelManager.buffer_offline_messages = False",
    )
    # A cull timeout of 0 never culls.
    assert "cull_idle_timeout" in judge_voila("0.5.13", {**care, "cull_idle_timeout": 0}).mend
    assert judge_voila(None, {}).mend == "pip install 'livewidgets[voila]'"


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
