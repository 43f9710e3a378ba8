"""The unmodified Python client against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import AsyncClient, acreate_client

from .conftest import Server

# The client warns about parameters that it passes to itself.
pytestmark = pytest.mark.filterwarnings("ignore:The '.*' parameter is deprecated:DeprecationWarning")


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncClient]:
    client = await acreate_client(server.url, server.keys.anon_key)
    yield client
    await client.realtime.close()
    await client.postgrest.aclose()


async def test_rows_are_inserted_read_changed_and_deleted(
    client: AsyncClient, db: psycopg.Connection[Any]
) -> None:
    made = await client.table("todos").insert({"title": "a"}).execute()
    assert made.data == [{"id": 1, "title": "a", "done": False, "user_id": None}]
    many = await client.table("todos").insert([{"title": "b"}, {"title": "c", "done": True}]).execute()
    assert [row["done"] for row in many.data] == [None, True]
    many = (
        await client.table("todos").insert([{"title": "d"}, {"done": True}], default_to_null=False).execute()
    )
    assert [(row["title"], row["done"]) for row in many.data] == [("d", False), (None, True)]
    found = (
        await client.table("todos")
        .select("id, title", count="exact")
        .gt("id", 1)
        .order("id", desc=True)
        .limit(2)
        .execute()
    )
    assert found.data == [{"id": 5, "title": None}, {"id": 4, "title": "d"}]
    assert found.count == 4
    changed = await client.table("todos").update({"done": True}).in_("title", ["a", "b"]).execute()
    assert sorted(row["id"] for row in changed.data) == [1, 2]
    put = await client.table("todos").upsert([{"id": 1, "title": "A"}, {"id": 9, "title": "z"}]).execute()
    assert sorted((row["id"], row["title"]) for row in put.data) == [(1, "A"), (9, "z")]
    kept = await client.table("todos").upsert({"id": 1, "title": "no"}, ignore_duplicates=True).execute()
    assert kept.data == []
    gone = await client.table("todos").delete().eq("id", 9).execute()
    assert gone.data[0]["title"] == "z"
    assert (await client.table("todos").select("id").eq("id", 9).maybe_single().execute()) is None
    one = await client.table("todos").select("title").eq("id", 1).single().execute()
    assert one.data == {"title": "A"}
    with pytest.raises(APIError) as caught:
        await client.table("todos").select("*").single().execute()
    assert caught.value.code == "PGRST116"
    assert (await client.table("todos").select("*", head=True, count="exact").execute()).count == 5
    assert (
        await client.table("todos").select("id,title").order("id").limit(1).csv().execute()
    ).data == "id,title\n1,A"


async def test_a_subscription_hears_of_changes(client: AsyncClient, db: psycopg.Connection[Any]) -> None:
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    ready = asyncio.Event()
    channel = client.channel("room")
    channel.on_postgres_changes("*", heard.put_nowait, table="todos", schema="public")
    channel.on_system(lambda payload: ready.set())
    await channel.subscribe()
    await asyncio.wait_for(ready.wait(), 5)
    await client.table("todos").insert({"title": "x"}).execute()
    change = await asyncio.wait_for(heard.get(), 5)
    assert change["data"]["record"]["title"] == "x"
    await client.remove_channel(channel)
