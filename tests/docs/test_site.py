"""The pages of the documentation: built without a warning, complete, and fetching nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import ipywidgets
import pytest

import livewidgets
from livewidgets import component
from tests.docs.blocks import ROOT

#: The first one builds the site.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "WARNING" not in done.stderr
    return folder


class Fetched(HTMLParser):
    """What a browser would load for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video"):
            self.addresses.append(given.get("src") or "")
        if tag == "link" and given.get("rel") in ("stylesheet", "preconnect", "preload", "icon"):
            self.addresses.append(given.get("href") or "")
        self.ids.add(given.get("id") or "")


def parsed(page: Path) -> Fetched:
    parser = Fetched()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def test_a_page_fetches_nothing_from_elsewhere(site: Path):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        elsewhere = [a for a in parsed(page).addresses if re.match(r"(https?:)?//", a)]
        assert elsewhere == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style.name


def test_every_public_name_is_in_the_reference(site: Path):
    text = " ".join(page.read_text(encoding="utf-8") for page in (site / "reference").glob("*.html"))
    missing = [name for name in livewidgets.__all__ if not re.search(rf"\b{name}\b", text)]
    assert missing == []
    assert [name for name in component.__all__ if not re.search(rf"\b{name}\b", text)] == []


def components() -> list[str]:
    kinds = {name: getattr(livewidgets, name) for name in livewidgets.__all__}
    return [
        name for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, ipywidgets.Widget)
    ]


def test_every_component_and_each_of_its_traits_is_in_the_reference(site: Path):
    page = site / "reference" / "components.html"
    ids = parsed(page).ids
    text = page.read_text(encoding="utf-8")
    for name in components():
        assert f"livewidgets.{name}" in ids or any(one.endswith(f".{name}") for one in ids), name
    assert "Seconds that an ended call stays before it fades." in text
    assert text.count("<td><code>selected</code></td>") >= 2


def test_the_readme_has_every_component():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    in_table = set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE))
    assert in_table == set(components())


def test_the_readme_names_no_file_that_is_not_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:docs|src)/[\w./-]+)`", readme)) | set(
        re.findall(r"\]\((docs/[^)]+)\)", readme)
    )
    assert len(named) >= 4
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_command_line_is_in_the_reference(site: Path):
    text = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    for name in ("demo", "dashboard", "replay", "sandbox", "record", "doctor"):
        assert f'id="{name}"' in text
    assert "--exit-when-idle" in text
