"""A table that stays right: what the user holds."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from livewidgets.core.change import Key, Patch, Row
from livewidgets.errors import ClosedError, NotReadyError
from livewidgets.live.closing import Closing, warn_dropped
from livewidgets.live.delivery import Mailbox, Stream, merge
from livewidgets.live.follower import Follower
from livewidgets.live.request import TableState, TableStatus
from livewidgets.live.subscription import Subscription
from livewidgets.live.thread import io_thread

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa  # type: ignore[import-untyped]

    from livewidgets.core.filters import Where
    from livewidgets.core.history import Difference
    from livewidgets.core.mutation_overlay import Overlay
    from livewidgets.core.mutation_rules import Rule
    from livewidgets.core.order import Order
    from livewidgets.core.window_measure import Measure
    from livewidgets.live.client import Live
    from livewidgets.live.window import LiveWindow
    from livewidgets.live.writes_mutation import Mutation

__all__ = ["LiveTable", "TableState", "TableStatus"]


class LiveTable(Closing):
    """The rows of a table, or a part of it, as they are in the database now.

    Made by `Live.table`. Handles with equal arguments share one set of rows and one channel, which is left when the
    last of them is closed. One that is dropped unclosed is closed when it is collected, with a ResourceWarning; not while
    it has subscriptions. What comes out is to be read only: rows are shared, never changed in place.

    Examples
    --------
    >>> calls = live.table("calls", where={"campaign_id": 7}, order="-created_at", limit=5000).ready()
    >>> len(calls), calls[key]["status"], calls.to_pandas()
    """

    def __init__(
        self,
        live: Live,
        follower: Follower,
        release: Callable[[], object],
        *,
        conflict: Rule = "server",
        queues: bool = False,
    ) -> None:
        self._live = live
        self._follower = follower
        self._conflict = conflict
        self._queues = queues
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self._release = weakref.finalize(self, release)
        # At exit the I/O thread frees everything at once.
        self._release.atexit = False

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def live(self) -> Live:
        """The connection that it came from."""
        return self._live

    @property
    def name(self) -> str:
        """The table's name."""
        return self._follower.request.table

    @property
    def schema(self) -> str:
        """The schema that it is in."""
        return self._live.schema

    @property
    def where(self) -> Where:
        """Which rows."""
        return self._follower.request.where

    @property
    def order(self) -> Order | None:
        """How they are ordered, or None."""
        return self._follower.request.order

    @property
    def limit(self) -> int | None:
        """At most so many, or None."""
        return self._follower.request.limit

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the key; empty until they are known."""
        return self._follower.replica.key

    @property
    def status(self) -> TableStatus:
        """What the rows are worth now, and since when."""
        status = self._follower.status
        if self._closed:
            return TableStatus(TableState.CLOSED, status.since, None, status.rows, status.partial)
        return status

    @property
    def version(self) -> int:
        """A number that each patch raises by one."""
        return self._follower.edits.version

    @property
    def age(self) -> float | None:
        """Seconds since the rows were last known to be right; None before the first snapshot."""
        return self._follower.age()

    def __repr__(self) -> str:
        status = self.status
        return (
            f"<LiveTable {self.name}: {status.rows:,} row{'' if status.rows == 1 else 's'}, {status.state}>"
        )

    def _repr_html_(self) -> str:
        status = self.status
        more = " of more" if status.partial else ""
        error = f"<br>{escape(str(status.error))}" if status.error is not None else ""
        return f"<code>{escape(self.name)}</code> {status.rows:,} rows{more}, {status.state}{error}"

    # -- the rows --------------------------------------------------------------------------------------------------

    def ready(self, timeout: float = 10.0) -> Self:
        """Wait for the first snapshot.

        Parameters
        ----------
        timeout
            The limit in seconds.

        Returns
        -------
        LiveTable
            The table itself.

        Raises
        ------
        TableError, FilterError, KeyRefusedError
            The table cannot be followed, and why.
        UnreachableError
            There is no connection; it is tried again for ever.
        NotReadyError
            The limit was reached.
        """
        self._check_open()
        follower = self._follower
        if not follower.replica.loaded or follower.status.state is TableState.ERROR:
            try:
                error = io_thread().run(follower.settled(), timeout)
            except TimeoutError:
                error = follower.status.error or NotReadyError(
                    f"The table {self.name!r} was not read within {timeout:g} s.",
                    "Wait longer, or narrow it by `where` or `limit`.",
                )
            if error is not None:
                # It may be raised again and again: neither its old frames nor the packages' chains help a reader.
                raise error.with_traceback(None) from None
        return self

    def rows(self) -> list[Row]:
        """Give all rows in their order, as of one version."""
        return self._follower.edits.rows()

    def __len__(self) -> int:
        return len(self._follower.edits)

    def __bool__(self) -> bool:
        return True  # a table without rows is still a table

    def __getitem__(self, key: Any) -> Row:  # noqa: ANN401 - a key is whatever the column holds
        row = self._follower.edits.get(self._key(key))
        if row is None:
            raise KeyError(key)
        return row

    def __contains__(self, key: object) -> bool:
        return self._key(key) in self._follower.edits

    def _key(self, key: object) -> Key:
        values = key if isinstance(key, tuple) else (key,)
        # As JSON has them: a uuid column holds text.
        return tuple(str(value) if isinstance(value, UUID) else value for value in values)

    def to_pandas(self, *, masked: bool = True) -> pd.DataFrame:
        """Give the rows as a DataFrame, indexed from 0 in the table's order.

        Parameters
        ----------
        masked
            Mask phone numbers and e-mail addresses, for what a cell shows is saved with the notebook. ``False`` gives
            them as the database does: then it is you who decides where they go.

        Returns
        -------
        pandas.DataFrame
            Timestamps with zone as ``datetime64[us, UTC]``, numbers as ``Int64`` or ``float64``, booleans as
            ``boolean``, text and UUIDs as ``string``, text with few different values as categories, all else as it
            came. ``attrs`` holds the table's name and the version that the rows are of.

        Raises
        ------
        SetupError
            pandas is not installed.
        """
        from livewidgets.live.dataframe import to_pandas  # pandas takes 33 MB and half a second

        version, rows = self._at_version()
        return to_pandas(rows, self._types, name=self.name, version=version, masked=masked)

    def to_arrow(self, *, masked: bool = True) -> pa.Table:
        """Give the rows as an Arrow table, in the table's order.

        Parameters
        ----------
        masked
            As for `to_pandas`.

        Returns
        -------
        pyarrow.Table
            Timestamps as ``timestamp[us, tz=UTC]``, exact numbers as ``decimal128`` where the database tells their
            digits, text with few different values as a dictionary, documents as JSON text. The schema's metadata
            holds the table's name and the version that the rows are of.

        Raises
        ------
        SetupError
            pyarrow is not installed.
        """
        from livewidgets.live.dataframe_arrow import to_arrow

        version, rows = self._at_version()
        return to_arrow(rows, self._types, name=self.name, version=version, masked=masked)

    def diff(self, since: int, until: int | None = None) -> Difference:
        """Say what changed between two versions.

        Parameters
        ----------
        since
            A version, as `version` or a patch has told it.
        until
            A later one; None for the newest.

        Returns
        -------
        Difference
            Rows inserted, updated (before and after) and deleted, by key.

        Raises
        ------
        HistoryError
            The last 5,000 changes are remembered, and these versions are not among them.
        """
        history = self._follower.history
        return history.between(since, history.newest if until is None else until)

    def window(
        self,
        x: str = "created_at",
        *,
        every: float | str = "5s",
        window: float | str = "15m",
        by: str | Sequence[str] = (),
        measures: Iterable[str | Measure] = ("count",),
    ) -> LiveWindow:
        """Measure the rows by time, in a window that moves with it; late, changed and deleted rows correct the past.

        Parameters
        ----------
        x
            The column with the time.
        every, window
            The length of a bucket and of the whole: seconds, or text such as ``"5s"`` and ``"15m"``.
        by
            The column, or columns, whose values make the series.
        measures
            ``count``, ``rate``, ``sum(revenue)``, ``mean(…)``, ``min(…)``, ``max(…)``, ``median(…)``, ``p95(…)``,
            ``distinct(…)``.

        Returns
        -------
        LiveWindow
            A context manager; it keeps the table open until it is closed.

        Raises
        ------
        WindowError
            An argument cannot be understood.

        Examples
        --------
        >>> calls.window(every="1m", window="1h", by="status", measures=["count", "sum(revenue)"]).to_pandas()
        """
        from livewidgets.live.window import LiveWindow

        self._check_open()
        return LiveWindow(self, x, every=every, window=window, by=by, measures=measures)

    @property
    def _types(self) -> Mapping[str, str]:
        """Column to type in SQL's words; empty where the project does not tell."""
        shape = self._follower.shape
        return {} if shape is None else shape.types

    def _at_version(self) -> tuple[int, list[Row]]:
        """Give the rows and the version that they are of."""

        async def both() -> tuple[int, list[Row]]:
            return self.version, self.rows()  # nothing is applied meanwhile: that happens on this thread

        thread = self._live._upstream.thread  # noqa: SLF001 - one room
        if thread.is_current() or not thread.is_usable():
            return self.version, self.rows()
        return thread.run(both())

    # -- writing ---------------------------------------------------------------------------------------------------

    def update(self, key: Any, values: Mapping[str, Any]) -> Mutation:  # noqa: ANN401 - what the column holds
        """Change columns of a row: shown at once, taken back if the database does not take it.

        Where the table has a column ``version``, the row is written only if nobody else has changed it meanwhile; else
        the table's rule (`conflict`) decides. Several writes to one row wait for each other.

        Parameters
        ----------
        key
            The row's key: a plain value, or a tuple for a key of several columns.
        values
            The columns that change.

        Returns
        -------
        Mutation
            To wait for, to look at, or to undo.

        Raises
        ------
        NotConnectedError
            There is no connection, and the table was not opened with ``offline="queue"``; or too much waits already.
        NotReadyError
            The table has not been read yet.
        FilterError, UnknownColumnError
            The key or the values cannot be understood.
        """
        self._check_open()
        return self._follower.writes.update(key, values, self._conflict, queues=self._queues)

    def insert(self, values: Mapping[str, Any]) -> Mutation:
        """Add a row: shown at once, taken back if the database does not take it.

        Parameters
        ----------
        values
            Its columns. A key that is a UUID is made here when it is missing, so that no retry inserts twice; any
            other must be given.

        Raises
        ------
        WriteRefusedError
            The key is missing.
        NotConnectedError, NotReadyError, FilterError, UnknownColumnError
            As for `update`.
        """
        self._check_open()
        return self._follower.writes.insert(values, self._conflict, queues=self._queues)

    def delete(self, key: Any) -> Mutation:  # noqa: ANN401 - what the column holds
        """Delete a row: gone at once, back if the database does not take it. One that is gone already is no error.

        Parameters
        ----------
        key
            As for `update`.

        Raises
        ------
        NotConnectedError, NotReadyError, FilterError
            As for `update`.
        """
        self._check_open()
        return self._follower.writes.delete(key, self._conflict, queues=self._queues)

    @property
    def mutations(self) -> list[Mutation]:
        """What is not settled yet, in order, by all handles on these rows."""
        return self._follower.writes.unsettled()

    # -- changes ---------------------------------------------------------------------------------------------------

    def on_change(self, callback: Callable[[Patch], object]) -> Subscription:
        """Call a function with each patch, on the kernel's main loop (in a plain script: on one thread for that).

        The table stays open while the subscription is. A callback that raises is reported once and stays subscribed;
        one that is slow gets several patches as one.

        Parameters
        ----------
        callback
            Called with a `Patch`; may be a coroutine function.
        """
        mailbox = Mailbox(callback, merge, f"{self.name}.on_change")
        return self._subscribe(mailbox.put, None, mailbox.close)

    def on_status(self, callback: Callable[[TableStatus], object]) -> Subscription:
        """Call a function with the present status and each new one, where `on_change` would."""
        mailbox = Mailbox[TableStatus](callback, lambda _, newer: newer, f"{self.name}.on_status")
        return self._subscribe(None, mailbox.put, mailbox.close)

    async def changes(self) -> AsyncIterator[Patch]:
        """Yield each patch from now on; ends when the table is closed."""
        stream = Stream(merge)
        with self._subscribe(stream.put, None, stream.close):
            async for patch in stream.items():
                yield patch

    def _tap(
        self, on_patch: Callable[[Patch], object], on_status: Callable[[TableStatus], object] | None = None
    ) -> Subscription:
        """Call functions on the I/O thread, right after each apply; `on_status` also at once with the present one."""
        return self._subscribe(on_patch, on_status, None)

    @property
    def _replica(self) -> Overlay:
        """The rows as shown; on the I/O thread only."""
        return self._follower.edits

    def _subscribe(
        self,
        on_patch: Callable[[Patch], object] | None,
        on_status: Callable[[TableStatus], object] | None,
        on_close: Callable[[], object] | None,
    ) -> Subscription:
        self._check_open()
        follower, thread = self._follower, self._live._upstream.thread  # noqa: SLF001 - one room
        if thread.is_current():
            follower.add_taps(on_patch, on_status)
        else:
            thread.call(follower.add_taps, on_patch, on_status)

        def end() -> None:
            # `self` here is on purpose: a subscription keeps its table open.
            self._subscriptions.discard(subscription)
            self._live._upstream.kept.discard(subscription)  # noqa: SLF001
            if on_close is not None:
                on_close()
            if thread.is_current():
                follower.remove_taps(on_patch, on_status)
            else:
                thread.call(follower.remove_taps, on_patch, on_status)

        subscription = Subscription(end, f"to {self.name}")
        self._subscriptions.add(subscription)
        self._live._upstream.kept.add(subscription)  # noqa: SLF001
        return subscription

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End this handle and its subscriptions; the rows stay readable, and grow old."""
        self._closed = True
        for subscription in tuple(self._subscriptions):
            subscription.close()
        self._release()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            warn_dropped(self, self._live._upstream)  # noqa: SLF001 - one room

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(
                f"This handle on the table {self.name!r} was closed.", "Ask for the table again."
            )
