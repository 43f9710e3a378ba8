"""NotificationToast: what the user is to be told, at a corner of the page, and the list of what was told."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from livewidgets.core.change import Patch
from livewidgets.core.connection import ConnectionState
from livewidgets.errors import ClosedError, CommandError
from livewidgets.live.alerts import Alerts
from livewidgets.live.client import Live
from livewidgets.live.notification import Notification
from livewidgets.live.notifications import Notifications
from livewidgets.live.notifications_buttons import NotificationAction
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable
from livewidgets.traits import Choice, Count, Flag, Number, Owner, Text
from livewidgets.widgets.assets import bundle
from livewidgets.widgets.base import LiveWidget
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.lease import Borrowed, Lease, own
from livewidgets.widgets.notification_toast_rows import COLUMNS, masked_text, notification_cells, open_text
from livewidgets.widgets.tables import TablesSource

#: The newest open alerts that are followed where the component opens the table itself.
ALERTS = 200


class ToastSource(TablesSource):
    """The notifications of a connection as a feed, and its open alerts while somebody looks.

    Parameters
    ----------
    live
        The connection.
    lease
        The table of alerts; None for none.
    masked
        Whether phone numbers and e-mail addresses in texts are masked.
    """

    columns: tuple[str, ...] = COLUMNS
    component = "NotificationToast"

    def __init__(self, live: Live, lease: Lease | None, *, masked: bool) -> None:
        super().__init__({} if lease is None else {"alerts": lease}, masked=masked)
        self._live = live
        self._notifications: Notifications = live.notifications
        self._alerts = None if lease is None else Alerts(self._notifications, tell_old=True)
        self._listening: Subscription | None = None
        self._since = time.time()
        #: What could be acknowledged when all was shown last.
        self._permissions: tuple[object, ...] = ()

    def begin(self, feed: OpenFeed) -> None:
        """Show what is kept, and follow what comes."""
        self._listening = self._notifications._tap(lambda one: self._tell(feed, one))  # noqa: SLF001
        if self._alerts is not None:
            try:
                self._alerts.follow(self.table("alerts"))
            except ClosedError:
                self._alerts.pause()
        self._show(feed)

    def patch(self, feed: OpenFeed, name: str, patch: Patch) -> None:
        """Do nothing: `Alerts` makes notifications of the rows."""

    def describe(self, feed: OpenFeed) -> None:
        """Tell the state; with it what may be acknowledged may have changed."""
        if self._notifications.permissions() != self._permissions:
            self._show(feed)
        super().describe(feed)

    def rest(self) -> None:
        """Leave the alerts; what was told stays."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()
        if self._alerts is not None:
            self._alerts.pause()

    def details(self, feed: OpenFeed) -> Mapping[str, Any]:
        """Name the connection: a page shows its notifications once, however many views there are."""
        return {"connection": self._notifications.id}

    def close(self) -> None:
        """Leave the alerts for good, from any thread."""
        if self._alerts is not None:
            self._alerts.close()
        super().close()

    def command(self, name: str, args: Any) -> Any:  # noqa: ANN401 - as JSON has it
        """``dismiss``, ``acknowledge`` and ``act`` with the ids of notifications; ``clear`` for all."""
        if name == "clear":
            self._notifications.clear()
            return None
        ids = args.get("ids") if isinstance(args, Mapping) else None
        if not isinstance(ids, list):
            raise CommandError(f"{name!r} needs the ids of notifications.", "Reload the page.")
        found = [one for one in self._notifications.all() if one.id in ids]
        if name == "dismiss":
            for one in found:
                one.dismiss()
            return None
        if name not in ("acknowledge", "act"):
            return super().command(name, args)
        if not found:
            raise CommandError("The notification is not there any more.", "It was one of the oldest.")
        for one in found:
            if name == "acknowledge":
                self._notifications.acknowledge(one)
            elif one.is_open:  # else it is a second click
                self._notifications.buttons.press(one)
        return None

    def _meta(self, feed: OpenFeed) -> dict[str, Any]:
        closed = self._live.status.state is ConnectionState.CLOSED
        if self._tables and not closed:
            return super()._meta(feed)
        return {
            "state": "closed" if closed else "live",
            "since": round(self._since * 1000),
            "rows": len(feed.rows),
            "partial": False,
            "version": 0,
            "masked": self.masked,
        }

    def _cells(self, one: Notification) -> tuple[Any, ...]:
        write = masked_text if self.masked else open_text
        return notification_cells(one, self._notifications.may_acknowledge, write)

    def _show(self, feed: OpenFeed) -> None:
        self._permissions = self._notifications.permissions()
        feed.replace({one.id: self._cells(one) for one in self._notifications.all()})

    def _tell(self, feed: OpenFeed, one: Notification) -> None:
        kept = len(self._notifications)
        feed.apply({one.id: self._cells(one)})
        if len(feed.rows) > kept:
            self._show(feed)  # the oldest was forgotten
        super().describe(feed)


class NotificationToast(LiveWidget):
    """Tells the user what happens: toasts at a corner of the page, and a quiet list of them in its own place.

    What is told comes from `Live.notify`, from a table of alerts, and from writes that failed. Several of one connection
    on a page show each notification once.

    Parameters
    ----------
    live
        The connection whose notifications are shown.
    alerts
        True to follow the 200 newest open rows of ``alerts`` (``message``, ``severity``, ``acknowledged_at``,
        ``created_at``) while somebody looks; or a `LiveTable` of alerts, which stays the caller's to close; None for
        none. Those that stand already are in the list only.
    writes
        Tell of writes to tables that the database did not take, with the reason.
    masked
        Mask phone numbers and e-mail addresses in texts. The full ones never leave the kernel.
    **options
        `title`, `corner`, `most`, `duration`, `history`, `last`, `read_until`, `theme`, `size`, and ``layout``.

    Examples
    --------
    >>> toast = lw.NotificationToast(live, alerts=True)
    >>> live.notify("Payment disputed", type="warning", duration=None, action=("Look at it", "look"))
    >>> toast.on_action(lambda action: print(action.name, action.notification.text))
    """

    _esm = bundle("notification_toast.js")
    _css = bundle("notification_toast.css")
    _stem = "notification_toast"
    _what = "What the user is told, as it happens."

    title = Text("Notifications", owner=Owner.KERNEL, help="The heading of the list; empty for none.")
    corner = Choice(
        ("bottom-right", "bottom-left", "top-right", "top-left"),
        owner=Owner.KERNEL,
        help="The corner of the page where toasts come up.",
    )
    most = Count(4, least=1, most=12, owner=Owner.KERNEL, help="Toasts that are shown at once.")
    duration = Number(
        0.0,
        least=0.0,
        owner=Owner.KERNEL,
        help="Seconds for which toasts stay that go by themselves; 0 for what each notification says.",
    )
    history = Flag(True, owner=Owner.KERNEL, help="Show the list in the view's own place.")
    last = Count(50, least=1, most=200, owner=Owner.KERNEL, help="Notifications in the list.")

    read_until = Number(
        0.0, least=0.0, owner=Owner.VIEW, help="When the list was read last, seconds since 1970."
    )

    def __init__(
        self,
        live: Live,
        *,
        alerts: LiveTable | bool | None = None,
        writes: bool = True,
        masked: bool = True,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if not isinstance(live, Live):
            raise TypeError(
                f"NotificationToast takes a Live, as lw.connect() gives it, not {type(live).__name__}."
            )
        if not isinstance(alerts, LiveTable | bool | None):
            raise TypeError(f"`alerts` is True or a LiveTable of alerts, not a {type(alerts).__name__}.")
        self._live = live
        self._writes: Subscription | None = None
        self._toasts = ToastSource(live, _alerts(live, alerts), masked=masked)
        try:
            super().__init__(self._toasts, **options)
            if writes:
                self._writes = live.notifications.from_writes()
        except BaseException:
            self._release()
            raise

    def on_action(self, callback: Callable[[NotificationAction], object]) -> Subscription:
        """Call a function with each press of a notification's button, on the kernel's main loop.

        The same as ``live.notifications.on_action``: whichever view was pressed.
        """
        return self._live.notifications.on_action(callback)

    def _release(self) -> None:
        self._toasts.close()
        if self._writes is not None:
            self._writes.close()


def _alerts(live: Live, alerts: LiveTable | bool | None) -> Lease | None:
    if isinstance(alerts, LiveTable):
        return Borrowed(alerts)
    if not alerts:
        return None
    return own(
        live,
        "alerts",
        where={"acknowledged_at": ("is", None)},
        order="-created_at",
        limit=ALERTS,
        # Who takes note means the alert, whatever else of it has changed meanwhile.
        conflict="merge",
    )
