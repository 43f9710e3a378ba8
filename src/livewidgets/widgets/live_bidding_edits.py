"""Changes of bids on their way: one a row is shown, each click is carried out once, each can be taken back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from livewidgets.core.change import Key, Row
from livewidgets.core.mutation import MutationState
from livewidgets.errors import (
    CommandError,
    ConflictError,
    LiveWidgetsError,
    NoRightsError,
    ReadOnlyError,
)
from livewidgets.live.table import LiveTable
from livewidgets.live.writes_mutation import Mutation
from livewidgets.widgets.live_bidding_terms import COLUMN, Field, Terms, check, number, plain, read
from livewidgets.widgets.trouble import trouble

#: Clicks that are remembered with their answers.
CLICKS: Final = 500
#: Rows of which a change is remembered; the oldest that is settled is forgotten first.
MOST: Final = 1_000


@dataclass(slots=True, eq=False)
class Edit:
    """The last change of a row.

    Attributes
    ----------
    id
        Of the click that made it.
    field, mine, before
        What was changed, to what, from what.
    mutation
        Its write; None where somebody was faster before it was written.
    is_undo
        It takes another one back.
    """

    id: str
    field: Field
    mine: Decimal
    before: Decimal | None
    mutation: Mutation | None
    is_undo: bool = False

    @property
    def state(self) -> MutationState:
        """Where it stands."""
        return MutationState.CONFLICT if self.mutation is None else self.mutation.state

    @property
    def error(self) -> LiveWidgetsError | None:
        """Why it was refused."""
        return None if self.mutation is None else self.mutation.error

    @property
    def can_undo(self) -> bool:
        """There is something to take back."""
        return not self.is_undo and self.state in (MutationState.ACCEPTED, MutationState.SYNCED)


class Edits:
    """Carries out what pages ask for. On the I/O thread.

    Parameters
    ----------
    table
        Gives the table, while there is one.
    changed
        Called with a row's key when its change looks different, and with None when all rows may.
    token
        Gives what tells one sign-in from another: what was refused to one may be granted to the next.
    """

    def __init__(
        self,
        table: Callable[[], LiveTable],
        changed: Callable[[Key | None], object],
        token: Callable[[], object] = lambda: None,
    ) -> None:
        self._table = table
        self._changed = changed
        self._token = token
        self._edits: dict[Key, Edit] = {}
        self._clicks: OrderedDict[str, dict[str, Any] | LiveWidgetsError] = OrderedDict()
        self._denied: dict[Key, tuple[object, LiveWidgetsError]] = {}
        self._closed_to: tuple[object, LiveWidgetsError] | None = None

    def __repr__(self) -> str:
        return f"<Edits of {len(self._edits)} rows>"

    def of(self, key: Key) -> Edit | None:
        """Return a row's change."""
        return self._edits.get(key)

    def forget(self, key: Key) -> None:
        """Take note that a row is gone."""
        self._edits.pop(key, None)
        self._denied.pop(key, None)

    # -- rights ----------------------------------------------------------------------------------------------------

    def refusal(self) -> LiveWidgetsError | None:
        """Say why no bid can be changed, as far as it is known before somebody tries."""
        table = self._table()
        shape = table._follower.shape  # noqa: SLF001 - same house
        if shape is not None and shape.verbs is not None and "patch" not in shape.verbs:
            return NoRightsError(table.name, "write")
        denied = self._closed_to
        return denied[1] if denied is not None and denied[0] == self._token() else None

    def refusal_of(self, key: Key) -> LiveWidgetsError | None:
        """Say why a row cannot be changed: a policy has refused it before."""
        denied = self._denied.get(key)
        return denied[1] if denied is not None and denied[0] == self._token() else None

    def _deny(self, key: Key, error: LiveWidgetsError) -> None:
        if not isinstance(error, NoRightsError | ReadOnlyError):
            return
        token = self._token()
        others = [one for one, (whose, _) in self._denied.items() if whose == token and one != key]
        self._denied[key] = (token, error)
        # One row may be closed by a policy; where a second one is too and none was open, all are taken to be.
        if isinstance(error, ReadOnlyError) or (others and not self._any_written()):
            self._closed_to = (token, error)
            self._changed(None)

    def _any_written(self) -> bool:
        return any(edit.can_undo for edit in self._edits.values())

    # -- what pages ask for ----------------------------------------------------------------------------------------

    def carry_out(self, name: str, args: Mapping[str, Any], key: Key, row: Row) -> dict[str, Any]:
        """Carry out a click; one that is said again gets the answer that it got.

        Raises
        ------
        CommandError
            It cannot be done, and why.
        LiveWidgetsError
            The table does not take a write now.
        """
        click = args.get("id")
        if not isinstance(click, str) or not 0 < len(click) <= 64:
            raise CommandError("This click has no id.", "Reload the page.")
        if (before := self._clicks.get(click)) is not None:
            if isinstance(before, LiveWidgetsError):
                raise before
            return before
        answer: dict[str, Any] | LiveWidgetsError
        try:
            answer = self._do(name, click, args, key, row)
        except LiveWidgetsError as error:
            answer = error
        self._clicks[click] = answer
        while len(self._clicks) > CLICKS:
            self._clicks.popitem(last=False)
        self._changed(key)
        if isinstance(answer, LiveWidgetsError):
            raise answer.with_traceback(None)
        return answer

    def _do(self, name: str, click: str, args: Mapping[str, Any], key: Key, row: Row) -> dict[str, Any]:
        edit = self._edits.get(key)
        match name:
            case "set":
                return self._set(click, args, key, row)
            case "undo":
                if edit is None or edit.mutation is None or not edit.can_undo:
                    raise CommandError("There is nothing to take back.", "Look at the row again.")
                back = edit.mutation.undo()
                mine = edit.before if edit.before is not None else edit.mine
                return self._note(key, Edit(click, edit.field, mine, edit.mine, back, is_undo=True))
            case "resolve" if edit is not None and edit.state is MutationState.CONFLICT:
                if args.get("choice") == "mine":
                    return self._write(click, edit.field, edit.mine, key, row)
                del self._edits[key]
            case "dismiss" | "resolve":
                if edit is not None and edit.mutation is not None and not edit.mutation.settled:
                    raise CommandError("This change is still on its way.", "Wait a moment, or undo it.")
                self._edits.pop(key, None)
            case _:
                raise CommandError(f"LiveBidding knows no command {name!r}.", "It knows set, undo, resolve.")
        return {"id": click, "state": None}

    def _set(self, click: str, args: Mapping[str, Any], key: Key, row: Row) -> dict[str, Any]:
        try:
            field = Field(str(args.get("field")))
        except ValueError:
            raise CommandError("This cannot be changed here.", "Change the bid or its modifier.") from None
        value = read(args.get("value"))
        check(Terms.of(row).with_(field, value), field)
        now, seen = number(row.get(COLUMN[field])), args.get("seen")
        if value == now:
            self._edits.pop(key, None)
            return {"id": click, "state": None}  # it is so already, by whomever
        if isinstance(seen, str) and number(seen) != now:
            # Somebody changed it while this one was being typed: not to be written over unseen.
            return self._note(key, Edit(click, field, value, now, None))
        return self._write(click, field, value, key, row)

    def _write(self, click: str, field: Field, value: Decimal, key: Key, row: Row) -> dict[str, Any]:
        terms = Terms.of(row)
        check(terms.with_(field, value), field)
        if (denied := self.refusal() or self.refusal_of(key)) is not None:
            raise denied
        try:
            mutation = self._table().update(key, {COLUMN[field]: value})
        except LiveWidgetsError as error:
            self._deny(key, error)
            raise
        return self._note(key, Edit(click, field, value, terms.get(field), mutation))

    def _note(self, key: Key, edit: Edit) -> dict[str, Any]:
        self._edits.pop(key, None)
        self._edits[key] = edit
        if len(self._edits) > MOST:
            settled = (
                one for one, old in self._edits.items() if old.mutation is None or old.mutation.settled
            )
            self._edits.pop(next(settled, key), None)
        mutation = edit.mutation
        if mutation is not None:

            def moved(_: object = None) -> None:
                if mutation.error is not None:
                    self._deny(key, mutation.error)
                if self._edits.get(key) is edit:
                    self._changed(key)

            mutation._answered.add_done_callback(moved)  # noqa: SLF001 - same house, I/O thread
            mutation._listen(moved)  # noqa: SLF001
        return {"id": edit.id, "state": edit.state.value}


def edit_cells(edit: Edit | None, row: Row) -> tuple[Any, ...]:
    """Return what the page is told of a row's change: see `EDIT_COLUMNS`."""
    if edit is None:
        return (None,) * len(EDIT_COLUMNS)
    error = edit.error
    words = {"message": None, "advice": None} if error is None else trouble(error)
    theirs = None
    if edit.state is MutationState.CONFLICT:
        newest = _newer(row, error.theirs) if isinstance(error, ConflictError) else row
        theirs = plain(number(newest.get(COLUMN[edit.field])))
    return (
        edit.state.value,
        edit.id,
        edit.field.value,
        plain(edit.mine),
        plain(edit.before),
        theirs,
        words["message"],
        words["advice"],
        edit.can_undo,
        edit.is_undo,
    )


def _newer(row: Row, theirs: Row | None) -> Row:
    """Return the row as it is now: a conflict may know of a change before its table does, which then goes on."""
    if theirs is None:
        return row
    ours, others = row.get("version"), theirs.get("version")
    return theirs if isinstance(ours, int) and isinstance(others, int) and others > ours else row


#: What `edit_cells` gives, in this order.
EDIT_COLUMNS: Final = (
    "edit_state",
    "edit_id",
    "edit_field",
    "edit_mine",
    "edit_before",
    "edit_theirs",
    "edit_message",
    "edit_advice",
    "edit_can_undo",
    "edit_is_undo",
)
