"""What changed between two versions of a table that follows a database."""

from __future__ import annotations

import pytest

from livewidgets.errors import HistoryError
from tests.live.conftest import eventually


def test_what_changed_between_two_versions(live, make_table):
    data = make_table()
    data.run("insert into {} values (1, 'a'), (2, 'b')")
    table = live.table(data.name).ready()
    before = table.version
    assert table.to_pandas().attrs["version"] == before
    assert table.to_arrow().schema.metadata[b"name"] == data.name.encode()
    data.run("update {} set title = 'A', version = 2 where id = 1")
    eventually(lambda: table[1]["title"] == "A")  # a version of its own: what comes together is one patch
    data.run("delete from {} where id = 2")
    data.run("insert into {} values (3, 'c')")
    eventually(lambda: 3 in table and 2 not in table)
    found = table.diff(before)
    assert found.columns((1,)) == {"title": ("a", "A"), "version": (1, 2)}
    assert found.deleted[2,]["title"] == "b"
    assert found.inserted[3,]["title"] == "c"
    assert not table.diff(table.version)
    assert table.diff(before, before + 1) != found
    with pytest.raises(HistoryError, match="no version"):
        table.diff(before, table.version + 1)
