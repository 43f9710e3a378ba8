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

    A policy that fails for a row hides this row: nothing is shown by accident.

    Parameters
    ----------
    connection
        Of the superuser, in autocommit mode.
    role, claims
        On whose behalf; the claims are JSON text.
    wanted
        Keys by table oid.
    """
    try:
        return await _ask(connection, role, claims, wanted, snapshot)
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise  # the database is gone, or too slow: nobody has been asked, and the caller has to say so
    except psycopg.DatabaseError as error:
        halves = _halves(wanted)
        if halves is None:
            logger.warning("A row-level security policy failed (%s); its row stays hidden.", error.sqlstate)
            return set()
    # One row's failure must not hide the others.
    found = [await visible(connection, role, claims, half, snapshot) for half in halves]
    return found[0] | found[1]


async def _ask(
    connection: AsyncConnection[TupleRow],
    role: str,
    claims: str,
    wanted: Mapping[int, Sequence[Key]],
    snapshot: Snapshot,
) -> set[tuple[int, Key]]:
    queries: list[sql.Composable] = []
    parameters: list[list[str | None]] = []
    for oid, keys in wanted.items():
        queries.append(_query(snapshot.by_oid[oid], oid, snapshot))
        parameters += [list(column) for column in zip(*keys, strict=True)]
    async with connection.transaction():
        await connection.execute(
            "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
            " set_config('statement_timeout', %s, true)",
            [role, claims, str(TIMEOUT)],
        )
        cursor = await connection.execute(sql.SQL(" union all ").join(queries), parameters)
        return {(oid, wanted[oid][at - 1]) for oid, at in await cursor.fetchall()}


def _halves(
    wanted: Mapping[int, Sequence[Key]],
) -> tuple[dict[int, Sequence[Key]], dict[int, Sequence[Key]]] | None:
    """Split what is wanted in two; None when it is one row."""
    if len(wanted) > 1:
        oids = list(wanted)
        middle = len(oids) // 2
        return {oid: wanted[oid] for oid in oids[:middle]}, {oid: wanted[oid] for oid in oids[middle:]}
    ((oid, keys),) = wanted.items()
    if len(keys) == 1:
        return None
    middle = len(keys) // 2
    return {oid: keys[:middle]}, {oid: keys[middle:]}


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
