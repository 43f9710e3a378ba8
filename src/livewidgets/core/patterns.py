"""Patterns of ``like`` and of Postgres' regular expressions, as Python's."""

from __future__ import annotations

import re
from collections.abc import Mapping

# What Postgres spells otherwise than Python: word edges, and the true end of the text.
_ESCAPES: Mapping[str, str] = {
    "m": r"\b(?=\w)",
    "M": r"\b(?<=\w)",
    "y": r"\b",
    "Y": r"\B",
    "Z": r"\Z",
    "A": r"\A",
}
_CLASSES: Mapping[str, str] = {
    "alpha": r"^\W\d_",
    "digit": r"\d",
    "alnum": r"^\W_",
    "space": r"\s",
    "upper": "A-Z",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "blank": r" \t",
}


def like_pattern(text: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Translate a ``like`` pattern, ``*`` standing for ``%`` as in PostgREST.

    Parameters
    ----------
    text
        With ``%`` for any text, ``_`` for any character, and a backslash before either to mean itself.
    ignore_case
        For ``ilike``.
    """
    parts: list[str] = []
    characters = iter(text)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters, "\\")))
        elif character in "%*":
            parts.append(".*")
        else:
            parts.append("." if character == "_" else re.escape(character))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def posix_pattern(text: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Translate a regular expression of Postgres (an ARE) into Python's.

    Parameters
    ----------
    text
        The expression, without embedded options and without look-behind.
    ignore_case
        For ``imatch``.

    Raises
    ------
    ValueError
        For what Python cannot say or read.
    """
    if text.startswith(("***", "(?")) and not text.startswith(("(?:", "(?=", "(?!")):
        raise ValueError("options within the expression cannot be judged in the kernel")
    parts: list[str] = []
    i = 0
    while i < len(text):
        character = text[i]
        if character == "\\" and i + 1 < len(text):
            parts.append(_ESCAPES.get(text[i + 1], text[i : i + 2]))
            i += 2
        elif character == "[":
            translated, i = _bracket(text, i)
            parts.append(translated)
        else:
            # Python's $ also stands before a last line break.
            parts.append(r"\Z" if character == "$" else character)
            i += 1
    try:
        return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    except re.error as error:
        raise ValueError(str(error)) from error


def _bracket(text: str, start: int) -> tuple[str, int]:
    """Translate the bracket expression at ``start``; return it and where the text goes on."""
    i = start + 1
    negated = text[i : i + 1] == "^"
    i += negated
    members: list[str] = []
    unions: list[str] = []
    first = True
    while i < len(text):
        if text[i] == "]" and not first:
            break
        first = False
        if text.startswith("[:", i) and (end := text.find(":]", i)) > 0:
            name = text[i + 2 : end]
            if name not in _CLASSES:
                raise ValueError(f"no character class is called {name!r}")
            inner = _CLASSES[name]
            (unions if inner.startswith("^") else members).append(inner)
            i = end + 2
        elif text[i] == "\\" and i + 1 < len(text):
            members.append(text[i : i + 2])
            i += 2
        else:
            members.append("\\" + text[i] if text[i] in "[]^" else text[i])
            i += 1
    if i >= len(text):
        raise ValueError("a bracket is not closed")
    sets = [f"[{inner}]" for inner in unions]
    if members:
        sets.append(f"[{''.join(members)}]")
    joined = sets[0] if len(sets) == 1 else f"(?:{'|'.join(sets)})"
    return (f"(?!{joined})." if negated else joined), i + 1
