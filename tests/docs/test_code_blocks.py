"""Every code block of README and documentation is run, page by page and in order, as a reader would."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from tests.docs import shell_lines
from tests.docs.blocks import Block, blocks, name_of, pages
from tests.docs.conftest import BEFORE, END_OF_PAGE

#: What is shown, not run.
SHOWN = {"text", "js", "html", "nginx"}

#: What has come of a page's blocks.
HOLDS = {
    "README.md": "assert change.state in ('accepted', 'synced', 'conflict') and len(calls) > 0",
    "docs/tutorial.md": "assert len(rows) > 0 and by_minute['count'].sum() > 0 and tracker.comm is not None",
    "docs/how-to/supabase.md": (
        "assert changed['version'] == 2 and changed['status'] == 'paid' and len(orders) == 1"
    ),
    "docs/how-to/security.md": "assert len(tickets) == 0 and live.status.error is None",
    "docs/how-to/component.md": "assert board.title == 'The floor' and board._rows.columns == ('name', 'state')",
    "docs/reference/table.md": "assert same['id'] == first['id'] and difference is not None and len(newest) == 100",
    "docs/reference/windows.md": "assert totals and frame['count'].sum() > 0 and len(played.ready()) > 0",
    "docs/reference/rooms.md": (
        "from livewidgets.testing import wait_until\n"
        "wait_until(lambda: [entry.meta['name'] for entry in people.who()] == ['Ana'])"
    ),
}


@pytest.mark.timeout(300)  # the first one starts the sandbox and the kernel, and some run tests of their own
@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_the_blocks_of_a_page_run(page: Path, request: pytest.FixtureRequest, tmp_path: Path):
    found = blocks(page)
    languages = {block.language for block in found}
    assert "" not in languages, "A block without a language is run by nobody."
    name = name_of(page)
    runs = [block for block in found if block.language == "python" and not block.title]
    kernel = request.getfixturevalue("kernel") if runs else None
    database = request.getfixturevalue("database") if "sql" in languages else None
    if database is not None:
        database.execute(BEFORE.get(name, ""))
    if kernel is not None:
        kernel.run(f"import os; os.chdir({str(tmp_path)!r})", "the page's folder")
    for block in found:
        where = f"{name}:{block.line}"
        if block.title:
            (tmp_path / block.title).write_text(block.code, encoding="utf-8")
        if block.language == "sql":
            database.execute(block.code)
            # What PostgREST is told by Supabase after a change of the schema.
            database.execute("notify pgrst, 'reload schema'")
        elif block in runs:
            kernel.run(block.code, where)
        else:
            read(block, where)
    if kernel is not None:
        kernel.run(HOLDS.get(name, "pass"), f"what has come of {name}")
        kernel.run(END_OF_PAGE, "the end of the page")
    if any(block.title.startswith("test_") for block in found):
        run_tests(tmp_path)


def read(block: Block, where: str) -> None:
    """Take a block that is not run for what it says that it is."""
    match block.language:
        case "python" | "py":  # py: settings of a server, in its words
            compile(block.code, where, "exec")
        case "sh":
            shell_lines.check(block.code)
        case "json":
            json.loads(block.code)
        case "toml":
            tomllib.loads(block.code)
            if block.title == ".env":
                assert {"SUPABASE_URL", "SUPABASE_KEY"} <= dotenv_values(
                    stream=io.StringIO(block.code)
                ).keys()
        case "yaml":
            assert yaml.safe_load(block.code)
        case other:
            assert other in SHOWN, f"{where}: what is {other!r}?"


def run_tests(folder: Path) -> None:
    """Run the tests that a page has told the reader to write."""
    names = sorted(path.name for path in folder.glob("test_*.py"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, *names],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


@pytest.mark.parametrize(
    "line",
    [
        "livewidgets dance",
        "livewidgets demo --loudly",
        "make tea",
        "pip install 'livewidgets[milk]'",
        "rm -r .",
    ],
)
def test_a_line_that_a_reader_could_not_run_is_found(line: str):
    with pytest.raises(Exception, match=r"no such|No such|What is|loudly"):
        shell_lines.check(line)


def test_the_component_is_as_short_as_it_says():
    [code] = [block.code for block in blocks(pages()[0].parent / "docs/how-to/component.md") if block.title]
    assert len(code.splitlines()) <= 70
