"""Signing up, in and out, as GoTrue answers; and what the tokens open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest

from livewidgets.sandbox.accounts_passwords import MAX_LENGTH, Passwords

from .clients import Phoenix
from .conftest import Server

Db = psycopg.Connection[Any]
VERSION = {"x-supabase-api-version": "2024-01-01"}
PASSWORD = "a good password"


@pytest.fixture
async def auth(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"apikey": server.keys.anon_key, **VERSION}
    async with httpx.AsyncClient(base_url=f"{server.url}/auth/v1", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
async def admin(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    key = server.keys.service_key
    headers = {"apikey": key, "authorization": f"Bearer {key}", **VERSION}
    async with httpx.AsyncClient(base_url=f"{server.url}/auth/v1", headers=headers, timeout=30) as client:
        yield client


def address() -> str:
    return f"{uuid4().hex}@sandbox.test"


def bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {session['access_token']}"}


async def signed_up(auth: httpx.AsyncClient, email: str = "", **more: Any) -> dict[str, Any]:
    answer = await auth.post("/signup", json={"email": email or address(), "password": PASSWORD, **more})
    assert answer.status_code == 200, answer.text
    session: dict[str, Any] = answer.json()
    return session


async def signed_in(auth: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await auth.post(
        "/token", params={"grant_type": "password"}, json={"email": email, "password": password}
    )


async def refreshed(auth: httpx.AsyncClient, token: str) -> httpx.Response:
    return await auth.post("/token", params={"grant_type": "refresh_token"}, json={"refresh_token": token})


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_sign_up_is_a_session_with_supabases_claims(auth: httpx.AsyncClient, server: Server) -> None:
    email = address()
    session = await signed_up(auth, email.upper(), data={"name": "Ana"})
    user = session["user"]
    assert (session["token_type"], session["expires_in"]) == ("bearer", 3600)
    assert (user["email"], user["role"], user["aud"]) == (email, "authenticated", "authenticated")
    assert user["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert user["user_metadata"].items() >= {"name": "Ana", "email": email, "email_verified": True}.items()
    assert user["identities"][0]["provider"] == "email"
    assert user["email_confirmed_at"].endswith("Z")
    assert "encrypted_password" not in user
    claims = jwt.decode(
        session["access_token"], server.keys.secret, algorithms=["HS256"], audience="authenticated"
    )
    assert set(claims) >= {
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "email",
        "phone",
        "app_metadata",
        "user_metadata",
    }
    assert claims["sub"] == user["id"]
    assert claims["role"] == "authenticated"
    assert claims["iss"] == f"{server.url}/auth/v1"
    assert claims["exp"] == session["expires_at"]
    assert (claims["aal"], claims["amr"][0]["method"], claims["is_anonymous"]) == ("aal1", "password", False)
    assert claims["session_id"]


async def test_signing_in_takes_the_password(auth: httpx.AsyncClient) -> None:
    email = address()
    await signed_up(auth, email)
    answer = await signed_in(auth, email.capitalize())
    assert answer.status_code == 200
    session = answer.json()
    mine = await auth.get("/user", headers=bearer(session))
    assert mine.json()["email"] == email
    assert mine.json()["last_sign_in_at"]
    for other in (await signed_in(auth, email, "wrong"), await signed_in(auth, address())):
        assert refusal(other) == (400, "invalid_credentials")
        assert other.json()["message"] == "Invalid login credentials"
        assert other.headers["x-supabase-api-version"] == "2024-01-01"


async def test_old_clients_get_the_old_form_of_errors(auth: httpx.AsyncClient) -> None:
    answer = await auth.post(
        "/token",
        params={"grant_type": "password"},
        json={"email": address(), "password": "x"},
        headers={"x-supabase-api-version": ""},
    )
    assert answer.json() == {
        "code": 400,
        "error_code": "invalid_credentials",
        "msg": "Invalid login credentials",
    }


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/signup", {"email": "a@b.test", "password": "short"}, 422, "weak_password"),
        ("/signup", {"email": "a@b.test", "password": "x" * (MAX_LENGTH + 1)}, 400, "validation_failed"),
        ("/signup", {"email": "a@b.test"}, 400, "validation_failed"),
        ("/signup", {"email": "nobody", "password": PASSWORD}, 400, "validation_failed"),
        ("/signup", {"phone": "15551234567", "password": PASSWORD}, 400, "phone_provider_disabled"),
        ("/signup", {}, 422, "anonymous_provider_disabled"),
        ("/signup", {"email": 1, "password": PASSWORD}, 400, "bad_json"),
        ("/signup", {"email": "a@b.test", "password": "\0" * 8}, 400, "bad_json"),
        ("/signup", [], 400, "bad_json"),
        ("/token?grant_type=password", {"password": PASSWORD}, 400, "validation_failed"),
        ("/token?grant_type=refresh_token", {}, 400, "validation_failed"),
        ("/token?grant_type=refresh_token", {"refresh_token": "x"}, 400, "refresh_token_not_found"),
        ("/token?grant_type=pkce", {}, 400, "invalid_credentials"),
        ("/otp", {"email": "a@b.test"}, 422, "otp_disabled"),
        ("/recover", {"email": "a@b.test"}, 422, "email_provider_disabled"),
    ],
)
async def test_refusals_have_gotrues_codes(
    auth: httpx.AsyncClient, path: str, body: object, status: int, code: str
) -> None:
    answer = await auth.post(path, json=body)
    assert refusal(answer) == (status, code)
    assert answer.json().get("weak_password") == (
        {"reasons": ["length"]} if code == "weak_password" else None
    )


async def test_an_address_is_taken_once(auth: httpx.AsyncClient) -> None:
    email = address()
    answers = await asyncio.gather(
        *(auth.post("/signup", json={"email": email, "password": PASSWORD}) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]
    assert {answer.json().get("code") for answer in answers} == {None, "user_already_exists"}


async def test_a_refresh_token_serves_once(auth: httpx.AsyncClient, db: Db) -> None:
    first = await signed_up(auth)
    second = (await refreshed(auth, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["user"]["id"] == first["user"]["id"]
    # The answer may have been lost, or two tabs may have asked: the one before the last still leads to the last.
    again = (await refreshed(auth, first["refresh_token"])).json()
    assert again["refresh_token"] == second["refresh_token"]
    third = (await refreshed(auth, second["refresh_token"])).json()
    db.execute("update auth.refresh_tokens set updated_at = now() - interval '1 minute'")
    stolen = await refreshed(auth, first["refresh_token"])
    assert refusal(stolen) == (400, "refresh_token_already_used")
    assert refusal(await refreshed(auth, third["refresh_token"])) == (400, "refresh_token_already_used")


async def test_refreshes_at_once_agree(auth: httpx.AsyncClient) -> None:
    session = await signed_up(auth)
    answers = await asyncio.gather(*(refreshed(auth, session["refresh_token"]) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_a_user_changes_itself(auth: httpx.AsyncClient) -> None:
    email, other = address(), address()
    session = await signed_up(auth, email, data={"name": "Ana", "team": "a"})
    elsewhere = (await signed_in(auth, email)).json()
    mine = bearer(session)
    changed = await auth.put("/user", json={"data": {"name": "Bea", "team": None}}, headers=mine)
    assert changed.json()["user_metadata"]["name"] == "Bea"
    assert "team" not in changed.json()["user_metadata"]
    assert refusal(await auth.put("/user", json={"password": PASSWORD}, headers=mine)) == (
        422,
        "same_password",
    )
    assert refusal(await auth.put("/user", json={"app_metadata": {"role": "manager"}}, headers=mine)) == (
        403,
        "not_admin",
    )
    changed = await auth.put("/user", json={"password": "another one", "email": other}, headers=mine)
    assert changed.json()["email"] == other
    assert (await signed_in(auth, other, "another one")).status_code == 200
    assert refusal(await signed_in(auth, email)) == (400, "invalid_credentials")
    assert (await auth.get("/user", headers=mine)).status_code == 200
    assert refusal(await auth.get("/user", headers=bearer(elsewhere))) == (403, "session_not_found")
    taken = address()
    await signed_up(auth, taken)
    assert refusal(await auth.put("/user", json={"email": taken}, headers=mine)) == (422, "email_exists")


@pytest.mark.parametrize(
    ("scope", "lives"), [("local", [False, True]), ("others", [True, False]), ("global", [False, False])]
)
async def test_signing_out_ends_sessions(auth: httpx.AsyncClient, scope: str, lives: list[bool]) -> None:
    email = address()
    sessions = [await signed_up(auth, email), (await signed_in(auth, email)).json()]
    answer = await auth.post(f"/logout?scope={scope}", headers=bearer(sessions[0]))
    assert (answer.status_code, answer.content) == (204, b"")
    for session, alive in zip(sessions, lives, strict=True):
        assert ((await auth.get("/user", headers=bearer(session))).status_code == 200) is alive
        assert ((await refreshed(auth, session["refresh_token"])).status_code == 200) is alive


async def test_who_may_not_ask(auth: httpx.AsyncClient, server: Server) -> None:
    keys = server.keys
    nobody = {"role": "authenticated", "sub": str(uuid4())}
    for token, status, code in [
        (None, 401, "no_authorization"),
        (keys.anon_key, 403, "bad_jwt"),
        ("x.y", 403, "bad_jwt"),
        (keys.anon_key[:-3] + "AAA", 403, "bad_jwt"),
        (keys.sign({"role": "authenticated", "sub": str(uuid4())}, -5), 403, "bad_jwt"),
        (keys.sign(nobody), 403, "user_not_found"),
        (keys.sign({**nobody, "sub": "x"}), 403, "user_not_found"),
    ]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = await auth.get("/user", headers=headers)
        assert refusal(answer) == (status, code)
        assert str(token) not in answer.text
    session = await signed_up(auth)
    assert refusal(await auth.get("/admin/users", headers=bearer(session))) == (403, "not_admin")
    assert refusal(await auth.post("/logout?scope=x", headers=bearer(session))) == (400, "validation_failed")
    async with httpx.AsyncClient(base_url=f"{server.url}/auth/v1", timeout=30) as client:
        assert (await client.get("/settings")).status_code == 401
        assert (await client.get("/.well-known/jwks.json")).json() == {"keys": []}


async def test_settings_and_health(auth: httpx.AsyncClient) -> None:
    assert (await auth.get("/settings")).json()["mailer_autoconfirm"] is True
    assert (await auth.get("/health")).json()["name"] == "GoTrue"


async def test_the_managers_token_has_a_user(auth: httpx.AsyncClient, server: Server) -> None:
    answer = await auth.get("/user", headers={"authorization": f"Bearer {server.keys.manager_token}"})
    assert answer.json()["app_metadata"] == {"role": "manager"}
    assert refusal(await signed_in(auth, "manager@sandbox.test", "")) == (400, "invalid_credentials")


async def test_an_administrator_makes_changes_bans_and_deletes_users(
    auth: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    email = address()
    body = {"email": email, "password": PASSWORD, "app_metadata": {"role": "buyer"}, "email_confirm": True}
    made = (await admin.post("/admin/users", json=body)).json()
    assert made["app_metadata"] == {"provider": "email", "providers": ["email"], "role": "buyer"}
    path = f"/admin/users/{made['id']}"
    assert (await admin.get(path)).json() == made
    assert refusal(await admin.post("/admin/users", json=body)) == (422, "email_exists")
    assert made["id"] in [user["id"] for user in (await admin.get("/admin/users?per_page=5")).json()["users"]]
    session = (await signed_in(auth, email)).json()
    await admin.put(path, json={"ban_duration": "24h"})
    assert refusal(await signed_in(auth, email)) == (400, "user_banned")
    assert refusal(await auth.get("/user", headers=bearer(session))) == (403, "user_banned")
    changed = await admin.put(path, json={"ban_duration": "none", "app_metadata": {"role": None}})
    assert "role" not in changed.json()["app_metadata"]
    assert (await signed_in(auth, email)).status_code == 200
    assert (await admin.delete(path)).json() == {}
    assert refusal(await admin.get(path)) == (404, "user_not_found")
    assert refusal(await auth.get("/user", headers=bearer(session))) == (403, "user_not_found")
    for wrong in ("/admin/users?page=0", "/admin/users?per_page=x"):
        assert refusal(await admin.get(wrong)) == (400, "validation_failed")


async def test_a_user_waits_for_its_confirmation(auth: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    email = address()
    made = (await admin.post("/admin/users", json={"email": email, "password": PASSWORD})).json()
    assert refusal(await signed_in(auth, email)) == (400, "email_not_confirmed")
    await admin.put(f"/admin/users/{made['id']}", json={"email_confirm": True})
    assert (await signed_in(auth, email)).status_code == 200


def test_nobody_reads_who_may_sign_in(server: Server, db: Db) -> None:
    tables = ["auth.users", "auth.identities", "auth.sessions", "auth.refresh_tokens"]
    for role in ("anon", "authenticated", "service_role"):
        found = db.execute(
            "select t from unnest(%s::text[]) t where has_any_column_privilege(%s, t, 'select, insert, update')",
            [tables, role],
        )
        assert found.fetchall() == []


async def test_a_buyer_sees_its_own_calls_and_bids_only(
    auth: httpx.AsyncClient, admin: httpx.AsyncClient, server: Server, db: Db
) -> None:
    email, buyers = address(), [str(uuid4()), str(uuid4())]
    for buyer in buyers:
        db.execute("insert into buyers (id, company_name) values (%s, %s)", [buyer, f"Buyer {buyer[:4]}"])
    await admin.post(
        "/admin/users",
        json={
            "email": email,
            "password": PASSWORD,
            "email_confirm": True,
            "app_metadata": {"role": "buyer", "buyer_id": buyers[0]},
        },
    )
    session = (await signed_in(auth, email)).json()
    token = session["access_token"]
    bindings = [{"event": "*", "schema": "public", "table": name} for name in ("calls", "bids")]
    async with Phoenix(server) as socket:
        await socket.subscribe("realtime:mine", *bindings, token=token)
        for buyer in (buyers[1], buyers[0]):
            db.execute("insert into calls (buyer_id, status) values (%s, 'queued')", [buyer])
            db.execute("insert into bids (buyer_id, amount) values (%s, 5)", [buyer])
        heard = [(await socket.frame())["payload"]["data"] for _ in range(2)]
        await socket.quiet()
    assert {(data["table"], data["record"]["buyer_id"]) for data in heard} == {
        ("calls", buyers[0]),
        ("bids", buyers[0]),
    }
    async with httpx.AsyncClient(
        base_url=f"{server.url}/rest/v1", headers={"apikey": server.keys.anon_key}, timeout=30
    ) as rest:
        for table in ("calls", "bids"):
            rows = (await rest.get(f"/{table}?select=buyer_id", headers=bearer(session))).json()
            assert rows == [{"buyer_id": buyers[0]}]
        names = (await rest.get("/buyers?select=id", headers=bearer(session))).json()
        assert names == [{"id": buyers[0]}]
    db.execute("delete from calls")
    db.execute("delete from bids")
    db.execute("delete from buyers where id = any(%s)", [buyers])


async def test_what_is_kept_of_a_password() -> None:
    passwords = Passwords()
    kept = await passwords.hashed(PASSWORD)
    assert PASSWORD not in kept
    assert kept != await passwords.hashed(PASSWORD)
    assert await passwords.match(PASSWORD, kept)
    assert not await passwords.match("another", kept)
    for broken in (
        None,
        "",
        "$2a$10$abc",
        kept[:-4],
        kept.replace("16384", "2"),
        kept.replace("scrypt", "x"),
        "$$$$$",
    ):
        assert not await passwords.match(PASSWORD, broken)
        assert not await passwords.match("", broken)
