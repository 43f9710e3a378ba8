"""Rows of a table of alerts, as notifications."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from livewidgets.core.change import Key, Patch, Row
from livewidgets.errors import CommandError
from livewidgets.live.request import TableState, TableStatus
from livewidgets.live.subscription import Subscription

if TYPE_CHECKING:
    from livewidgets.live.notification import Notification
    from livewidgets.live.notifications import Notifications
    from livewidgets.live.table import LiveTable

#: A severity's type, where it is not its own.
_TYPES = {"critical": "error", "alert": "error", "warn": "warning", "ok": "success", "resolved": "success"}


class Alerts(Subscription):
    """Turns new rows into notifications until it is closed; made by `Notifications.from_table`."""

    def __init__(
        self,
        owner: Notifications,
        table: LiveTable,
        *,
        text: str,
        severity: str,
        acknowledged: str,
        duration: float | None,
        group: str,
    ) -> None:
        super().__init__(table.close, f"to alerts of {table.name}")
        self._owner = owner
        self.table = table
        self._text = text
        self._severity = severity
        self._acknowledged = acknowledged
        self._duration = duration
        self._group = group
        #: Rows that were there before us; None until they are known.
        self._old: set[Key] | None = None
        self._told: dict[Key, Notification] = {}
        thread = table.live._upstream.thread  # noqa: SLF001 - one room

        def begin() -> None:
            # In one turn of the I/O thread: no row is both old and new.
            if table._replica.loaded:  # noqa: SLF001
                self._old = self._keys()
            table._tap(self._take, self._take_status)  # noqa: SLF001

        if thread.is_current():
            begin()
        else:
            thread.call(begin)

    def tells_of(self, notification: Notification) -> bool:
        """Whether a notification is of one of these rows."""
        source = notification.source
        return source is not None and self._told.get(source[1]) is notification

    def acknowledge(self, notification: Notification, by: str | None) -> Any:  # noqa: ANN401 - a Mutation
        """Write who took note, and when."""
        from livewidgets.live.notification import NotificationState

        update = getattr(self.table, "update", None)
        if update is None or notification.source is None:
            raise CommandError(
                f"The table {self.table.name!r} cannot be written.", "Acknowledge it elsewhere."
            )
        now = datetime.fromtimestamp(self._owner._upstream.wall(), UTC)  # noqa: SLF001
        values: dict[str, Any] = {self._acknowledged: now.isoformat()}
        shape = self.table._follower.shape  # noqa: SLF001
        if by is not None and (shape is None or "acknowledged_by" in shape.types):
            values["acknowledged_by"] = by
        key = notification.source[1]
        # Before the write, which takes the row out of the table at once; where it is refused, the row comes back as new.
        self._owner.change(notification, lambda: notification._end(NotificationState.ACKNOWLEDGED))  # noqa: SLF001
        return update(key if len(key) > 1 else key[0], values)

    # -- on the I/O thread -----------------------------------------------------------------------------------------

    def _take_status(self, status: TableStatus) -> None:
        if status.state is TableState.LIVE and self._old is None:
            self._old = self._keys()

    def _keys(self) -> set[Key]:
        replica = self.table._replica  # noqa: SLF001
        return {tuple(row[column] for column in replica.key) for row in replica.rows()}

    def _take(self, patch: Patch) -> None:
        if self._old is None:
            return  # the first snapshot
        for key in patch.removed:
            self._old.discard(key)
            notification = self._told.pop(key, None)
            if notification is not None:
                notification.dismiss()
        for key, row in patch.upserted.items():
            known = self._told.get(key)
            if known is not None:
                known.update(self._say(row), self._type(row))
            elif key not in self._old:
                self._told[key] = self._owner.notify(
                    self._say(row),
                    self._type(row),
                    self._duration,
                    key=f"{self._group}:{'/'.join(map(str, key))}",
                    group=self._group,
                    source=(self.table.name, key),
                )

    def _say(self, row: Row) -> str:
        if "{" not in self._text:
            return str(row.get(self._text) or "Alert")
        try:
            return self._text.format_map(row)
        except (KeyError, ValueError, AttributeError, IndexError):
            return "Alert"

    def _type(self, row: Row) -> str:
        from livewidgets.live.notification import TYPES

        said = str(row.get(self._severity) or "info").lower()
        kind = _TYPES.get(said, said)
        return kind if kind in TYPES else "info"
