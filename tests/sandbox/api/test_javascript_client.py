"""The unmodified JavaScript client in Node against the sandbox; the cases are in ``tests/sandbox/js/client.mjs``."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import hatch_build

from .conftest import Server

JS = Path(__file__).parent.parent / "js"
#: Seconds for one case.
LIMIT = 60


@pytest.fixture(scope="session")
def node() -> dict[str, str]:
    """The environment in which ``node`` runs, with the locked client installed."""
    command, env = hatch_build.npm_command()
    lock, mark = JS / "package-lock.json", JS / "node_modules" / ".package-lock.json"
    if not mark.exists() or mark.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(
            [*command, "ci", "--no-audit", "--loglevel=error"],
            cwd=JS,
            env=env,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=100,
        )
    assert shutil.which("node", path=env["PATH"]), "Node.js is needed for this test: see hatch_build.py."
    return env


@pytest.fixture
def rooms(db: psycopg.Connection[Any]) -> Iterator[None]:
    """Whoever has signed in may use the private rooms whose names begin with ``secret``."""
    for verb, check in (("select", "using"), ("insert", "with check")):
        db.execute(
            f"create policy js_{verb} on realtime.messages for {verb} to authenticated"
            f" {check} ((select realtime.topic()) like 'secret%')"
        )
    yield
    for verb in ("select", "insert"):
        db.execute(f"drop policy js_{verb} on realtime.messages")


async def run(node: dict[str, str], server: Server, case: str, **more: str) -> None:
    keys = server.keys
    environment = {
        **node,
        "SANDBOX_URL": server.url,
        "SANDBOX_KEY": keys.anon_key,
        "SANDBOX_SERVICE_KEY": keys.service_key,
        "SANDBOX_TOKEN": keys.manager_token,
        "NO_PROXY": "127.0.0.1",
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        "node",
        "client.mjs",
        case,
        cwd=JS,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(LIMIT):
            words, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, words.decode()


async def test_rows(node: dict[str, str], server: Server, db: psycopg.Connection[Any]) -> None:
    await run(node, server, "rows")


async def test_rows_with_a_key_that_is_no_jwt(
    node: dict[str, str], server: Server, db: psycopg.Connection[Any]
) -> None:
    await run(node, server, "rows", SANDBOX_KEY=server.keys.publishable_key)


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
async def test_signing_in(
    node: dict[str, str], server: Server, db: psycopg.Connection[Any], kind: str
) -> None:
    keys = server.keys
    opaque = {"SANDBOX_KEY": keys.publishable_key, "SANDBOX_SERVICE_KEY": keys.secret_key}
    await run(node, server, "auth", **(opaque if kind == "opaque" else {}))


@pytest.mark.parametrize("vsn", ["", "1.0.0", "2.0.0"])
@pytest.mark.parametrize("case", ["changes", "broadcast", "presence", "private"])
async def test_realtime(
    node: dict[str, str],
    server: Server,
    db: psycopg.Connection[Any],
    rooms: None,
    case: str,
    vsn: str,
) -> None:
    await run(node, server, case, SANDBOX_VSN=vsn)


async def test_changes_with_a_key_that_is_no_jwt(
    node: dict[str, str], server: Server, db: psycopg.Connection[Any]
) -> None:
    await run(node, server, "changes", SANDBOX_KEY=server.keys.publishable_key)
