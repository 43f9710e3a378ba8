"""When a `LiveFigure` is drawn again: when something changed, and no more often than the kernel can bear.

Rows are followed and measured on the I/O thread; a finished picture goes to the kernel's main loop, where bqplot's
traits may be touched, and the next is made only when that one has been drawn. So a busy kernel is asked for nothing,
and what takes long to draw is drawn seldom. What nobody has looked at yet follows nothing; what nobody seems to look
at any more is drawn seldom too, and not left to grow old: how many views there are is what pages say one over the
other, and may be wrong by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from livewidgets.core.change import Patch
from livewidgets.errors import ClosedError, LiveWidgetsError
from livewidgets.live.delivery import Mailbox, newest
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable, TableState, TableStatus
from livewidgets.live.thread import io_thread
from livewidgets.widgets.lease import Lease
from livewidgets.widgets.live_figure_picture import Picture, Pictures
from livewidgets.widgets.trouble import report, trouble
from livewidgets.widgets.window_feed_data import ChartData
from livewidgets.widgets.window_feed_marks import Marks
from livewidgets.widgets.window_feed_names import Names
from livewidgets.widgets.window_feed_plan import WindowPlan
from livewidgets.widgets.window_feed_series import SeriesBook

#: Seconds between two pictures, at least and at most.
LEAST: Final = 0.2
MOST: Final = 5.0
#: Drawing takes at most one part in so many of the main loop's time.
SHARE: Final = 10
#: Seconds between two choices of which series are told apart.
RANK: Final = 2.0


class Pulse:
    """Follows a table for a figure, from the first `look` to `close`.

    Parameters
    ----------
    table
        Whose rows are measured.
    plan, kind, names, marks, masked
        As for `WindowFeed`.
    show
        Draws a picture; called on the loop that is running where this is made.
    clock
        Seconds since 1970.
    """

    def __init__(
        self,
        table: Lease,
        plan: WindowPlan,
        kind: str,
        *,
        names: Names,
        marks: Marks,
        masked: bool,
        show: Callable[[Picture], object],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.drawn = 0
        self._lease = table
        self._plan = plan
        self._names = names
        self._marks = marks
        self._book = SeriesBook(plan, names, masked=masked)
        self._pictures = Pictures(plan, kind)
        self._show = show
        self._clock = clock
        self._thread = io_thread()
        self._mail: Mailbox[Picture] = Mailbox(self._draw, newest, "a LiveFigure", most=1)
        self._table: LiveTable | None = None
        self._tap: Subscription | None = None
        self._data: ChartData | None = None
        self._status: TableStatus | None = None
        self._last: Picture | None = None
        self._timer: Any = None
        self._step: Any = None
        self._next = 0.0
        self._ranked = 0.0
        self._busy = False
        self._wanted = False
        self._begun = False
        self._seen = True
        self._closed = False

    def look(self, seen: bool) -> None:
        """Somebody looks, or nobody does any more; the first who does begins it. From any thread."""
        self._thread.call(self._look, seen)

    def again(self) -> None:
        """Draw once more, whatever was drawn last; from any thread."""
        self._thread.call(self._again)

    def close(self) -> None:
        """Follow nothing any more, from any thread."""
        self._closed = True
        self._mail.close()
        self._thread.call(self._end)
        self._lease.close()
        self._names.close()

    # On the main loop

    def _draw(self, picture: Picture) -> None:
        start = time.perf_counter()
        try:
            if not self._closed:
                self._show(picture)
        finally:
            self._thread.call(self._done, time.perf_counter() - start)

    # On the I/O thread

    def _look(self, seen: bool) -> None:
        if self._closed or not (seen or self._begun):
            return
        came, self._seen = seen and not self._seen, seen
        if not self._begun:
            self._begun = True
            self._begin()
        elif came:
            # Who comes back does not wait for the next of the few pictures.
            self._next = 0.0
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._want()

    def _begin(self) -> None:
        try:
            self._table = table = self._lease.take()
            self._status = table.status
            self._tap = table._tap(self._on_patch, self._on_status)  # noqa: SLF001 - same house, I/O thread
            replica = table._replica  # noqa: SLF001
            rows = {tuple(row.get(name) for name in replica.key): row for row in replica.rows()}
            self._data = ChartData(self._plan, self._book, rows, self._clock())
        except ClosedError:
            self._status = None if self._table is None else self._table.status
        except LiveWidgetsError as error:
            self._status = TableStatus(TableState.ERROR, self._clock(), error)
        self._names.follow(self._rename)
        self._marks.follow(self._want)
        self._book.rename()
        self._want()

    def _on_patch(self, patch: Patch) -> None:
        if self._data is not None and self._data.apply(patch):
            self._want()

    def _on_status(self, status: TableStatus) -> None:
        self._status = status
        self._want()

    def _rename(self) -> None:
        self._book.rename()
        self._want()

    def _again(self) -> None:
        self._last = None
        if self._begun:
            self._want()

    def _want(self) -> None:
        """Make a picture as soon as that may be."""
        if self._closed or self._timer is not None:
            return
        if self._busy:
            self._wanted = True
            return
        loop = self._thread.loop
        self._timer = loop.call_later(max(0.0, self._next - loop.time()), self._make)

    def _make(self) -> None:
        self._timer = None
        if self._closed:
            return
        try:
            picture = self._picture()
        except Exception as error:  # noqa: BLE001 - the next one may come about
            report("A LiveFigure could not be made", error)
            return
        self._wind()
        if picture.same_as(self._last):
            return
        self._last, self._busy = picture, True
        self._mail.put(picture)

    def _done(self, seconds: float) -> None:
        self.drawn += 1
        self._busy = False
        pause = min(MOST, max(LEAST, (SHARE - 1) * seconds)) if self._seen else MOST
        self._next = self._thread.loop.time() + pause
        if self._wanted:
            self._wanted = False
            self._want()

    def _wind(self) -> None:
        """Look again when the bucket is over: the window moves with the clock."""
        if self._step is not None:
            self._step.cancel()
        every = self._plan.every
        wait = max(LEAST, every - self._clock() % every + 0.01)
        self._step = self._thread.loop.call_later(min(wait, 3600.0), self._want)

    def _picture(self) -> Picture:
        now = self._clock()
        known: float | None = None
        status = self._status
        if self._tap is not None and self._tap.closed and self._table is not None:
            status = self._table.status  # the user has closed it
        if status is None or status.state is not TableState.LIVE:
            known = now if status is None else min(now, status.since)
        if self._data is not None:
            if now - self._ranked >= RANK:
                self._ranked = now
                self._data.rank()
            self._pictures.take(self._data.read(now))
        marks = tuple(self._marks.within(now - self._plan.span).values())
        return self._pictures.make(self._book, known, marks, said(status))

    def _end(self) -> None:
        for timer in (self._timer, self._step):
            if timer is not None:
                timer.cancel()
        self._timer = self._step = None
        if self._tap is not None:
            self._tap.close()
        self._names.rest()
        self._marks.rest()
        self._lease.rest()
        self._data = None


def said(status: TableStatus | None) -> str:
    """Say what a table's rows are worth, for the title; empty while they are right."""
    if status is None:
        return "closed"
    since = time.strftime("%H:%M:%S", time.localtime(status.since))
    if status.error is not None and status.state in (TableState.ERROR, TableState.LOADING):
        return trouble(status.error)["message"]
    match status.state:
        case TableState.LIVE:
            return ""
        case TableState.STALE:
            return f"stale since {since}"
        case TableState.LOADING:
            return "loading"
        case TableState.ERROR:
            return "cannot be read"
        case _:
            return f"closed at {since}"
