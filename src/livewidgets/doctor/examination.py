"""The checks in their order, each after what it stands on."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from livewidgets.doctor import identity, machine, stream, table, way
from livewidgets.doctor.case import Case
from livewidgets.doctor.finding import Finding, Report, State

SETTINGS, NETWORK, IDENTITY, TABLE, REALTIME, MACHINE = (
    "Settings",
    "Network",
    "Who asks",
    "Table",
    "Realtime",
    "This machine",
)


@dataclass(frozen=True, slots=True)
class Check:
    """One question.

    Attributes
    ----------
    section, name
        Where it is shown, and as what.
    run
        Asks it.
    needs
        Checks that must not have failed before.
    doing
        What is shown while it takes its time.
    """

    section: str
    name: str
    run: Callable[[Case], Finding | Awaitable[Finding]]
    needs: tuple[str, ...] = ()
    doing: str = ""


CHECKS: Sequence[Check] = (
    Check(SETTINGS, "settings", way.settings),
    Check(SETTINGS, "address", way.address, ("settings",)),
    Check(SETTINGS, "key", way.key_form, ("settings", "address")),
    Check(NETWORK, "name", way.name, ("address",), "looking the name up"),
    Check(NETWORK, "connection", way.connection, ("name",)),
    Check(NETWORK, "encryption", way.encryption, ("connection",)),
    Check(NETWORK, "REST", way.rest, ("key", "encryption"), "asking the REST service"),
    Check(NETWORK, "clock", way.clock, ("REST",)),
    Check(IDENTITY, "API key", identity.key, ("REST",)),
    Check(IDENTITY, "access token", identity.token, ("API key",), "showing the token"),
    Check(IDENTITY, "role", identity.role, ("API key", "access token")),
    Check(TABLE, "exists", table.exists, ("API key", "access token"), "reading the table"),
    Check(TABLE, "readable", table.readable, ("exists",)),
    Check(TABLE, "rows", table.rows, ("readable",), "counting"),
    Check(TABLE, "primary key", table.primary_key, ("readable",)),
    Check(REALTIME, "websocket", stream.websocket, ("API key",), "opening the websocket"),
    Check(REALTIME, "join", stream.join, ("websocket", "exists", "access token"), "joining"),
    Check(REALTIME, "publication", stream.publication, ("join",)),
    Check(REALTIME, "subscribed", stream.streaming, ("publication",)),
    Check(REALTIME, "a change", stream.change, ("subscribed",), "waiting for a change"),
    Check(REALTIME, "deletes", stream.identity, ("subscribed",)),
    Check(MACHINE, "packages", machine.packages),
    Check(MACHINE, "kernel", machine.kernel),
    Check(MACHINE, "messages", machine.rate),
    Check(MACHINE, "voila", machine.voila),
    Check(MACHINE, "front end", machine.bundles),
)


async def examine(
    case: Case, checks: Sequence[Check] = CHECKS, begin: Callable[[Check], object] = lambda _: None
) -> AsyncIterator[Finding]:
    """Make the checks one after the other.

    Parameters
    ----------
    case
        What to look at.
    checks
        Which.
    begin
        Called before each.
    """
    # Name of a check that cannot be counted on → the one that failed.
    stopped: dict[str, str] = {}
    async with case:
        for check in checks:
            begin(check)
            root = next((stopped[name] for name in check.needs if name in stopped), None)
            if root is not None:
                finding = Finding(State.UNKNOWN, f"not looked at: first mend “{root}”", blocked=True)
                stopped[check.name] = root
            else:
                outcome = check.run(case)
                finding = await outcome if inspect.isawaitable(outcome) else outcome
                if finding.state is State.FAILED:
                    stopped[check.name] = check.name
            yield replace(finding, name=check.name, section=check.section)


async def report(case: Case, checks: Sequence[Check] = CHECKS) -> Report:
    """Make the checks and give the whole."""
    findings = [finding async for finding in examine(case, checks)]
    return Report(findings, case.url or None, None if case.table is None else f"{case.schema}.{case.table}")
