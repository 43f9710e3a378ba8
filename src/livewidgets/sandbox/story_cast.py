"""Who takes part in the story: campaigns, publishers, buyers, their targets and agents. All names are made up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

_SPACE = UUID("6c697665-7769-4467-8574-73616e64626f")


@dataclass(frozen=True)
class Campaign:
    """A campaign and what a converted call is worth in it."""

    id: UUID
    name: str
    vertical: str
    default_payout: float
    conversion_seconds: int
    rtb_enabled: bool


@dataclass(frozen=True)
class Publisher:
    """A source of calls; ``weight`` is its share of the traffic."""

    id: UUID
    name: str
    sub_id: str
    weight: int
    campaigns: tuple[int, ...]


@dataclass(frozen=True)
class Buyer:
    """Who pays for calls.

    Attributes
    ----------
    answers
        The share of its calls that somebody answers.
    converts
        The share of its long enough calls that convert.
    """

    id: UUID
    company_name: str
    credit_limit: float
    answers: float
    converts: float


@dataclass(frozen=True)
class Target:
    """Where a buyer takes the calls of a campaign, and on which terms."""

    id: UUID
    buyer: Buyer
    campaign: Campaign
    name: str
    base_bid: float
    min_bid: float
    max_bid: float
    modifier: float
    concurrency_cap: int
    daily_cap: int


@dataclass(frozen=True)
class Agent:
    """Who answers at a buyer."""

    id: UUID
    name: str
    buyer: Buyer


def _id(kind: str, name: str) -> UUID:
    return uuid5(_SPACE, f"{kind}/{name}")


CAMPAIGNS = tuple(
    Campaign(_id("campaign", name), name, vertical, payout, seconds, rtb)
    for name, vertical, payout, seconds, rtb in (
        ("Medicare Open Enrollment", "health insurance", 28.0, 90, True),
        ("Auto Insurance Quotes", "auto insurance", 14.0, 60, True),
        ("Home Services Leads", "home services", 22.0, 45, True),
        ("Debt Relief Hotline", "finance", 34.0, 120, True),
        ("Solar Consultations", "solar", 40.0, 75, False),
    )
)

PUBLISHERS = tuple(
    Publisher(_id("publisher", name), name, sub_id, weight, campaigns)
    for name, sub_id, weight, campaigns in (
        ("BrightClick Media", "bcm-01", 9, (0, 1)),
        ("NorthStar Leads", "nsl-14", 8, (0, 3)),
        ("Harbor Digital", "hbd-07", 7, (1, 2)),
        ("CallBridge Partners", "cbp-22", 6, (0, 1, 2)),
        ("Evergreen Search", "egs-03", 5, (2, 4)),
        ("Summit Affiliates", "sma-11", 4, (3, 4)),
        ("Pixel & Dial", "pxd-05", 3, (1, 3)),
        ("Lakeside Referrals", "lkr-09", 2, (0, 2, 4)),
    )
)

BUYERS = tuple(
    Buyer(_id("buyer", name), name, limit, answers, converts)
    for name, limit, answers, converts in (
        ("Guardian Health Group", 50_000.0, 0.88, 0.93),
        ("Pinnacle Insurance", 40_000.0, 0.83, 0.88),
        ("RapidFix Home", 15_000.0, 0.71, 0.84),
        ("ClearPath Financial", 35_000.0, 0.80, 0.78),
        ("SunRidge Energy", 25_000.0, 0.76, 0.90),
        ("Liberty Quote Center", 20_000.0, 0.67, 0.72),
        ("Meridian Call Desk", 30_000.0, 0.91, 0.81),
    )
)


def _target(buyer: int, campaign: int, base: float, modifier: float, cap: int) -> Target:
    name = f"{BUYERS[buyer].company_name} · {CAMPAIGNS[campaign].vertical}"
    return Target(
        _id("target", name),
        BUYERS[buyer],
        CAMPAIGNS[campaign],
        name,
        base,
        round(base * 0.7, 2),
        round(base * 1.5, 2),
        modifier,
        cap,
        cap * 150,
    )


TARGETS = (
    _target(0, 0, 42.0, 5.0, 8),
    _target(6, 0, 39.0, 0.0, 6),
    _target(1, 0, 37.5, 10.0, 5),
    _target(1, 1, 22.0, 0.0, 7),
    _target(5, 1, 20.5, 8.0, 6),
    _target(6, 1, 21.0, -5.0, 4),
    _target(2, 2, 31.0, 0.0, 7),
    _target(6, 2, 29.0, 4.0, 4),
    _target(5, 2, 28.0, 0.0, 3),
    _target(3, 3, 48.0, 0.0, 6),
    _target(6, 3, 45.0, 6.0, 4),
    _target(4, 4, 56.0, 0.0, 6),
    _target(2, 4, 52.0, 0.0, 3),
)

_AGENTS = (
    ("Ana Torres", "Ben Okafor", "Carla Weiss", "Dev Patel"),
    ("Elena Rossi", "Frank Muller", "Grace Kim"),
    ("Hugo Silva", "Ines Dubois"),
    ("Jonas Berg", "Kira Novak", "Liam Walsh"),
    ("Maya Cohen", "Noah Fischer"),
    ("Olga Petrova", "Pablo Reyes"),
    ("Quinn Harper", "Rosa Jimenez", "Sam Tanaka", "Tara Singh"),
)
AGENTS = tuple(
    Agent(_id("agent", name), name, buyer)
    for buyer, names in zip(BUYERS, _AGENTS, strict=True)
    for name in names
)

#: Who acknowledges alerts.
SUPERVISORS = ("Uma Larsen", "Victor Hale", "Wendy Cho")

#: Area codes and their states.
AREAS = (
    *(
        ("212", "NY"),
        ("310", "CA"),
        ("312", "IL"),
        ("305", "FL"),
        ("214", "TX"),
        ("713", "TX"),
        ("602", "AZ"),
    ),
    *(
        ("206", "WA"),
        ("303", "CO"),
        ("404", "GA"),
        ("617", "MA"),
        ("702", "NV"),
        ("503", "OR"),
        ("614", "OH"),
    ),
    *(("215", "PA"), ("313", "MI"), ("704", "NC"), ("615", "TN"), ("816", "MO"), ("504", "LA")),
)


def base_rows() -> list[tuple[str, dict[str, Any]]]:
    """Give the rows that the story stands on, as table name and values, parents first."""
    rows: list[tuple[str, dict[str, Any]]] = [
        (
            "campaigns",
            {
                "id": campaign.id,
                "name": campaign.name,
                "vertical": campaign.vertical,
                "default_payout": campaign.default_payout,
                "conversion_seconds": campaign.conversion_seconds,
                "rtb_enabled": campaign.rtb_enabled,
            },
        )
        for campaign in CAMPAIGNS
    ]
    rows += [("publishers", {"id": p.id, "name": p.name, "sub_id": p.sub_id}) for p in PUBLISHERS]
    rows += [
        ("buyers", {"id": b.id, "company_name": b.company_name, "credit_limit": b.credit_limit})
        for b in BUYERS
    ]
    for order, target in enumerate(TARGETS):
        rows.append(
            (
                "targets",
                {
                    "id": target.id,
                    "buyer_id": target.buyer.id,
                    "campaign_id": target.campaign.id,
                    "name": target.name,
                    "priority": 1 + order % 3,
                    "weight": 10,
                    "base_bid": target.base_bid,
                    "min_bid": target.min_bid,
                    "max_bid": target.max_bid,
                    "bid_modifier_pct": target.modifier,
                    "concurrency_cap": target.concurrency_cap,
                    "daily_cap": target.daily_cap,
                },
            )
        )
    rows += [
        ("agents", {"id": a.id, "name": a.name, "buyer_id": a.buyer.id, "state": "available"}) for a in AGENTS
    ]
    return rows
