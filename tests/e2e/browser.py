"""Find a Chromium for the tests: the machine's, else Debian's package, else Playwright's.

``python -m tests.e2e.browser`` installs one where there is none, and prints which it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

#: Without the networking flags Chromium calls home at every start, which a closed network refuses one by one.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def find() -> str | None:
    """Return the path of a Chromium, or None where the machine has none."""
    if named := os.environ.get("LIVEWIDGETS_CHROMIUM"):
        return named
    on_path = next((path for name in NAMES if (path := shutil.which(name))), None)
    if on_path or MAC.exists():
        return on_path or str(MAC)
    return _playwrights()


def install() -> str:
    """Return the path of a Chromium, installed now if need be; SystemExit says what to do where that fails."""
    if found := find():
        return found
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False)
        if found := find():
            return found
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    if found := find():
        return found
    sys.exit(
        "The browser tests need Chromium and none could be installed. Install it (Debian: apt-get install chromium) "
        "or set LIVEWIDGETS_CHROMIUM to a Chromium's path."
    )


def _playwrights() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if path and Path(path).exists() else None


if __name__ == "__main__":
    sys.stdout.write(f"Chromium for the tests: {install()}\n")
