"""The colours and patterns of a `LiveFigure`: those of RealtimeChart, so that a series looks the same in both."""

from __future__ import annotations

from typing import Final

#: As in js/src/lib/chart_palette.ts, where it is told why.
LIGHT: Final = ("#182b9a", "#d27a27", "#0e7b7b", "#65224b", "#816524", "#aa6bea", "#8a110a", "#5ca17e")
DARK: Final = ("#096fe1", "#ff8f37", "#21cdac", "#9c5e88", "#fbe318", "#ac94ff", "#c83c01", "#98f8c5")
#: The same hues where the background is not known: each stands out from white and from JupyterLab's dark grey.
AUTO: Final = ("#3f6dfd", "#d37631", "#377d6a", "#bf3fa3", "#756e20", "#ad77d4", "#de314a", "#759a86")
COLORS: Final = {"auto": AUTO, "light": LIGHT, "dark": DARK}
OTHER: Final = {"auto": "#808894", "light": "#6b7280", "dark": "#8b95a5"}
#: bqplot's words for solid lines and dashes.
STYLES: Final = ("solid", "dashed", "dotted", "dash_dotted")
#: Of thresholds and marks, as in js/src/styles/tokens.css.
TONES: Final = {
    "auto": {"neutral": "#808894", "good": "#3b8a6d", "warn": "#c2701c", "bad": "#de314a"},
    "light": {"neutral": "#59616e", "good": "#00684f", "warn": "#8a4600", "bad": "#ab2115"},
    "dark": {"neutral": "#a2abb8", "good": "#5fd1ab", "warn": "#f5ae6c", "bad": "#ff9a8d"},
}
#: Of the figure itself. What CSS reads is the host's where there is one with a theme; bqplot wants plain colours for
#: lines.
INKS: Final = {
    theme: {
        "surface": f"var(--jp-layout-color1, {surface})",
        "text": f"var(--jp-ui-font-color1, {text})",
        "muted": f"var(--jp-ui-font-color2, {muted})",
        "line": "#808894",
        "grid": "rgba(128, 136, 148, 0.25)",
    }
    for theme, surface, text, muted in (
        ("auto", "transparent", "currentcolor", "#808894"),
        ("light", "#ffffff", "#1b1f26", "#59616e"),
        ("dark", "#15181d", "#e8eaee", "#a2abb8"),
    )
}


def color_of(slot: int, theme: str) -> str:
    """Return a series' colour; a slot below 0 is that of all others together."""
    colors = COLORS[theme]
    return OTHER[theme] if slot < 0 else colors[slot % len(colors)]


def style_of(slot: int, measure: int) -> int:
    """Return which of `STYLES` a series' line has."""
    return (measure if slot < 0 else slot + slot // len(LIGHT)) % len(STYLES)
