"""A table's rows by key: a snapshot, and the changes since.

The recipe, which SPEC.md states as invariants: changes are taken down from before the first page is read; pages may be
read at different moments; when the last one is there, the changes are folded over them, in the order of arrival for
each row; what differs from the rows before is one patch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

from livewidgets.core.change import Change, ChangeKind, Key, Patch, Row
from livewidgets.core.filters import Where
from livewidgets.core.held import Held
from livewidgets.core.order import Order
from livewidgets.errors import FilterError, ProtocolError


@dataclass(slots=True)
class _Folded:
    """All changes of one row since a snapshot began, as one."""

    #: A delete was among them: what a page shows of the row may be another one that had its key.
    deleted: bool = False
    #: The columns that came after the last delete; None where nothing did.
    record: Row | None = None
    #: An insert was among them, which carries every column.
    whole: bool = False
    #: Some of the values were too large to be sent.
    partial: bool = False


class Replica:
    """What a `select` would return now, as far as the changes have arrived.

    One thread changes it; others may read `rows`, `get`, `len` and `in` when ``guard`` is a lock.

    Parameters
    ----------
    key
        Columns of the primary key.
    where
        Which rows; changes are judged by it here.
    order
        How they are ordered; None: as they arrive (with a limit: by key).
    limit
        At most this many, the first of the order: a moving window.
    version_column
        A column that grows with every change of a row (``version``, ``updated_at``): keeps an older change from undoing
        a newer row.
    guard
        Held while rows are swapped or copied, such as a ``threading.Lock``.

    Raises
    ------
    FilterError
        For a limit that is no positive number.
    """

    def __init__(
        self,
        key: tuple[str, ...],
        where: Where,
        order: Order | None = None,
        limit: int | None = None,
        version_column: str | None = None,
        *,
        guard: AbstractContextManager[Any] | None = None,
    ) -> None:
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise FilterError(
                "limit is not a positive whole number.", "Write limit=5000, or leave it out for all rows."
            )
        self.key = key
        self.where = where
        self.order = order
        self.limit = limit
        self.version_column = version_column
        #: Raised by one with every patch that is not empty.
        self.version = 0
        #: A first snapshot has been finished.
        self.loaded = False
        #: The stream was lost since the last snapshot; its rows are as they were then.
        self.stale = True
        #: Something came that cannot be placed; only a new snapshot mends it.
        self.needs_snapshot = False
        #: Rows of which values are missing: read them by key (`take_reread`).
        self.needs_reread: set[Key] = set()
        self._guard = guard if guard is not None else nullcontext()
        self._held = self._new()
        self._reading: set[Key] = set()
        self._folded: dict[Key, _Folded] = {}
        # The rows of a snapshot as far as it has come; None while none is read.
        self._fresh: Held | None = None
        self._fresh_rereads: set[Key] = set()
        self._fresh_rows = 0
        # Under all other keys these are the very rows that are held.
        self._doubtful: dict[Key, None] = {}
        # What is still to be folded over them (as keys of `_folded`), once the last page is there; None before.
        self._unfolded: dict[Key, None] | None = None
        self._ticket = 0
        self._refill = False
        self._cache: tuple[int, tuple[Row, ...]] = (0, ())

    # -- reading (any thread) --------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._held.rows)

    def __contains__(self, key: object) -> bool:
        return key in self._held.rows

    def __repr__(self) -> str:
        return f"<Replica {len(self)} rows, version {self.version}>"

    def get(self, key: Key) -> Row | None:
        """Give the row with a key, or None."""
        return self._held.rows.get(key)

    def rows(self) -> list[Row]:
        """Give all rows in order, as of one version; the list is the caller's, the rows are not to be changed."""
        version, rows = self._cache
        if version != self.version:
            with self._guard:
                rows = tuple(self._held)
                self._cache = (self.version, rows)
        return list(rows)

    @property
    def held(self) -> Held:
        """The rows with their window; for what builds on them in the core."""
        return self._held

    @property
    def truncated(self) -> bool:
        """The table holds more rows than the window does."""
        return self._held.edge is not None

    @property
    def needs_refill(self) -> bool:
        """The window lost a row: take a snapshot with ``refill=True``."""
        return self._held.short

    @property
    def snapshotting(self) -> bool:
        """A snapshot has begun and is not finished."""
        return self._fresh is not None

    # -- snapshots -------------------------------------------------------------------------------------------------

    def begin_snapshot(self, *, refill: bool = False) -> int:
        """Begin to take down changes for a snapshot; the first page may be read from now on.

        One that was under way is given up, with its pages.

        Parameters
        ----------
        refill
            It only fills the window up, on a healthy stream: its patch is no reset.

        Returns
        -------
        int
            A ticket for `add_page` and `finish_snapshot`: pages of a snapshot that was given up are then ignored.
        """
        if not self.stale:
            # On a healthy stream all that was taken down so far is in the pages to come.
            self._folded = {}
        self._fresh = self._new()
        self._fresh_rereads = set()
        self._fresh_rows = 0
        self._doubtful = {}
        self._unfolded = None
        self.needs_snapshot = False
        self._refill = refill and self.loaded and not self.stale
        self._ticket += 1
        return self._ticket

    def add_page(self, rows: Iterable[Row], ticket: int | None = None) -> bool:
        """Put a page of the snapshot aside.

        Parameters
        ----------
        rows
            As the server selected them.
        ticket
            What `begin_snapshot` gave.

        Returns
        -------
        bool
            False where the snapshot was given up meanwhile and the page is not wanted.

        Raises
        ------
        ProtocolError
            For a row without its key.
        """
        fresh = self._reading_for(ticket)
        if fresh is None or self._unfolded is not None:
            return False
        rows = list(rows)
        held = self._held.rows
        if not fresh.columns:
            fresh.learn(rows)
        for row in rows:
            key = self._key_of_selected(row)
            # What is held already is kept: the copy can go at once, and the swap sees at a glance that nothing changed.
            old = held.get(key)
            if old is not None and old == row:
                fresh.stage(key, old)
            else:
                fresh.stage(key, row)
                self._doubtful[key] = None
        self._fresh_rows += len(rows)
        return True

    def fold(self, ticket: int | None = None, *, more: bool | None = None, most: int | None = None) -> bool:
        """Fold some of the changes that were taken down over the pages: what `finish_snapshot` would do at once.

        No page may follow. What changes meanwhile is folded too. Nothing of it is seen before the swap.

        Parameters
        ----------
        ticket, more
            As in `finish_snapshot`; the first call says whether there are more rows.
        most
            So many rows at most; None for all.

        Returns
        -------
        bool
            False where there is nothing more to fold.
        """
        fresh = self._reading_for(ticket)
        if fresh is None:
            return False
        if self._unfolded is None:
            if more is None:
                # By the rows that were read: one that moved between two pages was read twice.
                more = self.limit is not None and self._fresh_rows >= self.limit
            if not fresh.columns:
                fresh.columns = self._held.columns
            fresh.close(more=more)
            self._unfolded = dict.fromkeys(self._folded)
        unfolded = self._unfolded
        for key in tuple(islice(unfolded, most)):
            del unfolded[key]
            folded = self._folded[key]
            if folded.deleted:
                fresh.drop(key)
            if folded.record is not None:
                self._upsert(
                    fresh, self._fresh_rereads, key, folded.record, whole=folded.whole, partial=folded.partial
                )
        return bool(unfolded)

    def finish_snapshot(self, ticket: int | None = None, *, more: bool | None = None) -> Patch:
        """Fold the changes over the pages and swap the result in whole.

        Parameters
        ----------
        ticket
            What `begin_snapshot` gave.
        more
            With a limit: whether the table holds rows beyond these. When it is not known, a full window counts as one
            that has more; read one row above the limit to know.

        Returns
        -------
        Patch
            How the rows differ from those before. ``reset`` on the first one and wherever a resnapshot found a
            difference; empty where the snapshot was given up.
        """
        fresh = self._reading_for(ticket)
        if fresh is None:
            return Patch(self.version)
        self.fold(ticket, more=more)
        upserted, removed = fresh.difference_from(self._held, self._doubtful)
        first = not self.loaded
        reset = first or (bool(upserted or removed) and not self._refill)
        with self._guard:
            self._held = fresh
            self.needs_reread = self._fresh_rereads
            self._reading = set()
            self._folded = {}
            self._give_up()
            self.loaded, self.stale = True, False
            return self._patch(upserted, removed, reset=reset)

    def abort_snapshot(self, ticket: int | None = None) -> None:
        """Give up a snapshot whose pages cannot be read; the stream goes on."""
        if ticket is None or ticket == self._ticket:
            self._give_up()
            if not self.stale:
                self._folded = {}

    def mark_stale(self) -> None:
        """Note that changes may have been lost: the rows stay as they are until a new snapshot is finished.

        A snapshot under way is given up, with the changes taken down for it: a later one may have been lost.
        """
        self.stale = True
        self._give_up()
        self._folded = {}
        self.needs_reread = set()
        self._reading = set()

    # -- changes ---------------------------------------------------------------------------------------------------

    def apply(self, changes: Iterable[Change]) -> Patch:
        """Apply changes in the order in which they arrived.

        While the rows are stale (or not there yet) they are only taken down for the next snapshot; while one is read on
        a healthy stream they are taken down and applied.

        Parameters
        ----------
        changes
            Of this table.

        Returns
        -------
        Patch
            All that they did; empty where nothing changed.
        """
        taking_down = self.stale or self._fresh is not None
        if self.stale:
            for change in changes:
                for key, record in self._steps(change):
                    self._fold(key, record, change)
            return Patch(self.version)
        held, rereads = self._held, self.needs_reread
        with self._guard:
            for change in changes:
                for key, record in self._steps(change):
                    if taking_down:
                        self._fold(key, record, change)
                    self._put(held, rereads, key, record, change, self._reading)
            return self._patch(*held.difference())

    def take_reread(self, most: int = 100) -> tuple[Key, ...]:
        """Take keys out of `needs_reread` to read their rows now; then `finish_reread` or `abandon_reread`."""
        keys = tuple(key for _, key in zip(range(most), self.needs_reread, strict=False))
        self.needs_reread.difference_update(keys)
        self._reading.update(keys)
        return keys

    def finish_reread(self, keys: Sequence[Key], rows: Iterable[Row]) -> Patch:
        """Take in rows that were read by key.

        Parameters
        ----------
        keys
            What `take_reread` gave.
        rows
            What the server selected for them; a key without a row is a row that is gone. A row that a change has
            settled meanwhile is left as it is: it may be newer than what was read.
        """
        found = {self._key_of_selected(row): row for row in rows}
        self._held.learn(found.values())
        with self._guard:
            for key in keys:
                if key not in self._reading:
                    continue
                self._reading.discard(key)
                row = found.get(key)
                if row is None:
                    self._held.drop(key)
                else:
                    self._held.put(key, row)
            return self._patch(*self._held.difference())

    def abandon_reread(self, keys: Sequence[Key]) -> None:
        """Put keys back whose rows could not be read."""
        self.needs_reread.update(key for key in keys if key in self._reading)
        self._reading.difference_update(keys)

    # -- the rules for one row -------------------------------------------------------------------------------------

    def _put(
        self,
        held: Held,
        rereads: set[Key],
        key: Key,
        record: Row | None,
        change: Change,
        reading: set[Key] | None = None,
    ) -> None:
        """Do to rows what a change does to one of them; `reading` are those that are being read again."""
        if record is None:
            held.drop(key)
            rereads.discard(key)
            if reading is not None:
                reading.discard(key)
        else:
            whole = change.kind is ChangeKind.INSERT
            self._upsert(held, rereads, key, record, reading, whole=whole, partial=change.partial)

    def _upsert(
        self,
        held: Held,
        rereads: set[Key],
        key: Key,
        record: Row,
        reading: set[Key] | None = None,
        *,
        whole: bool,
        partial: bool,
    ) -> None:
        """Apply a record to rows: whole, merged, or noted as one to be read again."""
        reading = set() if reading is None else reading
        if held.is_older(key, record, or_same=partial):
            return
        waiting = key in rereads or key in reading
        if whole and not partial and not held.columns:
            # Nothing was ever read of this table: the first insert tells its columns.
            held.learn((record,))
        if not partial and held.is_complete(record):
            rereads.discard(key)
            reading.discard(key)
            held.put(key, record)
            return
        old = held.rows.get(key)
        if not partial and old is not None and not waiting:
            held.put(key, {**old, **record})
        else:
            # A row of which something is unknown stays as it is until it has been read; a reading under way may be
            # older than this change.
            reading.discard(key)
            if old is not None or held.may_hold(key, record):
                rereads.add(key)
            else:
                rereads.discard(key)

    def _fold(self, key: Key, record: Row | None, change: Change) -> None:
        if self._fresh is not None and self._unfolded is not None and key not in self._unfolded:
            # What came before for this row is in the pages, or folded over them.
            self._put(self._fresh, self._fresh_rereads, key, record, change)
        folded = self._folded.get(key)
        if record is None:
            self._folded[key] = _Folded(deleted=True)
            return
        if folded is None:
            folded = self._folded[key] = _Folded()
        if change.kind is ChangeKind.INSERT:
            folded.record, folded.whole, folded.partial = record, True, change.partial
        else:
            folded.record = {**(folded.record or {}), **record}
            folded.partial = folded.partial or change.partial

    def _steps(self, change: Change) -> Iterable[tuple[Key, Row | None]]:
        """Say what a change does to which keys: None for the row being gone. A new key is a delete and an upsert."""
        before = self._key_of(change.old_record)
        if change.kind is ChangeKind.DELETE:
            if before is None:
                self.needs_snapshot = True
                return ()
            return ((before, None),)
        now = self._key_of(change.record)
        if now is None:
            self.needs_snapshot = True
            return ()
        if before is None or before == now or change.kind is ChangeKind.INSERT:
            return ((now, change.record),)
        return ((before, None), (now, change.record))

    def _key_of(self, row: Mapping[str, Any]) -> Key | None:
        try:
            return tuple([row[name] for name in self.key])
        except KeyError:
            return None

    def _key_of_selected(self, row: Row) -> Key:
        key = self._key_of(row)
        if key is None:
            raise ProtocolError(
                f"A row came without its key ({', '.join(self.key)}).",
                "Select the key's columns along with the others.",
            )
        return key

    # -- the rest --------------------------------------------------------------------------------------------------

    def _new(self) -> Held:
        return Held(self.where, self.order, self.limit, self.version_column)

    def _reading_for(self, ticket: int | None) -> Held | None:
        """Give the rows of the snapshot that is being read, if the ticket is for it."""
        return self._fresh if ticket is None or ticket == self._ticket else None

    def _give_up(self) -> None:
        """Forget the pages."""
        self._fresh, self._unfolded = None, None
        self._fresh_rereads, self._doubtful = set(), {}

    def _patch(self, upserted: dict[Key, Row], removed: dict[Key, Row], *, reset: bool = False) -> Patch:
        if upserted or removed or reset:
            self.version += 1
        if self._fresh is not None:
            self._doubtful.update(dict.fromkeys((*upserted, *removed)))
        return Patch(self.version, upserted, removed, reset)
