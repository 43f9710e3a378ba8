"""What a user gives to be written, as JSON has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

from livewidgets.core.change import Key, Row
from livewidgets.core.values import literal
from livewidgets.errors import FilterError


def plain_row(values: object) -> dict[str, Any]:
    """Check the columns that are to be written.

    Raises
    ------
    FilterError
        They are no mapping of names, or hold what has no place in a row. Values are not quoted.
    """
    if not isinstance(values, Mapping) or not all(isinstance(name, str) and name for name in values):
        raise FilterError("What is to be written is no dict of columns.", 'Write {"status": "completed"}.')
    return {name: _plain(name, value) for name, value in values.items()}


def plain_key(key: object, columns: tuple[str, ...]) -> Key:
    """Check a key: a plain value for a key of one column, a tuple for more.

    Raises
    ------
    FilterError
        It has another number of values, or a value that no key has.
    """
    values = key if isinstance(key, tuple) else (key,)
    if len(values) != len(columns) or any(isinstance(value, list | Mapping) for value in values):
        raise FilterError(f"A key here is {', '.join(columns)}.", "Give one value for each, in this order.")
    return tuple(_plain(name, value) for name, value in zip(columns, values, strict=True))


def is_uuid_column(column: str, types: Mapping[str, str], rows: list[Row]) -> bool:
    """Tell whether a column holds UUIDs: by its type, or where that is not known by a row."""
    if types:
        return types.get(column) == "uuid"
    text = str(rows[0].get(column)) if rows else ""
    return len(text) == 36 and text.count("-") == 4


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 - a value of any kind, checked here
    if isinstance(value, Enum):
        value = value.value
    elif hasattr(value, "item") and not isinstance(value, Mapping) and getattr(value, "ndim", None) == 0:
        value = value.item()  # a scalar of numpy
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else ("NaN" if value != value else literal(value))
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else str(value)
    if isinstance(value, Mapping):
        return {str(inner): _plain(name, one) for inner, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(name, one) for one in value]
    text = literal(value)
    if text is None:
        raise FilterError(
            f"The value for {name!r} is a {type(value).__name__}.",
            "Give text, a number, a boolean, a time, a UUID, None, or lists and dicts of these.",
        )
    return text
