"""Postgres' text output → JSON text, as ``to_jsonb`` writes it.

Numbers are never read: int8 and numeric keep every digit because their text is the JSON. NaN and the infinities,
for which JSON has no number, become null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring as quote

Encoder = Callable[[str], str]

_TRUE_FALSE = {"t": "true", "f": "false"}
_NO_NUMBER = {"NaN", "Infinity", "-Infinity"}


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """What the catalogue says of a type.

    Attributes
    ----------
    oid, schema, name
        Its identity; ``name`` is ``pg_type.typname``.
    kind
        ``pg_type.typtype``: b base, c composite, d domain, e enum, r range, m multirange, p pseudo.
    base
        A domain's base type, else 0.
    element
        An array's element type, else 0 (also 0 for fixed vectors such as ``point``).
    delimiter
        Between an array's elements.
    fields
        A composite's attributes: name and type.
    """

    oid: int
    schema: str
    name: str
    kind: str = "b"
    base: int = 0
    element: int = 0
    delimiter: str = ","
    fields: tuple[tuple[str, int], ...] = ()


def _number(text: str) -> str:
    return "null" if text in _NO_NUMBER else text


def _boolean(text: str) -> str:
    return _TRUE_FALSE[text]


def _verbatim(text: str) -> str:
    return text


def _timestamp(text: str) -> str:
    return f'"{text.replace(" ", "T", 1)}"'


def _timestamptz(text: str) -> str:
    if text.endswith("infinity"):
        return f'"{text}"'
    stamp, era = (text[:-3], " BC") if text.endswith(" BC") else (text, "")
    # Postgres writes the offset as +00 or +05:30; JSON always has the minutes.
    if stamp[-3] in "+-":
        stamp += ":00"
    return f'"{stamp.replace(" ", "T", 1)}{era}"'


def _bytea(text: str) -> str:
    return f'"{text[2:]}"' if text.startswith("\\x") else quote(text)


def _blank_padded(text: str) -> str:
    return quote(text.rstrip(" "))


_BY_NAME: dict[str, Encoder] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid", "xid", "float4", "float8", "numeric"), _number),
    "bool": _boolean,
    "json": _verbatim,
    "jsonb": _verbatim,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
    "bytea": _bytea,
    "bpchar": _blank_padded,
}


class Encoders:
    """One encoder a type, made when it is first asked for.

    Parameters
    ----------
    types
        The catalogue's types by oid. An unknown oid is written as a string.
    """

    def __init__(self, types: Mapping[int, TypeInfo]) -> None:
        self._types = types
        self._made: dict[int, Encoder] = {}

    def __getitem__(self, oid: int) -> Encoder:
        made = self._made.get(oid)
        if made is None:
            made = self._made[oid] = self._make(oid)
        return made

    def _make(self, oid: int) -> Encoder:
        info = self._types.get(oid)
        if info is None:
            return quote
        if info.kind == "d":
            return self[info.base]
        if info.schema == "pg_catalog" and info.name in _BY_NAME:
            return _BY_NAME[info.name]
        if info.element:
            return self._array(info)
        if info.kind == "c":
            return self._composite(info)
        return quote

    def _array(self, info: TypeInfo) -> Encoder:
        element = self[info.element]
        delimiter = info.delimiter

        def encode(text: str) -> str:
            return array_to_json(text, element, delimiter)

        return encode

    def _composite(self, info: TypeInfo) -> Encoder:
        names = [quote(name) for name, _ in info.fields]
        oids = [oid for _, oid in info.fields]

        def encode(text: str) -> str:
            # The encoders of the fields are looked up late: a type may hold an array of itself.
            pairs = zip(names, oids, record_fields(text), strict=True)
            parts = (f"{name}: {'null' if value is None else self[oid](value)}" for name, oid, value in pairs)
            return "{" + ", ".join(parts) + "}"

        return encode


def array_to_json(text: str, element: Encoder, delimiter: str = ",") -> str:
    """Write an array literal (``{1,"a b",NULL}``, nested, or with bounds ``[0:1]={...}``) as JSON."""
    out: list[str] = []
    at = text.index("{")
    end = len(text)
    while at < end:
        letter = text[at]
        if letter == "{":
            out.append("[")
            at += 1
        elif letter == "}":
            out.append("]")
            at += 1
        elif letter == delimiter:
            out.append(", ")
            at += 1
        elif letter == '"':
            value, at = _quoted(text, at)
            out.append(element(value))
        else:
            start = at
            while text[at] != delimiter and text[at] != "}":
                at += 1
            bare = text[start:at]
            out.append("null" if bare == "NULL" else element(bare))
    return "".join(out)


def record_fields(text: str) -> list[str | None]:
    """Return the fields of a record literal (``(1,"a b",)``); an empty one is null."""
    fields: list[str | None] = []
    at = 1
    while True:
        parts: list[str] = []
        seen = False
        while text[at] not in ",)":
            seen = True
            if text[at] == '"':
                value, at = _quoted(text, at)
                parts.append(value)
            else:
                parts.append(text[at])
                at += 1
        fields.append("".join(parts) if seen else None)
        if text[at] == ")":
            return fields
        at += 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Read a double-quoted token that begins at ``at``; quotes in it are escaped or doubled."""
    parts: list[str] = []
    at += 1
    while True:
        letter = text[at]
        if letter == "\\":
            parts.append(text[at + 1])
            at += 2
        elif letter == '"':
            if text[at + 1 : at + 2] != '"':
                return "".join(parts), at + 1
            parts.append('"')
            at += 2
        else:
            parts.append(letter)
            at += 1
