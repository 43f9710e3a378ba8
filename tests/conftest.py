"""What all tests share: the fixtures that users get too, and how hard the property tests try."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["livewidgets.testing"]

# No deadline for one example: the machines that run this are shared and slow at times.
_COMMON = settings(
    deadline=None, database=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", _COMMON, max_examples=60, stateful_step_count=40)
settings.register_profile("nightly", _COMMON, max_examples=1000, stateful_step_count=120)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side: browsers one at a time, and first, for they take longest; the rest a file at a time."""
    browsers = Path(__file__).parent / "e2e"
    items.sort(key=lambda item: browsers not in item.path.parents)
    for item in items:
        group = "browsers" if browsers in item.path.parents else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
