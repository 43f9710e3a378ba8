"""Optimistic writes over the real sandbox: shown at once, and in the end what a select returns."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from livewidgets.core.change import Patch
from livewidgets.core.mutation import MutationState
from livewidgets.errors import (
    ClosedError,
    ConflictError,
    FilterError,
    LiveWidgetsError,
    NoRightsError,
    NotConnectedError,
    NotReadyError,
    NotSettledError,
    ReadOnlyError,
    RowNotAddedError,
    RowVanishedError,
    UnknownColumnError,
    WriteRefusedError,
)
from livewidgets.live.client import Live
from livewidgets.live.table import LiveTable, TableState
from livewidgets.live.thread import io_thread
from livewidgets.live.writes_errors import GeneratedColumnError, write_error
from livewidgets.live.writes_mutation import Mutation
from livewidgets.live.writes_values import is_uuid_column, plain_key, plain_row
from livewidgets.sandbox.faults import FaultProxy
from tests.live.conftest import Table, eventually, held_back

MakeTable = Callable[..., Table]
OpenLive = Callable[..., Live]

COLUMNS = (
    "id uuid primary key default gen_random_uuid(), a text, b text, c text, n int check (n < 100), "
    "double int generated always as (n * 2) stored, version bigint not null default 1, updated_at timestamptz"
)
A, B = str(UUID(int=1)), str(UUID(int=2))


@pytest.fixture
def data(make_table: MakeTable) -> Table:
    """A table whose versions are raised by a trigger, with two rows."""
    table = make_table(COLUMNS)
    table.run("create trigger touch before update on {} for each row execute function sandbox.touch()")
    table.run(
        f"insert into {{}} (id, a, b, c, n) values ('{A}', 'a', 'b', 'c', 1), ('{B}', 'a', 'b', 'c', 2)"
    )
    return table


@pytest.fixture
def proxy(sandbox: Any) -> Iterator[FaultProxy]:
    with FaultProxy.running(sandbox.url) as running:
        yield running


@pytest.fixture
def far(open_live: OpenLive, proxy: FaultProxy, sandbox: Any) -> Live:
    return open_live(url=proxy.url, token=sandbox.manager_token)


def shown(table: LiveTable) -> list[tuple[Any, ...]]:
    return sorted((row["id"], row["a"], row["b"], row["c"], row["n"], row["version"]) for row in table.rows())


def selected(data: Table) -> list[tuple[Any, ...]]:
    return [(str(key), *rest) for key, *rest in data.rows("id, a, b, c, n, version", "order by id::text")]


def end_right(data: Table, *tables: LiveTable) -> None:
    """All is settled, and all rows shown are those of a select."""
    for table in tables:
        eventually(lambda table=table: not table.mutations, f"{table.mutations} are stuck")
        eventually(
            lambda table=table: shown(table) == selected(data), f"{table!r} is not what a select returns"
        )


# -- one client ------------------------------------------------------------------------------------------------------


def test_an_update_is_shown_at_once_accepted_and_synced(live: Live, data: Table) -> None:
    table = live.table(data.name).ready()
    patches: list[Patch] = []
    table._tap(patches.append)
    mutation = table.update(A, {"a": "new"})
    assert table[A]["a"] == "new"
    assert [row["a"] for row in table.rows() if row["id"] == A] == ["new"]
    assert patches[0].upserted[(A,)]["a"] == "new"
    row = mutation.result(timeout=5)
    assert row is not None
    assert (row["a"], row["version"]) == ("new", 2)
    eventually(lambda: mutation.state is MutationState.SYNCED)
    assert mutation.settled
    assert repr(mutation) == f"<Mutation: update in {data.name}, synced>"
    end_right(data, table)
    assert [patch.version for patch in patches] == list(range(patches[0].version, table.version + 1))


def test_an_insert_makes_its_key_and_a_delete_takes_the_row(live: Live, data: Table) -> None:
    table = live.table(data.name, order="n").ready()
    mutation = table.insert({"a": "new", "n": 0})
    (key,) = mutation.key
    assert [row["id"] for row in table.rows()] == [key, A, B]
    assert table[key]["b"] is None
    row = mutation.result()
    assert row is not None
    assert (row["id"], row["version"]) == (key, 1)
    end_right(data, table)
    gone = table.delete(key)
    assert key not in table
    assert gone.result() is None
    end_right(data, table)
    assert gone.state is MutationState.SYNCED


def test_edits_of_one_row_queue(live: Live, data: Table) -> None:
    table = live.table(data.name).ready()
    mutations = [table.update(A, {"n": n}) for n in range(10)] + [table.update(A, {"a": "last"})]
    assert (table[A]["n"], table[A]["a"]) == (9, "last")
    versions = [(mutation.result() or {})["version"] for mutation in mutations]
    assert versions == list(range(2, 13))
    end_right(data, table)


def test_an_insert_an_update_and_a_delete_of_one_row_queue(live: Live, data: Table) -> None:
    table = live.table(data.name).ready()
    inserted = table.insert({"a": "new"})
    (key,) = inserted.key
    updated, deleted = table.update(key, {"a": "newer"}), table.delete(key)
    assert key not in table
    assert (updated.result() or {})["version"] == 2
    assert deleted.result() is None
    end_right(data, table)


def test_an_undo_restores_what_was(live: Live, data: Table) -> None:
    table = live.table(data.name).ready()
    before = dict(table[A])
    mutation = table.update(A, {"a": "new", "n": 50})
    mutation.result()
    back = mutation.undo()
    assert (table[A]["a"], table[A]["n"]) == ("a", 1)
    back.result()
    end_right(data, table)
    assert {**table[A], "version": 1, "updated_at": None} == before
    gone = table.delete(A)
    gone.result()
    again = gone.undo()
    assert table[A]["a"] == "a"
    again.result()  # without the column that the database computes
    end_right(data, table)
    made = table.insert({"a": "x"})
    unmade = made.undo()  # before there is an answer
    assert made.key[0] not in table
    unmade.result()
    end_right(data, table)
    table.update(A, {"b": "mine"}).result()
    theirs = table.update(A, {"b": "later"})
    theirs.result()
    data.run(f"update {{}} set b = 'theirs' where id = '{A}'")
    late = theirs.undo()
    with pytest.raises(ConflictError):
        late.result()
    end_right(data, table)
    assert table[A]["b"] == "theirs"


def test_a_table_without_versions(live: Live, make_table: MakeTable) -> None:
    data = make_table("id int primary key, title text")
    data.run("insert into {} values (1, 'a')")
    table = live.table(data.name).ready()
    mutation = table.update(1, {"title": "b"})
    mutation.result()
    inserted = table.insert({"id": 2, "title": "new"})
    inserted.result()
    eventually(lambda: not table.mutations)
    assert data.rows() == [(1, "b"), (2, "new")]
    mutation.undo().result()
    inserted.undo().result()
    eventually(lambda: not table.mutations)
    assert data.rows() == [(1, "a")] == [(row["id"], row["title"]) for row in table.rows()]
    taken = table.insert({"id": 1, "title": "again"})
    with pytest.raises(WriteRefusedError, match="with this key"):
        taken.result()
    assert [row["title"] for row in table.rows()] == ["a"]


def test_composite_keys(live: Live, make_table: MakeTable) -> None:
    data = make_table("a int, b text, n int, primary key (a, b)")
    data.run("insert into {} values (1, 'x,y', 1)")
    table = live.table(data.name).ready()
    table.update((1, "x,y"), {"n": 2}).result()
    table.insert({"a": 2, "b": "z", "n": 3}).result()
    table.delete((1, "x,y")).result()
    eventually(lambda: not table.mutations)
    assert data.rows() == [(2, "z", 3)]


def test_a_row_that_leaves_the_filter_by_an_edit(live: Live, data: Table) -> None:
    table = live.table(data.name, where={"a": "a"}, order="n", limit=1).ready()
    mutation = table.update(A, {"a": "elsewhere"})
    assert A not in table
    mutation.result()
    eventually(lambda: mutation.state is MutationState.SYNCED)
    eventually(lambda: [row["id"] for row in table.rows()] == [B])


async def test_a_mutation_can_be_awaited_and_tells_when_it_is_settled(live: Live, data: Table) -> None:
    table = await asyncio.to_thread(live.table(data.name).ready)
    told: asyncio.Queue[Mutation] = asyncio.Queue()
    mutation = table.update(A, {"a": "new"})
    mutation.on_settled(told.put_nowait)
    row = await mutation
    assert row is not None
    assert row["a"] == "new"
    bad = table.update(A, {"n": 100})
    bad.on_settled(told.put_nowait)
    with pytest.raises(WriteRefusedError):
        await bad
    async with asyncio.timeout(5):
        states = {(await told.get()).state, (await told.get()).state}
        bad.on_settled(told.put_nowait)  # at once, for it is
        assert await told.get() is bad
    assert states == {MutationState.SYNCED, MutationState.REJECTED}


@pytest.mark.usefixtures("patient_close")
def test_what_is_on_its_way_when_the_table_is_closed_is_written(live: Live, data: Table) -> None:
    with live.table(data.name).ready() as table:
        mutation = table.update(A, {"a": "new"})
    assert (mutation.result() or {})["a"] == "new"
    with pytest.raises(ClosedError):
        table.update(A, {"a": "x"})
    with pytest.raises(ClosedError):
        mutation.undo()


# -- refusals --------------------------------------------------------------------------------------------------------


def test_a_constraint_takes_the_edit_back_and_tells_no_values(live: Live, data: Table) -> None:
    table = live.table(data.name).ready()
    failed: list[Mutation] = []
    patches: list[Patch] = []
    subscription = live._on_write_failed(failed.append)
    table._tap(patches.append)
    mutation = table.update(A, {"n": 555_123, "a": "+15551234567"})
    with pytest.raises(WriteRefusedError, match="_n_check") as caught:
        mutation.result()
    assert patches[0].upserted[(A,)]["n"] == 555_123  # it was shown, however soon it was refused
    assert "555" not in f"{caught.value!r} {caught.value} {mutation!r}"
    assert mutation.state is MutationState.REJECTED
    assert table[A]["n"] == 1
    assert len(patches) == 2
    eventually(lambda: failed == [mutation])
    assert failed[0].error is not None
    subscription.close()
    with pytest.raises(WriteRefusedError):
        table.insert({"id": B, "a": "taken"}).result()
    assert failed == [mutation]
    end_right(data, table)


def test_row_level_security(live: Live, data: Table) -> None:
    data.run("alter table {} enable row level security")
    data.run("create policy reads on {} for select using (true)")
    table = live.table(data.name).ready()
    patches: list[Patch] = []
    table._tap(patches.append)
    mutations = [table.update(A, {"a": "x"}), table.delete(B), table.insert({"a": "x"})]
    for mutation in mutations:
        with pytest.raises(NoRightsError, match="write"):
            mutation.result()
    # Each was shown before it was refused, however soon that was.
    put = [(key, row["a"]) for patch in patches for key, row in patch.upserted.items()]
    assert ((A,), "x") in put
    assert any((B,) in patch.removed for patch in patches)
    assert any(key not in ((A,), (B,)) and text == "x" for key, text in put)
    end_right(data, table)


def test_a_role_that_may_only_read(open_live: OpenLive, sandbox: Any, sandbox_db: Any) -> None:
    table = open_live().table("campaigns").ready()
    with pytest.raises(NoRightsError, match="write"):
        table.insert({"name": "mine"}).result()


def test_rows_that_vanished(live: Live, data: Table) -> None:
    table = live.table(data.name).ready()
    other = live.table(data.name, where={"n": 99}).ready()
    nobody = str(uuid4())
    with pytest.raises(RowVanishedError):
        table.update(nobody, {"a": "x"}).result()
    assert table.delete(nobody).result() is None
    # Not held here, yet there: it is read first.
    assert (other.update(A, {"a": "new"}).result() or {})["version"] == 2
    with psycopg.connect(data.db.info.dsn + f" password={data.db.info.password}") as rival:
        rival.execute(f"delete from public.{data.name} where id = '{B}'")
        mutations = [table.update(B, {"a": "x"}), table.delete(B)]
        rival.commit()
    with pytest.raises(LiveWidgetsError) as caught:
        mutations[0].result()
    assert isinstance(caught.value, RowVanishedError)
    assert mutations[1].result() is None
    end_right(data, table)


def test_a_view_is_read_only() -> None:
    body = {"code": "55000", "message": 'cannot update view "v"'}
    assert isinstance(write_error(body, "v"), ReadOnlyError)
    assert isinstance(write_error({"code": "25006", "message": "read-only transaction"}, "v"), ReadOnlyError)


@pytest.mark.parametrize(
    ("code", "message", "kind", "words"),
    [
        (
            "23503",
            'violates foreign key constraint "calls_buyer_fkey"',
            WriteRefusedError,
            "calls_buyer_fkey",
        ),
        ("23502", 'null value in column "name" of relation "t"', WriteRefusedError, "'name'"),
        ("22P02", 'invalid input syntax for type integer: "+15551234567"', WriteRefusedError, "22P02"),
        ("P0001", "No calls for +15551234567 today", WriteRefusedError, "No calls for"),
        ("PGRST204", "Could not find the 'x' column of 't'", UnknownColumnError, "'x'"),
        ("428C9", 'cannot insert a non-DEFAULT value into column "p"', GeneratedColumnError, "'p'"),
        ("23000", "+15551234567", WriteRefusedError, "23000"),
        ("42501", "permission denied", NoRightsError, "write"),
    ],
)
def test_refusals_in_our_words(code: str, message: str, kind: type[LiveWidgetsError], words: str) -> None:
    error = write_error({"code": code, "message": message}, "calls")
    assert isinstance(error, kind)
    assert words in str(error)
    assert "5551234567" not in str(error)


def test_other_refusals_are_not_of_writes() -> None:
    assert write_error({"code": "PGRST301"}, "calls") is None
    assert write_error({}, "calls") is None


def test_what_cannot_be_written_is_said_at_once(live: Live, data: Table, make_table: MakeTable) -> None:
    table = live.table(data.name).ready()
    for act, kind in (
        (lambda: table.update(A, {}), FilterError),
        (lambda: table.update(A, "a"), FilterError),
        (lambda: table.update(A, {"a": object()}), FilterError),
        (lambda: table.update((A, B), {"a": "x"}), FilterError),
        (lambda: table.update(A, {"id": B}), FilterError),
        (lambda: table.update(A, {"nope": 1}), UnknownColumnError),
        (lambda: table.insert({"nope": 1}), UnknownColumnError),
        (lambda: live.table(data.name, conflict="theirs"), FilterError),
        (lambda: live.table(data.name, offline="maybe"), FilterError),
    ):
        with pytest.raises(kind):
            act()
    numbered = live.table(make_table().name).ready()
    with pytest.raises(WriteRefusedError, match="is missing"):
        numbered.insert({"title": "x"})

    async def too_early() -> None:
        # In one step of the thread that reads the table, so that it is not read in between.
        live.table(data.name, where={"n": 7}).update(A, {"a": "x"})

    with pytest.raises(NotReadyError):
        io_thread().run(too_early())
    assert table.mutations == []
    end_right(data, table)


# -- several clients -------------------------------------------------------------------------------------------------


def test_three_clients_edit_one_row_and_no_update_is_lost(
    open_live: OpenLive, sandbox: Any, data: Table
) -> None:
    tables = [
        open_live(token=sandbox.manager_token).table(data.name, conflict="merge").ready() for _ in range(3)
    ]
    rounds = 10
    mutations: list[Mutation] = []

    def edit(table: LiveTable, column: str) -> None:
        for n in range(rounds):
            mutation = table.update(A, {column: f"{column}{n}"})
            assert table[A][column] == f"{column}{n}"
            mutations.append(mutation)
            if n % 3 == 0:
                mutation.result(timeout=20)

    threads = [threading.Thread(target=edit, args=pair) for pair in zip(tables, ("a", "b", "c"), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = [mutation.result(timeout=20) or {} for mutation in mutations]
    # Each write raised the version by one, and no two of them the same.
    assert sorted(row["version"] for row in rows) == list(range(2, 3 * rounds + 2))
    end_right(data, *tables)
    last = rounds - 1
    assert selected(data)[0] == (A, f"a{last}", f"b{last}", f"c{last}", 1, 3 * rounds + 1)


def by_hand(mine: Any, theirs: Any, base: Any) -> Any:
    """Count together what was counted apart; what else I changed is mine."""
    changed = {name: value for name, value in mine.items() if value != base[name]}
    return {**theirs, **changed, "n": theirs["n"] + mine["n"] - base["n"]}


@pytest.mark.parametrize("rule", ["server", "mine", "merge", by_hand])
def test_three_clients_edit_one_row_at_once(
    open_live: OpenLive, sandbox: Any, data: Table, rule: Any
) -> None:
    data.run("update {} set n = 0")
    tables = [
        open_live(token=sandbox.manager_token).table(data.name, conflict=rule).ready() for _ in range(3)
    ]
    eventually(lambda: all(table[A]["n"] == 0 for table in tables))
    rounds = 8
    start = threading.Barrier(3)
    made: list[Mutation] = []

    def edit(table: LiveTable, who: int) -> None:
        async def write() -> Mutation:
            # On the I/O thread nothing comes between the look and the edit. One's own column, and one that all raise.
            return table.update(A, {"abc"[who]: f"{who}.{n}", "n": table[A]["n"] + 1})

        start.wait()
        for n in range(rounds):
            made.append(io_thread().run(write()))
            if n % 2 or rule is by_hand:  # a rule of one's own is given the row that the edit before made
                made[-1]._answered.exception(timeout=20)

    threads = [threading.Thread(target=edit, args=(table, who)) for who, table in enumerate(tables)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    end_right(data, *tables)
    assert len(made) == 3 * rounds
    states = {state: sum(one.state is state for one in made) for state in MutationState}
    ((_, *row, n, version),) = (row for row in selected(data) if row[0] == A)
    # What is said to be written was, once each; what is not was not.
    assert version == 2 + states[MutationState.SYNCED]
    assert states[MutationState.SYNCED] + states[MutationState.CONFLICT] == len(made)
    assert states[MutationState.SYNCED] >= 1
    if rule in ("mine", by_hand):
        assert states[MutationState.CONFLICT] == 0
    if rule is by_hand:
        assert n == 3 * rounds
    if rule == "mine":
        assert row == [f"{who}.{rounds - 1}" for who in range(3)]
    if rule == "server":
        assert n == states[MutationState.SYNCED]  # no lost update


@pytest.mark.parametrize(
    ("rule", "values", "wanted"),
    [
        ("server", {"a": "mine"}, None),
        ("merge", {"a": "mine"}, ("mine", "theirs")),
        ("merge", {"b": "mine"}, None),
        ("mine", {"b": "mine"}, ("a", "mine")),
        (
            lambda mine, theirs, base: {"b": f"{mine['b']}+{theirs['b']}-{base['b']}"},
            {"b": "m"},
            ("a", "m+theirs-b"),
        ),
        (lambda mine, theirs, base: None, {"b": "m"}, None),
    ],
    ids=["server", "merge", "both touched it", "mine", "a function", "a function that gives way"],
)
def test_a_lost_race(live: Live, data: Table, rule: Any, values: dict[str, str], wanted: Any) -> None:
    table = live.table(data.name, conflict=rule).ready()
    with held_back(data, f"update {{}} set b = 'theirs' where id = '{A}'") as rival:
        mutation = table.update(A, values)
        rival.commit()
    if wanted is None:
        with pytest.raises(ConflictError) as caught:
            mutation.result()
        assert mutation.state is MutationState.CONFLICT
        error = caught.value
        assert error.mine is not None
        assert error.theirs is not None
        assert error.base is not None
        assert (error.base["b"], error.theirs["b"]) == ("b", "theirs")
        end_right(data, table)
        assert (table[A]["a"], table[A]["b"], table[A]["version"]) == ("a", "theirs", 2)
    else:
        row = mutation.result() or {}
        assert (row["a"], row["b"], row["version"]) == (*wanted, 3)
        end_right(data, table)


def test_a_rule_that_raises_gives_way(live: Live, data: Table, caplog: pytest.LogCaptureFixture) -> None:
    def rule(mine: Any, theirs: Any, base: Any) -> Any:
        raise ValueError("oops")

    table = live.table(data.name, conflict=rule).ready()
    with (
        caplog.at_level(logging.CRITICAL),
        held_back(data, f"update {{}} set b = 'x' where id = '{A}'") as rival,
    ):
        mutation = table.update(A, {"b": "y"})
        rival.commit()
    with pytest.raises(ConflictError):
        mutation.result()
    end_right(data, table)


# -- faults ----------------------------------------------------------------------------------------------------------


def test_a_cut_before_the_request_arrives(far: Live, proxy: FaultProxy, data: Table) -> None:
    table = far.table(data.name).ready()
    proxy.stall()
    mutation = table.update(A, {"a": "new"})
    inserted = table.insert({"a": "inserted"})
    assert table[A]["a"] == "new"
    with pytest.raises(NotSettledError):
        mutation.result(timeout=0.05)
    proxy.cut()
    proxy.restore()
    assert (mutation.result() or {})["version"] == 2
    inserted.result()
    end_right(data, table)


@pytest.mark.parametrize("kind", ["update", "delete", "insert"])
def test_a_cut_before_the_answer_arrives(far: Live, proxy: FaultProxy, data: Table, kind: str) -> None:
    table = far.table(data.name, conflict="mine").ready()
    # The database is made to wait, so that the request is there and the answer is not.
    with held_back(data, "lock table {} in share row exclusive mode") as rival:
        if kind == "update":
            mutation = table.update(A, {"a": "new"})
        elif kind == "delete":
            mutation = table.delete(A)
        else:
            mutation = table.insert({"a": "new"})

        def waits() -> bool:
            found = data.db.execute(
                "select count(*) from pg_locks where not granted and relation = %s::regclass", (data.name,)
            ).fetchone()
            return found is not None and found[0] > 0

        eventually(waits)
        proxy.cut()
        eventually(lambda: table.status.state is TableState.STALE)
        assert mutation.state is MutationState.PENDING
        rival.commit()
    proxy.restore()
    far.retry_now()
    row = mutation.result()
    if row is not None:
        assert row["version"] == (2 if kind == "update" else 1)  # written once
    end_right(data, table)
    assert len(selected(data)) == {"update": 2, "delete": 1, "insert": 3}[kind]


def test_without_a_connection_a_write_fails_at_once_or_waits(
    far: Live, proxy: FaultProxy, data: Table
) -> None:
    table = far.table(data.name).ready()
    patient = far.table(data.name, conflict="merge", offline="queue").ready()
    proxy.cut()
    eventually(lambda: table.status.state is TableState.STALE)
    with pytest.raises(NotConnectedError):
        table.update(A, {"a": "x"})
    waiting = [patient.update(A, {"a": f"{n}"}) for n in range(5)]
    inserted = patient.insert({"a": "new"})
    mended = patient.update(inserted.key, {"a": "newer"})
    lost = patient.update(B, {"b": "mine"})
    assert (patient[A]["a"], patient[B]["b"], table[A]["a"]) == ("4", "mine", "4")  # they share their rows
    assert {mutation.state for mutation in waiting} == {MutationState.PENDING}
    data.run(f"update {{}} set c = 'theirs' where id = '{A}'")
    data.run(f"update {{}} set b = 'theirs' where id = '{B}'")
    proxy.restore()
    far.retry_now()
    assert [(mutation.result() or {})["version"] for mutation in waiting] == [3, 4, 5, 6, 7]
    assert (mended.result() or {})["a"] == "newer"
    with pytest.raises(ConflictError):
        lost.result()
    end_right(data, table, patient)
    assert (table[A]["a"], table[A]["c"], table[B]["b"]) == ("4", "theirs", "theirs")


def test_a_refusal_in_the_offline_queue_stops_nothing_but_what_stands_on_it(
    far: Live, proxy: FaultProxy, data: Table
) -> None:
    table = far.table(data.name, offline="queue").ready()
    proxy.cut()
    eventually(lambda: table.status.state is TableState.STALE)
    taken = str(UUID(int=3))
    refused = table.update(A, {"n": 100, "c": "lost"})
    others = [table.update(A, {"n": 5}), table.update(B, {"b": "good"})]
    standing = [table.insert({"id": taken, "a": "mine"}), table.update(taken, {"b": "mine"})]
    gone = table.delete(taken)
    last = table.update(B, {"c": "last"})
    assert taken not in table
    data.run(f"insert into {{}} (id, a) values ('{taken}', 'theirs')")
    proxy.restore()
    far.retry_now()
    with pytest.raises(WriteRefusedError, match="_n_check"):
        refused.result()
    assert [(mutation.result() or {})["version"] for mutation in (*others, last)] == [2, 2, 3]
    with pytest.raises(WriteRefusedError, match="with this key"):
        standing[0].result()
    with pytest.raises(RowNotAddedError):
        standing[1].result()
    assert gone.result() is None  # there was nothing to delete
    end_right(data, table)
    assert (table[A]["n"], table[A]["c"], table[B]["b"], table[B]["c"]) == (5, "c", "good", "last")
    assert (table[taken]["a"], table[taken]["b"]) == ("theirs", None)


def test_an_undo_without_a_connection_fails_at_once_or_waits(
    far: Live, proxy: FaultProxy, data: Table
) -> None:
    table = far.table(data.name).ready()
    patient = far.table(data.name, offline="queue").ready()
    hasty, kept = table.update(A, {"a": "new"}), patient.update(B, {"a": "new"})
    lost = patient.update(A, {"b": "mine"})
    removed = patient.insert({"a": "inserted"})
    for mutation in (hasty, kept, lost, removed):
        mutation.result()
    end_right(data, table, patient)
    proxy.cut()
    eventually(lambda: table.status.state is TableState.STALE)
    with pytest.raises(NotConnectedError):
        hasty.undo()
    undone = [kept.undo(), lost.undo(), removed.undo()]
    again = undone[0].undo()  # an undo may be undone there, too
    assert (patient[A]["b"], patient[B]["a"]) == ("b", "new")
    assert removed.key[0] not in patient
    data.run(f"update {{}} set b = 'theirs' where id = '{A}'")
    proxy.restore()
    far.retry_now()
    assert (undone[0].result() or {})["a"] == "a"
    assert (again.result() or {})["a"] == "new"
    with pytest.raises(ConflictError):
        undone[1].result()
    assert undone[2].result() is None
    end_right(data, table, patient)
    assert (table[A]["a"], table[A]["b"], table[B]["a"]) == ("new", "theirs", "new")


def test_the_offline_queue_is_bounded(
    far: Live, proxy: FaultProxy, data: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livewidgets.live.writes._MOST_UNSETTLED", 3)
    table = far.table(data.name, offline="queue").ready()
    proxy.cut()
    eventually(lambda: table.status.state is TableState.STALE)
    mutations = [table.update(A, {"a": f"{n}"}) for n in range(3)]
    with pytest.raises(NotConnectedError, match="wait already"):
        table.update(A, {"a": "too many"})
    table.close()
    for mutation in mutations:
        with pytest.raises(ClosedError):
            mutation.result()


def test_an_echo_that_does_not_come_is_read(far: Live, proxy: FaultProxy, data: Table) -> None:
    table = far.table(data.name).ready()
    proxy.drop('"postgres_changes"')
    mutation = table.update(A, {"a": "new"})
    assert mutation.result() is not None
    eventually(lambda: mutation.state is MutationState.SYNCED, limit=30)
    assert table[A]["version"] == 2


# -- values ----------------------------------------------------------------------------------------------------------


class Status(StrEnum):
    ACTIVE = "active"


def test_values_become_json() -> None:
    import numpy as np

    moment = datetime(2026, 11, 22, tzinfo=UTC)
    given = {
        "a": Decimal("12.50"),
        "b": Decimal("0.1234567890123456789"),
        "c": moment,
        "d": UUID(int=1),
        "e": float("nan"),
        "f": float("-inf"),
        "g": {"x": (1, moment)},
        "h": np.int64(3),
        "i": Status.ACTIVE,
        "j": None,
    }
    assert plain_row(given) == {
        "a": 12.5,
        "b": "0.1234567890123456789",
        "c": moment.isoformat(),
        "d": str(UUID(int=1)),
        "e": "NaN",
        "f": "-Infinity",
        "g": {"x": [1, moment.isoformat()]},
        "h": 3,
        "i": "active",
        "j": None,
    }
    assert plain_key(UUID(int=1), ("id",)) == (str(UUID(int=1)),)
    with pytest.raises(FilterError):
        plain_key(["x"], ("id",))


def test_uuid_columns_are_known_by_type_or_by_a_row() -> None:
    assert is_uuid_column("id", {"id": "uuid"}, [])
    assert not is_uuid_column("id", {"id": "bigint"}, [])
    assert is_uuid_column("id", {}, [{"id": A}])
    assert not is_uuid_column("id", {}, [{"id": 1}])
    assert not is_uuid_column("id", {}, [])
