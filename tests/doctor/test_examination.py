"""Each cause of an empty widget, made on purpose in the sandbox, and named."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from livewidgets.doctor import table, way
from livewidgets.doctor.case import Case, Limits
from livewidgets.doctor.examination import Check, report
from livewidgets.doctor.finding import Finding, Report, State
from livewidgets.doctor.sources import find_case
from livewidgets.sandbox.faults import FaultProxy
from livewidgets.sandbox.keys import Keys
from tests.doctor.conftest import PROJECT, Patient, blamed, of

Examine = Callable[..., Report]
#: Nothing is to be waited for but a change that does not come.
QUICK = Limits(10.0, 1.0)
#: An answer that does not come is waited for, and so long that those that come do so on a slow machine too.
SHORT = Limits(6.0, 1.0)


def just_before(run: Callable[..., Any], change: Callable[[Case], object]) -> list[Check]:
    """All checks, and something that is done to the case when it is one's turn."""

    def changed(case: Case) -> Finding:
        change(case)
        return Finding(State.OK, "")

    at = next(place for place, check in enumerate(PROJECT) if check.run is run)
    return [*PROJECT[:at], Check("", "changed", changed), *PROJECT[at:]]


def test_a_healthy_table_passes_every_check(examined: Examine, patient: Patient) -> None:
    found = examined(patient.name)
    assert [(f.name, f.what) for f in found.findings if f.state is State.FAILED] == []
    assert found.ok
    assert found.cause is None
    for name in ("REST", "rows", "primary key", "publication", "subscribed", "a change", "deletes"):
        assert of(found, name).state is State.OK, of(found, name)
    assert [finding.name for finding in found.findings] == [check.name for check in PROJECT]


def test_the_check_touches_a_row_and_changes_nothing(examined: Examine, patient: Patient) -> None:
    before = patient.db.execute(f"select * from {patient.name} order by id").fetchall()
    assert "an update of ours arrived" in of(examined(patient.name), "a change").what
    assert patient.db.execute(f"select * from {patient.name} order by id").fetchall() == before


def test_a_key_that_cannot_be_written_leaves_another_column(examined: Examine, patient: Patient) -> None:
    patient.run(
        "alter table {} drop column id; alter table {} add column id bigint generated always as identity"
    )
    patient.run("alter table {} add primary key (id)")
    assert "an update of ours arrived" in of(examined(patient.name), "a change").what


def test_without_writing_it_waits_for_what_comes(examined: Examine, quiet_patient: Patient) -> None:
    patient = quiet_patient
    found = examined(patient.name, write=False, limits=QUICK)
    change = of(found, "a change")
    assert change.state is State.UNKNOWN
    assert "nothing changed within 1 s" in change.what
    assert "--write" in change.mend
    # An update that nobody saw proves nothing of the replica identity.
    assert of(found, "deletes").state is State.UNKNOWN
    assert of(found, "deletes").mend == f"alter table public.{patient.name} replica identity default;"
    assert found.ok


def test_a_role_that_may_not_write_waits(examined: Examine, quiet_patient: Patient, sandbox: Any) -> None:
    found = examined(quiet_patient.name, url=sandbox.url, key=sandbox.anon_key, write=True, limits=QUICK)
    assert of(found, "a change").state is State.UNKNOWN
    assert "this role may not write it" in of(found, "a change").what


def test_not_in_the_publication(examined: Examine, patient: Patient) -> None:
    patient.run("alter publication supabase_realtime drop table {}")
    found = examined(patient.name)
    assert blamed(found) == (
        "publication",
        f"alter publication supabase_realtime add table public.{patient.name};",
    )
    assert of(found, "a change").blocked


def test_no_right_to_read(examined: Examine, patient: Patient) -> None:
    patient.run("revoke select on {} from anon")
    found = examined(patient.name, limits=QUICK)
    assert blamed(found) == ("readable", f"grant select on public.{patient.name} to anon;")
    assert of(found, "rows").blocked


def test_row_level_security_without_a_policy(examined: Examine, patient: Patient) -> None:
    patient.run('drop policy "everybody may read" on {}')
    found = examined(patient.name, limits=QUICK)
    name, mend = blamed(found)
    assert name == "rows"
    assert (
        f'create policy "everybody may read" on public.{patient.name}\n  for select to anon using (true);'
        in mend
    )
    # The sandbox has a key that sees all: it is known that there are some.
    assert of(found, "rows").what == "anon sees none of 2 rows: row-level security hides them"


def test_row_level_security_without_a_witness(examined: Examine, patient: Patient, sandbox: Any) -> None:
    patient.run('drop policy "everybody may read" on {}')
    found = examined(patient.name, url=sandbox.url, key=sandbox.anon_key, limits=QUICK)
    assert blamed(found)[0] == "rows"
    assert "the table is empty, or row-level security hides its rows" in of(found, "rows").what
    seen = examined(
        patient.name, url=sandbox.url, key=sandbox.anon_key, witness=sandbox.service_key, limits=QUICK
    )
    assert "sees none of 2 rows" in of(seen, "rows").what


def test_the_policy_that_is_proposed_mends_it(examined: Examine, patient: Patient) -> None:
    patient.run('drop policy "everybody may read" on {}')
    patient.run(blamed(examined(patient.name, limits=QUICK))[1])
    assert examined(patient.name).ok


@pytest.mark.parametrize(
    "broken",
    [
        "alter publication supabase_realtime drop table {}",
        "revoke select on {} from anon",
        "alter table {} drop constraint {name}_pkey",
        "alter table {} replica identity nothing",
    ],
)
def test_what_is_proposed_mends_it(examined: Examine, patient: Patient, broken: str) -> None:
    patient.run(broken.replace("{name}", patient.name))
    _, mend = blamed(examined(patient.name, limits=QUICK))
    patient.run(mend)
    assert examined(patient.name).ok


def test_an_empty_table_is_no_failure_but_the_answer(
    examined: Examine, patient: Patient, sandbox: Any
) -> None:
    patient.run("truncate {}")
    found = examined(patient.name, role="service", limits=QUICK)
    assert found.ok
    assert found.cause is not None
    assert found.cause.name == "rows"
    assert "the table is empty" in found.cause.what


def test_no_primary_key(examined: Examine, patient: Patient) -> None:
    patient.run("alter table {} drop constraint {name}_pkey".replace("{name}", patient.name))
    assert blamed(examined(patient.name, limits=QUICK)) == (
        "primary key",
        f"alter table public.{patient.name} add primary key (id);",
    )


def test_replica_identity_nothing(examined: Examine, patient: Patient) -> None:
    patient.run("alter table {} replica identity nothing")
    found = examined(patient.name)
    assert blamed(found) == ("a change", f"alter table public.{patient.name} replica identity default;")
    assert of(found, "deletes").state is State.FAILED


def test_replica_identity_full(examined: Examine, patient: Patient) -> None:
    patient.run("alter table {} replica identity full")
    assert examined(patient.name).ok


def test_a_publication_of_inserts_only(examined: Examine, patient: Patient) -> None:
    patient.run("alter publication supabase_realtime set (publish = 'insert')")
    try:
        name, mend = blamed(examined(patient.name, limits=QUICK))
    finally:
        patient.run("alter publication supabase_realtime set (publish = 'insert, update, delete, truncate')")
    assert name == "a change"
    assert "set (publish = 'insert, update, delete, truncate');" in mend


def test_a_name_that_is_misspelt(examined: Examine) -> None:
    found = examined("camapigns")
    assert blamed(found) == ("exists", "livewidgets doctor campaigns")
    assert "near it: campaigns" in of(found, "exists").what


def test_a_name_like_no_other(examined: Examine) -> None:
    found = examined("zzz")
    assert "there are agents, " in of(found, "exists").what
    assert "notify pgrst, 'reload schema';" in blamed(found)[1]


def test_a_schema_that_is_not_exposed(examined: Examine) -> None:
    name, mend = blamed(examined("private.things"))
    assert name == "exists"
    assert "Exposed schemas: add private" in mend
    assert "grant usage on schema private to anon, authenticated;" in mend


def test_a_key_of_another_project(examined: Examine, patient: Patient, sandbox: Any) -> None:
    other = Keys.from_secret("another secret, as long as it has to be").anon_key
    found = examined(patient.name, key=other, data=sandbox.data)
    name, mend = blamed(found)
    assert name == "API key"
    assert "set it as SUPABASE_KEY" in mend
    assert of(found, "websocket").blocked
    assert other not in json.dumps(found.as_json())


def test_nobody_listens_at_the_address(
    examined: Examine, patient: Patient, sandbox: Any, fault_proxy: FaultProxy
) -> None:
    fault_proxy.cut()
    found = examined(patient.name, url=fault_proxy.url, data=sandbox.data)
    name, mend = blamed(found)
    assert name == "connection"
    assert "connection refused" in of(found, "connection").what
    assert "livewidgets sandbox" in mend


def test_a_name_that_nobody_knows(examined: Examine, sandbox: Any) -> None:
    found = examined("calls", url="https://nobody.invalid", key=sandbox.anon_key)
    assert blamed(found)[0] == "name"
    assert of(found, "REST").what == "not looked at: first mend “name”"


def test_a_token_that_has_expired(examined: Examine, patient: Patient, sandbox: Any) -> None:
    token = Keys.load(sandbox.data).sign({"role": "authenticated", "sub": "x"}, lifetime=-10_000)
    found = examined(patient.name, token=token)
    name, mend = blamed(found)
    assert name == "access token"
    assert of(found, "access token").what == "it expired 3 hours ago"
    assert "access_token=function" in mend


def test_a_token_of_another_project(examined: Examine, patient: Patient) -> None:
    token = Keys.from_secret("another secret, as long as it has to be").manager_token
    found = examined(patient.name, token=token)
    assert blamed(found)[0] == "access token"
    assert "not signed by this project" in of(found, "access token").what
    assert token not in json.dumps(found.as_json())


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(600.0, "10 minutes ahead of the server"), (-86400.0 * 3, "3 days behind the server")],
)
def test_a_clock_that_is_off(examined: Examine, patient: Patient, seconds: float, said: str) -> None:
    found = examined(patient.name, wall=lambda: time.time() + seconds)
    name, mend = blamed(found)
    assert name == "clock"
    assert said in of(found, "clock").what
    assert "timedatectl set-ntp true" in mend


def test_a_token_is_judged_by_the_servers_clock(examined: Examine, patient: Patient, sandbox: Any) -> None:
    token = Keys.load(sandbox.data).sign({"role": "authenticated", "sub": "x"}, lifetime=3600)
    found = examined(patient.name, token=token, wall=lambda: time.time() + 7200)
    assert of(found, "access token").state is State.OK


# -- Realtime out of order -----------------------------------------------------------------------------------------


def test_rest_that_does_not_answer(patient: Patient, sandbox: Any, fault_proxy: FaultProxy) -> None:
    fault_proxy.stall()
    case = find_case(patient.name, url=fault_proxy.url, data=sandbox.data, role="anon")
    # The way there takes what time it takes; only of this answer we know that it does not come.
    checks = just_before(way.rest, lambda case: setattr(case, "limits", Limits(0.5, 0.5)))
    found = asyncio.run(report(case, checks))
    assert blamed(found)[0] == "REST"
    assert "does not answer in time" in of(found, "REST").what


def test_a_join_that_is_not_answered(
    examined: Examine, patient: Patient, sandbox: Any, fault_proxy: FaultProxy
) -> None:
    # Heartbeats are answered, or it would be they that fail.
    fault_proxy.drop(f"doctor:{patient.name}")
    found = examined(patient.name, url=fault_proxy.url, data=sandbox.data, limits=SHORT)
    assert blamed(found)[0] == "join"
    assert of(found, "join").what == "Realtime does not answer the join"


def test_a_stream_that_does_not_start(
    examined: Examine, patient: Patient, sandbox: Any, fault_proxy: FaultProxy
) -> None:
    fault_proxy.drop("Subscribed to PostgreSQL")
    found = examined(patient.name, url=fault_proxy.url, data=sandbox.data, limits=SHORT)
    assert blamed(found)[0] == "subscribed"
    assert of(found, "publication").state is State.UNKNOWN
    assert (
        of(found, "publication").mend
        == f"alter publication supabase_realtime add table public.{patient.name};"
    )


def test_changes_that_are_lost(
    examined: Examine, patient: Patient, sandbox: Any, fault_proxy: FaultProxy
) -> None:
    fault_proxy.drop('"postgres_changes","payload"')
    fault_proxy.drop('"UPDATE"')
    found = examined(patient.name, url=fault_proxy.url, data=sandbox.data, limits=QUICK)
    assert blamed(found)[0] == "a change"
    assert "did not arrive within 1 s" in of(found, "a change").what


def test_a_peer_that_falls_silent(
    examined: Examine, quiet_patient: Patient, sandbox: Any, fault_proxy: FaultProxy
) -> None:
    fault_proxy.swallow_heartbeats()
    found = examined(
        quiet_patient.name, url=fault_proxy.url, data=sandbox.data, write=False, limits=Limits(10.0, 20.0)
    )
    assert blamed(found)[0] == "a change"
    assert "does not answer heartbeats" in of(found, "a change").what


def test_nothing_that_is_shown_holds_a_key_or_a_row(
    examined: Examine, patient: Patient, sandbox: Any
) -> None:
    patient.run("update {} set title = 'a title that is nobody''s business'")
    text = json.dumps(examined(patient.name, role="manager").as_json(), ensure_ascii=False)
    for secret in (sandbox.anon_key, sandbox.service_key, sandbox.manager_token, "555 0100", "nobody's"):
        assert secret not in text


def test_a_table_that_is_younger_than_what_the_api_has_told_of_itself(sandbox: Any, patient: Patient) -> None:
    checks = just_before(table.exists, lambda case: setattr(case, "shapes", {}))
    case = find_case(patient.name, limits=QUICK, data=sandbox.data, role="anon")
    assert of(asyncio.run(report(case, checks)), "primary key").what == "id"
