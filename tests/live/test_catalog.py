"""What is read out of PostgREST's description, and what is done where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from livewidgets.errors import FilterError, UnknownColumnError
from livewidgets.live.catalog import Catalog, TableShape, read_document
from livewidgets.live.client import Live
from livewidgets.live.rest import Rest
from livewidgets.live.table import TableState
from livewidgets.live.timings import Timings
from tests.live.conftest import Table

DOCUMENT = {
    "swagger": "2.0",
    "definitions": {
        "calls": {
            "required": ["id"],
            "properties": {
                "id": {
                    "format": "uuid",
                    "type": "string",
                    "description": "Note:\nThis is a Primary Key.<pk/>",
                },
                "version": {"format": "bigint", "type": "integer"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        },
        "pairs": {
            "properties": {
                "b": {"format": "integer", "description": "<pk/>"},
                "a": {"format": "integer", "description": "<pk/>"},
                "version": {"format": "text"},
            }
        },
        "loose": {"properties": {"x": {"format": "text"}}},
        "empty": {},
    },
}


def test_a_description_is_read() -> None:
    shapes = read_document(DOCUMENT)
    assert shapes["calls"].key == ("id",)
    assert shapes["calls"].version_column == "version"
    assert shapes["calls"].types["tags"] == "array"
    assert shapes["pairs"].key == ("b", "a")
    assert shapes["pairs"].version_column is None
    assert shapes["loose"].key == ()
    assert shapes["empty"].types == {}
    assert read_document({}) == {}


def test_what_the_role_may_do_is_read_where_it_is_told() -> None:
    paths = {"/": {"get": {}}, "/calls": {"get": {}, "patch": {}}, "/pairs": {"get": {}}, "/loose": {}}
    shapes = read_document({**DOCUMENT, "paths": paths})
    assert shapes["calls"].verbs == {"get", "patch"}
    assert shapes["pairs"].verbs == {"get"}
    assert shapes["loose"].verbs is None
    assert read_document(DOCUMENT)["calls"].verbs is None


def test_columns_are_checked_where_they_are_known() -> None:
    with pytest.raises(UnknownColumnError):
        TableShape("t", ("id",), {"id": "uuid"}).check(["id", "nope"])
    TableShape("t", ("id",), {}).check(["anything"])


@pytest.fixture
def undescribed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project that keeps its description to itself, as Supabase does for publishable keys."""

    async def document(self: Rest) -> None:
        return None

    monkeypatch.setattr(Rest, "document", document)


@pytest.mark.usefixtures("undescribed")
def test_without_a_description_the_key_is_id(live: Live, make_table: Callable[..., Table]) -> None:
    data = make_table()
    data.run("insert into {} values (1, 'a')")
    table = live.table(data.name).ready()
    assert table.key == ("id",)
    assert table[1]["title"] == "a"
    assert str(table.to_pandas()["title"][0]) == "a"
    with pytest.raises(UnknownColumnError):
        live.table(data.name, where={"nope": 1}).ready()


@pytest.mark.usefixtures("undescribed")
def test_without_a_description_another_key_must_be_named(
    live: Live, make_table: Callable[..., Table]
) -> None:
    data = make_table("code text primary key, n int")
    data.run("insert into {} values ('a', 1)")
    with pytest.raises(FilterError, match="key="):
        live.table(data.name).ready()
    table = live.table(data.name, key="code").ready()
    assert table["a"]["n"] == 1
    assert table.status.state is TableState.LIVE


async def test_the_description_is_asked_for_once(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = await Rest.create(sandbox.url, sandbox.anon_key, "public", Timings())
    asked = []
    original = Rest.document

    async def document(self: Rest) -> dict[str, Any] | None:
        asked.append(1)
        return await original(self)

    monkeypatch.setattr(Rest, "document", document)
    catalog = Catalog(rest)
    assert (await catalog.shape("campaigns")).key == ("id",)
    assert (await catalog.shape("targets")).key == ("id",)
    assert len(asked) == 1
    catalog.forget()
    await catalog.shape("campaigns")
    assert len(asked) == 2
    await rest.close()
