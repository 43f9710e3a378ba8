"""`livewidgets replay`: a recording as a page, or as JSON lines."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from livewidgets.cli_ending import stopped_by_signals
from livewidgets.cli_look import say
from livewidgets.core.connection import ConnectionState
from livewidgets.live.replay import replay
from livewidgets.live.request import TableState

if TYPE_CHECKING:
    from livewidgets.core.change import Patch

#: Tells the page's kernel which file to play.
RECORDING_VARIABLE: Final = "LIVEWIDGETS_RECORDING"
#: How long to wait for the next change before looking whether it is over (seconds).
_LOOK: Final = 0.1


def print_changes(path: Path, *, speed: float, shift: bool) -> None:
    """Print a JSON line for each change as it is played: the rows that are new or other, and the keys of those gone.

    Raises
    ------
    RecordingError
        The file is no recording, or a damaged one.
    """
    table = replay(path, speed, shift=shift)
    said: queue.SimpleQueue[Patch] = queue.SimpleQueue()
    with stopped_by_signals():
        tap = table._tap(said.put)  # noqa: SLF001 - one package
        try:
            _print_all(said, lambda: table.live.status.state is not ConnectionState.LIVE)
            if table.status.state is TableState.ERROR and table.status.error is not None:
                raise table.status.error
        except KeyboardInterrupt:
            return
        finally:
            tap.close()
            table.close()


def _print_all(said: queue.SimpleQueue[Patch], is_over: Any) -> None:  # noqa: ANN401 - a question
    while True:
        over = is_over()
        try:
            while True:
                patch = said.get(timeout=_LOOK) if not over else said.get_nowait()
                say(json.dumps(as_json(patch), ensure_ascii=False, separators=(",", ":")))
        except queue.Empty:
            if over:
                return


def as_json(patch: Patch) -> dict[str, Any]:
    """Give a change for a script."""
    return {
        "version": patch.version,
        "up": list(patch.upserted.values()),
        "gone": [list(key) for key in patch.removed],
    }


@contextmanager
def page(path: Path, *, speed: float, shift: bool) -> Iterator[tuple[Path, dict[str, str]]]:
    """Make a notebook that plays a recording, for the time of the block; gives its path and its kernel's environment.

    Raises
    ------
    RecordingError
        The file is no recording.
    """
    table = replay(path, speed, shift=shift)  # raises at once what is wrong with the file
    name = table.name
    table.close()
    with TemporaryDirectory(prefix="livewidgets-replay-") as folder:
        notebook = Path(folder) / f"{path.stem or 'replay'}.ipynb"
        notebook.write_text(json.dumps(notebook_of(component_of(name), name, speed, shift=shift)), "utf-8")
        yield notebook, {RECORDING_VARIABLE: str(path.resolve())}


def component_of(table: str) -> str:
    """Choose the component that shows a table's rows: calls have their own, all others are told as what happens."""
    return "CallTracker" if table == "calls" else "LiveFeed"


def notebook_of(component: str, table: str, speed: float, *, shift: bool) -> dict[str, Any]:
    """Write the notebook; the file's name comes by the environment, so that no text of it becomes code."""
    how = 'float("inf")' if speed == float("inf") else repr(speed)
    code = (
        "import os\n\n"
        "import livewidgets as lw\n\n"
        f'table = lw.replay(os.environ["{RECORDING_VARIABLE}"], speed={how}, shift={shift})\n'
        f"lw.{component}(table, title={f'{table}, replayed'!r}, height=720)"
    )
    return {
        "cells": [
            {
                "id": "replay",
                "cell_type": "code",
                "execution_count": None,
                "metadata": {},
                "outputs": [],
                "source": code,
            }
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
