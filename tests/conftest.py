"""What all tests share: the fixtures that users get too, and how hard the property tests try."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where tests run side by side: browsers one at a time, the rest a file at a time."""
    from xdist.scheduler import LoadScopeScheduling

    class BrowsersApart(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "browsers" if file.startswith("tests/e2e/") else file

    return BrowsersApart(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    browsers = Path(__file__).parent / "e2e"
    items.sort(key=lambda item: browsers not in item.path.parents)
