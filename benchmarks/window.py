"""What a sliding window costs a change, beside pandas that measures all rows again."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta

import pandas as pd

from livewidgets.core.change import Patch, Row
from livewidgets.core.kpi import Kpis
from livewidgets.core.window import Window

from .table import Figure, median

ROWS = 10_000
CHANGES = 20_000
START = datetime(2026, 11, 22, 10, tzinfo=UTC)
STATUSES = ("queued", "ringing", "in-progress", "completed", "busy")


def _rows() -> dict[tuple[int], Row]:
    chance = random.Random(7)
    return {(n,): _row(n, chance) for n in range(ROWS)}


def _row(n: int, chance: random.Random) -> Row:
    moment = START + timedelta(seconds=900 * n / ROWS)
    return {
        "id": n,
        "created_at": moment.isoformat(),
        "connected_at": (moment + timedelta(seconds=9)).isoformat(),
        "ended_at": None,
        "status": chance.choice(STATUSES),
        "revenue": chance.randrange(0, 5000) / 100,
        "payout": 3.5,
        "telco_cost": 0.01,
        "connected_seconds": chance.randrange(300),
        "is_converted": chance.random() < 0.3,
        "is_duplicate": False,
        "campaign_id": n % 5,
    }


def _patches(rows: dict[tuple[int], Row]) -> list[Patch]:
    """Change the status, the revenue and the length of one row after another."""
    chance = random.Random(8)
    return [
        Patch(n, {(key,): _row(key, chance)}) for n, key in enumerate(n * 7919 % ROWS for n in range(CHANGES))
    ]


def figures() -> list[Figure]:
    """Measure the CPU a change, and a whole recomputation for comparison."""
    rows = _rows()
    patches = _patches(rows)
    now = START.timestamp() + 899

    def kept(*measures: str) -> float:
        window = Window("created_at", every="5s", window="15m", by="status", measures=measures, now=now)
        window.load(rows, now)
        started = time.process_time()
        for patch in patches:
            window.apply(patch)
        spent = time.process_time() - started
        assert len(window) == ROWS
        return spent / CHANGES * 1e6

    def kpis() -> float:
        held = Kpis(window="1h", every="1m", by="campaign_id", now=now)
        held.load(rows, now)
        started = time.process_time()
        for patch in patches:
            held.apply(patch)
        return (time.process_time() - started) / CHANGES * 1e6

    frame = pd.DataFrame(list(rows.values()))
    frame["created_at"] = pd.to_datetime(frame["created_at"], format="ISO8601")

    def again() -> float:
        started = time.process_time()
        frame.groupby([pd.Grouper(key="created_at", freq="5s"), "status"])["revenue"].agg(
            ["count", "sum", "mean"]
        )
        return (time.process_time() - started) * 1e6

    peer = f"pandas {pd.__version__}, one groupby of {ROWS:,} rows"
    return [
        Figure("window, a change: count", kept("count"), "µs", budget=20),
        Figure(
            "  count, sum and mean",
            kept("count", "sum(revenue)", "mean(revenue)"),
            "µs",
            peer,
            median(again),
            20,
        ),
        Figure(
            "  p95 and distinct", kept("p95(connected_seconds)", "distinct(campaign_id)"), "µs", budget=20
        ),
        Figure("  all KPIs of a call", kpis(), "µs", budget=40),
    ]
