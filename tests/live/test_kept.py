"""One of each a process, whatever is reloaded; in a notebook, see tests/widgets/test_autoreload.py."""

from __future__ import annotations

import importlib

from livewidgets.live import kept as kept_module
from livewidgets.live.kept import kept


def test_it_is_made_once_and_outlives_a_reload() -> None:
    first = kept("a test", list)
    assert kept("a test", list) is first
    assert kept("another test", list) is not first
    again = importlib.reload(kept_module)
    assert again.kept("a test", list) is first
