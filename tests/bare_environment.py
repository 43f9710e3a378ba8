"""An environment with a wheel of ours and nothing but what it says that it needs."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement


def needs(requirements: list[str]) -> set[str]:
    """Return the names of what these need, and what that needs, as this environment has it."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        extras = ("", *wanted.extras)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        distribution = metadata.distribution(name)
        assert wanted.specifier.contains(distribution.version, prereleases=True), (
            f"{wanted}: {distribution.version}"
        )
        for text in distribution.requires or []:
            further = Requirement(text)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                further.marker = None
                if _key(further) not in found:
                    waiting.append(further)
        found |= {name, _key(wanted)}
    return {name for name in found if "[" not in name}


def _key(wanted: Requirement) -> str:
    name = re.sub(r"[-_.]+", "-", wanted.name).lower()
    return f"{name}[{','.join(sorted(wanted.extras))}]" if wanted.extras else name


def make(folder: Path, wheel: Path, *further: str) -> Path:
    """Make an environment with the wheel installed by pip, and links to the packages that it needs; return its Python.

    Downloading them takes minutes on a slow line; that they are enough, and no more, is what is to be shown.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--no-deps",
            "--no-index",
            "-q",
            str(wheel),
        ],
        check=True,
        capture_output=True,
    )
    (installed,) = metadata.distributions(name="livewidgets", path=[str(site)])
    declared = [text for text in installed.requires or [] if "extra ==" not in text]
    for name in needs([*declared, *further]):
        distribution = metadata.distribution(name)
        for file in distribution.files or []:
            top = file.parts[0]
            if top != ".." and not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    return python
