"""Frames: the rows of one feed, and what a page has to be sent of them.

A `Feed` keeps the projected rows of one view and, for every key, the version at which it changed last. So
"everything since version 41" is one walk over the newest changes: a row that changed a hundred times is one
row of it, and nothing is kept for any single page. Keys that are gone are remembered up to a limit; a page
that is further behind than that is sent a snapshot.

Time, randomness and sending are somebody else's: `livewidgets.core.link` decides who is sent what and when.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from livewidgets.core.change import Key

#: The values of a row in the order of the feed's columns.
Cells = tuple[Any, ...]

#: The largest integer that a JavaScript number holds exactly.
MAX_SAFE_INTEGER = 2**53 - 1
#: Rows in one part of a snapshot.
CHUNK = 1_000
#: Keys of removed rows that a feed remembers, beyond as many as it has rows.
TOMBSTONES = 1_000
#: Rows in a patch before a snapshot in parts is kinder to the page; at least, and half of the rows otherwise.
PATCH_LIMIT = 4 * CHUNK

#: Most cells are of these, and are read as they are.
_PLAIN = frozenset((str, bool, type(None)))


def clean(value: object) -> object:
    """Return the value as a page can read it: large integers as text, NaN and the infinities as None."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return str(value)


def key_text(key: Key) -> str:
    """Return a row's key as the string that names it in the page.

    Examples
    --------
    >>> key_text((7,)), key_text((7, "a"))
    ('7', '[7,"a"]')
    """
    if len(key) == 1:
        return str(key[0])
    return json.dumps(clean(list(key)), separators=(",", ":"), ensure_ascii=False)


def encode(columns: Sequence[str], items: Sequence[tuple[str, Cells]], gone: Sequence[str] = ()) -> bytes:
    """Return rows as columns: UTF-8 JSON ``{"key": [...], "cols": {name: [...]}, "gone": [...]}``.

    Parameters
    ----------
    columns
        The names, in the order of the cells.
    items
        Keys and cells, cleaned.
    gone
        Keys of rows that are no more.
    """
    values = [list(column) for column in zip(*(cells for _, cells in items), strict=True)]
    document = {
        "key": [key for key, _ in items],
        "cols": dict(zip(columns, values or [[] for _ in columns], strict=True)),
        "gone": list(gone),
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", errors="replace")  # a lone surrogate is no text and must not stop the feed


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed in a feed since a version: rows to put, keys to take away, the meta when that changed."""

    items: list[tuple[str, Cells]]
    gone: list[str]
    meta: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rows of a feed at one version, to be sent in parts; rows are replaced, never changed, so this is cheap."""

    version: int
    items: list[tuple[str, Cells]]
    meta: Mapping[str, Any]
    size: int

    @property
    def parts(self) -> int:
        """How many messages it takes; an empty feed takes one."""
        return max(1, math.ceil(len(self.items) / self.size))

    def part(self, index: int) -> list[tuple[str, Cells]]:
        """Return the rows of one part."""
        return self.items[index * self.size : (index + 1) * self.size]


class Feed:
    """The rows of one view, as every page that shows it should have them.

    Parameters
    ----------
    name
        The feed's id.
    columns
        Names of the cells, in order.
    version
        Where counting starts. A feed that is opened again must start above where it ended.
    chunk, tombstones
        Limits, see `CHUNK` and `TOMBSTONES`.
    """

    def __init__(
        self,
        name: str,
        columns: Sequence[str],
        *,
        version: int = 0,
        chunk: int = CHUNK,
        tombstones: int = TOMBSTONES,
    ) -> None:
        self.name = name
        self.columns = tuple(columns)
        self.version = version
        self.rows: dict[str, Cells] = {}
        self.meta: Mapping[str, Any] = {}
        self._meta_version = version
        self._chunk = chunk
        self._tombstones = tombstones
        # Both in the order of the version at which the key changed last, the newest at the end.
        self._changed: OrderedDict[str, int] = OrderedDict()
        self._gone: OrderedDict[str, int] = OrderedDict()
        # Differences from before this version are forgotten.
        self._floor = version

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def remembered(self) -> int:
        """How many keys the feed keeps for differences; bounded by twice its rows and `TOMBSTONES`."""
        return len(self._changed) + len(self._gone)

    def apply(self, upserted: Mapping[str, Sequence[Any]], removed: Iterable[str] = ()) -> bool:
        """Put and remove rows; return whether anything is different now.

        Parameters
        ----------
        upserted
            Whole rows by key, values in the order of the columns.
        removed
            Keys; unknown ones are ignored.
        """
        version = self.version + 1
        for key in removed:
            if self.rows.pop(key, None) is not None:
                self._changed.pop(key, None)
                self._gone[key] = self.version = version
        for key, values in upserted.items():
            cells = tuple([value if type(value) in _PLAIN else clean(value) for value in values])
            if len(cells) != len(self.columns):
                raise ValueError(f"{self.name} has {len(self.columns)} columns, the row has {len(cells)}.")
            if self.rows.get(key) == cells:
                continue
            self.rows[key] = cells
            self._gone.pop(key, None)
            self._changed[key] = self.version = version
            self._changed.move_to_end(key)
        while len(self._gone) > self._tombstones + len(self.rows):
            _, self._floor = self._gone.popitem(last=False)
        return self.version == version

    def replace(self, rows: Mapping[str, Sequence[Any]]) -> bool:
        """Make these all the rows; only true differences count."""
        return self.apply(rows, [key for key in self.rows if key not in rows])

    def describe(self, meta: Mapping[str, Any]) -> bool:
        """Set the feed's meta, whole; return whether it differs."""
        tidy = {name: clean(value) for name, value in meta.items()}
        if tidy == self.meta:
            return False
        self.version += 1
        self.meta, self._meta_version = tidy, self.version
        return True

    def since(self, version: int) -> Delta | None:
        """Return what changed after a version; None when only a snapshot can tell, or is cheaper."""
        if version < self._floor:
            return None
        changed = [k for k, _ in takewhile(lambda item: item[1] > version, reversed(self._changed.items()))]
        if len(changed) > max(PATCH_LIMIT, len(self.rows) // 2):
            return None
        gone = [k for k, _ in takewhile(lambda item: item[1] > version, reversed(self._gone.items()))]
        return Delta(
            [(key, self.rows[key]) for key in changed],
            gone,
            self.meta if self._meta_version > version else None,
        )

    def freeze(self) -> Snapshot:
        """Return all rows as they are now."""
        return Snapshot(self.version, list(self.rows.items()), self.meta, self._chunk)


class Buffers:
    """The payloads of one message; pages that need the same range of a feed share one."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self._index: dict[Hashable, int] = {}

    def add(self, identity: Hashable, make: Callable[[], bytes]) -> int:
        """Return the index of the payload with this identity; it is made on first use."""
        index = self._index.get(identity)
        if index is None:
            index = self._index[identity] = len(self.payloads)
            self.payloads.append(make())
        return index

    def size(self, index: int | None) -> int:
        """Return the payload's length in bytes."""
        return 0 if index is None else len(self.payloads[index])
