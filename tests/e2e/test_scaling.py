"""Several Voila processes behind a proxy, set up as the page on many viewers shows it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from livewidgets import dashboards
from livewidgets.testing import wait_until
from tests.docs.blocks import Block, blocks

from .conftest import REPOSITORY, answers, port_of, write_notebook
from .hosts import expect_live
from .proxies import proxy
from .test_viewers import CELLS, kernels_of

PAGE = REPOSITORY / "docs" / "how-to" / "scaling.md"


def fitted(word: str, behind: list[int], changes: dict[str, str]) -> str:
    """Return the one block of the page with a word in it, for servers on these ports and with these changes."""
    found: list[Block] = [block for block in blocks(PAGE) if word in block.code]
    assert len(found) == 1, f"{len(found)} blocks with {word!r} in {PAGE}"
    site = found[0].code
    servers = {f"127.0.0.1:{8866 + place}": f"127.0.0.1:{port}" for place, port in enumerate(behind)}
    for old, new in (changes | servers).items():
        assert old in site
        site = site.replace(old, new)
    return site


def nginx(folder: Path, port: int, behind: list[int]) -> list[str]:
    """Make the command of an nginx with the page's settings; without a certificate, so a cookie may not want one."""
    site = fitted("split_clients", behind, {"443 ssl": f"127.0.0.1:{port}", "Secure; ": ""})
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings = folder / "nginx.conf"
    settings.write_text(
        f"daemon off;\nuser root;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{site}\n}}\n"
    )
    return [proxy("nginx"), "-p", str(folder), "-c", str(settings)]


def caddy(folder: Path, port: int, behind: list[int]) -> list[str]:
    """Make the command of a Caddy with the page's settings."""
    site = fitted(
        "lb_policy", behind, {"dashboard.example.com {": f"http://127.0.0.1:{port} {{\n  bind 127.0.0.1"}
    )
    settings = folder / "Caddyfile"
    settings.write_text(f"{{\n  admin off\n}}\n{site}")
    return [proxy("caddy"), "run", "--config", str(settings), "--adapter", "caddyfile"]


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[str]:
    """Run a proxy until the block ends; gives its address."""
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={
                **os.environ,
                "HOME": str(folder),
                "XDG_DATA_HOME": str(folder),
                "XDG_CONFIG_HOME": str(folder),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: answers(port, "/voila/static/"), 20, f"the proxy; see {folder}")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.timeout(180)
def test_the_page_shows_settings_that_work(chromium: Browser, sandbox, sandbox_db, tmp_path: Path):
    env = {"SUPABASE_URL": sandbox.url, "SUPABASE_KEY": sandbox.service_key}
    with ExitStack() as stack:
        served = []
        for name in ("a", "b"):
            folder = tmp_path / name
            folder.mkdir()
            notebook = write_notebook(folder / "live.ipynb", *CELLS)
            served.append(stack.enter_context(dashboards.serve(notebook, env=env, log=folder / "voila.log")))
        behind = [port_of(one.url) for one in served]

        def kernels() -> list[int]:
            return [len(kernels_of(one.process.pid)) for one in served]

        shows = []
        for make in (nginx, caddy):
            folder = tmp_path / make.__name__
            folder.mkdir()
            folder.chmod(0o755)
            port = dashboards.free_port()
            address = stack.enter_context(running(make(folder, port, behind), folder, port))
            before = kernels()
            context = chromium.new_context(viewport={"width": 900, "height": 600})
            stack.callback(context.close)
            page = context.new_page()
            page.goto(address)
            expect_live(page)
            after = kernels()
            (seat,) = [place for place in (0, 1) if after[place] > before[place]]
            assert [cookie["name"] for cookie in context.cookies() if cookie["name"] in ("seat", "lb")]
            # All that this browser asks for goes there, also when it comes again.
            page.reload()
            expect_live(page)
            wait_until(lambda now=after: kernels() == now, 60, "the kernel before to end")
            assert after[1 - seat] == before[1 - seat]
            script = page.evaluate(
                "performance.getEntriesByType('resource').filter(one => one.name.endsWith('.js'))"
                ".reduce((sum, one) => [sum[0] + one.encodedBodySize, sum[1] + one.decodedBodySize], [0, 0])"
            )
            assert script[0] < script[1] / 2, "the scripts come compressed"
            shows.append(page)
        sandbox_db.execute("insert into calls (status, caller_number) values ('ringing', '+15550106005')")
        for page in shows:
            expect(page.locator(".lw-call-tracker")).to_contain_text("6005")
    assert re.search(r"\b(error|crit|emerg)\b", (tmp_path / "nginx" / "error.log").read_text()) is None
