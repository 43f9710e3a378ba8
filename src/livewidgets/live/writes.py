"""The I/O half of optimistic writes: carries out what the queue asks for, by REST, on the I/O thread.

One a table. It owns no rule: what is sent when, and what an answer means, is the core's `Queue`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from livewidgets.core.change import ChangeKind, Patch
from livewidgets.core.mutation import Edit, MutationState, Step
from livewidgets.core.mutation_queue import Queue
from livewidgets.core.mutation_rules import Rule
from livewidgets.errors import (
    ClosedError,
    FilterError,
    NotConnectedError,
    NotReadyError,
    WriteRefusedError,
)
from livewidgets.live.writes_mutation import Mutation
from livewidgets.live.writes_steps import Steps
from livewidgets.live.writes_values import is_uuid_column, plain_key, plain_row

if TYPE_CHECKING:
    from livewidgets.live.catalog import TableShape
    from livewidgets.live.follower import Follower
    from livewidgets.live.upstream import Upstream

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Requests for one table that are out at once; those for one row always follow each other.
_AT_ONCE = 4
#: Edits of one table that are not settled: more are refused.
_MOST_UNSETTLED = 1000
#: How long a write may take to become an edit that is shown (seconds): the I/O thread is never busy for long.
_PATIENCE = 5.0
#: How long closing waits for what is on its way (seconds).
_LAST_CHANCE = 2.0


class Writes:
    """The writes of one table.

    Parameters
    ----------
    upstream
        The connection.
    follower
        The table; its edits are changed here.
    queue
        They themselves.
    publish
        Called with what a write did to the rows shown.
    """

    def __init__(
        self, upstream: Upstream, follower: Follower, queue: Queue, publish: Callable[[Patch], object]
    ) -> None:
        self._upstream = upstream
        self._follower = follower
        self._queue = queue
        self._publish = publish
        self._open: dict[Edit, Mutation] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: dict[Edit, asyncio.TimerHandle] = {}
        self._steps = Steps(upstream, follower, queue)
        self._waiting = False
        self._closed = False
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Writes to {self._table}, {len(self._open)} unsettled>"

    @property
    def _table(self) -> str:
        return self._follower.request.table

    # -- any thread ------------------------------------------------------------------------------------------------

    def is_current(self) -> bool:
        """Whether the caller is on the I/O thread."""
        return self._upstream.thread.is_current()

    def call_soon(self, function: Callable[[T], object], argument: T) -> None:
        """Call a function on the I/O thread."""
        if self.is_current():
            function(argument)
        else:
            self._upstream.thread.call(function, argument)

    def unsettled(self) -> list[Mutation]:
        """Give what is not settled yet, in order."""
        return list(self._open.values())

    def update(self, key: object, values: object, rule: Rule, *, queues: bool) -> Mutation:
        """Change columns of a row; see `LiveTable.update`."""

        def make() -> Edit:
            shape = self._check(queues=queues)
            row = plain_row(values)
            found = plain_key(key, shape.key)
            if not row:
                raise FilterError("No column is to be changed.", 'Write {"status": "completed"}.')
            if any(name in row and row[name] != value for name, value in zip(shape.key, found, strict=True)):
                raise FilterError(
                    "The key of a row is not changed.", "Delete the row and insert another one."
                )
            shape.check(row)
            return self._edit(ChangeKind.UPDATE, found, row, rule)

        return self._call(lambda: self._add(make(), queues=queues))

    def insert(self, values: object, rule: Rule, *, queues: bool) -> Mutation:
        """Add a row; see `LiveTable.insert`."""

        def make() -> Edit:
            shape = self._check(queues=queues)
            row = plain_row(values)
            shape.check(row)
            own_key = False
            for column in shape.key:
                if row.get(column) is not None:
                    continue
                if not is_uuid_column(column, shape.types, self._follower.edits.rows()[:1]):
                    raise WriteRefusedError(
                        self._table,
                        f"The key {column!r} of the new row of {self._table!r} is missing.",
                        "Give it: only keys that are UUIDs are made here, so that no retry inserts twice.",
                    )
                row[column], own_key = str(uuid4()), True
            key = tuple(row[column] for column in shape.key)
            edit = self._edit(ChangeKind.INSERT, key, row, rule)
            edit.own_key = own_key
            return edit

        return self._call(lambda: self._add(make(), queues=queues))

    def delete(self, key: object, rule: Rule, *, queues: bool) -> Mutation:
        """Delete a row; see `LiveTable.delete`."""

        def make() -> Edit:
            shape = self._check(queues=queues)
            return self._edit(ChangeKind.DELETE, plain_key(key, shape.key), {}, rule)

        return self._call(lambda: self._add(make(), queues=queues))

    def undo(self, edit: Edit, *, queues: bool) -> Mutation:
        """Take an edit back; see `Mutation.undo`."""

        def make() -> Mutation:
            self._check(queues=queues)
            made: list[Edit] = []
            in_order = not self._upstream.is_open
            return self._add_by(
                lambda: made.append(self._queue.undo(edit, uuid4().hex, in_order=in_order)),
                made,
                queues=queues,
            )

        return self._call(make)

    def _call(self, function: Callable[[], T]) -> T:
        """Call a function on the I/O thread and wait for it: what it shows is there when this returns."""
        thread = self._upstream.thread
        if thread.is_current():
            return function()

        async def run() -> T:
            return function()

        try:
            return thread.run(run(), _PATIENCE)
        except TimeoutError:
            raise NotReadyError("The I/O thread is busy.", "Try again.") from None

    # -- the I/O thread from here on -------------------------------------------------------------------------------

    async def close(self) -> None:
        """Wait a little for what is on its way, then give up what is not written."""
        end = asyncio.get_running_loop().time() + _LAST_CHANCE
        while self._queue.has_work and self._upstream.is_open:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(end):
                    await self._changed.wait()
            except TimeoutError:
                break
        self._closed = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        given_up = ClosedError(
            f"The table {self._table!r} was closed before the database had answered.",
            "Read the row to see whether it was written.",
        )
        self._follower.edits.edit(lambda: self._queue.abandon(given_up))
        self._tell()

    def _check(self, *, queues: bool) -> TableShape:
        """Raise what stands in the way of a write."""
        follower = self._follower
        if self._closed:
            raise ClosedError(f"The table {self._table!r} was closed.", "Ask for it again.")
        shape = follower.shape
        if shape is None or not follower.replica.loaded:
            raise follower.status.error or NotReadyError(
                f"The table {self._table!r} has not been read yet.", "Call ready() before writing to it."
            )
        if not self._upstream.is_open and not queues:
            raise NotConnectedError(
                f"There is no connection, so {self._table!r} cannot be written to.",
                'Try again when there is, or open the table with offline="queue".',
            )
        if len(self._queue) >= _MOST_UNSETTLED:
            raise NotConnectedError(
                f"{_MOST_UNSETTLED:,} writes to {self._table!r} wait already.",
                "Wait until they are settled.",
            )
        return shape

    def _edit(self, kind: ChangeKind, key: tuple[Any, ...], row: dict[str, Any], rule: Rule) -> Edit:
        return Edit(uuid4().hex, kind, key, row, rule, in_order=not self._upstream.is_open)

    def _add(self, edit: Edit, *, queues: bool) -> Mutation:
        return self._add_by(lambda: self._queue.add(edit), [edit], queues=queues)

    def _add_by(self, change: Callable[[], object], made: list[Edit], *, queues: bool) -> Mutation:
        patch = self._follower.edits.edit(change)
        mutation = self._open[made[0]] = Mutation(self, made[0], self._table, queues=queues)
        self._publish(patch)
        self._pump()
        return mutation

    def _do(self, change: Callable[[], object]) -> None:
        self._publish(self._follower.edits.edit(change))
        self._tell()
        self._pump()

    def note(self) -> None:
        """Tell of edits that the table's rows have just been seen to hold."""
        if self._queue.changed:
            self._tell()

    def _pump(self) -> None:
        """Begin what can be done now."""
        if self._closed or not self._queue.has_work:
            return
        if not self._upstream.is_open:
            if not self._waiting:
                self._waiting = True
                self._start(self._wait())
            return
        steps: list[Step] = []
        patch = self._follower.edits.edit(lambda: steps.extend(self._queue.take(_AT_ONCE)))
        self._publish(patch)
        self._tell()
        for step in steps:
            self._start(self._carry_out(step))

    async def _carry_out(self, step: Step) -> None:
        self._do(await self._steps.carry_out(step))

    async def _wait(self) -> None:
        try:
            await self._upstream.connected()
        finally:
            self._waiting = False
        self._pump()

    def _start(self, coro: Any) -> None:  # noqa: ANN401 - a coroutine
        task = self._upstream.thread.start(coro, f"livewidgets-write-{self._table}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- telling ---------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Pass on what has changed its state."""
        self._changed.set()
        changed, self._queue.changed = self._queue.changed, []
        for edit in dict.fromkeys(changed):
            mutation = self._open.get(edit)
            if mutation is None:
                continue
            if edit.state is MutationState.ACCEPTED:
                self._expect(edit)
            elif mutation.settled:
                del self._open[edit]
                if (timer := self._timers.pop(edit, None)) is not None:
                    timer.cancel()
            mutation._note()  # noqa: SLF001 - one room
            if mutation.settled and edit.error is not None and not isinstance(edit.error, ClosedError):
                self._upstream.tell_failed(mutation)

    def _expect(self, edit: Edit) -> None:
        """Read the row if its change does not come by itself."""
        loop = self._upstream.thread.loop

        def look() -> None:
            if edit.state is MutationState.ACCEPTED and not self._closed:
                self._follower.ask_again(edit.key)
                self._timers[edit] = loop.call_later(self._upstream.timings.sync, look)

        self._timers[edit] = loop.call_later(self._upstream.timings.sync, look)
