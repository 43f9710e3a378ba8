"""The link to one page: what it is sent, when, and what its silence means. No I/O, no clock.

A `Client` is one page (a browser tab). It is told what happened (`hello`, `ack`, `life`, `bye`, `watch`) and
asked what to send now (`take`). Messages are numbered; two may be unacknowledged; while that credit is spent,
changes conflate in the feed. For every feed that the page shows, two points are kept: the one that is known to
have arrived, and the one that was sent. Doubt means to go back from the second to the first: the next message then
carries everything since, so a lost one needs no repair of its own.

The states stand in `livewidgets.core.link_state`, what a page has of a feed in `livewidgets.core.shown`, the
invariants and their tests in ``SPEC.md``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from livewidgets.core.frame import Buffers, Feed
from livewidgets.core.link_state import TRANSITIONS, LinkEvent, LinkState
from livewidgets.core.shown import Mark, Shown

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
#: Bytes of a message from whose delay the link's speed is learned.
TELLING = 4_000
#: Messages remembered for late acks.
FLIGHTS = 64
#: A hello that is older than the newest one by less than this many milliseconds was overtaken by it.
REORDER_MS = 60_000


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
        # How long a small message takes says nothing of how much the link carries.
        if size >= TELLING or self.bytes_per_second is None:
            shown, known = size / max(delay, 0.001), self.bytes_per_second
            # The mean of the seconds a byte takes: one late ack is believed enough for a link that has turned slow
            # a thousandfold, and forgotten with the next quick one.
            if known is not None and shown < known:
                shown = 2 * shown * known / (shown + known)
            self.bytes_per_second = shown
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
    _shown: dict[str, Shown] = field(default_factory=dict)
    _flights: OrderedDict[int, _Flight] = field(default_factory=OrderedDict)
    _rate: _Rate = field(default_factory=_Rate)
    _life: float = 0.0
    _acked_at: float = float("-inf")
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
        if self._hello_ms is not None and 0 < self._hello_ms - sent_ms < REORDER_MS:
            self._signal(LinkEvent.LIFE, now)
            return False
        self._hello_ms = sent_ms
        self._signal(LinkEvent.HELLO, now)
        wanted = dict(feeds)
        for name in [name for name in self._shown if name not in wanted]:
            self._forget(name)
        for name, have in wanted.items():
            shown = self._shown.setdefault(name, Shown())
            if same_epoch and self._resume(name, shown, have):
                continue
            self._forget(name)
            self._shown[name] = Shown(shown.feed)
        # What is on its way may have been lost; if it was not, hearing it twice does no harm.
        self._forgive()
        self._attempt = 0
        return True

    def _resume(self, name: str, shown: Shown, have: int | None) -> bool:
        """Go on from the message that the page names; False when the feed must start again."""
        if have is not None:
            flight = self._flights.get(have)
            if flight is not None and name in flight.marks:
                shown.arrived(have, flight.marks[name])
            if shown.anchor is not None and shown.anchor.number == have:
                shown.sent = shown.anchor
                return True
        # Said while the parts of a snapshot are on their way: let them go on. A lost one shows as a hole in the
        # acks, and a page that cannot use the rest says hello again.
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
        self._acked_at = now
        flight = self._flights.pop(number, None)
        if flight is not None:
            if flight.at >= self._free_since and not self.busy:
                self._rate.learn(flight.size, now - flight.at)
            for name, mark in flight.marks.items():
                if name in self._shown:
                    self._shown[name].arrived(number, mark)
            # Acks come in order: an older message without one did not arrive, or its ack did not.
            holes = [n for n in self._flights if n < number]
            for hole in holes:
                self._lost(hole)
            if holes:
                for shown in self._shown.values():
                    if shown.underway():
                        shown.restart()
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
            if self.state is LinkState.WAITING and self._credit() > 0:
                self._move(LinkEvent.ACKED)
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

    def quiet_for(self, now: float) -> float:
        """Return how many seconds ago the last sign of life was."""
        return now - self._life

    @property
    def outstanding(self) -> bool:
        """Whether an ack is awaited."""
        return any(flight.counted for flight in self._flights.values())

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
            self._flights.popitem(last=False)
        if self._credit() <= 0:
            self._move(LinkEvent.SPENT)
            if self.busy:
                self._move(LinkEvent.BUSY)
        # A feed without a frame has not changed since its last one: true for a page that has had that one.
        quiet = [
            shown.sent.number
            for name, shown in self._shown.items()
            if name not in marks and shown.sent is not None
        ]
        base = max(quiet, default=number - 1)
        return {"client": self.name, "n": number, "base": base, "frames": frames}

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
        """Give a message up; what it alone carried is sent again."""
        for name, mark in self._flights.pop(number).marks.items():
            shown = self._shown.get(name)
            if shown is not None and not shown.covers(mark):
                shown.doubt()

    def _patience(self) -> float:
        waiting = sum(flight.size for flight in self._flights.values() if flight.counted)
        first = max(PATIENCE, 2 * self._rate.round_trip, 2 * self._rate.pause(waiting))
        return float(min(first * 2**self._attempt, max(PATIENCE_LIMIT, first)))

    def _overdue_at(self) -> float | None:
        waiting = next((flight.at for flight in self._flights.values() if flight.counted), None)
        if waiting is None:
            return None
        # An ack of another message: the link is slow, and what follows comes after it.
        return max(waiting, self._free_since, self._acked_at) + self._patience()

    def _quiet_at(self) -> float:
        return max(self._life, self._free_since) + SILENCE
