"""Rows as a pandas DataFrame, with the types that the database has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from livewidgets.core.change import Row
from livewidgets.core.mask_cells import masked_cell
from livewidgets.errors import SetupError

if TYPE_CHECKING:
    import pandas as pd

    from livewidgets.core.window import Columns

WHOLE: Final = ("bigint", "integer", "smallint", "int8", "int4", "int2")
REAL: Final = ("numeric", "double precision", "real", "float8", "float4", "money")
TEXT: Final = ("text", "character varying", "character", "varchar", "bpchar", "citext", "name")
IDENTIFIERS: Final = ("uuid", "inet")
#: Text with at most so many different values, each of them twice on average, is made categories.
_MOST_CATEGORIES: Final = 50


def to_pandas(
    rows: Sequence[Row], types: Mapping[str, str], *, name: str = "", version: int = 0, masked: bool = True
) -> pd.DataFrame:
    """Make a DataFrame.

    Parameters
    ----------
    rows
        As the database sent them.
    types
        Column to type, in SQL's words; a column without one is left as it is, and so is one whose values do not fit.
    name, version
        What it is, for ``attrs``.
    masked
        Mask personal data, as `cells` does.

    Raises
    ------
    SetupError
        pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise SetupError("pandas is not installed.", "Run: pip install pandas") from error
    columns = cells(rows, types, masked=masked)
    frame = pd.DataFrame(columns, columns=list(columns), dtype=object)
    for column in columns:
        frame[column] = _typed(pd, frame[column], types.get(column, ""))
    frame.attrs = {"name": name, "version": version, "masked": masked}
    return frame


def cells(rows: Sequence[Row], types: Mapping[str, str], *, masked: bool) -> dict[str, list[Any]]:
    """Turn rows into columns, in the table's order: a row that came by the stream has an order of its own.

    Parameters
    ----------
    rows, types
        As for `to_pandas`.
    masked
        Personal columns whole, and numbers and addresses within other text, are masked: what an output shows is saved
        with the notebook.
    """
    names = [name for name in types if not rows or name in rows[0]]
    names += [name for name in (rows[0] if rows else ()) if name not in types]
    if not masked:
        return {name: [row.get(name) for row in rows] for name in names}
    return {name: [masked_cell(name, row.get(name), types.get(name, "")) for row in rows] for name in names}


def is_category(values: Sequence[object], sql: str) -> bool:
    """Say whether a column holds few different words, such as a status."""
    if sql.partition("(")[0] not in TEXT:
        return False
    present = [value for value in values if value is not None]
    different = set(map(str, present[: 4 * _MOST_CATEGORIES]))
    if len(different) > _MOST_CATEGORIES:
        return False  # the beginning has told
    different.update(map(str, present))
    return 0 < len(different) <= _MOST_CATEGORIES and 2 * len(different) <= len(present)


def window_to_pandas(
    columns: Columns, x: str, by: Sequence[str], measures: Sequence[str], name: str
) -> pd.DataFrame:
    """Make a DataFrame of a window: a row for each bucket and series that has something, by time.

    Raises
    ------
    SetupError
        pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise SetupError("pandas is not installed.", "Run: pip install pandas") from error
    found: list[tuple[Any, ...]] = [
        (
            start,
            *(masked_cell(*cell) for cell in zip(by, group, strict=True)),
            *(told[one][i] for one in measures),
        )
        for group, told in columns.series.items()
        for i, start in enumerate(columns.starts)
        if any(values[i] is not None for values in told.values())
    ]
    found.sort(key=lambda cells: float(cells[0]))
    frame = pd.DataFrame(found, columns=[x, *by, *measures])
    frame[x] = pd.to_datetime(frame[x], unit="s", utc=True).astype("datetime64[us, UTC]")
    frame.attrs = {"name": name, "version": columns.version}
    return frame


def _typed(pd: Any, column: Any, sql: str) -> Any:  # noqa: ANN401 - pandas is not imported up here
    bare = sql.partition("(")[0]
    try:
        if sql.startswith(("timestamp", "timestamptz")) or sql == "date":
            zone = "with time zone" in sql or sql == "timestamptz"
            moments = pd.to_datetime(column, format="ISO8601", utc=zone, errors="coerce")
            return moments.astype("datetime64[us, UTC]" if zone else "datetime64[us]")
        if sql in WHOLE:
            return column.astype("Int64")
        if bare in REAL:
            return pd.to_numeric(column, errors="coerce").astype("float64")
        if sql in ("boolean", "bool"):
            return column.astype("boolean")
        if is_category(list(column), sql):
            return column.astype("string").astype("category")
        if bare in TEXT or bare in IDENTIFIERS:
            return column.astype("string")
    except (TypeError, ValueError):
        return column
    return column
