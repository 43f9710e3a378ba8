"""Rows as an Arrow table, with the types that the database has."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from livewidgets.core.change import Row
from livewidgets.core.values import instant
from livewidgets.errors import SetupError
from livewidgets.live.dataframe import IDENTIFIERS, TEXT, WHOLE, cells, is_category

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_FLOATS: Final = ("numeric", "double precision", "real", "float8", "float4", "money")
_DECIMAL = re.compile(r"numeric\((?P<precision>\d+),\s*(?P<scale>\d+)\)")
#: What Arrow's widest decimal in use (128 bits) holds.
_MOST_DIGITS: Final = 38


def to_arrow(
    rows: Sequence[Row], types: Mapping[str, str], *, name: str = "", version: int = 0, masked: bool = True
) -> pa.Table:
    """Make an Arrow table.

    Parameters
    ----------
    rows, types, masked
        As for `dataframe.to_pandas`.
    name, version
        What it is, for the schema's metadata.

    Returns
    -------
    pyarrow.Table
        ``timestamp[us, tz=UTC]``, ``date32``, ``int64``, ``decimal128`` where the database tells digits (``float64``
        where not), ``bool``, text as ``string`` or, with few different values, as a dictionary; documents, and what
        does not fit its type, as JSON text.

    Raises
    ------
    SetupError
        pyarrow is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise SetupError("pyarrow is not installed.", "Run: pip install pyarrow") from error
    columns = cells(rows, types, masked=masked)
    arrays = {column: _array(pa, values, types.get(column, "")) for column, values in columns.items()}
    metadata = {"name": name, "version": str(version), "masked": str(masked).lower()}
    table: pa.Table = pa.table(arrays).replace_schema_metadata(metadata)
    return table


def _array(pa: Any, values: list[Any], sql: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    kind, read = _kind(pa, sql)
    try:
        array = pa.array([None if value is None else read(value) for value in values], kind)
    except (pa.ArrowException, TypeError, ValueError, InvalidOperation):
        array = pa.array([None if value is None else _text(value) for value in values], pa.string())
    return array.dictionary_encode() if is_category(values, sql) else array


def _kind(pa: Any, sql: str) -> tuple[Any, Any]:  # noqa: ANN401
    """Give the type in Arrow, and what makes its values of JSON's."""
    bare = sql.partition("(")[0]
    if sql == "date":
        return pa.date32(), _date
    if sql.startswith("timestamp"):
        zone = "with time zone" in sql or sql == "timestamptz"
        return pa.timestamp("us", tz="UTC" if zone else None), _in_utc if zone else _without_zone
    if sql in WHOLE:
        return pa.int64(), int
    if (digits := _DECIMAL.fullmatch(sql)) and int(digits["precision"]) <= _MOST_DIGITS:
        return pa.decimal128(int(digits["precision"]), int(digits["scale"])), lambda value: Decimal(
            str(value)
        )
    if bare in _FLOATS:
        return pa.float64(), float
    if sql in ("boolean", "bool"):
        return pa.bool_(), lambda value: value
    if bare in TEXT or bare in IDENTIFIERS:
        return pa.string(), str
    return pa.string(), _document if sql in ("json", "jsonb") else _text


def _text(value: object) -> str:
    return value if isinstance(value, str) else _document(value)


def _document(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _moment(value: object) -> datetime | None:
    # Postgres' infinity, and years beyond 9999, have no place in Arrow either.
    return instant(value) if isinstance(value, str) else None


def _in_utc(value: object) -> datetime | None:
    moment = _moment(value)
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _without_zone(value: object) -> datetime | None:
    moment = _moment(value)
    return None if moment is None else moment.replace(tzinfo=None)


def _date(value: object) -> date | None:
    moment = _moment(value)
    return None if moment is None else moment.date()
