"""Jupyter's settings that matter to a live widget, as far as its configuration files say them.

The files are read, not run: a setting that a program computes is not seen.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

#: What is looked for, by the last word of its name.
NAMES = (
    "iopub_msg_rate_limit",
    "cull_idle_timeout",
    "kernel_manager_class",
    "multi_kernel_manager_class",
)
_FILES = (
    "jupyter_config",
    "jupyter_server_config",
    "jupyter_notebook_config",
    "jupyter_lab_config",
    "voila",
)
_LINE = re.compile(
    rf"^\s*c\.\w+\.(?P<name>{'|'.join(NAMES)})\s*=\s*" + r"""(?P<value>[\w.+-]+|"[^"\n]*"|'[^'\n]*')""",
    re.MULTILINE,
)

Setting = float | bool | str


def config_folders() -> list[Path]:
    """Give the folders that Jupyter reads, the most important first; none where it is not installed."""
    if importlib.util.find_spec("jupyter_core") is None:
        return []
    paths = importlib.import_module("jupyter_core.paths")
    return [Path.cwd(), *map(Path, paths.jupyter_config_path())]


def read_settings(folders: Iterable[Path]) -> dict[str, tuple[Setting, Path]]:
    """Read the settings, each with the file that says it; an earlier folder wins."""
    found: dict[str, tuple[Setting, Path]] = {}
    for folder in folders:
        for stem in _FILES:
            for path in (folder / f"{stem}.json", folder / f"{stem}.py"):
                for name, value in _read(path).items():
                    found.setdefault(name, (value, path))
    return found


def _read(path: Path) -> dict[str, Setting]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    return parse_json(text) if path.suffix == ".json" else parse_python(text)


def parse_json(text: str) -> dict[str, Setting]:
    """Take the settings out of a JSON file, whatever class they are set on."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    classes = content.values() if isinstance(content, dict) else ()
    return {
        name: value
        for traits in classes
        if isinstance(traits, Mapping)
        for name, value in traits.items()
        if name in NAMES and isinstance(value, bool | int | float | str)
    }


def parse_python(text: str) -> dict[str, Setting]:
    """Take the settings out of a Python file where they are plainly written."""
    found: dict[str, Setting] = {}
    for match in _LINE.finditer(text):
        value = match["value"]
        if value in ("True", "False"):
            found[match["name"]] = value == "True"
            continue
        if value[0] in "\"'":
            found[match["name"]] = value[1:-1]
            continue
        try:
            found[match["name"]] = float(value)
        except ValueError:
            continue
    return found
