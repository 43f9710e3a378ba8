"""What a view says, with the page's own clock: each state of the tracker and when it was painted.

A promise of seconds is one of the code, on a machine that lets it run. So the page measures how late its own timers
run, and how long the server's answers to its questions are beyond what the code allows for; a state may be painted
later by so much, and by nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from livewidgets.testing import wait_until

#: Keeps every state of every component that the page paints, as [ms since 1970, component, state], and how long it
#: was kept from running, as [ms since 1970, ms]: what a timer of 50 ms was late, while the page was to be seen.
RECORD = """
(() => {
    if (window.__states) return;
    const said = window.__states = [];
    const delays = window.__delays = [];
    let ticked = null;
    const tick = () => {
        const now = performance.now();
        if (ticked !== null && now - ticked > 70) delays.push([Date.now(), now - ticked - 50]);
        ticked = document.visibilityState === 'visible' ? now : null;
    };
    document.addEventListener('visibilitychange', () => { ticked = null; });
    setInterval(tick, 50);
    const last = new WeakMap();
    const look = () => {
        for (const root of document.querySelectorAll('.lw-call-tracker, .lw-online-status')) {
            const state = root.dataset.state;
            if (!state || last.get(root) === state) continue;
            last.set(root, state);
            said.push([Date.now(), root.classList.contains('lw-call-tracker') ? 'tracker' : 'status', state]);
        }
    };
    new MutationObserver(look).observe(
        document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-state'] });
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


class Watch:
    """Follows the states that a page paints.

    Parameters
    ----------
    evaluate
        Evaluates an expression in the page.
    """

    def __init__(self, evaluate: Callable[[str], Any]) -> None:
        self._evaluate = evaluate
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
        """Return for how many seconds the machine kept the page from saying anything between two moments."""
        found = self._evaluate(f"[...window.__delays, ...{ANSWERS.strip()}]")
        return sum(lost for at, lost in found if since <= at / 1000 <= until + 0.1) / 1000

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
    at = time.time()
    page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()"
    )
    return at


def hold_kernel(page: Page, code: str) -> float:
    """Begin a cell and do not wait for its end; return when."""
    at = time.time()
    page.evaluate(f"code => {{ void ({RUN})(code); }}", code)
    return at
