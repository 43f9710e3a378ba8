"""The call business in sentences: calls, bids, payments, alerts, and who and what takes part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from livewidgets.core.call_status import normal_status
from livewidgets.core.change import Row
from livewidgets.widgets.activity import (
    Event,
    Happening,
    Item,
    Names,
    Teller,
    cut,
    free_text,
    generic,
    word,
)
from livewidgets.widgets.calls import masked_caller, number_of, open_caller

#: Names that a table's sentences need: column of ids to the table and the column with the name.
NAMES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "calls": ("campaign_id", "buyer_id"),
    "bids": ("campaign_id", "buyer_id"),
    "payments": ("buyer_id", "publisher_id"),
    "targets": ("campaign_id", "buyer_id"),
}
_CALL_TONES: Final = {
    "queued": "waiting",
    "initiated": "calling",
    "ringing": "ringing",
    "in-progress": "talking",
    "completed": "good",
    "busy": "warn",
    "no-answer": "warn",
    "canceled": "neutral",
    "failed": "bad",
}
_ENDS: Final = {
    "busy": "found the line busy",
    "no-answer": "was not answered",
    "canceled": "was canceled",
    "failed": "failed",
}
_SEVERITY_TONES: Final = {"info": "calling", "warning": "warn", "critical": "bad"}
_PAYMENT_WORDS: Final = {
    "draft": ("was drafted", "neutral"),
    "invoiced": ("was invoiced", "calling"),
    "paid": ("confirmed", "good"),
    "disputed": ("is disputed", "bad"),
}
_AGENT_WORDS: Final = {
    "on_call": "is on a call",
    "available": "is available",
    "acw": "wraps up a call",
    "break": "takes a break",
    "offline": "went offline",
}


def money(value: object, currency: object = "USD") -> str:
    """Return an amount as it is written in a sentence; empty when there is none."""
    amount = number_of(value)
    if amount is None:
        return ""
    sign = "-" if amount < 0 else ""
    if currency in (None, "", "USD"):
        return f"{sign}${abs(amount):,.2f}"
    return f"{sign}{abs(amount):,.2f} {word(currency)}"


def talk_time(value: object) -> str:
    """Return seconds as ``3:07`` or ``1:02:03``; empty when there are none."""
    seconds = number_of(value)
    if seconds is None or seconds < 0:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _with(preposition: str, name: str) -> str:
    return f"{preposition} {name}" if name else ""


def call(happening: Happening, names: Names, masked: bool) -> Item | None:
    """Tell of a call: its status, and that it converted."""
    row, before = happening.row, happening.before
    status = normal_status(row.get("status"))
    caller = masked_caller(row) if masked else open_caller(row)
    who = _joined("Call", _with("from", caller))
    campaign = _with("—", names("campaign_id", row.get("campaign_id")))
    buyer = names("buyer_id", row.get("buyer_id"))
    if happening.event is Event.DELETE:
        return Item(_joined(who, happening.gone), "call", "neutral")
    moved = before is None or normal_status(before.get("status")) != status
    if row.get("is_converted") and not (before or {}).get("is_converted"):
        done = _joined("converted", _with("for", money(row.get("revenue"), row.get("currency"))))
        return Item(_joined(who, _with("to", buyer), done, campaign), "call", "good")
    if not moved:
        return None
    return Item(_joined(who, _said(status, row, buyer), campaign), "call", _CALL_TONES.get(status, "neutral"))


def _said(status: str, row: Row, buyer: str) -> str:
    if status == "queued":
        return "came in"
    if status == "initiated":
        return _joined("goes", _with("to", buyer)) if buyer else "is being connected"
    if status == "ringing":
        return _joined("rings", _with("at", buyer))
    if status == "in-progress":
        return _joined("connected", _with("to", buyer))
    if status == "completed":
        return _joined(_with("to", buyer), "ended", _with("after", talk_time(row.get("connected_seconds"))))
    if status in _ENDS:
        return _joined(_with("to", buyer), _ENDS[status])
    return _joined("is now", word(status) or "without a status")


def bid(happening: Happening, names: Names, masked: bool) -> Item | None:
    """Tell of a bid: made, won, rejected, expired."""
    row, before = happening.row, happening.before
    adjusted = row.get("adjusted_amount")
    amount = money(row.get("amount") if adjusted is None else adjusted, row.get("currency"))
    buyer = names("buyer_id", row.get("buyer_id")) or "A buyer"
    campaign = names("campaign_id", row.get("campaign_id"))
    if happening.event is Event.DELETE:
        return Item(_joined(f"{buyer}'s bid", _with("of", amount), happening.gone), "bid")
    if row.get("is_winning") and not (before or {}).get("is_winning"):
        return Item(_joined(buyer, "won", campaign or "a call", _with("at", amount)), "bid", "good")
    if before is not None and not happening.changed("status"):
        return None
    status = row.get("status")
    if status in ("rejected", "expired"):
        why = free_text(row.get("reject_reason") or "", masked=masked)
        text = _joined(f"{buyer}'s bid", _with("of", amount), _with("on", campaign), f"{status}")
        return Item(f"{text}: {why}" if why else text, "bid", "neutral")
    if status == "accepted":
        text = _joined(f"{buyer}'s bid", _with("of", amount), _with("on", campaign), "accepted")
        return Item(text, "bid", "good")
    return Item(_joined(buyer, "bid", amount, _with("on", campaign)), "bid", "calling")


def payment(happening: Happening, names: Names, masked: bool) -> Item | None:
    """Tell of a payment: drafted, invoiced, confirmed, disputed."""
    row = happening.row
    if row.get("direction") == "payable":
        party = _with("to", names("publisher_id", row.get("publisher_id")))
    else:
        party = _with("from", names("buyer_id", row.get("buyer_id")))
    what = _joined("Payment", _with("of", money(row.get("amount"), row.get("currency"))), party)
    if happening.event is Event.DELETE:
        return Item(f"{what} {happening.gone}", "payment", "warn")
    if happening.before is not None and not happening.changed("status", "amount"):
        return None
    status = row.get("status")
    said, tone = _PAYMENT_WORDS.get(str(status), (f"is now {word(status)}", "neutral"))
    return Item(f"{what} {said}", "payment", tone)


def alert(happening: Happening, _names: Names, masked: bool) -> Item | None:
    """Tell of an alert: fired, acknowledged, resolved."""
    row, before = happening.row, happening.before
    message = free_text(row.get("message") or row.get("rule") or "An alert", masked=masked)
    if happening.event is Event.DELETE:
        return Item(f"Alert {happening.gone}: {message}", "alert")
    if row.get("resolved_at") is not None and (before or {}).get("resolved_at") is None:
        return Item(f"Resolved: {message}", "alert", "good")
    if row.get("acknowledged_at") is not None and (before or {}).get("acknowledged_at") is None:
        by = free_text(row.get("acknowledged_by") or "", masked=masked)
        return Item(f"{_joined('Acknowledged', _with('by', by))}: {message}", "alert", "neutral")
    if before is not None and not happening.changed("severity", "message"):
        return None
    severity = str(row.get("severity") or "info")
    return Item(message, "alert", _SEVERITY_TONES.get(severity, "neutral"))


def target(happening: Happening, names: Names, masked: bool) -> Item | None:
    """Tell of a target: its status, and the terms that it bids on. Its live calls change all the time."""
    row, before = happening.row, happening.before
    name = free_text(row.get("name") or "", masked=masked)
    what = _joined("Target", name or names("buyer_id", row.get("buyer_id")))
    if before is None or happening.event is Event.DELETE:
        said = happening.gone if happening.event is Event.DELETE else "was added"
        return Item(f"{what} {said}", "target", "calling")
    if happening.changed("status"):
        tone = {"active": "good", "paused": "warn", "capped": "warn"}.get(str(row.get("status")), "neutral")
        return Item(f"{what} is {word(row.get('status'))}", "target", tone)
    terms = [
        f"{label} {money(before.get(column))} → {money(row.get(column))}"
        for column, label in (("base_bid", "bid"), ("min_bid", "least"), ("max_bid", "most"))
        if happening.changed(column)
    ]
    if happening.changed("bid_modifier_pct"):
        old, new = number_of(before.get("bid_modifier_pct")), number_of(row.get("bid_modifier_pct"))
        terms.append(f"modifier {old or 0:+g} % → {new or 0:+g} %")
    return Item(f"{what}: {', '.join(terms)}", "target", "calling") if terms else None


def agent(happening: Happening, names: Names, masked: bool) -> Item | None:
    """Tell of an agent's state."""
    row = happening.row
    who = free_text(row.get("name") or "An agent", masked=masked)
    if happening.event is Event.DELETE:
        return Item(f"{who} {happening.gone}", "person")
    if happening.before is not None and not happening.changed("state"):
        return None
    state = str(row.get("state") or "")
    return Item(f"{who} {_AGENT_WORDS.get(state, f'is {word(state)}')}", "person")


def party(happening: Happening, names: Names, masked: bool) -> Item | None:
    """Tell of a campaign, a publisher or a buyer: its status and name. Balances change all the time."""
    row = happening.row
    name = free_text(row.get("name") or row.get("company_name") or "", masked=masked)
    icon = "campaign" if happening.table == "campaigns" else "person"
    what = _joined(happening.table.removesuffix("s").capitalize(), name)
    if happening.event is Event.DELETE:
        return Item(f"{what} {happening.gone}", icon, "warn")
    if happening.before is None:
        return Item(f"{what} was added", icon, "calling")
    if happening.changed("status"):
        tone = {"active": "good", "paused": "warn"}.get(str(row.get("status")), "neutral")
        return Item(f"{what} is {word(row.get('status'))}", icon, tone)
    if happening.changed("name", "company_name"):
        return Item(f"{what} has a new name", icon)
    if happening.changed("default_payout", "conversion_seconds", "rtb_enabled"):
        return Item(f"{what} has new terms", icon, "calling")
    return None


#: The tables that are spoken of in the business's own words; for any other see `generic`.
TELLERS: Final[Mapping[str, Teller]] = {
    "calls": call,
    "bids": bid,
    "payments": payment,
    "alerts": alert,
    "targets": target,
    "agents": agent,
    "campaigns": party,
    "publishers": party,
    "buyers": party,
}


#: A column that tells ours from others' tables of the same name.
_MARKS: Final = {
    "calls": "status",
    "bids": "amount",
    "payments": "amount",
    "alerts": "message",
    "targets": "base_bid",
    "agents": "state",
}


def tell(happening: Happening, names: Names, *, masked: bool) -> Item | None:
    """Say what happened in the table's own words, or in general ones; None when it is not worth a sentence."""
    teller: Teller = TELLERS.get(happening.table, generic)
    if teller is not generic and _MARKS.get(happening.table, "status") not in happening.row:
        teller = generic
    item = teller(happening, names, masked)
    if item is None:
        return None
    # Keys, columns and names may hold anything.
    text = cut(" ".join(item.text.split()))
    return item if text == item.text else Item(text, item.icon, item.tone)
