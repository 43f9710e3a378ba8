"""Recording a table: its rows and every change, in a file that `replay` plays without a backend.

JSON lines. The first says what it is; then the rows as they were, in lines that say there is more to come until the
last; then a line for each patch or change of state, each with the seconds since the start.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.mask import keyed_hash
from livewidgets.core.mask_cells import is_personal, masked_cell
from livewidgets.errors import RecordingError
from livewidgets.live.closing import Closing
from livewidgets.live.delivery import merge
from livewidgets.live.request import TableStatus
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable
from livewidgets.live.thread import io_thread

logger = logging.getLogger("livewidgets")

#: The name and the version of the format, in the first line of each file.
FORMAT: Final = "livewidgets recording"
VERSION: Final = 1
#: Rows in one line of the beginning.
_ROWS_A_LINE: Final = 500
#: Above so many waiting lines, two patches become one.
_MOST_WAITING: Final = 256
#: How long the end waits for the disk (seconds).
_CLOSE_LIMIT: Final = 30.0


def record(table: LiveTable, path: str | Path, *, masked: bool = True, timeout: float = 10.0) -> Recording:
    """Record a table to a file, from now until the recording is closed.

    Parameters
    ----------
    table
        A table; it is waited for.
    path
        The file, by custom ``.jsonl``. A recording that is there is written over, another file is not.
    masked
        Mask phone numbers and e-mail addresses; a key that is one becomes a hash. ``False`` writes them as they are:
        the file is then yours to protect.
    timeout
        How long to wait for the table's rows (seconds).

    Returns
    -------
    Recording
        A context manager.

    Raises
    ------
    RecordingError
        The file cannot be written, or is something else.
    LiveWidgetsError
        What `LiveTable.ready` raises.

    Examples
    --------
    >>> with lw.record(calls, "monday.jsonl"):
    ...     time.sleep(60)
    >>> lw.CallTracker(lw.replay("monday.jsonl", speed=10))
    """
    table.ready(timeout)
    return Recording(table, Path(path), masked=masked)


class Recording(Closing):
    """A recording under way; `record` makes one.

    Attributes
    ----------
    path
        The file.
    error
        Why it stopped by itself, or None.
    """

    def __init__(self, table: LiveTable, path: Path, *, masked: bool) -> None:
        self.path = path
        self.error: RecordingError | None = None
        self._masked = masked
        self._name = table.name
        # A hash that nobody can make again: it joins the rows of this file only.
        self._secret = secrets.token_bytes(32)
        self._types = table._types  # noqa: SLF001 - one room
        self._key: tuple[str, ...] = ()
        self._waiting: deque[tuple[float, Patch | TableStatus]] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._patches = 0
        #: Rows at the beginning, and rows that were written or removed after it: what is in the file when it is closed.
        self._rows = self._changes = 0
        _check_ours(path)
        try:
            # Even masked these are somebody's rows: not for others on the machine.
            self._file = os.fdopen(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
            )
        except OSError as error:
            raise RecordingError(
                f"{path} cannot be written ({error.strerror}).", "Choose another file."
            ) from error
        thread = io_thread()
        try:
            begun = self._begin(table) if thread.is_current() else thread.run(self._begin_soon(table))
        except BaseException:
            self._file.close()
            raise
        header, rows, self._subscription = begun
        self._writer = threading.Thread(
            target=self._write, args=(header, rows), name="livewidgets-recording", daemon=True
        )
        self._writer.start()

    def __repr__(self) -> str:
        state = "failed" if self.error is not None else "closed" if self._closed else "open"
        return f"<Recording of {self._name} in {self.path.name}: {self._patches:,} patches, {state}>"

    # -- the I/O thread --------------------------------------------------------------------------------------------

    async def _begin_soon(self, table: LiveTable) -> tuple[dict[str, Any], list[Row], Subscription]:
        return self._begin(table)

    def _begin(self, table: LiveTable) -> tuple[dict[str, Any], list[Row], Subscription]:
        """Take the rows and listen from the same moment on."""
        self._key = table.key
        self._started = time.monotonic()
        subscription = table._tap(self._put, self._put)  # noqa: SLF001 - one room
        rows = table.rows()
        self._rows = len(rows)
        columns = list(self._types) or list(rows[0] if rows else ())
        return (
            {
                "format": FORMAT,
                "format_version": VERSION,
                "name": table.name,
                "key": list(self._key),
                "columns": columns,
                "types": dict(self._types),
                "order": _spelt(table),
                "limit": table.limit,
                "masked": self._masked,
                "started": time.time(),
                "version": table.version,
            },
            rows,
            subscription,
        )

    def _put(self, item: Patch | TableStatus) -> None:
        at = time.monotonic() - self._started
        with self._wake:
            if self._closed or self.error is not None:
                return
            if isinstance(item, Patch):
                self._changes += len(item.upserted) + len(item.removed)
            if len(self._waiting) >= _MOST_WAITING:
                _, last = self._waiting[-1]
                if isinstance(last, Patch) and isinstance(item, Patch):
                    self._waiting.pop()
                    item = merge(last, item)
                elif isinstance(last, TableStatus) and isinstance(item, TableStatus):
                    self._waiting.pop()
            self._waiting.append((at, item))
            self._wake.notify()

    # -- the writer's thread ---------------------------------------------------------------------------------------

    def _write(self, header: dict[str, Any], rows: list[Row]) -> None:
        try:
            with self._file:
                self._line(header)
                for part, last in _parts(rows):
                    self._line({"at": 0.0, "up": [self._row(row) for row in part], "more": not last})
                for at, item in self._items():
                    self._line({"at": round(at, 6), **self._said(item)})
                    if not self._waiting:
                        self._file.flush()
        except (OSError, ValueError, TypeError) as error:
            what = error.strerror if isinstance(error, OSError) else type(error).__name__
            with self._wake:
                self.error = RecordingError(
                    f"Recording {self._name!r} stopped: {self.path} cannot be written ({what}).",
                    "Make room, and record again.",
                )
                self._waiting.clear()
            logger.error("%s", self.error)  # noqa: TRY400 - our words say it all

    def _items(self) -> Iterator[tuple[float, Patch | TableStatus]]:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                item = self._waiting.popleft()
            yield item

    def _said(self, item: Patch | TableStatus) -> dict[str, Any]:
        if isinstance(item, TableStatus):
            return {"state": item.state.value, "partial": item.partial}
        self._patches += 1
        said: dict[str, Any] = {"version": item.version}
        if item.upserted:
            said["up"] = [self._row(row) for row in item.upserted.values()]
        if item.removed:
            said["gone"] = [self._key_cells(key) for key in item.removed]
        if item.reset:
            said["reset"] = True
        return said

    def _line(self, content: dict[str, Any]) -> None:
        self._file.write(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")

    def _row(self, row: Row) -> Row:
        if not self._masked:
            return row
        return {
            name: self._key_cell(name, value)
            if name in self._key
            else masked_cell(name, value, self._types.get(name, ""))
            for name, value in row.items()
        }

    def _key_cells(self, key: Key) -> list[Any]:
        if not self._masked:
            return list(key)
        return [self._key_cell(name, value) for name, value in zip(self._key, key, strict=True)]

    def _key_cell(self, name: str, value: object) -> Any:  # noqa: ANN401 - a JSON value
        """Keep a key, for rows are told apart by it; one that is personal becomes a hash."""
        if value is None or not (
            is_personal(name) or masked_cell(name, value, self._types.get(name, "")) != value
        ):
            return value
        return keyed_hash(str(value), self._secret)

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the recording and finish the file; a second call does nothing.

        Raises
        ------
        RecordingError
            It had stopped before, and why.
        """
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify()
        self._subscription.close()
        self._writer.join(_CLOSE_LIMIT)
        if self.error is not None:
            raise self.error


def _check_ours(path: Path) -> None:
    """Refuse to write over what is no recording."""
    try:
        with path.open("rb") as file:
            start = file.read(200)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be written ({error.strerror}).", "Choose another file."
        ) from error
    if start and FORMAT.encode() not in start:
        raise RecordingError(f"{path} is there already, and is no recording.", "Choose another name.")


def _spelt(table: LiveTable) -> list[str]:
    order = table.order
    return [] if order is None else [f"{'-' if down else ''}{name}" for name, down in order.terms]


def _parts(rows: Iterable[Row]) -> Iterator[tuple[list[Row], bool]]:
    """Cut rows into parts, each with whether it is the last; of no rows one empty part."""
    left = iter(rows)
    part = list(islice(left, _ROWS_A_LINE))
    while True:
        following = list(islice(left, _ROWS_A_LINE))
        yield part, not following
        if not following:
            return
        part = following
