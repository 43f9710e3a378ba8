"""A sliding time window over a table: measures by bucket and series, kept up by what changed.

Every row that lies in the window, or ahead of it, is remembered by the few values that count. So a row that comes late,
changes or is deleted corrects the bucket where it stood, and the cost of a change does not depend on how many rows
there are. Time is an argument; what it leaves behind is forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from livewidgets.core.change import Key, Patch, Row
from livewidgets.core.values import instant, microseconds
from livewidgets.core.window_cells import Bucket, Cell, join
from livewidgets.core.window_measure import Measure, seconds
from livewidgets.core.window_parts import plain
from livewidgets.core.window_plan import OTHERS, Group, Value, column_name, column_names, group_order, plan
from livewidgets.errors import WindowError

#: A window has at most so many buckets, for all of them are sent to who looks.
MOST_BUCKETS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Columns:
    """What a window shows, or what of it has changed.

    Attributes
    ----------
    version
        The window's version that this is.
    first, last
        The starts of the window's oldest and newest bucket (seconds since 1970); the newest is not over yet.
    every
        The length of a bucket in seconds.
    starts
        The starts of the buckets that are told here, ascending.
    series
        By series and by measure (in the words in which it was asked for) one value for each of `starts`; None where the series has no row in that bucket. A
        series that is not named has none in any of them.
    whole
        These are all buckets. Otherwise only those that changed: what was known before stays for the others between
        `first` and `last`, and a bucket that nobody told of is empty.
    """

    version: int
    first: float
    last: float
    every: float
    starts: tuple[float, ...]
    series: Mapping[Group, Mapping[str, Sequence[Value]]]
    whole: bool


#: What is remembered of a row: its bucket, its series, and its value for each part.
_Entry = tuple[int, Group, tuple[Any, ...]]


class Window:
    """Measures of a table's rows by time and series.

    One thread at a time. Buckets begin at whole multiples of their length since 1970, so all windows agree on them.

    Parameters
    ----------
    x
        The column with the time: timestamps as text, or seconds since 1970. A row without one is not counted.
    every, window
        The length of a bucket, and of the whole (rounded up to whole buckets), as `seconds` reads them.
    by
        The column, or columns, whose values make the series; none for one series of all.
    measures
        What to measure, as `Measure.parse` reads it.
    now
        The time (seconds since 1970).

    Attributes
    ----------
    version
        Raised by one by everything that changed what is shown.

    Raises
    ------
    WindowError
        An argument cannot be understood.

    Examples
    --------
    >>> window = Window("created_at", every="5s", window="15m", by="status", measures=["count"], now=now)
    >>> window.apply(patch), window.advance(now)
    >>> window.columns(since=seen)
    """

    def __init__(
        self,
        x: str,
        *,
        every: float | str,
        window: float | str,
        by: str | Sequence[str] = (),
        measures: Iterable[str | Measure] = ("count",),
        now: float = 0.0,
    ) -> None:
        self.x = column_name(x, "x")
        self.by = column_names(by, "by")
        self.every = seconds(every)
        self._every = round(self.every * 1e6)
        #: How many buckets there are.
        self.buckets = -(-round(seconds(window) * 1e6) // self._every)
        if self.buckets > MOST_BUCKETS:
            raise WindowError(
                f"A window of {self.buckets:,} buckets is more than the {MOST_BUCKETS:,} that there may be.",
                "Make `every` longer or `window` shorter.",
            )
        several = (measures,) if isinstance(measures, str | Measure) else measures
        #: The measures, by the words in which they were asked for.
        self.measures = {str(one).strip(): Measure.parse(one) for one in several}
        if not self.measures:
            raise WindowError("A window without a measure shows nothing.", 'Give one, such as "count".')
        self._plan, self._columns, self._kinds = plan(self.measures)
        self.version = 0
        self._since = 0
        self._last = self._bucket_at(now)
        self._rows: dict[Key, _Entry] = {}
        self._buckets: dict[int, Bucket] = {}
        # Bucket to the version at which it changed last; the one that changed last is at the end.
        self._changed: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<Window of {self.buckets} x {self.every:g} s by {self.x}: {len(self)} rows, version {self.version}>"

    # -- what comes in ---------------------------------------------------------------------------------------------

    def load(self, rows: Mapping[Key, Row], now: float) -> None:
        """Begin anew with these rows at this time, which may be earlier than the one before."""
        self._last = self._bucket_at(now)
        self._rows, self._buckets, self._changed = {}, {}, {}
        for key, row in rows.items():
            entry = self._read(row)
            if entry is not None:
                self._put(key, entry)
        self.version += 1
        self._since = self.version

    def apply(self, patch: Patch) -> bool:
        """Take in what changed; True when it made a difference here."""
        touched: set[int] = set()
        rows = self._rows
        for key in patch.removed:
            old = rows.get(key)
            if old is not None:
                self._take(key, old)
                touched.add(old[0])
        for key, row in patch.upserted.items():
            new, old = self._read(row), rows.get(key)
            if new == old:
                continue
            if new is not None and old is not None and new[0] == old[0] and new[1] == old[1]:
                self._replace(key, old, new)
                touched.add(new[0])
                continue
            if old is not None:
                self._take(key, old)
                touched.add(old[0])
            if new is not None:
                self._put(key, new)
                touched.add(new[0])
        return self._mark(touched)

    def advance(self, now: float) -> bool:
        """Move on to a time; True when the window moved. A time before the one that it knows changes nothing."""
        last = self._bucket_at(now)
        if last <= self._last:
            return False
        before, first = self._last, last - self.buckets + 1
        self._last = last
        gone = range(before - self.buckets + 1, first)
        for bucket in gone if len(gone) <= len(self._buckets) else [n for n in self._buckets if n < first]:
            left = self._buckets.pop(bucket, None)
            if left is not None:
                for key in left.keys:
                    del self._rows[key]
        for bucket in gone if len(gone) <= len(self._changed) else [n for n in self._changed if n < first]:
            self._changed.pop(bucket, None)
        # Rows that lay ahead are in the window now.
        come = range(max(before + 1, first), last + 1)
        self._mark({n for n in come if n in self._buckets}, always=True)
        return True

    # -- what is shown ---------------------------------------------------------------------------------------------

    @property
    def first(self) -> float:
        """The start of the oldest bucket (seconds since 1970)."""
        return self._start(self._last - self.buckets + 1)

    @property
    def last(self) -> float:
        """The start of the newest bucket, which is not over yet (seconds since 1970)."""
        return self._start(self._last)

    def columns(self, since: int | None = None, *, apart: Collection[Group] | None = None) -> Columns:
        """Give what there is to be drawn.

        Parameters
        ----------
        since
            A version that is known already: then only the buckets that changed after it, where they can be told.
        apart
            The series that are told each by itself; all others are measured as one, under `OTHERS`. None: all are.

        Returns
        -------
        Columns
            Whole where `since` is None, or older than the last `load`.
        """
        first = self._last - self.buckets + 1
        whole = since is None or not self._since <= since <= self.version
        told: Collection[int]
        if since is None or whole:
            told = range(first, self._last + 1)
        else:
            told = []
            for bucket, version in reversed(self._changed.items()):
                if version <= since:
                    break
                if first <= bucket <= self._last:
                    told.append(bucket)
            told.sort()
        return Columns(
            self.version,
            self.first,
            self.last,
            self.every,
            tuple(self._start(bucket) for bucket in told),
            self._series(told, apart),
            whole,
        )

    def totals(
        self, start: float | None = None, end: float | None = None, *, together: bool = False
    ) -> dict[Group, dict[str, Value]]:
        """Measure several buckets as one.

        Costs what it reads: cells for counts and sums, values for extremes, quantiles and different ones.

        Parameters
        ----------
        start, end
            The buckets that begin from `start` up to but without `end` (seconds since 1970); None: to the window's
            end.
        together
            All series as one, under ``()``.
        """
        first, last = self._last - self.buckets + 1, self._last
        if start is not None:
            first = max(first, -(-round(start * 1e6) // self._every))
        if end is not None:
            last = min(last, -(-round(end * 1e6) // self._every) - 1)
        cells: dict[Group, list[Cell]] = {}
        for n in range(first, last + 1):
            bucket = self._buckets.get(n)
            for group, cell in bucket.cells.items() if bucket is not None else ():
                cells.setdefault(() if together else group, []).append(cell)
        span = last - first + 1
        return {
            group: {
                name: value(
                    sum(cell.count for cell in found),
                    None if part is None else self._kinds[part].merge(cell.parts[part] for cell in found),
                    self.every * span,
                )
                for name, part, value in self._plan
            }
            for group, found in cells.items()
        }

    def groups(self) -> list[Group]:
        """List the series that have rows in the window, in an order that stays."""
        return sorted(self.counts(), key=group_order)

    def counts(self) -> dict[Group, int]:
        """Count each series' rows in the window; costs its cells."""
        found: dict[Group, int] = {}
        for n in range(self._last - self.buckets + 1, self._last + 1):
            bucket = self._buckets.get(n)
            for group, cell in bucket.cells.items() if bucket is not None else ():
                found[group] = found.get(group, 0) + cell.count
        return found

    def _series(
        self, told: Collection[int], apart: Collection[Group] | None
    ) -> dict[Group, dict[str, list[Value]]]:
        cells: dict[Group, dict[int, Cell]] = {}
        for place, n in enumerate(told):
            bucket = self._buckets.get(n)
            others: list[Cell] = []
            for group, cell in bucket.cells.items() if bucket is not None else ():
                if apart is None or group in apart:
                    cells.setdefault(group, {})[place] = cell
                else:
                    others.append(cell)
            if others:
                cells.setdefault(OTHERS, {})[place] = join(others)
        series: dict[Group, dict[str, list[Value]]] = {}
        for group in sorted(cells, key=group_order):
            of_group = series[group] = {}
            for name, part, value in self._plan:
                values: list[Value] = [None] * len(told)
                for place, cell in cells[group].items():
                    values[place] = value(cell.count, None if part is None else cell.parts[part], self.every)
                of_group[name] = values
        return series

    # -- rows ------------------------------------------------------------------------------------------------------

    def _read(self, row: Row) -> _Entry | None:
        """Say where a row belongs and what it brings; None where the window has passed it, or it has no time."""
        moment = row.get(self.x)
        if isinstance(moment, str):
            time = instant(moment)
            if time is None:
                return None
            bucket = microseconds(time) // self._every
        elif isinstance(moment, int | float) and not isinstance(moment, bool) and abs(moment) < 1e15:
            bucket = self._bucket_at(moment)
        else:
            return None
        if bucket <= self._last - self.buckets:
            return None
        group = tuple([plain(row.get(name)) for name in self.by])
        return bucket, group, tuple([kind.read(row.get(column)) for kind, column in self._columns])

    def _put(self, key: Key, entry: _Entry) -> None:
        n, group, values = entry
        bucket = self._buckets.get(n)
        if bucket is None:
            bucket = self._buckets[n] = Bucket()
        cell = bucket.cells.get(group)
        if cell is None:
            cell = bucket.cells[group] = Cell(self._kinds)
        cell.count += 1
        for part, value in zip(cell.parts, values, strict=True):
            if value is not None:
                part.add(value)
        bucket.keys.add(key)
        self._rows[key] = entry

    def _take(self, key: Key, entry: _Entry) -> None:
        n, group, values = entry
        bucket = self._buckets[n]
        cell = bucket.cells[group]
        cell.count -= 1
        if cell.count:
            for part, value in zip(cell.parts, values, strict=True):
                if value is not None:
                    part.remove(value)
        else:
            del bucket.cells[group]
        bucket.keys.discard(key)
        if not bucket.keys:
            del self._buckets[n]
        del self._rows[key]

    def _replace(self, key: Key, old: _Entry, new: _Entry) -> None:
        """Change a row's values where it stands."""
        cell = self._buckets[new[0]].cells[new[1]]
        for part, before, now in zip(cell.parts, old[2], new[2], strict=True):
            if before != now:
                if before is not None:
                    part.remove(before)
                if now is not None:
                    part.add(now)
        self._rows[key] = new

    def _mark(self, touched: Iterable[int], *, always: bool = False) -> bool:
        if not touched and not always:
            return False
        self.version += 1
        for bucket in touched:
            self._changed.pop(bucket, None)
            self._changed[bucket] = self.version
        return True

    def _bucket_at(self, moment: float) -> int:
        return math.floor(moment * 1e6 + 0.5) // self._every

    def _start(self, bucket: int) -> float:
        return bucket * self._every / 1e6
