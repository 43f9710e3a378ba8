"""Rows of a table of alerts, as notifications."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from livewidgets.core.change import Key, Patch, Row
from livewidgets.errors import ClosedError, CommandError, LiveWidgetsError, NoRightsError, ReadOnlyError
from livewidgets.live.notification import TYPES, NotificationState
from livewidgets.live.request import TableState, TableStatus
from livewidgets.live.subscription import Subscription

if TYPE_CHECKING:
    from livewidgets.live.notification import Notification
    from livewidgets.live.notifications import Notifications
    from livewidgets.live.table import LiveTable
    from livewidgets.live.writes_mutation import Mutation

#: A severity's type, where it is not its own.
_TYPES = {"critical": "error", "alert": "error", "warn": "warning", "ok": "success", "resolved": "success"}
#: Columns that say since when an alert stands, the best first.
_TIMES = ("fired_at", "created_at", "inserted_at")
#: Clocks of database and kernel may differ by so many seconds: a row that looks older is no news.
_LATE = 60.0


class Alerts(Subscription):
    """Turns new rows into notifications until it is closed; made by `Notifications.from_table`.

    Parameters
    ----------
    owner
        Who tells the user.
    text, severity, acknowledged, duration, group
        As in `Notifications.from_table`.
    tell_old
        Whether rows that stood before are put in the list, quietly; else they are passed over.
    on_close
        Called when it is closed.
    """

    def __init__(
        self,
        owner: Notifications,
        *,
        text: str = "message",
        severity: str = "severity",
        acknowledged: str = "acknowledged_at",
        duration: float | None = None,
        group: str | None = None,
        tell_old: bool = False,
        on_close: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(self._end, "to alerts")
        self._owner = owner
        self._text = text
        self._severity = severity
        self._acknowledged = acknowledged
        self._duration = duration
        self._group = group
        self._tell_old = tell_old
        self._on_ended = on_close
        self._table: LiveTable | None = None
        self._tap: Subscription | None = None
        #: Rows that were there before us; None until they are known.
        self._old: set[Key] | None = None
        self._since: float | None = None
        self._read = False
        self._told: dict[Key, Notification] = {}
        #: The row that is being told of: its notification is told to others before we have it.
        self._telling: Key | None = None
        #: Why the last write was refused, and by which token: another one may.
        self._denied: tuple[LiveWidgetsError, int] | None = None
        owner.add_alerts(self)

    @property
    def table(self) -> LiveTable:
        """The table that is followed.

        Raises
        ------
        CommandError
            None is, now.
        """
        if self._table is None:
            raise CommandError("No table of alerts is followed now.", "Acknowledge them while one is.")
        return self._table

    def follow(self, table: LiveTable) -> None:
        """Begin, or go on, with a table: what came meanwhile is told, what has gone is taken away."""
        self._table = table
        thread = self._owner._upstream.thread  # noqa: SLF001 - one room

        def begin() -> None:
            # In one turn of the I/O thread: no row is both old and new.
            if table._replica.loaded:  # noqa: SLF001
                self._settle()
            with suppress(ClosedError):  # it was closed before this turn came
                self._tap = table._tap(self._take, self._take_status)  # noqa: SLF001

        if thread.is_current():
            begin()
        else:
            thread.call(begin)

    def pause(self) -> None:
        """Follow no table for now, and remember what was told; on the I/O thread."""
        tap, self._tap = self._tap, None
        self._table, self._read = None, False
        if tap is not None:
            tap.close()

    def tells_of(self, notification: Notification) -> bool:
        """Whether a notification is of one of the rows that are followed."""
        source = notification.source
        if source is None or self._table is None or self.closed:
            return False
        known = self._told.get(source[1])
        return known is notification or (known is None and source == (self._table.name, self._telling))

    def refusal(self) -> LiveWidgetsError | None:
        """Say why alerts cannot be acknowledged, as far as it is known before somebody tries."""
        table = self.table
        shape = table._follower.shape  # noqa: SLF001 - one room
        if shape is not None and shape.verbs is not None and "patch" not in shape.verbs:
            return NoRightsError(table.name, "write")
        if self._denied is not None and self._denied[1] == self._token():
            return self._denied[0]
        return None

    def permission(self) -> object:
        """Return a value that changes when alerts can be acknowledged, or can not any more."""
        if self._table is None or self.closed:
            return None
        refusal = self.refusal()
        # Of an error that is made anew at each look, only what it says.
        return self._table.name, None if refusal is None else (type(refusal), str(refusal))

    def acknowledge(self, notification: Notification, by: str | None) -> Mutation:
        """Write who took note, and when."""
        update = getattr(self.table, "update", None)
        if update is None or notification.source is None:
            raise CommandError(
                f"The table {self.table.name!r} cannot be written.", "Acknowledge it elsewhere."
            )
        if notification.mutation is not None:
            return notification.mutation  # a second click
        now = datetime.fromtimestamp(self._owner._upstream.wall(), UTC)  # noqa: SLF001
        values: dict[str, Any] = {self._acknowledged: now.isoformat()}
        shape = self.table._follower.shape  # noqa: SLF001
        if by is not None and (shape is None or "acknowledged_by" in shape.types):
            values["acknowledged_by"] = by
        key = notification.source[1]
        before = notification.state
        # Before the write, which takes the row out of the table at once; where it is refused, the row comes back.
        notification.state = NotificationState.ACKNOWLEDGED
        try:
            mutation: Mutation = update(key if len(key) > 1 else key[0], values)
        except LiveWidgetsError as error:
            self._deny(error)
            notification.state = before
            notification.problem = error
            self._owner.change(notification, lambda: True)
            raise
        notification.mutation, notification.problem = mutation, None
        self._owner.change(notification, lambda: True)
        mutation._writes.call_soon(mutation._listen, lambda _: self._settled(notification, mutation))  # noqa: SLF001
        return mutation

    # -- on the I/O thread -----------------------------------------------------------------------------------------

    def _end(self) -> None:
        tap, self._tap = self._tap, None
        if tap is not None:
            tap.close()
        self._on_ended()

    def _settled(self, notification: Notification, mutation: Mutation) -> None:
        """See how the write of an acknowledgement ended; its row has come back already, where it has."""
        key = mutation.key
        if mutation.error is None or key not in self._keys():
            # It is acknowledged: by us, or by who was faster.
            if self._told.get(key) is notification:
                del self._told[key]
            self._owner.change(notification, lambda: True)
            return
        self._deny(mutation.error)
        self._owner.change(notification, lambda: notification._reopen(mutation.error))  # noqa: SLF001

    def _deny(self, error: LiveWidgetsError) -> None:
        if isinstance(error, NoRightsError | ReadOnlyError):
            self._denied = (error, self._token())

    def _token(self) -> int:
        return hash(self._owner._claims.present)  # noqa: SLF001

    def _take_status(self, status: TableStatus) -> None:
        if status.state is TableState.LIVE and not self._read:
            self._settle()

    def _keys(self) -> set[Key]:
        return set(self._rows())

    def _rows(self) -> dict[Key, Row]:
        if self._table is None:
            return {}
        replica = self._table._replica  # noqa: SLF001
        rows = (row for row in replica.rows() if self._stands(row))
        return {tuple(row[column] for column in replica.key): row for row in rows}

    def _stands(self, row: Row) -> bool:
        """Say whether nobody has taken note yet: the user's own table may hold the others too."""
        return row.get(self._acknowledged) is None

    def _settle(self) -> None:
        """Compare the rows that there are with what was told; at first they are old."""
        self._read = True
        rows = self._rows()
        if self._since is None:
            self._since = self._owner._upstream.wall()  # noqa: SLF001
            self._old = set() if self._tell_old else set(rows)
            if self._tell_old:
                for key, row in rows.items():
                    self._tell(key, row, quiet=True)
            return
        self._forget([key for key in self._told if key not in rows])
        self._add(rows)

    def _take(self, patch: Patch) -> None:
        if not self._read or self._old is None:
            return  # the first snapshot
        gone = [*patch.removed, *(key for key, row in patch.upserted.items() if not self._stands(row))]
        self._forget(gone)
        self._old.difference_update(gone)
        self._add({key: row for key, row in patch.upserted.items() if self._stands(row)})

    def _forget(self, keys: Iterable[Key]) -> None:
        for key in keys:
            notification = self._told.get(key)
            if notification is None or notification.state is NotificationState.ACKNOWLEDGED:
                continue  # while it is being acknowledged, its row may come back
            del self._told[key]
            notification.dismiss()

    def _add(self, rows: Mapping[Key, Row]) -> None:
        old = self._old or ()
        for key, row in rows.items():
            known = self._told.get(key)
            if known is not None:
                known.update(self._say(row), self._type(row))
            elif key not in old:
                self._tell(key, row, quiet=self._tell_old and self._is_late(row))

    def _tell(self, key: Key, row: Row, *, quiet: bool) -> None:
        table = self.table.name
        source = (table, key)
        # Two that follow one table tell of a row once.
        found = self._owner.telling_of(source)
        group = self._group or table
        self._telling = key
        self._told[key] = found or self._owner.notify(
            self._say(row),
            self._type(row),
            self._duration,
            key=f"{group}:{'/'.join(map(str, key))}",
            group=group,
            source=source,
            quiet_since=(self._at(row) or self._since) if quiet else None,
        )
        self._telling = None

    def _is_late(self, row: Row) -> bool:
        at = self._at(row)
        return at is not None and self._since is not None and at < self._since - _LATE

    def _at(self, row: Row) -> float | None:
        for column in _TIMES:
            try:
                moment = datetime.fromisoformat(str(row.get(column)))
                return moment.timestamp() if moment.tzinfo is not None else None
            except (ValueError, OverflowError, OSError):
                continue
        return None

    def _say(self, row: Row) -> str:
        if "{" not in self._text:
            return str(row.get(self._text) or "Alert")
        try:
            return self._text.format_map(row)
        except (KeyError, ValueError, AttributeError, IndexError):
            return "Alert"

    def _type(self, row: Row) -> str:
        said = str(row.get(self._severity) or "info").lower()
        kind = _TYPES.get(said, said)
        return kind if kind in TYPES else "info"
