"""Sentences: what is said of a change, and what is never said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livewidgets.core.change import Key
from livewidgets.widgets.activity import LONGEST, Event, Happening, Item, free_text, shown_key, told_by
from livewidgets.widgets.activity_log import ActivityLog
from livewidgets.widgets.activity_sentences import NAMES_OF, TELLERS, money, talk_time, tell

NUMBER = "+15551234567"
NAMES = {"campaign_id": "Solar", "buyer_id": "Acme", "publisher_id": "Clickwell"}


def names(column: str, identity: object) -> str:
    return "" if identity is None else NAMES[column]


def said(table: str, row, before=None, event=None, **more) -> str | None:
    event = event or (Event.INSERT if before is None else Event.UPDATE)
    item = tell(Happening(table, event, row, before, **more), names, masked=True)
    return item and item.text


CALL = {
    "id": "c",
    "status": "queued",
    "caller_number": NUMBER,
    "campaign_id": 7,
    "buyer_id": 3,
    "is_converted": False,
    "version": 1,
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"status": "ringing"}, "Call from +1 ••• ••• 4567 rings at Acme — Solar"),
        ({"status": "initiated"}, "Call from +1 ••• ••• 4567 goes to Acme — Solar"),
        ({"status": "initiated", "buyer_id": None}, "Call from +1 ••• ••• 4567 is being connected — Solar"),
        ({"status": "answered"}, "Call from +1 ••• ••• 4567 connected to Acme — Solar"),
        (
            {"status": "completed", "connected_seconds": 192},
            "Call from +1 ••• ••• 4567 to Acme ended after 3:12 — Solar",
        ),
        ({"status": "no-answer"}, "Call from +1 ••• ••• 4567 to Acme was not answered — Solar"),
        ({"status": "cancelled"}, "Call from +1 ••• ••• 4567 to Acme was canceled — Solar"),
        ({"status": "on_hold"}, "Call from +1 ••• ••• 4567 is now on hold — Solar"),
        (
            {"is_converted": True, "revenue": "48.00"},
            "Call from +1 ••• ••• 4567 to Acme converted for $48.00 — Solar",
        ),
        ({"agent_id": 9, "version": 2}, None),
        ({"status": "Queued"}, None),
    ],
)
def test_a_call_is_told_by_its_status(change, sentence):
    assert said("calls", {**CALL, **change}, CALL) == sentence


def test_a_new_call_and_one_without_names():
    assert said("calls", CALL) == "Call from +1 ••• ••• 4567 came in — Solar"
    bare = {"id": "c", "status": "in-progress", "caller_number": None}
    assert said("calls", bare) == "Call connected"
    assert said("calls", bare, event=Event.DELETE) == "Call was deleted"
    assert said("calls", bare, event=Event.DELETE, filtered=True) == "Call is gone"


BID = {"id": "b", "status": "pending", "amount": "12.5", "buyer_id": 3, "campaign_id": 7, "is_winning": False}


def test_bids_payments_and_alerts():
    assert said("bids", BID) == "Acme bid $12.50 on Solar"
    won = {**BID, "status": "accepted", "is_winning": True, "adjusted_amount": 13}
    assert said("bids", won, BID) == "Acme won Solar at $13.00"
    lost = {**BID, "status": "rejected", "reject_reason": "outbid"}
    assert said("bids", lost, BID) == "Acme's bid of $12.50 on Solar rejected: outbid"
    assert said("bids", {**BID, "responded_ms": 4}, BID) is None
    due = {"id": "p", "status": "invoiced", "amount": 240, "direction": "receivable", "buyer_id": 3}
    assert said("payments", {**due, "status": "paid"}, due) == "Payment of $240.00 from Acme confirmed"
    owed = {**due, "direction": "payable", "publisher_id": 1, "currency": "EUR", "status": "disputed"}
    assert said("payments", owed, due) == "Payment of 240.00 EUR to Clickwell is disputed"
    alert = {"id": "a", "severity": "critical", "message": f"Call {NUMBER} back", "resolved_at": None}
    assert said("alerts", alert) == "Call +1 ••• ••• 4567 back"
    acked = {**alert, "acknowledged_at": "2026-11-22", "acknowledged_by": "ana@example.org"}
    assert said("alerts", acked, alert) == "Acknowledged by a•••@example.org: Call +1 ••• ••• 4567 back"
    assert (
        said("alerts", {**acked, "resolved_at": "2026-11-22"}, acked) == "Resolved: Call +1 ••• ••• 4567 back"
    )


def test_who_and_what_takes_part():
    target = {"id": "t", "name": "North", "status": "active", "base_bid": 12, "live_calls": 1, "buyer_id": 3}
    assert said("targets", {**target, "live_calls": 2}, target) is None
    assert said("targets", {**target, "base_bid": "13.00"}, target) == "Target North: bid $12.00 → $13.00"
    assert said("targets", {**target, "status": "capped"}, target) == "Target North is capped"
    agent = {"id": "g", "name": "Ana", "state": "available"}
    assert said("agents", {**agent, "state": "on_call"}, agent) == "Ana is on a call"
    buyer = {"id": "y", "company_name": "Acme", "status": "active", "balance": 5}
    assert said("buyers", {**buyer, "balance": 6}, buyer) is None
    assert said("buyers", {**buyer, "status": "paused"}, buyer) == "Buyer Acme is paused"


def test_any_other_table_is_told_by_its_columns_and_never_by_their_values():
    order = {"id": 17, "status": "new", "customer": "Jane Roe", "email": "jane@example.org", "version": 1}
    assert said("orders", order) == "orders: row 17 was added"
    assert said("orders", {**order, "status": "paid"}, order) == "orders: row 17 changed (status: new → paid)"
    moved = {**order, "customer": "John Doe", "email": "j@example.org", "a": 1, "b": 2, "version": 2}
    assert said("orders", moved, order) == "orders: row 17 changed (customer, email, a, 1 more)"
    assert said("orders", {**order, "version": 2, "updated_at": "now"}, order) is None
    assert said("orders", order, event=Event.DELETE) == "orders: row 17 was deleted"


def test_a_table_of_a_known_name_that_is_another_one_is_told_in_general_words():
    assert said("calls", {"id": 1, "topic": "x"}) == "calls: row 1 was added"
    assert said("alerts", {"id": 1, "text": "x"}) == "alerts: row 1 was added"


def test_a_personal_key_is_masked_wherever_it_is_said():
    row = {"phone": NUMBER, "name": "x"}
    text = said("leads", row, key=("phone",))
    assert text == "leads: row +1 ••• ••• 4567 was added"
    assert shown_key(("phone",), (NUMBER,), masked=True) == "+1 ••• ••• 4567"
    assert shown_key(("phone",), (NUMBER,), masked=False) == NUMBER
    assert shown_key(("id",), (15551234567,), masked=True) == "15551234567"


def test_a_description_gets_masked_rows_and_may_say_nothing():
    happening = Happening("orders", Event.INSERT, {"id": 1, "phone": NUMBER})
    assert told_by(lambda row, before: f"{row['phone']} {before}", happening, masked=True) == Item(
        "+1 ••• ••• 4567 None"
    )
    assert told_by(lambda row, before: Item(NUMBER, "bid", "good"), happening, masked=True) == Item(
        "+1 ••• ••• 4567", "bid", "good"
    )
    assert told_by(lambda row, before: row["phone"], happening, masked=False) == Item(NUMBER)
    assert told_by(lambda row, before: None, happening, masked=True) is None
    with pytest.raises(TypeError, match="not int"):
        told_by(lambda row, before: 3, happening, masked=True)  # type: ignore[arg-type,return-value]


def test_text_is_one_line_and_masked_before_it_is_cut():
    assert free_text("a\nb\t c", masked=True) == "a b c"
    at_the_edge = "x" * (LONGEST - 8) + " " + NUMBER
    assert NUMBER[-7:-4] not in free_text(at_the_edge, masked=True)
    assert len(free_text("y" * 10_000, masked=True)) == LONGEST


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.lists(st.integers())
)
COLUMNS = st.sampled_from(
    [
        *(*CALL, *BID, "connected_seconds", "revenue", "direction", "severity", "message", "acknowledged_at"),
        *("base_bid", "state", "name", "bid_modifier_pct", "resolved_at", "currency", "reject_reason"),
        "acknowledged_by",
    ]
)
ROWS = st.dictionaries(COLUMNS, ODD, max_size=12)


@given(
    st.sampled_from([*TELLERS, "orders"]),
    ROWS,
    st.none() | ROWS,
    st.sampled_from([e for e in Event if e != "many"]),
)
def test_no_row_is_too_odd_for_a_sentence(table, row, before, event):
    item = tell(
        Happening(table, event, row, before if event is Event.UPDATE else None), lambda *_: "", masked=True
    )
    assert item is None or (item.text and len(item.text) <= LONGEST and "\n" not in item.text)


def test_amounts_and_times():
    assert [money(value) for value in (12, "1234.5", None, "x", -3)] == [
        "$12.00",
        "$1,234.50",
        "",
        "",
        "-$3.00",
    ]
    assert [talk_time(value) for value in (0, 61, 3723, None, -1)] == ["0:00", "1:01", "1:02:03", "", ""]
    assert set(NAMES_OF) <= set(TELLERS)


# The log


def log_of(limit: int, *times: int) -> ActivityLog:
    log = ActivityLog(limit)
    for at in times:
        log.add(at, "t", Event.INSERT, Key(), Item(str(at)))
        log.trim()
    return log


def test_the_log_is_in_the_order_of_time_and_forgets_the_oldest():
    log = log_of(3, 10, 30, 20, 40)
    assert [item.at for item in log.items()] == [20, 30, 40]
    assert [item.id for item in log.items()] == [3, 2, 4]
    assert (len(log), log.total) == (3, 4)
    assert log.get(1) is None
    assert log.say(1, Item("x")) is None
    assert log.say(2, Item("x")).text == "x"
    assert repr(log) == "<ActivityLog of 3 items, 4 ever>"
    log.limit = 1
    assert log.trim() == [3, 2]


@given(st.integers(1, 8), st.lists(st.integers(0, 20), max_size=60))
def test_the_log_holds_the_newest_whatever_comes(limit, times):
    log = log_of(limit, *times)
    kept: list[tuple[int, int]] = []
    for number, at in enumerate(times, 1):
        kept = sorted([*kept, (at, number)])[-limit:]
    assert [(item.at, item.id) for item in log.items()] == kept


def test_nothing_of_a_row_is_in_a_repr():
    item = log_of(1, 5).add(6, "leads", Event.INSERT, (NUMBER,), Item(NUMBER))
    assert NUMBER[2:] not in repr(item)
