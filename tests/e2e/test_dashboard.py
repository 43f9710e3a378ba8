"""The dashboards: the call centre as `livewidgets demo` shows it, and each of them with all that is on it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from livewidgets import dashboards
from livewidgets.demonstration import SANDBOX_VARIABLE
from livewidgets.sandbox import launcher
from livewidgets.sandbox.launcher import SandboxInfo, running
from livewidgets.testing import wait_until

from .hosts import expect_live

#: What has to be live on each dashboard, and how many of it.
ON_THEM = {
    "call_center": {
        "campaign-metrics": 1,
        "call-tracker": 1,
        "call-duration": 1,
        "live-feed": 1,
        "realtime-chart": 1,
    },
    "bidding": {"live-bidding": 1, "realtime-chart": 2},
    "campaigns": {"campaign-metrics": 1, "realtime-chart": 2, "live-feed": 1},
}


@pytest.mark.timeout(180)
def test_the_demo_shows_calls_and_stops_all_it_started(page: Page, tmp_path: Path):
    data = tmp_path / "sandbox"
    output = tmp_path / "demo.txt"
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    # What the user of this machine has configured must not be shown for the demo.
    env = {
        **os.environ,
        "SUPABASE_URL": "https://example.supabase.co",
        "SUPABASE_KEY": "sb_publishable_of_nobody",
    }
    with output.open("w") as told:
        demo = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "livewidgets",
                "demo",
                "--no-browser",
                "--data",
                str(data),
                "--speed",
                "5",
            ],
            stdout=told,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=env,
        )
    try:
        address = wait_until(
            lambda: re.search(r"^Dashboard\s+(http://127\.0\.0\.1:\d+/)$", output.read_text(), re.MULTILINE),
            90,
            "the demo's address",
        )
        page.goto(address[1])
        expect_live(page)
        rows = page.locator(".lw-call-tracker [data-key]")
        expect(rows.first).to_be_visible()
        first = rows.first.get_attribute("data-key")
        # The newest call is on top: another one comes in.
        expect(page.locator(".lw-call-tracker [data-key]").first).not_to_have_attribute(
            "data-key", first or ""
        )
        expect(page.locator(".lw-online-status")).to_contain_text("Live")
        expect_campaign_filter_to_work(page)
        started = psutil.Process(demo.pid).children(recursive=True)
        info = wait_until(lambda: running(data), 60, "the sandbox")
        started.append(psutil.Process(info.pid))
        started += started[-1].children(recursive=True)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(40)
    psutil.wait_procs(started, timeout=60)
    assert not [process for process in started if process.is_running()]
    assert running(data) is None
    assert errors == []
    assert "Traceback" not in output.read_text()


def expect_campaign_filter_to_work(page: Page) -> None:
    choice = page.get_by_label("Campaign")
    names = page.locator(".lw-call-tracker .lw-row:not(.lw-head) .lw-campaign")
    wanted = names.first.inner_text()
    choice.select_option(label=wanted)
    expect(names.filter(has_not_text=wanted)).to_have_count(0)
    expect(names.filter(has_text=wanted).first).to_be_visible()
    choice.select_option(label="All campaigns")
    expect(names.filter(has_not_text=wanted).first).to_be_visible()


@pytest.fixture(scope="module")
def busy_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxInfo]:
    info = launcher.launch(tmp_path_factory.mktemp("busy"), port=0, traffic=True, seed=7, speed=5)
    yield info
    launcher.stop(info)


@pytest.fixture
def said(page: Page) -> list[str]:
    """What the page complains of."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    return heard


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", sorted(ON_THEM))
def test_everything_on_a_dashboard_is_live(
    name: str, page: Page, said: list[str], busy_sandbox: SandboxInfo, tmp_path: Path
):
    env = {SANDBOX_VARIABLE: str(busy_sandbox.data)}
    with dashboards.serve(dashboards.find_notebook(name), env=env, log=tmp_path / "voila.log") as dashboard:
        page.goto(f"{dashboard.url}?wall=1&theme=dark&campaign=Solar Consultations")
        for component, count in ON_THEM[name].items():
            live = page.locator(f".lw-{component}[data-state=live]")
            expect(live).to_have_count(count)
            expect(live.first).to_have_attribute("data-lw-theme", "dark")
            expect(live.first).to_have_attribute("data-size", "wall")
        expect(page.locator(".lw-online-status")).to_contain_text("Live")
        expect(page.locator(".lw-active-users")).to_contain_text("you")
        # The address has chosen, and a wall is filled without scrolling.
        choice = page.get_by_label("Campaign", exact=True)
        expect(choice.locator("option:checked")).to_have_text("Solar Consultations")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("button", name="For a desk").click()
        page.get_by_role("button", name="Light colours").click()
        for component in ON_THEM[name]:
            first = page.locator(f".lw-{component}").first
            expect(first).to_have_attribute("data-lw-theme", "light")
            expect(first).to_have_attribute("data-size", "auto")
        page.set_viewport_size({"width": 360, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert said == []


#: Keeps the colour of what is shown while a page is being made.
FIRST_COLOUR = """
new MutationObserver((_, observer) => {
    const loading = document.getElementById('loading');
    if (!loading || document.body === null) return;
    requestAnimationFrame(() => { window.firstColour ??= getComputedStyle(loading).color; });
    observer.disconnect();
}).observe(document, { childList: true, subtree: true });
"""


@pytest.mark.timeout(180)
def test_an_address_with_a_theme_gets_a_heated_kernel(
    page: Page, said: list[str], busy_sandbox: SandboxInfo, tmp_path: Path
):
    env = {SANDBOX_VARIABLE: str(busy_sandbox.data)}
    log = tmp_path / "voila.log"
    notebook = dashboards.find_notebook("bidding")
    with dashboards.serve(notebook, preheated=1, env=env, log=log) as dashboard:
        wait_until(lambda: "is filled with 1 kernel" in log.read_text(), 60, "a kernel in the pool")
        page.add_init_script(FIRST_COLOUR)
        page.goto(f"{dashboard.url}?theme=dark", wait_until="commit")
        # The page is dark from the first that is seen of it, which may be over already.
        page.wait_for_function("window.firstColour !== undefined")
        assert page.evaluate("window.firstColour") == "rgb(162, 171, 184)"
        expect(page.locator("body")).to_have_css("background-color", "rgb(12, 14, 17)")
        component = page.locator(".lw-live-bidding[data-state=live]")
        expect(component).to_be_visible()
        expect(component).to_have_attribute("data-lw-theme", "dark")
        assert "Using pre-heated kernel" in log.read_text()
        # So is what is not ours: Jupyter's own sheet is there.
        choice = page.get_by_label("Campaign", exact=True)
        assert brightness(choice, "backgroundColor") < 60 < 180 < brightness(choice, "color")
        page.get_by_role("button", name="Light colours").click()
        expect(page.locator("body")).to_have_css("background-color", "rgb(244, 245, 247)")
        assert brightness(choice, "color") < 60 < 180 < brightness(choice, "backgroundColor")
    assert said == []


def brightness(element: Locator, what: str) -> float:
    """Say how bright a colour of an element is, from 0 to 255."""
    colour = element.evaluate(f"(element) => getComputedStyle(element).{what}")
    red, green, blue = (float(part) for part in re.findall(r"[\d.]+", colour)[:3])
    return (red + green + blue) / 3


@pytest.mark.timeout(300)
def test_a_dashboard_whose_kernel_dies_starts_anew(page: Page, busy_sandbox: SandboxInfo, tmp_path: Path):
    env = {SANDBOX_VARIABLE: str(busy_sandbox.data)}
    notebook = dashboards.find_notebook("bidding")
    with dashboards.serve(notebook, env=env, log=tmp_path / "voila.log") as dashboard:
        page.goto(dashboard.url)
        expect(page.locator(".lw-live-bidding[data-state=live]")).to_be_visible()
        page.evaluate("window.before = true")
        for kernel in psutil.Process(dashboard.process.pid).children():
            kernel.kill()
        expect(page.locator(".lw-alarm")).to_be_visible()
        expect(page.get_by_role("button", name="Reload")).to_be_visible()
        # Nobody stands in front of a wall: it reloads by itself.
        page.wait_for_function("window.before === undefined", timeout=150_000)
        expect(page.locator(".lw-live-bidding[data-state=live]")).to_be_visible()
