"""What a view says of each trouble between the browser and the kernel, within 2 s, and that it is right afterwards.

One JupyterLab serves all of it. The cuts of 5, 30 and 110 s begin together in pages of their own, and the other tests
pass while the long ones last.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from livewidgets import dashboards
from livewidgets.sandbox.faults import FaultProxy
from livewidgets.testing import wait_until

from .conftest import PATIENCE, open_in_lab, run_all_cells, serving_lab, write_notebook
from .hosts import expect_live
from .watching import PROMPT, Held, Watch, in_kernel, restart_kernel

pytestmark = pytest.mark.timeout(240)

CELLS = (
    "import time\nimport livewidgets as lw\nlive = lw.connect()\ncalls = live.table('calls', order='-created_at', limit=500)",
    "tracker = lw.CallTracker(calls, linger=600, height=300)\ntracker",
    "lw.OnlineStatus(live)",
)


#: Has the kernel write from a thread, again and again, how many pages are there.
TELL_PAGES = """
import pathlib, threading
def tell(path=pathlib.Path({path!r})):
    while True:
        new = path.with_suffix(".new")
        new.write_text(str(lw.page().count))
        new.rename(path)
        time.sleep(0.1)
threading.Thread(target=tell, daemon=True).start()
"""


@pytest.fixture(scope="module")
def db(sandbox) -> Iterator[psycopg.Connection]:
    with psycopg.connect(sandbox.dsn, autocommit=True) as connection:
        connection.execute("delete from calls")
        yield connection
        connection.execute("delete from calls")


@pytest.fixture(scope="module")
def env(sandbox) -> dict[str, str]:
    return {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}


@dataclass
class Lab:
    url: str
    folder: Path

    def show(self, page: Page, url: str | None = None, cells: tuple[str, ...] = CELLS) -> Watch:
        """Open a notebook of its own, with a kernel of its own, and run it."""
        notebook = write_notebook(self.folder / f"{uuid.uuid4().hex[:8]}.ipynb", *cells)
        open_in_lab(page, url or self.url, notebook.name)
        run_all_cells(page)
        expect_live(page)
        expect(page.locator(".lw-online-status[data-state=live]")).to_be_visible()
        return Watch.on(page)


@pytest.fixture(scope="module")
def lab(env, tmp_path_factory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with serving_lab(folder, env) as url:
        yield Lab(url, folder)


def insert(db: psycopg.Connection, status: str = "ringing") -> str:
    key = str(uuid.uuid4())
    db.execute(
        "insert into calls (id, status, caller_number, queued_at, ringing_at) "
        "values (%s, %s, '+15550104321', now(), now())",
        (key, status),
    )
    return key


def shows(page: Page, key: str, label: str = "Ringing") -> None:
    chip = page.locator(f".lw-call-tracker [data-key='{key}'] .lw-chip-label")
    expect(chip.first).to_have_text(label)


def save(page: Page) -> None:
    """Save the notebook, so that a page that loads it finds the outputs."""
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")


# Cuts: those of 5, 30 and 110 s begin at once


@dataclass
class Cut:
    """A page whose connections were cut, and for how long they will be."""

    page: Page
    watch: Watch
    proxy: FaultProxy
    at: float
    #: Seconds that it took to cut.
    took: float
    before: str
    meanwhile: str = ""


@pytest.fixture(scope="module")
def cuts(lab, env, chromium: Browser, db, tmp_path_factory) -> Iterator[dict[str, Cut]]:
    folder = tmp_path_factory.mktemp("voila")
    with ExitStack() as stack:
        notebook = write_notebook(folder / "live.ipynb", *CELLS)
        voila = stack.enter_context(dashboards.serve(notebook, env=env, log=folder / "voila.log"))
        shown: dict[str, tuple[Page, Watch, FaultProxy]] = {}
        for name, url in {
            "lab 5": lab.url,
            "lab 30": lab.url,
            "lab 110": lab.url,
            "voila 30": voila.url,
        }.items():
            proxy = stack.enter_context(FaultProxy.running(url.rstrip("/")))
            context = chromium.new_context(viewport={"width": 1280, "height": 900})
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            if "lab" in name:
                watch = lab.show(page, f"{proxy.url}/")
            else:
                page.goto(f"{proxy.url}/")
                expect_live(page)
                watch = Watch.on(page)
            shown[name] = (page, watch, proxy)
        before = insert(db)
        cuts = {}
        for name, (page, watch, proxy) in shown.items():
            shows(page, before)
            at = time.time()
            # A pulled cable is not always seen: the one connection ends, the other goes on and says nothing.
            if name == "lab 30":
                proxy.stall()
            else:
                proxy.cut()
            cuts[name] = Cut(page, watch, proxy, at, time.time() - at, before)
        for name, cut in cuts.items():
            # Where nothing tells of the cut and the host knew of a running cell, which explains silence, the page
            # waits a second longer for the server's answer. Until then it says busy, and no more that it is live.
            within = cut.took + (PROMPT + 1 if name == "lab 30" else PROMPT)
            for who in ("tracker", "status"):
                cut.watch.leaves("live", since=cut.at, within=cut.took + PROMPT, who=who)
                cut.watch.says("server-gone", since=cut.at, within=within, who=who)
        after = insert(db)
        db.execute("update calls set status = 'in-progress', connected_at = now() where id = %s", (before,))
        for cut in cuts.values():
            cut.meanwhile = after
        yield cuts


#: Seconds until all is right again, at most: the host's own pauses between two tries are up to 15 s.
MENDED = 60.0


def mends(cut: Cut, seconds: float) -> None:
    """Wait until the cut has lasted so long, restore, and expect all to be right."""
    wait_until(lambda: time.time() >= cut.at + seconds, seconds + 1, "the cut to last")
    expect(cut.page.locator(".lw-call-tracker")).to_have_attribute("data-state", "server-gone")
    said = [state for _, state in cut.watch.states(cut.at)]
    assert "live" not in said[said.index("server-gone") :], said
    restored = time.time()
    cut.proxy.restore()
    cut.watch.says("live", since=restored, within=MENDED)
    shows(cut.page, cut.meanwhile)
    shows(cut.page, cut.before, "In progress")
    cut.watch.says("live", since=restored, within=MENDED, who="status")


def test_a_cut_of_5_seconds_is_told_and_mended(cuts):
    mends(cuts["lab 5"], 5)


def test_a_cut_of_30_seconds_is_told_and_mended(cuts):
    mends(cuts["voila 30"], 30)
    mends(cuts["lab 30"], 30)


def test_a_restarted_kernel_is_gone_and_a_new_run_lives(lab, page, db, cuts):
    watch = lab.show(page)
    restarted = restart_kernel(page)
    watch.says("gone", since=restarted)
    watch.says("gone", since=restarted, who="status")
    # Another kernel answers by now; the old view does not take it for its own.
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status === 'idle'"
    )
    expect(page.locator(".lw-call-tracker")).to_contain_text("Kernel gone")
    run_all_cells(page)
    expect_live(page)
    shows(page, insert(db))


def test_a_busy_kernel_is_told_from_a_killed_one(lab, page, db, cuts):
    watch = lab.show(page)
    pid = int(in_kernel(page, "import os; print(os.getpid())"))
    go_on = lab.folder / f"{uuid.uuid4().hex}.go-on"
    waits = f"import pathlib\nwhile not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.05)"
    blocked = Held(page, waits, lab.folder)
    watch.says("busy", since=blocked.began, within=3.5)
    shows(page, insert(db))
    assert watch.now() == "busy"
    go_on.touch()
    watch.says("live", since=blocked.ended, within=3)
    # A cell that holds the interpreter: not even beats come.
    held = Held(page, "import ctypes; time.sleep(0.5); ctypes.PyDLL(None).sleep(6)", lab.folder)
    watch.says("busy", since=held.began, within=3.5)
    watch.says("live", since=held.ended, within=3)
    said = [state for at, state in watch.states(blocked.began) if at <= held.ended - blocked.began]
    assert not {"gone", "none"} & set(said), said
    # Killed within a cell, it would be the server that calls it busy.
    assert in_kernel(page, "print('free')").strip() == "free"
    killed = time.time()
    os.kill(pid, signal.SIGKILL)
    watch.says("gone", since=killed)
    watch.says("gone", since=killed, who="status")


def test_output_that_is_cleared_costs_nothing_and_comes_back_right(lab, page, db, cuts):
    lab.show(page)
    count = "from livewidgets.widgets import hub\nprint(len(hub.hub()._exchange._open), hub.hub()._exchange.pages.count)"
    assert in_kernel(page, count).strip() == "2 1"
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    expect(page.locator(".lw-call-tracker")).to_have_count(0)
    wait_until(lambda: in_kernel(page, count).strip() == "0 0", 10, "the kernel to send nothing")
    key = insert(db)
    page.evaluate(
        """() => {
            const { content } = window.jupyterapp.shell.currentWidget;
            content.activeCellIndex = 1;
            return window.jupyterapp.commands.execute('notebook:run-cell');
        }"""
    )
    expect_live(page)
    shows(page, key)


def test_a_reload_while_a_cell_runs_ends_right(lab, page, db, cuts):
    lab.show(page)
    save(page)
    held = Held(page, "time.sleep(10)", lab.folder)
    assert held.began
    page.reload()
    key = insert(db)
    # Until the kernel can answer nothing may be called live; then all is.
    expect_live(page)
    live_at = time.time()
    assert live_at >= held.ended
    shows(page, key)


def test_two_tabs_are_two_pages(lab, page, db, cuts):
    lab.show(page)
    save(page)
    other = page.context.new_page()
    open_in_lab(other, lab.url, page.url.rpartition("/")[2])
    expect_live(other)
    key = insert(db)
    shows(page, key)
    shows(other, key)
    assert in_kernel(page, "print(lw.page().count, lw.page().visible)").strip() == "2 True"
    # Not by cells: each keeps the kernel's main loop busy, and what a busy kernel does not hear proves nothing.
    told = lab.folder / f"{uuid.uuid4().hex}.txt"
    in_kernel(page, TELL_PAGES.format(path=str(told)))
    wait_until(lambda: told.exists() and told.read_text() == "2", 10, "the kernel to count its pages")
    other.close()
    db.execute("update calls set status = 'in-progress', connected_at = now() where id = %s", (key,))
    shows(page, key, "In progress")
    wait_until(lambda: told.read_text() == "1", 90, "the closed tab to be forgotten")


def test_a_throttled_page_calls_no_kernel_gone(lab, page, db, cuts):
    watch = lab.show(page)
    devtools = page.context.new_cdp_session(page)
    began = time.time()
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 20})
    for _ in range(20):
        keys = [insert(db) for _ in range(10)]
    shows(page, keys[-1])
    db.execute("update calls set status = 'in-progress', connected_at = now() where id = %s", (keys[-1],))
    shows(page, keys[-1], "In progress")
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    expect_live(page)
    assert not {"gone", "server-gone", "none"} & {state for _, state in watch.states(began)}


def test_a_link_of_30_kilobytes_a_second_falls_little_behind(lab, page, db, cuts):
    rows = 150
    # Its own rows only, whatever the other tests have left.
    cells = (CELLS[0].replace("limit=500", f"limit={rows}"), *CELLS[1:])
    with FaultProxy.running(lab.url.rstrip("/")) as proxy:
        watch = lab.show(page, f"{proxy.url}/", cells)
        keys = [insert(db) for _ in range(rows)]
        expect(page.get_by_role("button", name=f"Ringing {rows}", exact=True)).to_be_visible()
        carried = proxy.carried
        db.execute("update calls set status = 'queued' where id = any(%s)", (keys,))
        expect(page.get_by_role("button", name=f"Queued {rows}", exact=True)).to_be_visible()
        # What one state takes; the beats of these moments are part of it.
        state = proxy.carried - carried
        began = time.time()
        proxy.throttle(30_000)
        # All rows change four times a second: some 200 kB, of which the link carries 30.
        for number in range(24):
            status = "queued" if number % 2 else "ringing"
            db.execute("update calls set status = %s where id = any(%s)", (status, keys))
            wait_until(lambda end=began + number / 4: time.time() >= end, 5, "a quarter of a second to pass")
        # What is newest waits behind what is on its way: two states, one that was repeated before the link was
        # known, the rest of one; and not behind the two dozen that were.
        carried = proxy.carried
        key = insert(db)
        shows(page, key)
        assert proxy.carried - carried < 5 * state + 20_000
        proxy.restore()
        expect_live(page)
        assert not {"gone", "none"} & {said for _, said in watch.states(began)}


def test_a_cut_of_110_seconds_is_told_and_mended(cuts):
    mends(cuts["lab 110"], 110)


def test_a_killed_server_is_told_from_a_killed_kernel(env, page, db, tmp_path):
    notebook = write_notebook(tmp_path / "live.ipynb", *CELLS)
    with dashboards.serve(notebook, env=env, log=tmp_path / "voila.log") as dashboard:
        page.goto(dashboard.url)
        expect_live(page)
        watch = Watch.on(page)
        killed = time.time()
        dashboard.process.kill()
        watch.says("server-gone", since=killed)
        watch.says("server-gone", since=killed, who="status")
        expect(page.locator(".lw-call-tracker")).to_contain_text("notebook server is not reached")
