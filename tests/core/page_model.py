"""The page's rules in Python, as plain as can be: what js/src/lib/link.ts does with a tick.

1. Another epoch: drop everything, say hello.
2. A number already seen changes nothing.
3. A snapshot replaces the rows whole when its last part has come; parts come in order, without a gap.
4. A patch fits when its base is not above the message at which the feed is known to be right.
5. A message without a frame for a feed: nothing changed there since the message's base.
6. What cannot be shown to be right is void and asked for by hello. Every message is acked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class PageFeed:
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    meta: dict[str, Any] | None = None
    have: int | None = None
    upto: int | None = None
    building: dict[str, dict[str, Any]] | None = None
    version: int | None = None
    next_part: int = 0

    def void(self) -> None:
        self.have = self.upto = self.building = None


@dataclass
class Page:
    client: str
    feeds: dict[str, PageFeed] = field(default_factory=dict)
    epoch: str | None = None
    last: int | None = None
    clock_ms: int = 0
    refused: int = 0
    beats: int = 0

    def show(self, *names: str) -> dict[str, Any]:
        """Show exactly these feeds; return the hello that says so."""
        self.feeds = {name: self.feeds.get(name, PageFeed()) for name in names}
        return self.hello()

    def hello(self) -> dict[str, Any]:
        self.clock_ms += 1
        feeds = [{"feed": name, "have": feed.have} for name, feed in self.feeds.items()]
        return {
            "t": "hello",
            "v": 1,
            "client": self.client,
            "epoch": self.epoch,
            "feeds": feeds,
            "now": self.clock_ms,
            "visible": True,
        }

    @property
    def waiting(self) -> bool:
        return any(feed.have is None for feed in self.feeds.values())

    def receive(self, tick: dict[str, Any], buffers: list[bytes]) -> list[dict[str, Any]]:
        answers = []
        if tick["epoch"] != self.epoch:
            first, self.epoch, self.last = self.epoch is None, tick["epoch"], None
            for feed in self.feeds.values():
                feed.void()
            if not first:
                answers.append(self.hello())
        for share in tick["to"]:
            if share["client"] == self.client and (self.last is None or share["n"] > self.last):
                answers += self._share(share, buffers)
        if tick.get("beat"):
            self.beats += 1
            if tick["beat"].get("ask", True):
                answers.append(
                    {"t": "ack", "client": self.client, "epoch": self.epoch, "beat": tick["beat"]["k"]}
                )
        return answers

    def _share(self, share: dict[str, Any], buffers: list[bytes]) -> list[dict[str, Any]]:
        number = share["n"]
        contiguous = self.last is not None and number == self.last + 1
        gap = False
        told = set()
        for frame in share["frames"]:
            feed = self.feeds.get(frame["feed"])
            if feed is None:
                continue
            told.add(frame["feed"])
            if not contiguous:
                feed.building = None
            if not self._frame(feed, frame, number, buffers):
                feed.void()
                self.refused += 1
                gap = True
        for name, feed in self.feeds.items():
            if name in told:
                continue
            if feed.upto is not None and share["base"] <= feed.upto:
                feed.upto = number
            elif feed.upto is not None or (feed.building is not None and not contiguous):
                feed.void()
                gap = True
        self.last = number
        ack = {"t": "ack", "client": self.client, "epoch": self.epoch, "n": number, "paint_ms": 1.5}
        return [ack, self.hello()] if gap else [ack]

    def _frame(self, feed: PageFeed, frame: dict[str, Any], number: int, buffers: list[bytes]) -> bool:
        if "meta" in frame:
            feed.meta = frame["meta"]
        columns = None if frame["buf"] is None else json.loads(buffers[frame["buf"]])
        if frame["kind"] == "patch":
            if feed.upto is None or frame["base"] > feed.upto:
                return frame["buf"] is None and feed.upto is None
            self._merge(feed.rows, columns)
            feed.have = feed.upto = number
            return True
        if frame["part"] == 0:
            feed.building, feed.version, feed.next_part = {}, frame["version"], 0
            if frame["parts"] > 1:
                feed.have = feed.upto = None
        if feed.building is None or feed.version != frame["version"] or feed.next_part != frame["part"]:
            return False
        self._merge(feed.building, columns)
        feed.next_part += 1
        if feed.next_part == frame["parts"]:
            feed.rows, feed.building = feed.building, None
            feed.have = feed.upto = number
        return True

    @staticmethod
    def _merge(rows: dict[str, dict[str, Any]], columns: dict[str, Any] | None) -> None:
        if columns is None:
            return
        for key in columns["gone"]:
            rows.pop(key, None)
        for index, key in enumerate(columns["key"]):
            rows[key] = {name: values[index] for name, values in columns["cols"].items()}
