from __future__ import annotations

import pytest

from livewidgets.core.pages import ASK_AFTER
from livewidgets.errors import CommandError
from livewidgets.widgets.exchange import BEAT, HIDDEN_BEAT
from tests.widgets.conftest import Bench


class Numbers:
    """A source of one column, which the test writes to."""

    columns = ("n",)

    def __init__(self) -> None:
        self.feed = None
        self.rows = {"a": (1,), "b": (2,)}
        self.opened = self.closed = 0
        self.said = []

    def open(self, feed):
        self.opened += 1
        self.feed = feed
        feed.replace(self.rows)
        feed.describe({"state": "live", "rows": len(self.rows)})

        def end():
            self.closed += 1
            self.feed = None

        return end

    def beat(self, feed):
        return 0.25

    def command(self, name, args):
        self.said.append((name, args))
        if name == "no":
            raise CommandError("It cannot be done.", "Do another.")
        if name == "crash":
            raise ZeroDivisionError("+15551234567")
        return {"done": args}


def command(name, args=None, *, feed="n", number="1", client="page-0"):
    return {"t": "cmd", "client": client, "id": number, "feed": feed, "name": name, "args": args}


def test_a_source_is_open_exactly_while_a_page_shows_its_feed(bench):
    source = Numbers()
    bench.exchange.register("n", source)
    bench.loop.run(10)
    assert (source.opened, bench.messages, bench.loop.timers) == (0, [], 0)
    bench.show("n")
    bench.loop.run(1)
    assert source.opened == 1
    assert bench.pages[0].feeds["n"].rows == {"a": {"n": 1}, "b": {"n": 2}}
    bench.show()
    bench.loop.run(0.1)
    assert source.closed == 1
    assert bench.exchange.pages.feeds == {}


def test_what_happens_in_one_turn_of_the_loop_is_one_message(bench):
    one, two = Numbers(), Numbers()
    bench.exchange.register("one", one)
    bench.exchange.register("two", two)
    bench.show("one", "two")
    bench.loop.run(1)
    count = len(bench.ticks)
    one.feed.apply({"a": (5,)})
    one.feed.apply({"b": (5,)})
    two.feed.apply({"a": (6,)})
    bench.loop.run(0.5)
    assert len([tick for tick in bench.ticks[count:] if tick["to"]]) == 1
    assert {frame["feed"] for frame in bench.ticks[count]["to"][0]["frames"]} == {"one", "two"}


def test_no_timer_runs_while_nobody_is_there(bench):
    bench.exchange.register("n", Numbers())
    bench.show("n")
    bench.loop.run(5)
    assert bench.loop.timers > 0
    bench.exchange.hear({"t": "bye", "client": "page-0"})
    bench.loop.run(0.01)
    assert bench.loop.timers == 0
    asked = bench.probe.asked
    bench.loop.run(60)
    assert bench.probe.asked == asked


def test_a_vanished_page_costs_nothing_after_half_a_minute(bench):
    source = Numbers()
    bench.exchange.register("n", source)
    bench.show("n")
    bench.loop.run(1)
    bench.deaf = True
    for number in range(400):
        if source.feed is not None:
            source.feed.apply({"a": (number + 100,)})
        bench.loop.run(0.1)
    assert source.closed == 1
    assert bench.loop.timers == 0
    count = len(bench.messages)
    bench.loop.run(600)
    assert len(bench.messages) == count
    bench.deaf = False
    bench.exchange.hear(bench.pages[0].hello())
    bench.loop.run(0.1)
    assert bench.pages[0].feeds["n"].rows == {"a": {"n": 1}, "b": {"n": 2}}


def test_beats_come_every_second_and_say_how_busy_the_main_loop_is(bench):
    bench.exchange.register("n", Numbers())
    bench.show("n")
    bench.loop.run(10 * BEAT + 0.5)
    beats = [tick["beat"] for tick in bench.ticks if "beat" in tick]
    assert [beat["k"] for beat in beats] == list(range(1, 12))
    assert {beat["busy_ms"] for beat in beats} == {0}
    assert beats[-1]["ages"] == {"n": 250}
    bench.probe.busy = 5.0
    bench.loop.run(BEAT)
    assert bench.ticks[-1]["beat"]["busy_ms"] == 5000


def test_a_page_that_only_answers_beats_stays_awake_and_answers_few(bench):
    bench.exchange.register("n", Numbers())
    bench.show("n")
    bench.loop.run(300)
    assert bench.exchange.pages.alive
    assert bench.pages[0].beats == 301
    assert sum(tick["beat"]["ask"] for tick in bench.ticks if "beat" in tick) <= 300 / ASK_AFTER + 1


def test_a_hidden_page_gets_few_beats_and_the_next_at_once_when_it_comes_back(bench):
    bench.exchange.register("n", Numbers())
    bench.show("n")
    bench.loop.run(1)
    bench.exchange.hear({**bench.pages[0].show(), "visible": False})
    bench.loop.run(0.1)
    before = bench.pages[0].beats
    bench.loop.run(10 * HIDDEN_BEAT)
    assert bench.pages[0].beats - before <= 11
    assert bench.exchange.pages.alive
    bench.loop.run(HIDDEN_BEAT / 2)
    before = bench.pages[0].beats
    bench.show("n")
    bench.loop.run(0.1)
    assert bench.pages[0].beats == before + 1
    assert bench.pages[0].feeds["n"].rows == {"a": {"n": 1}, "b": {"n": 2}}


def test_what_is_said_of_a_busy_kernel_does_not_outlast_it(bench):
    bench.exchange.register("n", Numbers())
    bench.show("n")
    bench.loop.run(1)
    bench.probe.busy = 2.0
    bench.loop.run(1.05)
    assert bench.ticks[-1]["beat"]["busy_ms"] == 2000
    bench.probe.busy = 0.0
    bench.loop.run(BEAT / 2 + 0.05)
    assert bench.ticks[-1]["beat"]["busy_ms"] == 0


def test_whoever_listens_is_told_of_each_page_once(bench):
    told = []
    bench.exchange._tell = told.append
    bench.show("n")
    bench.exchange.hear(bench.pages[0].hello())
    bench.exchange.hear({"t": "bye", "client": "page-0"})
    assert [[info.client for info in pages] for pages in told] == [["page-0"], []]


def test_never_more_than_a_hundred_messages_a_second():
    bench = Bench(pages=5)
    sources = [Numbers() for _ in range(10)]
    for number, source in enumerate(sources):
        bench.exchange.register(f"n{number}", source)
    for page in range(5):
        bench.show(*(f"n{number}" for number in range(10)), page=page)
    bench.loop.run(1)
    before = bench.exchange.sent
    for number in range(1000):
        for source in sources:
            source.feed.apply({"a": (number,)})
        for page in range(5):
            bench.exchange.hear(command("x", feed="n0", number=str(number), client=f"page-{page}"))
        bench.loop.run(0.001)
    assert bench.exchange.sent - before <= 100
    bench.loop.run(200)
    assert all(page.feeds["n9"].rows["a"] == {"n": 999} for page in bench.pages)


def test_a_feed_that_nobody_offers_is_said_to_be_closed(bench):
    bench.show("gone")
    bench.loop.run(1)
    assert bench.pages[0].feeds["gone"].meta["state"] == "closed"


def test_a_widget_that_closes_while_shown_leaves_a_closed_feed(bench):
    source = Numbers()
    bench.exchange.register("n", source)
    bench.show("n")
    bench.loop.run(1)
    bench.exchange.unregister("n")
    bench.loop.run(1)
    assert source.closed == 1
    assert bench.pages[0].feeds["n"].meta["state"] == "closed"


def test_a_source_that_changed_sends_the_difference_only(bench):
    source = Numbers()
    bench.exchange.register("n", source)
    bench.show("n")
    bench.loop.run(1)
    source.rows = {"b": (2,), "c": (3,)}
    count = len(bench.ticks)
    bench.exchange.refresh("n")
    bench.loop.run(0.1)
    frame = bench.ticks[count]["to"][0]["frames"][0]
    assert frame["kind"] == "patch"
    assert bench.pages[0].feeds["n"].rows == {"b": {"n": 2}, "c": {"n": 3}}


def test_one_views_fault_does_not_take_the_others_along(bench, caplog):
    class Broken(Numbers):
        def open(self, feed):
            raise KeyError("+15551234567")

        def beat(self, feed):
            raise KeyError("+15551234567")

    bench.exchange.register("broken", Broken())
    bench.exchange.register("n", Numbers())
    bench.show("broken", "n")
    bench.loop.run(3)
    assert bench.pages[0].feeds["n"].rows["a"] == {"n": 1}
    assert bench.pages[0].feeds["broken"].meta["state"] == "error"
    assert "5551234567" not in caplog.text + str(bench.messages)


def test_closing_ends_everything(bench):
    source = Numbers()
    bench.exchange.register("n", source)
    bench.show("n")
    bench.loop.run(1)
    bench.exchange.close()
    assert source.closed == 1
    assert bench.loop.timers == 0
    bench.exchange.hear(bench.pages[0].hello())
    bench.loop.run(5)
    assert bench.loop.timers == 0


@pytest.mark.parametrize("content", [None, 7, "hello", [], {}, {"t": "cmd"}, {"t": "cmd", "client": "c"}])
def test_what_is_no_message_of_ours_is_ignored(bench, content):
    bench.exchange.hear(content)
    bench.loop.run(1)
    assert bench.messages == []


def test_a_thousand_visits_leave_nothing(bench):
    source = Numbers()
    bench.exchange.register("n", source)
    for _ in range(1000):
        bench.show("n")
        bench.loop.run(0.1)
        bench.exchange.hear({"t": "bye", "client": "page-0"})
        bench.loop.run(0.1)
    assert source.opened == source.closed == 1000
    assert bench.loop.timers == 0
    assert bench.exchange.pages.feeds == {}
    assert bench.pages[0].feeds["n"].rows == {"a": {"n": 1}, "b": {"n": 2}}
