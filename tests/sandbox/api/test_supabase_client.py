"""The unmodified Python client against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import AsyncClient, AsyncClientOptions, acreate_client
from supabase_auth.errors import AuthApiError, AuthWeakPasswordError

from .conftest import Server

# The client warns about parameters that it passes to itself.
pytestmark = pytest.mark.filterwarnings("ignore:The '.*' parameter is deprecated:DeprecationWarning")


@asynccontextmanager
async def connected(server: Server, key: str) -> AsyncIterator[AsyncClient]:
    # An HTTP client of ours: after a sign-in the client drops the one it made itself, unclosed.
    async with httpx.AsyncClient(timeout=30) as http:
        client = await acreate_client(server.url, key, AsyncClientOptions(httpx_client=http))
        yield client
        await client.realtime.close()
        await client.auth.close()


@pytest.fixture(params=["jwt", "opaque"])
async def client(server: Server, request: pytest.FixtureRequest) -> AsyncIterator[AsyncClient]:
    keys = server.keys
    async with connected(server, keys.anon_key if request.param == "jwt" else keys.publishable_key) as client:
        yield client


@pytest.fixture
async def other(server: Server) -> AsyncIterator[AsyncClient]:
    """A second client: the service's own."""
    async with connected(server, server.keys.secret_key) as client:
        yield client


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
    await asyncio.wait_for(ready.wait(), 30)
    await client.table("todos").insert({"title": "x"}).execute()
    change = await asyncio.wait_for(heard.get(), 30)
    assert change["data"]["record"]["title"] == "x"
    await client.remove_channel(channel)


async def test_filters_find_what_they_say(client: AsyncClient, db: psycopg.Connection[Any]) -> None:
    db.execute(
        "insert into kitchen (i4, t, b, ia, r, jb) values (1, 'alpha', true, '{1,2}', '[1,5)', '{\"a\": 1}'),"
        " (2, 'Beta', false, '{3}', '[5,9)', '{\"a\": 2}'), (3, 'a,b.c (d) \"e\"', null, '{}', null, null)"
    )

    def query() -> Any:
        return client.table("kitchen").select("id").order("id")

    for asked, ids in [
        (query().eq("t", 'a,b.c (d) "e"'), [3]),
        (query().neq("i4", 2), [1, 3]),
        (query().gte("i4", 2).lt("i4", 3), [2]),
        (query().like("t", "al%"), [1]),
        (query().ilike("t", "BETA"), [2]),
        (query().is_("b", "null"), [3]),
        (query().in_("t", ["alpha", 'a,b.c (d) "e"']), [1, 3]),
        (query().contains("ia", ["1"]), [1]),
        (query().contained_by("ia", ["1", "2"]), [1, 3]),
        (query().overlaps("ia", ["2", "3"]), [1, 2]),
        (query().contains("jb", {"a": 2}), [2]),
        (query().range_lt("r", (5, 9)), [1]),
        (query().range_adjacent("r", (8, 12)), [2]),
        (query().or_("i4.eq.1,and(b.is.false,t.eq.Beta)"), [1, 2]),
        (query().not_.eq("i4", 1), [2, 3]),
        (query().match({"i4": 1, "b": True}), [1]),
        (query().text_search("t", "alpha"), [1]),
        (query().range(1, 1), [2]),
        (query().limit(1).offset(2), [3]),
        (query().filter("jb->>a", "eq", "2"), [2]),
    ]:
        assert [row["id"] for row in (await asked.execute()).data] == ids, asked.request.params


async def test_somebody_signs_up_in_and_out(
    client: AsyncClient, other: AsyncClient, db: psycopg.Connection[Any]
) -> None:
    email, password = f"{uuid4().hex}@sandbox.test", "a good password"
    auth = client.auth
    made = await auth.sign_up({"email": email, "password": password, "options": {"data": {"name": "Ana"}}})
    assert made.user is not None
    assert made.user.user_metadata["name"] == "Ana"
    with pytest.raises(AuthApiError) as caught:
        await auth.sign_up({"email": email, "password": password})
    assert caught.value.code == "user_already_exists"
    with pytest.raises(AuthWeakPasswordError):
        await auth.sign_up({"email": f"x{email}", "password": "abc"})
    with pytest.raises(AuthApiError) as caught:
        await auth.sign_in_with_password({"email": email, "password": "wrong"})
    assert (caught.value.code, caught.value.status) == ("invalid_credentials", 400)
    session = (await auth.sign_in_with_password({"email": email, "password": password})).session
    assert session is not None
    found = await auth.get_user()
    assert found is not None
    assert found.user.email == email
    fresh = (await auth.refresh_session()).session
    assert fresh is not None
    assert fresh.refresh_token != session.refresh_token
    # Requests come as the user from now on.
    db.execute("insert into secrets values (1, %s, 'mine'), (2, null, 'other')", [found.user.id])
    assert [row["id"] for row in (await client.table("secrets").select("id").execute()).data] == [1]
    changed = await auth.update_user({"data": {"name": "Bea"}})
    assert changed.user.user_metadata["name"] == "Bea"
    await auth.sign_out()
    assert (await client.table("secrets").select("id").execute()).data == []
    with pytest.raises(AuthApiError) as caught:
        await auth.refresh_session(fresh.refresh_token)
    assert caught.value.code == "refresh_token_not_found"
    admin = other.auth.admin
    buyer = await admin.create_user(
        {"email": f"b{email}", "password": password, "email_confirm": True, "app_metadata": {"role": "buyer"}}
    )
    assert buyer.user.app_metadata["role"] == "buyer"
    assert buyer.user.id in [user.id for user in await admin.list_users()]
    await admin.delete_user(buyer.user.id)


async def test_rooms_carry_messages_and_presence(client: AsyncClient, other: AsyncClient) -> None:
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    name = f"room-{uuid4().hex}"
    mine = client.channel(name, {"config": {"presence": {"key": "ana"}}})  # type: ignore[typeddict-item]
    mine.on_broadcast("ping", heard.put_nowait)
    synced = asyncio.Event()
    mine.on_presence_sync(synced.set)
    await mine.subscribe()
    theirs = other.channel(name, {"config": {"presence": {"key": "bea"}}})  # type: ignore[typeddict-item]
    theirs.on_presence_sync(lambda: None)
    await theirs.subscribe()

    async def until(keys: set[str]) -> None:
        async with asyncio.timeout(10):
            while set(mine.presence_state()) != keys:
                synced.clear()
                await synced.wait()

    await theirs.track({"doing": "typing"})
    await until({"bea"})
    assert mine.presence_state()["bea"][0]["doing"] == "typing"
    await mine.track({})
    await until({"ana", "bea"})
    await theirs.send_broadcast("ping", {"n": 1})
    message = await asyncio.wait_for(heard.get(), 10)
    assert message["payload"] == {"n": 1}
    await theirs.untrack()
    await until({"ana"})


async def test_a_private_room_is_for_those_who_may(
    client: AsyncClient, server: Server, db: psycopg.Connection[Any]
) -> None:
    db.execute(
        "create policy py_select on realtime.messages for select to authenticated"
        " using ((select realtime.topic()) = 'py-secret')"
    )
    try:

        async def joined() -> str:
            states: asyncio.Queue[str] = asyncio.Queue()
            room = client.channel("py-secret", {"config": {"private": True}})  # type: ignore[typeddict-item]
            await room.subscribe(lambda state, _: states.put_nowait(state.value))
            state = await asyncio.wait_for(states.get(), 10)
            await client.remove_channel(room)
            return state

        assert await joined() == "CHANNEL_ERROR"
        await client.realtime.set_auth(server.keys.manager_token)
        assert await joined() == "SUBSCRIBED"
    finally:
        db.execute("drop policy py_select on realtime.messages")
