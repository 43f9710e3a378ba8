from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.errors import CommandError
from livewidgets.widgets.live_bidding_terms import Field, Terms, check, number, plain, read


def terms(base="20", modifier="0", least="10", most="30") -> Terms:
    return Terms.of({"base_bid": base, "bid_modifier_pct": modifier, "min_bid": least, "max_bid": most})


@pytest.mark.parametrize(
    ("given", "bid", "modified"),
    [
        (terms(), "20.00", "20.00"),
        (terms(modifier="12.5"), "22.50", "22.50"),
        (terms(base="29", modifier=10), "30", "31.90"),
        (terms(base=0.1, modifier=-50, least=0, most=0), "0.05", "0.05"),
        (terms(base="0.105", least=0, most=0), "0.11", "0.11"),
        (terms(base="90071992547409931.25", least=0, most=0), "90071992547409931.25", "90071992547409931.25"),
        (terms(base=None), None, None),
        (terms(modifier=None), "20.00", "20.00"),
    ],
)
def test_what_a_target_bids_is_exact(given, bid, modified):
    assert (plain(given.bid), plain(given.modified)) == (bid, modified)


def test_a_maximum_of_zero_is_none_set():
    assert terms(least="0.00", most=0).most is None
    assert terms(least="5", most=0).most == 0


@pytest.mark.parametrize(
    "text", ["", "x", "1e5", "1,5", " 1", "1.", ".5", "--1", "1" * 31, None, 5, "NaN", "٣"]
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(CommandError, match="no number"):
        read(text)


def test_two_decimals_are_all_there_are():
    assert [read(text) for text in ("12.5", "-3", "+4.10", "12.500", "100")] == [
        Decimal("12.5"),
        Decimal(-3),
        Decimal("4.1"),
        Decimal("12.5"),
        Decimal(100),
    ]
    with pytest.raises(CommandError, match="2 decimals"):
        read("1.234")


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        (terms(base="9.99"), Field.BID, "Below the minimum of 10"),
        (terms(base="30.01"), Field.BID, "Above the maximum of 30"),
        (terms(base="-1", least=0, most=0), Field.BID, "not negative"),
        (terms(base="12", modifier="-20"), Field.BID, "With the modifier the bid is 9.60"),
        (terms(modifier="-60"), Field.MODIFIER, "With the modifier the bid is 8.00"),
        (terms(modifier="-101"), Field.MODIFIER, "not between -100 % and 1000 %"),
        (terms(modifier="1000.01"), Field.MODIFIER, "not between"),
    ],
)
def test_what_breaks_a_limit_is_said_in_words(given, field, words):
    with pytest.raises(CommandError, match=words) as raised:
        check(given, field)
    assert raised.value.advice


def test_what_keeps_the_limits_passes():
    for made in (terms(base="10"), terms(base="30"), terms(modifier="50"), terms(base=None, modifier="5")):
        check(made, Field.BID)
        check(made, Field.MODIFIER)


def test_whatever_a_column_holds_is_read_or_none():
    assert [number(value) for value in (True, "x", None, "NaN", "Infinity", "1e999", [])] == [None] * 7
    assert number(2**60) == 2**60


CASES = json.loads((Path(__file__).parents[2] / "js/src/testing/bid_terms_cases.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_page_and_the_kernel_say_the_same(case):
    *row, field, value, words, bid = case
    made = terms(*row)
    assert plain(made.bid) == bid
    assert said(made, field, value) == words


def said(made, field, value):
    """Return what is wrong, in words."""
    try:
        check(made.with_(Field(field), read(value)), Field(field))
    except CommandError as error:
        return error.message
    return None


@given(
    st.decimals(min_value=0, max_value=10**12, places=2),
    st.decimals(min_value=-100, max_value=1000, places=2),
)
def test_the_bid_is_never_above_the_maximum_and_has_two_decimals(base, modifier):
    made = terms(base=str(base), modifier=str(modifier), least="0", most="500")
    assert made.bid <= 500
    assert abs(made.modified - base * (1 + modifier / 100)) <= Decimal("0.005")
    assert made.modified == round(made.modified, 2)
