"""One step of a write, carried out by REST: what was sent, what came back, and what that means to the queue."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from livewidgets.core.change import ChangeKind, Row
from livewidgets.core.mutation import Action, Edit, Step
from livewidgets.core.mutation_queue import Queue
from livewidgets.errors import (
    KeyRefusedError,
    LiveWidgetsError,
    NotConnectedError,
    ProtocolError,
    UnreachableError,
)
from livewidgets.live.snapshot import one_row, rows_by_key
from livewidgets.live.writes_errors import GeneratedColumnError
from livewidgets.live.writes_values import plain_row

if TYPE_CHECKING:
    from livewidgets.live.follower import Follower
    from livewidgets.live.upstream import Upstream

logger = logging.getLogger(__name__)

#: To be called through the overlay: tells the queue what came of a step.
Outcome = Callable[[], object]

#: Times that a refused key is given the chance of a fresh token.
_FRESH_TOKENS = 2


class Steps:
    """Carries out the steps of one table's queue.

    Parameters
    ----------
    upstream, follower, queue
        As in `Writes`.
    """

    def __init__(self, upstream: Upstream, follower: Follower, queue: Queue) -> None:
        self._upstream = upstream
        self._follower = follower
        self._queue = queue
        self._table = follower.request.table
        self._failures = 0
        self._refused_keys = 0

    async def carry_out(self, step: Step) -> Outcome:
        """Do what a step asks for; give what is to be told to the queue."""
        try:
            if step.action is Action.JUDGE:
                return await self._judge(step.edit)
            if step.action is Action.READ:
                return await self._read(step.edit)
            return await self._write(step)
        except Exception as error:
            logger.exception("A write to the table %s failed.", self._table)
            failed = ProtocolError(f"Writing to {self._table!r} failed ({type(error).__name__}).")
            return partial(self._queue.refused, step.edit, failed)

    async def _write(self, step: Step) -> Outcome:
        queue, edit, rest = self._queue, step.edit, self._upstream.rest
        shape = self._follower.shape
        if shape is None:
            return partial(queue.postponed, edit)
        try:
            if edit.kind is ChangeKind.INSERT:
                rows = await rest.insert(self._table, edit.values, shape.key)
            else:
                version = None if step.expected is None else (shape.version_column or "", step.expected)
                only = one_row(shape.key, edit.key, version)
                if edit.kind is ChangeKind.UPDATE:
                    rows = await rest.update(self._table, edit.values, only)
                else:
                    rows = await rest.delete(self._table, only)
        except NotConnectedError:
            await self._rest_a_while()
            return partial(queue.postponed, edit)
        except UnreachableError:
            # Sent, as far as anybody knows: the row will tell.
            return partial(queue.unanswered, edit)
        except GeneratedColumnError as error:
            if error.column in edit.values and edit.kind is ChangeKind.INSERT:
                return partial(queue.without, edit, error.column)
            return partial(queue.refused, edit, error)
        except KeyRefusedError as error:
            return await self._renew(edit, error)
        except LiveWidgetsError as error:
            return partial(queue.refused, edit, error)
        self._failures = self._refused_keys = 0
        if not rows:
            return partial(queue.missed, edit)
        return partial(queue.written, edit, None if edit.kind is ChangeKind.DELETE else rows[0])

    async def _read(self, edit: Edit) -> Outcome:
        queue = self._queue
        try:
            rows = await rows_by_key(self._upstream.rest, self._table, self._follower.replica.key, [edit.key])
        except UnreachableError:
            await self._rest_a_while()
            return partial(queue.postponed, edit)
        except KeyRefusedError as error:
            return await self._renew(edit, error)
        except LiveWidgetsError as error:
            return partial(queue.refused, edit, error)
        self._failures = self._refused_keys = 0
        return partial(queue.read, edit, rows[0] if rows else None)

    async def _judge(self, edit: Edit) -> Outcome:
        """Ask the user's function, away from this thread."""
        rule, theirs, base = edit.rule, edit.theirs or {}, edit.base or {}
        mine: Row = {} if edit.kind is ChangeKind.DELETE else {**base, **edit.values}
        outcome: Row | None = None
        try:
            if callable(rule):
                outcome = await asyncio.to_thread(rule, dict(mine), dict(theirs), dict(base))
            if outcome is not None:
                outcome = plain_row(outcome)
        except Exception:
            logger.exception("The rule for conflicts of the table %s raised; theirs stays.", self._table)
            outcome = None
        return partial(self._queue.judged, edit, outcome)

    async def _renew(self, edit: Edit, error: KeyRefusedError) -> Outcome:
        """Try again with a fresh token; a key that is refused time and again is refused."""
        self._refused_keys += 1
        if self._refused_keys > _FRESH_TOKENS:
            self._refused_keys = 0
            return partial(self._queue.refused, edit, error)
        self._upstream.renew_token()
        await self._rest_a_while()
        return partial(self._queue.postponed, edit)

    async def _rest_a_while(self) -> None:
        self._failures += 1
        longest = min(self._upstream.timings.rest_retry * 2.0 ** (self._failures - 1), 30.0)
        await self._upstream.pause(longest * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
