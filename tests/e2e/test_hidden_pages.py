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
#: What the kernel keeps for pages: open feeds, visible pages, tables that are followed, messages sent.
KEPT = """
from livewidgets.widgets.hub import hub
exchange = hub()._exchange
tables = sum(follower.request.table == 'calls' for follower in live._upstream._followers.values())
print(len(exchange._open), lw.page().visible, tables, exchange.sent)
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
        assert kept(tab)[:3] == ["2", "True", "1"]

        # Hidden: another tab is in front.
        other = browser.open("about:blank")
        tab.wait_for("document.visibilityState === 'hidden'", 10)
        wait_until(lambda: kept(tab)[:2] == ["0", "False"], 10, "the kernel to send no frames")
        before = int(kept(tab)[3])
        for _ in range(50):
            first = insert()
        began = time.monotonic()
        wait_until(lambda: time.monotonic() >= began + 6, 10, "beats to come")
        assert int(kept(tab)[3]) - before <= 3  # a beat every five seconds
        shown = time.time()
        tab.show()
        row = "document.querySelector('.lw-call-tracker [data-key=\"{}\"]') !== null"
        tab.wait_for(row.format(first), 5)
        tab.wait_for(LIVE, 10)
        assert not {"gone", "none", "server-gone"} & {state for _, state in watch.states(shown)}

        # Frozen: not even messages are read.
        other.show()
        tab.wait_for("document.visibilityState === 'hidden'", 10)
        tab.freeze()
        second = insert()
        began = time.monotonic()
        wait_until(lambda: time.monotonic() >= began + 15, 20, "a long sleep")
        tab.thaw()
        thawed = time.time()
        tab.show()
        # The browser has cut the connection; the notebook server takes three seconds to let a kernel speak again.
        watch.says("catching-up", since=thawed)
        tab.wait_for(row.format(second), 10)
        tab.wait_for(LIVE, 10)
        assert [state for _, state in watch.states(thawed)][-1] == "live"
    sandbox_db.execute("delete from calls")
