"""`livewidgets record`: a table and its changes into a file, until a time is over or Ctrl-C."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livewidgets.cli_ending import noted_signals
from livewidgets.cli_look import Working, say
from livewidgets.core.filters import OPERATORS
from livewidgets.errors import FilterError
from livewidgets.live.recorder import record

if TYPE_CHECKING:
    from livewidgets.live.recorder import Recording
    from livewidgets.live.table import LiveTable

#: Between two looks at the counters (seconds).
_LOOK = 0.2


@dataclass(slots=True)
class Tally:
    """What was recorded.

    Attributes
    ----------
    file, table
        Where to, and of what.
    rows
        Rows at the beginning.
    changes
        Rows that were written or removed after it.
    seconds
        How long.
    bytes
        The size of the file.
    masked
        Whether phone numbers and e-mail addresses were masked.
    """

    file: str
    table: str
    rows: int
    masked: bool
    changes: int = 0
    seconds: float = 0.0
    bytes: int = 0

    def look(self, recording: Recording) -> None:
        """Take over what a recording has counted."""
        self.rows, self.changes = recording._rows, recording._changes  # noqa: SLF001 - one package


def run(
    table: LiveTable, path: Path, *, seconds: float | None, masked: bool, as_json: bool, timeout: float = 15.0
) -> Tally:
    """Record until the time is over, a signal comes, or the disk is full.

    Raises
    ------
    RecordingError
        The file cannot be written.
    LiveWidgetsError
        The table cannot be read.
    """
    with Working(f"reading {table.name}"):
        table.ready(timeout)
    tally = Tally(str(path), table.name, 0, masked)
    with noted_signals() as stopped:
        recording = record(table, path, masked=masked)
        try:
            with Working("recording") as shown:
                _wait(recording, seconds, stopped, shown, tally)
        finally:
            recording.close()
    tally.look(recording)
    tally.bytes = path.stat().st_size
    say(json.dumps(asdict(tally), ensure_ascii=False) if as_json else summary(tally))
    return tally


def _wait(
    recording: Recording, limit: float | None, stopped: Sequence[int], shown: Working, tally: Tally
) -> None:
    started = time.monotonic()
    while recording.error is None and not stopped:
        tally.look(recording)
        tally.seconds = round(time.monotonic() - started, 1)
        shown.tell(progress(tally, tally.seconds, limit))
        if limit is not None and time.monotonic() - started >= limit:
            return
        time.sleep(_LOOK if limit is None else max(min(_LOOK, started + limit - time.monotonic()), 0.0))


def progress(tally: Tally, passed: float, limit: float | None) -> str:
    """Say how far it is."""
    until = "Ctrl-C ends it" if limit is None else f"of {limit:g} s"
    changes = f"{tally.changes:,} change{'' if tally.changes == 1 else 's'}"
    return f"recording {tally.table} → {Path(tally.file).name}   {changes}   {passed:.0f} s   {until}"


def summary(tally: Tally) -> str:
    """Say what was recorded, and what to do with it."""
    masked = "masked" if tally.masked else "not masked: keep it to yourself"
    return (
        f"{tally.file}   {tally.rows:,} rows of {tally.table}, then {tally.changes:,} changes"
        f" in {tally.seconds:g} s   ({tally.bytes / 1000:,.0f} kB, {masked})\n"
        f"Play it: livewidgets replay {tally.file}"
    )


def parse_where(conditions: Iterable[str]) -> dict[str, Any]:
    """Read ``status=ringing``, ``status=in.(ringing,queued)``, ``ended_at=is.null``, ``amount=not.gte.5``.

    Raises
    ------
    FilterError
        It has no ``=``.
    """
    where: dict[str, Any] = {}
    for text in conditions:
        column, equals, value = text.partition("=")
        if not equals or not column.strip():
            raise FilterError(
                f"The condition {text!r} is not understood.",
                "Write --where status=ringing, or --where amount=gte.5.",
            )
        known = where.setdefault(column.strip(), [])
        known.append(_condition(value))
    return where


def _condition(text: str) -> tuple[str, Any]:
    first, _, rest = text.partition(".")
    negated = first == "not"
    operator, dot, value = (
        rest.partition(".") if negated else (first, "." if rest or text.endswith(".") else "", rest)
    )
    if not dot or operator not in OPERATORS:
        return ("eq", text)
    name = f"not.{operator}" if negated else operator
    if operator == "in":
        return (name, _list(value))
    return (name, value)


def _list(text: str) -> Sequence[str]:
    inner = text.strip()
    if inner.startswith("(") and inner.endswith(")"):
        inner = inner[1:-1]
    return [part.strip().strip('"') for part in inner.split(",") if part.strip()]
