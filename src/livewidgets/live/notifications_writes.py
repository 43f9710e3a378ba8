"""Writes that the database does not take, as notifications."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from livewidgets.live.notification import Notification, NotificationState
from livewidgets.live.subscription import Subscription

if TYPE_CHECKING:
    from livewidgets.live.client import Live
    from livewidgets.live.notifications import Notifications
    from livewidgets.live.writes_mutation import Mutation


class FailedWrites:
    """Tells of each failed write once, however many have asked for it."""

    def __init__(self, owner: Notifications) -> None:
        self._owner = owner
        self._lock = threading.Lock()
        self._subscription: Subscription | None = None
        self._wanted = 0

    def follow(self, live: Live) -> Subscription:
        """Begin with the first who asks; end with the last who closes."""
        with self._lock:
            self._wanted += 1
            if self._subscription is None:
                self._subscription = live._on_write_failed(self._take)  # noqa: SLF001 - one room
        return Subscription(self._end, "to failed writes, as notifications")

    def _end(self) -> None:
        with self._lock:
            self._wanted -= 1
            ended, self._subscription = (
                (self._subscription, None) if self._wanted == 0 else (None, self._subscription)
            )
        if ended is not None:
            ended.close()

    def _take(self, mutation: Mutation) -> None:
        error = mutation.error
        if error is None or any(_acknowledges(mutation, one) for one in self._owner.all()):
            return
        self._owner.notify(
            f"{error.message} {error.advice}".strip(),
            "error",
            None,
            title="A change was not saved",
            key=f"write:{mutation.table}:{error.message}",
        )


def _acknowledges(mutation: Mutation, notification: Notification) -> bool:
    """Say whether a write acknowledged an alert, whose notification tells by itself that it failed."""
    if notification.problem is not None and notification.problem is mutation.error:
        return True
    acknowledged = notification.state is NotificationState.ACKNOWLEDGED
    return acknowledged and notification.source == (mutation.table, mutation.key)
