"""Requests that are given up leave no socket behind."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from livewidgets.errors import ClosedError
from livewidgets.live.rest import Rest
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import QUICK, Table

MakeTable = Callable[..., Table]

#: After how many turns of the loop a request is given up: from before it begins until after it could be answered.
TURNS = range(40)


def test_a_request_that_is_given_up_leaves_no_socket(
    sandbox: Any, proxy: FaultProxy, make_table: MakeTable
) -> None:
    data = make_table()

    async def run() -> None:
        for turns in TURNS:
            rest = await Rest.create(proxy.url, sandbox.anon_key, "public", QUICK)
            # Several connections that wait for use, and are all reset.
            await asyncio.gather(*(rest.select(data.name, ()) for _ in range(4)))
            proxy.reset_connections()
            request = asyncio.ensure_future(rest.select(data.name, ()))
            for _ in range(turns):
                await asyncio.sleep(0)
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)
            await rest.close()

    gc.collect()  # what others have left is not told of in here
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(run())
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_a_request_that_fails_when_it_is_given_up_says_nothing(sandbox: Any) -> None:
    said: list[str] = []

    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise httpx.ReadError("the connection was reset")

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))
        rest = await Rest.create(sandbox.url, sandbox.anon_key, "public", QUICK)
        request = asyncio.ensure_future(rest._send(failing()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        await rest.close()
        gc.collect()

    asyncio.run(run())
    assert said == []


def test_a_request_does_not_outlive_its_session(
    sandbox: Any, proxy: FaultProxy, make_table: MakeTable
) -> None:
    data = make_table()

    async def run() -> None:
        rest = await Rest.create(proxy.url, sandbox.anon_key, "public", QUICK)
        await rest.select(data.name, ())
        proxy.stall()
        request = asyncio.ensure_future(rest.select(data.name, ()))
        while not rest._sending:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)
        await rest.close()
        assert not rest._sending
        with pytest.raises(ClosedError, match="was closed"):
            await request

    asyncio.run(run())
