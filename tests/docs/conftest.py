"""A sandbox of the documentation's own, and a kernel in which its blocks run as in a notebook."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from jupyter_client import BlockingKernelClient, KernelManager

from livewidgets.sandbox.launcher import SandboxInfo, launch, stop

EMAIL, PASSWORD = "reader@example.org", "a long enough password"

#: What is there before a page, beside the call business.
BEFORE = {
    "README.md": "create table orders (id uuid primary key)",
    "docs/how-to/supabase.md": "drop table if exists orders",
}

#: The pages write to targets, and are not about others who are faster: the traffic leaves that table alone.
UNDISTURBED = """
create function public.undisturbed() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger undisturbed before update on public.targets for each row
  when (current_user = session_user) execute function public.undisturbed();
"""

#: Closes what a page has opened, and forgets it.
END_OF_PAGE = """
import livewidgets as _lw, ipywidgets as _w
_w.Widget.close_all()
for _one in list(globals().values()):
    if isinstance(_one, _lw.Live):
        _one.close()
get_ipython().reset(new_session=False)
"""


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the reader's data; his sandbox is in it."""
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(scope="package")
def backend(home: Path) -> Iterator[SandboxInfo]:
    """The reader's sandbox, with calls coming in."""
    info = launch(home / "livewidgets" / "sandbox", speed=20, timeout=60)
    with psycopg.connect(info.dsn, autocommit=True) as connection:
        connection.execute(UNDISTURBED)
    httpx.post(
        f"{info.url}/auth/v1/admin/users",
        headers={"apikey": info.service_key, "Authorization": f"Bearer {info.service_key}"},
        json={"email": EMAIL, "password": PASSWORD, "email_confirm": True},
        timeout=20,
    ).raise_for_status()
    yield info
    stop(info)


@pytest.fixture
def database(backend: SandboxInfo) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(backend.dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="package")
def reader(home: Path, backend: SandboxInfo) -> dict[str, str]:
    """The reader's environment."""
    return {
        **os.environ,
        "XDG_DATA_HOME": str(home),
        "LIVEWIDGETS_SANDBOX": str(backend.data),
        "SUPABASE_URL": backend.url,
        "SUPABASE_KEY": backend.anon_key,
        "ACCESS_TOKEN": backend.manager_token,
        "DASHBOARD_EMAIL": EMAIL,
        "DASHBOARD_PASSWORD": PASSWORD,
    }


class Kernel:
    """A running kernel; each cell is to end without an error, and without one told on stderr."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, code: str, what: str) -> None:
        said: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream" and message["content"]["name"] == "stderr":
                said.append(message["content"]["text"])

        reply = self._client.execute_interactive(code, output_hook=hear, timeout=60)
        content = reply["content"]
        assert content["status"] == "ok", f"{what}:\n" + "\n".join(content.get("traceback", []))
        assert "Error" not in "".join(said), f"{what}:\n" + "".join(said)


@pytest.fixture(scope="package")
def kernel(reader: dict[str, str]) -> Iterator[Kernel]:
    manager = KernelManager()
    manager.start_kernel(env=reader)
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield Kernel(client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)
