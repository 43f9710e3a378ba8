"""What happened to a row, in one plain sentence. Pure: rows go in, items come out.

Tables of the call business are spoken of in its own words (`activity_sentences`); any other table gets a sentence that
names the row and the columns, never their values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from livewidgets.core.change import Key, Row
from livewidgets.core.frame import key_text
from livewidgets.core.mask import mask_row, mask_text
from livewidgets.core.mask_cells import masked_cell

#: Characters of a sentence; longer ones are cut.
LONGEST: Final = 300
#: Columns in which a change is no news.
BOOKKEEPING: Final = frozenset(("version", "updated_at", "created_at"))
#: Columns whose values are said, old and new: they hold words of a process, not of a person.
_STATES: Final = ("status", "state")
#: Columns that are named in a sentence, at most.
_NAMED: Final = 3
_SHORT: Final = 8


class Event(StrEnum):
    """What happened to a row."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    #: Several changes that came too fast to be told one by one.
    MANY = "many"


@dataclass(frozen=True, slots=True)
class Item:
    """What a feed says of one change.

    Attributes
    ----------
    text
        One sentence.
    icon
        ``call``, ``bid``, ``payment``, ``alert``, ``target``, ``campaign``, ``person``, ``row`` or ``many``; any other
        is drawn as ``row``.
    tone
        ``good``, ``warn``, ``bad``, ``neutral``, ``waiting``, ``calling``, ``ringing`` or ``talking``.
    """

    text: str
    icon: str = "row"
    tone: str = "neutral"


@dataclass(frozen=True, slots=True)
class Happening:
    """One change of one row, as a sentence is made of it.

    Attributes
    ----------
    table
        The table's name.
    event
        Insert, update or delete.
    row
        The row as it is now; as it was last when it is gone.
    before
        The row as it was, for an update.
    key
        The names of the key's columns.
    filtered
        The table holds a part of the rows only: one that is gone may just have left it.
    """

    table: str
    event: Event
    row: Row
    before: Row | None = None
    key: Sequence[str] = ("id",)
    filtered: bool = False

    def changed(self, *columns: str) -> bool:
        """Say whether it is an update in which one of these columns differs."""
        before = self.before
        return before is not None and any(before.get(name) != self.row.get(name) for name in columns)

    @property
    def gone(self) -> str:
        """The word for a row that is not there any more."""
        return "is gone" if self.filtered else "was deleted"


#: Gives the name for a column of ids and an id; empty while it is not known.
Names = Callable[[str, object], str]
#: Says what happened; None when it is not worth a sentence.
Teller = Callable[[Happening, Names, bool], Item | None]
#: A user's own teller: the row now, the row before, to a sentence.
Describe = Callable[[Mapping[str, Any], Mapping[str, Any] | None], "str | Item | None"]


@dataclass(frozen=True, slots=True)
class Activity:
    """One item of a feed.

    Attributes
    ----------
    id
        Counts upwards.
    at
        When, in ms since 1970.
    table, event, key
        Of which row of which table it tells, and what happened.
    item
        What is said.
    """

    id: int
    at: int
    table: str
    event: Event
    key: Key = field(repr=False)
    item: Item = field(repr=False)

    @property
    def text(self) -> str:
        """The sentence."""
        return self.item.text


def changed_columns(happening: Happening) -> list[str]:
    """Return the columns of an update that are news, in the row's order."""
    before, row = happening.before or {}, happening.row
    names = [*row, *(name for name in before if name not in row)]
    return [
        name
        for name in names
        if name not in BOOKKEEPING and name not in happening.key and before.get(name) != row.get(name)
    ]


def shown_key(columns: Sequence[str], key: Key, *, masked: bool) -> str:
    """Return a row's key as a reader may see it: a key may be a phone number or an address."""
    if masked:
        key = tuple(
            masked_cell(name, value) if isinstance(value, str) else value
            for name, value in zip(columns, key, strict=False)
        )
    return key_text(key)[:LONGEST]


def generic(happening: Happening, _names: Names, masked: bool) -> Item | None:
    """Tell of any table: which row, and which columns; of an update that is no news, nothing."""
    row, key = happening.row, happening.key
    shown = shown_key(key, tuple(row.get(name) for name in key), masked=masked)
    if len(shown) == 36 and shown.count("-") == 4:  # a UUID: its beginning tells rows apart
        shown = shown[:_SHORT]
    what = f"{happening.table}: row {shown}"
    if happening.event is Event.INSERT:
        return Item(f"{what} was added", tone="calling")
    if happening.event is Event.DELETE:
        return Item(f"{what} {happening.gone}", tone="warn")
    columns = changed_columns(happening)
    if not columns:
        return None
    named = [_change(name, happening) for name in columns[:_NAMED]]
    if len(columns) > _NAMED:
        named.append(f"{len(columns) - _NAMED} more")
    return Item(f"{what} changed ({', '.join(named)})")


def _change(name: str, happening: Happening) -> str:
    old, new = (happening.before or {}).get(name), happening.row.get(name)
    if name in _STATES and isinstance(old, str) and isinstance(new, str):
        return f"{name}: {word(old)} → {word(new)}"
    return name


def told_by(describe: Describe, happening: Happening, *, masked: bool) -> Item | None:
    """Ask a user's own function. It gets rows with their personal columns masked; what it says is masked too.

    Raises
    ------
    TypeError
        It gave neither text, an `Item`, nor None. Or whatever else it raises.
    """
    row, before = happening.row, happening.before
    if masked:
        row, before = mask_row(row), None if before is None else mask_row(before)
    said = describe(row, before)
    if said is None:
        return None
    if isinstance(said, str):
        said = Item(said)
    if not isinstance(said, Item):
        raise TypeError(f"A description is text, an Item or None, not {type(said).__name__}.")
    return Item(free_text(said.text, masked=masked), said.icon, said.tone)


def free_text(value: object, *, masked: bool) -> str:
    """Return text that somebody has typed: one line, not too long, numbers and addresses masked."""
    text = " ".join(str(value)[: 4 * LONGEST].split())
    # Masked before it is cut: the rest of a number would not look like one.
    return cut(mask_text(text) if masked else text)


def word(value: object) -> str:
    """Return a word of a process as it is read: ``on_call`` is ``on call``."""
    return " ".join(str(value)[:40].replace("_", " ").split())


def cut(text: str) -> str:
    """Return text that is not too long for a feed."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
