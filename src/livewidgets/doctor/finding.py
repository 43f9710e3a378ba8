"""What a check has found, and what all of them together mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    FAILED = "failed"
    #: It cannot be told, and the finding says why; or there is nothing to check.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes
    ----------
    state
        How it came out.
    what
        What was seen, in half a sentence.
    mend
        The SQL, command or setting that mends it; may have several lines.
    blocked
        It was not looked at since something before it failed.
    empty
        It explains an empty widget though nothing is wrong: the table has no rows.
    name, section
        Of the check; the examination fills them in.
    """

    state: State
    what: str
    mend: str = ""
    blocked: bool = False
    empty: bool = False
    name: str = ""
    section: str = ""


def passed(what: str) -> Finding:
    """Make the finding that all is well."""
    return Finding(State.OK, what)


def failed(what: str, mend: str) -> Finding:
    """Make the finding that something is wrong, with what mends it."""
    return Finding(State.FAILED, what, mend)


def unknown(what: str, mend: str = "", *, empty: bool = False) -> Finding:
    """Make the finding that it cannot be told, and why."""
    return Finding(State.UNKNOWN, what, mend, empty=empty)


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order of the checks.

    Attributes
    ----------
    url, table
        What was looked at; None where that is not known.
    """

    findings: Sequence[Finding]
    url: str | None = None
    table: str | None = None

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return all(finding.state is not State.FAILED for finding in self.findings)

    @property
    def cause(self) -> Finding | None:
        """The finding that answers the question: the first that failed, else what explains an empty widget."""
        failures = (finding for finding in self.findings if finding.state is State.FAILED)
        return next(failures, None) or next((finding for finding in self.findings if finding.empty), None)

    def count(self, state: State) -> int:
        """Count the findings of a state."""
        return sum(finding.state is state for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Give it for a script."""
        cause = self.cause
        return {
            "ok": self.ok,
            "url": self.url,
            "table": self.table,
            "cause": None if cause is None else cause.name,
            "checks": [
                {
                    "section": finding.section,
                    "name": finding.name,
                    "state": finding.state.value,
                    "what": finding.what,
                    "mend": finding.mend,
                }
                for finding in self.findings
            ],
        }
