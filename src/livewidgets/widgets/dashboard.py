"""Dashboard: a title, the state of the connection, who is here, and components in a grid."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import ipywidgets

from livewidgets.core.connection import ConnectionState
from livewidgets.errors import CommandError
from livewidgets.live.client import Live
from livewidgets.traits import Owner, Text
from livewidgets.widgets.active_users import ActiveUsers
from livewidgets.widgets.assets import bundle
from livewidgets.widgets.base import LiveWidget
from livewidgets.widgets.exchange import OpenFeed
from livewidgets.widgets.online_status import OnlineStatus


class PageSource:
    """A feed without rows: that it is there is all that the head wants to know."""

    columns: tuple[str, ...] = ()

    def __init__(self, live: Live) -> None:
        self._live = live

    def open(self, feed: OpenFeed) -> Callable[[], None]:
        """Say that the kernel is there."""
        closed = self._live.status.state is ConnectionState.CLOSED
        feed.describe(
            {
                "state": "closed" if closed else "live",
                "since": round(time.time() * 1000),
                "rows": 0,
                "partial": False,
                "version": 0,
                "masked": True,
            }
        )
        return lambda: None

    def beat(self, feed: OpenFeed) -> float | None:
        """Nothing ages here."""
        return None

    def command(self, name: str, args: object) -> None:
        """Refuse."""
        raise CommandError(f"Dashboard knows no command {name!r}.", "It knows none.")


class DashboardHead(LiveWidget):
    """The title of a dashboard, its buttons, and what is said when the kernel is gone. Made by `Dashboard`."""

    _esm = bundle("dashboard.js")
    _css = bundle("dashboard.css")
    _stem = "dashboard"
    _what = "A dashboard."

    title = Text(owner=Owner.KERNEL, help="The heading.")

    def __init__(self, live: Live, **options: Any) -> None:  # noqa: ANN401
        super().__init__(PageSource(live), **options)


class Dashboard(ipywidgets.VBox):  # type: ignore[misc]
    """Components in a grid, under a header that says how live they are and who looks.

    On a page of its own (Voila) the header has a button for the theme and one for a wall, both of which may stand in
    the address (``?theme=dark&wall=1``), and the page starts anew by itself once its kernel is gone for good.

    Parameters
    ----------
    live
        The connection that the header tells of.
    title
        The heading.
    areas
        A line for each row of the grid, a word for each column: the names of the components. One that stands in
        several neighbouring places fills them.
    room
        Where those who look are seen by each other; None for nowhere.
    me
        What they see of this one, see `ActiveUsers`.
    controls
        Widgets for the header, such as a choice of campaign.
    columns
        The widths of the columns, as CSS has them; all the same if not given.
    rows
        The heights of the rows on a wall, as CSS has them; all the same if not given.
    **components
        The widgets by their names in `areas`.

    Raises
    ------
    ValueError
        The names in `areas` and the components are not the same, or rows are of different lengths.

    Examples
    --------
    >>> lw.Dashboard(live, "Calls", '''
    ...     metrics metrics
    ...     calls   feed
    ... ''', metrics=lw.CampaignMetrics(live), calls=lw.CallTracker(live), feed=lw.LiveFeed(live))
    """

    def __init__(
        self,
        live: Live,
        title: str,
        areas: str,
        *,
        room: str | None = "dashboard",
        me: dict[str, Any] | None = None,
        controls: tuple[ipywidgets.Widget, ...] = (),
        columns: str | None = None,
        rows: str | None = None,
        **components: ipywidgets.Widget,
    ) -> None:
        grid = read_areas(areas, components)
        self.head = DashboardHead(live, title=title)
        self.status = OnlineStatus(live)
        #: Who looks, or None.
        self.users = None if room is None else ActiveUsers(live, room=room, me=me)
        self.components = components
        header = [self.head, *controls, *([] if self.users is None else [self.users]), self.status]
        places = []
        for name, component in components.items():
            component.layout.grid_area = name
            places.append(component)
        width = max(len(row) for row in grid)
        super().__init__(
            [
                _box(ipywidgets.HBox, header, "lw-dashboard-header"),
                _box(
                    ipywidgets.GridBox,
                    places,
                    "lw-dashboard-grid",
                    grid_template_areas=" ".join(f'"{" ".join(row)}"' for row in grid),
                    grid_template_columns=columns or f"repeat({width}, minmax(0, 1fr))",
                    grid_template_rows=rows or f"repeat({len(grid)}, auto)",
                ),
            ]
        )
        self.add_class("lw-dashboard")

    def __repr__(self) -> str:
        return f"<Dashboard {self.head.title!r}: {', '.join(self.components)}>"

    def close(self) -> None:
        """Close it with all that is in it."""
        for box in self.children:
            for widget in box.children:
                widget.close()
            _close_box(box)
        _close_box(super())


def read_areas(areas: str, components: dict[str, ipywidgets.Widget]) -> list[list[str]]:
    """Read the places of components.

    Raises
    ------
    ValueError
        The names in `areas` and the components are not the same, or rows are of different lengths.
    """
    grid = [line.split() for line in areas.strip().splitlines() if line.strip()]
    if not grid or len({len(row) for row in grid}) > 1:
        raise ValueError(
            "The rows of `areas` are not of one length. Write as many names in each; a dot leaves a place empty."
        )
    named = {name for row in grid for name in row} - {"."}
    wrong = [name for name in named if not re.fullmatch(r"[A-Za-z_]\w*", name)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} in `areas` is no name. Write names as those of Python's variables.")
    for name in sorted(named ^ components.keys()):
        missing = "has no component" if name in named else "has no place in `areas`"
        raise ValueError(f"{name!r} {missing}. Name each component in `areas`, and give each as an option.")
    return grid


def _box(kind: type, children: list[ipywidgets.Widget], name: str, **layout: str) -> ipywidgets.Box:
    box = kind(children, layout=layout)
    box.add_class(name)
    return box


def _close_box(box: Any) -> None:  # noqa: ANN401 - a box, or what is above it
    layout = box.layout
    box.close()
    layout.close()
