"""Widgets made by a cell are closed when that cell runs again and makes others.

A notebook keeps every widget for ever, also those whose cell has been run again and whose view is gone. Where the
front end says which cell it runs (JupyterLab, Notebook 7 and VS Code do), the older ones are closed.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Protocol

from livewidgets.widgets.probe import current_request


class Closable(Protocol):
    """What can be closed."""

    def close(self) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one cell."""

    cell: str
    request: str


def current_run() -> Run | None:
    """Return which run of which cell this is; None outside one, or where the front end does not say."""
    parent = current_request()
    cell = parent.get("metadata", {}).get("cellId")
    request = parent.get("header", {}).get("msg_id")
    return Run(cell, request) if isinstance(cell, str) and isinstance(request, str) else None


class MadeByCells:
    """Remembers which run of a cell made which widgets."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[str, weakref.WeakSet[Closable]]] = {}

    def add(self, widget: Closable, run: Run | None) -> None:
        """Note a new widget; close what an earlier run of its cell has made."""
        if run is None:
            return
        request, widgets = self._made.get(run.cell, ("", weakref.WeakSet()))
        if request != run.request:
            for older in list(widgets):
                older.close()
            widgets = weakref.WeakSet()
        widgets.add(widget)
        self._made[run.cell] = (run.request, widgets)

    def discard(self, widget: Closable) -> None:
        """Forget a widget that was closed."""
        for cell, (_, widgets) in list(self._made.items()):
            widgets.discard(widget)
            if not widgets:
                del self._made[cell]


made_by_cells = MadeByCells()
