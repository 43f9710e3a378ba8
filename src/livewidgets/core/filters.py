"""One ``where`` and one ``order``, said three ways: to PostgREST, to Realtime, and to a row in hand.

``where`` is a dict. A value means equals (None: ``is null``); ``(operator, value)`` uses PostgREST's operator names,
each also with ``not.`` before it; a list of such pairs means all of them::

    {"campaign_id": 7, "status": ("in", ["ringing", "in-progress"]), "ended_at": None,
     "created_at": [("gte", monday), ("lt", tuesday)]}

The local predicate follows SQL: a comparison with null is neither true nor false, and such a row is not selected.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

from livewidgets.core.change import Row
from livewidgets.core.mask import PERSONAL_COLUMNS, mask_text
from livewidgets.core.order import Order
from livewidgets.core.patterns import like_pattern, posix_pattern
from livewidgets.core.postgrest import after, bracketed, check_column, quoted_column
from livewidgets.core.values import compare, literal
from livewidgets.errors import FilterError

__all__ = ["OPERATORS", "Condition", "Order", "Where", "after"]

#: The operators that the predicate, PostgREST and Realtime all know.
OPERATORS = (
    "eq",
    "neq",
    "gt",
    "gte",
    "lt",
    "lte",
    "like",
    "ilike",
    "match",
    "imatch",
    "in",
    "is",
    "isdistinct",
)

_COMPARISONS: Mapping[str, Callable[[int], bool]] = {
    "eq": lambda sign: sign == 0,
    "neq": lambda sign: sign != 0,
    "gt": lambda sign: sign > 0,
    "gte": lambda sign: sign >= 0,
    "lt": lambda sign: sign < 0,
    "lte": lambda sign: sign <= 0,
}
#: A predicate of a value: True, False, or None for SQL's unknown.
Test = Callable[[Any], bool | None]

_IS = ("null", "true", "false", "unknown")
# Realtime splits its filter at commas and has no quotes outside of `in`: what it might misread is left to the kernel.
_PLAIN_FOR_REALTIME = re.compile(r"[^,()\"\\=\s]+(?: [^,()\"\\=\s]+)*")
_MOST_FOR_REALTIME = 100


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one column.

    Attributes
    ----------
    column, operator, negated
        As in ``where``; ``negated`` for ``not.``.
    values
        The literals as the database reads them: one, or any number for ``in``.
    numeric
        They were given as numbers.
    """

    column: str
    operator: str
    negated: bool
    values: tuple[str, ...]
    numeric: bool = False

    def __str__(self) -> str:
        """Say it as PostgREST does: ``not.in.(a,"b,c")``."""
        text = bracketed(self.values) if self.operator == "in" else self.values[0]
        return f"{'not.' if self.negated else ''}{self.operator}.{text}"

    def __repr__(self) -> str:
        # A filter may be a person's number, and a repr may end in a log.
        shown = "•••" if self.column in PERSONAL_COLUMNS else mask_text(", ".join(self.values))
        return f"<{self.column} {'not ' if self.negated else ''}{self.operator} {shown}>"

    def realtime(self) -> str | None:
        """Say it as Realtime does; None where that would not be certain to be read right."""
        if quoted_column(self.column) != self.column:
            return None
        prefix = f"{self.column}={'not.' if self.negated else ''}{self.operator}."
        if self.operator == "in":
            # Realtime reads quotes in a list, so commas are safe there; quotes within quotes are not.
            certain = 0 < len(self.values) <= _MOST_FOR_REALTIME and not any(
                character in value for value in self.values for character in '"\\'
            )
            return prefix + bracketed(self.values) if certain else None
        value = self.values[0]
        if self.operator in ("like", "ilike"):
            value = value.replace("*", "%")
        return prefix + value if _PLAIN_FOR_REALTIME.fullmatch(value) else None

    def test(self) -> Test:
        """Make the predicate of a value: True, False, or None for SQL's unknown."""
        positive = self._positive()
        if not self.negated:
            return positive

        def negative(value: object) -> bool | None:
            answer = positive(value)
            return None if answer is None else not answer

        return negative

    def _positive(self) -> Test:
        operator, values, numeric = self.operator, self.values, self.numeric
        if operator in _COMPARISONS:
            holds, wanted = _COMPARISONS[operator], values[0]

            def comparison(value: object) -> bool | None:
                # Most often the row spells it as the filter does; the same text is the same value in any type.
                if value.__class__ is str and value == wanted:
                    return holds(0)
                sign = compare(value, wanted, numeric=numeric)
                return None if sign is None else holds(sign)

            return comparison
        if operator == "in":

            def member(value: object) -> bool | None:
                if value is None:
                    return None
                return any(compare(value, wanted, numeric=numeric) == 0 for wanted in values)

            return member
        if operator == "is":
            wanted_value = {"null": None, "unknown": None, "true": True, "false": False}[values[0]]
            return lambda value: value is wanted_value
        if operator == "isdistinct":
            return lambda value: compare(value, values[0], numeric=numeric) != 0
        if operator in ("like", "ilike"):
            pattern = like_pattern(values[0], ignore_case=operator == "ilike")
            return lambda value: bool(pattern.fullmatch(value)) if isinstance(value, str) else None
        pattern = posix_pattern(values[0], ignore_case=operator == "imatch")
        return lambda value: bool(pattern.search(value)) if isinstance(value, str) else None


@dataclass(frozen=True)
class Where:
    """All conditions on a table's rows; equal and hashable by what they say, in whatever order they were given."""

    conditions: tuple[Condition, ...] = ()
    _tests: tuple[tuple[str, Test], ...] = field(default=(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tests", tuple((c.column, c.test()) for c in self.conditions))

    @classmethod
    def parse(cls, where: Mapping[str, Any] | None) -> Self:
        """Read a ``where``.

        Parameters
        ----------
        where
            Column to value, to ``(operator, value)``, or to a list of such pairs; None selects every row.

        Raises
        ------
        FilterError
            For an operator that is not known, or a value that cannot be said.
        """
        if where is None:
            return cls()
        if not isinstance(where, Mapping):
            raise FilterError(
                f"where is a {type(where).__name__}, not a dict.",
                'Write where={"status": "ringing"} or where={"status": ("in", ["ringing", "queued"])}.',
            )
        conditions: list[Condition] = []
        for column, given in where.items():
            check_column(column)
            many = isinstance(given, list) and bool(given) and all(isinstance(item, tuple) for item in given)
            conditions.extend(_condition(column, item) for item in (given if many else [given]))
        return cls(tuple(sorted(set(conditions), key=lambda c: (c.column, c.operator, c.negated, c.values))))

    def params(self) -> list[tuple[str, str]]:
        """Parameters for PostgREST: column and ``operator.value``, not yet percent-encoded."""
        return [(quoted_column(c.column), str(c)) for c in self.conditions]

    def realtime(self, fixed: Sequence[str] = ()) -> str | None:
        """Give the Realtime filter of the columns that never change after insert.

        Parameters
        ----------
        fixed
            Names of such columns. A row that leaves a filter sends nothing, so no other column may be filtered there.

        Returns
        -------
        str or None
            Conditions joined by commas; None where nothing can be said. It may say less than ``where`` does, never
            more: the predicate judges every row again. Not for deletes: those carry the key only.
        """
        if isinstance(fixed, str):
            raise FilterError(
                f"fixed is the text {fixed!r}, not a sequence of names.", f"Write fixed=({fixed!r},)."
            )
        said = [text for c in self.conditions if c.column in fixed and (text := c.realtime()) is not None]
        return ",".join(said) or None

    def matches(self, row: Row) -> bool:
        """Tell whether the database would select this row; a column that the row lacks counts as null."""
        return all(test(row.get(column)) is True for column, test in self._tests)

    def columns(self) -> frozenset[str]:
        """Names of the columns that are looked at."""
        return frozenset(c.column for c in self.conditions)

    def __bool__(self) -> bool:
        return bool(self.conditions)

    def __repr__(self) -> str:
        return f"Where({', '.join(map(repr, self.conditions))})"


def _condition(column: str, given: object) -> Condition:
    if not isinstance(given, tuple):
        if isinstance(given, list | set | frozenset):
            raise FilterError(
                f"where[{column!r}] is a {type(given).__name__}.", f'Write {{"{column}": ("in", [...])}}.'
            )
        given = ("is", None) if given is None else ("eq", given)
    if len(given) != 2 or not isinstance(given[0], str):
        raise FilterError(
            f"where[{column!r}] is a tuple that is no pair of operator and value.",
            f'Write {{"{column}": ("gte", 5)}}.',
        )
    spelt, value = given
    negated = spelt.startswith("not.")
    operator = spelt.removeprefix("not.")
    if operator not in OPERATORS:
        close = difflib.get_close_matches(operator, OPERATORS, n=1, cutoff=0.4)
        nearest = _COMMON_NAMES.get(operator.lower()) or (close[0] if close else None)
        raise FilterError(
            f"where[{column!r}] has an unknown operator {spelt!r}.",
            (f"Did you mean {nearest!r}? " if nearest else "")
            + f"Known are {', '.join(OPERATORS)}, each also with 'not.' before it.",
        )
    if operator == "in":
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise FilterError(
                f"where[{column!r}] has 'in' with no list.", f'Write {{"{column}": ("in", ["a", "b"])}}.'
            )
        items = list(value)
        if any(item is None for item in items):
            raise FilterError(
                f"where[{column!r}] has a null among the values of 'in', which never matches.",
                f'Ask for nulls by themselves: {{"{column}": None}}.',
            )
        texts = tuple(sorted({_text_of(column, item) for item in items}))
        return Condition(column, "in", negated, texts, bool(items) and all(map(_is_number, items)))
    if operator == "is":
        return Condition(column, "is", *_is_value(column, value, negated=negated))
    if value is None:
        no = "not." if (operator in ("neq", "isdistinct")) != negated else ""
        raise FilterError(
            f"where[{column!r}] compares with null by {spelt!r}, which is never true.",
            f'Write {{"{column}": ("{no}is", None)}}.',
        )
    text = _text_of(column, value)
    if operator in ("like", "ilike", "match", "imatch"):
        if not isinstance(value, str):
            raise FilterError(
                f"where[{column!r}] has {spelt!r} with a {type(value).__name__}.", "Give a text pattern."
            )
        if "match" in operator:
            try:
                posix_pattern(text)
            except ValueError as error:
                raise FilterError(
                    f"where[{column!r}] has a pattern that cannot be read: {error}.",
                    "Check the regular expression.",
                ) from error
    return Condition(column, operator, negated, (text,), _is_number(value))


def _is_value(column: str, value: object, *, negated: bool) -> tuple[bool, tuple[str, ...]]:
    text = "null" if value is None else str(value).lower()
    if text == "not_null":
        text, negated = "null", not negated
    if text not in _IS or (isinstance(value, int) and not isinstance(value, bool)):
        raise FilterError(
            f"where[{column!r}] has 'is' with a value that it does not know.",
            "'is' takes None, True, False or 'unknown'; use 'eq' else.",
        )
    return negated, (text,)


def _text_of(column: str, value: object) -> str:
    text = literal(value)
    if text is None:
        raise FilterError(
            f"where[{column!r}] has a value of type {type(value).__name__}, which has no spelling in a filter.",
            "Use text, a number, a boolean, a date or time, or a UUID.",
        )
    return text


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


#: What people write who come from Python, SQL or JavaScript.
_COMMON_NAMES: Mapping[str, str] = {
    "=": "eq",
    "==": "eq",
    "!=": "neq",
    "<>": "neq",
    ">": "gt",
    ">=": "gte",
    "<": "lt",
    "<=": "lte",
    "ne": "neq",
    "ge": "gte",
    "le": "lte",
    "~": "match",
    "~*": "imatch",
    "regex": "match",
    "nin": "not.in",
    "not in": "not.in",
    "not_in": "not.in",
    "is not": "not.is",
    "in_": "in",
    "is_": "is",
    "contains": "like",
}
