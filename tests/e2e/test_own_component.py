"""The component that the documentation has readers write, as it stands there, in a real page."""

from __future__ import annotations

from pathlib import Path

import psycopg
from playwright.sync_api import Page, expect

from livewidgets import dashboards
from tests.docs.blocks import DOCS, blocks

from .conftest import write_notebook


def test_a_component_of_ones_own_is_live(page: Page, sandbox, sandbox_db: psycopg.Connection, tmp_path: Path):
    [(name, module)] = [
        (block.title, block.code) for block in blocks(DOCS / "how-to" / "component.md") if block.title
    ]
    (tmp_path / name).write_text(module)
    [key] = sandbox_db.execute(
        "insert into agents (name, state) values ('Zoë <b>', 'break') returning id"
    ).fetchone()
    notebook = write_notebook(
        tmp_path / "board.ipynb",
        "import sys; sys.path.insert(0, '.')\nimport ipywidgets\nimport livewidgets as lw\nfrom agent_board import AgentBoard",
        "board = AgentBoard(lw.connect(), title='The floor')\n"
        "told = ipywidgets.Label()\n"
        "board.observe(lambda change: told.set_trait('value', 'chosen ' + change.new), 'selected')\n"
        "ipywidgets.VBox([board, told])",
    )
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        with dashboards.serve(notebook, env=env, log=tmp_path / "voila.log") as dashboard:
            page.goto(dashboard.url)
            board = page.locator(".agent-board")
            expect(board).to_have_attribute("data-state", "live")
            expect(board.locator("strong")).to_have_text("The floor")
            zoe = board.locator("li", has_text="Zoë")
            expect(zoe).to_have_text("Zoë <b>: break")
            sandbox_db.execute("update agents set state = 'available' where id = %s", [key])
            expect(zoe).to_have_text("Zoë <b>: available")
            expect(zoe).to_have_attribute("data-free", "true")
            zoe.click()
            expect(page.get_by_text(f"chosen {key}")).to_be_visible()
            sandbox_db.execute("delete from agents where id = %s", [key])
            expect(zoe).to_have_count(0)
        # The server is gone: a view that still said "live" would lie.
        expect(board).to_have_attribute("data-state", "stale")
        expect(board.locator("strong")).to_contain_text("stale")
    finally:
        sandbox_db.execute("delete from agents where id = %s", [key])
    assert errors == []
