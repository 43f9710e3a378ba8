"""Which rows a role may see: row-level security asked of Postgres, one query a batch for each role and claims."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from livewidgets.sandbox.quoting import identifier

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow

    from livewidgets.sandbox.catalog import Snapshot, Table

logger = logging.getLogger(__name__)

#: A primary key's values as text.
Key = tuple[str | None, ...]
#: Milliseconds that the policies of one batch may take.
TIMEOUT = 5000


async def visible(
    connection: AsyncConnection[TupleRow],
    role: str,
    claims: str,
    wanted: Mapping[int, Sequence[Key]],
    snapshot: Snapshot,
) -> set[tuple[int, Key]]:
    """Table oid and key of those wanted rows that the role sees now.

    A policy that fails hides the rows that it was asked for: nothing is shown by accident.

    Parameters
    ----------
    connection
        Of the superuser, in autocommit mode.
    role, claims
        On whose behalf; the claims are JSON text.
    wanted
        Keys by table oid.
    """
    queries: list[sql.Composable] = []
    parameters: list[list[str | None]] = []
    for oid, keys in wanted.items():
        table = snapshot.by_oid[oid]
        queries.append(_query(table, oid, snapshot))
        parameters += [list(column) for column in zip(*keys, strict=True)]
    found: set[tuple[int, Key]] = set()
    try:
        async with connection.transaction():
            await connection.execute(
                "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
                " set_config('statement_timeout', %s, true)",
                [role, claims, str(TIMEOUT)],
            )
            cursor = await connection.execute(sql.SQL(" union all ").join(queries), parameters)
            for oid, at in await cursor.fetchall():
                found.add((oid, wanted[oid][at - 1]))
    except (psycopg.DatabaseError, psycopg.InterfaceError) as error:
        if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
            raise  # the database is gone: that is for the caller to handle
        logger.warning("A row-level security policy failed (%s); its rows stay hidden.", error.sqlstate)
    return found


def _query(table: Table, oid: int, snapshot: Snapshot) -> sql.Composed:
    """Select the positions of the keys that can be seen."""
    names = [identifier(f"k{at}") for at in range(len(table.key))]
    types = [snapshot.types[table.columns[column].type_oid] for column in table.key]
    arrays = [sql.SQL("%s::{}[]").format(identifier(info.schema, info.name)) for info in types]
    same = [
        sql.SQL("t.{} = k.{}").format(identifier(column), name)
        for column, name in zip(table.key, names, strict=True)
    ]
    return sql.SQL(
        "select {oid}::int8, k.n from unnest({arrays}) with ordinality k({names}, n)"
        " where exists (select from {table} t where {same})"
    ).format(
        oid=sql.Literal(oid),
        arrays=sql.SQL(", ").join(arrays),
        names=sql.SQL(", ").join(names),
        table=identifier(table.schema, table.name),
        same=sql.SQL(" and ").join(same),
    )
