"""Bad days, written down: over real sockets, with a real sandbox behind, and a table that is right in the end."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.errors import SandboxStartError
from livewidgets.live.client import Live
from livewidgets.live.timings import Timings
from livewidgets.sandbox import launcher
from livewidgets.sandbox.faults import FaultProxy
from livewidgets.sandbox.faults_schedule import KINDS, Fault, Schedule
from livewidgets.testing import ManualClock, wait_until
from tests.sandbox.processes import LIMIT, kept_port

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = Timings(open=3, heartbeat=0.3, heartbeat_reply=6.0, rest_retry=0.1, table_retry=0.3, audit=1.0)


class Noting:
    """Stands where a proxy would, and writes down what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.told.append((name, *arguments))


def test_faults_come_at_their_time_by_any_clock() -> None:
    day = Schedule([(2.0, "restore"), (0.5, "cut"), (2.0, "reset_connections", 1012)])
    clock, proxy = ManualClock(), Noting()
    playing = day.play(proxy, clock)  # type: ignore[arg-type]
    assert playing.advance() == pytest.approx(0.5)
    clock.advance(0.5)
    assert playing.advance() == pytest.approx(1.5)
    assert proxy.told == [("cut",)]
    clock.advance(5)
    assert playing.advance() is None
    assert proxy.told == [("cut",), ("restore",), ("reset_connections", 1012)]
    day.run(proxy, clock, clock.advance)  # type: ignore[arg-type]
    assert len(proxy.told) == 6


@given(st.integers(), st.floats(0.1, 10), st.integers(0, 20))
def test_a_made_up_day_is_the_same_for_the_same_seed_and_ends_well(
    seed: int, seconds: float, count: int
) -> None:
    day = Schedule.random(seed, seconds, count)
    assert day == Schedule.random(seed, seconds, count)
    assert hash(day) == hash(Schedule.random(seed, seconds, count))
    times = [fault.at for fault in day]
    assert times == sorted(times)
    assert day.faults[-1] == Fault(seconds, "restore")
    assert count + 1 <= len(day.faults) <= 2 * count + 1
    assert eval(repr(day)) == day
    for fault in day:
        assert callable(getattr(FaultProxy, fault.name))


def test_a_fault_that_is_not_there() -> None:
    with pytest.raises(SandboxStartError, match="cut, stall, delay"):
        Schedule([(0, "flood")])


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[launcher.SandboxInfo]:
    data = tmp_path_factory.mktemp("faults")
    with kept_port() as port:
        info = launcher.launch(data, port=port, traffic=False, exit_when_idle=300, timeout=LIMIT)
        yield info
    now = launcher.SandboxInfo.read(data)
    assert now is not None
    launcher.stop(now)


def rows(data: Any) -> list[Any]:
    now = launcher.SandboxInfo.read(data)
    assert now is not None
    with psycopg.connect(now.dsn) as db:
        return sorted(db.execute("select id, title from todos").fetchall())


@pytest.mark.parametrize("name", [*KINDS, "restart_backend", *range(4)])
def test_a_table_is_right_after_each_fault_and_after_days_of_them(
    behind: launcher.SandboxInfo, name: str | int
) -> None:
    if isinstance(name, int):
        day = Schedule.random(name, seconds=2.5)
    else:
        made_up = Schedule.random(1, 0.6, 1, [name]).faults[0]
        day = Schedule([(0.1, name, *made_up.arguments), (0.6, "restore")])
    lost = threading.Event()

    def restart() -> None:
        launcher.restart(behind, traffic=False, exit_when_idle=300, timeout=LIMIT)
        lost.set()

    with (
        FaultProxy.running(behind.url, restart) as proxy,
        Live(proxy.url, behind.service_key, timings=QUICK) as live,
    ):
        table = live.table("todos").ready(LIMIT)
        days = threading.Thread(target=day.run, args=(proxy,))
        days.start()
        while days.is_alive():
            now = launcher.running(behind.data)
            if now is not None and not lost.is_set():
                # The backend may restart under these very statements.
                with suppress(psycopg.OperationalError), psycopg.connect(now.dsn) as db:
                    db.execute("insert into todos (title) values ('new')")
                    db.execute("update todos set title = 'old' where id % 3 = 0 and title <> 'old'")
                    db.execute("delete from todos where id % 5 = 0")
            days.join(0.03)
        wait_until(
            lambda: (
                table.status.state == "live"
                and sorted((row["id"], row["title"]) for row in table.rows()) == rows(behind.data)
            ),
            LIMIT,
            f"the table to be right after {day}",
        )
