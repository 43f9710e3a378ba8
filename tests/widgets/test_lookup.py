from __future__ import annotations

from livewidgets.errors import NoRightsError
from livewidgets.live.table import TableState
from livewidgets.testing import wait_until
from livewidgets.widgets.lease import Borrowed, Owned
from livewidgets.widgets.lookup import Lookup, open_lookup
from tests.widgets.conftest import MemoryLive, MemoryTable


def table(**options):
    return MemoryTable(name="buyers", rows=[{"id": 1, "company_name": "Acme"}], **options)


def test_a_name_is_empty_while_it_may_still_come_and_the_ids_beginning_when_it_will_not():
    buyers = table(state=TableState.LOADING)
    lookup = Lookup(Borrowed(buyers), "company_name")
    assert lookup.name("0123456789abcdef") == ""
    lookup.follow(lambda: None)
    assert (lookup.name(1), lookup.name(None)) == ("Acme", "")
    assert lookup.name("0123456789abcdef") == ""
    buyers.turn(TableState.LIVE)
    assert lookup.name("0123456789abcdef") == "01234567"


def test_only_a_name_that_changed_is_told():
    buyers, told = table(), []
    lookup = Lookup(Borrowed(buyers), "company_name")
    lookup.follow(lambda: told.append(1))
    told.clear()
    buyers.put({"id": 1, "company_name": "Acme", "balance": 5})
    assert told == []
    buyers.put({"id": 1, "company_name": "Apex"})
    buyers.remove(1)
    assert len(told) == 2
    assert lookup.name(1) == "1"


def test_the_first_column_that_holds_something_counts():
    rows = [{"id": 1, "adjusted_amount": None, "amount": 2}, {"id": 2, "adjusted_amount": 3, "amount": 2}]
    lookup = Lookup(Borrowed(MemoryTable(name="bids", rows=rows)), "adjusted_amount", "amount")
    lookup.follow(lambda: None)
    assert [lookup.value(1), lookup.value(2), lookup.value(3)] == [2, 3, None]


def test_a_table_that_cannot_be_read_is_closed_and_said_once():
    buyers, told = table(state=TableState.LOADING), []
    lookup = Lookup(Owned(lambda: buyers), "company_name")
    lookup.follow(lambda: told.append(1))
    buyers.turn(TableState.ERROR, NoRightsError("buyers"))
    wait_until(lambda: buyers.handle_closed)
    assert told == [1]
    assert lookup.name("abc") == "abc"


def test_a_borrowed_table_is_left_open():
    bids = table()
    lookup = Lookup(Borrowed(bids), "company_name")
    lookup.follow(lambda: None)
    lookup.close()
    assert (bids.taps, bids.handle_closed) == (0, False)


def test_it_can_rest_and_follow_again():
    buyers = table()
    lookup = Lookup(Borrowed(buyers), "company_name")
    for _ in range(3):
        lookup.follow(lambda: None)
        assert buyers.taps == 1
        lookup.rest()
        assert buyers.taps == 0
    lookup.close()
    lookup.follow(lambda: None)


def test_a_connection_that_is_closed_gives_no_names():
    class Closed(MemoryLive):
        def table(self, name, **options):
            raise NoRightsError(name)

    lookup = open_lookup(Closed(), "buyers", "company_name")
    lookup.follow(lambda: None)
    assert lookup.name("abcdefghij") == "abcdefgh"
