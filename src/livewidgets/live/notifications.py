"""What the user is to be told: said by code, by rows of a table of alerts, or by what became of a promise."""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from livewidgets.errors import ClosedError, CommandError, LiveWidgetsError
from livewidgets.live.delivery import Mailbox, newest
from livewidgets.live.notification import Notification, NotificationState, check, check_action
from livewidgets.live.notifications_buttons import Buttons, NotificationAction
from livewidgets.live.notifications_writes import FailedWrites
from livewidgets.live.subscription import Subscription

if TYPE_CHECKING:
    from livewidgets.live.alerts import Alerts
    from livewidgets.live.client import Live
    from livewidgets.live.upstream import Upstream

logger = logging.getLogger(__name__)

#: So many are kept; beyond that the oldest is forgotten, those that have ended first.
MOST_KEPT = 200


class Notifications:
    """The notifications of a connection: a bounded list, and who listens; any thread."""

    def __init__(self, live: Live, upstream: Upstream) -> None:
        #: Tells the notifications of one connection from those of another.
        self.id = secrets.token_hex(4)
        self._live = weakref.ref(live)
        self._upstream = upstream
        self._lock = threading.RLock()
        self._count = itertools.count(1)
        self._kept: deque[Notification] = deque()
        self._taps: list[Callable[[Notification], object]] = []
        self._alerts: list[Alerts] = []
        self.buttons = Buttons(upstream)
        self._failed = FailedWrites(self)
        self._table = live.table
        self._claims = upstream.credentials

    def __repr__(self) -> str:
        return f"<Notifications: {len(self.open())} open>"

    def __len__(self) -> int:
        return len(self._kept)

    def __bool__(self) -> bool:
        return True

    def all(self) -> list[Notification]:
        """Give those that are kept, the oldest first."""
        with self._lock:
            return list(self._kept)

    def open(self) -> list[Notification]:
        """Give those that are still to be seen, the oldest first."""
        return [one for one in self.all() if one.is_open]

    # -- saying ----------------------------------------------------------------------------------------------------

    def notify(
        self,
        text: str,
        type: str = "info",  # noqa: A002 - the word of the field
        duration: float | None = 5.0,
        *,
        title: str = "",
        key: str | None = None,
        group: str | None = None,
        pending: bool = False,
        action: str | tuple[str, str] | None = None,
        source: tuple[str, tuple[Any, ...]] | None = None,
        quiet_since: float | None = None,
    ) -> Notification:
        """Tell the user something; see `Live.notify`.

        Parameters
        ----------
        source
            The table and the key of the row that it tells of.
        quiet_since
            It is no news: for the list only, as of then (seconds since 1970).
        """
        check(text, type, duration)
        button = check_action(action)
        now = self._upstream.wall()
        state = NotificationState.PENDING if pending else NotificationState.SHOWN
        with self._lock:
            same = None if key is None else self._seen_of(key, now)
            if same is not None:
                same.text, same.type, same.title, same.duration = text, type, title, duration
                same.state, same.changed, same.count, same.action = state, now, same.count + 1, button
                notification = same
            else:
                number = f"n{next(self._count)}"
                notification = Notification(
                    number,
                    text,
                    type,
                    title,
                    duration,
                    key,
                    group,
                    now if quiet_since is None else quiet_since,
                    now if quiet_since is None else quiet_since,
                    state,
                    source=source,
                    action=button,
                    quiet=quiet_since is not None,
                    _owner=self,
                )
                self._keep(notification)
        self._tell(notification)
        return notification

    def promise(
        self,
        promise: Awaitable[Any] | Future[Any],
        *,
        pending: str,
        done: str | Callable[[Any], str] = "Done",
        failed: str | Callable[[BaseException], str] = "Failed",
        **options: Any,  # noqa: ANN401 - as `notify` takes them
    ) -> Notification:
        """Say that something is going on, and then how it ended.

        Parameters
        ----------
        promise
            A Future of `concurrent.futures`, or of the running loop; or a coroutine, which is then run there.
        pending, done, failed
            What to say while it goes on and at its end; or a function of the result, or of the exception.
        """
        import asyncio

        if not isinstance(promise, Future):
            promise = asyncio.ensure_future(promise)
        notification = self.notify(pending, "info", None, pending=True, **options)

        def settled(future: Any) -> None:  # noqa: ANN401 - either kind of Future
            try:
                if future.cancelled():
                    notification.dismiss()
                elif (error := future.exception()) is not None:
                    notification.failed(failed(error) if callable(failed) else failed)
                else:
                    notification.done(done(future.result()) if callable(done) else done)
            except Exception:
                logger.exception("The text of a notification could not be made.")
                notification.failed()

        promise.add_done_callback(settled)
        return notification

    def _seen_of(self, key: str, now: float) -> Notification | None:
        """Find the one of a key that is to be seen now."""
        found = (one for one in reversed(self._kept) if one.key == key and one.is_open)
        return next((one for one in found if not one.is_over(now)), None)

    def clear(self) -> None:
        """Dismiss all."""
        for one in self.open():
            one.dismiss()

    def change(self, notification: Notification, change: Callable[[], bool]) -> None:
        """Apply a change to a notification, and tell of it where it makes a difference."""
        with self._lock:
            if not change():
                return
            notification.changed = self._upstream.wall()
        self._tell(notification)

    def _keep(self, notification: Notification) -> None:
        if len(self._kept) >= MOST_KEPT:
            ended = next((one for one in self._kept if not one.is_open), self._kept[0])
            self._kept.remove(ended)
        self._kept.append(notification)

    # -- listening -------------------------------------------------------------------------------------------------

    def on_new(self, callback: Callable[[Notification], object]) -> Subscription:
        """Call a function with each new notification, on the kernel's main loop."""
        return self._listen(callback, "Notifications.on_new", new_only=True)

    def on_change(self, callback: Callable[[Notification], object]) -> Subscription:
        """Call a function with each notification that is new or changed, its end included."""
        return self._listen(callback, "Notifications.on_change", new_only=False)

    def _listen(
        self, callback: Callable[[Notification], object], name: str, *, new_only: bool
    ) -> Subscription:
        # More than are kept cannot be shown, so the newest stands for those that a slow reader misses.
        mailbox: Mailbox[Notification] = Mailbox(callback, newest, name, MOST_KEPT)
        known: set[str] = {one.id for one in self.all()} if new_only else set()

        def tap(notification: Notification) -> None:
            if new_only:
                if notification.id in known:
                    return
                known.intersection_update(one.id for one in self.all())
                known.add(notification.id)
            mailbox.put(notification)

        return self._tap(tap, mailbox.close)

    def _tap(
        self, listener: Callable[[Notification], object], on_close: Callable[[], object] | None = None
    ) -> Subscription:
        """Call a function on the I/O thread with each notification that is new or changed."""
        kept = self._upstream.kept
        with self._lock:
            self._taps.append(listener)

        def end() -> None:
            kept.discard(subscription)
            with self._lock:
                if listener in self._taps:
                    self._taps.remove(listener)
            if on_close is not None:
                on_close()

        subscription = Subscription(end, "to notifications")
        kept.add(subscription)
        return subscription

    def _tell(self, notification: Notification) -> None:
        thread = self._upstream.thread
        if thread.is_current():
            self._tell_here(notification)
        else:
            thread.call(self._tell_here, notification)

    def _tell_here(self, notification: Notification) -> None:
        with self._lock:
            taps = tuple(self._taps)
        for tap in taps:
            try:
                tap(notification)
            except Exception:
                logger.exception("A listener of the notifications failed.")

    # -- what else there is to tell, and to do ----------------------------------------------------------------------

    def on_action(self, callback: Callable[[NotificationAction], object]) -> Subscription:
        """Call a function with each `NotificationAction`, a press of a notification's button, on the kernel's main loop."""
        return self.buttons.listen(callback)

    def from_writes(self) -> Subscription:
        """Tell of each write that the database does not take, with the reason; asked for twice, it is told once.

        Raises
        ------
        ClosedError
            The connection was closed.
        """
        live = self._live()
        if live is None:
            raise ClosedError("This connection was closed.", "Connect again.")
        return self._failed.follow(live)

    # -- alerts ----------------------------------------------------------------------------------------------------

    def from_table(
        self,
        table: str = "alerts",
        *,
        text: str = "message",
        severity: str = "severity",
        acknowledged: str = "acknowledged_at",
        duration: float | None = None,
        where: dict[str, Any] | None = None,
        group: str | None = None,
    ) -> Alerts:
        """Tell of each new row of a table of alerts, from now on.

        Rows that are there already are not told of. A row that is acknowledged or deleted takes its notification away.

        Parameters
        ----------
        table
            Its name.
        text
            The column that holds what to say, or a text with columns in braces: ``"{rule}: {value}"``.
        severity
            The column that says how urgent it is: ``info``, ``warning`` or ``critical`` (``error`` to the user), or a
            notification's own types.
        acknowledged
            The column that says when somebody took note; those who did are not followed.
        duration
            For how long each is shown (seconds); None until it is dismissed.
        where
            Which alerts, as in `Live.table`.
        group
            The group of their notifications; the table's name if not given.

        Returns
        -------
        Alerts
            Close it to hear no more; it says how the table is doing.
        """
        from livewidgets.live.alerts import Alerts

        # Who takes note means the alert, whatever else of it has changed meanwhile.
        followed = self._table(table, where={acknowledged: ("is", None), **(where or {})}, conflict="merge")
        alerts = Alerts(
            self,
            text=text,
            severity=severity,
            acknowledged=acknowledged,
            duration=duration,
            group=group or table,
            on_close=followed.close,
        )
        alerts.follow(followed)
        return alerts

    def add_alerts(self, alerts: Alerts) -> None:
        """Note who turns rows into notifications: they can be acknowledged by it."""
        with self._lock:
            self._alerts = [one for one in self._alerts if not one.closed] + [alerts]

    def telling_of(self, source: tuple[str, tuple[Any, ...]]) -> Notification | None:
        """Find the notification that tells of a row, so that none tells of it twice."""
        with self._lock:
            return next((one for one in reversed(self._kept) if one.source == source and one.is_open), None)

    def permissions(self) -> tuple[object, ...]:
        """Return what `may_acknowledge` depends on besides the notification: while it is equal, so are the answers."""
        with self._lock:
            alerts = tuple(self._alerts)
        return tuple(one.permission() for one in alerts)

    def may_acknowledge(self, notification: Notification) -> LiveWidgetsError | bool:
        """Say whether its alert can be acknowledged: False where there is none, or why it may not be."""
        alerts = self._alerts_of(notification)
        return False if alerts is None else alerts.refusal() or True

    def acknowledge(self, notification: Notification, by: str | None = None) -> Any:  # noqa: ANN401 - a Mutation
        """Take note of an alert: the row says so to everybody, and the notification goes.

        Parameters
        ----------
        notification
            One that came from a table.
        by
            Who takes note; the signed-in user's e-mail address or id if not given.

        Returns
        -------
        Mutation
            What becomes of the write.

        Raises
        ------
        CommandError
            It did not come from a table, or the table cannot be written.
        NoRightsError, NotConnectedError
            The role may not; or there is no connection now. The notification stays.

        Notes
        -----
        A write that is refused brings the notification back, with the reason in ``problem``.
        """
        alerts = self._alerts_of(notification)
        if alerts is None:
            raise CommandError(
                "The notification does not tell of a row that is followed.", "Use dismiss() for others."
            )
        return alerts.acknowledge(notification, by or self._reader())

    def _alerts_of(self, notification: Notification) -> Alerts | None:
        with self._lock:
            return next((one for one in self._alerts if one.tells_of(notification)), None)

    def _reader(self) -> str | None:
        from livewidgets.live.credentials import claims_of

        claims = claims_of(self._claims.present)
        found = claims.get("email") or claims.get("sub")
        return None if found is None else str(found)
