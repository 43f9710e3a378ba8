"""What a view says, with the page's own clock: each state of the tracker and when it was painted.

A promise of seconds is one of the code, on a machine that lets it run. So the page measures how late its own timers
and frames come, and how long the server's answers to its questions are beyond what the code allows for; this process
measures how late its own thread runs, as all processes do when the machine stands still; and the page tells the
patience that it has learned of a link on which messages came late. A state may be painted later by so much, and by
nothing else.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from livewidgets.testing import wait_until

#: Keeps every state of every component that the page paints, as [ms since 1970, component, state]; how long it was kept
#: from running, as [ms since 1970, ms]: what a timer of 50 ms or a frame was late, while the page was to be seen; and its
#: patience with the link, as [ms since 1970, ms].
RECORD = """
(() => {
    if (window.__states) return;
    const said = window.__states = [];
    const delays = window.__delays = [];
    const frames = window.__frames = [];
    const patience = window.__patience = [];
    let ticked = null, asked = null;
    const tick = () => {
        const now = performance.now(), visible = document.visibilityState === 'visible';
        if (ticked !== null && now - ticked > 70) delays.push([Date.now(), now - ticked - 50]);
        ticked = visible ? now : null;
        if (!visible || asked !== null) return;
        asked = now;
        requestAnimationFrame(() => {
            const late = asked === null ? 0 : performance.now() - asked - 17;
            if (late > 20) frames.push([Date.now(), late]);
            asked = null;
        });
    };
    document.addEventListener('visibilitychange', () => { ticked = asked = null; });
    setInterval(tick, 50);
    const last = new WeakMap();
    const look = () => {
        for (const root of document.querySelectorAll('.lw-call-tracker, .lw-online-status')) {
            const { state, slack } = root.dataset;
            if (slack && slack !== String(patience.at(-1)?.[1])) patience.push([Date.now(), Number(slack)]);
            if (!state || last.get(root) === state) continue;
            last.set(root, state);
            said.push([Date.now(), root.classList.contains('lw-call-tracker') ? 'tracker' : 'status', state]);
        }
    };
    new MutationObserver(look).observe(
        document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-state', 'data-slack'] });
    look();
})()
"""

#: What the server took too long for its answers about the kernel, in the same form. One that never came is no answer.
ANSWERS = """
performance.getEntriesByType('resource')
    .filter(({ name, responseStatus }) => name.includes('/api/kernels/') && responseStatus > 0)
    .map(({ responseEnd, duration }) => [performance.timeOrigin + responseEnd, Math.max(0, duration - 300)])
"""

#: Seconds until a view must say what has happened.
PROMPT = 2.0


class _Lateness(threading.Thread):
    """Measures how late a thread of this process runs: where the machine stands still, all others are as late."""

    EVERY = 0.05

    def __init__(self) -> None:
        super().__init__(name="lateness", daemon=True)
        #: (seconds since 1970, seconds), of the last minutes.
        self.found: deque[tuple[float, float]] = deque(maxlen=10_000)

    def run(self) -> None:
        never = threading.Event()
        while True:
            began = time.monotonic()
            never.wait(self.EVERY)
            late = time.monotonic() - began - self.EVERY
            if late > 0.02:
                self.found.append((time.time(), late))


_lateness: _Lateness | None = None


def _measured() -> _Lateness:
    global _lateness
    if _lateness is None:
        _lateness = _Lateness()
        _lateness.start()
    return _lateness


class Watch:
    """Follows the states that a page paints.

    Parameters
    ----------
    evaluate
        Evaluates an expression in the page.
    """

    def __init__(self, evaluate: Callable[[str], Any]) -> None:
        self._evaluate = evaluate
        self._machine = _measured()
        self._evaluate(RECORD)

    @classmethod
    def on(cls, page: Page) -> Watch:
        """Follow a page of Playwright's."""
        return cls(page.evaluate)

    def states(self, since: float, who: str = "tracker") -> list[tuple[float, str]]:
        """Return what was painted since a moment, as (seconds after it, state)."""
        said = self._evaluate("window.__states")
        return [(at / 1000 - since, state) for at, name, state in said if name == who and at / 1000 >= since]

    def now(self, who: str = "tracker") -> str:
        """Return what is painted now."""
        return str(
            ([state for _, name, state in self._evaluate("window.__states") if name == who] or [""])[-1]
        )

    def delay(self, since: float, until: float) -> float:
        """Return for how many seconds the page could not, or should not yet, say anything between two moments."""

        def found(what: str) -> float:
            said = self._evaluate(what)
            return sum(lost for at, lost in said if since <= at / 1000 <= until + 0.1) / 1000

        page = max(found("window.__delays"), found("window.__frames")) + found(ANSWERS)
        machine = sum(late for at, late in tuple(self._machine.found) if since <= at <= until + 0.1)
        patience = [(at / 1000, more / 1000) for at, more in self._evaluate("window.__patience")]
        before = [more for at, more in patience if at <= since][-1:]
        return (
            page
            + machine
            + max([*before, *(more for at, more in patience if since < at <= until)], default=0)
        )

    def says(self, *wanted: str, since: float, within: float = PROMPT, who: str = "tracker") -> float:
        """Wait until one of these states is painted, and check that it was soon enough; return when."""
        return self._first(lambda state: state in wanted, f"say {' or '.join(wanted)}", since, within, who)

    def leaves(self, state: str, since: float, within: float = PROMPT, who: str = "tracker") -> None:
        """Wait until something else than this state is painted."""
        self._first(lambda said: said != state, f"not say {state} any more", since, within, who)

    def _first(
        self, is_wanted: Callable[[str], bool], what: str, since: float, within: float, who: str
    ) -> float:
        def said() -> list[float]:
            return [after for after, state in self.states(since, who) if is_wanted(state)]

        try:
            first = wait_until(said, within + 20, f"the {who} to {what}")[0]
        except AssertionError as error:
            error.add_note(f"It was {self.now(who)!r}, and has said since: {self.states(since, who)}")
            raise
        self._soon_enough(first, since, within, who)
        return first

    def _soon_enough(self, said: float, since: float, within: float, who: str) -> None:
        delay = self.delay(since, since + said)
        assert said <= within + delay, (self.states(since, who), f"delayed by {delay:.2f} s")


def in_kernel(page: Page, code: str) -> str:
    """Run code in the kernel of the notebook that JupyterLab shows; return what it printed."""
    return str(page.evaluate(RUN, code))


#: Runs code in the current notebook's kernel, and gives what it prints.
RUN = """async code => {
    const { kernel } = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
    const future = kernel.requestExecute({ code, store_history: false });
    let said = '';
    future.onIOPub = message => {
        if (message.header.msg_type === 'stream') said += message.content.text;
        if (message.header.msg_type === 'error') said += message.content.traceback.join('\\n');
    };
    await future.done;
    return said;
}"""


def restart_kernel(page: Page) -> float:
    """Restart the notebook's kernel; return when."""
    return float(page.evaluate(RESTART)) / 1000


#: Restarts the current notebook's kernel, and gives when it was told to.
RESTART = """async () => {
    const { kernel } = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
    const at = Date.now();
    await kernel.restart();
    return at;
}"""


class Held:
    """A cell that holds a kernel and writes down when it begins to and when it lets go.

    Parameters
    ----------
    page
        Of JupyterLab, with the notebook of the kernel to hold.
    code
        What holds it.
    folder
        Where it writes.
    """

    def __init__(self, page: Page, code: str, folder: Path) -> None:
        self._began, self._ended = (folder / f"{uuid.uuid4().hex}.{name}" for name in ("began", "ended"))
        write = "import pathlib, time; pathlib.Path({!r}).write_text(str(time.time()))".format
        cell = "\n".join((write(str(self._began)), code, write(str(self._ended))))
        page.evaluate(f"code => {{ void ({RUN})(code); }}", cell)

    @property
    def began(self) -> float:
        """Seconds since 1970."""
        return self._moment(self._began)

    @property
    def ended(self) -> float:
        """Seconds since 1970."""
        return self._moment(self._ended)

    def _moment(self, path: Path) -> float:
        return float(
            wait_until(lambda: path.exists() and path.read_text(), 60, f"the cell to write {path.suffix[1:]}")
        )
