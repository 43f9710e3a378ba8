"""What a user waits for: the import, and the sandbox's start."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from livewidgets.sandbox.launcher import launch, stop

from .table import Figure, median


def _import_ms(module: str, after: str = "sys") -> float:
    code = f"import time, {after}; t = time.perf_counter(); import {module}; print((time.perf_counter() - t) * 1000)"
    return float(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )


def _sandbox_seconds(data: Path) -> float:
    started = time.perf_counter()
    info = launch(data, traffic=False)
    took = time.perf_counter() - started
    stop(info)
    return took


def figures() -> list[Figure]:
    """Measure both."""
    widgets = median(lambda: _import_ms("ipywidgets"))
    ours = median(lambda: _import_ms("livewidgets", after="ipywidgets"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "sandbox"
        first = _sandbox_seconds(data)
        later = median(lambda: _sandbox_seconds(data), runs=3)
    return [
        Figure("import livewidgets beyond ipywidgets", ours, "ms", "ipywidgets itself", widgets, 100),
        Figure("sandbox, first start", first, "s", budget=5),
        Figure("sandbox, later start", later, "s", budget=1.5),
    ]
