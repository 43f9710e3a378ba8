"""What cannot be shown says so on the page: what is wrong, and what to do; no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from livewidgets import dashboards

from .conftest import write_notebook

#: A tracker each: its title, how it is made, and the words that it must show.
CASES = {
    "unknown table": ("live.table('no_such_table')", "There is no table 'no_such_table'"),
    "not published": (
        "live.table('unpublished')",
        "alter publication supabase_realtime add table unpublished",
    ),
    "no rights": ("anon.table('withheld')", "may not read 'withheld'"),
    "no primary key": ("live.table('keyless')", "no primary key"),
    "unknown column": ("live.table('calls', where={'colour': 'red'})", "no column 'colour'"),
    "unknown order": ("live.table('calls', order='-shade')", "no column 'shade'"),
    "wrong key": ("refused.table('calls')", "key"),
    "wrong address": ("nowhere.table('calls')", "127.0.0.1:9"),
}


@pytest.fixture
def troubled_tables(sandbox_db):
    sandbox_db.execute(
        "create table unpublished (id int primary key); grant select on unpublished to anon, service_role"
    )
    sandbox_db.execute("create table withheld (id int primary key); revoke all on withheld from anon")
    sandbox_db.execute("create table keyless (a int); grant select on keyless to anon, service_role")
    yield
    sandbox_db.execute("drop table unpublished, withheld, keyless")


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("troubled_tables")
def test_each_trouble_is_said_in_the_widget(page: Page, sandbox, tmp_path: Path):
    setup = (
        "import os, livewidgets as lw\nlive = lw.connect()\n"
        "anon = lw.connect(key=os.environ['ANON_KEY'])\n"
        "refused = lw.connect(key=os.environ['SUPABASE_KEY'][:-6] + 'AAAAAA')\n"
        "nowhere = lw.connect('http://127.0.0.1:9', os.environ['ANON_KEY'])"
    )
    cells = [f"lw.CallTracker({made}, title={title!r}, height=120)" for title, (made, _) in CASES.items()]
    notebook = write_notebook(tmp_path / "troubles.ipynb", setup, *cells)
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key, "ANON_KEY": sandbox.anon_key}
    with dashboards.serve(notebook, env=env, log=tmp_path / "voila.log") as dashboard:
        page.goto(dashboard.url)
        page.locator(".lw-call-tracker").first.wait_for()
        for title, (_, words) in CASES.items():
            tracker = page.get_by_role("region", name=title)
            tracker.scroll_into_view_if_needed()  # nothing is sent for a view that nobody can see
            expect(tracker).to_have_attribute("data-state", "error")
            expect(tracker).to_contain_text(words)
            expect(tracker).not_to_contain_text("Traceback")
