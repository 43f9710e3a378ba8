"""`livewidgets doctor` on the screen: a line for each check, and the answer at the end."""

from __future__ import annotations

import asyncio
import json
import textwrap
import time
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from livewidgets.cli_look import Working, console, mark, say
from livewidgets.doctor.examination import CHECKS, Check, examine
from livewidgets.doctor.finding import Finding, Report, State

if TYPE_CHECKING:
    from livewidgets.doctor.case import Case

_SIGNS: Final = {State.OK: ("✓", "green"), State.FAILED: ("✗", "bold red"), State.UNKNOWN: ("–", "yellow")}  # noqa: RUF001 - the sign
_NAME_WIDTH: Final = max(len(check.name) for check in CHECKS) + 1
#: Where the mending begins: far enough to the left for SQL to fit.
_INDENT: Final = "      "


def run(case: Case, *, as_json: bool) -> bool:
    """Make the checks and show them as they come; gives whether none failed."""
    if as_json:
        with Working("examining"):
            report = asyncio.run(_quietly(case))
        say(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        report = asyncio.run(_shown(case, console()))
    return report.ok


async def _quietly(case: Case) -> Report:
    return _report(case, [finding async for finding in examine(case)])


async def _shown(case: Case, out: Console) -> Report:
    started = time.monotonic()
    findings: list[Finding] = []
    with Working("") as progress:

        def begin(check: Check) -> None:
            if check.doing:
                progress.tell(check.doing)

        async for finding in examine(case, begin=begin):
            progress.hush()
            if not findings or findings[-1].section != finding.section:
                out.print(Text(f"\n{finding.section}" if findings else finding.section, "bold"))
            show(finding, out)
            findings.append(finding)
    report = _report(case, findings)
    conclude(report, time.monotonic() - started, out)
    return report


def _report(case: Case, findings: list[Finding]) -> Report:
    return Report(findings, case.url or None, None if case.table is None else f"{case.schema}.{case.table}")


def show(finding: Finding, out: Console) -> None:
    """Print one finding."""
    sign, style = _SIGNS[finding.state]
    dim = "dim" if finding.blocked else ""
    indent = " " * (4 + _NAME_WIDTH + 1)
    first, *more = textwrap.wrap(finding.what, max(out.width - len(indent), 20)) or [""]
    out.print(
        Text.assemble(
            (f"  {mark(sign, out)} ", "dim" if finding.blocked else style),
            (f"{finding.name:{_NAME_WIDTH}} ", dim or ("bold" if finding.state is State.FAILED else "")),
            (first, dim),
        ),
        soft_wrap=True,
    )
    for text in more:
        out.print(Text(indent + text, dim), soft_wrap=True)
    _mend(finding, out, "cyan" if finding.state is State.FAILED else "dim")


def _mend(finding: Finding, out: Console, style: str) -> None:
    # Never wrapped by us: it is there to be copied.
    for text in finding.mend.splitlines():
        out.print(Text(f"{_INDENT}{text}", style), soft_wrap=True)


def conclude(report: Report, seconds: float, out: Console) -> None:
    """Print the answer."""
    counts = ", ".join(
        f"{report.count(state)} {mark(sign, out)}"
        for state, (sign, _) in _SIGNS.items()
        if report.count(state)
    )
    out.print()
    cause = report.cause
    if cause is None:
        out.print(
            Text.assemble(
                ("Nothing stands in the way.", "bold green"), (f"  {counts} in {seconds:.1f} s", "dim")
            )
        )
        return
    style = "bold red" if cause.state is State.FAILED else "bold yellow"
    others = report.count(State.FAILED) - 1
    out.print(Text.assemble(("Why it is empty", style), (f"  {counts} in {seconds:.1f} s", "dim")))
    out.print(Text.assemble(f"  {cause.name}: ", (cause.what, "bold")))
    _mend(cause, out, "bold cyan")
    if others > 0:
        more = "Another check failed too" if others == 1 else f"{others} more checks failed"
        out.print(Text(f"  {more}: see above.", "dim"))
