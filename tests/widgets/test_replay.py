"""A recording in a component, without a backend."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime, timedelta

import livewidgets as lw
from livewidgets.live.table import TableState
from livewidgets.widgets.hub import hub
from tests.live.conftest import eventually
from tests.widgets.hub_page import HubPage

STARTED = datetime(2026, 11, 22, 10, tzinfo=UTC)


def at(seconds):
    return (STARTED + timedelta(seconds=seconds)).isoformat()


def call(number, **values):
    return {
        "id": f"call-{number}",
        "status": "ringing",
        "caller_number": "+15551234567",
        "campaign_id": 7,
        "created_at": at(0),
        "connected_at": None,
        "ended_at": None,
    } | values


def write(path):
    header = {
        "format": "livewidgets recording",
        "format_version": 1,
        "name": "calls",
        "key": ["id"],
        "columns": list(call(0)),
        "types": dict.fromkeys(("created_at", "connected_at", "ended_at"), "timestamp with time zone"),
        "order": ["-created_at"],
        "limit": 5000,
        "masked": False,
        "started": STARTED.timestamp(),
        "version": 1,
    }
    lines = [
        header,
        {"at": 0.0, "up": [call(1), call(2)], "more": False},
        {"at": 60.0, "version": 2, "up": [call(3, created_at=at(60))]},
        {"at": 61.0, "version": 3, "up": [call(1, status="completed", ended_at=at(61))]},
        {"at": 62.0, "version": 4, "gone": [["call-2"]]},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_tracker_shows_a_recording(comms, tmp_path):
    table = lw.replay(write(tmp_path / "calls.jsonl"), speed=math.inf)
    tracker = lw.CallTracker(table, linger=30)
    page = HubPage(hub(), comms)
    page.open(tracker.feed)
    eventually(lambda: set(page.rows(tracker.feed)) == {"call-1", "call-3"}, "the end is not shown")
    shown = page.rows(tracker.feed)
    assert shown["call-1"]["status"] == "completed"
    assert shown["call-3"]["caller"] == "+1 ••• ••• 4567"
    # It ended a moment ago, whenever that was recorded.
    ended = datetime.fromisoformat(shown["call-1"]["ended_at"]).timestamp()
    assert abs(time.time() - ended) < 20
    eventually(lambda: page.meta(tracker.feed)["state"] == "stale", "the end is not said")
    # Names come from other tables, which a recording does not hold: their ids stand for them.
    assert shown["call-3"]["campaign"] == "7"
    assert table.status.state is TableState.STALE
    tracker.close()
    table.close()
    eventually(lambda: not table._follower._patch_taps)
