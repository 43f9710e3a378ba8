"""How two JSON values compare where the database would compare the typed ones.

A row comes as JSON, by REST and by Realtime: an ``int8`` as a number, a ``timestamptz`` as text in one of several
spellings, a ``uuid`` as text. What is compared here is the meaning: instants, not their spelling. Text is compared by
code point; a database with another collation may order it differently.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

T = TypeVar("T")

#: A value with its kind before it, so that values of any kinds can be sorted together.
Rank = tuple[int, Any]

BOOLEAN: Final = 0
NUMBER: Final = 1
NAN: Final = 2  # greater than all numbers and equal to itself, as in Postgres
INSTANT: Final = 3
TEXT: Final = 4
DOCUMENT: Final = 5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}


def instant(text: str) -> datetime | None:
    """Read a date or a timestamp as Postgres and ISO 8601 spell it; None where the text is neither.

    Parameters
    ----------
    text
        Such as ``2026-11-22``, ``2026-11-22T10:00:00.5+00:00`` or ``2026-11-22 10:00:00+00``.

    Returns
    -------
    datetime or None
        Without a zone where the text has none.
    """
    # The cheap look first: this is asked of every text in an ordered column.
    if len(text) < 10 or text[4] != "-" or text[7] != "-":
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def number(text: str) -> Rank | None:
    """Rank of a number in text; None where the text is none."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    return (NAN, 0) if value.is_nan() else (NUMBER, value)


def microseconds(value: datetime) -> int:
    """Microseconds since 1970; a time without a zone counts as UTC, which is Supabase's session zone."""
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND


def rank(value: object) -> Rank:
    """Where a JSON value stands among others of its column; not for null.

    Parameters
    ----------
    value
        A JSON value as it stands in a row.

    Returns
    -------
    Rank
        A pair that sorts against every other rank.
    """
    if isinstance(value, str):
        found = instant(value)
        if found is not None:
            return INSTANT, microseconds(found)
        if value in ("infinity", "-infinity"):
            return INSTANT, math.inf if value == "infinity" else -math.inf
        return TEXT, value
    if isinstance(value, bool):
        return BOOLEAN, value
    if isinstance(value, int | float):
        return (NAN, 0) if value != value else (NUMBER, value)
    if isinstance(value, Decimal):
        return (NAN, 0) if value.is_nan() else (NUMBER, value)
    return DOCUMENT, str(value)


def compare(value: object, text: str, *, numeric: bool = False) -> int | None:
    """Compare a row's value with a literal, the way the database reads it for that column.

    Parameters
    ----------
    value
        A JSON value as it stands in a row.
    text
        The literal as it is sent to the database.
    numeric
        The literal was given as a number: a row's text that reads as one is compared as a number.

    Returns
    -------
    int or None
        -1, 0 or 1; None (SQL's unknown) for null, and for a literal that the column could not hold.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        wanted = _BOOLEANS.get(text.strip().lower())
        return None if wanted is None else _sign(value, wanted)
    if isinstance(value, int | float | Decimal):
        # By way of text, so that 0.1 from JSON is the 0.1 of the literal.
        left, right = number(str(value)), number(text)
        return None if left is None or right is None else _sign(left, right)
    if isinstance(value, str):
        return _compare_text(value, text, numeric=numeric)
    return None


def _compare_text(value: str, text: str, *, numeric: bool) -> int | None:
    if numeric:
        left, right = number(value), number(text)
        if left is not None and right is not None:
            return _sign(left, right)
    if _UUID.fullmatch(value) and _UUID.fullmatch(text):
        return _sign(value.replace("-", "").lower(), text.replace("-", "").lower())
    moment = instant(value)
    if moment is not None:
        if text in ("infinity", "-infinity"):
            return -1 if text == "infinity" else 1
        wanted = instant(text)
        if wanted is not None:
            return _compare_moments(moment, wanted, is_date=len(value) == 10)
    elif value in ("infinity", "-infinity") and (instant(text) is not None or text.endswith("infinity")):
        return _sign(rank(value), rank(text))
    return _sign(value, text)


def _compare_moments(moment: datetime, wanted: datetime, *, is_date: bool) -> int:
    if moment.tzinfo is None:
        # A column without a zone: Postgres reads the literal's clock and ignores its offset.
        wanted = wanted.replace(tzinfo=None)
        if is_date:
            wanted = datetime.combine(wanted.date(), time())
    return _sign(microseconds(moment), microseconds(wanted))


def _sign(left: T, right: T) -> int:
    return int(left > right) - int(left < right)  # type: ignore[operator]


def literal(value: object) -> str | None:
    """Spell a Python value as the database reads it; None where it is of no kind that has a spelling."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    # uuid.UUID and enumerations of text, without importing either: they say themselves what they are.
    if type(value).__name__ == "UUID":
        return str(value)
    return None
