"""Find a Chromium for the tests: the machine's, else Debian's package, else Playwright's; and a screen for it.

``python -m tests.e2e.browser`` installs what there is none of, and prints what it found.
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
    if _install_package("chromium") and (found := find()):
        return found
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    if found := find():
        return found
    sys.exit(
        "The browser tests need Chromium and none could be installed. Install it (Debian: apt-get install chromium) "
        "or set LIVEWIDGETS_CHROMIUM to a Chromium's path."
    )


def install_screen() -> str | None:
    """Return the path of Xvfb, a screen in memory, installed now if need be; SystemExit says what to do otherwise.

    None where every machine has a screen.
    """
    if not sys.platform.startswith("linux"):
        return None
    if found := shutil.which("Xvfb"):
        return found
    if _install_package("xvfb") and (found := shutil.which("Xvfb")):
        return found
    sys.exit(
        "The tests of hidden and frozen tabs need Xvfb and it could not be installed. Install it "
        "(Debian: apt-get install xvfb; Fedora: dnf install xorg-x11-server-Xvfb)."
    )


def has_packages() -> bool:
    """Return whether Debian's packages can be had here."""
    return shutil.which("apt-get") is not None and hasattr(os, "geteuid") and os.geteuid() == 0


def _install_package(name: str) -> bool:
    """Install a Debian package where that is possible; False where it is not."""
    if not has_packages():
        return False
    subprocess.run(["apt-get", "update", "-qq"], check=False)
    return subprocess.run(["apt-get", "install", "-y", "-qq", name], check=False).returncode == 0


def _playwrights() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if path and Path(path).exists() else None


if __name__ == "__main__":
    sys.stdout.write(
        f"Chromium for the tests: {install()}\nScreen for the tests: {install_screen() or 'its own'}\n"
    )
