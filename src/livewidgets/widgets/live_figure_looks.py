"""The colours and patterns of a `LiveFigure`: those of RealtimeChart, so that a series looks the same in both."""

from __future__ import annotations

from typing import Final

#: As in js/src/lib/chart_palette.ts, where it is told why.
LIGHT: Final = ("#182b9a", "#d27a27", "#0e7b7b", "#65224b", "#816524", "#aa6bea", "#8a110a", "#5ca17e")
DARK: Final = ("#096fe1", "#ff8f37", "#21cdac", "#9c5e88", "#fbe318", "#ac94ff", "#c83c01", "#98f8c5")
OTHER: Final = {False: "#6b7280", True: "#8b95a5"}
#: bqplot's words for solid lines and dashes.
STYLES: Final = ("solid", "dashed", "dotted", "dash_dotted")
TONES: Final = {"neutral": "#59616e", "good": "#00684f", "warn": "#8a4600", "bad": "#ab2115"}
TONES_DARK: Final = {"neutral": "#a2abb8", "good": "#5fd1ab", "warn": "#f5ae6c", "bad": "#ff9a8d"}
#: Of the figure itself, by whether it is dark. What CSS reads is the host's where there is one with a theme; bqplot
#: wants plain colours for lines.
INKS: Final = {
    False: {
        "surface": "var(--jp-layout-color1, #ffffff)",
        "text": "var(--jp-ui-font-color1, #1b1f26)",
        "muted": "var(--jp-ui-font-color2, #59616e)",
        "line": "#8b95a5",
        "grid": "#e1e4e9",
    },
    True: {
        "surface": "var(--jp-layout-color1, #15181d)",
        "text": "var(--jp-ui-font-color1, #e8eaee)",
        "muted": "var(--jp-ui-font-color2, #a2abb8)",
        "line": "#8b95a5",
        "grid": "#31373f",
    },
}


def color_of(slot: int, *, dark: bool) -> str:
    """Return a series' colour; a slot below 0 is that of all others together."""
    colors = DARK if dark else LIGHT
    return OTHER[dark] if slot < 0 else colors[slot % len(colors)]


def style_of(slot: int, measure: int) -> int:
    """Return which of `STYLES` a series' line has."""
    return (measure if slot < 0 else slot + slot // len(LIGHT)) % len(STYLES)
