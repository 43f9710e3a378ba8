"""Three clients, a rival and a bad network, by a seeded throw of dice; then quiet, and all is as a select says."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from livewidgets.core.mutation import MutationState
from livewidgets.errors import LiveWidgetsError
from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable, TableState
from livewidgets.live.thread import io_thread
from livewidgets.live.timings import Timings
from livewidgets.live.writes_mutation import Mutation
from livewidgets.sandbox.faults import FaultProxy
from livewidgets.sandbox.faults_schedule import Schedule
from livewidgets.sandbox.keys import Keys
from tests.live.conftest import Table, eventually
from tests.live.test_cycles import sockets
from tests.sandbox.api.conftest import Server

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]

#: Short enough for several outages in a few seconds, long enough for a machine that has much else to do; the order among
#: them is as in the defaults.
BRISK = Timings(
    open=3,
    heartbeat=0.3,
    heartbeat_reply=1.2,
    join=2.5,
    stream=5,
    request=4,
    rest_retry=0.1,
    table_retry=0.3,
    refill=0.02,
    sync=0.5,
)
#: How long anything may take on such a machine (seconds); none of it is slept away.
PATIENCE = 40.0
SECONDS = 5.0
STEPS = 250
FAULTS = (
    "cut",
    "stall",
    "reset_connections",
    "delay",
    "truncate",
    "send_garbage",
    "duplicate",
    "answer_joins_late",
)
RULES = ("server", "merge", "mine")
#: Few, so that everybody meets everybody.
KEYS = [str(UUID(int=number)) for number in range(1, 13)]
COLUMNS = (
    "id uuid primary key default gen_random_uuid(), a text, b text, c text, n int not null default 0, "
    "version bigint not null default 1, updated_at timestamptz"
)
SHOWN = ("id", "a", "b", "c", "n", "version")

#: When, who (a client's number; 3 is the rival in SQL), what, which key, which column, which number.
Step = tuple[float, int, str, str, str, int]


def steps(seed: int) -> list[Step]:
    """Make up who writes what when."""
    dice = random.Random(seed)
    made: list[Step] = []
    for number in range(STEPS):
        at, who = dice.uniform(0, SECONDS), dice.randrange(4)
        what = dice.choices(("update", "insert", "new", "delete", "undo"), (60, 15, 5, 15, 5))[0]
        # Half of the time a column of one's own, which "merge" can join with what others do.
        column = "abc"[min(who, 2)] if dice.random() < 0.5 else dice.choice("abc")
        made.append((round(at, 3), who, what, dice.choice(KEYS), column, number))
    return sorted(made)


@pytest.fixture
def data(make_table: MakeTable) -> Iterator[Table]:
    """A table that keeps a record of every value that was ever written to it."""
    table = make_table(COLUMNS)
    table.run("create trigger touch before update on {} for each row execute function sandbox.touch()")
    table.run("create table {}_record (value text)")
    table.run(
        "create function {}_keep() returns trigger language plpgsql security definer as $$ begin "
        "insert into {}_record values (new.a), (new.b), (new.c); return null; end $$"
    )
    table.run("create trigger keep after insert or update on {} for each row execute function {}_keep()")
    for key in KEYS[:6]:
        table.run("insert into {} (id) values (%s)", key)
    yield table
    table.run("drop function {}_keep cascade")
    table.run("drop table {}_record")


def write(table: LiveTable, step: Step, made: list[tuple[Mutation, str]]) -> None:
    """Do a client's step, and note what came of it with the value that has to be found in the record."""
    _, _, what, key, column, number = step
    value = f"value {number}"
    if what == "update":
        made.append((table.update(key, {column: value, "n": number % 10}), value))
    elif what == "insert":
        made.append((table.insert({"id": key, column: value}), value))
    elif what == "new":
        made.append((table.insert({column: value}), value))
    elif what == "delete":
        made.append((table.delete(key), ""))
    elif made:
        made.append((made[number % len(made)][0].undo(), ""))


def rival(data: Table, step: Step) -> None:
    """Do a step as somebody who knows nothing of this package."""
    _, _, what, key, column, number = step
    value = f"rival {number}"
    if what == "delete":
        data.run("delete from {} where id = %s", key)
    elif what == "insert":
        data.run("insert into {} (id, n) values (%s, %s) on conflict do nothing", key, number % 10)
    else:
        data.run(f"update {{}} set {column} = %s, n = %s where id = %s", value, number % 10, key)


def shown(table: LiveTable) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in SHOWN) for row in table.rows()]


class Client:
    """A connection with the whole table, a part of it and a window on it."""

    def __init__(self, live: Live, data: Table, rule: Any = "server") -> None:
        self.live = live
        self.data = data
        self.table = live.table(data.name, conflict=rule, offline="queue")
        self.part = live.table(data.name, where={"n": ("gt", 4)})
        self.window = live.table(data.name, order="-n", limit=5)
        self.made: list[tuple[Mutation, str]] = []

    @property
    def tables(self) -> tuple[LiveTable, ...]:
        return self.table, self.part, self.window

    def is_right(self) -> bool:
        if any(table.status.state is not TableState.LIVE for table in self.tables):
            return False
        selected = [
            (str(key), *rest) for key, *rest in self.data.rows(", ".join(SHOWN), "order by n desc, id")
        ]
        return (
            sorted(shown(self.table)) == sorted(selected)
            and sorted(shown(self.part)) == sorted(row for row in selected if row[4] > 4)
            and shown(self.window) == selected[:5]
        )


def counts() -> dict[str, int]:
    """What this process holds: the tasks of the I/O thread, threads, sockets."""

    async def tasks() -> int:
        return len(asyncio.all_tasks())

    gc.collect()
    return {"tasks": io_thread().run(tasks()), "threads": threading.active_count(), "sockets": sockets()}


def storm(clients: list[Client], data: Table, proxy: FaultProxy, seed: int, day: Schedule) -> None:
    """Let everything happen at its time."""
    playing = day.play(proxy)
    began = time.monotonic()
    for step in steps(seed):
        while (wait := began + step[0] - time.monotonic()) > 0:
            due = playing.advance()
            time.sleep(min(wait, wait if due is None else due))
        playing.advance()
        if step[1] < len(clients):
            client = clients[step[1]]
            write(client.table, step, client.made)
        else:
            rival(data, step)
    while (rest := playing.advance()) is not None:
        time.sleep(rest)


def settle(clients: list[Client], data: Table) -> dict[str, int]:
    """Every write is in a final state and has an answer, and what was said to be written was."""
    for client in clients:
        eventually(lambda c=client: not c.table.mutations, f"{client.table.mutations} are stuck", PATIENCE)
    recorded = {value for (value,) in data.db.execute(f"select value from public.{data.name}_record")}
    states = dict.fromkeys(("synced", "rejected", "conflict"), 0)
    for mutation, value in (one for client in clients for one in client.made):
        assert mutation.settled, mutation
        states[mutation.state] += 1
        if mutation.state is MutationState.SYNCED:
            mutation.result(0)
            assert not value or value in recorded, f"{mutation} is said to be written and was not: {value}"
        else:
            with pytest.raises(LiveWidgetsError):
                mutation.result(0)
    return states


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_the_storm_all_is_right_and_nothing_is_left(
    open_live: OpenLive, sandbox: Any, data: Table, seed: int
) -> None:
    day = Schedule.random(seed, SECONDS, 9, FAULTS)
    # Shown when it fails.
    print(f"seed {seed}, {day!r}\n{steps(seed)}")
    # What stays for good is started by the first who needs it.
    with open_live() as first:
        seen: list[Any] = []
        first.table(data.name).ready(PATIENCE).on_change(seen.append)
        data.run("update {} set n = 1")
        eventually(lambda: seen, limit=PATIENCE)
    eventually(lambda: counts()["tasks"] <= 1, limit=PATIENCE)
    before = counts()

    server = Server(sandbox.dsn, Keys.load(sandbox.data)).start()
    try:
        with FaultProxy.running(server.url) as proxy:
            token = sandbox.manager_token
            clients = [
                Client(open_live(url=proxy.url, token=token, timings=BRISK), data, rule) for rule in RULES
            ]
            for client in clients:
                client.table.ready(PATIENCE)
            storm(clients, data, proxy, seed, day)
            for client in clients:
                client.live.retry_now()  # how long it waits between tries is not what is tested
            print(settle(clients, data))
            late = Client(open_live(url=proxy.url, token=token, timings=BRISK), data)
            for client in (*clients, late):
                eventually(
                    client.is_right, f"{client.tables} are not what a select returns, seed {seed}", PATIENCE
                )
            for client in (*clients, late):
                client.live.close()
            realtime = server.app.state.realtime
            eventually(
                lambda: not realtime.sockets and not len(realtime.subscriptions),
                "the server still serves",
                PATIENCE,
            )
            eventually(lambda: not proxy.connections, "connections are left", PATIENCE)
    finally:
        server.stop()
    eventually(
        lambda: all(counts()[name] <= number for name, number in before.items()),
        f"something is left: {before} became {counts()}, seed {seed}",
        PATIENCE,
    )
