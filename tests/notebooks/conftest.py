"""A sandbox with a morning's calls in it and more coming in, for the notebooks."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from livewidgets.sandbox.launcher import SandboxInfo, launch, play, stop
from livewidgets.testing import wait_until

ENOUGH = "select from calls having count(*) >= 150"


@pytest.fixture(scope="package")
def busy_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxInfo]:
    info = launch(tmp_path_factory.mktemp("busy-sandbox"), speed=200, timeout=60)
    try:
        with psycopg.connect(info.dsn, autocommit=True) as db:
            wait_until(lambda: db.execute(ENOUGH).rowcount, 60, "calls")
        play(info, speed=10)
        yield info
    finally:
        stop(info)
