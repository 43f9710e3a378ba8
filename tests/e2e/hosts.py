"""The two notebook hosts behind one face: open a notebook, run it, block its kernel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

from livewidgets import dashboards

from .conftest import open_in_lab, run_all_cells, serving_lab, write_notebook

BLOCK = "Block the kernel"
#: Keeps the main thread busy until there is a file of this name.
UNTIL = "go-on"
BLOCKING = f"while not pathlib.Path({UNTIL!r}).exists(): time.sleep(0.05)"

#: What both hosts show: the state of the connection, the calls, and a button that keeps the main thread busy.
CELLS = (
    "import pathlib\nimport time\nimport ipywidgets\nimport livewidgets as lw\nlive = lw.connect()",
    "tracker = lw.CallTracker(live.table('calls', order='-created_at', limit=3000), linger=600, height=600)\ntracker",
    "lw.OnlineStatus(live)",
    f"def wait(_):\n    {BLOCKING}\nblock = ipywidgets.Button(description={BLOCK!r})\nblock.on_click(wait)\nblock",
)


@dataclass
class Host:
    """A page that shows a running notebook."""

    page: Page
    folder: Path

    def block(self) -> None:
        """Keep the kernel's main thread busy until it is released."""
        raise NotImplementedError

    def release(self) -> None:
        """Let the kernel's main thread go on."""
        (self.folder / UNTIL).touch()


class Voila(Host):
    def block(self) -> None:
        self.page.get_by_role("button", name=BLOCK).click()


class Lab(Host):
    def block(self) -> None:
        # A cell, as an analyst would run it.
        self.page.evaluate(
            """code => {
                const session = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
                void session.kernel.requestExecute({ code });
            }""",
            BLOCKING,
        )


@contextmanager
def showing(
    host: str, page: Page, folder: Path, env: dict[str, str], cells: tuple[str, ...] = CELLS
) -> Iterator[Host]:
    """Run a notebook of `cells` in ``lab`` or ``voila`` and show it on `page`, with the tracker live."""
    notebook = write_notebook(folder / "live.ipynb", *cells)
    if host == "voila":
        with dashboards.serve(notebook, env=env, log=folder / "voila.log") as dashboard:
            page.goto(dashboard.url)
            expect_live(page)
            yield Voila(page, folder)
    else:
        with serving_lab(folder, env) as lab:
            open_in_lab(page, lab, notebook.name)
            run_all_cells(page)
            expect_live(page)
            yield Lab(page, folder)


def expect_live(page: Page) -> None:
    """Wait until the tracker says that it is live."""
    expect(page.locator(".lw-call-tracker[data-state=live]")).to_be_visible()
