"""Kernels of dashboards end with their pages; others do not. Real kernels, without a web server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest_asyncio

from livewidgets.voila_kernels import DashboardKernels

#: As Voila starts a kernel for a page, and one for its pool.
FOR_A_PAGE = {"VOILA_PREHEAT": "False"}
FOR_THE_POOL = {"VOILA_PREHEAT": "True"}


async def until(condition: Callable[[], object], limit: float = 60.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "Waited in vain."
        await asyncio.sleep(0.02)


class Pools(DashboardKernels):
    """With a pool, as the class that Voila makes of ours has one."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self._pools: dict[str, list[asyncio.Future[dict[str, str]]]] = {}

    def put(self, kernel_id: str) -> None:
        future: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        future.set_result({"kernel_id": kernel_id})
        self._pools.setdefault("a.ipynb", []).append(future)


@pytest_asyncio.fixture
async def kernels(tmp_path, monkeypatch) -> AsyncIterator[Pools]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    found = Pools(alone_timeout=0.4, look_interval=0.05, connection_dir=str(tmp_path), root_dir=str(tmp_path))
    yield found
    await found.shutdown_all(now=True)


async def test_a_kernel_ends_when_its_page_has_gone_and_others_stay(kernels):
    page = await kernels.start_kernel(kernel_name="python3", env=FOR_A_PAGE)
    notebook = await kernels.start_kernel(kernel_name="python3", env={})
    for kernel_id in (page, notebook):
        kernels.notify_connect(kernel_id)
    kernels.alone_timeout = 0.0
    assert kernels.end_alone() == []
    for kernel_id in (page, notebook):
        kernels.notify_disconnect(kernel_id)
    await until(lambda: page not in kernels)
    assert notebook in kernels
    assert kernels._looking is None


async def test_a_page_that_comes_back_in_time_keeps_its_kernel(kernels):
    kernels.alone_timeout = 30.0
    page = await kernels.start_kernel(kernel_name="python3", env=FOR_A_PAGE)
    kernels.notify_connect(page)
    kernels.notify_disconnect(page)
    kernels.notify_connect(page)
    kernels.alone_timeout = 0.0
    assert kernels.end_alone() == []
    kernels.notify_disconnect(page)
    assert kernels.end_alone() == [page]
    await until(lambda: page not in kernels)


async def test_a_kernel_that_its_page_ends_is_not_ended_again(kernels):
    kernels.alone_timeout = kernels.meet_timeout = kernels.start_timeout = 0.0
    page = await kernels.start_kernel(kernel_name="python3", env=FOR_A_PAGE)
    ending = asyncio.ensure_future(kernels.shutdown_kernel(page))
    await asyncio.sleep(0)
    assert page in kernels
    assert kernels.end_alone() == []
    await ending
    assert page not in kernels


async def test_a_connection_that_fails_twice_counts_once(kernels):
    page = await kernels.start_kernel(kernel_name="python3", env=FOR_A_PAGE)
    kernels.notify_connect(page)
    kernels.notify_disconnect(page)
    kernels.notify_disconnect(page)
    kernels.notify_connect(page)
    kernels.alone_timeout = 0.0
    assert kernels.end_alone() == []


async def test_a_kernel_in_the_pool_waits_and_one_out_of_it_ends(kernels):
    heated = await kernels.start_kernel(kernel_name="python3", env=FOR_THE_POOL)
    kernels.put(heated)
    kernels.alone_timeout = kernels.meet_timeout = 0.0
    assert kernels.end_alone() == []
    kernels._pools["a.ipynb"].clear()
    kernels.get_kernel(heated).execution_state = "idle"
    assert kernels.end_alone() == [heated]
    await until(lambda: heated not in kernels)


async def test_a_notebook_may_run_for_long_before_its_page_connects_but_not_for_ever(kernels):
    kernels.alone_timeout = kernels.meet_timeout = 0.0
    page = await kernels.start_kernel(kernel_name="python3", env=FOR_A_PAGE)
    kernels.get_kernel(page).execution_state = "busy"
    assert kernels.end_alone() == []
    kernels.start_timeout = 0.0
    assert kernels.end_alone() == [page]
    await until(lambda: page not in kernels)


async def test_a_page_that_loads_is_waited_for(kernels):
    kernels.alone_timeout = 0.0
    page = await kernels.start_kernel(kernel_name="python3", env=FOR_A_PAGE)
    kernels.get_kernel(page).execution_state = "idle"
    assert kernels.end_alone() == []
    kernels.meet_timeout = 0.0
    assert kernels.end_alone() == [page]
    await until(lambda: page not in kernels)


async def test_a_busy_kernel_whose_page_has_gone_ends_too(kernels):
    page = await kernels.start_kernel(kernel_name="python3", env=FOR_A_PAGE)
    client = kernels.get_kernel(page).client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=30)
        client.execute("import time; time.sleep(600)")
        await until(lambda: kernels.get_kernel(page).execution_state == "busy")
        kernels.notify_connect(page)
        kernels.notify_disconnect(page)
        await until(lambda: page not in kernels)
    finally:
        client.stop_channels()


async def test_nobody_is_ended_by_a_server_that_a_dashboard_has_started(kernels, monkeypatch):
    monkeypatch.setenv("VOILA_PREHEAT", "False")
    kernel_id = await kernels.start_kernel(kernel_name="python3", env=FOR_A_PAGE)
    kernels.alone_timeout = kernels.meet_timeout = kernels.start_timeout = 0.0
    assert kernels.end_alone() == []
    assert kernel_id in kernels


class Stream:
    """A kernel's channel."""

    socket = None
    is_closed = False
    listener = None

    def close(self) -> None:
        self.is_closed = True

    def on_recv(self, listener: object) -> None:
        self.listener = listener


async def test_what_a_page_misses_is_kept_for_notebooks_only(kernels):
    page = await kernels.start_kernel(kernel_name="python3", env=FOR_A_PAGE)
    notebook = await kernels.start_kernel(kernel_name="python3", env={})
    told = {kernel_id: Stream() for kernel_id in (page, notebook)}
    for kernel_id, stream in told.items():
        kernels.start_buffering(kernel_id, f"{kernel_id}:a", {"iopub": stream})
    assert told[page].is_closed
    assert not told[notebook].is_closed
    assert told[notebook].listener is not None
    kernels._kernel_buffers.clear()


async def test_a_heated_notebook_in_our_template_fits_an_address_with_a_theme(kernels):
    # Asked as Voila does, of what its own class puts there.
    kernels.notebook_data = {}
    kernels.notebook_data["a.ipynb"] = {"template": "livewidgets", "theme": "light", "kernel_ids": {"1"}}
    theme = kernels.notebook_data["a.ipynb"].get("theme")
    assert not theme != "dark"  # noqa: SIM202
    assert not theme != "light"  # noqa: SIM202
    assert theme != "JupyterLab Solarized"
    kernels.notebook_data["a.ipynb"]["kernel_ids"].add("2")
    assert kernels.notebook_data["a.ipynb"]["kernel_ids"] == {"1", "2"}
    # What another template does with its address we cannot know.
    kernels.notebook_data["b.ipynb"] = {"template": "lab", "theme": "light"}
    assert kernels.notebook_data["b.ipynb"]["theme"] != "dark"
