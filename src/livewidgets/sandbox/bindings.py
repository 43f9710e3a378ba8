"""The postgres_changes bindings of a join: what they ask for, what is wrong with them, in Realtime's words."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livewidgets.errors import SandboxError
from livewidgets.sandbox.phoenix import dump
from livewidgets.sandbox.quoting import array_literal, enclosed

OPERATORS = frozenset(
    {"eq", "neq", "lt", "lte", "gt", "gte", "in", "like", "ilike", "is", "match", "imatch", "isdistinct"}
)
#: Values in one ``in`` at most, as Realtime has it.
MAX_IN = 100


class BindingError(SandboxError):
    """A binding cannot be served; the message goes into a ``system`` frame."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a filter.

    Attributes
    ----------
    value
        Its text; of ``in`` an array literal.
    """

    column: str
    operator: str
    value: str
    negated: bool = False

    def __str__(self) -> str:
        column, operator, value = map(inspect, (self.column, self.operator, self.value))
        return f"{{{column}, {operator}, {value}, {'true' if self.negated else 'false'}}}"


@dataclass(frozen=True)
class Binding:
    """One binding.

    Attributes
    ----------
    raw
        As it was sent; the reply echoes it with the id.
    id
        A stable hash of it.
    events
        The kinds of change that it wants.
    select
        The columns that it wants; None for all.
    """

    raw: Mapping[str, Any] = field(hash=False)
    id: int
    event: str = "*"
    schema: str = "public"
    table: str = "*"
    conditions: tuple[Condition, ...] = ()
    select: tuple[str, ...] | None = None

    @property
    def kinds(self) -> frozenset[str]:
        """Which of INSERT, UPDATE and DELETE it wants."""
        event = self.event.upper()
        return frozenset({"INSERT", "UPDATE", "DELETE"} if event == "*" else {event})

    def covers(self, schema: str, table: str) -> bool:
        """Whether it wants changes of a table."""
        return self.schema in ("*", schema) and self.table in ("*", table)

    def __str__(self) -> str:
        filters = ", ".join(map(str, self.conditions))
        select = "nil" if self.select is None else inspect(list(self.select))
        return (
            f"[event: {self.event}, schema: {self.schema}, table: {self.table}, "
            f"filters: [{filters}], select: {select}]"
        )


def echo(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a binding as the join reply has it: verbatim, plus its id."""
    return {**raw, "id": binding_id(raw)}


def binding_id(raw: Mapping[str, Any]) -> int:
    """Return a stable number for a binding; equal bindings have equal ids."""
    return zlib.crc32(dump(raw).encode()) & 0x7FFFFFF


def from_topic(name: str) -> list[dict[str, str]]:
    """Return the binding that a join without config means: ``schema[:table[:filter]]`` in the topic."""
    return [dict(zip(("schema", "table", "filter"), name.split(":", 2), strict=False))]


def parse(raw: Mapping[str, Any]) -> Binding:
    """Read a binding.

    Raises
    ------
    BindingError
        With Realtime's message.
    """
    schema, table, condition = raw.get("schema"), raw.get("table"), raw.get("filter")
    given = [raw[name] for name in ("schema", "table") if name in raw]
    if not given or not all(isinstance(name, str) for name in given) or not isinstance(condition, str | None):
        raise BindingError(
            "No subscription params provided. Please provide at least a `schema` or `table` to subscribe to: "
            + inspect(dict(raw))
        )
    select = raw.get("select")
    event = raw.get("event")
    return Binding(
        raw=raw,
        id=binding_id(raw),
        event=event if isinstance(event, str) else "*",
        schema=schema if isinstance(schema, str) else "public",
        table=table if isinstance(table, str) else "*",
        conditions=parse_filter(condition) if condition else (),
        select=tuple(map(str, select)) if isinstance(select, list) and select else None,
    )


def parse_filter(text: str) -> tuple[Condition, ...]:
    """Read ``column=op.value,column=not.op.value``; commas in parentheses belong to the value.

    Raises
    ------
    BindingError
        With Realtime's message.
    """
    return tuple(_condition(part) for part in _split(text))


def _condition(part: str) -> Condition:
    column, equals, rest = part.partition("=")
    if not equals:
        raise _unparsable([part])
    words = rest.split(".", 1)
    negated = words[0] == "not" and len(words) == 2
    if negated:
        words = words[1].split(".", 1)
    operator, value = words[0], words[1] if len(words) == 2 else None
    if operator not in OPERATORS or value is None:
        raise _unparsable(words)
    if operator == "in":
        values = enclosed(value, "(", ")")
        if values is None:
            raise _unparsable(words)
        if len(values) > MAX_IN:
            raise BindingError(f"Error parsing `filter` params: too many values in `in`, at most {MAX_IN}")
        value = array_literal(values)
    return Condition(column.strip(), operator, value, negated)


def _unparsable(words: list[str]) -> BindingError:
    return BindingError(f"Error parsing `filter` params: {inspect(words)}")


def _split(text: str) -> list[str]:
    """Split at the commas that stand outside of parentheses, and of quotes within them."""
    parts, start, depth, quoted = [], 0, 0, False
    for at, letter in enumerate(text):
        if letter == '"' and depth:
            quoted = not quoted
        elif quoted:
            continue
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth = max(0, depth - 1)
        elif letter == "," and not depth:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def inspect(value: object) -> str:
    """Show a value as Elixir's ``inspect`` does."""
    if value is None:
        return "nil"
    if isinstance(value, dict):
        return "%{" + ", ".join(f"{inspect(k)} => {inspect(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inspect, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
