"""What a page loads with every instance."""

from __future__ import annotations

from livewidgets.widgets import assets

from .table import Figure

BUDGETS = {"hub": 20}


def figures() -> list[Figure]:
    """Read the sizes of the bundles."""
    return [
        Figure(f"bundle {path.stem}", path.stat().st_size / 1000, "kB", budget=BUDGETS.get(path.stem, 40))
        for path in sorted(assets.STATIC.glob("*.js"))
    ]
