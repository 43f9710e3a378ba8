"""A sorted collection in which adding, removing and looking at either end stays cheap at 100,000 entries."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import Any

# Pieces of about this many entries: moving a thousand pointers costs less than the comparisons before it.
_PIECE = 1000


class Ordered:
    """Entries in ascending order, in pieces, so that no change moves more than one piece.

    Parameters
    ----------
    entries
        Tuples that can be compared with each other; no two of them equal.
    """

    __slots__ = ("_length", "_pieces", "_tops")

    def __init__(self, entries: Iterable[tuple[Any, ...]] = ()) -> None:
        all_entries = sorted(entries)
        self._pieces = [all_entries[i : i + _PIECE] for i in range(0, len(all_entries), _PIECE)]
        self._tops = [piece[-1] for piece in self._pieces]
        self._length = len(all_entries)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for piece in self._pieces:
            yield from piece

    def add(self, entry: tuple[Any, ...]) -> None:
        """Put an entry in its place."""
        self._length += 1
        if not self._pieces:
            self._pieces.append([entry])
            self._tops.append(entry)
            return
        at = min(bisect_right(self._tops, entry), len(self._pieces) - 1)
        piece = self._pieces[at]
        insort(piece, entry)
        if len(piece) > 2 * _PIECE:
            half = len(piece) // 2
            self._pieces.insert(at + 1, piece[half:])
            del piece[half:]
            self._tops.insert(at, piece[-1])
            self._tops[at + 1] = self._pieces[at + 1][-1]
        else:
            self._tops[at] = piece[-1]

    def remove(self, entry: tuple[Any, ...]) -> None:
        """Take an entry out; KeyError where there is none that equals it."""
        at = bisect_left(self._tops, entry)
        piece = self._pieces[at] if at < len(self._pieces) else []
        i = bisect_left(piece, entry)
        if i >= len(piece) or piece[i] != entry:
            raise KeyError(entry)
        del piece[i]
        self._length -= 1
        if piece:
            self._tops[at] = piece[-1]
        else:
            del self._pieces[at], self._tops[at]

    def last(self) -> tuple[Any, ...]:
        """Give the greatest entry; IndexError where there is none."""
        return self._tops[-1]
