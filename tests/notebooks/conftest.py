"""A sandbox with calls coming in, for the notebooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from livewidgets.sandbox.launcher import SandboxInfo, launch, stop


@pytest.fixture(scope="package")
def busy_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxInfo]:
    info = launch(tmp_path_factory.mktemp("busy-sandbox"), speed=10, timeout=60)
    yield info
    stop(info)
