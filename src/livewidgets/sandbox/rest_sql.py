"""What a request asks for → SQL, composed of identifiers and parameters only: no text of a request is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, LiteralString

from psycopg import sql

from livewidgets.sandbox.quoting import array_literal, identifier
from livewidgets.sandbox.rest_errors import RestError
from livewidgets.sandbox.rest_query import FULL_TEXT, Field, Filter, Group, Item, OrderTerm, Query

if TYPE_CHECKING:
    from livewidgets.sandbox.catalog import Table

_OPERATORS: dict[str, LiteralString] = {
    "eq": "=",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "neq": "<>",
    "like": "like",
    "ilike": "ilike",
    "match": "~",
    "imatch": "~*",
    "isdistinct": "is distinct from",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "sl": "<<",
    "sr": ">>",
    "nxr": "&<",
    "nxl": "&>",
    "adj": "-|-",
}
_FULL_TEXT: dict[str, LiteralString] = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}
_IS: dict[str, LiteralString] = {
    "null": "is null",
    "not_null": "is not null",
    "true": "is true",
    "false": "is false",
    "unknown": "is unknown",
}
#: The spellings of types in a cast, to their names in ``pg_type``; others are taken as a name themselves.
_CASTS = {
    "int": "int4",
    "integer": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "real": "float4",
    "float": "float8",
    "double precision": "float8",
    "decimal": "numeric",
    "boolean": "bool",
    "character varying": "varchar",
    "char": "bpchar",
    "character": "bpchar",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "time with time zone": "timetz",
    "time without time zone": "time",
}


#: How the rows of an answer are written.
Form = Literal["array", "object", "csv"]
NO_TOTAL: sql.Composable = sql.SQL("null::int8")


@dataclass
class Statement:
    """A piece of SQL under construction, with its parameters in the order of their places."""

    table: Table
    parameters: list[object] = field(default_factory=list)

    @property
    def name(self) -> sql.Identifier:
        """The table, with its schema."""
        return identifier(self.table.schema, self.table.name)

    def value(self, value: object) -> sql.SQL:
        """Make a place for a parameter."""
        self.parameters.append(value)
        return sql.SQL("%s")

    def expression(self, what: Field) -> sql.Composable:
        """Make a column, or what its JSON holds under a path."""
        column = identifier(self.table.schema, self.table.name, what.column)
        if not what.steps:
            return column
        parts: list[sql.Composable] = [sql.SQL("to_jsonb({})").format(column)]
        for arrow, key in what.steps:
            whole = key.lstrip("-").isdecimal() and len(key) < 10
            parts.append(sql.SQL("->>") if arrow == "->>" else sql.SQL("->"))
            parts.append(self.value(key))
            parts.append(sql.SQL("::int") if whole else sql.SQL("::text"))
        return sql.SQL("({})").format(sql.Composed(parts))

    def condition(self, part: Filter | Group) -> sql.Composable:
        """Make a comparison, or several joined."""
        if isinstance(part, Group):
            word = sql.SQL(" and ") if part.joined_by == "and" else sql.SQL(" or ")
            made: sql.Composable = word.join([self.condition(inner) for inner in part.parts])
        else:
            made = self._comparison(part)
        return sql.SQL("not ({})").format(made) if part.negated else sql.SQL("({})").format(made)

    def _comparison(self, part: Filter) -> sql.Composable:
        operator = part.operator
        if operator in FULL_TEXT:
            return self._full_text(part)
        left = self.expression(part.field)
        if operator == "is":
            return sql.SQL("{} {}").format(left, sql.SQL(_IS[part.value.lower()]))
        if operator == "in":
            return sql.SQL("{} = any({})").format(left, self.value(array_literal(list(part.values))))
        star = operator in ("like", "ilike")
        word = sql.SQL(_OPERATORS[operator])
        if part.modifier:
            values = [value.replace("*", "%") if star else value for value in part.values]
            how = sql.SQL("any") if part.modifier == "any" else sql.SQL("all")
            return sql.SQL("{} {} {}({})").format(left, word, how, self.value(array_literal(values)))
        value = part.value.replace("*", "%") if star else part.value
        return sql.SQL("{} {} {}").format(left, word, self.value(value))

    def _full_text(self, part: Filter) -> sql.Composable:
        column = self.table.columns.get(part.field.column)
        if column is not None and column.format == "tsvector" and not part.field.steps:
            left = self.expression(part.field)
        else:
            left = sql.SQL("to_tsvector({}{}::text)").format(
                self._language(part), self.expression(part.field)
            )
        return sql.SQL("{} @@ {}({}{})").format(
            left, sql.SQL(_FULL_TEXT[part.operator]), self._language(part), self.value(part.value)
        )

    def _language(self, part: Filter) -> sql.Composable:
        return sql.SQL("{}::regconfig, ").format(self.value(part.modifier)) if part.modifier else sql.SQL("")

    def where(self, parts: Sequence[Filter | Group]) -> sql.Composable:
        """Make the ``where`` clause."""
        if not parts:
            return sql.SQL("")
        return sql.SQL(" where {}").format(sql.SQL(" and ").join([self.condition(part) for part in parts]))

    def selected(self, items: Sequence[Item | None], readable: frozenset[str]) -> sql.Composable:
        """Make the select list; ``*`` stands for the columns that the role may read."""
        parts: list[sql.Composable] = []
        for item in self._expanded(items, readable):
            made = self.expression(item.field)
            if item.cast is not None:
                cast = _CASTS.get(item.cast.lower(), item.cast)
                if not cast.replace("_", "").isalnum():
                    raise RestError(400, "42704", f'type "{item.cast[:60]}" does not exist')
                made = sql.SQL("cast({} as {})").format(made, identifier(cast))
            parts.append(sql.SQL("{} as {}").format(made, identifier(_output_name(item))))
        return sql.SQL(", ").join(parts)

    def names(self, items: Sequence[Item | None], readable: frozenset[str]) -> list[str]:
        """Return the names of what is selected."""
        return [_output_name(item) for item in self._expanded(items, readable)]

    def _expanded(self, items: Sequence[Item | None], readable: frozenset[str]) -> list[Item]:
        found = [name for name in self.table.columns if name in readable]
        # Without any, Postgres shall say that there are no rights.
        every = [Item(Field(name)) for name in found or self.table.columns]
        return [part for item in items for part in (every if item is None else [item])]

    def ordered(self, terms: Sequence[OrderTerm]) -> sql.Composable:
        """Make the ``order by`` clause."""
        if not terms:
            return sql.SQL("")
        parts = []
        for term in terms:
            direction = sql.SQL(" desc") if term.descending else sql.SQL(" asc")
            nulls = sql.SQL("")
            if term.nulls_first is not None:
                nulls = sql.SQL(" nulls first") if term.nulls_first else sql.SQL(" nulls last")
            parts.append(self.expression(term.field) + direction + nulls)
        return sql.SQL(" order by {}").format(sql.SQL(", ").join(parts))


def _output_name(item: Item) -> str:
    if item.alias is not None:
        return item.alias
    for _, key in reversed(item.field.steps):
        if not key.lstrip("-").isdecimal():
            return key
    return item.field.column


def answer(
    rows: sql.Composable,
    form: Form = "array",
    *,
    strip_nulls: bool = False,
    total: sql.Composable = NO_TOTAL,
) -> sql.Composed:
    """Wrap rows into the one row that a request fetches: how many in all, how many here, and the text."""
    body: sql.Composable
    if form == "csv":
        body = sql.SQL("coalesce(string_agg(substr((_r.*)::text, 2, length((_r.*)::text) - 2), chr(10)), '')")
    else:
        body = sql.SQL("json_agg(_r.*)")
        if strip_nulls:
            body = sql.SQL("json_strip_nulls({})").format(body)
        body = sql.SQL("({}->0)::text" if form == "object" else "coalesce({}, '[]')::text").format(body)
    return sql.SQL("with {} select {}, count(*), {} from _rows _r").format(rows, total, body)


def read(statement: Statement, query: Query, readable: frozenset[str], limit: int) -> sql.Composable:
    """Make the rows of a select."""
    return sql.SQL("_rows as (select {} from {}{}{} limit {} offset {})").format(
        statement.selected(query.select, readable),
        statement.name,
        statement.where(query.where),
        statement.ordered(query.order),
        statement.value(limit),
        statement.value(query.offset),
    )


def total(statement: Statement, query: Query, most: int | None = None) -> sql.Composable:
    """Make the count of all rows that a query finds; counting ends where ``most`` is passed."""
    found = sql.SQL("select 1 from {}{}").format(statement.name, statement.where(query.where))
    if most is not None:
        found += sql.SQL(" limit {}").format(statement.value(most + 1))
    return sql.SQL("(select count(*) from ({}) _t)").format(found)


def estimate(statement: Statement, query: Query) -> sql.Composed:
    """Make the question how many rows the planner expects."""
    return sql.SQL("explain (format json) select 1 from {}{}").format(
        statement.name, statement.where(query.where)
    )


def insert(
    statement: Statement,
    body: str,
    columns: Sequence[str],
    *,
    defaults: bool = False,
    conflict: tuple[Sequence[str], bool] | None = None,
    only: Sequence[Filter] = (),
) -> sql.Composable:
    """Make an insert of the rows in a JSON array.

    Parameters
    ----------
    defaults
        Whether a column that a row leaves out gets its default instead of null.
    conflict
        For an upsert: the columns whose clash is meant, and whether the row in the table wins.
    only
        Comparisons that a row of the body must satisfy.
    """
    if not columns:
        return sql.SQL("insert into {} default values").format(statement.name)
    names = [identifier(name) for name in columns]
    made = sql.SQL("insert into {} ({}) select {} from {} where {}").format(
        statement.name,
        sql.SQL(", ").join(names),
        sql.SQL(", ").join([sql.SQL("_p.{}").format(name) for name in names]),
        _records(statement, body, columns, defaults=defaults),
        _counted(1),
    )
    for part in only:
        made += sql.SQL(" and _p.{} = {}").format(identifier(part.field.column), statement.value(part.value))
    if conflict is None or not conflict[0]:
        return made
    target, keep = conflict
    made += sql.SQL(" on conflict ({}) do ").format(sql.SQL(", ").join(map(identifier, target)))
    if keep:
        return made + sql.SQL("nothing")
    sets = [sql.SQL("{} = excluded.{}").format(name, name) for name in names]
    return made + sql.SQL("update set {} where {}").format(sql.SQL(", ").join(sets), _counted(-1))


#: How many rows an insert brought that an upsert did not only change; a ``total`` for `answer`.
INSERTED = sql.SQL("nullif(current_setting('sandbox.inserted', true), '')::int8")


def _counted(by: int) -> sql.Composable:
    """Make a condition that is true, and counts; to read ``xmax`` the role would need rights to the whole table."""
    return sql.SQL(
        "set_config('sandbox.inserted',"
        " (coalesce(nullif(current_setting('sandbox.inserted', true), ''), '0')::int8 + {})::text, true) <> ''"
    ).format(sql.Literal(by))


def update(
    statement: Statement, query: Query, body: str, columns: Sequence[str], *, defaults: bool = False
) -> sql.Composable:
    """Make an update with the values of a JSON object (in an array of one)."""
    names = [identifier(name) for name in columns]
    sets = [sql.SQL("{} = _p.{}").format(name, name) for name in names]
    return sql.SQL("update {} set {} from {}{}").format(
        statement.name,
        sql.SQL(", ").join(sets),
        _records(statement, body, columns, defaults=defaults),
        statement.where(query.where),
    )


def delete(statement: Statement, query: Query) -> sql.Composable:
    """Make a delete."""
    return sql.SQL("delete from {}{}").format(statement.name, statement.where(query.where))


def returning(
    statement: Statement, change: sql.Composable, items: Sequence[Item | None], readable: frozenset[str]
) -> sql.Composable:
    """Give a change's rows a name to select from; where nothing is selected no right to read is needed either."""
    what = statement.selected(items, readable) if items else sql.SQL("1 as n")
    return sql.SQL("_rows as ({} returning {})").format(change, what)


def _records(statement: Statement, body: str, columns: Sequence[str], *, defaults: bool) -> sql.Composable:
    known = [statement.table.columns[name] for name in columns]
    fallbacks = [column for column in known if column.default is not None] if defaults else []
    if not fallbacks:
        source: sql.Composable = sql.SQL("{}::json").format(statement.value(body))
    else:
        # The expressions are the catalogue's own, not the request's.
        pairs = [
            sql.SQL("{}::text, {}").format(sql.Literal(column.name), _trusted(column.default or "null"))
            for column in fallbacks
        ]
        source = sql.SQL(
            "(select json_agg(jsonb_build_object({}) || e) from jsonb_array_elements({}::jsonb) e)"
        ).format(sql.SQL(", ").join(pairs), statement.value(body))
    return sql.SQL("json_populate_recordset(null::{}, {}) _p").format(statement.name, source)


def _trusted(expression: str) -> sql.SQL:
    """Make SQL of what the catalogue holds (a column's default), doubled where psycopg would see a parameter."""
    return sql.SQL(expression.replace("%", "%%"))
