"""One feed as one page shows it: what it has, what it was sent, and so which frame comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from livewidgets.core.frame import Buffers, Delta, Feed, Snapshot, encode


@dataclass(frozen=True, slots=True)
class Mark:
    """What a message carried of one feed: the state at a version, or one part of a snapshot on the way to it."""

    version: int
    part: int = 0
    last: bool = True


@dataclass(frozen=True, slots=True)
class Point:
    """A message's number, and the feed's version with which it left the page."""

    number: int
    version: int


@dataclass(slots=True)
class Shown:
    """One feed as one page shows it: the point that is known to have arrived, and the one that was sent.

    Attributes
    ----------
    feed
        Whose versions these are; a feed that was closed and opened again is another one.
    anchor
        What the page has acknowledged; None before the first whole snapshot.
    sent
        What it was sent, on trust; None while it needs a snapshot.
    snapshot, part
        The snapshot on its way, and its next part.
    """

    feed: Feed | None = None
    anchor: Point | None = None
    sent: Point | None = None
    snapshot: Snapshot | None = None
    part: int = 0

    def restart(self) -> None:
        """Begin again with a snapshot."""
        self.anchor = self.sent = self.snapshot = None
        self.part = 0

    def underway(self) -> bool:
        """Say whether parts of a snapshot have been sent and others not yet."""
        return self.snapshot is not None and 0 < self.part < self.snapshot.parts

    def doubt(self) -> None:
        """Go back to what is known to have arrived; a page drops a snapshot that has lost a part."""
        if self.anchor is None:
            self.restart()
        else:
            self.sent = self.anchor

    def arrived(self, number: int, mark: Mark) -> None:
        """Note that the page has applied the message that carried this mark."""
        if not mark.last:
            return
        if self.anchor is None or number > self.anchor.number:
            self.anchor, self.snapshot = Point(number, mark.version), None
        if self.sent is None or self.sent.number < number:
            self.sent = self.anchor

    def covers(self, mark: Mark) -> bool:
        """Say whether what the mark told is known to have arrived by another message."""
        return self.anchor is not None and self.anchor.version >= mark.version

    def behind(self, feed: Feed) -> bool:
        """Say whether there is anything to tell the page."""
        if self.feed is not feed or self.sent is None:
            return True
        return feed.version > self.sent.version

    def frame(self, feed: Feed, number: int, buffers: Buffers) -> tuple[dict[str, Any], Mark] | None:
        """Return the next frame of this feed and its mark, or None when there is nothing to tell."""
        if self.feed is not feed:
            self.restart()
            self.feed = feed
        if self.sent is not None:
            if feed.version == self.sent.version:
                return None
            delta = feed.since(self.sent.version)
            if delta is not None:
                return self._patch(feed, delta, number, buffers)
            self.restart()
        if self.snapshot is None:
            self.snapshot = feed.freeze()
        return self._part(feed, self.snapshot, number, buffers)

    def _patch(self, feed: Feed, delta: Delta, number: int, buffers: Buffers) -> tuple[dict[str, Any], Mark]:
        since = self.sent
        assert since is not None
        index = None
        if delta.items or delta.gone:
            identity = (feed.name, since.version, feed.version)
            index = buffers.add(identity, lambda: encode(feed.columns, delta.items, delta.gone))
        frame = {
            "feed": feed.name,
            "kind": "patch",
            "base": since.number,
            "version": feed.version,
            "buf": index,
            "part": 0,
            "parts": 1,
        }
        if delta.meta is not None:
            frame["meta"] = delta.meta
        self.sent = Point(number, feed.version)
        return frame, Mark(feed.version)

    def _part(
        self, feed: Feed, snapshot: Snapshot, number: int, buffers: Buffers
    ) -> tuple[dict[str, Any], Mark]:
        part, self.part = self.part, self.part + 1
        last = self.part == snapshot.parts
        identity = (feed.name, snapshot.version, "part", part)
        frame = {
            "feed": feed.name,
            "kind": "snap",
            "base": None,
            "version": snapshot.version,
            "buf": buffers.add(identity, lambda: encode(feed.columns, snapshot.part(part))),
            "part": part,
            "parts": snapshot.parts,
            "meta": snapshot.meta,
        }
        if last:
            self.sent = Point(number, snapshot.version)
        return frame, Mark(snapshot.version, part, last)
