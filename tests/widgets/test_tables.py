from __future__ import annotations

import pytest

from livewidgets.core.frame import key_text
from livewidgets.errors import CommandError, NotConnectedError
from livewidgets.live.table import TableState
from livewidgets.widgets.lease import Borrowed
from livewidgets.widgets.tables import TablesSource
from tests.widgets.conftest import MemoryTable


class Names(TablesSource):
    """Rows of two tables, told apart by their table."""

    columns = ("table", "name")
    component = "Names"

    def begin(self, feed):
        rows = {}
        for name in ("calls", "bids"):
            rows |= {name + key_text(key): (name, row["name"]) for key, row in self.rows(name).items()}
        feed.replace(rows)

    def patch(self, feed, name, patch):
        upserted = {name + key_text(key): (name, row["name"]) for key, row in patch.upserted.items()}
        feed.apply(upserted, [name + key_text(key) for key in patch.removed])

    def details(self, feed):
        return {"tables": len(self._tables)}


@pytest.fixture
def tables():
    return {
        "calls": MemoryTable(rows=[{"id": 1, "name": "a"}]),
        "bids": MemoryTable(name="bids", rows=[{"id": 1, "name": "b"}]),
    }


@pytest.fixture
def shown(bench, tables):
    source = Names({name: Borrowed(table) for name, table in tables.items()})
    bench.exchange.register("names", source)
    bench.show("names")
    bench.loop.run(0.2)
    return bench.pages[0].feeds["names"]


def test_the_rows_of_all_tables_are_shown_and_followed(bench, tables, shown):
    assert {key: row["name"] for key, row in shown.rows.items()} == {"calls1": "a", "bids1": "b"}
    tables["bids"].put({"id": 2, "name": "c"})
    tables["calls"].remove(1)
    bench.loop.run(0.2)
    assert sorted(shown.rows) == ["bids1", "bids2"]
    assert (shown.meta["rows"], shown.meta["state"], shown.meta["tables"]) == (2, "live", 2)


def test_the_worst_table_says_what_the_view_is_worth(bench, tables, shown):
    calls, bids = tables["calls"], tables["bids"]
    for turn, state in [
        (lambda: bids.turn(TableState.STALE), "stale"),
        (lambda: calls.turn(TableState.LOADING), "loading"),
        (lambda: bids.turn(TableState.ERROR), "error"),
        (lambda: calls.turn(TableState.LOADING, NotConnectedError("No network.", "Wait.")), "error"),
        (lambda: (calls.turn(TableState.LIVE), bids.turn(TableState.LIVE)), "live"),
    ]:
        turn()
        bench.loop.run(0.2)
        assert shown.meta["state"] == state
    calls.close()
    bench.loop.run(5)
    assert shown.meta["state"] == "closed"


def test_the_oldest_table_says_how_old_it_is(bench, tables, monkeypatch, shown):
    monkeypatch.setattr(MemoryTable, "age", property(lambda table: 4.0 if table.name == "bids" else 0.1))
    bench.loop.run(5)
    beats = [message["beat"] for message in bench.ticks if "beat" in message]
    assert beats[-1]["ages"] == {"names": 4000}


def test_nothing_is_followed_once_nobody_looks(bench, tables, shown):
    assert [table.taps for table in tables.values()] == [1, 1]
    bench.show()
    bench.loop.run(0.2)
    assert [table.taps for table in tables.values()] == [0, 0]


def test_a_source_that_only_shows_refuses_commands(tables):
    with pytest.raises(CommandError, match="Names knows no command 'sell'"):
        Names({"calls": Borrowed(tables["calls"])}).command("sell", None)
