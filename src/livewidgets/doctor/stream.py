"""Realtime: the websocket, the join, the publication, and a change that arrives."""

from __future__ import annotations

import time

from livewidgets.core.change import Change, ChangeKind
from livewidgets.doctor.case import Case
from livewidgets.doctor.finding import Finding, failed, passed, unknown
from livewidgets.doctor.table import policy
from livewidgets.doctor.touch import Touch, touch
from livewidgets.doctor.way import milliseconds
from livewidgets.errors import (
    KeyRefusedError,
    LiveWidgetsError,
    NoPrimaryKeyError,
    NoRightsError,
    NotPublishedError,
)

_STATUS = "Project Settings, Realtime Settings: is it enabled? Else https://status.supabase.com"


async def websocket(case: Case) -> Finding:
    """Open the websocket."""
    ear = await case.listening()
    try:
        seconds = await ear.open()
    except KeyRefusedError:
        return failed("Realtime refused the key", "Copy the present key: Project Settings, API Keys.")
    except LiveWidgetsError as error:
        return failed(
            error.message.rstrip("."),
            "Let websockets through (wss, TCP 443): a proxy or firewall may cut them off while REST works.",
        )
    return passed(f"open after {milliseconds(seconds)}")


async def join(case: Case) -> Finding:
    """Join the table's changes; what comes of it serves the next two checks too."""
    if case.table is None:
        return unknown("no table was named")
    ear = await case.listening()
    try:
        case.join_seconds = await ear.join(case.table)
    except LiveWidgetsError as error:
        case.joining = error
    if ear.joined or case.joining is None:
        return passed("accepted")
    return judge_join(case.joining)


def judge_join(error: LiveWidgetsError) -> Finding:
    """Judge a join that was not accepted."""
    if isinstance(error, KeyRefusedError):
        return failed("Realtime refused the access token", "Sign in again.")
    if "not answered" in error.message or "did not start" in error.message:
        return failed("Realtime does not answer the join", _STATUS)
    return failed(error.message.rstrip("."), error.advice)


def publication(case: Case) -> Finding:
    """Say whether the table is published, as the join has shown."""
    if case.table is None:
        return unknown("no table was named")
    return judge_publication(case.joining, case.sql)


def judge_publication(error: LiveWidgetsError | None, sql: str) -> Finding:
    """Judge the publication by what became of the join."""
    add = f"alter publication supabase_realtime add table {sql};"
    if error is None:
        return passed("supabase_realtime has the table")
    if isinstance(error, NotPublishedError):
        return failed("supabase_realtime does not have the table: no change is ever told", add)
    return unknown("cannot be seen with this role; if the table is not in supabase_realtime", add)


def streaming(case: Case) -> Finding:
    """Say whether Realtime has started to read the table's changes."""
    if case.table is None:
        return unknown("no table was named")
    if case.joining is not None:
        return judge_streaming(case.joining, case.sql, case.role)
    return passed(f"Realtime reads the database, after {milliseconds(case.join_seconds)}")


def judge_streaming(error: LiveWidgetsError, sql: str, role: str) -> Finding:
    """Judge a stream that did not start."""
    if isinstance(error, NoRightsError):
        return failed(f"Realtime may not read the table as {role}", f"grant select on {sql} to {role};")
    if "did not start" in error.message:
        return failed("Realtime has joined, and does not say that it reads the database", _STATUS)
    return failed(error.message.rstrip("."), error.advice)


async def change(case: Case) -> Finding:
    """See a change arrive: touch a row where that is allowed, else wait for whatever comes."""
    if case.table is None:
        return unknown("no table was named")
    ear, limit = await case.listening(), case.limits.change
    touched = await touch(case) if case.may_write else Touch(None, "")
    case.refused_identity = touched.refused_identity
    if touched.refused_identity:
        return failed(
            "Postgres refuses every update: the table has no replica identity",
            f"alter table {case.sql} replica identity default;",
        )

    def wanted(heard: Change) -> bool:
        return touched.key is None or (heard.kind is ChangeKind.UPDATE and touched.is_row(heard.record))

    started = touched.at or time.monotonic()
    try:
        case.heard = await ear.hear(limit, wanted)
    except LiveWidgetsError as error:
        return judge_broken(error, case.sql, case.role)
    seconds = time.monotonic() - started
    if case.heard is not None:
        kind = case.heard.kind.lower()
        return passed(
            f"an {kind} of ours arrived after {milliseconds(seconds)}"
            if touched.key is not None
            else f"{'a' if kind == 'delete' else 'an'} {kind} arrived after {milliseconds(seconds)}"
        )
    return judge_silence(touched, limit, case.sql, case.role)


def judge_broken(error: LiveWidgetsError, sql: str, role: str) -> Finding:
    """Judge a stream that broke while a change was waited for."""
    if isinstance(error, NoPrimaryKeyError):
        return failed(
            "a change came without its row: there is no primary key", error.advice.removeprefix("Run: ")
        )
    if isinstance(error, NoRightsError):
        return failed(
            f"a change came without its row: {role} may not read the key", f"grant select on {sql} to {role};"
        )
    if "no sign of life" in error.message:
        return failed("Realtime fell silent: it does not answer heartbeats", _STATUS)
    return failed(error.message.rstrip("."), error.advice)


def judge_silence(touched: Touch, limit: float, sql: str, role: str) -> Finding:
    """Judge that nothing arrived in time."""
    if touched.key is None:
        why = f" ({touched.trouble})" if touched.trouble else ""
        advice = (
            ""
            if touched.trouble
            else "livewidgets doctor --write   # touches one row; or change one yourself"
        )
        return unknown(f"nothing changed within {limit:g} s{why}", advice)
    return failed(
        f"an update was written and did not arrive within {limit:g} s",
        f"{policy(sql, role)}\n"
        "alter publication supabase_realtime set (publish = 'insert, update, delete, truncate');\n"
        "-- if both are so: Project Settings, General, Restart project",
    )


def identity(case: Case) -> Finding:
    """Say whether updates and deletes carry what tells the rows apart."""
    if case.table is None:
        return unknown("no table was named")
    return judge_identity(
        case.heard,
        refused=case.refused_identity,
        key=() if case.shape is None else case.shape.key,
        sql=case.sql,
    )


def judge_identity(heard: Change | None, *, refused: bool, key: tuple[str, ...], sql: str) -> Finding:
    """Judge the replica identity by what an update has shown.

    Postgres refuses to update or delete rows of a published table that have none: an update that went through proves
    that there is one.
    """
    mend = f"alter table {sql} replica identity default;"
    if refused:
        return failed("there is none: rows can be neither updated nor deleted", mend)
    if heard is None or heard.kind is ChangeKind.INSERT:
        return unknown("cannot be seen with this role; if deletes do not arrive", mend)
    if len(heard.old_record) > max(len(key), 1):
        return passed("full: deletes carry the whole row")
    return passed("deletes carry the key")
