"""A window over a table as a feed: a row for each bucket, each series and each mark.

The window moves with the clock, and so does the page's, which knows the kernel's: nothing is sent for it. What time
has passed leaves the feed with the next change, in a message that goes out anyway.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from livewidgets.core.change import Patch
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.lease import Lease
from livewidgets.widgets.tables import TablesSource
from livewidgets.widgets.window_feed_data import ChartData, Reading
from livewidgets.widgets.window_feed_marks import Marks, seconds_of
from livewidgets.widgets.window_feed_names import Names
from livewidgets.widgets.window_feed_plan import WindowPlan
from livewidgets.widgets.window_feed_series import SeriesBook

#: Seconds between two looks at what changed: many changes of one bucket are one row.
PACE: Final = 0.04
#: Seconds that a bucket stays after its time, for pages whose clocks are behind.
GRACE: Final = 3.0

#: What of the feed's rows is meant by `kind`.
BUCKET, SERIES, MARK = "b", "s", "a"


class WindowFeed(TablesSource):
    """The numbers of a chart as a feed.

    Parameters
    ----------
    table
        Whose rows are measured.
    plan
        What is measured; to be changed by `reshape` only.
    names, marks, thresholds
        Names for ids, marks on the time axis, and lines.
    masked
        Mask personal data in the names of series and the texts of marks.
    """

    columns: tuple[str, ...] = ("kind", "at", "until", "name", "tone", "v")
    component = "RealtimeChart"

    def __init__(
        self,
        table: Lease,
        plan: WindowPlan,
        *,
        names: Names,
        marks: Marks,
        thresholds: list[dict[str, Any]],
        masked: bool,
    ) -> None:
        super().__init__({"rows": table}, masked=masked)
        self.plan = plan
        self.thresholds = thresholds
        self._names = names
        self._marks = marks
        self._book = SeriesBook(plan, names, masked=masked)
        self._data: ChartData | None = None
        self._first = 0
        self._complete: int | None = None
        self._written = 0.0
        self._waits = False

    def reshape(self, plan: WindowPlan, names: Names) -> None:
        """Measure something else from now on; only by `Hub.refresh`."""
        old, self._names = self._names, names
        old.close()
        self.plan = plan
        self._book = SeriesBook(plan, self._names, masked=self.masked)

    def rethink(self, thresholds: list[dict[str, Any]]) -> None:
        """Draw other lines from now on; only by `Hub.refresh`."""
        self.thresholds = thresholds

    def begin(self, feed: OpenFeed) -> None:
        """Measure the rows that there are."""
        now = time.time()
        self._data = ChartData(self.plan, self._book, self.rows("rows"), now)
        self._first, self._waits, self._complete = 0, False, self._complete_from()
        self._names.follow(lambda: self._rename(feed))
        self._marks.follow(lambda: self._mark(feed))
        self._book.rename()
        reading = self._data.read(now)
        self._written = now
        feed.replace({**self._buckets(reading), **self._legend(), **self._shown_marks(now)})

    def patch(self, feed: OpenFeed, name: str, patch: Patch) -> None:
        """Measure what changed; it is written at once, but not more often than anybody can see."""
        if self._data is None or not self._data.apply(patch) or self._waits:
            return
        wait = self._written + PACE - time.time()
        if not 0 < wait <= PACE:
            self._write(feed)
            return
        self._waits = True
        feed.later(wait, lambda: self._write(feed))

    def beat(self, feed: OpenFeed) -> float | None:
        """Let in what lay ahead of time; choose again which series are told apart."""
        if self._data is not None and not self._waits:
            self._data.rank()
            self._complete = self._complete_from()
            self._write(feed)
        return super().beat(feed)

    def rest(self) -> None:
        """Forget the window; names and colours stay."""
        self._names.rest()
        self._marks.rest()
        self._data = None

    def details(self, feed: OpenFeed) -> Mapping[str, Any]:
        """Tell the page how to read the rows, and how far back they are complete."""
        plan = self.plan
        return {
            "every": round(plan.every * 1000, 3),
            "buckets": plan.buckets,
            "measures": plan.told(),
            "thresholds": self.thresholds,
            "others": self._book.others,
            "from": self._complete,
        }

    def close(self) -> None:
        """Close the table and the lookups, from any thread."""
        super().close()
        self._names.close()

    def _complete_from(self) -> int | None:
        """From when on all rows are there, in ms; None when all of the window are, or nobody can say."""
        table, x = self.table("rows"), self.plan.x
        if self._data is None or not table.status.partial:
            return None
        order = table.order
        if order is None or order.terms[0] != (x, True):
            return None
        rows = table._replica.rows()  # noqa: SLF001 - same house, I/O thread
        # The last in order is the oldest; where it lies before the window, the window is whole.
        moment = seconds_of(rows[-1].get(x)) if rows else None
        oldest = None if moment is None else self._data.bucket_after(moment)
        return None if oldest is None else round(1000 * oldest)

    def _write(self, feed: OpenFeed) -> None:
        self._waits = False
        if self._data is None:
            return
        now = self._written = time.time()
        reading = self._data.read(now)
        rows = self._buckets(reading)
        if reading.whole:
            legend = self._legend()
            kept = {*rows, *legend}
            gone = [key for key in feed.rows.rows if key[0] != MARK and key not in kept]
            feed.apply({**rows, **legend}, gone)
            self.describe(feed)
        elif reading.buckets:
            gone = [key for n in reading.buckets if (key := f"{BUCKET}{n}") not in rows]
            feed.apply(rows, [*gone, *self._passed(feed, reading.first)])

    def _passed(self, feed: OpenFeed, first: int) -> list[str]:
        """List what time has passed; once a bucket, for it walks over all of them."""
        first -= 1 + round(GRACE / self.plan.every)
        if first <= self._first:
            return []
        self._first = first
        return [key for key in feed.rows.rows if key[0] == BUCKET and int(key[1:]) < first]

    def _buckets(self, reading: Reading) -> dict[str, tuple[Any, ...]]:
        return {
            f"{BUCKET}{n}": (BUCKET, n, None, None, None, _packed(values))
            for n, values in reading.buckets.items()
            if values
        }

    def _legend(self) -> dict[str, tuple[Any, ...]]:
        return {
            f"{SERIES}{one.number}": (SERIES, one.slot, one.measure, one.name, None, None)
            for one in self._book.series
        }

    def _rename(self, feed: OpenFeed) -> None:
        self._book.rename()
        feed.apply(self._legend())

    def _shown_marks(self, now: float) -> dict[str, tuple[Any, ...]]:
        return {
            f"{MARK}{key}": (MARK, round(1000 * mark.at), None, mark.text, mark.tone, None)
            for key, mark in self._marks.within(now - self.plan.span).items()
        }

    def _mark(self, feed: OpenFeed) -> None:
        marks = self._shown_marks(time.time())
        feed.apply(marks, [key for key in feed.rows.rows if key[0] == MARK and key not in marks])


def _packed(values: Mapping[int, float]) -> str:
    """Pack a bucket's values by series as ``[1,20,3,4.5]``: a cell holds no list, and a row a series costs more."""
    return json.dumps([part for item in sorted(values.items()) for part in item], separators=(",", ":"))
