"""A sliding window over a live table: what `LiveTable.window` gives."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from livewidgets.core.change import Patch
from livewidgets.core.window import Columns, Window
from livewidgets.core.window_measure import Measure
from livewidgets.core.window_plan import Group, Value
from livewidgets.errors import ClosedError
from livewidgets.live.closing import Closing, warn_dropped
from livewidgets.live.subscription import Subscription
from livewidgets.live.thread import io_thread

if TYPE_CHECKING:
    import pandas as pd

    from livewidgets.live.table import LiveTable


class LiveWindow(Closing):
    """Measures of a table by time and series, up to this moment. Made by `LiveTable.window`.

    It keeps its table open until it is closed; also a context manager. One that is dropped unclosed is closed when it
    is collected, with a ResourceWarning. Any thread may read.
    """

    def __init__(
        self,
        table: LiveTable,
        x: str,
        *,
        every: float | str,
        window: float | str,
        by: str | Sequence[str],
        measures: Iterable[str | Measure],
    ) -> None:
        self.table = table
        self._window = Window(x, every=every, window=window, by=by, measures=measures, now=time.time())
        self._lock = threading.Lock()
        self._closed = False
        thread = io_thread()
        self._subscription = self._begin() if thread.is_current() else thread.run(self._begin_soon())
        # What listens does not know this window, so that it can be collected.
        self._end = weakref.finalize(self, self._subscription.close)
        self._end.atexit = False

    def __repr__(self) -> str:
        window = self._window
        return (
            f"<LiveWindow on {self.table.name}: {window.buckets} x {window.every:g} s by {window.x},"
            f" {len(window):,} rows{', closed' if self._closed else ''}>"
        )

    def columns(self, since: int | None = None) -> Columns:
        """Give what there is to be drawn now, or what of it has changed since a version; as `Window.columns`."""
        with self._lock:
            self._advance()
            return self._window.columns(since)

    def totals(self, *, together: bool = False) -> dict[Group, dict[str, Value]]:
        """Measure the whole window as one, by series or all together."""
        with self._lock:
            self._advance()
            return self._window.totals(together=together)

    @property
    def partial(self) -> bool:
        """The table holds more rows than this handle on it does: older buckets may lack some."""
        return self.table.status.partial

    def to_pandas(self) -> pd.DataFrame:
        """Give a row for each bucket and series that has something.

        Returns
        -------
        pandas.DataFrame
            The start of the bucket (``x``), the columns that make the series (masked where they are personal), and
            one column for each measure.

        Raises
        ------
        SetupError
            pandas is not installed.
        """
        from livewidgets.live.dataframe import window_to_pandas

        return window_to_pandas(
            self.columns(), self._window.x, self._window.by, tuple(self._window.measures), self.table.name
        )

    def close(self) -> None:
        """Stop following; a second call does nothing."""
        self._closed = True
        self._end()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            warn_dropped(self, self.table.live._upstream)  # noqa: SLF001 - one room

    def _advance(self) -> None:
        if self._closed:
            raise ClosedError("This window was closed.", "Ask the table for another one.")
        self._window.advance(time.time())

    async def _begin_soon(self) -> Subscription:
        return self._begin()

    def _begin(self) -> Subscription:
        """Take the rows and listen from the same moment on; on the I/O thread, where nothing is applied meanwhile."""
        table, window, lock = self.table, self._window, self._lock

        def apply(patch: Patch) -> None:
            with lock:
                window.apply(patch)

        subscription = table._tap(apply)  # noqa: SLF001 - one room
        key = table.key
        with lock:
            window.load({tuple(row[name] for name in key): row for row in table.rows()}, time.time())
        return subscription
