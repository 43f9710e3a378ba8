"""axe-core finds nothing wrong with any component, empty, live and stale, light and dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from .components import ROOTS, Stage, staging, violations

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def stage(chromium: Browser, sandbox, tmp_path_factory) -> Iterator[Stage]:
    with staging("voila", chromium, sandbox, tmp_path_factory.mktemp("axe")) as stage:
        yield stage


def expect_no_violation(stage: Stage) -> None:
    """Look in both themes."""
    for theme, button in (("light", "Dark colours"), ("dark", "Light colours")):
        expect(stage.root("tracker")).to_have_attribute("data-lw-theme", theme)
        assert violations(stage.page) == [], theme
        stage.page.get_by_role("button", name=button).click()


def test_empty(stage: Stage):
    stage.expect_all("live")
    expect(stage.root("tracker").locator(".lw-empty")).to_be_visible()
    expect_no_violation(stage)


def test_live(stage: Stage):
    stage.expect_told(stage.story.go_on())
    for name in ("status", "users", "toast"):
        stage.unfold(name)
    expect_no_violation(stage)


def test_stale(stage: Stage):
    stage.proxy.cut()
    for name in ROOTS.keys() - {"status"}:
        expect(stage.root(name)).to_have_attribute("data-state", "stale")
    expect(stage.root("status")).to_have_attribute("data-state", "reconnecting")
    expect_no_violation(stage)


def test_a_violation_would_be_found(stage: Stage):
    # One of its own: those of a component are named anew whenever it is drawn.
    stage.page.evaluate("() => document.querySelector('.lw-header').append(document.createElement('button'))")
    assert any(found.startswith("button-name") for found in violations(stage.page))
