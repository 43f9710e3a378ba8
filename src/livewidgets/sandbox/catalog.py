"""What the database holds: tables, columns, keys, rights and types. Read once, read again after DDL.

An event trigger notifies the channel ``pgrst`` after every DDL command (``notify pgrst`` by hand does the same), and
whoever misses a table here asks for a fresh reading, so a table is usable the moment its commit is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from livewidgets.sandbox.values import Encoders, TypeInfo

if TYPE_CHECKING:
    from livewidgets.sandbox.postgres import Database

PUBLICATION = "supabase_realtime"
#: Seconds between attempts to listen again after the database went away.
LISTEN_AGAIN = 0.5


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column.

    Attributes
    ----------
    format
        The type as SQL writes it (``timestamp with time zone``, ``character varying(20)``).
    default
        The default expression, or of an identity column the ``nextval`` it stands for; None when there is none.
    generated
        Computed by the database; cannot be written.
    """

    name: str
    number: int
    type_oid: int
    format: str
    nullable: bool
    default: str | None
    generated: bool
    comment: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """One table or view.

    Attributes
    ----------
    key
        The primary key's columns in their order; empty when there is none.
    row_security
        Whether row-level security is on.
    published
        Whether its changes are in the publication.
    """

    oid: int
    schema: str
    name: str
    key: tuple[str, ...]
    columns: Mapping[str, TableColumn]
    row_security: bool
    published: bool
    comment: str | None


@dataclass(frozen=True, slots=True)
class Rights:
    """What one role may read.

    Attributes
    ----------
    exists
        Whether there is such a role.
    bypass
        It is not subject to row-level security.
    readable
        Readable columns by table oid.
    writable
        Oids of the tables that it may insert into, update or delete from.
    """

    exists: bool
    bypass: bool
    readable: Mapping[int, frozenset[str]]
    writable: frozenset[int] = frozenset()


@dataclass(slots=True)
class Snapshot:
    """One reading of the catalogue."""

    tables: Mapping[tuple[str, str], Table]
    types: Mapping[int, TypeInfo]
    by_oid: Mapping[int, Table] = field(init=False)
    encoders: Encoders = field(init=False)
    rights: dict[str, Rights] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_oid = {table.oid: table for table in self.tables.values()}
        self.encoders = Encoders(self.types)

    @property
    def published(self) -> frozenset[int]:
        """The oids of the published tables."""
        return frozenset(oid for oid, table in self.by_oid.items() if table.published)


_TABLES = """
select c.oid::int8, n.nspname, c.relname, c.relrowsecurity, obj_description(c.oid, 'pg_class'),
  coalesce((select array_agg(a.attname::text order by k.n) from pg_index i
    cross join unnest(i.indkey) with ordinality k(attnum, n)
    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
    where i.indrelid = c.oid and i.indisprimary), '{}') as key,
  exists (select from pg_publication_tables p
    where p.pubname = %s and p.schemaname = n.nspname and p.tablename = c.relname) as published
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
_COLUMNS = """
select a.attrelid::int8, a.attname, a.attnum::int4, a.atttypid::int8, format_type(a.atttypid, a.atttypmod),
  not a.attnotnull,
  case when a.attidentity <> '' then format('nextval(%%L)', pg_get_serial_sequence(c.oid::regclass::text, a.attname))
    when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
  a.attgenerated <> '', col_description(c.oid, a.attnum)
from pg_attribute a join pg_class c on c.oid = a.attrelid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = any(%s::oid[]) and a.attnum > 0 and not a.attisdropped order by a.attrelid, a.attnum
"""
_TYPES = """
select t.oid::int8, n.nspname, t.typname, t.typtype::text, t.typbasetype::int8,
  case when t.typcategory = 'A' and t.typlen = -1 then t.typelem::int8 else 0 end, t.typdelim::text,
  case when t.typtype = 'c' then (select coalesce(array_agg(array[a.attname::text, a.atttypid::int8::text]
    order by a.attnum), '{}') from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0
    and not a.attisdropped) end
from pg_type t join pg_namespace n on n.oid = t.typnamespace
"""
_RIGHTS = """
select a.attrelid::int8, array_agg(a.attname::text) filter (
    where has_column_privilege(%(role)s, a.attrelid, a.attnum, 'select')),
  bool_or(has_any_column_privilege(%(role)s, a.attrelid, 'insert, update')
    or has_table_privilege(%(role)s, a.attrelid, 'delete'))
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where a.attrelid = any(%(tables)s::oid[]) and a.attnum > 0 and not a.attisdropped
  and has_schema_privilege(%(role)s, n.oid, 'usage')
group by a.attrelid
"""
_WATCH = """
create schema if not exists sandbox;
do $$ begin
  if to_regprocedure('sandbox.tell_ddl()') is null then
    create function sandbox.tell_ddl() returns event_trigger language plpgsql as
      $f$ begin perform pg_notify('pgrst', 'reload schema'); end $f$;
  end if;
end $$;
do $$ begin
  if not exists (select from pg_event_trigger where evtname = 'sandbox_ddl') then
    create event trigger sandbox_ddl on ddl_command_end execute function sandbox.tell_ddl();
    create event trigger sandbox_drop on sql_drop execute function sandbox.tell_ddl();
  end if;
end $$;
"""


class Catalog:
    """The current reading, and when to read again.

    Parameters
    ----------
    database
        Its pool; reading happens as the superuser.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshot: Snapshot | None = None
        self._reading: asyncio.Task[Snapshot] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._on_change: list[Callable[[], None]] = []
        self._stale = True

    async def start(self) -> None:
        """Read once and watch for DDL."""
        with suppress(psycopg.errors.InsufficientPrivilege):
            async with self._database.pool.connection() as connection:
                await connection.execute(_WATCH)
        self._listener = asyncio.create_task(self._listen(), name="sandbox catalogue")
        await self.snapshot()

    async def stop(self) -> None:
        """Watch no more."""
        tasks = [task for task in (self._listener, self._reading) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back when the catalogue may have changed."""
        self._on_change.append(callback)

    def invalidate(self) -> None:
        """Read again before the next use."""
        self._stale = True
        for callback in self._on_change:
            callback()

    async def snapshot(self) -> Snapshot:
        """Return the current reading; a new one when DDL has happened since."""
        if self._snapshot is None or self._stale:
            return await self.fresh()
        if self._reading is not None and not self._reading.done():
            # It has begun after the last DDL that we know of: what was read before it is old.
            return await asyncio.shield(self._reading)
        return self._snapshot

    async def fresh(self) -> Snapshot:
        """Read again, now. Callers that wait at the same time share one reading."""
        reading = self._reading
        if reading is not None and not reading.done():
            # The one under way may have begun before the change that we look for: let it end, then share the next.
            await asyncio.wait([reading])
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="sandbox catalogue reading")
        return await asyncio.shield(self._reading)

    async def rights(self, role: str, snapshot: Snapshot | None = None) -> Rights:
        """Tell what a role may read; remembered as long as the reading."""
        snapshot = snapshot or await self.snapshot()
        known = snapshot.rights.get(role)
        if known is not None:
            return known
        async with self._database.pool.connection() as connection:
            found = await connection.execute(
                "select rolsuper or rolbypassrls from pg_roles where rolname = %s", [role]
            )
            row = await found.fetchone()
            if row is None:
                return Rights(exists=False, bypass=False, readable={})
            cursor = await connection.execute(_RIGHTS, {"role": role, "tables": list(snapshot.by_oid)})
            rows = await cursor.fetchall()
        rights = Rights(
            exists=True,
            bypass=bool(row[0]),
            readable={oid: frozenset(names or ()) for oid, names, _ in rows},
            writable=frozenset(oid for oid, _, writes in rows if writes),
        )
        snapshot.rights[role] = rights
        return rights

    async def _read(self) -> Snapshot:
        # Before reading: DDL that comes while we read must not be taken for read.
        self._stale = False
        try:
            self._snapshot = await self._query()
        except BaseException:
            self._stale = True
            raise
        return self._snapshot

    async def _query(self) -> Snapshot:
        async with self._database.pool.connection() as connection, connection.transaction():
            await connection.execute("set transaction isolation level repeatable read, read only")
            tables = await (await connection.execute(_TABLES, [PUBLICATION])).fetchall()
            columns = await (await connection.execute(_COLUMNS, [[row[0] for row in tables]])).fetchall()
            types = await (await connection.execute(_TYPES)).fetchall()
        by_table: dict[int, dict[str, TableColumn]] = {}
        for oid, *column in columns:
            by_table.setdefault(oid, {})[column[0]] = TableColumn(*column)
        return Snapshot(
            tables={
                (schema, name): Table(
                    oid, schema, name, tuple(key), by_table.get(oid, {}), secured, published, comment
                )
                for oid, schema, name, secured, comment, key, published in tables
            },
            types={row[0]: _type(row) for row in types},
        )

    async def _listen(self) -> None:
        while True:
            with suppress(psycopg.OperationalError, OSError):
                listener = await psycopg.AsyncConnection.connect(
                    self._database.dsn, autocommit=True, application_name="livewidgets sandbox: catalogue"
                )
                try:
                    await listener.execute("listen pgrst")
                    # Whatever happened while nobody listened.
                    self.invalidate()
                    async for _ in listener.notifies():
                        self.invalidate()
                finally:
                    listener.pgconn.finish()
            await asyncio.sleep(LISTEN_AGAIN)


def _type(row: tuple[Any, ...]) -> TypeInfo:
    oid, schema, name, kind, base, element, delimiter, fields = row
    return TypeInfo(
        oid,
        schema,
        name,
        kind,
        base,
        element,
        delimiter,
        tuple((name, int(type_oid)) for name, type_oid in fields or ()),
    )
