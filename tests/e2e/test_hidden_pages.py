"""Tabs that are really hidden, and really frozen: nothing is sent for them, and they are right when they come back."""

from __future__ import annotations

import json
import time
import uuid

import pytest

from livewidgets.testing import wait_until

from .cdp import Tab, visible_chromium
from .conftest import serving_lab, write_notebook
from .watching import RUN, Watch

pytestmark = pytest.mark.timeout(180)

CELLS = (
    "import livewidgets as lw\nlive = lw.connect()",
    "tracker = lw.CallTracker(live, linger=600, height=300)\ntracker",
    "lw.OnlineStatus(live)",
)
LIVE = "document.querySelector('.lw-call-tracker[data-state=live]') !== null"
READY = "window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'"
#: What the kernel keeps for pages: open feeds, visible pages, tables that are followed; beats and other messages sent.
KEPT = """
from livewidgets.widgets.hub import hub
exchange = hub()._exchange
tables = sum(follower.request.table == 'calls' for follower in live._upstream._followers.values())
print(len(exchange._open), lw.page().visible, tables, exchange._beats, exchange.sent - exchange._beats)
"""


def kept(tab: Tab) -> list[str]:
    return str(tab.evaluate(f"({RUN})({json.dumps(KEPT)})")).split()


def test_a_hidden_and_a_frozen_tab_cost_nothing_and_come_back_right(sandbox, sandbox_db, tmp_path):
    sandbox_db.execute("delete from calls")
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    notebook = write_notebook(tmp_path / "live.ipynb", *CELLS)

    def insert() -> str:
        key = str(uuid.uuid4())
        sandbox_db.execute("insert into calls (id, status, queued_at) values (%s, 'ringing', now())", (key,))
        return key

    with serving_lab(tmp_path, env) as lab, visible_chromium(tmp_path) as browser:
        tab = browser.open(f"{lab}doc/tree/{notebook.name}?reset&campaign=7")
        tab.wait_for(READY)
        tab.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        tab.wait_for(LIVE)
        watch = Watch(tab.evaluate)
        assert tab.evaluate("document.visibilityState") == "visible"
        wait_until(lambda: kept(tab)[:3] == ["2", "True", "1"], 60, "both views to be fed")

        # Hidden: another tab is in front.
        other = browser.open("about:blank")
        tab.wait_for("document.visibilityState === 'hidden'")
        wait_until(lambda: kept(tab)[:2] == ["0", "False"], 60, "the kernel to send no frames")
        began = time.monotonic()
        beats, others = (int(number) for number in kept(tab)[3:])
        for _ in range(50):
            first = insert()
        wait_until(lambda: time.monotonic() >= began + 6, 10, "beats to come")
        beats_then, others_then = (int(number) for number in kept(tab)[3:])
        assert others_then == others
        # A beat every five seconds, and one more where a cell has kept the kernel busy; not one a second.
        assert beats_then - beats < time.monotonic() - began
        shown = time.time()
        tab.show()
        row = "document.querySelector('.lw-call-tracker [data-key=\"{}\"]') !== null"
        tab.wait_for(row.format(first))
        tab.wait_for(LIVE)
        assert not {"gone", "none", "server-gone"} & {state for _, state in watch.states(shown)}

        # Frozen: not even messages are read.
        other.show()
        tab.wait_for("document.visibilityState === 'hidden'")
        tab.freeze()
        second = insert()
        began = time.monotonic()
        wait_until(lambda: time.monotonic() >= began + 15, 20, "a long sleep")
        tab.thaw()
        thawed = time.time()
        tab.show()
        # The browser has cut the connection; the notebook server takes three seconds to let a kernel speak again.
        before = [state for at, state in watch.states(0) if at < thawed]
        if before[-1] != "catching-up":  # as it may have said before it fell asleep
            watch.says("catching-up", since=thawed)
        tab.wait_for(row.format(second))
        tab.wait_for(LIVE)
        assert [state for _, state in watch.states(thawed)][-1] == "live"
    sandbox_db.execute("delete from calls")
