"""Live Jupyter widgets over Supabase Realtime.

>>> import livewidgets as lw
>>> live = lw.demo()
>>> calls = live.table("calls", order="-created_at", limit=1000)
>>> lw.CallTracker(calls)
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from livewidgets import errors
from livewidgets.core.change import Change, ChangeKind, Patch
from livewidgets.core.connection import ConnectionState, ConnectionStatus
from livewidgets.core.gap import Gap, GapReason
from livewidgets.core.mutation import MutationState
from livewidgets.core.page_info import PageInfo
from livewidgets.core.presence import Entry, PresenceChange
from livewidgets.errors import (
    ClosedError,
    CommandError,
    ConfigError,
    ConflictError,
    FilterError,
    HistoryError,
    KeyRefusedError,
    LiveWidgetsError,
    NoPrimaryKeyError,
    NoRightsError,
    NotAcknowledgedError,
    NotConnectedError,
    NotPublishedError,
    NotReadyError,
    NotSettledError,
    PortInUseError,
    PostgresUnavailableError,
    ProtocolError,
    ReadOnlyError,
    RecordingError,
    RoomError,
    RowNotAddedError,
    RowVanishedError,
    SandboxError,
    SandboxStartError,
    SetupError,
    TableError,
    UnknownColumnError,
    UnknownTableError,
    UnreachableError,
    UpstreamError,
    WindowError,
    WriteRefusedError,
)
from livewidgets.live.alerts import Alerts
from livewidgets.live.client import Live
from livewidgets.live.hook import Hook
from livewidgets.live.notification import Notification, NotificationState
from livewidgets.live.notifications import Notifications
from livewidgets.live.notifications_buttons import NotificationAction
from livewidgets.live.presence import Presence
from livewidgets.live.recorder import record
from livewidgets.live.replay import replay
from livewidgets.live.request import TableState, TableStatus
from livewidgets.live.room import Room, Sent
from livewidgets.live.room_link import Broadcast
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable
from livewidgets.live.writes_mutation import Mutation
from livewidgets.session import connect, demo

if TYPE_CHECKING:
    from livewidgets.session import sandbox
    from livewidgets.widgets.active_users import ActiveUsers
    from livewidgets.widgets.call_duration import CallDuration
    from livewidgets.widgets.call_tracker import CallTracker
    from livewidgets.widgets.campaign_metrics import CampaignMetrics
    from livewidgets.widgets.dashboard import Dashboard
    from livewidgets.widgets.live_bidding import LiveBidding
    from livewidgets.widgets.live_feed import LiveFeed
    from livewidgets.widgets.live_figure import LiveFigure
    from livewidgets.widgets.notification_toast import NotificationToast
    from livewidgets.widgets.online_status import OnlineStatus
    from livewidgets.widgets.page import Page, page
    from livewidgets.widgets.realtime_chart import RealtimeChart
    from livewidgets.widgets.row_picker import RowPicker
else:
    from livewidgets import sandbox

__all__ = [
    "ActiveUsers",
    "Alerts",
    "Broadcast",
    "CallDuration",
    "CallTracker",
    "CampaignMetrics",
    "Change",
    "ChangeKind",
    "ClosedError",
    "CommandError",
    "ConfigError",
    "ConflictError",
    "ConnectionState",
    "ConnectionStatus",
    "Dashboard",
    "Entry",
    "FilterError",
    "Gap",
    "GapReason",
    "HistoryError",
    "Hook",
    "KeyRefusedError",
    "Live",
    "LiveBidding",
    "LiveFeed",
    "LiveFigure",
    "LiveTable",
    "LiveWidgetsError",
    "Mutation",
    "MutationState",
    "NoPrimaryKeyError",
    "NoRightsError",
    "NotAcknowledgedError",
    "NotConnectedError",
    "NotPublishedError",
    "NotReadyError",
    "NotSettledError",
    "Notification",
    "NotificationAction",
    "NotificationState",
    "NotificationToast",
    "Notifications",
    "OnlineStatus",
    "Page",
    "PageInfo",
    "Patch",
    "PortInUseError",
    "PostgresUnavailableError",
    "Presence",
    "PresenceChange",
    "ProtocolError",
    "ReadOnlyError",
    "RealtimeChart",
    "RecordingError",
    "Room",
    "RoomError",
    "RowNotAddedError",
    "RowPicker",
    "RowVanishedError",
    "SandboxError",
    "SandboxStartError",
    "Sent",
    "SetupError",
    "Subscription",
    "TableError",
    "TableState",
    "TableStatus",
    "UnknownColumnError",
    "UnknownTableError",
    "UnreachableError",
    "UpstreamError",
    "WindowError",
    "WriteRefusedError",
    "connect",
    "demo",
    "errors",
    "page",
    "record",
    "replay",
    "sandbox",
]

#: Loaded at their first use, for ipywidgets takes longer to import than all the rest.
_WIDGETS = {
    "ActiveUsers": "active_users",
    "CallDuration": "call_duration",
    "CallTracker": "call_tracker",
    "CampaignMetrics": "campaign_metrics",
    "Dashboard": "dashboard",
    "LiveFeed": "live_feed",
    "LiveFigure": "live_figure",
    "NotificationToast": "notification_toast",
    "LiveBidding": "live_bidding",
    "OnlineStatus": "online_status",
    "RealtimeChart": "realtime_chart",
    "RowPicker": "row_picker",
    "Page": "page",
    "page": "page",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - one of several classes
    if name == "__version__":
        metadata = import_module("importlib.metadata")  # takes longer to import than all of this
        try:
            return metadata.version("livewidgets")
        except metadata.PackageNotFoundError:
            return "0+unknown"  # run from a source tree that is not installed
    stem = _WIDGETS.get(name)
    if stem is None:
        raise AttributeError(f"module 'livewidgets' has no attribute {name!r}")
    found = getattr(import_module(f"livewidgets.widgets.{stem}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Sandbox(ModuleType):
    """`lw.sandbox` is the package of that name, and can be called: importing the one hides a function so named."""

    def __call__(self, *args: Any, **options: Any) -> Live:  # noqa: ANN401 - as `session.sandbox` takes them
        from livewidgets import session

        return session.sandbox(*args, **options)

    @property
    def __signature__(self) -> Any:  # noqa: ANN401 - inspect.Signature, whose import is not cheap
        import inspect

        from livewidgets import session

        return inspect.signature(session.sandbox)


if not TYPE_CHECKING:
    sandbox.__class__ = _Sandbox
