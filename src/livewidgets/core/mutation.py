"""One edit of one row: what it is in, what may happen to it, and how the row looks with it.

::

    pending ──written──► accepted ──shown──► synced
       │  └──lost──► conflict
       └──refused──► rejected

Accepted and synced are two facts: the database has taken it, and the table's own rows hold it. Until then the edit is
*unsettled*, and lies over the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from livewidgets.core.change import ChangeKind, Key, Row
from livewidgets.core.mutation_rules import Rule
from livewidgets.errors import LiveWidgetsError


class MutationState(StrEnum):
    """What an edit is in."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    SYNCED = "synced"
    REJECTED = "rejected"
    CONFLICT = "conflict"


class MutationEvent(StrEnum):
    """What may happen to it."""

    #: The database has taken it.
    WRITTEN = "written"
    #: A request went without an answer: it may have been taken or not.
    UNANSWERED = "unanswered"
    #: Another writer was faster, and the rule says how to write on.
    RESOLVED = "resolved"
    #: Another writer was faster, and the rule gives way.
    LOST = "lost"
    #: The database does not take it.
    REFUSED = "refused"
    #: The table's own rows hold it.
    SHOWN = "shown"


_S, _E = MutationState, MutationEvent

#: Every state and every event: what comes next. An event that means nothing in a state leaves it as it is.
TRANSITIONS: Final[Mapping[tuple[MutationState, MutationEvent], MutationState]] = MappingProxyType(
    {
        (_S.PENDING, _E.WRITTEN): _S.ACCEPTED,
        (_S.PENDING, _E.UNANSWERED): _S.PENDING,
        (_S.PENDING, _E.RESOLVED): _S.PENDING,
        (_S.PENDING, _E.LOST): _S.CONFLICT,
        (_S.PENDING, _E.REFUSED): _S.REJECTED,
        # The rows may say so before the answer does; only the answer counts.
        (_S.PENDING, _E.SHOWN): _S.PENDING,
        (_S.ACCEPTED, _E.WRITTEN): _S.ACCEPTED,
        (_S.ACCEPTED, _E.UNANSWERED): _S.ACCEPTED,
        (_S.ACCEPTED, _E.RESOLVED): _S.ACCEPTED,
        (_S.ACCEPTED, _E.LOST): _S.ACCEPTED,
        (_S.ACCEPTED, _E.REFUSED): _S.ACCEPTED,
        (_S.ACCEPTED, _E.SHOWN): _S.SYNCED,
        (_S.SYNCED, _E.WRITTEN): _S.SYNCED,
        (_S.SYNCED, _E.UNANSWERED): _S.SYNCED,
        (_S.SYNCED, _E.RESOLVED): _S.SYNCED,
        (_S.SYNCED, _E.LOST): _S.SYNCED,
        (_S.SYNCED, _E.REFUSED): _S.SYNCED,
        (_S.SYNCED, _E.SHOWN): _S.SYNCED,
        (_S.REJECTED, _E.WRITTEN): _S.REJECTED,
        (_S.REJECTED, _E.UNANSWERED): _S.REJECTED,
        (_S.REJECTED, _E.RESOLVED): _S.REJECTED,
        (_S.REJECTED, _E.LOST): _S.REJECTED,
        (_S.REJECTED, _E.REFUSED): _S.REJECTED,
        (_S.REJECTED, _E.SHOWN): _S.REJECTED,
        (_S.CONFLICT, _E.WRITTEN): _S.CONFLICT,
        (_S.CONFLICT, _E.UNANSWERED): _S.CONFLICT,
        (_S.CONFLICT, _E.RESOLVED): _S.CONFLICT,
        (_S.CONFLICT, _E.LOST): _S.CONFLICT,
        (_S.CONFLICT, _E.REFUSED): _S.CONFLICT,
        (_S.CONFLICT, _E.SHOWN): _S.CONFLICT,
    }
)

#: States in which an edit lies over the rows.
UNSETTLED: Final = frozenset({MutationState.PENDING, MutationState.ACCEPTED})

#: What takes an edit back.
OPPOSITE: Final[Mapping[ChangeKind, ChangeKind]] = MappingProxyType(
    {
        ChangeKind.INSERT: ChangeKind.DELETE,
        ChangeKind.DELETE: ChangeKind.INSERT,
        ChangeKind.UPDATE: ChangeKind.UPDATE,
    }
)


class Action(StrEnum):
    """What is to be done for an edit now; each is answered by a call on the queue."""

    #: Send it: `written`, `missed`, `refused`, `unanswered` or `postponed`.
    WRITE = "write"
    #: Read its row by key: `read` or `postponed`.
    READ = "read"
    #: Ask the table's own rule: `judged`.
    JUDGE = "judge"


@dataclass(slots=True, eq=False)
class Edit:
    """One edit.

    Attributes
    ----------
    id
        Unlike that of any other.
    kind, key, values
        What is to be done to which row; for an update the columns that change.
    rule
        What decides when another writer was faster.
    base
        The server's row on which it stands: what a compare-and-set compares with. None: not known.
    undoes
        The edit that it takes back; its values are known when that one is answered.
    in_order
        Made while there was no connection: everything made before it goes first, and it before what was made after.
    own_key
        The key was made here, so nobody else can have it.
    state, error
        Where it stands, and why.
    row
        The row as the server gave it in its answer; None after a delete.
    before
        The row onto which it was written.
    theirs
        The row that `JUDGE` is about.
    action
        What is to be done next; ``busy`` while that is being done.
    doubtful
        A request went without an answer: the row may hold the edit, or come to hold it.
    missed
        The last request met no row that fits.
    tries
        How many requests met none.
    """

    id: str
    kind: ChangeKind
    key: Key
    values: dict[str, Any]
    rule: Rule = "server"
    base: Row | None = None
    undoes: Edit | None = None
    in_order: bool = False
    own_key: bool = False
    state: MutationState = MutationState.PENDING
    error: LiveWidgetsError | None = None
    row: Row | None = None
    before: Row | None = None
    theirs: Row | None = None
    action: Action = Action.WRITE
    busy: bool = False
    doubtful: bool = False
    missed: bool = False
    tries: int = 0

    def __repr__(self) -> str:
        return f"<Edit {self.kind.lower()}, {self.state}>"

    def happen(self, event: MutationEvent) -> bool:
        """Take the step of the table; True when the state is another one now."""
        before = self.state
        self.state = TRANSITIONS[before, event]
        return self.state is not before

    def over(self, row: Row | None, columns: Iterable[str], version_column: str | None) -> Row | None:
        """Say how a row looks with this edit over it; None for no row.

        Parameters
        ----------
        row
            The row without it.
        columns
            The table's columns: a new row has them all.
        version_column
            Where there is one, a row says how new it is.
        """
        if self.kind is ChangeKind.DELETE:
            return None
        if self.state is MutationState.ACCEPTED:
            if self.row is None or row is None or self.kind is ChangeKind.INSERT:
                return self.row
            if version_column is not None and self.row.get(version_column) is not None:
                return self.row
            return {**row, **{name: self.row.get(name, value) for name, value in self.values.items()}}
        if self.kind is ChangeKind.INSERT:
            # Without values it takes a delete back of which nothing is known yet.
            return {**dict.fromkeys(columns), **self.values} if self.values else row
        return None if row is None else {**row, **self.values}

    def standing_on(self, edits: Sequence[Edit]) -> list[Edit]:
        """Give the edits that mean the row which this one makes; of those of a row, in their order.

        They are behind it, up to where its row ends. On what inserts nothing none stands: it means the row that is there.
        """
        found: list[Edit] = []
        if self.kind is not ChangeKind.INSERT or self not in edits:
            return found
        for later in edits[edits.index(self) + 1 :]:
            if later.kind is ChangeKind.INSERT:
                break
            if later.undoes is None:  # else it sees by itself whether there is something to take back
                found.append(later)
            if later.kind is ChangeKind.DELETE:
                break
        return found


@dataclass(frozen=True, slots=True)
class Step:
    """Something to be carried out now.

    Attributes
    ----------
    edit, action
        What, and of which edit.
    expected
        For a write: the version that the row must have; None: it is not looked at.
    """

    edit: Edit
    action: Action
    expected: Any = None
