"""Rows for analysts: types, masking, and the version that they are of."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from livewidgets.errors import SetupError
from livewidgets.live.dataframe import to_pandas
from livewidgets.live.dataframe_arrow import to_arrow

NUMBER = "+15551234567"
MASKED = "+1 ••• ••• 4567"
TYPES = {
    "id": "uuid",
    "at": "timestamp with time zone",
    "local": "timestamp without time zone",
    "day": "date",
    "price": "numeric(10,2)",
    "score": "numeric",
    "size": "bigint",
    "ok": "boolean",
    "status": "text",
    "note": "text",
    "caller_number": "text",
    "extra": "jsonb",
}


def row(n: int, **values):
    return {
        "id": f"00000000-0000-0000-0000-{n:012}",
        "at": "2026-11-22T10:00:00.25+02:00",
        "local": "2026-11-22 10:00:00",
        "day": "2026-11-22",
        "price": 12.5,
        "score": "0.5",
        "size": 9007199254740993,
        "ok": True,
        "status": ["ringing", "completed"][n % 2],
        "note": f"note {n}, call {NUMBER}",
        "caller_number": f"+1555123456{n}",
        "extra": {"phone": NUMBER, "n": [n]},
    } | values


ROWS = [*map(row, range(6)), dict.fromkeys(TYPES)]


def test_a_frame_has_the_types_of_the_database():
    frame = to_pandas(ROWS, TYPES, name="calls", version=7)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "id": "string",
        "at": "datetime64[us, UTC]",
        "local": "datetime64[us]",
        "day": "datetime64[us]",
        "price": "float64",
        "score": "float64",
        "size": "Int64",
        "ok": "boolean",
        "status": "category",
        "note": "string",
        "caller_number": "string",
        "extra": "object",
    }
    assert frame.attrs == {"name": "calls", "version": 7, "masked": True}
    assert frame["at"][0] == pd.Timestamp("2026-11-22 08:00:00.25", tz="UTC")
    assert frame["size"][0] == 9007199254740993
    assert list(frame["status"].cat.categories) == ["completed", "ringing"]
    assert frame.iloc[-1].isna().all()


def test_an_arrow_table_has_the_types_of_the_database():
    table = to_arrow(ROWS, TYPES, name="calls", version=7)
    assert {field.name: str(field.type) for field in table.schema} == {
        "id": "string",
        "at": "timestamp[us, tz=UTC]",
        "local": "timestamp[us]",
        "day": "date32[day]",
        "price": "decimal128(10, 2)",
        "score": "double",
        "size": "int64",
        "ok": "bool",
        "status": "dictionary<values=string, indices=int32, ordered=0>",
        "note": "string",
        "caller_number": "string",
        "extra": "string",
    }
    assert table.schema.metadata == {b"name": b"calls", b"version": b"7", b"masked": b"true"}
    first = table.slice(0, 1).to_pylist()[0]
    assert first["at"] == datetime(2026, 11, 22, 8, 0, 0, 250_000, tzinfo=UTC)
    assert first["day"] == date(2026, 11, 22)
    assert first["price"] == Decimal("12.50")
    assert first["extra"] == f'{{"phone": "{MASKED}", "n": [0]}}'
    assert set(table.slice(6).to_pylist()[0].values()) == {None}


@pytest.mark.parametrize("make", [to_pandas, to_arrow])
def test_no_phone_number_comes_out_unless_it_is_asked_for(make):
    text = str(make(ROWS, TYPES).to_pydict() if make is to_arrow else make(ROWS, TYPES).to_dict())
    assert "5551234" not in text
    assert MASKED in text
    plain = make(ROWS, TYPES, masked=False)
    assert NUMBER in str(plain.to_pydict() if make is to_arrow else plain.to_dict())
    assert ROWS[0]["caller_number"] == "+15551234560"


def test_an_empty_table_has_its_types():
    assert str(to_pandas([], TYPES)["at"].dtype) == "datetime64[us, UTC]"
    assert to_arrow([], TYPES).schema.field("price").type == pa.decimal128(10, 2)


def test_columns_without_a_type_are_left_as_they_are():
    rows = [{"a": 1, "b": "x"}, {"a": [2], "b": None}]
    assert list(to_pandas(rows, {}).dtypes.map(str)) == ["object", "object"]
    assert to_arrow(rows, {}).to_pylist() == [{"a": "1", "b": "x"}, {"a": "[2]", "b": None}]


def test_values_that_do_not_fit_their_type_stop_nothing():
    types = {"n": "bigint", "d": "numeric(3,1)", "t": "timestamp with time zone"}
    rows = [{"n": "many", "d": "12345.678", "t": "infinity"}]
    frame, table = to_pandas(rows, types), to_arrow(rows, types)
    assert frame["n"][0] == "many"
    assert pd.isna(frame["t"][0])
    assert table.to_pylist() == [{"n": "many", "d": "12345.678", "t": None}]


def test_many_different_texts_are_no_categories():
    types = {"t": "text"}
    assert str(to_pandas([{"t": f"t{n % 60}"} for n in range(300)], types)["t"].dtype) == "string"
    assert str(to_pandas([{"t": f"t{n % 40}"} for n in range(300)], types)["t"].dtype) == "category"
    assert str(to_pandas([{"t": "a"}, {"t": "b"}], types)["t"].dtype) == "string"
    assert str(to_pandas([{"t": None}], types)["t"].dtype) == "string"


@pytest.mark.parametrize(("package", "make"), [("pandas", to_pandas), ("pyarrow", to_arrow)])
def test_without_the_package_it_says_what_to_install(monkeypatch, package, make):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SetupError, match=f"pip install {package}"):
        make(ROWS, TYPES)
