"""LiveFigure: the windows of RealtimeChart drawn by bqplot, for analysts who go on from there."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

import traitlets

from livewidgets.errors import SetupError
from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable
from livewidgets.widgets.cells import current_run, made_by_cells
from livewidgets.widgets.lease import NEWEST, lease_of
from livewidgets.widgets.window_feed_marks import Marks
from livewidgets.widgets.window_feed_names import names_of
from livewidgets.widgets.window_feed_plan import SERIES, Measures, WindowPlan, read_thresholds

try:
    with warnings.catch_warnings():
        # What traitlets says of how bqplot is written is nothing that a user could mend.
        warnings.simplefilter("ignore", DeprecationWarning)
        import bqplot
        import numpy as np
except ImportError as error:
    raise SetupError(
        "LiveFigure needs bqplot, which is not installed.", "Run: pip install 'livewidgets[plots]'"
    ) from error

from livewidgets.widgets.live_figure_looks import COLORS
from livewidgets.widgets.live_figure_parts import Parts, dress
from livewidgets.widgets.live_figure_picture import Picture
from livewidgets.widgets.live_figure_pulse import Pulse

if TYPE_CHECKING:
    import pandas as pd

KINDS: Final = ("line", "area", "step", "bar", "stacked")


class LiveFigure(bqplot.Figure):  # type: ignore[misc] # bqplot has no types
    """A bqplot figure of how much of what there was, redrawn as it changes.

    It is a `bqplot.Figure` in all else: marks, axes, scales and interactions may be added, and it goes into any box.
    It follows its table from when it is first shown, or asked for its numbers, until it is closed; while nobody seems
    to look it is drawn every 5 s at most. What a notebook saves of it are the sums that it shows, no rows; names are
    masked where they are personal.

    Parameters
    ----------
    data
        The `LiveTable` whose rows are measured, which stays the caller's to close; or a `Live`: then the figure follows
        the newest 10,000 rows of a table.
    table, where
        With a `Live`: which table, and which of its rows.
    x, y, by, every, window, thresholds, annotations, series, names, masked
        As for `RealtimeChart`.
    kind
        ``line``, ``area``, ``step``, ``bar`` or ``stacked``.
    unit
        A word beside the axis.
    title
        The heading; by default it says what is measured. What is wrong is said behind it.
    height
        In pixels.
    theme
        ``light`` or ``dark`` for colours that are made for it; ``auto`` for some that can be told on both, for bqplot
        does not tell where it is drawn.
    **options
        What `bqplot.Figure` takes.

    Attributes
    ----------
    range
        The stretch that is brushed, ``[from, to]`` in ms since 1970, or None. May be set.
    visible
        The names of the series that are shown; empty for all. May be set.
    paused
        True to stand still. May be set.

    Raises
    ------
    WindowError
        An argument cannot be understood.
    SetupError
        bqplot is not installed.

    Examples
    --------
    >>> figure = lw.LiveFigure(calls, y="sum(revenue)", by="campaign_id", every="1m", window="1h", kind="stacked")
    >>> figure.observe(lambda change: print(figure.between), "range")
    """

    range = traitlets.List(traitlets.Float(), default_value=None, allow_none=True, minlen=2, maxlen=2)
    visible = traitlets.List(traitlets.Unicode())
    paused = traitlets.Bool(False)

    def __init__(
        self,
        data: LiveTable | Live,
        *,
        table: str = "calls",
        where: Mapping[str, Any] | None = None,
        x: str = "created_at",
        y: Measures = "count",
        by: str | Sequence[str] | None = None,
        every: float | str = "5s",
        window: float | str = "15m",
        kind: str = "line",
        thresholds: Any = None,  # noqa: ANN401 - as `read_thresholds` takes them
        annotations: LiveTable | Iterable[Mapping[str, Any]] | None = None,
        series: int = SERIES,
        names: Mapping[Any, Any] | LiveTable | bool = True,
        masked: bool = True,
        title: str | None = None,
        unit: str = "",
        height: int = 360,
        theme: str = "auto",
        **options: Any,  # noqa: ANN401
    ) -> None:
        if not isinstance(data, LiveTable | Live):
            raise TypeError(f"LiveFigure takes a LiveTable or a Live, not {type(data).__name__}.")
        if where is not None and isinstance(data, LiveTable):
            raise TypeError("`where` goes with a Live; narrow a LiveTable where it is made.")
        if kind not in KINDS:
            raise TypeError(f"LiveFigure has no kind {kind!r}; it has: {', '.join(KINDS)}.")
        if theme not in COLORS:
            raise TypeError(f"LiveFigure has no theme {theme!r}; it has: {', '.join(COLORS)}.")
        plan = WindowPlan.read(x=x, y=y, by=by, every=every, window=window, series=series)
        lines, marks = read_thresholds(thresholds), Marks(annotations, masked=masked)
        live = data if isinstance(data, Live) else data.live
        heading = plan.title(table if isinstance(data, Live) else data.name) if title is None else title
        self._plan = plan
        self._heading = heading
        self._picture: Picture | None = None
        self._pulse: Pulse | None = None
        self._parts = Parts(plan, kind, lines, unit, theme)
        super().__init__(
            marks=self._parts.marks,
            axes=self._parts.axes,
            interaction=self._parts.brush,
            title=heading,
            # Not None: then the pages count their views of it in here.
            _view_count=0,
            **{"legend_location": "top-left", "animation_duration": 0, **dress(theme), **options},
        )
        self.layout.height = f"{height}px"
        self._parts.brush.observe(self._brushed, "selected")
        request = {"where": where, "order": f"-{plan.x}", "limit": NEWEST}
        self._pulse = Pulse(
            lease_of(data, table, **request),
            plan,
            kind,
            names=names_of(names, live, plan.by),
            marks=marks,
            masked=masked,
            show=self._show,
        )
        made_by_cells.add(self, current_run())

    def __repr__(self) -> str:
        return f"<LiveFigure {self._heading!r}{'' if self.comm is not None else ', closed'}>"

    __str__ = __repr__

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:  # noqa: ANN401 - as ipywidgets has it
        if self.comm is None:
            return {"text/plain": repr(self)}
        bundle = super()._repr_mimebundle_(**kwargs)
        html = f"<p><strong>{escape(self._heading)}</strong><br>It is live: run the notebook to see it.</p>"
        return {**bundle, "text/plain": repr(self), "text/html": html}

    @property
    def between(self) -> tuple[datetime, datetime] | None:
        """The stretch that is brushed, in UTC; None where none is."""
        span = self.range
        return (
            None
            if span is None
            else (_moment(span[0]).replace(tzinfo=UTC), _moment(span[1]).replace(tzinfo=UTC))
        )

    def to_pandas(self) -> pd.DataFrame:
        """Give the numbers that are drawn: a row for each moment, a column for each series.

        A figure that was not shown yet begins with this call, and has none before its first picture.

        Raises
        ------
        SetupError
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise SetupError("pandas is not installed.", "Run: pip install pandas") from error
        picture = self._picture
        if picture is None:
            if self._pulse is not None:
                self._pulse.look(True)
            return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC", name=self._plan.x))
        index = pd.DatetimeIndex(picture.x, tz="UTC", name=self._plan.x)
        return pd.DataFrame(picture.y.T, index=index, columns=[one.name for one in picture.series])

    def close(self) -> None:
        """End it with all that it is made of; a second call does nothing."""
        if self.comm is None:
            return
        if self._pulse is not None:
            self._pulse.close()
        made_by_cells.discard(self)
        own = (*self._parts.widgets, self.scale_x, self.scale_y, self.layout)
        self._parts.brush.unobserve_all()
        super().close()
        for widget in own:
            widget.close()

    def _show(self, picture: Picture) -> None:
        """Draw, on the kernel's main loop."""
        if self.comm is None or self.paused:
            return
        self._picture = picture
        self._parts.draw(picture, self.visible)
        words = f"{self._heading} — {picture.state}" if picture.state else self._heading
        self.set_trait("title", words)

    @traitlets.observe("_view_count")
    def _looked_at(self, change: Mapping[str, Any]) -> None:
        if self._pulse is not None:
            self._pulse.look(change["new"] != 0)

    @traitlets.observe("visible", "paused")
    def _look_again(self, _change: object = None) -> None:
        if self._pulse is not None:
            self._pulse.again()

    def _brushed(self, change: Mapping[str, Any]) -> None:
        chosen = change["new"]
        if chosen is None or len(chosen) != 2:
            self.set_trait("range", None)
            return
        ends = sorted(float(np.datetime64(one, "ms").astype("int64")) for one in chosen)
        self.set_trait("range", ends if ends[0] < ends[1] else None)

    @traitlets.observe("range")
    def _ranged(self, change: Mapping[str, Any]) -> None:
        if self._pulse is None:
            return
        span = change["new"]
        brush = self._parts.brush
        wanted = None if span is None else np.array([_moment(one) for one in span], dtype="datetime64[ms]")
        now = brush.selected
        if wanted is None:
            if now is not None and len(now):
                brush.selected = None
        elif now is None or len(now) != 2 or [np.datetime64(one, "ms") for one in now] != list(wanted):
            brush.selected = wanted


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).replace(tzinfo=None)
