"""Was it written? A request went without an answer, and the row as it is now is all there is to tell."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from livewidgets.core.change import ChangeKind, Row
from livewidgets.core.mutation import Edit
from livewidgets.core.mutation_rules import agree, same


class Verdict(StrEnum):
    """What the row says."""

    #: It was written.
    WRITTEN = "written"
    #: It was not; should it still be on its way, it does no harm to send it again.
    AGAIN = "again"
    #: It was not and will not be: another writer was faster.
    LATE = "late"
    #: It may have been written and overwritten since.
    UNSURE = "unsure"


def verdict(edit: Edit, row: Row, version_column: str | None) -> Verdict:
    """Judge an update or a delete that went without an answer.

    Parameters
    ----------
    edit
        With the row on which it stands.
    row
        The row as it was read after the request went out.
    version_column
        Where there is one: a write met the version of the edit's base, or nothing.
    """
    base = edit.base or {}
    before = _version(base, version_column)
    now = _version(row, version_column)
    versioned = before is not None and now is not None
    if versioned and same(before, now):
        return Verdict.AGAIN  # only one of the two can meet this version
    if edit.kind is ChangeKind.DELETE:
        # The row is there, so it was not deleted; unless somebody has put another one in its place.
        return Verdict.LATE if versioned or not agree(base, row, row) else Verdict.AGAIN
    if agree(row, edit.values, edit.values):
        return Verdict.WRITTEN
    # A column that was to become what it was tells nothing.
    touched = [name for name, value in edit.values.items() if not same(base.get(name), value)]
    if not agree(row, base, touched):
        return Verdict.UNSURE
    if not versioned:
        return Verdict.AGAIN
    # One write since then, and it has left these columns alone: so it was not this one.
    is_next = isinstance(before, int) and isinstance(now, int) and now == before + 1
    return Verdict.LATE if is_next else Verdict.UNSURE


def _version(row: Row, column: str | None) -> Any:  # noqa: ANN401 - a JSON value
    return None if column is None else row.get(column)
