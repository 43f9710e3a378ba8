"""Filters of postgres_changes judged on a change's text values.

Equality and order of simple types are judged here; what depends on collation, calendars or Postgres' regular
expressions is left to Postgres, one query for a whole batch (`SqlCheck`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg import sql

from livewidgets.sandbox.bindings import Binding, BindingError, Condition
from livewidgets.sandbox.quoting import identifier

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow

    from livewidgets.sandbox.catalog import Snapshot, Table
    from livewidgets.sandbox.pgoutput import Value
    from livewidgets.sandbox.values import TypeInfo

#: Judges one text that is not null.
Judge = Callable[[str], bool]

_SQL: dict[str, LiteralString] = {
    "eq": "=",
    "in": "=",
    "neq": "<>",
    "lt": "<",
    "lte": "<=",
    "gt": ">",
    "gte": ">=",
    "like": "~~",
    "ilike": "~~*",
    "match": "~",
    "imatch": "~*",
    "isdistinct": "is distinct from",
}
_IS = {"null": "null", "true": "t", "false": "f", "unknown": "null"}
_INTEGERS = {"int2", "int4", "int8", "oid"}
_TEXTS = {"text", "varchar", "bpchar", "name", "uuid", "bool", "bytea"}
#: Their text sorts as their value does.
_TEXT_ORDERED = {"uuid", "bool"}


@dataclass(frozen=True)
class SqlCheck:
    """A comparison that Postgres has to make; ``known`` holds what it said about the values of this batch."""

    condition: Condition
    type_name: tuple[str, str]
    known: dict[str, bool] = field(default_factory=dict, compare=False, hash=False)

    def __call__(self, value: str) -> bool:
        """Tell what Postgres said about a value of this batch."""
        return self.known.get(value, False)

    async def ask(self, connection: AsyncConnection[TupleRow], values: Iterable[str]) -> dict[str, bool]:
        """Let Postgres judge these values."""
        query = sql.SQL(
            "select v.t, coalesce(({operand} {operator} {value}), false) from unnest(%s::text[]) v(t)"
        ).format(
            operand=sql.SQL("v.t::{}").format(identifier(*self.type_name)),
            operator=sql.SQL(_SQL[self.condition.operator]),
            value=_operand(self.condition, self.type_name),
        )
        cursor = await connection.execute(query, [self.condition.value, list(values)])
        return dict(await cursor.fetchall())


def _operand(condition: Condition, type_name: tuple[str, str]) -> sql.Composable:
    """Make the right side: a parameter, cast as Realtime casts it."""
    if condition.operator in ("like", "ilike", "match", "imatch"):
        return sql.SQL("%s::text")
    if condition.operator == "in":
        return sql.SQL("any(%s::{}[])").format(identifier(*type_name))
    return sql.SQL("%s::{}").format(identifier(*type_name))


@dataclass(frozen=True, slots=True)
class Check:
    """A condition made ready for one table.

    Attributes
    ----------
    texts
        What the log writes for the only values that pass; None where they cannot be listed.
    """

    column: str
    judge: Judge
    negated: bool
    on_null: bool
    texts: frozenset[str] | None = None

    def __call__(self, value: str | None) -> bool:
        """Tell whether a value passes."""
        if value is None:
            return self.on_null
        return self.judge(value) is not self.negated


@dataclass(frozen=True, slots=True)
class Watch:
    """A binding made ready for one table: `wants` tells whether it wants a row.

    Attributes
    ----------
    select
        The columns that it wants; None for all.
    asks
        The checks among its own that Postgres must judge first, with their columns.
    """

    id: int
    kinds: frozenset[str]
    checks: tuple[Check, ...]
    select: frozenset[str] | None
    asks: tuple[tuple[str, SqlCheck], ...] = ()

    def wants(
        self, kind: str, index: dict[str, int], values: tuple[Value, ...], present: frozenset[str]
    ) -> bool:
        """Whether it wants this change.

        A column that the change does not carry (a delete carries the key only) is not judged; when none of the
        filter's columns is there, the change is not wanted.
        """
        if kind not in self.kinds:
            return False
        if not self.checks:
            return True
        judged = False
        for test in self.checks:
            if test.column not in present:
                continue
            value = values[index[test.column]]
            if value is not None and not isinstance(value, str):
                continue  # unchanged TOAST: the log does not have it
            if not test(value):
                return False
            judged = True
        return judged


async def prepare(
    connection: AsyncConnection[TupleRow],
    binding: Binding,
    table: Table,
    readable: frozenset[str],
    snapshot: Snapshot,
) -> Watch:
    """Make a binding ready for one table; Postgres reads the filter's values.

    Raises
    ------
    BindingError
        With Realtime's message.
    """
    for name in binding.select or ():
        if name not in readable:
            raise _refused(binding, f"ERROR P0001 (raise_exception) invalid column for select {name}")
    checks: list[Check] = []
    asks: list[tuple[str, SqlCheck]] = []
    for condition in binding.conditions:
        column = table.columns.get(condition.column)
        if column is None or condition.column not in readable:
            raise _refused(
                binding, f"ERROR P0001 (raise_exception) invalid column for filter {condition.column}"
            )
        info = snapshot.types[column.type_oid]
        try:
            test = await _check(connection, condition, _base(info, snapshot))
        except (psycopg.DataError, psycopg.ProgrammingError) as error:
            raise _refused(binding, _exception(error)) from error
        if isinstance(test.judge, SqlCheck):
            asks.append((condition.column, test.judge))
        checks.append(test)
    return Watch(
        binding.id,
        binding.kinds,
        tuple(checks),
        None if binding.select is None else frozenset(binding.select),
        tuple(asks),
    )


def unavailable(binding: Binding) -> BindingError:
    """No published table that the binding could mean."""
    return BindingError(
        "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given "
        f"connect parameters: {binding}"
    )


def _refused(binding: Binding, exception: str) -> BindingError:
    return BindingError(
        "Unable to subscribe to changes with given parameters. An exception happened so please check your "
        f"connect parameters: {binding}. Exception: {exception}"
    )


def _exception(error: psycopg.Error) -> str:
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
    return f"ERROR {error.sqlstate} ({name}) {error.diag.message_primary}"


def _base(info: TypeInfo, snapshot: Snapshot) -> TypeInfo:
    while info.kind == "d":
        info = snapshot.types[info.base]
    return info


async def _check(connection: AsyncConnection[TupleRow], condition: Condition, info: TypeInfo) -> Check:
    """Check the value with Postgres, then choose who judges."""
    operator, negated = condition.operator, condition.negated
    if operator == "is":
        if condition.value not in _IS:
            raise BindingError(f"Error parsing `filter` params: {condition}")
        wanted = _IS[condition.value]
        if wanted == "null":
            return Check(condition.column, lambda _: False, negated, on_null=not negated)
        return Check(condition.column, lambda value: value == wanted, negated, on_null=negated)
    type_name = (info.schema, info.name)
    typed = identifier(*type_name)
    if operator == "in":
        cursor = await connection.execute(
            sql.SQL("select (%s::{}[])::text[]").format(typed), [condition.value]
        )
        row = await cursor.fetchone()
        key = _key(info, ordered=False)
        if key is None:
            return Check(condition.column, SqlCheck(condition, type_name), negated, on_null=False)
        texts = frozenset(_output(value, info) for value in (row[0] if row else ()) if value is not None)
        values = {key(text) for text in texts}
        return Check(
            condition.column,
            lambda value: key(value) in values,
            negated,
            on_null=False,
            texts=texts if key in _ONE_TEXT and not negated else None,
        )
    probe = sql.SQL("select (%s::{})::text, (null::{} {} {})").format(
        sql.SQL("text") if operator in ("like", "ilike", "match", "imatch") else typed,
        typed,
        sql.SQL(_SQL[operator]),
        _operand(condition, type_name),
    )
    cursor = await connection.execute(probe, [condition.value, condition.value])
    row = await cursor.fetchone()
    text = _output(str(row[0]), info) if row else ""
    judge = _judge(operator, text, info) or SqlCheck(condition, type_name)
    listed = operator == "eq" and not negated and _key(info, ordered=False) in _ONE_TEXT
    return Check(
        condition.column,
        judge,
        negated,
        on_null=operator == "isdistinct" and not negated,
        texts=frozenset([text]) if listed else None,
    )


def _judge(operator: str, value: str, info: TypeInfo) -> Judge | None:
    if operator == "like":
        return _like(value) if info.name in ("text", "varchar") else None
    key = _key(info, ordered=operator in ("lt", "lte", "gt", "gte"))
    if key is None:
        return None
    wanted = key(value)
    judges: dict[str, Judge] = {
        "eq": lambda text: bool(key(text) == wanted),
        "neq": lambda text: bool(key(text) != wanted),
        "isdistinct": lambda text: bool(key(text) != wanted),
        "lt": lambda text: bool(key(text) < wanted),
        "lte": lambda text: bool(key(text) <= wanted),
        "gt": lambda text: bool(key(text) > wanted),
        "gte": lambda text: bool(key(text) >= wanted),
    }
    return judges.get(operator)


def _key(info: TypeInfo, *, ordered: bool) -> Callable[[str], Any] | None:
    """Return what to compare instead of the text; None where only Postgres can tell."""
    if info.kind == "e" and not ordered:
        return _same
    if info.schema != "pg_catalog":
        return None
    if info.name in _INTEGERS:
        return int
    if info.name == "numeric":
        return _numeric
    if info.name in ("float4", "float8"):
        return _float
    if info.name in (_TEXT_ORDERED if ordered else _TEXTS):
        return _blank_padded if info.name == "bpchar" else _same
    return None


def _output(text: str, info: TypeInfo) -> str:
    """Turn what a cast to text gives into what the log writes; they differ for booleans."""
    return text[:1] if info.name == "bool" else text


def _same(text: str) -> str:
    return text


#: Keys of types whose equal values have one text.
_ONE_TEXT = (int, _same)


def _blank_padded(text: str) -> str:
    return text.rstrip(" ")


def _numeric(text: str) -> tuple[int, Decimal]:
    # Postgres holds NaN for equal to itself and greater than all.
    return (1, Decimal(0)) if text == "NaN" else (0, Decimal(text))


def _float(text: str) -> tuple[int, float]:
    return (1, 0.0) if text == "NaN" else (0, float(text))


def _like(pattern: str) -> Judge | None:
    """Make a judge for simple patterns; many wildcards could take a backtracking matcher for ever."""
    if pattern.count("%") > 2:
        return None
    out: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "%":
            out.append(".*")
        elif letter == "_":
            out.append(".")
        else:
            out.append(re.escape(next(letters, "") if letter == "\\" else letter))
    found = re.compile("".join(out), re.DOTALL)
    return lambda text: found.fullmatch(text) is not None
