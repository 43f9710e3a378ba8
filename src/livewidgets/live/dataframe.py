"""Rows as a pandas DataFrame, with the types that the database has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from livewidgets.core.change import Row
from livewidgets.errors import SetupError

if TYPE_CHECKING:
    import pandas as pd

_WHOLE = ("bigint", "integer", "smallint", "int8", "int4", "int2")
_REAL = ("numeric", "double precision", "real", "float8", "float4", "money")
_TEXT = ("text", "uuid", "character varying", "character", "varchar", "bpchar", "citext", "inet", "name")


def to_pandas(rows: Sequence[Row], types: Mapping[str, str]) -> pd.DataFrame:
    """Make a DataFrame.

    Parameters
    ----------
    rows
        As the database sent them.
    types
        Column to type, in SQL's words; a column without one is left as it is, and so is one whose values do not fit.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise SetupError("pandas is not installed.", "Run: pip install pandas") from error
    # In the table's order: a row that came by the stream has an order of its own.
    names = [name for name in types if not rows or name in rows[0]]
    names += [name for name in (rows[0] if rows else ()) if name not in types]
    frame = pd.DataFrame(
        {name: [row.get(name) for row in rows] for name in names}, columns=names, dtype=object
    )
    for name in names:
        frame[name] = _typed(pd, frame[name], types.get(name, ""))
    return frame


def _typed(pd: Any, column: Any, sql: str) -> Any:  # noqa: ANN401 - pandas is not imported up here
    try:
        if sql.startswith(("timestamp", "timestamptz")) or sql == "date":
            zone = "with time zone" in sql or sql == "timestamptz"
            moments = pd.to_datetime(column, format="ISO8601", utc=zone, errors="coerce")
            return moments.astype("datetime64[us, UTC]" if zone else "datetime64[us]")
        if sql in _WHOLE:
            return column.astype("Int64")
        if sql.partition("(")[0] in _REAL:
            return pd.to_numeric(column, errors="coerce").astype("float64")
        if sql in ("boolean", "bool"):
            return column.astype("boolean")
        if sql.partition("(")[0] in _TEXT:
            return column.astype("string")
    except (TypeError, ValueError):
        return column
    return column
