"""A sandbox whose tables the tests may break, and the doctor before it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from livewidgets.core.change import Change
from livewidgets.doctor.case import Limits
from livewidgets.doctor.examination import CHECKS, MACHINE, report
from livewidgets.doctor.finding import Finding, Report, State
from livewidgets.doctor.sources import find_case
from livewidgets.live.client import Live
from livewidgets.sandbox.launcher import SandboxInfo
from livewidgets.testing import wait_until

_number = itertools.count(1)

#: What is said of the project; the machine that runs the tests is another matter.
PROJECT = [check for check in CHECKS if check.section != MACHINE]

#: The table that most tests begin with: as the documentation tells to make one.
HEALTHY = """
create table {} (id bigint primary key, title text, secret text);
alter table {} enable row level security;
create policy "everybody may read" on {} for select to anon, authenticated using (true);
grant select on {} to anon, authenticated;
grant all on {} to service_role;
alter publication supabase_realtime add table {};
"""
ROWS = "insert into {} values (1, 'one', '+1 555 0100'), (2, 'two', null)"


@dataclass
class Patient:
    """A table of a test's own."""

    db: psycopg.Connection[Any]
    name: str

    def run(self, statements: str) -> None:
        """Execute SQL; ``{}`` is the table."""
        self.db.execute(statements.replace("{}", f"public.{self.name}"))


@pytest.fixture
def patient(sandbox_db: psycopg.Connection[Any]) -> Iterator[Patient]:
    made = Patient(sandbox_db, f"patient_{next(_number)}")
    made.run(HEALTHY)
    made.run(ROWS)
    yield made
    made.run("drop table if exists {}")


@pytest.fixture
def quiet_patient(sandbox: SandboxInfo, sandbox_db: psycopg.Connection[Any]) -> Iterator[Patient]:
    """One whose rows have been told to all who listen: they are no news to who joins after that."""
    made = Patient(sandbox_db, f"patient_{next(_number)}")
    made.run(HEALTHY)
    told: list[Change] = []
    with (
        Live(sandbox.url, sandbox.anon_key) as live,
        live.on(made.name, "INSERT", told.append, table=made.name).ready(30),
    ):
        made.run(ROWS)
        wait_until(lambda: len(told) == 2, 20, "the rows to be told")
    yield made
    made.run("drop table if exists {}")


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """What the machine that runs the tests has configured is not looked at."""
    for name in ("SUPABASE_URL", "SUPABASE_KEY", "SUPABASE_ANON_KEY", "SUPABASE_PUBLISHABLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("LIVEWIDGETS_SANDBOX", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def examined(sandbox: Any) -> Callable[..., Report]:
    """Examine a table of the sandbox as anon, and write."""

    def examine(table: str | None, **options: Any) -> Report:
        options.setdefault("role", "anon")
        limits = options.pop("limits", Limits(20.0, 20.0))
        wall = options.pop("wall", None)
        if "data" not in options and "url" not in options:
            options["data"] = sandbox.data
        case = find_case(table, limits=limits, **options)
        if wall is not None:
            case.wall = wall
        return asyncio.run(report(case, PROJECT))

    return examine


def of(found: Report, name: str) -> Finding:
    """The finding of a check."""
    return next(finding for finding in found.findings if finding.name == name)


def blamed(found: Report) -> tuple[str, str]:
    """The check that answers the question, and what mends it."""
    assert not found.ok, [(finding.name, finding.what) for finding in found.findings]
    cause = found.cause
    assert cause is not None
    assert cause.state is State.FAILED
    return cause.name, cause.mend
