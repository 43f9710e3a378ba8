"""What is to be sent, in what order, and what the answers mean: the protocol of writes, without the wire.

Edits of one row wait for each other; different rows go side by side. Whoever carries things out asks `take` for
steps, and tells each step's outcome by one call. A write never goes out a second time before a reading has shown that
the first did not arrive, or a compare-and-set makes sure that only one of them can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from livewidgets.core.change import ChangeKind, Key, Row
from livewidgets.core.mutation import OPPOSITE, Action, Edit, MutationEvent, MutationState, Step
from livewidgets.core.mutation_doubt import Verdict, verdict
from livewidgets.core.mutation_rules import agree, chosen, resolve, same
from livewidgets.core.replica import Replica
from livewidgets.errors import (
    ConflictError,
    LiveWidgetsError,
    NoRightsError,
    RowNotAddedError,
    RowVanishedError,
    WriteRefusedError,
)

#: Races that one edit may lose before it gives way, whatever its rule.
MOST_TRIES = 50


class Queue:
    """The unsettled edits of a table.

    Parameters
    ----------
    replica
        The table's own rows.
    table
        Its name, for errors.
    """

    def __init__(self, replica: Replica, table: str = "") -> None:
        self._replica = replica
        self._table = table
        self._edits: dict[Edit, None] = {}
        self._rows: dict[Key, list[Edit]] = {}
        #: Edits whose state has changed, until they are taken away by whoever tells of it.
        self.changed: list[Edit] = []

    def __repr__(self) -> str:
        return f"<Queue of {len(self)} edits>"

    def __len__(self) -> int:
        return len(self._edits)

    def __iter__(self) -> Iterator[Edit]:
        return iter(tuple(self._edits))

    def rows(self) -> Mapping[Key, list[Edit]]:
        """Give the edits by row, each row's in their order."""
        return self._rows

    def accepted(self, keys: Iterable[Key] | None = None) -> frozenset[Edit]:
        """Give the edits that the database has taken and the rows do not show yet; of these rows, or of all."""
        wanted = None if keys is None else frozenset(keys)
        return frozenset(
            edit
            for edit in self._edits
            if edit.state is MutationState.ACCEPTED and (wanted is None or edit.key in wanted)
        )

    @property
    def has_work(self) -> bool:
        """Something is to be done, or being done."""
        return any(edit.state is MutationState.PENDING for edit in self._edits)

    # -- edits -----------------------------------------------------------------------------------------------------

    def add(self, edit: Edit) -> None:
        """Put an edit at the end."""
        if edit.base is None and edit.kind is not ChangeKind.INSERT:
            edit.base = self._known(edit.key)
        if edit.kind is not ChangeKind.INSERT and edit.in_order:
            # Much may have happened until it is sent.
            edit.action = Action.READ
        self._edits[edit] = None
        self._rows.setdefault(edit.key, []).append(edit)

    def undo(self, edit: Edit, made: str, *, in_order: bool = False) -> Edit:
        """Put an edit at the end that takes another one back, whatever that one's state."""
        kind = OPPOSITE[edit.kind]
        before = edit.before if edit.before is not None else edit.base
        values: dict[str, Any] = {}
        if kind is ChangeKind.INSERT:
            values = dict(before or {})
        elif kind is ChangeKind.UPDATE and before is not None:
            values = {name: before[name] for name in edit.values if name in before}
        # On what it stands is told by the one that it undoes, not by what the rows hold now.
        back = Edit(made, kind, edit.key, values, edit.rule, edit.row, undoes=edit, in_order=in_order)
        self._edits[back] = None
        self._rows.setdefault(back.key, []).append(back)
        return back

    # -- what is to be done ----------------------------------------------------------------------------------------

    def take(self, most: int) -> list[Step]:
        """Give what can be done now, so that at most so many things are being done at once."""
        steps: list[Step] = []
        busy = sum(edit.busy for edit in self._edits)
        waiting: set[Key] = set()
        is_first = True
        for edit in tuple(self._edits):
            if edit.state is not MutationState.PENDING:
                continue
            if edit.in_order and not is_first:
                break
            is_first = False
            if not edit.busy and edit.key not in waiting and busy < most:
                step = self._prepare(edit)
                if step is not None:
                    edit.busy = True
                    busy += 1
                    steps.append(step)
            if edit.state is MutationState.PENDING:
                waiting.add(edit.key)
                if edit.in_order:
                    break
            else:
                is_first = not waiting
        return steps

    def _prepare(self, edit: Edit) -> Step | None:
        """Say what is to be done for an edit whose turn it is; None when it is settled without that."""
        if edit.undoes is not None:
            undone, edit.undoes = edit.undoes, None
            was_written = undone.state in (MutationState.ACCEPTED, MutationState.SYNCED)
            if not was_written or (undone.before is None and undone.kind is not ChangeKind.INSERT):
                self._do_nothing(edit)
                return None
            self._turn_round(edit, undone)
        if edit.kind is not ChangeKind.INSERT and edit.action is Action.WRITE:
            held = self._known(edit.key)
            is_behind = held is not None and edit.base is not None and self._is_newer(held, edit.base)
            if edit.base is None or (is_behind and edit.doubtful):
                edit.action = Action.READ
            elif is_behind and held is not None:
                self._judge(edit, held)
                if edit.state is not MutationState.PENDING:
                    return None
        expected = None
        if edit.action is Action.WRITE and edit.kind is not ChangeKind.INSERT:
            expected = self._version(edit.base)
        return Step(edit, edit.action, expected)

    def _turn_round(self, edit: Edit, undone: Edit) -> None:
        before = undone.before or {}
        if edit.kind is ChangeKind.UPDATE:
            edit.values = {name: before[name] for name in undone.values if name in before}
        elif edit.kind is ChangeKind.INSERT:
            edit.values = dict(before)
        edit.base = undone.row
        if edit.kind is not ChangeKind.INSERT and self._version(edit.base) is None:
            edit.action = Action.READ  # no version tells whether somebody has changed it since

    # -- what came of it -------------------------------------------------------------------------------------------

    def written(self, edit: Edit, row: Row | None) -> None:
        """Note that the database has taken it; ``row`` as it is now, None after a delete."""
        edit.busy = False
        edit.before, edit.row = edit.base, row
        self._happen(edit, MutationEvent.WRITTEN)
        self._advance(edit)
        self._show(edit)

    def missed(self, edit: Edit) -> None:
        """Note that the write met no row that fits."""
        edit.busy = False
        edit.tries += 1
        edit.missed = True
        edit.action = Action.READ

    def unanswered(self, edit: Edit) -> None:
        """Note that the request went and no answer came: only a reading tells."""
        edit.busy = False
        edit.doubtful = True
        edit.action = Action.READ
        self._happen(edit, MutationEvent.UNANSWERED)

    def postponed(self, edit: Edit) -> None:
        """Note that the step was not carried out; it stays to be done."""
        edit.busy = False

    def refused(self, edit: Edit, error: LiveWidgetsError) -> None:
        """Note that the database does not take it, and would say so again."""
        edit.busy = False
        edit.error = error
        row = tuple(self._rows.get(edit.key, ()))
        self._happen(edit, MutationEvent.REFUSED)
        for later in edit.standing_on(row):
            # Whatever row has this key is another one than was meant.
            if later.kind is ChangeKind.DELETE:
                self._do_nothing(later)
            else:
                self.refused(later, RowNotAddedError(self._table))

    def without(self, edit: Edit, column: str) -> None:
        """Leave a column out that the database computes by itself, and send the rest again."""
        edit.busy = False
        edit.values.pop(column, None)

    def read(self, edit: Edit, row: Row | None) -> None:
        """Take the row of an edit as it was read by key, after the last write for it went out."""
        edit.busy = False
        edit.action = Action.WRITE
        missed, edit.missed = edit.missed, False
        if edit.kind is ChangeKind.INSERT:
            self._read_for_insert(edit, row, missed=missed)
        elif row is None:
            if edit.kind is ChangeKind.DELETE:
                self.written(edit, None)  # gone, by whomever
            else:
                self.refused(edit, RowVanishedError(self._table))
        elif edit.base is None:
            edit.base = row
        elif missed and not self._is_moved(edit, row):
            # The row is the one that was meant, and yet nothing was written: a policy does not allow it.
            self.refused(edit, NoRightsError(self._table, "write"))
        elif edit.doubtful:
            self._read_in_doubt(edit, row)
        elif self._is_moved(edit, row):
            self._judge(edit, row)
        else:
            edit.base = row

    def _read_for_insert(self, edit: Edit, row: Row | None, *, missed: bool) -> None:
        if row is not None and edit.doubtful and (edit.own_key or agree(row, edit.values, edit.values)):
            self.written(edit, row)
        elif row is not None or missed:
            self.refused(
                edit,
                WriteRefusedError(
                    self._table,
                    f"There is a row of {self._table!r} with this key already.",
                    "Give another key, or update that row.",
                ),
            )

    def _read_in_doubt(self, edit: Edit, row: Row) -> None:
        said = verdict(edit, row, self._replica.version_column)
        if said is Verdict.WRITTEN:
            self.written(edit, row)
        elif said is Verdict.UNSURE:
            self._lose(edit, row)  # writing it now might be a second time
        elif said is Verdict.LATE:
            edit.doubtful = False
            self._judge(edit, row)

    def judged(self, edit: Edit, outcome: Row | None) -> None:
        """Take what the table's own rule has decided: the row that is to be, or None for theirs."""
        edit.busy = False
        theirs, edit.theirs = edit.theirs, None
        edit.action = Action.WRITE
        if theirs is None:
            return
        if outcome is None:
            self._lose(edit, theirs)
        elif edit.kind is ChangeKind.DELETE:
            if outcome:
                self._lose(edit, theirs)
            else:
                self._resolve(edit, theirs, edit.values)
        else:
            values = chosen(outcome, theirs, self._replica.key, self._replica.version_column)
            if values:
                self._resolve(edit, theirs, values)
            else:
                self._lose(edit, theirs)

    def abandon(self, error: LiveWidgetsError) -> None:
        """Give everything up that is not written."""
        # The last first, so that each is given up for this reason and not for what it stands on.
        for edit in reversed(tuple(self._edits)):
            if edit.state is MutationState.PENDING:
                self.refused(edit, error)
            else:
                self._drop(edit)

    # -- what the table's own rows say -----------------------------------------------------------------------------

    def look(self, keys: Iterable[Key]) -> None:
        """See which edits the rows hold now, of those that changed."""
        for key in self._rows.keys() & keys:
            for edit in tuple(self._rows[key]):
                self._show(edit)

    def confirm(self, edits: Iterable[Edit]) -> None:
        """Take note that the rows were read after these were accepted."""
        for edit in edits:
            self._happen(edit, MutationEvent.SHOWN)

    def _show(self, edit: Edit) -> None:
        if edit.state is MutationState.ACCEPTED and self._is_shown(edit):
            self._happen(edit, MutationEvent.SHOWN)

    def _is_shown(self, edit: Edit) -> bool:
        held, row = self._replica.get(edit.key), edit.row
        if row is None:
            return held is None
        if held is None:
            return not self._replica.held.may_hold(edit.key, row)
        if self._is_newer(held, row):
            return True
        return not self._is_newer(row, held) and agree(held, row, edit.values)

    def _do_nothing(self, edit: Edit) -> None:
        """Settle an edit that has nothing to do."""
        self._happen(edit, MutationEvent.WRITTEN)
        self._happen(edit, MutationEvent.SHOWN)

    # -- the rules for one edit ------------------------------------------------------------------------------------

    def _judge(self, edit: Edit, theirs: Row) -> None:
        """Decide what becomes of an edit whose row is another one by now."""
        edit.action = Action.WRITE
        if not self._is_moved(edit, theirs):
            edit.base = theirs
        elif edit.tries >= MOST_TRIES:
            self._lose(edit, theirs)
        elif edit.kind is ChangeKind.UPDATE and agree(theirs, edit.values, edit.values):
            edit.base = theirs
            self.written(edit, theirs)  # somebody wrote the very same
        elif callable(edit.rule):
            edit.theirs = theirs
            edit.action = Action.JUDGE
        else:
            values = resolve(edit.rule, edit.kind, edit.values, edit.base, theirs)
            if values is None:
                self._lose(edit, theirs)
            else:
                self._resolve(edit, theirs, values)

    def _resolve(self, edit: Edit, theirs: Row, values: Mapping[str, Any]) -> None:
        edit.base, edit.values = theirs, dict(values)
        self._happen(edit, MutationEvent.RESOLVED)

    def _lose(self, edit: Edit, theirs: Row) -> None:
        mine = None if edit.kind is ChangeKind.DELETE else {**(edit.base or {}), **edit.values}
        edit.error = ConflictError(self._table, mine, theirs, edit.base)
        self._happen(edit, MutationEvent.LOST)

    def _is_moved(self, edit: Edit, row: Row) -> bool:
        """Tell whether a row is another one than that on which the edit stands."""
        base = edit.base or {}
        before, now = self._version(base), self._version(row)
        if before is not None and now is not None:
            return not same(before, now)
        return not agree(base, row, edit.values if edit.kind is ChangeKind.UPDATE else row)

    def _advance(self, edit: Edit) -> None:
        """Put what waits behind an edit onto the row that it made; what others changed in it stays theirs."""
        behind = self._rows.get(edit.key, [])
        for later in behind[behind.index(edit) + 1 :] if edit in behind else ():
            is_new = later.base is None or edit.row is None or edit.before is None
            version = self._version(edit.before)
            if is_new or (version is not None and version == self._version(later.base)):
                later.base = edit.row
            else:
                written = {name: (edit.row or {}).get(name) for name in edit.values}
                later.base = {**(later.base or {}), **written}

    def _known(self, key: Key) -> Row | None:
        """Give the server's row as far as it is known: the rows may not show yet what was accepted."""
        row = self._replica.get(key)
        for edit in self._rows.get(key, ()):
            if edit.state is MutationState.ACCEPTED:
                row = edit.over(row, (), self._replica.version_column)
        return row

    def _version(self, row: Row | None) -> Any:  # noqa: ANN401 - a JSON value
        column = self._replica.version_column
        return None if column is None or row is None else row.get(column)

    def _is_newer(self, row: Row, other: Row) -> bool:
        mine, theirs = self._version(row), self._version(other)
        return isinstance(mine, int) and isinstance(theirs, int) and mine > theirs

    def _happen(self, edit: Edit, event: MutationEvent) -> None:
        if edit.happen(event):
            self.changed.append(edit)
            if edit.state not in (MutationState.PENDING, MutationState.ACCEPTED):
                self._drop(edit)

    def _drop(self, edit: Edit) -> None:
        if edit not in self._edits:
            return
        del self._edits[edit]
        others = self._rows[edit.key]
        others.remove(edit)
        if not others:
            del self._rows[edit.key]
