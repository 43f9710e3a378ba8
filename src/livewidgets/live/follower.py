"""The I/O half of a table: keeps a replica right, whatever happens to the connection.

One task a table. It waits for a connection, looks the table up, joins a channel, waits until changes flow, reads a
snapshot, and from then on applies what arrives and serves what the replica asks for (rows to read again, windows to
refill). Whatever goes wrong, the rows stay readable, the status says since when they may be old, and it begins again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from livewidgets.core.change import Change, Key, Patch
from livewidgets.core.history import History
from livewidgets.core.mutation_overlay import Overlay
from livewidgets.core.mutation_queue import Queue
from livewidgets.core.replica import Replica
from livewidgets.errors import (
    ClosedError,
    FilterError,
    KeyRefusedError,
    LiveWidgetsError,
    ProtocolError,
    TableError,
    UnreachableError,
)
from livewidgets.live.channel import TableChannel, bindings_for
from livewidgets.live.kept import kept
from livewidgets.live.request import Request, TableState, TableStatus
from livewidgets.live.snapshot import pages, rows_by_key
from livewidgets.live.writes import Writes

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from livewidgets.live.catalog import TableShape
    from livewidgets.live.upstream import Upstream
    from livewidgets.live.wire import Wire

logger = logging.getLogger(__name__)

T = TypeVar("T")

_count = kept(__name__, lambda: itertools.count(1))

#: Changes applied in one turn of the loop; others get their turn in between.
_CHANGES_A_TURN = 500
#: After so many audits that proved nothing, since the table never rests, it is read again; a large one more rarely.
_DOUBTS = 5
#: Waiting for the first snapshot gives up after so many failed tries and seconds, or after so many seconds and one.
_HOPELESS = ((3, 3.0), (1, 7.0))


class Follower:
    """Follows one table over whatever connection there is.

    Parameters
    ----------
    upstream
        The connection, supervised.
    request
        What to follow.
    """

    def __init__(self, upstream: Upstream, request: Request) -> None:
        self._upstream = upstream
        self.request = request
        #: Tells it from others of its table.
        self.label = f"{request.table}#{next(_count)}"
        # Again and again by one thread: the edits over the rows have the same.
        self.guard = threading.RLock()
        self.replica = Replica(request.key, request.where, request.order, request.limit, guard=self.guard)
        queue = Queue(self.replica, request.table)
        #: The rows as shown.
        self.edits = Overlay(self.replica, queue, guard=self.guard)
        self.writes = Writes(upstream, self, queue, self._publish)
        self._queue = queue
        #: What became of the rows lately; each published patch is taken down.
        self.history = History(guard=threading.Lock())
        self.shape: TableShape | None = None
        #: When the rows were last known to be right (monotonic seconds), frozen while they are not live.
        self.last_right: float | None = None
        #: How many handles are open; guarded by the registry's lock.
        self.handles = 0
        self._status = TableStatus(TableState.LOADING, upstream.wall())
        self._patch_taps: list[Callable[[Patch], object]] = []
        self._status_taps: list[Callable[[TableStatus], object]] = []
        self._incoming: deque[Change] = deque()
        self._draining = False
        self._gap = False
        self._task: asyncio.Task[Any] | None = None
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Follower of {self.request.table}, {self._status.state}>"

    # -- what may be asked from any thread -------------------------------------------------------------------------

    @property
    def status(self) -> TableStatus:
        """The state now, with the present number of rows."""
        kept = self._status
        return TableStatus(kept.state, kept.since, kept.error, len(self.edits), self.replica.truncated)

    @property
    def is_live(self) -> bool:
        """Whether every change arrives and all that came before is in."""
        return self._status.state is TableState.LIVE

    def age(self) -> float | None:
        """Seconds since the rows were last known to be right; None before the first snapshot."""
        if self.last_right is None:
            return None
        heard = self._upstream.last_heard if self.is_live else None
        return max(time.monotonic() - max(self.last_right, heard or 0.0), 0.0)

    # -- the I/O thread from here on -------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; only the first call counts."""
        if self._task is None and self._status.state is not TableState.CLOSED:
            self._task = self._upstream.thread.start(self._run(), f"livewidgets-table-{self.request.table}")

    async def close(self) -> None:
        """Leave the channel and end the task, once what is being written is."""
        await self.writes.close()
        self._set(TableState.CLOSED, None)
        self._patch_taps.clear()
        self._status_taps.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def add_taps(
        self, on_patch: Callable[[Patch], object] | None, on_status: Callable[[TableStatus], object] | None
    ) -> None:
        """Call these after each apply and at each change of state; `on_status` also at once."""
        if on_patch is not None:
            self._patch_taps.append(on_patch)
        if on_status is not None:
            self._status_taps.append(on_status)
            self._tell(on_status, self.status)

    def remove_taps(
        self, on_patch: Callable[[Patch], object] | None, on_status: Callable[[TableStatus], object] | None
    ) -> None:
        """Call these no more."""
        if on_patch in self._patch_taps:
            self._patch_taps.remove(on_patch)
        if on_status in self._status_taps:
            self._status_taps.remove(on_status)

    async def settled(self) -> LiveWidgetsError | None:
        """Wait for the first snapshot (None), or for what stands in its way."""
        started = time.monotonic()
        while True:
            self._changed.clear()
            state, error = self._status.state, self._status.error
            if state is TableState.CLOSED:
                return ClosedError(f"The table {self.request.table!r} was closed.", "Ask for it again.")
            if state is TableState.ERROR:
                return error
            if self.replica.loaded:
                return None
            tries, waited = self._upstream.status().attempt, time.monotonic() - started
            hopeless = any(tries >= some and waited >= seconds for some, seconds in _HOPELESS)
            if error is not None and hopeless:
                return error
            try:
                async with asyncio.timeout(0.5):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def on_upstream_error(self, error: LiveWidgetsError) -> None:
        """Take note that there is no connection, and why."""
        if isinstance(error, KeyRefusedError):
            self._set(TableState.ERROR, error)
        elif self._status.state is not TableState.ERROR or isinstance(self._status.error, KeyRefusedError):
            self._set(TableState.STALE if self.replica.loaded else TableState.LOADING, error)

    # -- the task --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        failures = 0
        while True:
            wire = await self._upstream.connected()
            live_before = self.last_right
            try:
                await self._follow(wire)
            except LiveWidgetsError as error:
                if isinstance(error, KeyRefusedError):
                    self._upstream.renew_token()
                failures = 0 if self.last_right != live_before else failures + 1
                if wire.lost.done():
                    self._lost(wire.lost.result())
                else:
                    self._lost(error)
                    await self._upstream.pause(self._delay(error, failures))
            except Exception as error:
                logger.exception("Following the table %s failed; it begins again.", self.request.table)
                self._lost(
                    ProtocolError(f"Following {self.request.table!r} failed ({type(error).__name__}).")
                )
                failures += 1
                await self._upstream.pause(self._delay(error, failures))

    def _delay(self, error: Exception, failures: int) -> float:
        may_pass = not isinstance(error, TableError | FilterError | KeyRefusedError)
        return self._upstream.timings.retry_delay(failures, may_pass=may_pass)

    def _lost(self, error: LiveWidgetsError) -> None:
        self._incoming.clear()
        self.replica.mark_stale()
        if isinstance(error, TableError | FilterError | KeyRefusedError):
            self._upstream.catalog.forget()
            self._set(TableState.ERROR, error)
        else:
            self._set(TableState.STALE if self.replica.loaded else TableState.LOADING, error)

    async def _follow(self, wire: Wire) -> None:
        request = self.request
        shape = await self._until(wire.lost, self._look_up())
        channel = TableChannel(
            wire,
            request.table,
            bindings_for(self._upstream.schema, request.table, request.where.realtime(request.fixed)),
            take=self._take,
            gap=self._on_gap,
            translate=lambda text: self._upstream.stream_error(text, shape.name),
        )
        self._gap = False
        try:
            await channel.open()
            serving = self._until(channel.broken, self._serve())
            await self._until(wire.lost, serving)
        finally:
            await channel.close()

    async def _look_up(self) -> TableShape:
        request = self.request
        shape = await self._upstream.catalog.shape(request.table, request.key)
        shape.check(request.where.columns() | set(request.fixed))
        if request.order is not None:
            shape.check(request.order.columns())
        self.shape = shape
        self.replica.key = shape.key
        self.replica.version_column = shape.version_column
        return shape

    async def _until(self, end: asyncio.Future[LiveWidgetsError], coro: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine; when `end` resolves before it, cancel it and raise what `end` holds."""
        task = asyncio.ensure_future(coro)
        try:
            await asyncio.wait((task, end), return_when=asyncio.FIRST_COMPLETED)
            if end.done() and not end.cancelled():
                raise end.result()
            return await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _serve(self) -> None:
        while True:
            await self._snapshot(refill=False)
            self._set(TableState.LIVE, None)
            try:
                await self._keep_right()
            except UnreachableError as error:
                self._set(TableState.STALE, error)
                await self._upstream.pause(self._delay(error, 1))

    async def _snapshot(self, *, refill: bool) -> None:
        replica, request = self.replica, self.request
        failures = 0
        while True:
            self._gap = False
            await self._catch_up()
            ticket = replica.begin_snapshot(refill=refill)
            accepted = self._queue.accepted()
            # One row above the limit tells whether there are more.
            limit = None if request.limit is None else request.limit + 1
            count = 0
            try:
                async for rows in pages(
                    self._upstream.rest, request.table, replica.key, request.where, request.order, limit
                ):
                    count += len(rows)
                    if not replica.add_page(rows, ticket):
                        break
            except UnreachableError as error:
                replica.abort_snapshot(ticket)
                failures += 1
                self._set(TableState.STALE if replica.loaded else TableState.LOADING, error)
                await self._upstream.pause(self._delay(error, failures))
                continue
            more = None if limit is None else count >= limit
            # In turns, so that a large table holds nobody up; only the swap itself is one step.
            await self._catch_up()
            while True:
                if not replica.fold(ticket, more=more, most=_CHANGES_A_TURN):
                    break
                await asyncio.sleep(0)
            if self._gap:
                continue  # changes were missed while the pages were read
            patch = self.edits.absorb(partial(replica.finish_snapshot, ticket, more=more), accepted)
            self.last_right = time.monotonic()
            self._publish(patch)
            if not replica.stale:
                return

    async def _keep_right(self) -> None:
        """Serve what the replica asks for; returns when it needs a whole snapshot."""
        replica, timings = self.replica, self._upstream.timings
        audit_at = time.monotonic() + timings.audit
        doubts = 0
        while not self._gap and not replica.needs_snapshot:
            self._wake.clear()
            if replica.needs_reread:
                await self._reread()
            elif replica.needs_refill:
                await asyncio.sleep(timings.refill)
                await self._snapshot(refill=True)
                self._set(TableState.LIVE, None)
            elif time.monotonic() >= audit_at:
                agrees = await self._audit()
                doubts = doubts + 1 if agrees is None else 0
                if agrees is False or doubts > _DOUBTS + len(replica) // 1000:
                    return
                audit_at = time.monotonic() + (timings.audit if agrees else timings.audit / 10)
            else:
                try:
                    async with asyncio.timeout(max(audit_at - time.monotonic(), 0.0)):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def _reread(self) -> None:
        keys = self.replica.take_reread()
        accepted = self._queue.accepted(keys)
        try:
            rows = await rows_by_key(self._upstream.rest, self.request.table, self.replica.key, keys)
        except BaseException:
            self.replica.abandon_reread(keys)
            raise
        self._publish(self.edits.absorb(partial(self.replica.finish_reread, keys, rows), accepted))

    async def _audit(self) -> bool | None:
        """Compare the number of rows and the highest version with the database's; None when that proves nothing."""
        replica, request = self.replica, self.request
        column = replica.version_column
        version = replica.version
        params = [*request.where.params(), ("select", column or replica.key[0]), ("limit", "1")]
        if column is not None:
            params.append(("order", f"{column}.desc.nullslast"))
        answer = await self._upstream.rest.select(request.table, params, count=True)
        if replica.version != version or self._incoming or answer.total is None:
            return None  # it moved meanwhile
        if answer.total != len(replica) and (request.limit is None or answer.total < request.limit):
            return False
        if column is None or replica.truncated or not answer.rows:
            return True
        held = max((row.get(column) or 0 for row in replica.held.rows.values()), default=0)
        return bool(held >= (answer.rows[0].get(column) or 0))

    # -- changes ---------------------------------------------------------------------------------------------------

    def _take(self, change: Change) -> None:
        self._incoming.append(change)
        if not self._draining:
            self._draining = True
            self._upstream.thread.loop.call_soon(self._drain)

    def _drain(self) -> None:
        """Apply what has arrived, a bounded part of it a turn."""
        self._draining = False
        self._apply(_CHANGES_A_TURN)
        if self._incoming:
            self._draining = True
            self._upstream.thread.loop.call_soon(self._drain)

    async def _catch_up(self) -> None:
        """Apply what has arrived by now; others get their turn in between."""
        left = len(self._incoming)
        while left > 0 and self._incoming:
            self._apply(_CHANGES_A_TURN)
            left -= _CHANGES_A_TURN
            if left > 0:
                await asyncio.sleep(0)

    def _apply(self, most: int) -> None:
        incoming, replica = self._incoming, self.replica
        batch = [incoming.popleft() for _ in range(min(most, len(incoming)))]
        try:
            patch = self.edits.absorb(partial(replica.apply, batch))
        except Exception:
            # A row that cannot be placed must not stop the table; a snapshot puts it right.
            logger.exception(
                "Changes of %s could not be applied; the table is read again.", self.request.table
            )
            self._on_gap()
            return
        self._publish(patch)
        if replica.needs_reread or replica.needs_refill or replica.needs_snapshot:
            self._wake.set()

    def _on_gap(self) -> None:
        """Note that changes may have been missed: only a new snapshot tells."""
        self._gap = True
        self._incoming.clear()
        self.replica.mark_stale()
        self._set(TableState.STALE if self.replica.loaded else TableState.LOADING, None)
        self._wake.set()

    def ask_again(self, key: Key) -> None:
        """Read a row by its key, unless all are to be read anyway."""
        if self.is_live:
            self.replica.needs_reread.add(key)
            self._wake.set()

    # -- telling ---------------------------------------------------------------------------------------------------

    def remember(self) -> None:
        """Remember what becomes of rows from now on: somebody may ask."""
        key = self.replica.key
        self.history.begin({tuple(row.get(name) for name in key): row for row in self.edits.rows()})

    def _publish(self, patch: Patch) -> None:
        """Tell of a difference in what is shown, and of edits that are settled by it."""
        if patch:
            self.history.add(patch)
            for tap in tuple(self._patch_taps):
                self._tell(tap, patch)
        self.writes.note()

    def _set(self, state: TableState, error: LiveWidgetsError | None) -> None:
        kept = self._status
        if kept.state is TableState.CLOSED or (state is kept.state and str(error) == str(kept.error)):
            return
        if kept.state is TableState.LIVE:
            self.last_right = max(self.last_right or 0.0, self._upstream.last_heard or 0.0) or None
        since = kept.since if state is kept.state else self._upstream.wall()
        self._status = TableStatus(state, since, error)
        self._changed.set()
        self._upstream.note_table(self)
        status = self.status
        for tap in tuple(self._status_taps):
            self._tell(tap, status)

    def _tell(self, tap: Callable[[T], object], item: T) -> None:
        try:
            tap(item)
        except Exception:
            logger.exception("A listener of the table %s failed.", self.request.table)
