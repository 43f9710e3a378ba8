"""The bundles of the front end, read once."""

from __future__ import annotations

import os
from pathlib import Path

from livewidgets.errors import SetupError

STATIC = Path(__file__).resolve().parent.parent / "static"


def bundle(name: str) -> str | Path:
    """Return a bundle's text, empty where it was not built; its path under ``ANYWIDGET_HMR=1``.

    With a path anywidget watches the file and keeps every widget that uses it for ever, which is only right while
    the bundle itself is being worked on.
    """
    path = STATIC / name
    if not path.exists():
        return ""  # importing must work in a checkout without Node; see `check_built`
    return path if os.environ.get("ANYWIDGET_HMR") == "1" else path.read_text(encoding="utf-8")


def check_built(kind: type) -> None:
    """Raise SetupError when a widget's bundle was not there at import."""
    if not getattr(kind, "_esm", ""):
        raise SetupError(
            f"The front end of {kind.__name__} was not built.",
            "This is a checkout: run `python hatch_build.py`, then restart the kernel.",
        )
