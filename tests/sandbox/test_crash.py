"""Killed at any moment, under load: it starts again, nothing acknowledged is missing, subscribers catch up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from livewidgets.live.client import Live
from livewidgets.live.timings import Timings
from livewidgets.sandbox.instance import SandboxInfo, running
from livewidgets.sandbox.launcher import pause
from tests.sandbox.cluster import wait_until
from tests.sandbox.processes import LIMIT, command, kept_port, postmaster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from livewidgets.live.table import LiveTable

KILLS = 20
SEED = 20_241
#: Seconds after its start at which one is killed, at most: half of them fall into the start itself.
LATEST = 1.2
QUICK = Timings(open=3, heartbeat=0.3, heartbeat_reply=6.0, rest_retry=0.1, table_retry=0.3)
TABLE = """
create table if not exists ledger (id bigint primary key, note int not null);
grant all on ledger to service_role;
do $$ begin
  alter publication supabase_realtime add table ledger;
exception when duplicate_object then null;
end $$
"""


@dataclass
class Load:
    """Writes through SQL and through REST, from two threads, and remembers what was acknowledged."""

    data: Path
    acknowledged: dict[int, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=write) for write in (self._by_sql, self._by_rest)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(30)
                assert not thread.is_alive()

    def _by_sql(self) -> None:
        number = 0
        while not self._over.is_set():
            info = SandboxInfo.read(self.data)
            if info is None:
                self._over.wait(0.01)
                continue
            with (
                suppress(psycopg.OperationalError, psycopg.errors.UndefinedTable),
                psycopg.connect(info.dsn, autocommit=True, connect_timeout=2) as db,
            ):
                while not self._over.is_set():
                    number += 2
                    row = number - number % 10  # a row is written five times, each time higher
                    db.execute(
                        "insert into ledger values (%s, %s) on conflict (id) do update set note = excluded.note",
                        [row, number],
                    )
                    self.acknowledged[row] = number

    def _by_rest(self) -> None:
        number = -1
        while not self._over.is_set():
            info = SandboxInfo.read(self.data)
            if info is None:
                self._over.wait(0.01)
                continue
            headers = {"apikey": info.service_key, "authorization": f"Bearer {info.service_key}"}
            with (
                suppress(httpx.TransportError),
                httpx.Client(base_url=info.url, headers=headers, timeout=5, trust_env=False) as client,
            ):
                while not self._over.is_set():
                    number += 2
                    answer = client.post("/rest/v1/ledger", json={"id": -number, "note": number})
                    if answer.status_code == 201:
                        self.acknowledged[-number] = number
                    elif answer.status_code < 500 and answer.status_code != 404:
                        self.refused.append(answer.text)


def start(data: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("--data", str(data), "--port", str(port), "--speed", "30"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def end(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    process.send_signal(number)
    process.wait(LIMIT)
    assert process.stderr is not None
    process.stderr.close()


def ready(process: subprocess.Popen[bytes], data: Path) -> SandboxInfo:
    def answers() -> SandboxInfo | None:
        assert process.poll() is None, process.stderr and process.stderr.read()
        return running(data)

    info: SandboxInfo = wait_until(answers, LIMIT, "it starts again without a hand")
    return info


def rows(info: SandboxInfo, query: str) -> dict[Any, Any]:
    with psycopg.connect(info.dsn) as db:
        return dict(db.execute(query).fetchall())


def caught_up(info: SandboxInfo, ledger: LiveTable, calls: LiveTable) -> bool:
    return (
        ledger.status.state == calls.status.state == "live"
        and {row["id"]: row["note"] for row in ledger.rows()} == rows(info, "select id, note from ledger")
        and {row["id"]: row["version"] for row in calls.rows()}
        == rows(info, "select id::text, version from calls")
    )


@pytest.fixture
def port() -> Iterator[int]:
    with kept_port() as port:
        yield port


def test_killed_at_twenty_moments_under_load(tmp_path: Path, port: int) -> None:
    chance, data = random.Random(SEED), tmp_path / "data"
    process = start(data, port)
    info = ready(process, data)
    with psycopg.connect(info.dsn, autocommit=True) as db:
        db.execute(TABLE)
    load = Load(data)
    started_again = 0
    try:
        with Live(info.url, info.service_key, timings=QUICK) as live:
            ledger, calls = live.table("ledger").ready(LIMIT), live.table("calls").ready(LIMIT)
            with load.running():
                for kill in range(KILLS):
                    time.sleep(chance.uniform(0.0, LATEST))  # the moment
                    known = dict(load.acknowledged)
                    started_again += running(data) is not None
                    if kill % 4 == 3:
                        # Postgres too, at once: else the kernel stops it when the sandbox is gone.
                        with suppress(ProcessLookupError):
                            os.kill(postmaster(data) or 2**22 + 1, signal.SIGKILL)
                    end(process)
                    process = start(data, port)
                    if kill % 4 == 0:
                        info = ready(process, data)
                        there = rows(info, "select id, note from ledger")
                        assert {row: note for row, note in known.items() if there.get(row, -1) < note} == {}
                info = ready(process, data)
                wait_until(lambda: len(load.acknowledged) > 500, LIMIT, "it is under load")
            there = rows(info, "select id, note from ledger")
            missing = {row: note for row, note in load.acknowledged.items() if there.get(row, -1) < note}
            assert missing == {}
            assert load.refused == []
            assert started_again >= KILLS // 3, "else the load met no running sandbox"
            pause(info)
            wait_until(lambda: caught_up(info, ledger, calls), LIMIT, "subscribers see what a select sees")
            assert len(calls)
            slots = rows(info, "select slot_name, active from pg_replication_slots")
            assert list(slots.values()) == [True]
    finally:
        end(process, signal.SIGTERM)


def test_killed_while_it_makes_its_database(tmp_path: Path) -> None:
    for name, moment in (("a", 0.5), ("b", 1.2)):
        data = tmp_path / name
        process = start(data, 0)
        time.sleep(moment)
        end(process)
        process = start(data, 0)
        info = ready(process, data)
        assert rows(info, "select id, name from campaigns")
        end(process, signal.SIGTERM)
