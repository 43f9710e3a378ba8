"""Masking of what leaves the kernel for good: rows in a saved notebook, or in a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from livewidgets.core.mask import PERSONAL_COLUMNS, mask_text, mask_value

#: Types whose text is no free text: nothing is looked for in it.
_PLAIN: Final = ("uuid", "timestamp", "date", "time", "interval", "numeric", "inet")
#: A digest: longer than any phone number may be (15 digits), and needed to join by.
_DIGEST = re.compile(r"(?:[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})", re.IGNORECASE)
_LEAST: Final = 5


def is_personal(column: str) -> bool:
    """Say whether a column is masked by its name."""
    return column.casefold() in PERSONAL_COLUMNS


def masked_cell(column: str, value: object, sql: str = "") -> Any:  # noqa: ANN401 - a JSON value
    """Mask a value for good: personal columns whole; in all other text, and within documents, numbers and addresses.

    Parameters
    ----------
    column
        Its column's name, or the name of its place in a document.
    value
        A JSON value.
    sql
        The column's type in SQL's words, where it is known.

    Returns
    -------
    object
        The value, masked; ids, digests, dates, and numbers of other columns stay.
    """
    if is_personal(column):
        if isinstance(value, Mapping):
            return {name: mask_value(one) for name, one in value.items()}
        return [mask_value(one) for one in value] if isinstance(value, list) else mask_value(value)
    if isinstance(value, str):
        if len(value) < _LEAST or sql.startswith(_PLAIN) or _DIGEST.fullmatch(value):
            return value
        return mask_text(value)
    if isinstance(value, Mapping):
        return {name: masked_cell(str(name), one) for name, one in value.items()}
    return [masked_cell(column, one) for one in value] if isinstance(value, list) else value
