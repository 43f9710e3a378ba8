"""Marks on a chart's time axis: alerts of a table, or what the user lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from livewidgets.core.change import Patch, Row
from livewidgets.core.frame import key_text
from livewidgets.core.mask import mask_text
from livewidgets.core.values import instant
from livewidgets.errors import ClosedError, WindowError
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable
from livewidgets.widgets.lease import Borrowed, Lease

#: More marks than this cover the chart; the newest are shown.
MOST_MARKS: Final = 200
LONGEST: Final = 200
_TIMES: Final = ("fired_at", "at", "created_at")
_TEXTS: Final = ("message", "text", "title", "label", "name")
_TONES: Final = ("tone", "severity", "type", "level")
_KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("bad", "critical", "error", "alert", "fatal"), "bad"),
    **dict.fromkeys(("warn", "warning"), "warn"),
    **dict.fromkeys(("good", "success", "ok", "resolved"), "good"),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment with a word to it.

    Attributes
    ----------
    at
        Seconds since 1970.
    text
        What to say; masked.
    tone
        ``neutral``, ``good``, ``warn`` or ``bad``.
    """

    at: float
    text: str
    tone: str


class Marks:
    """The marks of a chart, followed while somebody looks where they come from a table.

    A table of marks that cannot be read is given up quietly: the chart is right without them.

    Parameters
    ----------
    given
        A `LiveTable` of alerts; or mappings with ``at`` (a datetime, text, or seconds since 1970), ``text`` and
        ``tone``; or None.
    masked
        Mask numbers and addresses in their texts.

    Raises
    ------
    WindowError
        It is none of these.
    """

    def __init__(self, given: LiveTable | Iterable[Mapping[str, Any]] | None, *, masked: bool = True) -> None:
        self._masked = masked
        self._lease: Lease | None = Borrowed(given) if isinstance(given, LiveTable) else None
        self._tap: Subscription | None = None
        self._marks: dict[str, Mark] = {}
        if given is not None and not isinstance(given, LiveTable):
            if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
                raise _no_marks(given)
            for number, one in enumerate(given):
                mark = self._read(one) if isinstance(one, Mapping) else None
                if mark is None:
                    raise _no_marks(one)
                self._marks[str(number)] = mark

    def within(self, since: float) -> dict[str, Mark]:
        """Return the newest marks that are not older than a time, by their keys."""
        found = [(key, mark) for key, mark in self._marks.items() if mark.at >= since]
        found.sort(key=lambda item: item[1].at)
        return dict(found[-MOST_MARKS:])

    def follow(self, changed: Callable[[], object]) -> None:
        """Follow the table, on the I/O thread; `changed` is called when some mark has."""
        if self._lease is None:
            return

        def on_patch(patch: Patch) -> None:
            for key in patch.removed:
                self._marks.pop(key_text(key), None)
            self._take({key_text(key): row for key, row in patch.upserted.items()})
            changed()

        self._marks.clear()
        try:
            table = self._lease.take()
            self._tap = table._tap(on_patch)  # noqa: SLF001 - same house, I/O thread
            replica = table._replica  # noqa: SLF001
        except ClosedError:
            return
        self._take({key_text(tuple(row.get(name) for name in replica.key)): row for row in replica.rows()})

    def rest(self) -> None:
        """Stop following."""
        tap, self._tap = self._tap, None
        if tap is not None:
            tap.close()

    def _take(self, rows: Mapping[str, Row]) -> None:
        for key, row in rows.items():
            mark = self._read(row)
            if mark is None:
                self._marks.pop(key, None)
            else:
                self._marks[key] = mark

    def _read(self, row: Mapping[str, Any]) -> Mark | None:
        at = next((seconds_of(row[name]) for name in _TIMES if row.get(name) is not None), None)
        if at is None:
            return None
        text = str(next((row[name] for name in _TEXTS if row.get(name)), ""))[: 4 * LONGEST]
        text = " ".join((mask_text(text) if self._masked else text).split())[:LONGEST]
        word = str(next((row[name] for name in _TONES if row.get(name)), ""))
        return Mark(at, text, _KINDS.get(word, "neutral"))


def seconds_of(moment: object) -> float | None:
    """Return a moment as seconds since 1970: text, a datetime or a number; None for what is none."""
    if isinstance(moment, str):
        moment = instant(moment)
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(moment, int | float) and not isinstance(moment, bool) and abs(moment) < 1e11:
        return float(moment)
    return None


def _no_marks(given: object) -> WindowError:
    return WindowError(
        f"A {type(given).__name__} is no annotation that can be shown.",
        'Give a LiveTable of alerts, or a list of {"at": datetime, "text": "Deployed", "tone": "good"}.',
    )
