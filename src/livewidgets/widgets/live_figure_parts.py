"""What a `LiveFigure` is made of, and how a picture is put into it. Imported by it alone, after bqplot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bqplot
import numpy as np
from bqplot.interacts import BrushIntervalSelector

from livewidgets.widgets.live_figure_looks import INKS, STYLES, TONES, color_of, style_of
from livewidgets.widgets.live_figure_picture import Drawn, Picture
from livewidgets.widgets.window_feed_plan import WindowPlan


class Parts:
    """What a figure is made of, and how a picture is put into it."""

    def __init__(
        self, plan: WindowPlan, kind: str, thresholds: list[dict[str, Any]], unit: str, theme: str
    ) -> None:
        self._theme = theme
        self._bars = kind in ("bar", "stacked")
        self.x, self.y = bqplot.DateScale(), bqplot.LinearScale()
        scales = {"x": self.x, "y": self.y}
        nothing = np.array([], dtype="datetime64[ms]")
        self._tip = bqplot.Tooltip(fields=["name"], show_labels=False)
        # One mark for each pattern: a line's colour may not be the only sign.
        if self._bars:
            style = "grouped" if kind == "bar" else "stacked"
            self._data = [bqplot.Bars(x=nothing, y=[[]], scales=scales, type=style, padding=0.15)]
        else:
            look: dict[str, Any] = {"interpolation": "step-after"} if kind == "step" else {}
            if kind == "area":
                look |= {"fill": "bottom", "fill_opacities": [0.18] * 40}
            self._data = [
                bqplot.Lines(
                    x=nothing,
                    y=[[]],
                    scales=scales,
                    line_style=style,
                    visible=False,
                    **look,
                )
                for style in STYLES
            ]
        for mark in self._data:
            mark.tooltip = self._tip
        tones = TONES[theme]
        self._lines = [
            bqplot.Lines(
                x=nothing,
                y=[],
                scales=scales,
                colors=[tones[one["tone"]]],
                line_style="solid" if one["tone"] == "bad" else "dashed",
                stroke_width=1.5,
                labels=[f"{one['label']} {one['value']:g}".strip()],
                labels_visibility="label",
                apply_clip=False,
            )
            for one in thresholds
        ]
        self._values = [one["value"] for one in thresholds]
        self._notes = bqplot.Scatter(
            x=nothing,
            y=[],
            scales=scales,
            marker="triangle-down",
            default_size=64,
            visible=False,
            names=np.array([]),
        )
        self._note_tip = bqplot.Tooltip(fields=["name"], show_labels=False)
        self._notes.tooltip = self._note_tip
        self._notes.display_names = False
        self.marks = [*self._data, *self._lines, self._notes]
        ink = INKS[theme]
        axis = {"color": ink["line"], "label_color": ink["line"], "tick_style": {"fill": ink["muted"]}}
        self.axes = [
            bqplot.Axis(scale=self.x, grid_lines="none", tick_format=_moments(plan), **axis),
            bqplot.Axis(scale=self.y, side="left", label=unit, grid_color=ink["grid"], **axis),
        ]
        self.brush = BrushIntervalSelector(scale=self.x)

    @property
    def widgets(self) -> list[Any]:
        """Everything that has to be closed."""
        tips = (self._tip, self._note_tip)
        return [
            *self.marks,
            *self.axes,
            self.brush,
            *tips,
            *(tip.layout for tip in tips),
            self.x,
            self.y,
        ]

    def draw(self, picture: Picture, visible: Sequence[str]) -> None:
        """Put a picture in; what stays as it is costs nothing."""
        wanted = [row for row, one in enumerate(picture.series) if one.name in visible]
        rows = wanted or list(range(len(picture.series)))
        for place, mark in enumerate(self._data):
            own = [
                row
                for row in rows
                if self._bars or style_of(picture.series[row].slot, picture.series[row].measure) == place
            ]
            self._fill(mark, picture, own)
        known = picture.y[~np.isnan(picture.y)]
        # By itself an axis begins below what there is; of a count that would be below 0.
        _put(self.y, min=None if len(known) and known.min() < 0 else 0.0)
        ends = picture.x[[0, -1]] if len(picture.x) else picture.x
        for mark, value in zip(self._lines, self._values, strict=True):
            _put(mark, x=ends, y=np.full(len(ends), value))
        self._note(picture)

    def _fill(self, mark: Any, picture: Picture, rows: list[int]) -> None:  # noqa: ANN401
        found: list[Drawn] = [picture.series[row] for row in rows]
        y = picture.y[rows] if rows else np.zeros((1, len(picture.x)))
        _put(
            mark,
            visible=bool(rows) and len(picture.x) > 0,
            # In its legend bqplot makes up names for what has none, hidden or not.
            display_legend=bool(rows),
            x=picture.x,
            # A bar of nothing is none. Of one series bqplot makes one dimension.
            y=np.squeeze(np.nan_to_num(y) if self._bars else y, axis=0 if len(y) == 1 else ()),
            labels=[one.name for one in found],
            colors=[color_of(one.slot, self._theme) for one in found] or ["#6b7280"],
        )

    def _note(self, picture: Picture) -> None:
        tones = TONES[self._theme]
        top = float(np.nanmax(picture.y)) if picture.y.size and not np.isnan(picture.y).all() else 1.0
        moments = np.array([round(1000 * mark.at) for mark in picture.marks], dtype="datetime64[ms]")
        _put(
            self._notes,
            visible=bool(picture.marks),
            x=moments,
            y=np.full(len(moments), top),
            names=np.array([mark.text for mark in picture.marks], dtype=object).astype(str),
            colors=[tones[mark.tone] for mark in picture.marks] or [tones["neutral"]],
        )


def dress(theme: str) -> dict[str, Any]:
    """Return what a figure wears around its plot."""
    ink = INKS[theme]
    return {
        "background_style": {"fill": ink["surface"]},
        "title_style": {"fill": ink["text"], "font-size": "15px", "font-weight": "600"},
        "legend_style": {"fill": ink["surface"], "stroke": ink["grid"], "fill-opacity": "0.85"},
        "legend_text": {"font-size": "12px"},
    }


def _moments(plan: WindowPlan) -> str:
    """Return how d3 writes the moments of the axis; by itself it counts hours to twelve."""
    if plan.span > 2 * 86_400:
        return "%b %d"
    return "%H:%M" if plan.span > 1_200 else "%H:%M:%S"


def _put(mark: Any, **traits: Any) -> None:  # noqa: ANN401 - any of bqplot's marks
    """Set the traits that differ, in one message."""
    changed = {name: value for name, value in traits.items() if not _same(getattr(mark, name), value)}
    if changed:
        with mark.hold_sync():
            for name, value in changed.items():
                setattr(mark, name, value)


def _same(old: object, new: object) -> bool:
    if isinstance(new, np.ndarray):
        held = np.asarray(old)
        floats = held.dtype.kind == new.dtype.kind == "f"
        return held.dtype.kind == new.dtype.kind and np.array_equal(held, new, equal_nan=floats)
    return bool(old == new)
