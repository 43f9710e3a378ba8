"""Who wants which changes, and the way of a batch of changes to them.

Subscriptions of the same role, claims and bindings form a group: filters, row-level security and encoding are done
once for a group, and groups that see the same columns share the encoded row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from livewidgets.sandbox import bindings, conditions
from livewidgets.sandbox.bindings import Binding, BindingError
from livewidgets.sandbox.encoding import NO_KEY, NO_RIGHTS, Plan, refusal
from livewidgets.sandbox.interest import Interest
from livewidgets.sandbox.phoenix import change_payload, dump
from livewidgets.sandbox.visibility import Key, visible

if TYPE_CHECKING:
    from livewidgets.sandbox.auth import Claims
    from livewidgets.sandbox.catalog import Catalog, Rights, Snapshot, Table
    from livewidgets.sandbox.conditions import SqlCheck, Watch
    from livewidgets.sandbox.pgoutput import Relation, RowChange, Value
    from livewidgets.sandbox.postgres import Database

#: Changes handled between two turns of the loop.
CHUNK = 250


class Outbox(Protocol):
    """Where frames go; taking one never waits."""

    def put_change(self, before: str, payload: str, after: str) -> None:
        """Take a frame in three parts, of which the payload is shared with others."""


@dataclass(eq=False)
class Group:
    """Subscriptions that get the same changes."""

    role: str
    claims: str
    bindings: tuple[Binding, ...]
    #: By table oid.
    watches: dict[int, tuple[Watch, ...]] = field(default_factory=dict)
    #: The publication's tables, by oid, that the watches were made for.
    published: frozenset[int] = frozenset()
    #: Outbox, and what stands around the payload in the member's frames.
    members: dict[object, tuple[Outbox, str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Delivery:
    """One change for one group, to be sent if the row may be seen."""

    change: RowChange
    group: Group
    ids: tuple[int, ...]
    columns: frozenset[str]
    table: Table
    error: str = ""
    key: Key | None = None


class Subscriptions:
    """The registry and the fan-out.

    Parameters
    ----------
    database, catalog
        Where rights, filters and rows are looked up.
    """

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog
        self._groups: dict[tuple[str, str, str], Group] = {}
        self._of: dict[object, tuple[str, str, str]] = {}
        #: The publication's tables as each member last heard of them.
        self._published_to: dict[object, frozenset[int]] = {}
        self._plans: dict[tuple[int, frozenset[str]], Plan] = {}
        self._planned_for: Snapshot | None = None
        #: Made anew when it is needed after the groups have changed.
        self._interest: Interest[Group] | None = None

    def __len__(self) -> int:
        return len(self._of)

    async def check(self, claims: Claims, raw: Sequence[dict[str, Any]]) -> Group:
        """Make bindings ready; the group is not yet delivered to.

        Raises
        ------
        BindingError
            With the message for the ``system`` frame. Nothing of it is served then.
        """
        wanted = tuple(bindings.parse(binding) for binding in raw)
        group = Group(claims.role, claims.text, wanted)
        try:
            await self._prepare(group, await self._catalog.snapshot())
        except BindingError:
            # The table may be younger than what we know.
            await self._prepare(group, await self._catalog.fresh())
        # Of a change that came meanwhile nobody would tell a group that is not yet among the others.
        while group.published != (snapshot := await self._catalog.snapshot()).published:
            await self._prepare(group, snapshot)
        return group

    def add(self, member: object, group: Group, outbox: Outbox, around: tuple[str, str]) -> None:
        """Deliver a checked group's changes to this member from now on.

        Parameters
        ----------
        around
            What stands before and after the payload in its frames.
        """
        self.remove(member)
        self._interest = None
        name = (group.role, group.claims, dump([binding.raw for binding in group.bindings]))
        known = self._groups.setdefault(name, group)
        known.watches, known.published = group.watches, group.published
        known.members[member] = (outbox, *around)
        self._of[member] = name
        self._published_to[member] = group.published

    def remove(self, member: object) -> None:
        """Deliver to this member no more."""
        name = self._of.pop(member, None)
        if name is None:
            return
        self._interest = None
        del self._published_to[member]
        group = self._groups[name]
        del group.members[member]
        if not group.members:
            del self._groups[name]

    async def prepare_again(self) -> set[object]:
        """Find the tables of every group anew, if the publication has others now; returns the members to be told."""
        while True:
            snapshot = await self._catalog.snapshot()
            published = snapshot.published
            # Again until none is left: some may join while others are prepared.
            late = [group for group in self._groups.values() if group.published != published]
            if not late:
                break
            for group in late:
                try:
                    await self._prepare(group, snapshot)
                except BindingError:
                    group.watches, group.published = {}, published
                self._interest = None
        told = {member for member, heard in self._published_to.items() if heard != published}
        self._published_to.update(dict.fromkeys(told, published))
        return told

    async def _prepare(self, group: Group, snapshot: Snapshot) -> None:
        rights = await self._catalog.rights(group.role, snapshot)
        watches: dict[int, list[Watch]] = {}
        async with self._database.pool.connection() as connection:
            for binding in group.bindings:
                tables = [
                    table
                    for (schema, name), table in snapshot.tables.items()
                    if table.published and binding.covers(schema, name)
                ]
                if not tables or not rights.exists:
                    raise conditions.unavailable(binding)
                for table in tables:
                    readable = rights.readable.get(table.oid, frozenset())
                    watch = await conditions.prepare(connection, binding, table, readable, snapshot)
                    watches.setdefault(table.oid, []).append(watch)
        group.watches = {oid: tuple(found) for oid, found in watches.items()}
        group.published = snapshot.published

    async def deliver(self, changes: Sequence[RowChange]) -> None:
        """Send changes to all who want them and may see them, in their order."""
        for start in range(0, len(changes), CHUNK):
            await self._deliver(changes[start : start + CHUNK])
            await asyncio.sleep(0)

    async def _deliver(self, changes: Sequence[RowChange]) -> None:
        if not self._groups:
            return
        snapshot = await self._catalog.snapshot()
        if any(_is_younger(change.relation, snapshot) for change in changes):
            # The log tells of DDL before the notification does.
            snapshot = await self._catalog.fresh()
        if snapshot is not self._planned_for:
            self._plans.clear()
            self._planned_for = snapshot
        roles = {
            role: await self._catalog.rights(role, snapshot)
            for role in {group.role for group in self._groups.values()}
        }
        if self._interest is None:
            self._interest = Interest(self._groups.values())
        interest = self._interest
        wanted = [c for c in changes if c.kind != "TRUNCATE" and c.relation.oid in interest]
        await self._ask(wanted, interest)
        deliveries: list[_Delivery] = []
        for change in wanted:
            table = snapshot.by_oid.get(change.relation.oid)
            if table is not None:
                row, index, present = _contents(change)
                for group, watches in interest.find(table.oid, index, row, present):
                    if group.role in roles:
                        deliveries += _matches(change, table, group, watches, roles[group.role])
        seen = await self._seen(deliveries, snapshot)
        self._send(deliveries, seen, snapshot)

    async def _ask(self, changes: Sequence[RowChange], interest: Interest[Group]) -> None:
        """Have Postgres judge the filters that only it can judge, one query for each."""
        values: dict[SqlCheck, tuple[dict[int, SqlCheck], set[str]]] = {}
        for change in changes:
            row = (change.old if change.new is None else change.new) or ()
            for column, check in interest.asks(change.relation.oid):
                value = _value(change.relation, row, column)
                if isinstance(value, str):
                    twins, texts = values.setdefault(check, ({}, set()))
                    twins[id(check)] = check
                    texts.add(value)
        if not values:
            return
        async with self._database.pool.connection() as connection:
            for check, (twins, texts) in values.items():
                known = await check.ask(connection, texts)
                for twin in twins.values():
                    twin.known.clear()
                    twin.known.update(known)

    async def _seen(
        self, deliveries: Iterable[_Delivery], snapshot: Snapshot
    ) -> dict[tuple[str, str], set[tuple[int, Key]]]:
        """For each role and claims, the rows that row-level security lets them see."""
        asked: dict[tuple[str, str], dict[int, dict[Key, None]]] = {}
        for delivery in deliveries:
            if delivery.key is not None:
                who = (delivery.group.role, delivery.group.claims)
                asked.setdefault(who, {}).setdefault(delivery.table.oid, {})[delivery.key] = None
        if not asked:
            return {}
        async with self._database.pool.connection() as connection:
            return {
                (role, claims): await visible(
                    connection, role, claims, {oid: list(keys) for oid, keys in tables.items()}, snapshot
                )
                for (role, claims), tables in asked.items()
            }

    def _send(
        self,
        deliveries: Iterable[_Delivery],
        seen: dict[tuple[str, str], set[tuple[int, Key]]],
        snapshot: Snapshot,
    ) -> None:
        encoded: dict[frozenset[str] | str, str] = {}
        current: RowChange | None = None
        for delivery in deliveries:
            change, group = delivery.change, delivery.group
            hidden = (
                delivery.key is not None
                and (delivery.table.oid, delivery.key) not in seen[group.role, group.claims]
            )
            if hidden:
                continue
            if change is not current:
                encoded.clear()
                current = change
            what = delivery.error or delivery.columns
            data = encoded.get(what)
            if data is None:
                if delivery.error:
                    data = refusal(change, delivery.error)
                else:
                    data = self._plan(change.relation, delivery, snapshot).encode(change)
                encoded[what] = data
            payload = change_payload(data, delivery.ids)
            for outbox, before, after in group.members.values():
                outbox.put_change(before, payload, after)

    def _plan(self, relation: Relation, delivery: _Delivery, snapshot: Snapshot) -> Plan:
        name = (id(relation), delivery.columns)
        plan = self._plans.get(name)
        if plan is None or plan.relation is not relation:
            plan = Plan(relation, delivery.table, delivery.columns, snapshot.encoders)
            self._plans[name] = plan
        return plan


def _matches(
    change: RowChange, table: Table, group: Group, watches: Sequence[Watch], rights: Rights
) -> Iterable[_Delivery]:
    """Find the frames that a change means for a group: one, or one for each ``select`` among its bindings."""
    readable = rights.readable.get(table.oid, frozenset())
    error = ""
    if change.kind != "DELETE":
        error = NO_KEY if not table.key else "" if readable.issuperset(table.key) else NO_RIGHTS
    if error:
        ids = tuple(watch.id for watch in watches if change.kind in watch.kinds)
        if ids:
            yield _Delivery(change, group, ids, frozenset(), table, error)
        return
    row, index, present = _contents(change)
    ids_of: dict[frozenset[str] | None, list[int]] = {}
    for watch in watches:
        if watch.wants(change.kind, index, row, present):
            ids_of.setdefault(watch.select, []).append(watch.id)
    key: Key | None = None
    if ids_of and table.row_security and not rights.bypass and change.new is not None:
        key = tuple(_text(change.new[index[column]]) for column in table.key)
    for select, found in ids_of.items():
        columns = readable if select is None else readable & select
        yield _Delivery(change, group, tuple(found), columns, table, key=key)


def _contents(change: RowChange) -> tuple[tuple[Value, ...], dict[str, int], frozenset[str]]:
    """Give the row that filters look at, the positions of its columns, and those that the change tells."""
    index, keys, everything = _shape(change.relation)
    row = change.old if change.new is None else change.new
    return row or (), index, keys if change.new is None and change.old_is_key else everything


def _is_younger(relation: Relation, snapshot: Snapshot) -> bool:
    """Whether the log describes a table that the catalogue does not know so."""
    table = snapshot.by_oid.get(relation.oid)
    return table is None or not table.columns.keys() >= _shape(relation)[2]


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None


def _value(relation: Relation, row: Sequence[Value], column: str) -> Value:
    at = _shape(relation)[0].get(column)
    return None if at is None else row[at]


_Shape = tuple[dict[str, int], frozenset[str], frozenset[str]]
_shapes: dict[int, tuple[Relation, _Shape]] = {}


def _shape(relation: Relation) -> _Shape:
    """Positions by name, the identity's columns, all columns; remembered for the relations now in use."""
    known = _shapes.get(id(relation))
    if known is not None and known[0] is relation:
        return known[1]
    names = {column.name: at for at, column in enumerate(relation.columns)}
    shape = (
        names,
        frozenset(column.name for column in relation.columns if column.is_key),
        frozenset(names),
    )
    if len(_shapes) > 1000:
        _shapes.clear()
    _shapes[id(relation)] = (relation, shape)
    return shape
