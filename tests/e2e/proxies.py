"""The proxies whose settings the documentation shows: the machine's, else those of Debian's packages.

``python -m tests.e2e.proxies`` unpacks what there is none of, and prints what it found.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from .browser import has_packages

NAMES = ("nginx", "caddy")
#: Unpacked, not installed: they would start by themselves, and listen to everybody.
UNPACKED = Path(__file__).parents[2] / ".make" / "proxies"


def proxy(name: str) -> str:
    """Return the path of a proxy, unpacked now if need be; SystemExit says what to do where that fails."""
    if found := _find(name):
        return found
    if has_packages():
        UNPACKED.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "download", "-qq", name], cwd=UNPACKED, check=False)
        for package in UNPACKED.glob(f"{name}_*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(UNPACKED)], check=True)
            package.unlink()
        if found := _find(name):
            return found
    sys.exit(f"The test of {name}'s settings needs {name}, and it could not be had. Install it.")


def _find(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=f"{UNPACKED}/usr/sbin:{UNPACKED}/usr/bin")


if __name__ == "__main__":
    sys.stdout.writelines(f"{name} for the tests: {proxy(name)}\n" for name in NAMES)
