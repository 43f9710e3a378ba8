"""Lists, quotes and names, as the query languages of PostgREST and Realtime and as SQL write them."""

from __future__ import annotations

import re

from psycopg import sql

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PLAIN = re.compile(r"[\w.+:@-]+")


def identifier(*names: str) -> sql.Identifier:
    """Return a name for SQL that has parameters; psycopg would take a percent sign in it for one."""
    return sql.Identifier(*(name.replace("%", "%%") for name in names))


def split(text: str, separator: str = ",") -> list[str]:
    """Split outside of quotes, parentheses and braces; the parts are stripped."""
    parts: list[str] = []
    start, depth, at = 0, 0, 0
    while at < len(text):
        letter = text[at]
        if letter == '"':
            at = closing_quote(text, at)
        elif letter in "({":
            depth += 1
        elif letter in ")}":
            depth = max(0, depth - 1)
        elif letter == separator and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
        at += 1
    return [*parts, text[start:].strip()]


def partition(text: str, separator: str) -> tuple[str, str, str]:
    """Do what `str.partition` does, but not within quotes."""
    at = 0
    while at < len(text):
        if text[at] == '"':
            at = closing_quote(text, at)
        elif text.startswith(separator, at):
            return text[:at], separator, text[at + len(separator) :]
        at += 1
    return text, "", ""


def closing_quote(text: str, start: int = 0) -> int:
    """Find where the quoted token that begins at ``start`` ends; the text's end when it does not."""
    at = start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == '"':
            return at
        at += 1
    return len(text)


def unquoted(text: str) -> str:
    """Return text without its double quotes and escapes, if it has them."""
    text = text.strip()
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        return _ESCAPED.sub(r"\1", text[1:-1])
    return text


def enclosed(text: str, opening: str, closing: str) -> list[str] | None:
    """Return the unquoted values of a list such as ``(a,"b,c")``; None when it is not enclosed so."""
    text = text.strip()
    if len(text) < 2 or text[0] != opening or text[-1] != closing:
        return None
    inner = text[1:-1]
    return [unquoted(part) for part in split(inner)] if inner.strip() else []


def array_literal(values: list[str]) -> str:
    """Write Postgres' literal of an array; simple words stay bare, as Realtime's messages show them."""
    parts = []
    for value in values:
        if _PLAIN.fullmatch(value) and value.upper() != "NULL":
            parts.append(value)
        else:
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'"{escaped}"')
    return "{" + ",".join(parts) + "}"
