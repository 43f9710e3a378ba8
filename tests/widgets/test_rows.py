from __future__ import annotations

import pytest

from livewidgets.widgets.rows import RowsSource
from tests.widgets.conftest import MemoryLive, MemoryTable


def show(bench, source):
    bench.exchange.register("rows", source)
    bench.show("rows")
    bench.loop.run(0.2)
    return bench.pages[0].feeds["rows"]


def test_columns_of_a_table_are_shown_and_followed(bench):
    table = MemoryTable(name="agents", rows=[{"id": 1, "name": "Ana", "state": "break", "pay": 7}])
    shown = show(bench, RowsSource(table, ("name", "state")))
    assert shown.rows == {"1": {"name": "Ana", "state": "break"}}
    table.put({"id": 2, "name": "Bo"})
    table.remove(1)
    bench.loop.run(0.2)
    assert shown.rows == {"2": {"name": "Bo", "state": None}}
    assert (shown.meta["state"], shown.meta["rows"], shown.meta["masked"]) == ("live", 1, True)


def test_what_is_worked_out_of_a_row_is_masked_as_well(bench):
    table = MemoryTable(rows=[{"id": 1, "caller_number": "+15551234567", "note": "call +15559876543"}])
    columns = {
        "told": lambda row: f"{row['caller_number']} and {row['note']}",
        "list": lambda row: [row["id"], None],
        "caller_number": lambda row: row["caller_number"],
    }
    shown = show(bench, RowsSource(table, columns))
    assert shown.rows == {
        "1": {
            "told": "+1 ••• ••• 4567 and call +1 ••• ••• 6543",
            "list": "[1, null]",
            "caller_number": "+1 ••• ••• 4567",
        }
    }


def test_unmasked_is_as_the_database_has_it(bench):
    table = MemoryTable(rows=[{"id": 1, "caller_number": "+15551234567"}])
    shown = show(bench, RowsSource(table, ("caller_number",), masked=False))
    assert shown.rows == {"1": {"caller_number": "+15551234567"}}
    assert shown.meta["masked"] is False


def test_a_key_that_is_a_number_never_gets_to_the_page(bench):
    table = MemoryTable(rows=[])
    table._memory.key = ("phone",)
    table._memory.by_key = {("+15551234567",): {"phone": "+15551234567", "id": "+15551234567"}}
    shown = show(bench, RowsSource(table, ("phone",)))
    [key] = shown.rows
    assert "4567" not in key
    table.remove("+15551234567")
    bench.loop.run(0.2)
    assert shown.rows == {}


def test_with_a_connection_the_table_is_its_own(bench):
    live = MemoryLive(agents=[{"id": 1, "name": "Ana"}])
    source = RowsSource(live, ("name",), table="agents", order="name")
    assert live.opened == []
    assert show(bench, source).rows == {"1": {"name": "Ana"}}
    assert [table.name for table in live.opened] == ["agents"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RowsSource("agents", ("name",)), "not str"),
        (lambda: RowsSource(MemoryLive(), ("name",)), "table="),
        (lambda: RowsSource(MemoryTable(), ("name",), order="name"), "`order` goes with a Live"),
    ],
)
def test_bad_arguments_are_said(make, words):
    with pytest.raises(TypeError, match=words):
        make()
