"""The OpenAPI 2 document at ``/rest/v1/``: PostgREST's way to say which tables and columns there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livewidgets.sandbox.catalog import Rights, Table, TableColumn

_JSON_TYPES = {
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "real": "number",
    "double precision": "number",
    "boolean": "boolean",
}


def document(tables: Iterable[Table], rights: Rights, url: str) -> dict[str, Any]:
    """Describe what a role may read: other tables and columns are not named.

    Parameters
    ----------
    tables
        Of the exposed schemas.
    rights
        The role's.
    url
        The server's own address.
    """
    shown = [
        (table, columns)
        for table in sorted(tables, key=lambda table: table.name)
        if (columns := _columns(table, rights))
    ]
    return {
        "swagger": "2.0",
        "info": {"title": "livewidgets sandbox", "description": "", "version": "14.0"},
        "host": url.partition("://")[2].rstrip("/"),
        "basePath": "/rest/v1/",
        "schemes": ["http"],
        "consumes": ["application/json"],
        "produces": ["application/json", "application/vnd.pgrst.object+json", "text/csv"],
        "paths": {
            "/": {"get": {"tags": ["Introspection"], "responses": {"200": {"description": "OK"}}}},
            **{f"/{table.name}": _operations(table, rights) for table, _ in shown},
        },
        "definitions": {table.name: _definition(table, columns) for table, columns in shown},
    }


def _columns(table: Table, rights: Rights) -> list[TableColumn]:
    readable = rights.readable.get(table.oid, frozenset())
    return [column for column in table.columns.values() if column.name in readable]


def _operations(table: Table, rights: Rights) -> dict[str, Any]:
    verbs = ["get", "post", "patch", "delete"] if table.oid in rights.writable else ["get"]
    return {verb: {"tags": [table.name], "responses": {"200": {"description": "OK"}}} for verb in verbs}


def _definition(table: Table, columns: Iterable[TableColumn]) -> dict[str, Any]:
    shown = list(columns)
    definition: dict[str, Any] = {
        "required": [column.name for column in shown if not column.nullable],
        "properties": {column.name: _property(table, column) for column in shown},
        "type": "object",
    }
    if table.comment:
        definition["description"] = table.comment
    return definition


def _property(table: Table, column: TableColumn) -> dict[str, Any]:
    made: dict[str, Any] = {"format": column.format}
    if column.format.endswith("[]"):
        made["type"] = "array"
        made["items"] = {"type": _json_type(column.format.removesuffix("[]"))}
    elif column.format not in ("json", "jsonb"):
        made["type"] = _json_type(column.format)
    if column.default is not None and not column.default.startswith("nextval("):
        made["default"] = column.default.partition("::")[0].strip("'")
    note = "Note:\nThis is a Primary Key.<pk/>" if column.name in table.key else ""
    description = "\n\n".join(part for part in (column.comment or "", note) if part)
    if description:
        made["description"] = description
    return made


def _json_type(name: str) -> str:
    return "number" if name.startswith("numeric") else _JSON_TYPES.get(name, "string")
