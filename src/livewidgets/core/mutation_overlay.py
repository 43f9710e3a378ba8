"""What is shown: the table's own rows with the unsettled edits over them.

Without edits this costs nothing: all is passed through. With edits the rows as shown are kept by key, so that each
patch is a true difference of what was shown before, whether the rows moved, an edit came, or one was taken back.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.mutation import Edit
from livewidgets.core.mutation_queue import Queue
from livewidgets.core.replica import Replica


class Overlay:
    """The rows as shown. One thread changes them; others may read when ``guard`` is a lock.

    Parameters
    ----------
    replica
        The table's own rows. They are to be changed through `absorb` only.
    queue
        The edits over them. It is to be called through `edit` only.
    guard
        Held while rows are changed or copied, such as a ``threading.RLock``; the replica may have the same.
    """

    def __init__(
        self, replica: Replica, queue: Queue, *, guard: AbstractContextManager[Any] | None = None
    ) -> None:
        self._replica = replica
        self._queue = queue
        self._guard = guard if guard is not None else nullcontext()
        #: Raised by one with every patch that is not empty.
        self.version = 0
        # All that is shown, and where that differs from the replica (None: not shown); None without edits.
        self._shown: dict[Key, Row] | None = None
        self._differing: dict[Key, Row | None] = {}
        self._cache: tuple[int, tuple[Row, ...]] | None = None

    # -- reading (any thread) --------------------------------------------------------------------------------------

    def __len__(self) -> int:
        shown = self._shown
        return len(self._replica) if shown is None else len(shown)

    def __contains__(self, key: object) -> bool:
        shown = self._shown
        return key in self._replica if shown is None else key in shown

    def __repr__(self) -> str:
        return f"<Overlay {len(self)} rows, {len(self._queue)} edits, version {self.version}>"

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the key."""
        return self._replica.key

    @property
    def loaded(self) -> bool:
        """A first snapshot has been finished."""
        return self._replica.loaded

    def get(self, key: Key) -> Row | None:
        """Give the row with a key, or None."""
        shown = self._shown
        return self._replica.get(key) if shown is None else shown.get(key)

    def rows(self) -> list[Row]:
        """Give all rows in order, as of one version; the list is the caller's, the rows are not to be changed."""
        if self._shown is None:
            return self._replica.rows()
        with self._guard:
            if self._shown is None:
                return self._replica.rows()
            if self._cache is None or self._cache[0] != self.version:
                self._cache = (self.version, tuple(self._in_order()))
            return list(self._cache[1])

    # -- changing --------------------------------------------------------------------------------------------------

    def absorb(self, change: Callable[[], Patch], read: Iterable[Edit] = ()) -> Patch:
        """Change the table's own rows, and give what that did to those shown.

        Parameters
        ----------
        change
            Does it, such as a call of `Replica.apply`.
        read
            Edits that had been accepted before the rows now taken in were read: they are in them.
        """
        if self._shown is None:
            patch = change()
            if patch:
                self.version += 1
            return Patch(self.version, patch.upserted, patch.removed, patch.reset)
        with self._guard:
            patch = change()
            self._queue.confirm(read)
            self._queue.look({*patch.upserted, *patch.removed})
            return self._difference(patch)

    def edit(self, change: Callable[[], object]) -> Patch:
        """Do something with the queue, and give what that did to the rows shown."""
        with self._guard:
            change()
            if self._shown is None:
                if not self._queue:
                    return Patch(self.version)
                self._shown = dict(self._replica.held.rows)
            return self._difference(Patch(self.version))

    def _difference(self, patch: Patch) -> Patch:
        """Bring what is shown up to date with the replica and the queue."""
        shown, before = self._shown if self._shown is not None else {}, self._differing
        self._differing = differing = self._differences()
        held = self._replica.held.rows
        upserted: dict[Key, Row] = {}
        removed: dict[Key, Row] = {}
        for key in {**patch.upserted, **patch.removed, **before, **differing}:
            old = shown.get(key)
            now = differing[key] if key in differing else held.get(key)
            if now is None:
                if old is not None:
                    removed[key] = shown.pop(key)
            elif old is not now:
                shown[key] = now
                if old != now:
                    upserted[key] = now
        if not self._queue:
            self._shown, self._differing, self._cache = None, {}, None
        if upserted or removed or patch.reset:
            self.version += 1
        return Patch(self.version, upserted, removed, patch.reset)

    def _differences(self) -> dict[Key, Row | None]:
        replica = self._replica
        held = replica.held
        found: dict[Key, Row | None] = {}
        for key, edits in self._queue.rows().items():
            own = held.rows.get(key)
            row = own
            for edit in edits:
                row = edit.over(row, held.columns, replica.version_column)
            if row is not None and not held.may_hold(key, row):
                row = None
            if row is not own:
                found[key] = row
        surplus = len(held.rows) + sum((row is not None) - (key in held.rows) for key, row in found.items())
        if replica.limit is not None and surplus > replica.limit:
            self._trim(found, surplus - replica.limit)
        return found

    def _trim(self, found: dict[Key, Row | None], surplus: int) -> None:
        """Let rows fall out of the window's end, where edits have put others into it."""
        held, replica = self._replica.held, self._replica
        ends = [(held.entry(key, row), key) for key, row in found.items() if row is not None]
        last: list[tuple[Any, Key]] = []
        for row in reversed(replica.rows()):
            if len(last) == surplus:
                break
            key = tuple(row[name] for name in replica.key)
            if key not in found:
                last.append((held.entry(key, row), key))
        for _, key in sorted([*ends, *last], reverse=True)[:surplus]:
            found[key] = None

    def _in_order(self) -> list[Row]:
        replica = self._replica
        if replica.order is None and replica.limit is None:
            return list((self._shown or {}).values())
        held = replica.held
        hidden = {id(held.rows[key]) for key in self._differing if key in held.rows}
        # Not of `Replica.rows`: that may keep an equal row of before, which is another object.
        rows = [row for row in held if id(row) not in hidden]
        for row in self._differing.values():
            if row is not None:
                insort(rows, row, key=lambda one: held.entry(tuple(one[name] for name in replica.key), one))
        return rows
