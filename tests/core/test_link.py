from __future__ import annotations

import itertools
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livewidgets.core.frame import Buffers, Feed
from livewidgets.core.link import (
    BLIND_TICK,
    CREDIT,
    SILENCE,
    TICK,
    Client,
)
from livewidgets.core.link_state import TRANSITIONS, LinkEvent, LinkState
from livewidgets.core.pages import Pages
from tests.core.page_model import Page


def feed_of(rows: int = 3, *, name: str = "f", chunk: int = 1000) -> Feed:
    feed = Feed(name, ["n"], chunk=chunk)
    feed.apply({str(key): (0,) for key in range(rows)})
    feed.describe({"state": "live", "rows": rows})
    return feed


def rows_of(feed: Feed) -> dict[str, dict[str, object]]:
    return {key: dict(zip(feed.columns, cells, strict=True)) for key, cells in feed.rows.items()}


class Line:
    """One kernel, pages, and a line between them that a test makes as bad as it likes."""

    def __init__(self, *feeds: Feed, pages: int = 1) -> None:
        self.now = 1000.0
        self.busy = False
        self.kernel = Pages("epoch-1")
        self.kernel.feeds = {feed.name: feed for feed in feeds}
        self.pages = [Page(f"page-{index}") for index in range(pages)]
        self.to_kernel: deque[dict] = deque()
        self.sent: list[tuple[float, dict, list[bytes]]] = []
        self.cut = False

    def say(self, content: dict) -> None:
        self.to_kernel.append(content)

    def hear(self) -> None:
        while self.to_kernel:
            self.kernel.hear(self.to_kernel.popleft(), self.now)

    def tick(self, deliver: bool = True) -> dict | None:
        self.kernel.watch(now=self.now, busy=self.busy)
        to, buffers = self.kernel.tick(self.now)
        if not to:
            return None
        message = {"t": "tick", "v": 1, "epoch": self.kernel.epoch, "at": self.now * 1000, "to": to}
        self.sent.append((self.now, message, buffers))
        if deliver and not self.cut:
            self.deliver(message, buffers)
        return message

    def deliver(self, message: dict, buffers: list[bytes]) -> None:
        for page in self.pages:
            for answer in page.receive(message, buffers):
                self.say(answer)

    def run(self, seconds: float, *, step: float = TICK, acks: bool = True) -> None:
        until = self.now + seconds
        while self.now < until:
            self.tick()
            if acks:
                self.hear()
            self.now += step

    def settle(self) -> None:
        """Let the line be good, and pages ask again for what they miss as pages do."""
        self.cut = self.busy = False
        self.hear()
        for _ in range(8):
            self.run(10)
            for page in self.pages:
                if page.waiting:
                    self.say(page.hello())
        self.run(10)


# The table


def test_the_table_has_every_state_and_event():
    assert set(TRANSITIONS) == set(itertools.product(LinkState, LinkEvent))


def test_any_sign_of_life_wakes_a_silent_page_and_nothing_wakes_one_that_said_bye():
    for event in (LinkEvent.HELLO, LinkEvent.ACKED, LinkEvent.LIFE):
        assert TRANSITIONS[LinkState.SILENT, event] is LinkState.READY
    assert {TRANSITIONS[LinkState.GONE, event] for event in LinkEvent} == {LinkState.GONE}


def test_only_a_free_main_loop_lets_silence_mean_something():
    assert TRANSITIONS[LinkState.BLIND, LinkEvent.OVERDUE] is LinkState.BLIND
    assert TRANSITIONS[LinkState.BLIND, LinkEvent.QUIET] is LinkState.BLIND


# One page


def test_nothing_is_sent_before_hello_and_a_snapshot_after():
    feed = feed_of()
    line = Line(feed)
    line.run(5)
    assert line.sent == []
    assert not line.kernel.alive
    line.say(line.pages[0].show("f"))
    line.hear()
    message = line.tick()
    assert message["to"][0]["frames"][0]["kind"] == "snap"
    assert line.pages[0].feeds["f"].rows == rows_of(feed)
    assert line.pages[0].feeds["f"].meta == {"state": "live", "rows": 3}


def test_two_messages_may_be_unacked_then_changes_conflate():
    feed = feed_of()
    line = Line(feed)
    line.say(line.pages[0].show("f"))
    line.hear()
    for number in range(1, 200):
        feed.apply({"1": (number,)})
        line.tick()
        line.now += 0.004
    assert len(line.sent) == CREDIT
    line.hear()
    line.now += TICK
    line.tick()
    assert line.pages[0].feeds["f"].rows["1"] == {"n": 199}


def test_at_most_twenty_messages_a_second():
    feed = feed_of()
    line = Line(feed)
    line.say(line.pages[0].show("f"))
    for number in range(3000):
        feed.apply({"1": (number,)})
        line.tick()
        line.hear()
        line.now += 0.001
    assert 55 <= len(line.sent) <= 61


def test_slow_painting_slows_the_page():
    feed = feed_of()
    client = Client("c", 0, 0.0)
    client.hello([("f", None)], same_epoch=False, now=0.0)
    assert client.take({"f": feed}, Buffers(), now=0.0)
    client.ack(1, now=0.01, paint_ms=200)
    feed.apply({"1": (1,)})
    assert client.due_at({"f": feed}) == pytest.approx(0.4)
    client.ack(1, now=0.01, paint_ms=60_000)
    assert client.due_at({"f": feed}) == pytest.approx(1.0)


def test_a_feed_that_is_not_shown_costs_nothing():
    shown, hidden = feed_of(name="shown"), feed_of(name="hidden")
    line = Line(shown, hidden)
    line.say(line.pages[0].show("shown"))
    line.run(1)
    count = len(line.sent)
    hidden.apply({"1": (5,)})
    line.run(1)
    assert len(line.sent) == count
    assert line.kernel.wanted() == {"shown"}
    line.say(line.pages[0].show())
    line.hear()
    shown.apply({"1": (5,)})
    line.run(1)
    assert len(line.sent) == count
    assert line.kernel.wanted() == frozenset()


def test_a_feed_that_comes_back_is_right_with_one_message():
    feed = feed_of()
    line = Line(feed)
    page = line.pages[0]
    line.say(page.show("f"))
    line.run(1)
    line.say(page.show())
    line.hear()
    feed.apply({"1": (5,)})
    line.say(page.show("f"))
    line.hear()
    assert line.tick() is not None
    assert page.feeds["f"].rows == rows_of(feed)


def test_two_pages_share_a_buffer():
    feed = feed_of()
    line = Line(feed, pages=2)
    for page in line.pages:
        line.say(page.show("f"))
    line.run(1)
    feed.apply({"1": (5,)})
    line.run(1)
    _, message, buffers = line.sent[-1]
    assert len(message["to"]) == 2
    assert len(buffers) == 1
    assert all(page.feeds["f"].rows == rows_of(feed) for page in line.pages)


def test_one_message_carries_the_feeds_of_all_views():
    feeds = [feed_of(name=name) for name in "abc"]
    line = Line(*feeds)
    line.say(line.pages[0].show(*"abc"))
    line.hear()
    message = line.tick()
    assert [frame["feed"] for frame in message["to"][0]["frames"]] == ["a", "b", "c"]


# Loss


def test_a_lost_message_is_healed_by_the_next_without_a_snapshot():
    feed = feed_of()
    line = Line(feed)
    page = line.pages[0]
    line.say(page.show("f"))
    line.run(1)
    feed.apply({"1": (5,)})
    assert line.tick(deliver=False) is not None
    line.run(3)
    assert page.feeds["f"].rows == rows_of(feed)
    assert [frame["kind"] for _, m, _ in line.sent for frame in m["to"][0]["frames"]] == [
        "snap",
        "patch",
        "patch",
    ]
    assert page.refused == 0


def test_the_last_message_is_repeated_until_it_is_acked():
    feed = feed_of()
    line = Line(feed)
    line.say(line.pages[0].show("f"))
    line.run(1)
    feed.apply({}, ["2"])
    line.cut = True
    line.run(2)
    line.cut = False
    line.run(10)
    assert line.pages[0].feeds["f"].rows == rows_of(feed)


def test_a_message_with_another_feed_does_not_hide_a_loss():
    first, second = feed_of(name="a"), feed_of(name="b")
    line = Line(first, second)
    page = line.pages[0]
    line.say(page.show("a", "b"))
    line.run(1)
    first.apply({"1": (1,)})
    line.tick(deliver=False)
    line.now += TICK
    second.apply({"1": (1,)})
    line.run(5)
    assert page.feeds["a"].rows == rows_of(first)
    assert page.feeds["b"].rows == rows_of(second)


def test_missing_acks_of_a_free_kernel_mean_1_2_4_8_seconds_and_then_silence():
    feed = feed_of()
    line = Line(feed)
    line.say(line.pages[0].show("f"))
    line.run(1)
    line.cut = True
    lost_at = line.now
    for number in range(4000):
        feed.apply({"1": (number,)})
        line.tick()
        line.now += 0.01
    times = [at - lost_at for at, *_ in line.sent if at >= lost_at]
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(times[1:])]
    assert pauses == [1, 2, 4, 8, 8]
    assert max(times) < SILENCE
    assert not line.kernel.alive
    assert line.kernel.wanted() == frozenset()
    assert line.kernel.next_at() is None


@pytest.mark.parametrize("sign", ["hello", "ack", "beat"])
def test_a_silent_page_wakes_with_a_snapshot(sign):
    feed = feed_of()
    line = Line(feed)
    page = line.pages[0]
    line.say(page.show("f"))
    line.run(1)
    line.cut = True
    line.run(SILENCE + 5)
    feed.apply({"1": (7,)})
    line.cut = False
    ack = {"t": "ack", "client": page.client, "epoch": page.epoch}
    line.say({"hello": page.hello(), "ack": ack | {"n": page.last}, "beat": ack | {"beat": 3}}[sign])
    line.hear()
    message = line.tick()
    assert message["to"][0]["frames"][0]["kind"] == "snap"
    assert page.feeds["f"].rows == rows_of(feed)


def test_a_page_that_said_bye_gets_nothing_and_its_numbers_are_not_used_again():
    feed = feed_of()
    line = Line(feed)
    page = line.pages[0]
    line.say(page.show("f"))
    line.run(1)
    line.say({"t": "bye", "client": page.client})
    line.hear()
    feed.apply({"1": (7,)})
    count = len(line.sent)
    line.run(1)
    assert len(line.sent) == count
    line.say(page.hello())
    line.run(1)
    assert page.feeds["f"].rows == rows_of(feed)


# A busy main loop


def test_while_the_main_loop_is_busy_states_go_on_at_two_a_second():
    feed = feed_of()
    line = Line(feed)
    page = line.pages[0]
    line.say(page.show("f"))
    line.run(1)
    line.busy = True
    started = len(line.sent)
    for number in range(2000):
        feed.apply({"1": (number,)})
        line.tick()
        line.now += 0.01
    assert 35 <= len(line.sent) - started <= 20 / BLIND_TICK + CREDIT
    assert page.feeds["f"].rows["1"]["n"] >= 1900
    assert page.refused == 0
    line.busy = False
    line.hear()
    line.run(2)
    assert page.feeds["f"].rows == rows_of(feed)
    assert line.kernel._clients[page.client].state is LinkState.READY


def test_blind_states_are_no_faster_than_the_link_has_shown():
    feed = Feed("f", ["text"])
    feed.apply({str(n): ("x" * 100,) for n in range(300)})  # about 30 kB
    client = Client("c", 0, 0.0)
    client.hello([("f", None)], same_epoch=False, now=0.0)
    client.take({"f": feed}, Buffers(), now=0.0)
    client.ack(1, now=1.0)  # 30 kB/s
    client.watch(now=1.1, busy=True)
    now, sent = 1.1, []
    for number in range(3000):
        feed.apply({str(n): (f"{number} " + "x" * 100,) for n in range(300)})
        if client.take({"f": feed}, Buffers(), now=now):
            sent.append(now)
        now += 0.01
        client.watch(now=now, busy=True)
    pauses = [later - earlier for earlier, later in itertools.pairwise(sent[CREDIT:])]
    assert len(sent) > 20
    assert min(pauses) > 0.9


def over_a_link(seconds, carries, rows=300):
    """Change all rows all the time over a link of so many bytes a second; gives (now, sent, on their way) as it goes."""
    feed = Feed("f", ["text"])
    client = Client("c", 0, 0.0)
    client.hello([("f", None)], same_epoch=False, now=0.0)
    arrives, sent, on_its_way = 0.0, 0, deque()
    for step in range(25 * seconds):
        now = step / 25
        feed.apply({str(n): (f"{step} " + "x" * 100,) for n in range(rows)})
        buffers = Buffers()
        if client.take({"f": feed}, buffers, now=now):
            sent += 1
            arrives = max(now, arrives) + sum(map(len, buffers.payloads)) / carries(now)
            on_its_way.append((arrives, client.number))
        while on_its_way and on_its_way[0][0] <= now:
            client.ack(on_its_way.popleft()[1], now=now)
        yield now, sent, len(on_its_way)
        client.watch(now=now, busy=False)


def test_on_a_slow_link_no_more_is_on_its_way_than_credit_allows():
    seen = list(over_a_link(60, lambda _: 30_000))  # a state is about 40 kB
    assert max(count for now, _, count in seen if now > 20) == CREDIT  # by then it knows the link
    assert seen[-1][1] > 35  # and the link is never idle


def test_a_link_that_turns_slow_is_known_after_one_ack():
    seen = list(over_a_link(60, lambda now: 10_000_000 if now < 5 else 30_000))
    # One state was repeated before the first late ack told of the link, none after it.
    assert max(count for _, _, count in seen) == CREDIT + 1
    assert max(count for now, _, count in seen if now > 9) == CREDIT


def test_states_while_busy_hold_everything_since_the_last_ack():
    feed = feed_of()
    line = Line(feed)
    page = line.pages[0]
    line.say(page.show("f"))
    line.run(1)
    line.busy = True
    for number in range(1, 40):
        feed.apply({str(number % 3): (number,)})
        line.tick(deliver=False)  # all of them lost
        line.now += 0.25
    line.tick()
    line.now += 1
    feed.apply({"0": (99,)})
    line.tick()
    assert page.feeds["f"].rows == rows_of(feed)
    assert page.refused == 0


def test_a_long_busy_spell_keeps_bounded_memory_and_does_not_bring_silence():
    feed = feed_of()
    line = Line(feed)
    line.say(line.pages[0].show("f"))
    line.run(1)
    line.busy = True
    for number in range(2000):
        feed.apply({"1": (number,)})
        line.tick(deliver=False)
        line.now += 0.5
    client = line.kernel._clients["page-0"]
    assert client.state is LinkState.BLIND
    assert len(client._flights) <= 64
    line.busy = False
    line.settle()
    assert line.pages[0].feeds["f"].rows == rows_of(feed)


# Snapshots in parts


def test_a_large_feed_comes_in_parts_that_are_paid_for_and_swapped_in_whole():
    feed = feed_of(25, chunk=10)
    line = Line(feed)
    page = line.pages[0]
    line.say(page.show("f"))
    line.hear()
    line.tick()
    line.now += TICK
    line.tick()
    line.now += TICK
    assert line.tick() is None  # two parts are not acked
    assert page.feeds["f"].rows == {}
    feed.apply({"1": (5,)}, ["2"])
    line.run(1)
    assert page.feeds["f"].rows == rows_of(feed)
    kinds = [(f["kind"], f["part"], f["parts"]) for _, m, _ in line.sent for f in m["to"][0]["frames"]]
    assert kinds == [("snap", 0, 3), ("snap", 1, 3), ("snap", 2, 3), ("patch", 0, 1)]


def test_a_hello_in_the_middle_of_the_parts_does_not_start_them_again():
    feed, other = feed_of(100, chunk=10), feed_of(name="other")
    line = Line(feed, other)
    page = line.pages[0]
    line.say(page.show("f"))
    line.run(0.2)
    line.say(page.show("f", "other"))
    line.run(2)
    assert page.feeds["f"].rows == rows_of(feed)
    assert sum(f["feed"] == "f" for _, m, _ in line.sent for f in m["to"][0]["frames"]) == 10


def test_a_lost_part_starts_the_snapshot_again():
    feed = feed_of(50, chunk=10)
    line = Line(feed)
    page = line.pages[0]
    line.say(page.show("f"))
    line.hear()
    line.tick()
    line.now += TICK
    line.tick(deliver=False)
    line.now += TICK
    line.settle()
    assert page.feeds["f"].rows == rows_of(feed)


def test_parts_go_on_while_the_main_loop_is_busy():
    feed = feed_of(1000, chunk=10)
    line = Line(feed)
    page = line.pages[0]
    line.say(page.show("f"))
    line.hear()
    line.busy = True
    line.run(60, acks=False)
    assert page.feeds["f"].rows == rows_of(feed)
    feed.apply({"1": (1,)})
    line.run(1, acks=False)
    assert page.feeds["f"].rows == rows_of(feed)


# All of it


def test_twenty_thousand_changes_are_bounded_by_ticks_and_not_by_changes():
    feed = feed_of(500)
    line = Line(feed)
    page = line.pages[0]
    line.say(page.show("f"))
    line.hear()
    begun = line.now
    for number in range(20_000):
        feed.apply({str(number % 500): (number,)})
        line.now += 0.0001
        line.tick()
        if number % 300 == 0:
            line.hear()
    line.settle()
    assert page.feeds["f"].rows == rows_of(feed)
    busy_seconds = 2.0
    assert len([at for at, *_ in line.sent if at < begun + busy_seconds]) <= busy_seconds / TICK + 1
    assert len(line.sent) <= busy_seconds / TICK + 5


def test_a_hello_that_was_overtaken_changes_nothing():
    feed = feed_of()
    line = Line(feed)
    page = line.pages[0]
    early = page.show()
    line.say(page.show("f"))
    line.say(early)
    line.hear()
    assert line.kernel.wanted() == {"f"}


def test_another_kernels_numbers_are_not_believed():
    feed = feed_of()
    line = Line(feed)
    page = line.pages[0]
    page.epoch, page.last = "epoch-0", 40
    hello = page.show("f")
    hello["feeds"][0]["have"] = 40
    line.say(hello)
    line.hear()
    assert line.tick()["to"][0]["frames"][0]["kind"] == "snap"
    assert page.feeds["f"].rows == rows_of(feed)
    line.settle()
    assert page.epoch == "epoch-1"


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"t": "hello", "client": 7},
        {"t": "hello", "client": "c", "v": 2, "feeds": []},
        {"t": "hello", "client": "c", "v": 1, "feeds": "f"},
        {"t": "hello", "client": "c", "v": 1, "feeds": [{"feed": 1}]},
        {"t": "hello", "client": "c" * 200, "v": 1, "feeds": []},
        {"t": "ack", "client": "c", "n": "1"},
        {"t": "bye", "client": "c"},
    ],
)
def test_a_message_of_another_shape_is_ignored(content):
    pages = Pages("e")
    pages.hear(content, 0.0)
    assert not pages.alive


def test_pages_are_bounded():
    pages = Pages("e")
    for number in range(500):
        pages.hear({"t": "hello", "v": 1, "client": f"c{number}", "feeds": [], "now": 1}, 0.0)
    assert pages.count == 64


EVENTS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from("ab"), st.integers(0, 8)),
    st.tuples(st.just("cut"), st.sampled_from("ab"), st.integers(0, 8)),
    st.tuples(st.just("meta"), st.sampled_from("ab"), st.integers(0, 3)),
    st.tuples(st.just("many"), st.sampled_from("ab"), st.integers(0, 40)),
    st.tuples(st.just("reopen"), st.sampled_from("ab"), st.just(0)),
    st.tuples(st.just("time"), st.just(""), st.sampled_from([1, 5, 10, 50, 120, 700])),
    st.tuples(st.just("busy"), st.just(""), st.integers(0, 1)),
    st.tuples(st.just("deliver"), st.sampled_from(["first", "last", "twice"]), st.integers(0, 1)),
    st.tuples(st.just("lose"), st.sampled_from(["page", "kernel"]), st.integers(0, 5)),
    st.tuples(st.just("hear"), st.sampled_from(["first", "last", "twice"]), st.just(0)),
    st.tuples(st.just("show"), st.sampled_from(["", "a", "b", "ab"]), st.integers(0, 1)),
    st.tuples(st.just("hello"), st.just(""), st.integers(0, 1)),
    st.tuples(st.just("reload"), st.just(""), st.integers(0, 1)),
)


@settings(max_examples=max(300, settings.default.max_examples))
@given(st.lists(EVENTS, max_size=60))
def test_any_loss_delay_repetition_and_order_ends_with_the_rows_of_the_feed(events):
    feeds = {name: feed_of(4, name=name, chunk=3) for name in "ab"}
    line = Line(*feeds.values(), pages=2)
    waiting: deque[tuple[dict, list[bytes]]] = deque()
    highest, changes = 0, 0
    for page in line.pages:
        line.say(page.show("a", "b"))
    for kind, what, amount in events:
        page = line.pages[amount] if kind in {"show", "hello", "reload", "deliver"} else line.pages[0]
        if kind == "put":
            changes += 1
            feeds[what].apply({str(amount): (changes,)})
        elif kind == "cut":
            feeds[what].apply({}, [str(amount)])
        elif kind == "meta":
            feeds[what].describe({"state": "live", "rows": amount})
        elif kind == "many":
            changes += 1
            feeds[what].apply({str(key): (changes,) for key in range(amount)})
        elif kind == "reopen":
            old = feeds[what]
            feeds[what] = Feed(what, ["n"], version=old.version, chunk=3)
            feeds[what].apply(old.rows)
            line.kernel.feeds = dict(feeds)
        elif kind == "busy":
            line.busy = bool(amount)
        elif kind == "lose":
            queue = waiting if what == "page" else line.to_kernel
            for _ in range(min(amount, len(queue))):
                queue.popleft()
        elif kind == "deliver" and waiting:
            message, buffers = waiting.pop() if what == "last" else waiting.popleft()
            for _ in range(2 if what == "twice" else 1):
                for answer in page.receive(message, buffers):
                    line.say(answer)
        elif kind == "hear" and line.to_kernel:
            content = line.to_kernel.pop() if what == "last" else line.to_kernel.popleft()
            for _ in range(2 if what == "twice" else 1):
                line.kernel.hear(content, line.now)
        elif kind == "show":
            line.say(page.show(*what))
        elif kind == "hello":
            line.say(page.hello())
        elif kind == "reload":
            highest += 1
            line.pages[amount] = Page(f"page-{amount}-{highest}")
            line.say(line.pages[amount].show("a", "b"))
        line.now += amount / 20 if kind == "time" else 0.01
        message = line.tick(deliver=False)
        if message is not None:
            waiting.append((message, line.sent[-1][2]))
    for message, buffers in waiting:
        line.deliver(message, buffers)
    for page in line.pages:
        known = line.kernel._clients.get(page.client)
        if known is None or known.feeds != set(page.feeds):
            line.say(page.hello())  # a page that is not answered says it again
    line.settle()
    for page in line.pages:
        for name, shown in page.feeds.items():
            assert shown.rows == rows_of(feeds[name])
            assert shown.meta == feeds[name].meta
            assert shown.have is not None
    assert all(feed.remembered <= 2 * len(feed) + 1000 for feed in feeds.values())
