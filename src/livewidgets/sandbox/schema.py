"""Brings a database to the sandbox's schema: what Supabase has in every project, and the call business."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import psycopg
from psycopg import sql

from livewidgets.errors import PostgresUnavailableError

#: The tables of the call business, parents before children.
BUSINESS_TABLES = (
    "campaigns",
    "publishers",
    "buyers",
    "targets",
    "agents",
    "calls",
    "bids",
    "alerts",
    "payments",
)


def apply(dsn: str) -> bool:
    """Apply the schema where it is not applied yet; quick and harmless otherwise.

    A database that already has other tables in ``public`` keeps them: it gets the roles, the auth functions and the
    publication only.

    Parameters
    ----------
    dsn
        A superuser's address.

    Returns
    -------
    bool
        Whether the call business is in this database, and so may have traffic.

    Raises
    ------
    PostgresUnavailableError
        The database refuses the schema.
    """
    platform = "\n".join(_text(name) for name in ("platform.sql", "realtime.sql"))
    business = _text("schema.sql")
    digest = hashlib.sha256(f"{platform}\n{business}".encode()).hexdigest()
    try:
        with psycopg.connect(dsn, autocommit=True) as connection, connection.transaction():
            # Two starts at once wait for each other here.
            connection.execute("select pg_advisory_xact_lock(7_311_202)")
            ours = _ours(connection)
            if ours and _note(connection, "schema") == digest:
                return True
            connection.execute(platform.encode())
            if not ours and _occupied(connection):
                return False
            connection.execute(business.encode())
            connection.execute(
                "insert into sandbox.notes values ('schema', %s)"
                " on conflict (name) do update set value = excluded.value",
                (digest,),
            )
            return True
    except psycopg.Error as error:
        raise PostgresUnavailableError(
            f"The database refuses the sandbox's schema ({error.sqlstate or 'connection lost'}).",
            "It needs a superuser; see the log of Postgres.",
        ) from error


def _text(name: str) -> str:
    return (files("livewidgets.sandbox") / name).read_text("utf-8")


def _ours(connection: psycopg.Connection[psycopg.rows.TupleRow]) -> bool:
    row = connection.execute("select to_regclass('sandbox.notes') is not null").fetchone()
    return bool(row and row[0]) and _note(connection, "schema") is not None


def _note(connection: psycopg.Connection[psycopg.rows.TupleRow], name: str) -> str | None:
    row = connection.execute(
        sql.SQL("select value from sandbox.notes where name = {}").format(sql.Literal(name))
    ).fetchone()
    return None if row is None else str(row[0])


def _occupied(connection: psycopg.Connection[psycopg.rows.TupleRow]) -> bool:
    row = connection.execute(
        "select exists (select from pg_tables where schemaname = 'public' and tablename = any(%s))",
        (list(BUSINESS_TABLES),),
    ).fetchone()
    return bool(row and row[0])
