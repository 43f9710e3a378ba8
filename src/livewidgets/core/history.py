"""What became of a table's rows between two versions: the last patches, within a limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from livewidgets.core.change import Key, Patch, Row
from livewidgets.errors import HistoryError

#: Changes of rows that are remembered; each keeps the row that was replaced.
MOST_CHANGES = 5_000


@dataclass(frozen=True, slots=True)
class Difference:
    """How a table's rows differ between two versions.

    Attributes
    ----------
    since, until
        The versions: from the first to the second.
    inserted
        Rows that were not there before, by key, as they are at `until`.
    updated
        Rows that were there and are other now, by key: before and after.
    deleted
        Rows that are gone, by key, as they were at `since`.
    """

    since: int
    until: int
    inserted: Mapping[Key, Row] = field(default_factory=dict)
    updated: Mapping[Key, tuple[Row, Row]] = field(default_factory=dict)
    deleted: Mapping[Key, Row] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.inserted or self.updated or self.deleted)

    def __repr__(self) -> str:
        # Numbers only: rows may hold what a notebook's output must not.
        return (
            f"<Difference {self.since} to {self.until}: {len(self.inserted):,} inserted,"
            f" {len(self.updated):,} updated, {len(self.deleted):,} deleted>"
        )

    def columns(self, key: Key) -> dict[str, tuple[Any, Any]]:
        """Give the columns in which an updated row differs: before and after; KeyError for one that was not updated."""
        before, after = self.updated[key]
        names = [*before, *(name for name in after if name not in before)]
        return {
            name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
        }


class History:
    """Remembers the last patches of one table, from `begin` on; before, it costs nothing.

    Parameters
    ----------
    most
        So many changes of rows at most; the oldest patches are forgotten first.
    guard
        Held while it changes or is read, such as a ``threading.Lock``.
    """

    def __init__(self, most: int = MOST_CHANGES, *, guard: AbstractContextManager[Any] | None = None) -> None:
        self._most = most
        self._guard = guard if guard is not None else nullcontext()
        # What a patch replaced is not in it: references to the rows as they are.
        self._rows: dict[Key, Row] = {}
        self._patches: deque[tuple[int, Mapping[Key, tuple[Row | None, Row | None]]]] = deque()
        self._size = 0
        self._begun = False
        #: The oldest and the newest version that can be asked for.
        self.oldest = self.newest = 0

    def __repr__(self) -> str:
        return f"<History of versions {self.oldest} to {self.newest}, {self._size:,} changes>"

    def begin(self, rows: Mapping[Key, Row]) -> None:
        """Remember from now on, when these are the rows; a second call does nothing."""
        with self._guard:
            if not self._begun:
                self._begun = True
                self._rows = dict(rows)

    def add(self, patch: Patch) -> None:
        """Take down a patch; each follows the one before."""
        with self._guard:
            rows = self._rows
            if not self._begun:
                self.oldest = self.newest = patch.version
                return
            if len(patch.removed) + len(patch.upserted) > self._most:
                # It would push out all others, and then itself.
                for key in patch.removed:
                    rows.pop(key, None)
                rows.update(patch.upserted)
                self._patches.clear()
                self._size = 0
                self.oldest = self.newest = patch.version
                return
            changes: dict[Key, tuple[Row | None, Row | None]] = {}
            for key in patch.removed:
                changes[key] = (rows.pop(key, None), None)
            for key, row in patch.upserted.items():
                changes[key] = (rows.get(key), row)
                rows[key] = row
            self._patches.append((patch.version, changes))
            self._size += len(changes)
            self.newest = patch.version
            # A patch without changes costs something too.
            while self._patches and (self._size > self._most or len(self._patches) > self._most):
                self.oldest, dropped = self._patches.popleft()
                self._size -= len(dropped)

    def between(self, since: int, until: int) -> Difference:
        """Say how the rows differ between two versions.

        Parameters
        ----------
        since, until
            Versions from `oldest` to `newest`, in this order.

        Raises
        ------
        HistoryError
            One of them is not remembered any more, or has not been yet; or they are the wrong way round.
        """
        with self._guard:
            oldest, newest = self.oldest, self.newest
            for version in (since, until):
                if not isinstance(version, int) or isinstance(version, bool) or version > newest:
                    raise HistoryError(
                        f"There is no version {version!r} yet; the newest is {newest}.",
                        "Take `table.version`.",
                    )
            if since < oldest:
                raise HistoryError(
                    f"Version {since} is not remembered any more; the oldest that is, is {oldest}.",
                    f"The last {self._most:,} changes are kept; take versions that are nearer to each other.",
                )
            if since > until:
                raise HistoryError(
                    f"Version {since} comes after version {until}.", f"Write diff({until}, {since})."
                )
            first: dict[Key, Row | None] = {}
            last: dict[Key, Row | None] = {}
            for version, changes in self._patches:
                if since < version <= until:
                    for key, (before, after) in changes.items():
                        first.setdefault(key, before)
                        last[key] = after
        inserted: dict[Key, Row] = {}
        updated: dict[Key, tuple[Row, Row]] = {}
        deleted: dict[Key, Row] = {}
        for key, now in last.items():
            old = first[key]
            if old is None and now is not None:
                inserted[key] = now
            elif old is not None and now is None:
                deleted[key] = old
            elif old is not None and now is not None and old != now:
                updated[key] = (old, now)
        return Difference(since, until, inserted, updated, deleted)
