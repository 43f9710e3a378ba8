"""Who wins when two wrote the same row: the rules, and what counts as the same value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from livewidgets.core.change import ChangeKind, Row
from livewidgets.core.values import number, rank
from livewidgets.errors import FilterError

#: ``"server"``: theirs stays. ``"mine"``: mine is written over it. ``"merge"``: both, where they touched different
#: columns, else theirs. A function of (mine, theirs, base): the row that is to be, or None for theirs.
Rule = str | Callable[[Row, Row, Row], Row | None]

RULES: Final = ("server", "mine", "merge")


def parse_rule(rule: object) -> Rule:
    """Check a rule.

    Raises
    ------
    FilterError
        It is none.
    """
    if callable(rule):
        return rule
    if isinstance(rule, str) and rule in RULES:
        return rule
    raise FilterError(
        "conflict is no rule.", f"Write one of {', '.join(RULES)}, or a function of (mine, theirs, base)."
    )


def same(left: object, right: object) -> bool:
    """Tell whether two JSON values mean the same in a column: instants and numbers are compared, not their spelling."""
    if left == right:
        return isinstance(left, bool) == isinstance(right, bool)
    if isinstance(left, bool) or isinstance(right, bool):
        return False
    if isinstance(left, str) and isinstance(right, str):
        first, second = rank(left), rank(right)
        return first == second or (first[0] == second[0] and left.lower() == right.lower() and _is_uuid(left))
    if isinstance(left, int | float | str) and isinstance(right, int | float | str):
        # A numeric comes as a number or as text.
        one, other = number(str(left)), number(str(right))
        return one is not None and one == other
    return False


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4


def agree(left: Row, right: Row, columns: Iterable[str]) -> bool:
    """Tell whether two rows say the same in some columns."""
    return all(same(left.get(name), right.get(name)) for name in columns)


def resolve(
    rule: str, kind: ChangeKind, values: Mapping[str, Any], base: Row | None, theirs: Row
) -> Mapping[str, Any] | None:
    """Decide a lost race by one of the named rules.

    Parameters
    ----------
    rule
        One of `RULES`.
    kind, values
        What was to be done.
    base, theirs
        The row as it was when the edit was made, and as it is.

    Returns
    -------
    Mapping or None
        What is to be written onto theirs; None: theirs stays as it is.
    """
    if rule == "mine":
        return values
    if rule == "merge" and kind is ChangeKind.UPDATE and base is not None and agree(base, theirs, values):
        return values
    return None


def chosen(values: Row, theirs: Row, key: Iterable[str], version_column: str | None) -> dict[str, Any]:
    """Say which columns have to be written so that theirs becomes the row that a function chose."""
    fixed = {*key, version_column}
    return {
        name: value
        for name, value in values.items()
        if name not in fixed and not (name in theirs and same(value, theirs[name]))
    }
