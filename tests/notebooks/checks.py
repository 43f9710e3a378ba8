"""What has to come out of the notebooks' cells: cells that a test puts behind them, with what they print."""

from __future__ import annotations

from dataclasses import dataclass

import nbformat
from nbformat.v4 import new_code_cell, new_output

#: The first cell of each copy: all that leaves the kernel, but the code that it was sent, goes to a file, too.
SPY = """
def _spy():
    import json
    import os

    session = get_ipython().kernel.session
    send = session.send
    told = open(os.environ["TOLD"], "a", buffering=1, encoding="utf-8")

    def listen(stream, what, content=None, parent=None, ident=None, buffers=None, *args, **options):
        if isinstance(what, dict):
            kind, said = what["header"]["msg_type"], what["content"]
        else:
            kind, said = what, content
        if kind != "execute_input":
            text = json.dumps(said, default=str, ensure_ascii=False)
            more = [bytes(one).decode("utf-8", "replace") for one in buffers or ()]
            told.write("\\n".join([text, *more, ""]))
        return send(stream, what, content, parent, ident, buffers, *args, **options)

    session.send = listen


_spy()
"""


@dataclass(frozen=True)
class Check:
    """A cell that is put behind another one.

    Attributes
    ----------
    after
        The other's id.
    code
        What it runs.
    prints
        What it has to print.
    """

    after: str
    code: str
    prints: str

    def cell(self) -> nbformat.NotebookNode:
        """Return it as nbval takes it: with the output that is to come."""
        output = new_output("stream", name="stdout", text=f"{self.prints}\n")
        return new_code_cell(f"# NBVAL_CHECK_OUTPUT\n{self.code}", execution_count=1, outputs=[output])


#: Behind a dashboard's last cell: `_` is what it shows.
DASHBOARD = "page = _\nprint(type(page).__name__, live.table('campaigns').ready(timeout=30).status.state)"

CHECKS = {
    "quickstart": (
        Check("quickstart-4", "print(calls.status.state, calls.key, len(calls) > 100)", "live ('id',) True"),
        Check(
            "quickstart-6", "print(tracker, tracker.title, len(tracker.keys) > 5)", "<CallTracker> Calls True"
        ),
        Check(
            "quickstart-10",
            "frame = calls.to_pandas()\n"
            "print(frame['caller_number'].dropna().str.contains('•').all(), frame['created_at'].dtype)",
            "True datetime64[us, UTC]",
        ),
    ),
    "explore": (
        Check(
            "explore-connect", "print(calls.status.state, calls.key, len(calls) > 100)", "live ('id',) True"
        ),
        Check(
            "explore-rows",
            "print(rows['caller_number'].dropna().str.contains('•').all(), rows['revenue'].dtype, len(rows) > 100)",
            "True float64 True",
        ),
        Check(
            "explore-diff",
            # The rows of the one version with the difference make the rows of the other.
            "from livewidgets.testing import wait_until\n"
            "wait_until(lambda: calls.version > rows.attrs['version'], 30, 'the traffic to change a call')\n"
            "newer = calls.to_pandas()\n"
            "between = calls.diff(rows.attrs['version'], newer.attrs['version'])\n"
            "ids = {*rows['id']} - {key for key, in between.deleted} | {key for key, in between.inserted}\n"
            "print(ids == {*newer['id']}, newer.attrs['version'] > rows.attrs['version'])",
            "True True",
        ),
        Check(
            "explore-windows",
            "print(list(by_minute.columns), by_minute['count'].sum() > 100)",
            "['created_at', 'status', 'count', 'sum(revenue)'] True",
        ),
        Check(
            "explore-brush-set",
            "import contextlib\n"
            "import io\n"
            "shown = []\n"
            "display = shown.append\n"
            "with contextlib.redirect_stdout(io.StringIO()) as said:\n"
            "    figure.range = [0.0, 1.0]\n"
            "    figure.range = None\n"
            "del display\n"
            "print(said.getvalue().splitlines()[0], [len(frame) for frame in shown], figure.between)",
            "0 calls, 0.00 in revenue [0, 10] None",
        ),
        Check(
            "explore-write",
            "before, after = (float(row['bid_modifier_pct']) for row in (target, targets[target['id']]))\n"
            "print(after - before, change.state in ('accepted', 'synced'))",
            "5.0 True",
        ),
        Check(
            "explore-write-diff",
            "print(set(targets.diff(version).columns((target['id'],))) >= {'bid_modifier_pct'})",
            "True",
        ),
        Check("explore-undo", "print(float(targets[target['id']]['bid_modifier_pct']) == before)", "True"),
        Check(
            "explore-lost",
            "print(*(sorted(float(row['bid_modifier_pct']) for row in (one.mine, one.theirs)) for one in lost))",
            "[11.0, 12.0]",
        ),
        Check(
            "explore-rule",
            "from livewidgets.testing import wait_until\n"
            "wait_until(lambda: float(targets[target['id']]['bid_modifier_pct']) == 35, 10, 'the middle')\n"
            "print([edit.error for edit in race])",
            "[None, None]",
        ),
        Check(
            "explore-restore",
            "wait_until(lambda: float(her_targets[target['id']]['bid_modifier_pct']) == before, 10, 'as it was')\n"
            "print('as before')",
            "as before",
        ),
        Check(
            "explore-who",
            "wait_until(lambda: len(her_place), 10, 'somebody')\n"
            "print([entry.meta['name'] for entry in her_place.who()])",
            "['Maria']",
        ),
        Check(
            "explore-toasts",
            "print([one.text.split()[-1] for one in live.notifications.all()])",
            "['recorded.']",
        ),
        Check(
            "explore-played",
            "wait_until(lambda: played.status.state == 'stale', 20, 'its end')\n"
            "print({*rows['id']} <= {row['id'] for row in played.rows()}, recording.error)",
            "True None",
        ),
        Check("explore-status", "print(live.status.state, colleague.status.state)", "live live"),
    ),
    "call_center": (Check("call-center-4", DASHBOARD, "Dashboard live"),),
    "bidding": (Check("bidding-4", DASHBOARD, "Dashboard live"),),
    "campaigns": (Check("campaigns-4", DASHBOARD, "Dashboard live"),),
}


def with_checks(notebook: nbformat.NotebookNode, checks: tuple[Check, ...]) -> nbformat.NotebookNode:
    """Return a copy with the spy in front and the checks behind their cells; KeyError for a cell that is not there."""
    behind = {check.after: check for check in checks}
    cells = [new_code_cell(SPY)]
    for cell in notebook.cells:
        cells.append(cell)
        if check := behind.pop(cell.id, None):
            cells.append(check.cell())
    if behind:
        raise KeyError(*behind)
    return nbformat.from_dict({**notebook, "cells": cells})
