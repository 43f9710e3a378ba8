"""ActiveUsers: who is told of, when we are there ourselves, and what is said when nobody knows."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import ipywidgets
import pytest
from traitlets import TraitError

from livewidgets.core.presence import Entry
from livewidgets.errors import CommandError
from livewidgets.live.client import Live
from livewidgets.testing import wait_until
from livewidgets.widgets.active_users import ActiveUsers, guest
from livewidgets.widgets.active_users_source import COLUMNS, LONGEST, PeopleSource, person_cells
from livewidgets.widgets.hub import hub
from tests.live.conftest import QUICK
from tests.widgets.conftest import MemoryLive
from tests.widgets.hub_page import HubPage

SECRET = b"0123456789abcdef"


@pytest.fixture
def connect(sandbox):
    """Make connections; closed at the end."""
    opened = []

    def make(url=None, timings=QUICK):
        live = Live(url or sandbox.url, sandbox.anon_key, timings=timings)
        opened.append(live)
        return live

    yield make
    for live in opened:
        live.close()


@pytest.fixture
def page(comms):
    return HubPage(hub(), comms)


def names(page, users):
    return sorted(row["name"] for row in page.rows(users.feed).values())


def state(page, users):
    return page.meta(users.feed).get("state")


def cells(meta, **options):
    entry = Entry("key", 1_700_000_000.5, meta, is_me=True, count=2)
    return dict(zip(COLUMNS, person_cells(entry, SECRET, masked=options.get("masked", True)), strict=True))


def test_what_the_page_is_told_of_somebody():
    row = cells({"name": "Ana", "doing": "looks at bids", "email": "ana@example.org"})
    assert row["name"] == "Ana"
    assert row["doing"] == "looks at bids"
    assert (row["since"], row["is_me"], row["count"]) == (1_700_000_000_500, True, 2)
    assert row["shade"] == cells({})["shade"]


def test_addresses_are_masked_and_nonsense_is_no_name():
    assert cells({"email": "ana@example.org"})["name"] == "a•••@example.org"
    assert cells({"email": "ana@example.org"}, masked=False)["name"] == "ana@example.org"
    assert "5551234567" not in cells({"name": "Ana", "doing": "calls +15551234567"})["doing"]
    assert cells({"name": {"first": "Ana"}})["name"] == ""
    assert cells({"name": None, "user": "bob"})["name"] == "bob"
    assert len(cells({"name": "x" * 10_000})["name"]) == LONGEST


def test_a_guest_has_a_name_of_his_own():
    assert guest("one") == guest("one") != guest("two")
    assert guest("one")["name"].startswith("Guest ")


def test_two_see_each_other_in_one_colour_and_know_themselves(connect, comms, page):
    ana = ActiveUsers(connect(), "pair", me={"name": "Ana", "email": "ana@example.org"})
    bob = ActiveUsers(connect(), "pair", me={"name": "Bob", "doing": "looks at bids"})
    page.open(ana.feed, bob.feed)
    for users in (ana, bob):
        wait_until(lambda users=users: names(page, users) == ["Ana", "Bob"], 20, "both to be seen")
        wait_until(lambda users=users: state(page, users) == "live", 10, "it to be live")
        assert [row["name"] for row in page.rows(users.feed).values() if row["is_me"]] == [
            "Ana" if users is ana else "Bob"
        ]
        assert page.meta(users.feed)["rows"] == 2
    assert {key: row["shade"] for key, row in page.rows(ana.feed).items()} == {
        key: row["shade"] for key, row in page.rows(bob.feed).items()
    }
    assert sorted(entry.meta["name"] for entry in ana.who()) == ["Ana", "Bob"]
    bob.me = {"name": "Bob", "doing": "pauses a campaign"}
    wait_until(
        lambda: {row["doing"] for row in page.rows(ana.feed).values()} == {"", "pauses a campaign"},
        20,
        "the news of Bob",
    )
    # The keys by which connections are known stay in the kernel, and so do addresses.
    sent = str([(data, buffers) for _, _, data, buffers in comms])
    assert ana._live._key not in sent + repr(ana)
    assert "ana@" not in sent + json.dumps(ipywidgets.Widget.get_manager_state(), default=str)
    ana.close()
    bob.close()


def test_who_says_nothing_is_a_guest_and_who_watches_is_not_there(connect, page):
    live = connect()
    watcher = ActiveUsers(connect(), "guests", me=False)
    page.open(watcher.feed)
    wait_until(lambda: state(page, watcher) == "live", 20, "the room")
    assert page.rows(watcher.feed) == {}
    guest_view = ActiveUsers(live, "guests")
    page.open(watcher.feed, guest_view.feed)
    wait_until(lambda: names(page, watcher) == [guest(live._key)["name"]], 20, "the guest")
    assert [row["is_me"] for row in page.rows(watcher.feed).values()] == [False]
    watcher.close()
    guest_view.close()


def test_we_are_there_only_while_a_page_looks(connect, page):
    timings = replace(QUICK, grace=0.2)
    watching = connect(timings=timings).presence("demand")
    live = connect(timings=timings)
    users = ActiveUsers(live, "demand", me={"name": "Ana"})
    users._people._warm = 0.0
    watching.ready()
    assert users.who() == []
    assert len(live._rooms) == 0
    page.open(users.feed)
    wait_until(lambda: len(watching) == 1, 20, "Ana to come")
    page.open()
    wait_until(lambda: len(watching) == 0, 20, "Ana to leave with the hidden page")
    wait_until(lambda: len(live._rooms) == 0, 10, "the room to be left")
    page.open(users.feed)
    wait_until(lambda: len(watching) == 1, 20, "Ana to come again")
    hub()._handle_custom_msg({"t": "bye", "client": page.client}, [])
    wait_until(lambda: len(watching) == 0, 20, "Ana to leave with the closed page")
    page.open(users.feed)
    wait_until(lambda: len(watching) == 1, 20, "Ana to come once more")
    users.close()
    wait_until(lambda: len(watching) == 0, 20, "Ana to leave with the view")
    wait_until(lambda: len(live._rooms) == 0, 10, "the room to be left")
    watching.close()


def test_a_page_that_is_reloaded_does_not_leave(connect, page):
    watching = connect().presence("reload").ready()
    changes = []
    watching._tap(changes.append)
    users = ActiveUsers(connect(), "reload", me={"name": "Ana"})
    users._people._warm = 60.0  # longer than anything here takes
    page.open(users.feed)
    wait_until(lambda: len(watching) == 1, 20, "Ana to come")
    handle = users._people._users
    page.open()
    wait_until(lambda: users._people._leaving is not None, 10, "the page to be gone")
    page.open(users.feed)
    wait_until(lambda: users._people._leaving is None and users._people._tap is not None, 10, "it to be back")
    assert users._people._users is handle
    wait_until(lambda: names(page, users) == ["Ana"], 10, "Ana to be shown again")
    assert [len(change.left) for change in changes] == [0] * len(changes)
    users.close()
    watching.close()


def test_one_with_several_programs_is_one_entry(connect, page):
    first = ActiveUsers(connect(), "tabs", me={"name": "Ana"}, key="ana")
    second = ActiveUsers(connect(), "tabs", me={"name": "Ana"}, key="ana")
    page.open(first.feed, second.feed)
    wait_until(lambda: [row["count"] for row in page.rows(first.feed).values()] == [2], 20, "two tabs")
    assert names(page, first) == ["Ana"]
    first.close()
    second.close()


def test_a_cut_is_stale_and_takes_nobody_away(connect, page, fault_proxy):
    stays = ActiveUsers(connect(), "cut", me={"name": "Bob"})
    users = ActiveUsers(connect(fault_proxy.url), "cut", me={"name": "Ana"})
    page.open(stays.feed, users.feed)
    wait_until(lambda: names(page, users) == ["Ana", "Bob"] and state(page, users) == "live", 20, "both")
    fault_proxy.cut()
    wait_until(lambda: state(page, users) == "stale", 20, "it to be stale")
    assert names(page, users) == ["Ana", "Bob"]
    assert page.meta(users.feed)["since"] > 0
    fault_proxy.restore()
    users._live.retry_now()
    wait_until(lambda: state(page, users) == "live", 30, "it to be live again")
    assert names(page, users) == ["Ana", "Bob"]
    stays.close()
    users.close()


def test_a_room_that_cannot_be_entered_is_said(connect, page):
    live = connect()
    other = live.presence("taken", key="another")
    users = ActiveUsers(live, "taken", me={"name": "Ana"})
    page.open(users.feed)
    error = wait_until(lambda: page.meta(users.feed).get("error"), 20, "the refusal")
    assert error["kind"] == "RoomError"
    assert "another key" in error["message"]
    users.close()
    other.close()


def test_a_closed_connection_is_said(connect, page):
    live = connect()
    users = ActiveUsers(live, "closed", me={"name": "Ana"})
    page.open(users.feed)
    wait_until(lambda: state(page, users) == "live", 20, "the room")
    live.close()
    wait_until(lambda: state(page, users) == "closed", 10, "the end")
    users.me = {"name": "Bob"}
    users.close()


def test_what_the_widget_takes(comms, caplog):
    live = MemoryLive()
    live._key = "a key"
    with pytest.raises(TypeError, match="takes a Live"):
        ActiveUsers("live")
    with pytest.raises(TypeError, match="room"):
        ActiveUsers(live, "")
    with pytest.raises(TypeError, match="Did you mean 'most'"):
        ActiveUsers(live, mosst=3)
    with pytest.raises(CommandError, match="JSON"):
        ActiveUsers(live, me={"name": object()})
    with pytest.raises(CommandError, match="`me`"):
        ActiveUsers(live, me="Ana")
    with caplog.at_level(logging.DEBUG):
        users = ActiveUsers(live, me={"name": "Ana Ruiz"}, most=3, compact=True)
        with pytest.raises(TraitError, match="JSON"):
            users.me = {"name": object()}
        users.set_state({"most": 9})
    assert users.most == 3
    assert users.who() == []
    assert "Ana" not in caplog.text + repr(users) + json.dumps(
        ipywidgets.Widget.get_manager_state(), default=str
    )
    users.close()
    users.close()


def test_it_only_shows(connect):
    source = PeopleSource(connect(), "any", None)
    with pytest.raises(CommandError, match="no command"):
        source.command("leave", None)
