"""Who may sign in: users, sessions and refresh tokens, kept in the database's schema ``auth``.

The rules are GoTrue's, of a project that confirms every address by itself and sends no mail.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from livewidgets.sandbox.accounts_errors import AccountError, bad_login, email_taken, invalid
from livewidgets.sandbox.accounts_passwords import Passwords, check_strength
from livewidgets.sandbox.accounts_store import (
    User,
    add,
    address_of,
    count,
    find,
    listed,
    merge,
    put,
    refresh_token,
    transaction,
    uuid_of,
)

if TYPE_CHECKING:
    from livewidgets.sandbox.accounts_store import Cursor
    from livewidgets.sandbox.keys import Keys
    from livewidgets.sandbox.postgres import Database

#: Seconds that an access token lasts.
LIFETIME = 3600
#: Seconds in which a refresh token may come again: from a second tab, or because the answer was lost.
REUSE = 10
#: Users on a page of the list, and most of them.
PAGE, MOST = 50, 1000


class Accounts:
    """The rules of signing in.

    Parameters
    ----------
    database, keys
        Where users are kept, and what signs their tokens.
    clock
        Epoch seconds.
    """

    def __init__(self, database: Database, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._passwords = Passwords()

    def __repr__(self) -> str:
        return "<Accounts>"

    async def sign_up(
        self, email: str, password: str, data: Mapping[str, Any], issuer: str
    ) -> dict[str, Any]:
        """Make a user, confirmed at once, and its first session."""
        if not password:
            raise invalid("Signup requires a valid password")
        check_strength(password)
        address = address_of(email)
        kept = await self._passwords.hashed(password)
        user_id = str(uuid.uuid4())
        metadata = {**data, "sub": user_id, "email": address, "email_verified": True, "phone_verified": False}
        async with transaction(self._database) as cursor:
            try:
                await add(
                    cursor,
                    user_id,
                    address,
                    kept,
                    role="authenticated",
                    confirmed=True,
                    app_metadata={},
                    user_metadata=metadata,
                )
            except psycopg.errors.UniqueViolation as error:
                raise AccountError(422, "user_already_exists", "User already registered") from error
            return await self._begin(cursor, user_id, issuer)

    async def sign_in(self, email: str, password: str, issuer: str) -> dict[str, Any]:
        """Begin a session with a password."""
        async with transaction(self._database) as cursor:
            user = await find(cursor, email=email.lower())
        # As slow without such a user: how long it takes tells nobody who has an account.
        right = await self._passwords.match(password, user.values["encrypted_password"] if user else None)
        if user is None or not right:
            raise bad_login()
        if user.banned:
            raise AccountError(400, "user_banned", "User is banned")
        if user.values["email_confirmed_at"] is None:
            raise AccountError(400, "email_not_confirmed", "Email not confirmed")
        async with transaction(self._database) as cursor:
            return await self._begin(cursor, user.id, issuer)

    async def refresh(self, token: str, issuer: str) -> dict[str, Any]:
        """Exchange a refresh token for new tokens; each serves once, and a stolen one ends its session."""
        async with transaction(self._database) as cursor:
            # Exchanges of one session wait for each other.
            await cursor.execute(
                "select s.id::text, s.user_id::text from auth.refresh_tokens r join auth.sessions s on s.id = r.session_id"
                " where r.token = %s for update of s",
                [token],
            )
            session = await cursor.fetchone()
            if session is None:
                raise AccountError(
                    400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found"
                )
            await cursor.execute(
                "select token, parent, revoked, extract(epoch from clock_timestamp() - updated_at)::float8 as age"
                " from auth.refresh_tokens where session_id = %s and (token = %s or not revoked) order by id desc",
                [session["id"], token],
            )
            found = await cursor.fetchall()
            asked = next(row for row in found if row["token"] == token)
            active = next((row for row in found if not row["revoked"]), None)
            again = asked["revoked"] and active is not None
            if again and active is not None and (active["parent"] == token or asked["age"] < REUSE):
                following = str(active["token"])
            elif asked["revoked"]:
                await cursor.execute(
                    "update auth.refresh_tokens set revoked = true, updated_at = now() where session_id = %s",
                    [session["id"]],
                )
                following = ""
            else:
                following = await self._rotate(cursor, session, token)
            user = await find(cursor, user_id=session["user_id"])
            if user is not None and user.banned:
                raise AccountError(400, "user_banned", "Invalid Refresh Token: User Banned")
        if not following or user is None:
            raise AccountError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
        return self._answer(user, session["id"], following, issuer)

    async def of(self, claims: Mapping[str, Any]) -> User:
        """Find whom an access token was made for; its session must not have ended."""
        user_id, session = uuid_of(claims.get("sub")), claims.get("session_id")
        async with transaction(self._database) as cursor:
            user = await find(cursor, user_id=user_id) if user_id else None
            if user is None:
                raise AccountError(403, "user_not_found", "User from sub claim in JWT does not exist")
            if session:
                await cursor.execute("select 1 from auth.sessions where id = %s", [uuid_of(session)])
                if await cursor.fetchone() is None:
                    message = "Session from session_id claim in JWT does not exist"
                    raise AccountError(403, "session_not_found", message)
        if user.banned:
            raise AccountError(403, "user_banned", "User is banned")
        return user

    async def change(
        self, user: User, wanted: Mapping[str, Any], *, session: str | None = None, own: bool = False
    ) -> User:
        """Change a user: address, password, metadata (merged; null removes), role, end of a ban.

        A new password ends its sessions, all but the one that asks.

        Parameters
        ----------
        own
            Whether the user itself asks.
        """
        columns: dict[str, Any] = {}
        if wanted.get("email"):
            columns["email"] = address_of(wanted["email"])
        password = wanted.get("password")
        if password:
            check_strength(password)
            if own and await self._passwords.match(password, user.values["encrypted_password"]):
                message = "New password should be different from the old password."
                raise AccountError(422, "same_password", message)
            columns["encrypted_password"] = await self._passwords.hashed(password)
        columns |= {name: wanted[name] for name in ("role", "banned_until") if name in wanted}
        if wanted.get("email_confirm") and user.values["email_confirmed_at"] is None:
            columns["email_confirmed_at"] = datetime.now(UTC)
        async with transaction(self._database) as cursor:
            try:
                await put(cursor, user.id, columns)
            except psycopg.errors.UniqueViolation as error:
                raise email_taken() from error
            for name in ("user_metadata", "app_metadata"):
                if wanted.get(name):
                    await merge(cursor, user.id, name, wanted[name])
            if password:
                await cursor.execute(
                    "delete from auth.sessions where user_id = %s and id is distinct from %s",
                    [user.id, session],
                )
            changed = await find(cursor, user_id=user.id)
        if changed is None:
            raise AccountError(404, "user_not_found", "User not found")
        return changed

    async def sign_out(self, user: User, session: str | None, scope: str) -> None:
        """End this session (``local``), all but this (``others``), or all (``global``)."""
        which = {"local": " and id = %s", "others": " and id <> %s"}.get(scope, "") if session else ""
        async with transaction(self._database) as cursor:
            await cursor.execute(
                f"delete from auth.sessions where user_id = %s{which}",  # noqa: S608 - one of the texts above
                [user.id, session] if which else [user.id],
            )

    async def create(self, wanted: Mapping[str, Any]) -> User:
        """Make a user on an administrator's behalf."""
        if not wanted.get("email"):
            raise invalid("Cannot create a user without either an email or phone")
        address = address_of(wanted["email"])
        password = wanted.get("password") or secrets.token_urlsafe(24)
        check_strength(password)
        kept = await self._passwords.hashed(password)
        user_id = uuid_of(wanted["id"]) if wanted.get("id") else str(uuid.uuid4())
        if user_id is None:
            raise invalid("ID must conform to the uuid v4 format")
        confirmed = bool(wanted.get("email_confirm"))
        metadata = {**(wanted.get("user_metadata") or {}), "email_verified": confirmed}
        async with transaction(self._database) as cursor:
            try:
                await add(
                    cursor,
                    user_id,
                    address,
                    kept,
                    role=wanted.get("role") or "authenticated",
                    confirmed=confirmed,
                    app_metadata=wanted.get("app_metadata") or {},
                    user_metadata=metadata,
                )
            except psycopg.errors.UniqueViolation as error:
                raise email_taken() from error
            user = await find(cursor, user_id=user_id)
        if user is None:
            raise AccountError(404, "user_not_found", "User not found")
        return user

    async def get(self, user_id: str) -> User:
        """Find a user by its id."""
        known = uuid_of(user_id)
        if known is None:
            raise AccountError(404, "validation_failed", "user_id must be an UUID")
        async with transaction(self._database) as cursor:
            user = await find(cursor, user_id=known)
        if user is None:
            raise AccountError(404, "user_not_found", "User not found")
        return user

    async def page(self, number: int, size: int) -> tuple[list[User], int]:
        """List users, the newest first, and count all of them."""
        async with transaction(self._database) as cursor:
            return await listed(cursor, min(size, MOST), (number - 1) * min(size, MOST)), await count(cursor)

    async def remove(self, user: User) -> None:
        """Delete a user with all that it has."""
        async with transaction(self._database) as cursor:
            await cursor.execute("delete from auth.users where id = %s", [user.id])

    async def _begin(self, cursor: Cursor, user_id: str, issuer: str) -> dict[str, Any]:
        session, token = str(uuid.uuid4()), refresh_token()
        await cursor.execute("insert into auth.sessions (id, user_id) values (%s, %s)", [session, user_id])
        await cursor.execute(
            "insert into auth.refresh_tokens (token, user_id, session_id) values (%s, %s, %s)",
            [token, user_id, session],
        )
        await cursor.execute("update auth.users set last_sign_in_at = now() where id = %s", [user_id])
        user = await find(cursor, user_id=user_id)
        if user is None:
            raise bad_login()
        return self._answer(user, session, token, issuer)

    async def _rotate(self, cursor: Cursor, session: Mapping[str, Any], token: str) -> str:
        following = refresh_token()
        await cursor.execute(
            "update auth.refresh_tokens set revoked = true, updated_at = now() where token = %s", [token]
        )
        await cursor.execute(
            "insert into auth.refresh_tokens (token, user_id, session_id, parent) values (%s, %s, %s, %s)",
            [following, session["user_id"], session["id"], token],
        )
        await cursor.execute("update auth.sessions set refreshed_at = now() where id = %s", [session["id"]])
        return following

    def _answer(self, user: User, session: str, refresh_token: str, issuer: str) -> dict[str, Any]:
        now = int(self._clock())
        values = user.values
        claims = {
            "iss": issuer,
            "sub": user.id,
            "aud": values["aud"],
            "exp": now + LIFETIME,
            "iat": now,
            "email": values["email"] or "",
            "phone": values["phone"] or "",
            "app_metadata": values["app_metadata"] or {},
            "user_metadata": values["user_metadata"] or {},
            "role": values["role"] or "authenticated",
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": now}],
            "session_id": session,
            "is_anonymous": bool(values["is_anonymous"]),
        }
        return {
            "access_token": self._keys.sign(claims),
            "token_type": "bearer",
            "expires_in": LIFETIME,
            "expires_at": now + LIFETIME,
            "refresh_token": refresh_token,
            "user": user.shown(),
        }
