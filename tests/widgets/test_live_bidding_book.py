from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livewidgets.widgets.live_bidding_book import POINTS, BidBook, Record


def bid(number: int, **values):
    return {
        "id": f"bid-{number}",
        "target_id": "a",
        "request_id": f"request-{number}",
        "amount": "10.00",
        "adjusted_amount": f"{number}.50",
        "is_winning": True,
        "created_at": f"2026-11-22T12:{number:02}:00+00:00",
    } | values


def book(*rows) -> BidBook:
    made = BidBook()
    for row in rows:
        made.put((row["id"],), row)
    return made


def test_the_last_win_is_the_newest_by_its_time_and_the_trend_goes_up_to_it():
    made = book(bid(3), bid(1), bid(2, is_winning=False), bid(4, target_id="b"))
    assert made.record("a") == Record("3.50", "2026-11-22T12:03:00+00:00", "1.50,3.50", 3, 2)
    assert made.record("b").last == "4.50"
    assert made.record("nobody") == Record(None, None, "", 0, 0)


def test_a_repeated_bid_is_one_request():
    made = book(
        bid(1, is_winning=False),
        bid(2, request_id="request-1"),
        bid(3, request_id="request-1", is_winning=False),
    )
    assert (made.record("a").requests, made.record("a").won) == (1, 1)


def test_an_amount_without_a_modifier_counts_and_what_is_none_does_not():
    made = book(
        bid(1, adjusted_amount=None), bid(2, adjusted_amount="x", amount=None), bid(3, created_at="soon")
    )
    assert made.record("a").last == "10.00"
    assert made.record("a").won == 3
    assert book(bid(1, target_id=None)).record(None).requests == 0


def test_the_trend_is_bounded():
    made = book(*(bid(n % 60, id=f"bid-{n}") for n in range(200)))
    assert len(made.record("a").trend.split(",")) == POINTS


@given(
    st.lists(
        st.tuples(
            st.integers(0, 8),
            st.one_of(
                st.none(),
                st.builds(
                    bid,
                    st.integers(0, 59),
                    target_id=st.sampled_from(["a", "b", None]),
                    request_id=st.sampled_from(["r", "s", None]),
                    is_winning=st.booleans(),
                ),
            ),
        )
    )
)
def test_whatever_came_and_went_it_is_as_if_made_anew(changes):
    kept, rows = BidBook(), {}
    for key, row in changes:
        if row is None:
            rows.pop((key,), None)
            kept.drop((key,))
        else:
            rows[key,] = row
            kept.put((key,), row)
    anew = BidBook()
    for key, row in rows.items():
        anew.put(key, row)
    for target in ("a", "b"):
        assert kept.record(target) == anew.record(target)
    assert len(kept) == len(anew)
