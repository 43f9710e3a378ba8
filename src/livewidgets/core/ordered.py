"""A sorted collection in which adding, removing and looking at either end stays cheap at 100,000 entries."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

#: Anything that can be compared with others of its kind.
Entry = TypeVar("Entry", bound=Any)

# Pieces of about this many entries: moving a thousand pointers costs less than the comparisons before it.
_PIECE = 1000


class Ordered(Generic[Entry]):
    """Entries in ascending order, in pieces, so that no change moves more than one piece.

    Parameters
    ----------
    entries
        Tuples or numbers that can be compared with each other; equal ones may be there several times.
    """

    __slots__ = ("_length", "_pieces", "_tops")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        all_entries = sorted(entries)
        self._pieces = [all_entries[i : i + _PIECE] for i in range(0, len(all_entries), _PIECE)]
        self._tops = [piece[-1] for piece in self._pieces]
        self._length = len(all_entries)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Entry]:
        for piece in self._pieces:
            yield from piece

    def add(self, entry: Entry) -> None:
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

    def remove(self, entry: Entry) -> None:
        """Take an entry out, once; KeyError where there is none that equals it."""
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

    def at(self, place: int) -> Entry:
        """Give the entry at a place, counted from 0; IndexError where there is none."""
        for piece in self._pieces:
            if place < len(piece):
                return piece[place]
            place -= len(piece)
        raise IndexError(place)

    def last(self) -> Entry:
        """Give the greatest entry; IndexError where there is none."""
        return self._tops[-1]
