"""What the page says of itself reaches the notebook's code, on the kernel's main loop."""

from __future__ import annotations

import threading

import pytest

import livewidgets as lw
from livewidgets.live.subscription import Subscription
from livewidgets.testing import wait_until
from livewidgets.widgets import page as page_module
from livewidgets.widgets.call_tracker import CallTracker
from livewidgets.widgets.hub import hub
from tests.widgets.conftest import MemoryLive
from tests.widgets.test_call_tracker import settled
from tests.widgets.test_kernel import kernel  # noqa: F401 - a fixture

PAGE = {"search": "?campaign=7", "tz": "Europe/Berlin", "theme": "dark", "visible": True}


def say(client: str, *feeds: str, now: int = 1, **said) -> None:
    content = {"t": "hello", "v": 1, "client": client, "epoch": None, "now": now, **PAGE, **said}
    content["feeds"] = [{"feed": feed, "have": None} for feed in feeds]
    hub()._handle_custom_msg(content, [])


@pytest.fixture
def tracker(comms):
    tracker = CallTracker(MemoryLive())
    yield tracker
    tracker.close()


def test_nothing_is_known_before_a_page_speaks(comms):
    page = lw.page()
    assert (page.known, page.count, page.query, page.time_zone, page.theme, page.visible) == (
        False,
        0,
        {},
        None,
        None,
        False,
    )
    assert repr(page) == "<Page, nobody there>"


def test_the_page_that_came_last_is_the_page(tracker):
    say("a", tracker.feed)
    settled()
    page = lw.page()
    assert (page.query, page.time_zone, page.theme, page.visible) == (
        {"campaign": "7"},
        "Europe/Berlin",
        "dark",
        True,
    )
    say("b", tracker.feed, search="?campaign=8", theme="light", visible=False)
    settled()
    assert (page.count, page.query, page.theme, page.visible) == (2, {"campaign": "8"}, "light", True)
    assert repr(page) == "<Page, 2 there>"
    hub()._handle_custom_msg({"t": "bye", "client": "b"}, [])
    settled()
    assert page.query == {"campaign": "7"}


def test_each_page_is_greeted_once_whenever_one_begins_to_listen(tracker):
    early, late = [], []
    with lw.page().on_hello(early.append):
        say("a", tracker.feed)
        say("a", tracker.feed, now=2, theme="light")
        say("b", tracker.feed, search="?campaign=8")
        with lw.page().on_hello(late.append):
            wait_until(lambda: len(early) == len(late) == 2, 10, "both to hear of both")
            say("c", tracker.feed)
            wait_until(lambda: len(early) == len(late) == 3, 10, "both to hear of the third")
    assert [info.query["campaign"] for info in early] == ["7", "8", "7"]
    say("d", tracker.feed)
    settled()
    assert len(early) == 3


def test_it_outlives_a_hub(tracker):
    greeted = []
    with lw.page().on_hello(greeted.append):
        hub().close()
        with_new = CallTracker(MemoryLive())
        say("a", with_new.feed)
        wait_until(lambda: greeted, 10, "the page of the next hub")
        with_new.close()


def test_an_ended_subscription_leaves_nothing(comms):
    before = len(page_module._kept)
    subscriptions = [lw.page().on_hello(print) for _ in range(100)]
    assert all(isinstance(subscription, Subscription) for subscription in subscriptions)
    for subscription in subscriptions:
        subscription.close()
        subscription.close()
    assert len(page_module._kept) == before


def test_an_error_in_a_callback_is_reported_and_stops_nothing(tracker, caplog):
    def fail(info):
        failed.append(info)
        raise ZeroDivisionError

    greeted, failed = [], []
    with lw.page().on_hello(fail), lw.page().on_hello(greeted.append):
        say("a", tracker.feed)
        say("b", tracker.feed)
        # Who listens is a set: the one that fails may come last.
        wait_until(lambda: len(greeted) == len(failed) == 2, 10, "both pages")
        wait_until(lambda: "page().on_hello" in caplog.text, 10, "the report")
    assert caplog.text.count("page().on_hello") == 1


def test_in_a_kernel_it_is_called_on_the_main_loop_and_may_change_a_widget(kernel):  # noqa: F811
    assert threading.current_thread() is threading.main_thread()
    kernel.run(
        "import threading, livewidgets as lw\n"
        "greeted = []\n"
        "def greet(page):\n"
        "    greeted.append((threading.current_thread() is threading.main_thread(), page.query, page.time_zone))\n"
        "    tracker.campaign_id = page.query.get('campaign')\n"
        "_ = lw.page().on_hello(greet)"
    )
    kernel.say(
        {"t": "hello", "v": 1, "epoch": None, "feeds": [{"feed": kernel.feed, "have": None}], "now": 1} | PAGE
    )
    kernel.next_share()

    def greeted() -> str:
        return kernel.run("print(greeted, tracker.campaign_id, lw.page().query)").strip()

    said = "[(True, {'campaign': '7'}, 'Europe/Berlin')] 7 {'campaign': '7'}"
    assert wait_until(lambda: greeted() == said and said, 10, "the page to be greeted")


def test_running_a_cell_again_replaces_what_it_subscribed(kernel):  # noqa: F811
    for _ in range(5):
        kernel.run_cell("import livewidgets as lw; _ = lw.page().on_hello(print)")
    said = kernel.run(
        "from livewidgets.widgets import page, hub; print(len(page._kept), len(hub._kept.listeners))"
    )
    assert said.strip() == "1 1"
