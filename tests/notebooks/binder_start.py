"""Runs what Binder runs, by the same script."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livewidgets.sandbox import launcher
from livewidgets.testing import wait_until

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
#: What the link of the badge opens.
PAGE = "voila/render/notebooks/call_center.ipynb"
#: Nothing that the person at this machine has configured is for Binder.
NOT_PASSED = ("SUPABASE", "LIVEWIDGETS", "XDG", "JUPYTER")


@contextmanager
def started(folder: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command through ``binder/start`` as somebody whose home is the folder; what it began is stopped at the end."""
    home = folder / "home"
    home.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED)}
    env |= {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"}
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [str(BINDER / "start"), *command], cwd=ROOT, env=env, stdout=said, stderr=said, text=True
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
        data = home / ".local" / "share" / "livewidgets" / "sandbox"
        # It may be on its way still.
        launcher.stop(wait_until(lambda: launcher.running(data), 60, "the sandbox"))
