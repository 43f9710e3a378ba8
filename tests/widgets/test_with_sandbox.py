"""The components over the real backend: from a committed row to a page's model."""

from __future__ import annotations

import json
import logging

import ipywidgets
import pytest

import livewidgets as lw
from livewidgets.live.client import Live
from livewidgets.testing import wait_until
from livewidgets.widgets.call_tracker import CallTracker
from livewidgets.widgets.hub import hub
from livewidgets.widgets.online_status import OnlineStatus
from tests.widgets.hub_page import HubPage


@pytest.fixture
def live(sandbox):
    with Live(sandbox.url, sandbox.anon_key, sandbox.manager_token) as live:
        yield live


@pytest.fixture
def campaign(sandbox_db):
    row = sandbox_db.execute("insert into campaigns (name) values ('Solar') returning id").fetchone()
    yield str(row[0])
    sandbox_db.execute("delete from calls where campaign_id = %s", [row[0]])
    sandbox_db.execute("delete from campaigns where id = %s", [row[0]])


def test_a_committed_call_reaches_the_page(live, sandbox_db, campaign, comms):
    tracker = CallTracker(live, campaign_id=campaign)
    page = HubPage(hub(), comms)
    page.open(tracker.feed)
    wait_until(lambda: page.meta(tracker.feed).get("state") == "live", 20, "the tracker to be live")
    [key] = sandbox_db.execute(
        "insert into calls (campaign_id, status, caller_number) values (%s, 'ringing', '+15551230000') returning id",
        [campaign],
    ).fetchone()
    row = wait_until(lambda: page.rows(tracker.feed).get(str(key)), 10, "the insert")
    assert row["status"] == "ringing"
    assert row["caller"] == "+1 ••• ••• 0000"
    wait_until(lambda: page.rows(tracker.feed)[str(key)]["campaign"] == "Solar", 10, "the name")
    sandbox_db.execute("update calls set status = 'in-progress', connected_at = now() where id = %s", [key])
    wait_until(lambda: page.rows(tracker.feed)[str(key)]["status"] == "in-progress", 10, "the update")
    sandbox_db.execute("delete from calls where id = %s", [key])
    wait_until(lambda: str(key) not in page.rows(tracker.feed), 10, "the delete")
    tracker.close()
    wait_until(lambda: not any(table.name == "calls" for table in live.tables), 10)


def test_many_changes_end_right_and_are_bounded_by_ticks(live, sandbox_db, campaign, comms):
    tracker = CallTracker(live, campaign_id=campaign)
    page = HubPage(hub(), comms)
    page.open(tracker.feed)
    wait_until(lambda: page.meta(tracker.feed).get("state") == "live", 20, "the tracker to be live")
    before = page.ticks
    sandbox_db.execute(
        "insert into calls (campaign_id, status) select %s, 'queued' from generate_series(1, 200)", [campaign]
    )
    for number in range(10):
        sandbox_db.execute(
            "update calls set status = 'ringing', status_raw = %s where campaign_id = %s",
            [str(number), campaign],
        )

    def right() -> bool:
        rows = page.rows(tracker.feed).values()
        return len(rows) == 200 and {row["status_raw"] for row in rows} == {"9"}

    wait_until(right, 30, "2,200 changes")
    assert page.ticks - before < 200
    assert page.refused == 0
    tracker.close()


def test_the_status_of_the_connection_reaches_the_page(live, comms):
    table = live.table("campaigns").ready()
    status = OnlineStatus(live)
    page = HubPage(hub(), comms)
    page.open(status.feed)
    wait_until(lambda: page.meta(status.feed).get("connection", {}).get("state") == "live", 20, "live")
    wait_until(lambda: page.meta(status.feed)["tables"]["live"] == 1, 10, "the table to be counted")
    page.command(status.feed, "retry")
    wait_until(lambda: page.look().answers, 10, "the answer")
    assert page.answers[0]["ok"] is True
    table.close()
    status.close()


def test_no_key_and_no_number_is_in_anything_that_is_saved(
    live, sandbox, sandbox_db, campaign, comms, caplog
):
    sandbox_db.execute(
        "insert into calls (campaign_id, status, caller_number) values (%s, 'ringing', '+15551239876')",
        [campaign],
    )
    with caplog.at_level(logging.DEBUG):
        tracker, status = CallTracker(live, campaign_id=campaign), OnlineStatus(live)
        page = HubPage(hub(), comms)
        page.open(tracker.feed, status.feed)
        row = wait_until(lambda: next(iter(page.rows(tracker.feed).values()), None), 20, "the call")
        saved = json.dumps(ipywidgets.Widget.get_manager_state(), default=str)
        shown = repr([tracker, status, live, hub(), tracker._calls]) + str(tracker._repr_mimebundle_())
        sent = str([(data, buffers) for _, _, data, buffers in comms])
    assert row["caller"] == "+1 ••• ••• 9876"
    for secret in (sandbox.anon_key, sandbox.manager_token, sandbox.service_key, "5551239876"):
        assert secret not in saved + shown + sent
        assert secret not in caplog.text
    tracker.close()
    status.close()


def test_the_public_sees_masked_calls_with_their_names(sandbox, sandbox_db, campaign, comms):
    [buyer] = sandbox_db.execute("insert into buyers (company_name) values ('Acme') returning id").fetchone()
    sandbox_db.execute(
        "insert into calls (campaign_id, buyer_id, status, caller_number) values (%s, %s, 'ringing', '+15551230001')",
        [campaign, buyer],
    )
    with Live(sandbox.url, sandbox.anon_key) as public:
        tracker = CallTracker(public, campaign_id=campaign)
        page = HubPage(hub(), comms)
        page.open(tracker.feed)
        wait_until(lambda: page.rows(tracker.feed), 20, "the call")
        wait_until(
            lambda: (
                [(row["campaign"], row["buyer"]) for row in page.rows(tracker.feed).values()]
                == [("Solar", "Acme")]
            ),
            20,
            "the names",
        )
        [row] = page.rows(tracker.feed).values()
        assert row["caller"] == "+1 ••• ••• 0001"
        wait_until(lambda: page.meta(tracker.feed).get("state") == "live", 20, "the tracker to be live")
        tracker.close()
    sandbox_db.execute("delete from calls where buyer_id = %s", [buyer])
    sandbox_db.execute("delete from buyers where id = %s", [buyer])


def test_a_table_that_is_not_there_is_said_in_words(live, comms):
    table = live.table("no_such_calls")
    tracker = CallTracker(table)
    page = HubPage(hub(), comms)
    page.open(tracker.feed)
    meta = wait_until(lambda: page.meta(tracker.feed).get("error"), 15, "the error")
    assert meta["kind"] == "UnknownTableError"
    assert "no_such_calls" in meta["message"]
    assert meta["advice"]
    tracker.close()
    table.close()


def test_components_of_one_connection_share_the_newest_calls(live, comms):
    """Each subscription costs the project a message a change: five components must not take five."""
    components = [
        CallTracker(live),
        lw.CampaignMetrics(live, caps=False),
        lw.RealtimeChart(live, by="status"),
        lw.LiveFigure(live, by="status"),
    ]
    page = HubPage(hub(), comms)
    shown = components[:3]
    components[3]._view_count = 1  # as a page sets it that shows it
    page.open(*(component.feed for component in shown))
    for component in shown:
        wait_until(lambda feed=component.feed: page.meta(feed).get("state") == "live", 20, "all to be live")
    assert [table.name for table in live.tables].count("calls") == 1
    (follower,) = [one for one in live._upstream._followers.values() if one.request.table == "calls"]
    assert repr(follower.history).endswith(" 0 changes>"), "nobody asks for differences here"
    for component in components:
        component.close()
    wait_until(lambda: live.tables == ())
