"""Buttons of notifications: who is told that one was pressed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from livewidgets.errors import CommandError
from livewidgets.live.delivery import Mailbox, newest
from livewidgets.live.notification import Notification
from livewidgets.live.subscription import Subscription

if TYPE_CHECKING:
    from livewidgets.live.upstream import Upstream


@dataclass(frozen=True, slots=True)
class NotificationAction:
    """The button of a notification was pressed.

    Attributes
    ----------
    notification
        Whose.
    name
        As it was given with it.
    """

    notification: Notification
    name: str


class Buttons:
    """Who listens to the buttons of a connection's notifications; any thread."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._lock = threading.Lock()
        self._takers: list[Callable[[NotificationAction], object]] = []

    def listen(self, callback: Callable[[NotificationAction], object]) -> Subscription:
        """Call a function with each press, on the kernel's main loop."""
        mailbox: Mailbox[NotificationAction] = Mailbox(callback, newest, "Notifications.on_action")
        kept, taker = self._upstream.kept, mailbox.put

        def end() -> None:
            kept.discard(subscription)
            mailbox.close()
            with self._lock:
                self._takers.remove(taker)

        subscription = Subscription(end, "to the buttons of notifications")
        with self._lock:
            self._takers.append(taker)
        kept.add(subscription)
        return subscription

    def press(self, notification: Notification) -> None:
        """Tell whoever listens; the notification goes.

        Raises
        ------
        CommandError
            It has no button, or nobody listens.
        """
        if notification.action is None:
            raise CommandError(
                "The notification has no button.", "Give it one: live.notify(..., action=...)."
            )
        with self._lock:
            takers = tuple(self._takers)
        if not takers:
            raise CommandError(
                f"Nobody listens to {notification.action[1]!r}.",
                "Subscribe: live.notifications.on_action(...).",
            )
        for taker in takers:
            taker(NotificationAction(notification, notification.action[1]))
        notification.dismiss()
