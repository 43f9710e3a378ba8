"""Refusals of writes, in our words: what a constraint says, never the values that it says it of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from livewidgets.core.mask import mask_text
from livewidgets.errors import (
    LiveWidgetsError,
    NoRightsError,
    ReadOnlyError,
    UnknownColumnError,
    WriteRefusedError,
)

#: SQLSTATE → what is wrong and what to do; {name} is the constraint or the column that is named.
_WORDS: Mapping[str, tuple[str, str]] = {
    "23505": (
        "There is a row with the same values already ({name}).",
        "Change that row, or give other values.",
    ),
    "23503": ("The write breaks a reference between tables ({name}).", "Name a row that is there."),
    "23514": ("The write breaks the rule {name}.", "Give values that keep it."),
    "23502": ("The column {name} may not be empty.", "Give it a value."),
    "23P01": ("The row excludes another one ({name}).", "Give other values."),
    "22001": ("A text is too long for its column.", "Shorten it."),
    "22003": ("A number is out of the range of its column.", "Give another one."),
}


class GeneratedColumnError(WriteRefusedError):
    """The database computes a column by itself.

    Parameters
    ----------
    table, column
        Where, and its name.
    """

    def __init__(self, table: str, column: str) -> None:
        super().__init__(table, f"The column {column!r} of {table!r} is computed.", "Leave it out.")
        self.column = column


def write_error(body: Mapping[str, Any], table: str) -> LiveWidgetsError | None:
    """Translate a refusal that is of writes only; None for all others.

    Parameters
    ----------
    body
        The answer's JSON.
    table
        The table that was to be written.
    """
    code, message = str(body.get("code") or ""), str(body.get("message") or "")
    if code == "42501":
        return NoRightsError(table, "write")
    if code == "25006" or (code in ("55000", "0A000") and "view" in message):
        return ReadOnlyError(table)
    if code in ("428C9", "42601") and (found := re.search(r'column "([^"]+)"', message)):
        return GeneratedColumnError(table, found[1])
    if code == "PGRST204":
        found = re.search(r"the '([^']+)' column", message)
        return UnknownColumnError(table, found[1] if found else "?")
    if code in _WORDS:
        what, advice = _WORDS[code]
        return WriteRefusedError(table, f"{table}: {what.format(name=_named(message))}", advice)
    if code == "P0001":
        # The words of the project's own trigger.
        said = mask_text(message[:200])
        return WriteRefusedError(table, f"{table}: {said}", "Ask who has made the rule.")
    if code.startswith("22"):
        return WriteRefusedError(
            table, f"A value does not fit its column in {table!r} ({code}).", "Check the types of the values."
        )
    if code.startswith(("23", "44", "54", "55", "0A", "PGRST1")):
        return WriteRefusedError(table, f"The database does not take a write to {table!r} ({code}).")
    return None


def _named(message: str) -> str:
    found = re.search(r'constraint "([^"]+)"', message) or re.search(r'column "([^"]+)"', message)
    return repr(found[1]) if found else "unnamed"
