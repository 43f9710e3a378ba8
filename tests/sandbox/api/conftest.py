"""A served application on an embedded Postgres of its own, and clients for it."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
import uvicorn
from starlette.applications import Starlette

from livewidgets.sandbox import schema
from livewidgets.sandbox.app import AppOptions, create_app, serve_options
from livewidgets.sandbox.auth import Claims
from livewidgets.sandbox.connection import PREFIX
from livewidgets.sandbox.connection_effects import Channel
from livewidgets.sandbox.keys import Keys
from livewidgets.sandbox.phoenix import codec_for
from livewidgets.sandbox.postgres import Database, Postgres
from livewidgets.sandbox.wal import WalStream

RECORDINGS = Path(__file__).parent / "recordings"
PUBLISHED = """
select prrelid::int8 from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
where p.pubname = 'supabase_realtime'
"""


class Server:
    """The application behind uvicorn, on a thread and loop of its own."""

    def __init__(self, dsn: str, keys: Keys, options: AppOptions | None = None) -> None:
        self.dsn = dsn
        self.keys = keys
        self.app: Starlette
        self._options = options
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="server")

    def start(self) -> Server:
        self._thread.start()
        assert self._ready.wait(20), "the server did not start"
        return self

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        wal = WalStream(self.dsn)
        async with Database(self.dsn) as database:
            self.app = create_app(database, wal, self.keys, self._options)
            config = uvicorn.Config(
                self.app, host="127.0.0.1", port=0, timeout_graceful_shutdown=1, **serve_options()
            )
            self.server = uvicorn.Server(config)
            self.server.capture_signals = nullcontext  # type: ignore[method-assign]
            serving = asyncio.create_task(self.server.serve())
            # Uvicorn has no event for it.
            while not self.server.started and not serving.done():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            if self.server.started:
                self.port = self.server.servers[0].sockets[0].getsockname()[1]
                await self.app.state.realtime.streaming.wait()
                self._ready.set()
            await serving
            await wal.close()

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(20)
        if self._thread.is_alive():
            stack = traceback.format_stack(sys._current_frames()[self._thread.ident or 0])
            pytest.fail("The server does not end; it is here:\n" + "".join(stack))

    def call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    def catch_up(self, db: psycopg.Connection[Any]) -> None:
        """Wait until it knows which tables are published, and has given out what was written before this call."""
        self.call(self.app.state.realtime.streaming.wait())
        published = {oid for (oid,) in db.execute(PUBLISHED)}
        # A reading takes ten milliseconds, and is seldom needed.
        if self.call(self.app.state.catalog.snapshot()).published != published:
            self.call(self.app.state.catalog.fresh())
        topic, heard = uuid4().hex, threading.Event()
        channel = Channel(PREFIX + topic, topic, "", Claims("anon", "{}"), [])
        rooms, codec = self.app.state.realtime.rooms, codec_for("1.0.0")
        self._loop.call_soon_threadsafe(rooms.enter, channel, codec, lambda frame: heard.set())
        # The stream keeps the order: when this one comes, all that was written before has come.
        db.execute("select realtime.send('{}', 'e', %s, false)", [topic])
        assert heard.wait(20), "the stream of changes does not get on"
        self._loop.call_soon_threadsafe(rooms.leave, channel)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def socket_url(self, key: str | None = None, vsn: str | None = "1.0.0") -> str:
        url = f"ws://127.0.0.1:{self.port}/realtime/v1/websocket?apikey={key or self.keys.anon_key}"
        return url if vsn is None else f"{url}&vsn={vsn}"


@dataclass
class Cluster:
    dsn: str
    keys: Keys


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An embedded Postgres with the sandbox's schema and the tables of the recordings."""
    data = tmp_path_factory.mktemp("sandbox")
    postgres = Postgres.start(data, None)
    try:
        schema.apply(postgres.dsn)
        with psycopg.connect(postgres.dsn, autocommit=True) as connection:
            connection.execute((RECORDINGS / "schema.sql").read_bytes())
            connection.execute("alter table nopk replica identity full")
            # Not compressed, so that a long text is kept apart from its row, as it was in the recording.
            connection.execute("alter table kitchen alter big set storage external")
        yield Cluster(postgres.dsn, Keys.from_secret("s" * 64))
    finally:
        postgres.stop()


@pytest.fixture(scope="session")
def server(cluster: Cluster) -> Iterator[Server]:
    server = Server(cluster.dsn, cluster.keys).start()
    yield server
    server.stop()


@pytest.fixture
def db(cluster: Cluster, server: Server) -> Iterator[psycopg.Connection[Any]]:
    """The superuser's connection, in autocommit mode; the recordings' tables are empty.

    The server is done with what earlier tests did: their rows and their DDL are not told to who joins now.
    """
    with psycopg.connect(cluster.dsn, autocommit=True) as connection:
        connection.execute("truncate todos, kitchen, nopk, secrets restart identity")
        server.catch_up(connection)
        yield connection


@pytest.fixture
async def rest(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client with the anon key."""
    headers = {"apikey": server.keys.anon_key, "authorization": f"Bearer {server.keys.anon_key}"}
    async with httpx.AsyncClient(base_url=f"{server.url}/rest/v1", headers=headers, timeout=30) as client:
        yield client
