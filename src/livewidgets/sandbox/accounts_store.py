"""Users in the database: rows in, records out. Texts of requests are parameters, always."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg import AsyncCursor, sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from livewidgets.sandbox.accounts_errors import invalid

if TYPE_CHECKING:
    from livewidgets.sandbox.postgres import Database

Cursor = AsyncCursor[dict[str, Any]]

#: Milliseconds that one statement may take.
TIMEOUT = 8000
_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}@[^\s@.\"(),:;<>\[\]\\]+(\.[^\s@.\"(),:;<>\[\]\\]+)+")
_USER = """
select u.id::text, u.aud, u.role, u.email, u.phone, u.encrypted_password, u.email_confirmed_at,
  u.phone_confirmed_at, u.confirmed_at, u.last_sign_in_at, u.raw_app_meta_data as app_metadata,
  u.raw_user_meta_data as user_metadata, u.created_at, u.updated_at, u.banned_until, u.is_anonymous,
  coalesce((select jsonb_agg(jsonb_build_object('identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id,
    'identity_data', i.identity_data, 'provider', i.provider, 'last_sign_in_at', i.last_sign_in_at,
    'created_at', i.created_at, 'updated_at', i.updated_at, 'email', i.email) order by i.created_at)
    from auth.identities i where i.user_id = u.id), '[]') as identities
from auth.users u where u.deleted_at is null"""
_HIDDEN = ("encrypted_password",)
#: Shown only where there is something to show.
_SPARSE = ("email_confirmed_at", "phone_confirmed_at", "confirmed_at", "last_sign_in_at", "banned_until")


@dataclass(frozen=True)
class User:
    """One user, as the database holds it; the representation shows nothing personal."""

    id: str
    values: Mapping[str, Any] = field(repr=False)

    @property
    def banned(self) -> bool:
        """Whether it may not sign in for now."""
        until = self.values["banned_until"]
        return until is not None and until > datetime.now(UTC)

    def shown(self) -> dict[str, Any]:
        """Give what answers show of it."""
        made: dict[str, Any] = {}
        for name, value in self.values.items():
            if name in _HIDDEN or (value is None and name in _SPARSE):
                continue
            if isinstance(value, datetime):
                made[name] = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
            else:
                made[name] = "" if value is None else value
        return made


@asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[Cursor]:
    """Open a transaction of the sandbox's own."""
    async with (
        database.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        await cursor.execute("select set_config('statement_timeout', %s, true)", [str(TIMEOUT)])
        yield cursor


async def find(cursor: Cursor, *, user_id: str | None = None, email: str | None = None) -> User | None:
    """Find a user by its id or address."""
    by_id = user_id is not None
    condition = sql.SQL(" and u.id = %s" if by_id else " and u.email = %s")
    await cursor.execute(sql.SQL(_USER) + condition, [user_id if by_id else email])
    row = await cursor.fetchone()
    return None if row is None else User(row["id"], row)


async def listed(cursor: Cursor, limit: int, offset: int) -> list[User]:
    """List users, the newest first."""
    page = sql.SQL(" order by u.created_at desc, u.id limit %s offset %s")
    await cursor.execute(sql.SQL(_USER) + page, [limit, offset])
    return [User(row["id"], row) for row in await cursor.fetchall()]


async def count(cursor: Cursor) -> int:
    """Count all users."""
    await cursor.execute("select count(*) as n from auth.users where deleted_at is null")
    row = await cursor.fetchone()
    return int(row["n"]) if row else 0


async def add(
    cursor: Cursor,
    user_id: str,
    email: str,
    password: str,
    *,
    role: str,
    confirmed: bool,
    app_metadata: Mapping[str, Any],
    user_metadata: Mapping[str, Any],
) -> None:
    """Insert a user and its identity; the address may be taken (`psycopg.errors.UniqueViolation`)."""
    app = {"provider": "email", "providers": ["email"], **app_metadata}
    await cursor.execute(
        "insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,"
        " raw_app_meta_data, raw_user_meta_data, created_at, updated_at)"
        " values ('00000000-0000-0000-0000-000000000000', %s, 'authenticated', %s, %s, %s,"
        " case when %s then now() end, %s, %s, now(), now())",
        [user_id, role, email, password, confirmed, Jsonb(app), Jsonb(dict(user_metadata))],
    )
    identity = {"sub": user_id, "email": email, "email_verified": False, "phone_verified": False}
    await cursor.execute(
        "insert into auth.identities (id, provider_id, user_id, identity_data, provider, last_sign_in_at,"
        " created_at, updated_at) values (gen_random_uuid(), %s, %s, %s, 'email', now(), now(), now())",
        [user_id, user_id, Jsonb(identity)],
    )


async def put(cursor: Cursor, user_id: str, columns: Mapping[str, Any]) -> None:
    """Write columns of a user; their names are the sandbox's own."""
    sets: list[sql.Composable] = [sql.SQL("updated_at = now()")]
    sets += [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in columns]
    await cursor.execute(
        sql.SQL("update auth.users set {} where id = %s").format(sql.SQL(", ").join(sets)),
        [*columns.values(), user_id],
    )
    if "email" in columns:
        await cursor.execute(
            "update auth.identities set identity_data = identity_data || %s, updated_at = now()"
            " where user_id = %s and provider = 'email'",
            [Jsonb({"email": columns["email"]}), user_id],
        )


async def merge(cursor: Cursor, user_id: str, name: str, wanted: Mapping[str, Any]) -> None:
    """Merge into a user's metadata; a null takes its key away."""
    column = sql.Identifier("raw_app_meta_data" if name == "app_metadata" else "raw_user_meta_data")
    removed = [key for key, value in wanted.items() if value is None]
    kept = {key: value for key, value in wanted.items() if value is not None}
    await cursor.execute(
        sql.SQL("update auth.users set {} = (coalesce({}, '{{}}') || %s) - %s::text[] where id = %s").format(
            column, column
        ),
        [Jsonb(kept), removed, user_id],
    )


def address_of(text: str) -> str:
    """Return an e-mail address in lower case, or refuse what is none."""
    if len(text) > 254 or not _EMAIL.fullmatch(text):
        raise invalid("Unable to validate email address: invalid format")
    return text.lower()


def uuid_of(value: object) -> str | None:
    """Return a UUID in its usual form; None when it is none."""
    try:
        return str(uuid.UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def refresh_token() -> str:
    """Make a token that nobody guesses."""
    return secrets.token_urlsafe(24)
