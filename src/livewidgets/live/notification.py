"""One thing that the user is told, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from livewidgets.errors import CommandError

if TYPE_CHECKING:
    from livewidgets.errors import LiveWidgetsError
    from livewidgets.live.notifications import Notifications
    from livewidgets.live.writes_mutation import Mutation

TYPES = ("info", "success", "warning", "error")
_TYPE_NAMES = ", ".join(TYPES)


class NotificationState(StrEnum):
    """What became of a notification."""

    SHOWN = "shown"
    #: It says that something is going on, and will say how it ended.
    PENDING = "pending"
    DISMISSED = "dismissed"
    #: Its alert was acknowledged.
    ACKNOWLEDGED = "acknowledged"


@dataclass(eq=False)
class Notification:
    """One thing that the user is told; made by `Live.notify`. Its attributes are to be read only.

    Attributes
    ----------
    id
        Unlike any other's of this process.
    text, type, title
        What is said, and how urgent it is: ``info``, ``success``, ``warning`` or ``error``.
    duration
        For how long it is shown (seconds); None until it is dismissed. Errors stay until then in any case.
    key, group
        Those of one key are one notification, counted; those of one group are shown together.
    count
        How often it was said.
    created, changed
        When it was said first and last, seconds since 1970.
    source
        The table and the key of the row that it tells of.
    action
        The label of a button and the name by which `Notifications.on_action` is told of it; None for no button.
    quiet
        It is old news: it stands in the list, and does not come up.
    mutation
        What becomes of the write that acknowledges its alert; None before.
    problem
        Why its alert could not be acknowledged; None while nobody tried, or it was.
    """

    id: str
    text: str
    type: str
    title: str
    duration: float | None
    key: str | None
    group: str | None
    created: float
    changed: float
    state: NotificationState = NotificationState.SHOWN
    count: int = 1
    source: tuple[str, tuple[Any, ...]] | None = None
    action: tuple[str, str] | None = None
    quiet: bool = False
    mutation: Mutation | None = field(default=None, repr=False)
    problem: LiveWidgetsError | None = field(default=None, repr=False)
    _owner: Notifications | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        # Without its text, which may name people.
        return f"<Notification {self.id}: {self.type}, {self.state}>"

    @property
    def is_open(self) -> bool:
        """Whether it is still to be seen."""
        return self.state in (NotificationState.SHOWN, NotificationState.PENDING)

    def dismiss(self) -> None:
        """Take it away; a second call does nothing."""
        self._change(lambda: self._end(NotificationState.DISMISSED))

    def update(self, text: str | None = None, type: str | None = None) -> None:  # noqa: A002 - as `notify` has it
        """Say something else in its place."""
        if type is not None:
            check(text or self.text, type, self.duration)

        def change() -> bool:
            self.text = self.text if text is None else text
            self.type = self.type if type is None else type
            return self.is_open

        self._change(change)

    def done(self, text: str | None = None, duration: float | None = 5.0) -> None:
        """Say that what was going on has succeeded."""
        self._settle("success", text, duration)

    def failed(self, text: str | None = None, duration: float | None = None) -> None:
        """Say that what was going on has failed."""
        self._settle("error", text, duration)

    def _settle(self, kind: str, text: str | None, duration: float | None) -> None:
        def change() -> bool:
            if self.state is not NotificationState.PENDING:
                return False
            self.state, self.type, self.duration = NotificationState.SHOWN, kind, duration
            self.text = self.text if text is None else text
            return True

        self._change(change)

    def _end(self, state: NotificationState) -> bool:
        was_open, self.state = self.is_open, state if self.is_open else self.state
        return was_open

    def _reopen(self, problem: LiveWidgetsError | None) -> bool:
        """Its alert was not acknowledged after all."""
        self.state, self.problem, self.mutation = NotificationState.SHOWN, problem, None
        return True

    def is_over(self, now: float) -> bool:
        """Whether its time has run out (seconds since 1970); errors and what goes on have no end of their own."""
        if self.type == "error" or self.duration is None or self.state is NotificationState.PENDING:
            return False
        return now > self.changed + self.duration

    def _change(self, change: Callable[[], bool]) -> None:
        if self._owner is not None:
            self._owner.change(self, change)


def check_action(action: object) -> tuple[str, str] | None:
    """Read a button: its label, or its label and its name.

    Raises
    ------
    CommandError
        It is neither.
    """
    if action is None:
        return None
    if isinstance(action, str) and action:
        return action, action
    if isinstance(action, tuple | list) and len(action) == 2:
        label, name = action
        if isinstance(label, str) and isinstance(name, str) and label and name:
            return label, name
    raise CommandError(
        "The action is no button.", 'Give a label, or a label and a name: ("Call back", "call").'
    )


def check(text: object, kind: object, duration: object) -> None:
    """Raise a CommandError for what cannot be a notification."""
    if not isinstance(text, str) or not text:
        raise CommandError("A notification needs a text.", 'Write live.notify("Payment confirmed").')
    if kind not in TYPES:
        raise CommandError(f"There is no notification of type {kind!r}.", f"Use one of {_TYPE_NAMES}.")
    is_time = isinstance(duration, int | float) and not isinstance(duration, bool) and duration > 0
    if duration is not None and not is_time:
        raise CommandError(
            f"A notification cannot be shown for {duration!r} seconds.", "Give a number, or None to keep it."
        )
