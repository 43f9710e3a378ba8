"""All pages of one kernel: who is there, which feeds they show, and what one tick tells all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livewidgets.core.frame import Buffers, Feed
from livewidgets.core.link import TICK, Client
from livewidgets.core.page_info import PageInfo, read_page

#: The version of the protocol that is spoken here.
PROTOCOL = 1
#: Pages that are followed at once; beyond that the one that was silent longest is forgotten.
PAGES = 64
#: Feeds that one page may show.
FEEDS = 500
#: A page that has said nothing for so many seconds is asked to answer a beat.
ASK_AFTER = 8.0


class Pages:
    """The pages of one hub.

    Parameters
    ----------
    epoch
        Names this hub's life; a page that knows another one starts afresh.

    Attributes
    ----------
    feeds
        The open feeds by name; whoever owns this opens those that are `wanted` and closes the others.
    busy
        Whether the kernel's main loop was busy at the last look.
    present
        What the pages that are followed said of themselves, in the order in which they came; replaced whole. One that
        has fallen silent is not among them until it is heard again.
    """

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.feeds: dict[str, Feed] = {}
        self.busy = False
        self.present: tuple[PageInfo, ...] = ()
        self._clients: dict[str, Client] = {}
        self._said: dict[str, PageInfo] = {}
        self._number = 0
        self._ticked_at = float("-inf")

    def hear(self, content: Mapping[str, Any], now: float) -> bool:
        """Take a message of a page; return False when it is none that concerns the link.

        Nothing in it is trusted: what has another shape is ignored.
        """
        concerns = self._take(content, now)
        self._see_who_is_there()
        return concerns

    def _take(self, content: Mapping[str, Any], now: float) -> bool:
        name, kind = content.get("client"), content.get("t")
        if not isinstance(name, str) or not name or len(name) > 100:
            return False
        if kind == "hello":
            return self._hello(name, content, now)
        client = self._clients.get(name)
        if client is None:
            return kind in {"ack", "bye"}
        if kind == "bye":
            client.bye()
            self._drop(name)
            return True
        if kind == "ack":
            number, paint = content.get("n"), content.get("paint_ms")
            if content.get("epoch") == self.epoch and isinstance(number, int):
                client.ack(number, now=now, paint_ms=paint if isinstance(paint, int | float) else 0.0)
            else:
                client.life(now=now)
            return True
        client.life(now=now)
        return False

    def _hello(self, name: str, content: Mapping[str, Any], now: float) -> bool:
        feeds = _listed(content.get("feeds"))
        if content.get("v") != PROTOCOL or feeds is None:
            return False
        client = self._clients.pop(name, None)
        if client is None:
            while len(self._clients) >= PAGES:
                quiet = [known for known, other in self._clients.items() if not other.alive]
                self._drop(quiet[0] if quiet else next(iter(self._clients)))
            client = Client(name, self._number, now)
        self._clients[name] = client  # the last in line to be forgotten
        sent = content.get("now")
        is_newest = client.hello(
            feeds,
            same_epoch=content.get("epoch") == self.epoch,
            now=now,
            sent_ms=float(sent) if isinstance(sent, int | float) else 0.0,
        )
        if is_newest:
            self._said[name] = read_page(name, content)
        return True

    def _see_who_is_there(self) -> None:
        """Say anew who is there, where that has changed."""
        present = tuple(info for name, info in self._said.items() if self._clients[name].alive)
        if present != self.present:
            self.present = present

    def _drop(self, name: str) -> None:
        client = self._clients.pop(name)
        self._said.pop(name, None)
        # A page that comes back must not take new numbers for old ones.
        self._number = max(self._number, client.number)

    @property
    def alive(self) -> bool:
        """Whether anybody is there to be told anything."""
        return any(client.alive for client in self._clients.values())

    @property
    def watched(self) -> bool:
        """Whether anybody can see a page that is there."""
        return any(info.visible for info in self.present)

    def asks(self, now: float) -> bool:
        """Say whether a beat should be answered: a page has said nothing for a while, and would be heard."""
        return not self.busy and any(
            client.alive and client.quiet_for(now) >= ASK_AFTER for client in self._clients.values()
        )

    @property
    def count(self) -> int:
        """How many pages are followed."""
        return sum(client.alive for client in self._clients.values())

    @property
    def outstanding(self) -> bool:
        """Whether acks are awaited, so that it matters whether the main loop is busy."""
        return any(client.outstanding for client in self._clients.values() if client.alive)

    def wanted(self) -> frozenset[str]:
        """Return the feeds that some page shows."""
        return frozenset().union(*(client.feeds for client in self._clients.values()))

    def watch(self, *, now: float, busy: bool) -> None:
        """Let time pass for every page."""
        self.busy = busy
        for client in self._clients.values():
            client.watch(now=now, busy=busy)
        self._see_who_is_there()

    def tick(self, now: float) -> tuple[list[dict[str, Any]], list[bytes]]:
        """Return what all pages are told now, ``to`` and the buffers; both empty when there is nothing to tell."""
        buffers = Buffers()
        to: list[dict[str, Any]] = []
        if now < self._ticked_at + TICK:
            return to, buffers.payloads
        for client in self._clients.values():
            share = client.take(self.feeds, buffers, now=now)
            if share is not None:
                self._number = max(self._number, client.number)
                to.append(share)
        if to:
            self._ticked_at = now
        return to, buffers.payloads

    def next_at(self) -> float | None:
        """Return when `watch` and `tick` should be called next; None when something must happen first."""
        times = []
        for client in self._clients.values():
            due, watch = client.due_at(self.feeds), client.watch_at()
            if due is not None:
                times.append(max(due, self._ticked_at + TICK))
            if watch is not None:
                times.append(watch)
        return min(times, default=None)


def _listed(feeds: object) -> list[tuple[str, int | None]] | None:
    """Read the feeds of a hello; None when they are not what a hello lists."""
    if not isinstance(feeds, list) or len(feeds) > FEEDS:
        return None
    listed: list[tuple[str, int | None]] = []
    for item in feeds:
        if not isinstance(item, Mapping) or not isinstance(item.get("feed"), str):
            return None
        have = item.get("have")
        listed.append((item["feed"], have if isinstance(have, int) else None))
    return listed
