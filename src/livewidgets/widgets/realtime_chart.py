"""RealtimeChart: measures of a table over the time that just passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import traitlets

from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable
from livewidgets.traits import Choice, Flag, Interval, Owner, Pixels, Text, Texts
from livewidgets.widgets.assets import bundle
from livewidgets.widgets.base import LiveWidget
from livewidgets.widgets.lease import NEWEST, lease_of, own
from livewidgets.widgets.window_feed import WindowFeed
from livewidgets.widgets.window_feed_marks import Marks
from livewidgets.widgets.window_feed_names import names_of
from livewidgets.widgets.window_feed_plan import SERIES, Measures, WindowPlan, read_thresholds

if TYPE_CHECKING:
    import pandas as pd

#: How a series is drawn.
KINDS = ("line", "area", "step", "bar", "stacked")


class RealtimeChart(LiveWidget):
    """Draws how much of what there was, over a window of time that moves on with the clock.

    Parameters
    ----------
    data
        The `LiveTable` whose rows are measured, which stays the caller's to close; or a `Live`: then the chart follows
        the newest 10,000 rows of a table while somebody looks.
    table, where
        With a `Live`: which table, and which of its rows.
    x
        The column with the time.
    y
        What is measured: ``"count"``, ``"rate"``, ``"sum(revenue)"``, ``"mean(connected_seconds)"``, ``"p95(…)"``,
        ``"quantile(…, 0.95)"``, ``"distinct(…)"``; a list measures several, and
        ``{"Mean bid": "mean(amount)"}`` gives them labels.
    by
        The column, or columns, whose values make the series.
    every, window
        The length of a bucket and of the whole: seconds, or text such as ``"5s"`` and ``"15m"``.
    thresholds
        Lines: numbers, ``{"Too many": 30}``, or ``{"value": 30, "label": "Too many", "tone": "bad"}``.
    annotations
        Marks on the time axis: a `LiveTable` of alerts, or ``{"at": datetime, "text": "Deployed", "tone": "good"}``.
    series
        How many series are told apart; the others are drawn as one.
    names
        Names for ids: a mapping, or a `LiveTable` with a column ``name``. For the ids of campaigns, publishers, buyers,
        targets and agents they are looked up by themselves, and a call's status is put into words, unless this is
        False.
    masked
        Mask personal data in the names of series and in annotations.
    **options
        `title`, `kind`, `unit`, `height`, `range`, `visible`, `paused`, `theme`, `size`, and ``layout``.

    Raises
    ------
    WindowError
        An argument cannot be understood.

    Examples
    --------
    >>> lw.RealtimeChart(calls, y="count", by="status", every="5s", window="15m")
    >>> lw.RealtimeChart(calls, y="sum(revenue)", by="campaign_id", kind="stacked", unit="USD")
    """

    _esm = bundle("realtime_chart.js")
    _css = bundle("realtime_chart.css")
    _stem = "realtime_chart"
    _what = "Measures of a table over the time that just passed."

    title = Text("", owner=Owner.KERNEL, help="The heading; by default it says what is measured.")
    kind = Choice(KINDS, owner=Owner.KERNEL, help="line, area, step, bar or stacked.")
    unit = Text(
        "", owner=Owner.KERNEL, help="``USD`` and the like for money, ``s`` for seconds, ``%``, or a word."
    )
    height = Pixels(320, least=120, owner=Owner.KERNEL, help="Height of the whole in pixels.")
    x = traitlets.Unicode("created_at", help="The column with the time.").tag(option=True)
    y = traitlets.Any("count", help="What is measured.").tag(option=True)
    by = traitlets.Any(None, allow_none=True, help="What makes the series.").tag(option=True)
    every = traitlets.Any("5s", help="The length of a bucket.").tag(option=True)
    window = traitlets.Any("15m", help="The length of the whole.").tag(option=True)
    series = traitlets.Int(SERIES, help="How many series are told apart.").tag(option=True)
    thresholds = traitlets.Any(None, allow_none=True, help="Lines with words.").tag(option=True)

    range = Interval(
        owner=Owner.VIEW, help="The time that is shown, [from, to] in ms since 1970; None for the window."
    )
    visible = Texts(owner=Owner.VIEW, help="The names of the series that are shown; empty for all.")
    paused = Flag(False, owner=Owner.VIEW, help="The time axis stands still; the data goes on behind it.")

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
        thresholds: Any = None,  # noqa: ANN401 - as `read_thresholds` takes them
        annotations: LiveTable | Iterable[Mapping[str, Any]] | None = None,
        series: int = SERIES,
        names: Mapping[Any, Any] | LiveTable | bool = True,
        masked: bool = True,
        title: str | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if not isinstance(data, LiveTable | Live):
            raise TypeError(f"RealtimeChart takes a LiveTable or a Live, not {type(data).__name__}.")
        if where is not None and isinstance(data, LiveTable):
            raise TypeError("`where` goes with a Live; narrow a LiveTable where it is made.")
        self._ready = False
        self._data, self._where = data, where
        self._live = data if isinstance(data, Live) else data.live
        self._name = table if isinstance(data, Live) else data.name
        self._names = names
        plan = WindowPlan.read(x=x, y=y, by=by, every=every, window=window, series=series)
        self._window_feed = WindowFeed(
            lease_of(data, table, **self._request(plan)),
            plan,
            names=names_of(names, self._live, plan.by),
            marks=Marks(annotations, masked=masked),
            thresholds=read_thresholds(thresholds),
            masked=masked,
        )
        given = {"x": x, "y": y, "by": by, "every": every, "window": window, "series": series}
        try:
            super().__init__(
                self._window_feed,
                title=plan.title(self._name) if title is None else title,
                thresholds=thresholds,
                **given,
                **options,
            )
        except BaseException:
            self._release()
            raise
        self._ready = True

    @property
    def between(self) -> tuple[datetime, datetime] | None:
        """The time that is shown, in UTC, where a reader has picked one; else None. May be set."""
        span = self.range
        return None if span is None else (_moment(span[0]), _moment(span[1]))

    @between.setter
    def between(self, span: tuple[datetime, datetime] | None) -> None:
        self.set_trait("range", None if span is None else [1000 * moment.timestamp() for moment in span])

    def to_pandas(self) -> pd.DataFrame:
        """Give the numbers of the whole window: a row for each bucket and series that has something.

        Personal data is masked. The time that a reader picked is in `between`.

        Raises
        ------
        SetupError
            pandas is not installed.
        ClosedError
            The table was closed.
        NotReadyError
            The chart was given a Live, and its table could not be read.
        """
        plan = self._plan()
        with ExitStack() as stack:
            table = self._data
            if isinstance(table, Live):
                table = stack.enter_context(table.table(self._name, **self._request(plan)).ready())
            window = stack.enter_context(
                table.window(
                    plan.x, every=plan.every, window=plan.span, by=plan.by, measures=plan.measures.values()
                )
            )
            words = [str(measure) for measure in plan.measures.values()]
            return window.to_pandas().rename(columns=dict(zip(words, plan.measures, strict=True)))

    @traitlets.validate("x", "y", "by", "every", "window", "series")
    def _check_plan(self, proposal: Mapping[str, Any]) -> Any:  # noqa: ANN401
        if self._ready:
            self._plan(**{proposal["trait"].name: proposal["value"]})  # raises what is wrong with it
        return proposal["value"]

    @traitlets.validate("thresholds")
    def _check_thresholds(self, proposal: Mapping[str, Any]) -> Any:  # noqa: ANN401
        read_thresholds(proposal["value"])
        return proposal["value"]

    @traitlets.observe("x", "y", "by", "every", "window", "series")
    def _changed_plan(self, change: Mapping[str, Any]) -> None:
        if not self._ready or self.comm is None:
            return
        old, plan = self._window_feed.plan, self._plan()
        if self.title == old.title(self._name):
            self.title = plan.title(self._name)
        if change["name"] in ("y", "by"):
            self.visible = []
        names = names_of(self._names, self._live, plan.by)

        def reshape() -> None:
            self._window_feed.reshape(plan, names)
            if isinstance(self._data, Live) and plan.x != old.x:
                self._window_feed.swap("rows", own(self._data, self._name, **self._request(plan)))

        self._line.refresh(self.feed, reshape)

    @traitlets.observe("thresholds")
    def _changed_thresholds(self, change: Mapping[str, Any]) -> None:
        if self._ready and self.comm is not None:
            lines = read_thresholds(change["new"])
            self._line.refresh(self.feed, lambda: self._window_feed.rethink(lines))

    def _plan(self, **other: Any) -> WindowPlan:  # noqa: ANN401
        names = ("x", "y", "by", "every", "window", "series")
        return WindowPlan.read(**({name: getattr(self, name) for name in names} | other))

    def _request(self, plan: WindowPlan) -> dict[str, Any]:
        return {"where": self._where, "order": f"-{plan.x}", "limit": NEWEST}

    def _release(self) -> None:
        self._window_feed.close()


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
