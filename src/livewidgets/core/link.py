"""The link to one page: what it is sent, when, and what its silence means. No I/O, no clock.

A `Client` is one page (a browser tab). It is told what happened (`hello`, `ack`, `life`, `bye`, `watch`) and
asked what to send now (`take`). Messages are numbered; two may be unacknowledged; while that credit is spent,
changes conflate in the feed. For every feed that the page shows, two points are kept: the one that is known to
have arrived, and the one that was sent. Doubt means to go back from the second to the first: the next message then
carries everything since, so a lost one needs no repair of its own.

The states and their table stand in `LinkState` and `TRANSITIONS`; invariants and their tests in ``SPEC.md``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from livewidgets.core.frame import Buffers, Delta, Feed, Snapshot, encode

#: Messages that may be on their way without an ack.
CREDIT = 2
#: Seconds between two messages to a page, at least (20 ticks a second).
TICK = 0.05
#: Seconds between two messages at most because painting takes long.
SLOWEST_TICK = 1.0
#: Seconds between two states while the kernel's main loop is busy, at least.
BLIND_TICK = 0.5
#: Seconds without an ack before the first repetition; doubles up to the limit.
PATIENCE = 1.0
PATIENCE_LIMIT = 8.0
#: Seconds without a sign of life until the page is sent nothing any more.
SILENCE = 30.0
#: Messages remembered for late acks.
FLIGHTS = 64
#: A hello that is older than the newest one by less than this many milliseconds was overtaken by it.
REORDER_MS = 60_000


class LinkState(StrEnum):
    """What the link is doing about one page."""

    READY = "ready"  # there is credit
    WAITING = "waiting"  # credit is spent, acks are awaited
    BLIND = "blind"  # credit is spent and the kernel's main loop is busy: missing acks prove nothing
    DOUBTING = "doubting"  # acks are overdue: repeat with growing pauses
    SILENT = "silent"  # no sign of life: send nothing until there is one
    GONE = "gone"  # the page said bye


class LinkEvent(StrEnum):
    """What can happen to a link."""

    HELLO = "hello"
    ACKED = "acked"  # an ack, and there is credit now
    LIFE = "life"  # a beat's ack or a command
    SPENT = "spent"  # the last credit was used
    BUSY = "busy"  # the kernel's main loop does not answer
    FREE = "free"  # it does again
    OVERDUE = "overdue"  # an ack has been awaited for too long
    QUIET = "quiet"  # no sign of life for `SILENCE` seconds
    BYE = "bye"


_S, _E = LinkState, LinkEvent

#: Every state and event. A silent page wakes at any sign of life; a page that said bye is gone for good.
TRANSITIONS: Mapping[tuple[LinkState, LinkEvent], LinkState] = {
    (_S.READY, _E.HELLO): _S.READY,
    (_S.READY, _E.ACKED): _S.READY,
    (_S.READY, _E.LIFE): _S.READY,
    (_S.READY, _E.SPENT): _S.WAITING,
    (_S.READY, _E.BUSY): _S.READY,
    (_S.READY, _E.FREE): _S.READY,
    (_S.READY, _E.OVERDUE): _S.DOUBTING,
    (_S.READY, _E.QUIET): _S.SILENT,
    (_S.READY, _E.BYE): _S.GONE,
    (_S.WAITING, _E.HELLO): _S.READY,
    (_S.WAITING, _E.ACKED): _S.READY,
    (_S.WAITING, _E.LIFE): _S.WAITING,
    (_S.WAITING, _E.SPENT): _S.WAITING,
    (_S.WAITING, _E.BUSY): _S.BLIND,
    (_S.WAITING, _E.FREE): _S.WAITING,
    (_S.WAITING, _E.OVERDUE): _S.DOUBTING,
    (_S.WAITING, _E.QUIET): _S.SILENT,
    (_S.WAITING, _E.BYE): _S.GONE,
    (_S.BLIND, _E.HELLO): _S.READY,
    (_S.BLIND, _E.ACKED): _S.READY,
    (_S.BLIND, _E.LIFE): _S.BLIND,
    (_S.BLIND, _E.SPENT): _S.BLIND,
    (_S.BLIND, _E.BUSY): _S.BLIND,
    (_S.BLIND, _E.FREE): _S.WAITING,
    (_S.BLIND, _E.OVERDUE): _S.BLIND,
    (_S.BLIND, _E.QUIET): _S.BLIND,
    (_S.BLIND, _E.BYE): _S.GONE,
    (_S.DOUBTING, _E.HELLO): _S.READY,
    (_S.DOUBTING, _E.ACKED): _S.READY,
    (_S.DOUBTING, _E.LIFE): _S.DOUBTING,
    (_S.DOUBTING, _E.SPENT): _S.DOUBTING,
    (_S.DOUBTING, _E.BUSY): _S.BLIND,
    (_S.DOUBTING, _E.FREE): _S.DOUBTING,
    (_S.DOUBTING, _E.OVERDUE): _S.DOUBTING,
    (_S.DOUBTING, _E.QUIET): _S.SILENT,
    (_S.DOUBTING, _E.BYE): _S.GONE,
    (_S.SILENT, _E.HELLO): _S.READY,
    (_S.SILENT, _E.ACKED): _S.READY,
    (_S.SILENT, _E.LIFE): _S.READY,
    (_S.SILENT, _E.SPENT): _S.SILENT,
    (_S.SILENT, _E.BUSY): _S.SILENT,
    (_S.SILENT, _E.FREE): _S.SILENT,
    (_S.SILENT, _E.OVERDUE): _S.SILENT,
    (_S.SILENT, _E.QUIET): _S.SILENT,
    (_S.SILENT, _E.BYE): _S.GONE,
    (_S.GONE, _E.HELLO): _S.GONE,
    (_S.GONE, _E.ACKED): _S.GONE,
    (_S.GONE, _E.LIFE): _S.GONE,
    (_S.GONE, _E.SPENT): _S.GONE,
    (_S.GONE, _E.BUSY): _S.GONE,
    (_S.GONE, _E.FREE): _S.GONE,
    (_S.GONE, _E.OVERDUE): _S.GONE,
    (_S.GONE, _E.QUIET): _S.GONE,
    (_S.GONE, _E.BYE): _S.GONE,
}


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
class _Shown:
    """One feed as one page shows it."""

    feed: Feed | None = None
    anchor: Point | None = None
    sent: Point | None = None
    snapshot: Snapshot | None = None
    part: int = 0
    parts_acked: int = 0

    def restart(self) -> None:
        self.anchor = self.sent = self.snapshot = None
        self.part = self.parts_acked = 0

    def underway(self) -> bool:
        """Say whether parts of a snapshot have been sent and others not yet."""
        return self.snapshot is not None and 0 < self.part < self.snapshot.parts

    def doubt(self) -> None:
        """Go back to what is known to have arrived."""
        if self.anchor is not None:
            self.sent = self.anchor
        elif self.snapshot is not None and 0 < self.parts_acked < self.snapshot.parts:
            self.part, self.sent = self.parts_acked, None
        else:
            self.restart()

    def arrived(self, number: int, mark: Mark) -> None:
        if mark.last:
            if self.anchor is None or number > self.anchor.number:
                self.anchor = Point(number, mark.version)
            if self.snapshot is not None and self.snapshot.version == mark.version:
                self.snapshot = None
            if self.sent is None or self.sent.number < number:
                self.sent = self.anchor
        elif (
            self.snapshot is not None
            and self.snapshot.version == mark.version
            and self.parts_acked == mark.part
        ):
            self.parts_acked += 1

    def covers(self, mark: Mark) -> bool:
        """Say whether what the mark told is known to have arrived by another message."""
        return self.anchor is not None and self.anchor.version >= mark.version

    def behind(self, feed: Feed) -> bool:
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


@dataclass(slots=True)
class _Flight:
    """A message that has not been acknowledged."""

    at: float
    size: int
    marks: dict[str, Mark]
    counted: bool = True  # against the credit; repeating it or a hello sets this to False


@dataclass(slots=True)
class _Rate:
    """What the link has shown that it can carry."""

    bytes_per_second: float | None = None
    round_trip: float = 0.0

    def learn(self, size: int, delay: float) -> None:
        shown = size / max(delay, 0.001)
        self.bytes_per_second = max(shown, 0.8 * (self.bytes_per_second or 0.0))
        self.round_trip += (delay - self.round_trip) / 4 if self.round_trip else delay

    def pause(self, size: int) -> float:
        """Return the seconds that a message of this size takes, as far as is known."""
        return size / self.bytes_per_second if self.bytes_per_second else 0.0


@dataclass(slots=True)
class Client:
    """One page at the other end.

    Parameters
    ----------
    name
        The id that the page gave itself.
    number
        Messages are numbered from above this. A page that the kernel has forgotten may come back, so it must not
        be below any number that was ever used.
    now
        Seconds on a monotonic clock, as everywhere here.
    """

    name: str
    number: int
    now: float
    state: LinkState = LinkState.READY
    busy: bool = False
    _shown: dict[str, _Shown] = field(default_factory=dict)
    _flights: OrderedDict[int, _Flight] = field(default_factory=OrderedDict)
    _rate: _Rate = field(default_factory=_Rate)
    _acked: int | None = None
    _life: float = 0.0
    _free_since: float = 0.0
    _sent_at: float = float("-inf")
    _sent_size: int = 0
    _attempt: int = 0
    _repeat: bool = False
    _paint: float = 0.0
    _hello_ms: float | None = None

    def __post_init__(self) -> None:
        self._life = self._free_since = self.now

    # What happened

    def hello(
        self, feeds: Iterable[tuple[str, int | None]], *, same_epoch: bool, now: float, sent_ms: float = 0.0
    ) -> bool:
        """Take the page's word on what it shows; return False when a newer hello has overtaken this one.

        Parameters
        ----------
        feeds
            The feeds with a visible view, with the number of the last message applied to each, or None.
        same_epoch
            Whether the page's state is from this hub's life.
        sent_ms
            The page's clock, which orders hellos that overtake each other.
        """
        self._signal(LinkEvent.HELLO, now)
        if self._hello_ms is not None and 0 < self._hello_ms - sent_ms < REORDER_MS:
            return False
        self._hello_ms = sent_ms
        wanted = dict(feeds)
        for name in [name for name in self._shown if name not in wanted]:
            self._forget(name)
        for name, have in wanted.items():
            shown = self._shown.setdefault(name, _Shown())
            if same_epoch and self._resume(name, shown, have):
                continue
            self._forget(name)
            self._shown[name] = _Shown(shown.feed)
        # What is on its way may have been lost; if it was not, hearing it twice does no harm.
        self._forgive()
        self._attempt = 0
        return True

    def _resume(self, name: str, shown: _Shown, have: int | None) -> bool:
        """Go on from the message that the page names; False when the feed must start again."""
        if have is not None:
            flight = self._flights.get(have)
            if flight is not None and name in flight.marks:
                shown.arrived(have, flight.marks[name])
            if shown.anchor is not None and shown.anchor.number == have:
                shown.sent = shown.anchor
                return True
        # Sent before the snapshot's parts were through, which it does not know: let them finish. Should the page
        # have lost one, it says so again at the last part.
        return shown.underway()

    def ack(self, number: int, *, now: float, paint_ms: float = 0.0) -> None:
        """Note that the page has applied a message.

        Parameters
        ----------
        number
            The message's number; unknown ones are only a sign of life.
        paint_ms
            The longest recent paint; messages come no faster than painting allows.
        """
        self._paint = max(0.0, paint_ms) / 1000
        flight = self._flights.pop(number, None)
        if flight is not None:
            self._acked = max(number, self._acked or 0)
            if flight.at >= self._free_since and not self.busy:
                self._rate.learn(flight.size, now - flight.at)
            for name, mark in flight.marks.items():
                if name in self._shown:
                    self._shown[name].arrived(number, mark)
            # Acks come in order: an older message without one did not arrive, or its ack did not.
            for older in [n for n in self._flights if n < number]:
                self._lost(older)
            self._attempt, self._repeat = 0, False
        self._signal(LinkEvent.ACKED if self._credit() > 0 else LinkEvent.LIFE, now)

    def life(self, *, now: float) -> None:
        """Note a sign of life: an answered beat, a command."""
        self._signal(LinkEvent.LIFE, now)

    def bye(self) -> None:
        """Note that the page has gone away on its own word."""
        self._shown.clear()
        self._flights.clear()
        self.state = TRANSITIONS[self.state, LinkEvent.BYE]

    def watch(self, *, now: float, busy: bool) -> None:
        """Let time pass: notice that the main loop is busy or free, that acks are overdue, that all is quiet."""
        if busy != self.busy:
            self.busy = busy
            self._move(LinkEvent.BUSY if busy else LinkEvent.FREE)
        if busy:
            # What waited behind the busy main loop gets its time to be heard.
            self._free_since = now
            if self._credit() <= 0:
                self._move(LinkEvent.BUSY)
            return
        if now >= self._quiet_at():
            self._move(LinkEvent.QUIET)
        overdue = self._overdue_at()
        if overdue is not None and now >= overdue and self.state is not LinkState.SILENT:
            self._forgive()
            for shown in self._shown.values():
                shown.doubt()
            self._attempt += 1
            self._repeat = True
            self._move(LinkEvent.OVERDUE)

    # What to send

    @property
    def alive(self) -> bool:
        """Whether anything is sent to this page."""
        return self.state not in {LinkState.SILENT, LinkState.GONE}

    @property
    def feeds(self) -> frozenset[str]:
        """The feeds that it shows; none while it is silent."""
        return frozenset(self._shown) if self.alive else frozenset()

    def due_at(self, feeds: Mapping[str, Feed]) -> float | None:
        """Return when `take` will have something, as things stand; None when something must happen first."""
        if not self.alive or not any(
            name in feeds and shown.behind(feeds[name]) for name, shown in self._shown.items()
        ):
            return None
        if self.state is LinkState.READY and self._credit() > 0:
            return self._sent_at + max(TICK, min(SLOWEST_TICK, 2 * self._paint))
        if self.state is LinkState.BLIND:
            return self._sent_at + max(BLIND_TICK, self._rate.pause(self._sent_size))
        if self.state is LinkState.DOUBTING and self._repeat:
            return self._sent_at
        return None

    def watch_at(self) -> float | None:
        """Return when `watch` should be called at the latest; None when time alone changes nothing."""
        if not self.alive or self.busy:
            return None
        overdue = self._overdue_at()
        quiet = self._quiet_at()
        return quiet if overdue is None else min(overdue, quiet)

    def take(self, feeds: Mapping[str, Feed], buffers: Buffers, *, now: float) -> dict[str, Any] | None:
        """Return this page's share of the tick's message, or None.

        Parameters
        ----------
        feeds
            The open feeds by name.
        buffers
            The payloads of this tick's message; added to.
        """
        due = self.due_at(feeds)
        if due is None or now < due:
            return None
        number = self.number + 1
        frames: list[dict[str, Any]] = []
        marks: dict[str, Mark] = {}
        size = 0
        for name, shown in self._shown.items():
            if name not in feeds:
                continue
            if self.state is LinkState.BLIND and shown.anchor is not None:
                shown.sent = shown.anchor
            told = shown.frame(feeds[name], number, buffers)
            if told is not None:
                frame, marks[name] = told
                frames.append(frame)
                size += buffers.size(frame["buf"])
        self._repeat = False
        if not frames:
            return None
        self.number = number
        self._sent_at, self._sent_size = now, size
        self._flights[number] = _Flight(now, size, marks)
        while len(self._flights) > FLIGHTS:
            self._lost(next(iter(self._flights)))
        if self._credit() <= 0:
            self._move(LinkEvent.SPENT)
            if self.busy:
                self._move(LinkEvent.BUSY)
        return {"client": self.name, "n": number, "base": self._acked, "frames": frames}

    # Inside

    def _credit(self) -> int:
        return CREDIT - sum(flight.counted for flight in self._flights.values())

    def _move(self, event: LinkEvent) -> None:
        self.state = TRANSITIONS[self.state, event]

    def _signal(self, event: LinkEvent, now: float) -> None:
        if self.state is LinkState.SILENT:
            # Nothing was followed for it meanwhile.
            for shown in self._shown.values():
                shown.restart()
            self._flights.clear()
        self._life = now
        self._move(event)

    def _forgive(self) -> None:
        for flight in self._flights.values():
            flight.counted = False

    def _forget(self, name: str) -> None:
        self._shown.pop(name, None)
        for flight in self._flights.values():
            flight.marks.pop(name, None)

    def _lost(self, number: int) -> None:
        for name, mark in self._flights.pop(number).marks.items():
            shown = self._shown.get(name)
            if shown is not None and not shown.covers(mark):
                shown.doubt()

    def _patience(self) -> float:
        first = max(PATIENCE, 2 * self._rate.round_trip)
        return float(min(first * 2**self._attempt, max(PATIENCE_LIMIT, first)))

    def _overdue_at(self) -> float | None:
        waiting = next((flight.at for flight in self._flights.values() if flight.counted), None)
        return None if waiting is None else max(waiting, self._free_since) + self._patience()

    def _quiet_at(self) -> float:
        return max(self._life, self._free_since) + SILENCE
