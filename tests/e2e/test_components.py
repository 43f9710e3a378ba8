"""Every component in real JupyterLab and real Voila: it appears, follows, hides for nothing, and comes back right.

The tests of a host go on in one page, in the order of this file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from livewidgets.testing import wait_until

from .components import HIDE, MADE, ROOTS, SMALL, TALL, Stage, staging, violations
from .conftest import run_all_cells
from .watching import restart_kernel

pytestmark = pytest.mark.timeout(240)

#: Those that are open as long as the page is: a toast comes, and a viewer is here, wherever they have scrolled to.
ANYWHERE = {"notification-toast", "active-users"}


@pytest.fixture(scope="module", params=["lab", "voila"])
def stage(request, chromium: Browser, sandbox, tmp_path_factory) -> Iterator[Stage]:
    with staging(request.param, chromium, sandbox, tmp_path_factory.mktemp(request.param)) as stage:
        yield stage


def test_all_appear_and_show_what_is_committed(stage: Stage):
    stage.expect_all("live")
    stage.expect_told(stage.story.go_on())
    stage.expect_told(stage.story.go_on())
    assert stage.errors == []


@pytest.mark.parametrize("stage", ["lab"], indirect=True)
def test_axe_finds_nothing_in_the_colours_of_jupyterlab(stage: Stage):
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        stage.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
        )
        wanted = "dark" if "Dark" in theme else "light"
        expect(stage.root("tracker")).to_have_attribute("data-lw-theme", wanted)
        assert violations(stage.page) == [], theme


def test_what_is_out_of_sight_costs_no_frames_and_returns_right(stage: Stage):
    stage.page.set_viewport_size(SMALL)
    stage.place("status").scroll_into_view_if_needed()
    expect_only(stage, {"online-status", "call-tracker", *ANYWHERE})
    stage.place("metrics").scroll_into_view_if_needed()
    expect_only(stage, {"campaign-metrics", "live-bidding", "realtime-chart", *ANYWHERE})
    chapter = stage.story.go_on()
    for name in MADE:
        stage.place(name).scroll_into_view_if_needed()
        stage.expect_told(chapter, name)
    stage.page.set_viewport_size(TALL)
    stage.place("status").scroll_into_view_if_needed()
    stage.expect_told(stage.story.go_on())


def expect_only(stage: Stage, wanted: set[str]) -> None:
    """Wait until frames come for these alone, while there is something to tell of all."""
    wait_until(lambda: told_of(stage) <= wanted, 60, f"frames of {wanted} alone; the last: {told_of(stage)}")


def told_of(stage: Stage) -> set[str]:
    """Commit something, and return whose frames come within a second."""
    began = time.monotonic()
    stage.story.db.execute("update calls set caller_state = %s", (str(began),))
    stage.page.wait_for_timeout(1_000)
    return stage.frames_since(began + 0.2)


def test_hidden_boxes_cost_no_frames_and_return_right(stage: Stage):
    button = stage.page.get_by_role("button", name=HIDE)
    button.click()
    expect(stage.root("tracker")).to_be_hidden()
    expect_only(stage, ANYWHERE)
    chapter = stage.story.go_on()
    button.click()
    stage.expect_told(chapter)
    stage.expect_told(stage.story.go_on())


def test_a_cut_of_5_seconds_is_told_and_mended(stage: Stage):
    cut_at = time.monotonic()
    stage.proxy.cut()
    for name in ROOTS.keys() - {"status"}:
        expect(stage.root(name)).to_have_attribute("data-state", "stale")
    expect(stage.root("status")).to_have_attribute("data-state", "reconnecting")
    expect(stage.place("figure")).to_contain_text(" — ")
    chapter = stage.story.go_on()
    wait_until(lambda: time.monotonic() >= cut_at + 5, 6, "the cut to last")
    stage.proxy.restore()
    stage.expect_told(chapter)
    stage.expect_all("live")
    stage.expect_told(stage.story.go_on())


def test_all_survive_a_reload_of_the_page(stage: Stage):
    if stage.host == "lab":
        stage.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    chapter = stage.story.go_on()
    stage.page.reload()
    stage.expect_told(chapter)
    stage.expect_told(stage.story.go_on())
    stage.expect_all("live")


@pytest.mark.parametrize("stage", ["lab"], indirect=True)
def test_a_restarted_kernel_is_told_and_a_new_run_is_right(stage: Stage):
    restart_kernel(stage.page)
    stage.expect_all("gone")
    chapter = stage.story.go_on()
    stage.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status === 'idle'"
    )
    expect(stage.root("tracker")).to_contain_text("Kernel gone")
    run_all_cells(stage.page)
    stage.expect_told(chapter)
    stage.expect_told(stage.story.go_on())
    assert stage.errors == []
