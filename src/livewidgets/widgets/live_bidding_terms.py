"""What a target bids: base, modifier, limits, and what of it can be changed to what. Pure, and exact: no floats.

The page has the same rules in ``lib/bid_terms.ts``; what passes there and not here is refused in the same words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from livewidgets.core.change import Row
from livewidgets.errors import CommandError

#: Decimals of an amount and of a percentage.
PLACES: Final = 2
#: The modifier in percent: a bid is never below zero, and no bid is more than tenfold on purpose.
LEAST_MODIFIER: Final = Decimal(-100)
MOST_MODIFIER: Final = Decimal(1000)
_AMOUNT: Final = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,12})?")
#: As many digits as the longest amount times the longest percentage has.
_EXACT: Final = Context(prec=80)


class Field(StrEnum):
    """What can be changed."""

    BID = "bid"
    MODIFIER = "modifier"


#: Field to the column that holds it.
COLUMN: Final[Mapping[Field, str]] = {Field.BID: "base_bid", Field.MODIFIER: "bid_modifier_pct"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a target bids; None for what is not known.

    Attributes
    ----------
    base
        The bid before the modifier.
    modifier
        In percent.
    least, most
        What it may bid; a `most` of 0 with a `least` of 0 is none set.
    """

    base: Decimal | None
    modifier: Decimal | None
    least: Decimal | None
    most: Decimal | None

    @classmethod
    def of(cls, row: Row) -> Terms:
        """Read a target."""
        least, most = number(row.get("min_bid")), number(row.get("max_bid"))
        if not least and not most:
            least = most = None
        return cls(number(row.get("base_bid")), number(row.get("bid_modifier_pct")), least, most)

    def get(self, field: Field) -> Decimal | None:
        """Return a field's value."""
        return self.base if field is Field.BID else self.modifier

    def with_(self, field: Field, value: Decimal) -> Terms:
        """Return them with another value."""
        return replace(self, base=value) if field is Field.BID else replace(self, modifier=value)

    @property
    def modified(self) -> Decimal | None:
        """The base with the modifier on it, before the limits."""
        if self.base is None:
            return None
        share = _EXACT.divide(self.modifier or Decimal(0), Decimal(100))
        return _rounded(_EXACT.multiply(self.base, _EXACT.add(Decimal(1), share)))

    @property
    def bid(self) -> Decimal | None:
        """What the target bids: never above its maximum."""
        bid = self.modified
        return bid if bid is None or self.most is None else min(bid, self.most)


def number(value: object) -> Decimal | None:
    """Return an amount exactly as the row has it; None for what is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < 40 else None


def plain(value: Decimal | None) -> str | None:
    """Return an amount as text without an exponent."""
    return None if value is None else format(value, "f")


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-PLACES), ROUND_HALF_UP, _EXACT)


def _written(value: Decimal) -> str:
    """Write an amount in a sentence."""
    return format(_rounded(value), "f")


def read(text: object) -> Decimal:
    """Read an amount that a page sends.

    Raises
    ------
    CommandError
        It is none.
    """
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        raise CommandError("This is no number.", "Write one such as 12.50.")
    value = Decimal(text)
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > PLACES:
        raise CommandError(f"It has more than {PLACES} decimals.", f"Round it to {PLACES} decimals.")
    return value


def check(terms: Terms, field: Field) -> None:
    """Check terms in which a field has just been changed.

    Raises
    ------
    CommandError
        They break a limit; in words that name it.
    """
    value = terms.get(field)
    if value is None:
        return
    if field is Field.MODIFIER and not LEAST_MODIFIER <= value <= MOST_MODIFIER:
        raise CommandError(
            f"The modifier is not between {LEAST_MODIFIER} % and {MOST_MODIFIER} %.", "Give one that is."
        )
    if field is Field.BID:
        if value < 0:
            raise CommandError("A bid is not negative.", "Give one of 0 or above.")
        if terms.least is not None and value < terms.least:
            raise CommandError(f"Below the minimum of {_written(terms.least)}.", "Give that or more.")
        if terms.most is not None and value > terms.most:
            raise CommandError(f"Above the maximum of {_written(terms.most)}.", "Give that or less.")
    modified = terms.modified
    if modified is not None and terms.least is not None and modified < terms.least:
        raise CommandError(
            f"With the modifier the bid is {plain(modified)}, below the minimum of {_written(terms.least)}.",
            "Such bids win nothing: raise the bid or the modifier.",
        )
