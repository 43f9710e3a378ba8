"""A kernel without a kernel: comms that record, a loop whose clock the test moves, tables in memory."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm

from livewidgets.core.change import Patch
from livewidgets.core.connection import ConnectionState, ConnectionStatus
from livewidgets.core.filters import Where
from livewidgets.errors import ClosedError, LiveWidgetsError
from livewidgets.live.client import Live
from livewidgets.live.request import FollowedTable
from livewidgets.live.subscription import Subscription
from livewidgets.live.table import LiveTable, TableState, TableStatus
from livewidgets.widgets import hub as hub_module
from livewidgets.widgets.exchange import Exchange
from tests.core.page_model import Page


class Recording(BaseComm):
    """A comm that keeps what it was told to publish."""

    published: list[tuple[BaseComm, str, dict[str, Any], list[bytes]]]

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        type(self).published.append((self, msg_type, data or {}, list(buffers or [])))


@pytest.fixture
def comms(monkeypatch):
    """Record every comm; close what the test has left open."""
    published: list[tuple[BaseComm, str, dict[str, Any], list[bytes]]] = []
    monkeypatch.setattr(Recording, "published", published, raising=False)
    monkeypatch.setattr(comm, "create_comm", Recording)
    yield published
    if hub_module._kept.hub is not None:
        hub_module._kept.hub.close()


def set_clocks(monkeypatch, module, **clocks):
    """Give one module other clocks. The module `time` itself is everybody's: event loops of other threads read it too."""
    real = {name: getattr(time, name) for name in dir(time) if not name.startswith("_")}
    monkeypatch.setattr(module, "time", SimpleNamespace(**(real | clocks)))


class ManualLoop:
    """An event loop in which nothing happens but by the test."""

    def __init__(self) -> None:
        self.now = 50.0
        self._heap: list[tuple[float, int, Any]] = []
        self._count = itertools.count()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        timer = Timer(callback)
        heapq.heappush(self._heap, (self.now + delay, next(self._count), timer))
        return timer

    @property
    def timers(self) -> int:
        return sum(not timer.cancelled for *_, timer in self._heap)

    def run(self, seconds: float = 0.0) -> None:
        until = self.now + seconds
        while self._heap and self._heap[0][0] <= until:
            at, _, timer = heapq.heappop(self._heap)
            self.now = max(self.now, at)
            if not timer.cancelled:
                timer.cancelled = True
                timer.callback()
        self.now = until


class Timer:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualProbe:
    def __init__(self) -> None:
        self.busy = 0.0
        self.asked = 0

    def ask(self) -> None:
        self.asked += 1

    def busy_for(self) -> float:
        return self.busy


class Bench:
    """An exchange with pages at the other end."""

    def __init__(self, pages: int = 1) -> None:
        self.loop = ManualLoop()
        self.probe = ManualProbe()
        self.messages: list[dict[str, Any]] = []
        self.buffers: list[bytes] = []
        self.pages = [Page(f"page-{number}") for number in range(pages)]
        self.deaf = False
        self.exchange = Exchange("epoch-1", self._send, self.loop, self.probe, wall=self.wall)

    def wall(self) -> float:
        return 1_800_000_000.0 + self.loop.now

    def _send(self, message, buffers) -> None:
        self.messages.append(message)
        self.buffers += buffers
        if message["t"] == "tick" and not self.deaf:
            for page in self.pages:
                for answer in page.receive(message, buffers):
                    self.loop.call_later(0.005, lambda answer=answer: self.exchange.hear(answer))

    def show(self, *feeds: str, page: int = 0) -> None:
        self.exchange.hear(self.pages[page].show(*feeds))

    @property
    def ticks(self) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["t"] == "tick"]

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["t"] == "ans"]


@pytest.fixture
def bench():
    return Bench()


class MemoryReplica:
    def __init__(self, key: tuple[str, ...]) -> None:
        self.key = key
        self.by_key: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        self.version = 0

    def rows(self):
        return list(self.by_key.values())

    def __len__(self) -> int:
        return len(self.by_key)


class MemoryTable(LiveTable):
    """A table that a test writes to; its taps are called at once, on the test's thread."""

    def __init__(self, live=None, name="calls", rows=(), *, limit=None, where=None, state=TableState.LIVE):
        self._memory_live = live
        self._name, self._where, self._limit = name, where, limit
        self._memory = MemoryReplica(("id",))
        self._memory.by_key = {(row["id"],): row for row in rows}
        self._taps: list[tuple[Callable, Callable | None]] = []
        self.handle_closed = False
        self.table_status = TableStatus(state, 1_700_000_000.0, None, len(self._memory), False)

    live = property(lambda self: self._memory_live)
    name = property(lambda self: self._name)
    where = property(lambda self: Where.parse(self._where))
    limit = property(lambda self: self._limit)
    key = property(lambda self: self._memory.key)
    version = property(lambda self: self._memory.version)
    age = property(lambda self: 0.5)
    _replica = property(lambda self: self._memory)

    @property
    def status(self):
        if self.handle_closed:
            return replace(self.table_status, state=TableState.CLOSED)
        return self.table_status

    @property
    def taps(self) -> int:
        return len(self._taps)

    def __repr__(self) -> str:
        return f"<MemoryTable {self._name}>"

    def _tap(self, on_patch, on_status=None):
        if self.handle_closed:
            raise ClosedError("This handle was closed.", "Ask again.")
        tap = (on_patch, on_status)
        self._taps.append(tap)
        if on_status is not None:
            on_status(self.status)
        subscription = Subscription(lambda: self._taps.remove(tap))
        self._open_subscriptions = [*getattr(self, "_open_subscriptions", []), subscription]
        return subscription

    def close(self) -> None:
        self.handle_closed = True
        for subscription in getattr(self, "_open_subscriptions", []):
            subscription.close()

    def put(self, *rows: Mapping[str, Any]) -> None:
        self._memory.version += 1
        upserted = {}
        for row in rows:
            upserted[row["id"],] = self._memory.by_key[row["id"],] = row
        self._tell(Patch(self._memory.version, upserted))

    def remove(self, *keys: Any) -> None:
        self._memory.version += 1
        self._tell(Patch(self._memory.version, {}, {(key,): self._memory.by_key.pop((key,)) for key in keys}))

    def _tell(self, patch: Patch) -> None:
        for on_patch, _ in list(self._taps):
            on_patch(patch)

    def turn(self, state: TableState, error: LiveWidgetsError | None = None, partial: bool = False) -> None:
        self.table_status = TableStatus(state, 1_700_000_100.0, error, len(self._memory), partial)
        for _, on_status in list(self._taps):
            if on_status is not None:
                on_status(self.status)


class MemoryLive(Live):
    """A connection that a test writes; tables of it are in memory."""

    def __init__(self, **tables: list[Mapping[str, Any]]) -> None:
        self._closed = True  # there is nothing to close
        self.rows = tables
        self.opened: list[MemoryTable] = []
        self.retries = 0
        self.listeners: list[Callable[[ConnectionStatus], object]] = []
        self.connection = ConnectionStatus(
            ConnectionState.LIVE, 1_700_000_000.0, 0, None, None, 12.4, {"rest": 1.2, "realtime": 0.4}
        )

    status = property(lambda self: self.connection)

    @property
    def tables(self):
        return tuple(
            FollowedTable(name, Where.parse(None), None, None, 1, TableStatus(TableState.LIVE, 0.0))
            for name in self.rows
        )

    def __repr__(self) -> str:
        return "<MemoryLive>"

    def table(
        self, name, *, where=None, order=None, limit=None, fixed=(), key=(), conflict="server", history=True
    ):
        rows = self.rows.get(name, [])
        if where:
            rows = [row for row in rows if all(row[column] == value for column, value in where.items())]
        table = MemoryTable(self, name, rows, limit=limit, where=where)
        self.opened.append(table)
        return table

    def _watch_status(self, listener):
        self.listeners.append(listener)
        listener(self.connection)
        return Subscription(lambda: self.listeners.remove(listener))

    def retry_now(self) -> None:
        self.retries += 1

    def turn(self, **changes: Any) -> None:
        self.connection = replace(self.connection, **changes)
        for listener in list(self.listeners):
            listener(self.connection)
